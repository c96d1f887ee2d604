/* SPDX-License-Identifier: Apache-2.0 */
/* Whole messages through pipes. */
#ifndef PIPE_H
#define PIPE_H

#include <stdbool.h>
#include <stddef.h>

/* All of it; false when the other end is closed. */
bool send_all(int fd, void *data, size_t size);
bool take_all(int fd, void *data, size_t size);

#endif
