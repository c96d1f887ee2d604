/* SPDX-License-Identifier: Apache-2.0 */
/* Watching what neighbours do: canaries, one after another, for some seconds. */
#include <math.h>

#include "base/mem.h"
#include "host/host_state.h"
#include "probe/canary.h"
#include "probe/probe_parts.h"

#define SPAN_S 10e-3
/* What a visit of validate gives to a case, and how many of its calls must be undisturbed. */
#define VISIT_S 0.75
#define CALLS 3
/* Of a visit's time so much is of the call itself: the others, and canaries, take the rest. */
#define SHARE 0.25
#define LEAST_CALL_S 1e-6
#define MOMENTS_MAX ((size_t)1 << 22)
#define TOGETHER_S 0.3

/* One way through all moments. */
struct watch {
    struct spr_canaries *canaries;
    struct spr_moment *moments;
    double *seconds[SPR_CANARIES]; /* of each moment */
    size_t count, capacity;
};

static void free_watch(struct watch *w)
{
    for (int c = 0; c < SPR_CANARIES; c++) {
        spr_free(w->seconds[c]);
    }
    spr_free(w->moments);
    spr_canaries_free(w->canaries);
}

static bool make_room(struct watch *w)
{
    if (w->count < w->capacity) {
        return true;
    }
    const size_t wanted = w->capacity ? 2 * w->capacity : 1 << 16;
    size_t capacity = w->capacity;
    bool done = spr_grow(&w->moments, &capacity, wanted, sizeof *w->moments);
    for (int c = 0; c < SPR_CANARIES; c++) {
        size_t own = w->capacity;
        done = done && spr_grow(&w->seconds[c], &own, capacity, sizeof *w->seconds[c]);
    }
    w->capacity = done ? capacity : w->capacity;
    return done;
}

static enum spr_status watch(struct watch *w, double seconds, bool (*stop)(void),
                             struct spr_error *err)
{
    const double begin = spr_cpu_clock_s();
    double now = begin;
    while (now - begin < seconds && w->count < MOMENTS_MAX && !(stop && stop())) {
        if (!make_room(w)) {
            return spr_no_memory(err);
        }
        w->moments[w->count].at_s = now - begin;
        for (int c = 0; c < SPR_CANARIES; c++) {
            w->seconds[c][w->count] = w->canaries->read(w->canaries, (enum spr_canary)c);
        }
        w->count++;
        now = spr_cpu_clock_s();
    }
    return SPR_OK;
}

static double most_of(const struct watch *w, int canary)
{
    return (1 + spr_canary_slack((enum spr_canary)canary)) * w->canaries->least_s[canary];
}

/* A moment that lasts so much longer than most: somebody had the core meanwhile. */
#define HELD 3.0

/* Its length: to the beginning of the next. */
static double usual_length(const struct watch *w)
{
    double *length_s = spr_calloc(w->count, sizeof *length_s);
    double usual_s = HUGE_VAL; /* out of memory: none is too long */
    for (size_t i = 0; length_s && i + 1 < w->count; i++) {
        length_s[i] = w->moments[i + 1].at_s - w->moments[i].at_s;
    }
    if (length_s && w->count > 1) {
        usual_s = spr_median(length_s, w->count - 1);
    }
    spr_free(length_s);
    return usual_s;
}

/* Marks the undisturbed moments and takes the readings' figures; sorts the readings. */
static void digest(struct watch *w, struct spr_noise *noise)
{
    const double most_s = HELD * usual_length(w);
    for (size_t i = 0; i < w->count; i++) {
        const bool held =
            i + 1 < w->count && w->moments[i + 1].at_s - w->moments[i].at_s > most_s;
        w->moments[i].undisturbed =
            !held &&
            w->seconds[SPR_CANARY_MULTIPLY_ADD][i] <= most_of(w, SPR_CANARY_MULTIPLY_ADD) &&
            w->seconds[SPR_CANARY_L2][i] <= most_of(w, SPR_CANARY_L2);
    }
    for (int c = 0; c < SPR_CANARIES; c++) {
        size_t quick = 0;
        for (size_t i = 0; i < w->count; i++) {
            quick += w->seconds[c][i] <= most_of(w, c);
        }
        spr_sort_numbers(w->seconds[c], w->count);
        noise->canary[c].undisturbed = (double)quick / (double)w->count;
        noise->canary[c].least_s = w->seconds[c][0];
        noise->canary[c].median_s = spr_median_sorted(w->seconds[c], w->count);
        noise->canary[c].high_s = w->seconds[c][(size_t)(0.95 * (double)w->count)];
    }
}

