/* SPDX-License-Identifier: Apache-2.0 */
/* An arena: owns strings and rows, and frees them all at once. */
#ifndef SPROOF_ARENA_H
#define SPROOF_ARENA_H

/* Zeroed means empty. */
struct spr_arena {
    struct spr_chunk *head;
};

#endif
