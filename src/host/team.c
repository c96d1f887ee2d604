/* SPDX-License-Identifier: Apache-2.0 */
/* Teams of OpenMP; without it every team is the calling thread. */
#include "host/team.h"

#ifdef _OPENMP
#include <omp.h>

void spr_team_run(int threads, spr_team_work *work, void *context)
{
    if (threads < 2) {
        work(context, 0, 1);
        return;
    }
#pragma omp parallel num_threads(threads)
    work(context, omp_get_thread_num(), omp_get_num_threads());
}

void spr_team_barrier(void)
{
#pragma omp barrier
}

void spr_team_alone(void (*work)(void *context), void *context)
{
#pragma omp critical
    work(context);
}

int spr_team_most(int threads)
{
    return threads;
}
#else
void spr_team_run(int threads, spr_team_work *work, void *context)
{
    (void)threads;
    work(context, 0, 1);
}

void spr_team_barrier(void)
{
}

void spr_team_alone(void (*work)(void *context), void *context)
{
    work(context);
}

int spr_team_most(int threads)
{
    return threads > 1 ? 1 : threads;
}
#endif
