/* SPDX-License-Identifier: Apache-2.0 */
#include "pipe.h"

#include <unistd.h>

static bool pass(ssize_t (*move)(int, void *, size_t), int fd, void *data, size_t size)
{
    char *at = data;
    while (size > 0) {
        ssize_t moved = move(fd, at, size);
        if (moved <= 0) {
            return false;
        }
        at += moved;
        size -= (size_t)moved;
    }
    return true;
}

static ssize_t write_some(int fd, void *data, size_t size)
{
    return write(fd, data, size);
}

bool send_all(int fd, void *data, size_t size)
{
    return pass(write_some, fd, data, size);
}

bool take_all(int fd, void *data, size_t size)
{
    return pass(read, fd, data, size);
}
