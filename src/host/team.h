/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that run one function at once. Nothing else knows how they are made. */
#ifndef SPROOF_HOST_TEAM_H
#define SPROOF_HOST_TEAM_H

/* What a thread of a team does: `thread` of `threads`, from 0. The runtime may give fewer threads
 * than were asked for: who has shares to hand out takes every threads-th. */
typedef void spr_team_work(void *context, int thread, int threads);

/* Runs it on every thread of a team and returns when all are done. 1: the calling thread alone,
 * which may be one of another team; teams of more are not nested. */
void spr_team_run(int threads, spr_team_work *work, void *context);

/* Within a team of two or more: waits until all of them are here. */
void spr_team_barrier(void);

/* Within a team: runs it on one thread at a time, whichever comes first. */
void spr_team_alone(void (*work)(void *context), void *context);

/* The most threads that a team of so many can have: 1 when built without OpenMP. */
int spr_team_most(int threads);

#endif
