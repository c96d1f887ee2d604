/* SPDX-License-Identifier: Apache-2.0 */
/* Taking samples: the only loops of calls between two looks at a clock. */
#include "host/sampler.h"

#include <math.h>

#include "host/team.h"

/* What the threads of one sample share. */
struct taking {
    const struct spr_sampler *sampler;
    struct spr_sample sample;
    int threads; /* as many as the runtime gave */
};

/* One thread's part of a sample. */
struct part {
    struct taking *taking;
    double begin_s, end_s, work;
};

static void add_part(void *context)
{
    const struct part *part = context;
    struct spr_sample *s = &part->taking->sample;
    const double seconds = part->end_s - part->begin_s, each_s = seconds / part->work;
    s->work += part->work;
    s->begin_s = fmin(s->begin_s, part->begin_s);
    s->last_begin_s = fmax(s->last_begin_s, part->begin_s);
    s->first_end_s = fmin(s->first_end_s, part->end_s);
    s->end_s = fmax(s->end_s, part->end_s);
    s->least_s = fmin(s->least_s, seconds);
    s->mean_each_s += each_s;
    s->most_each_s = fmax(s->most_each_s, each_s);
}

static void time_calls(const struct spr_sampler *s, void *context, struct part *part)
{
    const size_t calls = s->calls > 0 ? s->calls : 1;
    double all = 0;
    part->begin_s = s->clock_s();
    do {
        for (size_t i = 0; i < calls; i++) {
            s->run(context);
        }
        all += (double)calls;
        part->end_s = s->clock_s();
    } while (part->end_s - part->begin_s < s->least_s && part->end_s > part->begin_s);
    part->work = s->work ? s->work(context) : all;
    if (s->took) {
        part->begin_s = 0;
        part->end_s = s->took(context);
    }
}

static void take_part(void *context, int thread, int threads)
{
    struct taking *taking = context;
    const struct spr_sampler *s = taking->sampler;
    void *own = (char *)s->context + (size_t)thread * s->size;
    struct part part = {.taking = taking};
    if (s->prepare) {
        s->prepare(own);
    }
    if (s->again) {
        s->run(own);
    }
    if (threads == 1) { /* it may be one of another team's */
        time_calls(s, own, &part);
        add_part(&part);
        taking->threads = 1;
        return;
    }
    spr_team_barrier();
    time_calls(s, own, &part);
    spr_team_alone(add_part, &part);
    if (thread == 0) {
        taking->threads = threads;
    }
}

struct spr_sample spr_sample_take(const struct spr_sampler *sampler)
{
    struct taking taking = {.sampler = sampler,
                            .sample = {.begin_s = HUGE_VAL,
                                       .last_begin_s = -HUGE_VAL,
                                       .first_end_s = HUGE_VAL,
                                       .end_s = -HUGE_VAL,
                                       .least_s = HUGE_VAL}};
    spr_team_run(sampler->threads, take_part, &taking);
    taking.sample.mean_each_s /= taking.threads;
    return taking.sample;
}

size_t spr_sampler_run_until(const struct spr_sampler *sampler, size_t least, size_t most,
                             double end_s, double *samples)
{
    size_t count = 0;
    while (count < least || (count < most && sampler->clock_s() < end_s)) {
        const struct spr_sample sample = spr_sample_take(sampler);
        samples[count++] = sampler->slowest ? sample.most_each_s : sample.mean_each_s;
    }
    return count;
}

void spr_sampler_run(const struct spr_sampler *sampler, size_t count, double *samples)
{
    (void)spr_sampler_run_until(sampler, count, count, 0, samples);
}

size_t spr_sampler_warm_up(const struct spr_sampler *sampler, double seconds, double sample_s,
                           bool (*stop)(void))
{
    const double begin = sampler->clock_s();
    double last = begin, now, per_call;
    size_t batch = 1;
    do {
        for (size_t i = 0; i < batch; i++) {
            sampler->run(sampler->context);
        }
        now = sampler->clock_s();
        per_call = (now - last) / (double)batch;
        if (now - last < sample_s && batch < SPR_SAMPLER_CALLS_MAX) {
            batch *= 2;
        }
        last = now;
    } while (now - begin < seconds && !(stop && stop()));
    const double calls = per_call > 0 ? ceil(sample_s / per_call) : (double)batch;
    return calls < 1                       ? 1
           : calls > SPR_SAMPLER_CALLS_MAX ? SPR_SAMPLER_CALLS_MAX
                                           : (size_t)calls;
}