/* How many calls of so many seconds fit undisturbed into the time watched. */
static double calls_of(const struct spr_moment *moments, size_t count, double call_s)
{
    double calls = 0, began_s = 0;
    bool quiet = false;
    for (size_t i = 0; i < count; i++) {
        const bool last = i + 1 == count;
        if (moments[i].undisturbed && !quiet) {
            began_s = moments[i].at_s;
        }
        if (quiet && (!moments[i].undisturbed || last)) {
            calls += floor((moments[i].at_s - began_s) / call_s);
        }
        quiet = moments[i].undisturbed;
    }
    return calls;
}

static double longest_of(const struct spr_moment *moments, size_t count)
{
    const double watched_s = moments[count - 1].at_s - moments[0].at_s;
    double longest_s = 0, call_s = LEAST_CALL_S;
    while (call_s <= VISIT_S / CALLS) {
        const double calls = calls_of(moments, count, call_s) * SHARE * VISIT_S / watched_s;
        longest_s = calls >= CALLS ? call_s : longest_s;
        call_s *= 1.05;
    }
    return longest_s;
}

/* The share of time that was undisturbed, and that of spans of which less than half was. */
static void sum_spans(const struct spr_moment *moments, size_t count, struct spr_noise *noise)
{
    double all_s = 0, quick_s = 0, span_s = 0, quick_span_s = 0, spans = 0, busy = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        const double long_s = moments[i + 1].at_s - moments[i].at_s;
        all_s += long_s;
        span_s += long_s;
        quick_s += moments[i].undisturbed ? long_s : 0;
        quick_span_s += moments[i].undisturbed ? long_s : 0;
        if (span_s >= SPAN_S || i + 2 == count) {
            const double here = fmax(1, floor(span_s / SPAN_S));
            spans += here;
            busy += 2 * quick_span_s < span_s ? here : 0;
            span_s = quick_span_s = 0;
        }
    }
    noise->undisturbed = quick_s / all_s;
    noise->duty = busy / spans;
}

void spr_noise_of(const struct spr_moment *moments, size_t count, struct spr_noise *noise)
{
    noise->undisturbed = noise->duty = noise->longest_s = (double)NAN;
    if (count < 2 || !(moments[count - 1].at_s > moments[0].at_s)) {
        return;
    }
    sum_spans(moments, count, noise);
    noise->longest_s = longest_of(moments, count);
}

/* The best rate of so many threads. */
static double rate_of(enum spr_isa isa, int threads)
{
    struct spr_probe_team team;
    struct spr_probe_pace pace = {
        .clock_s = spr_cpu_clock_s, .end_s = spr_cpu_clock_s() + TOGETHER_S, .left = 1};
    if (spr_probe_team_make(&team, threads, SPR_PROBE_GRAIN, pace.clock_s, NULL) != SPR_OK) {
        return (double)NAN;
    }
    spr_probe_team_set(&team, SPR_PROBE_GRAIN, 0);
    const double rate =
        spr_probe_measure(&pace, &team, spr_probe_loop_of(isa, SPR_PROBE_FMA_F32)).value;
    spr_probe_team_free(&team);
    return rate;
}

#define QUIET_S 0.1
#define QUIET 0.9

bool spr_noise_quiet(const double *known_s)
{
    struct watch w = {.canaries = NULL};
    struct spr_noise noise = {.undisturbed = 0};
    if (spr_canaries_make(spr_isa_best(), 1, known_s, &w.canaries, NULL) != SPR_OK) {
        return false;
    }
    spr_canaries_learn(w.canaries, false);
    if (watch(&w, QUIET_S, NULL, NULL) == SPR_OK && w.count > 1) {
        digest(&w, &noise);
        spr_noise_of(w.moments, w.count, &noise);
    }
    free_watch(&w);
    return noise.undisturbed >= QUIET;
}

enum spr_status spr_noise_measure(double seconds, const double *known_s, bool (*stop)(void),
                                  struct spr_noise *noise, struct spr_error *err)
{
    const enum spr_isa isa = spr_isa_best();
    const struct spr_host_load before = spr_host_load_now();
    struct watch w = {.canaries = NULL};
    *noise = (struct spr_noise){.together = (double)NAN};
    SPR_TRY(spr_canaries_make(isa, 1, known_s, &w.canaries, err));
    spr_canaries_learn(w.canaries, true);
    enum spr_status status = watch(&w, fmax(0.5, seconds), stop, err);
    if (status == SPR_OK && w.count > 1) {
        const struct spr_host_load after = spr_host_load_now();
        noise->seconds = after.wall_s - before.wall_s;
        noise->stolen = (after.stolen_s - before.stolen_s) / noise->seconds;
        digest(&w, noise);
        spr_noise_of(w.moments, w.count, noise);
        noise->together =
            spr_cpu_threads() > 1 ? rate_of(isa, 2) / rate_of(isa, 1) : (double)NAN;
    }
    free_watch(&w);
    return status;
}
