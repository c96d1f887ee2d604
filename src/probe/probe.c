/* SPDX-License-Identifier: Apache-2.0 */
/* The probe: which measures are taken, in which order, in how much time. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "host/cache_dir.h"
#include "host/team.h"
#include "probe/canary.h"
#include "probe/probe_parts.h"

/* Seconds for the rates. */
#define QUICK_S 1.2
#define FULL_S 11.0
/* And then for the kernels: all of it in 6 and in 60 seconds. */
#define QUICK_KERNELS_S 4.4
#define FULL_KERNELS_S 47.0
#define TEAMS_MAX 20 /* 1, 2, 4 ... and all */
/* Rates of L1 instructions are taken in half of the smallest L1 there is. */
#define NEAR_BYTES 8192
#define TEAM_MIN_BYTES ((double)((size_t)1 << 20))

struct level {
    const char *name;
    double set_bytes; /* working set of one thread that lies inside it */
};

struct session {
    const struct spr_probe_options *options;
    struct spr_probe *probe;
    struct spr_probe_pace pace;
    struct spr_probe_team team;
    struct spr_probe_features has;
    enum spr_isa isas[SPR_ISA_COUNT]; /* the chosen one last */
    int isa_count;
    int teams[TEAMS_MAX]; /* thread counts, rising */
    int team_count;
    double most_bytes; /* working set of all threads together */
    size_t measures;
    struct spr_error *err;
};

static double no_number(void)
{
    return (double)NAN;
}

static enum spr_isa chosen_isa(const struct session *s)
{
    return s->isas[s->isa_count - 1];
}

static void say(struct session *s, enum spr_isa isa, const char *what)
{
    char text[96];
    if (s->options->progress) {
        double done = s->measures ? 1 - (double)s->pace.left / (double)s->measures : 0;
        snprintf(text, sizeof text, "%s, %d thread%s: %s", spr_isa_name(isa), s->team.threads,
                 s->team.threads == 1 ? "" : "s", what);
        s->options->progress(s->options->context, text, SPR_PROBE_RATES_SHARE * done);
    }
}

/* rate: what of it is known before its samples. */
static void add_rate(struct session *s, struct spr_probe_rate rate, struct spr_spread spread)
{
    rate.threads = s->team.threads;
    rate.value = spread.value;
    rate.low = spread.low;
    rate.high = spread.high;
    s->probe->rates[s->probe->rate_count++] = rate;
}

/* 8, 12, 16, 24 ... KiB up to what the team's memory holds. */
static double sweep_bytes(size_t index)
{
    double power = 8192 * ldexp(1, (int)(index / 2));
    return index % 2 ? power * 1.5 : power;
}

static size_t sweep_count(double most)
{
    size_t count = 0;
    while (sweep_bytes(count) <= most) {
        count++;
    }
    return count;
}

static double team_bytes(const struct session *s, int threads)
{
    return fmax(floor(s->most_bytes / threads / SPR_PROBE_GRAIN) * SPR_PROBE_GRAIN,
                TEAM_MIN_BYTES);
}

static void sweep(struct session *s)
{
    enum spr_isa isa = chosen_isa(s);
    spr_probe_loop *read = spr_probe_loop_of(isa, SPR_PROBE_READ);
    size_t count = sweep_count((double)s->team.bytes);
    for (size_t i = 0; i < count; i++) {
        double bytes = sweep_bytes(i);
        char what[64];
        snprintf(what, sizeof what, "reading %.0f KiB", bytes / 1024);
        say(s, isa, what);
        spr_probe_team_set(&s->team, (size_t)bytes, 0);
        struct spr_spread spread = spr_probe_measure(&s->pace, &s->team, read);
        s->probe->points[s->probe->point_count++] =
            (struct spr_probe_point){s->team.threads, bytes, spread.high};
    }
}

static void find_knees(struct session *s)
{
    double declared[SPR_CPU_CACHES], detected[SPR_CPU_CACHES];
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        declared[i] = s->probe->cache[i].declared_bytes;
    }
    spr_probe_knees(s->probe->points, s->probe->point_count, declared, detected);
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        s->probe->cache[i].detected_bytes = detected[i];
    }
}

/* The levels and a working set well inside each: half of the first; of a farther one the
 * geometric middle between the nearer cache and a thread's share, or the nearer and half of
 * the share when the share is small; memory: all that may be used. */
static size_t list_levels(const struct session *s, struct level *levels)
{
    static const char *const names[SPR_CPU_CACHES] = {"L1", "L2", "L3", "L4"};
    size_t count = 0;
    double nearer = 0;
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        double bytes = spr_probe_cache_bytes(s->probe->cache[i].detected_bytes,
                                             s->probe->cache[i].declared_bytes);
        double share = s->probe->cache[i].shared ? bytes / s->team.threads : bytes;
        double set = count == 0              ? share / 2
                     : share > 2.25 * nearer ? sqrt(nearer * share)
                                             : nearer + share / 2;
        if (isnan(bytes) || set > (double)s->team.bytes / 2) {
            continue;
        }
        levels[count++] = (struct level){names[i], set};
        nearer = share;
    }
    levels[count++] = (struct level){"DRAM", (double)s->team.bytes};
    return count;
}

/* The best the sweep saw between this level's neighbours, for the high end of its rate. */
static double best_point(const struct session *s, const struct level *levels, size_t at,
                         size_t count)
{
    double low = at > 0 ? levels[at].set_bytes : 0, best = 0;
    double high = at + 1 < count ? sqrt(levels[at].set_bytes * levels[at + 1].set_bytes)
                                 : (double)INFINITY;
    for (size_t i = 0; i < s->probe->point_count; i++) {
        const struct spr_probe_point *point = &s->probe->points[i];
        if (point->threads == s->team.threads && point->bytes >= low * 0.99 &&
            point->bytes <= high) {
            best = fmax(best, point->bytes_per_s);
        }
    }
    return best;
}

/* Without these there is no machine. */
static bool is_needed(const struct spr_probe_row *row)
{
    return row->kind == SPR_PROBE_FMA_F32 || row->kind == SPR_PROBE_READ;
}

/* On a machine that is busy with other work the time may run out: the rest is left out. */
static bool is_late(const struct session *s)
{
    double grace_s = s->options->quick ? 0.3 : 4;
    return s->pace.clock_s() > s->pace.end_s + grace_s;
}

static void measure_row(struct session *s, enum spr_isa isa, const struct spr_probe_row *row,
                        const struct level *level, double best)
{
    spr_probe_loop *loop = spr_probe_find_loop(&s->has, isa, row->kind);
    char what[96];
    if (!loop) {
        return;
    }
    if (is_late(s) && !is_needed(row)) {
        s->pace.left -= s->pace.left > 0;
        return;
    }
    snprintf(what, sizeof what, "%s%s%s", row->what, level ? ", " : "",
             level ? level->name : "");
    say(s, isa, what);
    spr_probe_team_set(&s->team, level ? (size_t)level->set_bytes : NEAR_BYTES,
                       row->row_bytes);
    struct spr_spread spread = spr_probe_measure(&s->pace, &s->team, loop);
    best = fmax(best, spr_probe_best_on_zeros(&s->has, &s->pace, &s->team, isa, row->kind));
    spread.high = fmax(spread.high, best);
    const struct spr_probe_rate rate = {
        .name = row->name, .unit = row->unit, .level = level ? level->name : NULL, .isa = isa};
    add_rate(s, rate, spread);
}

/* whole: everything, else the first and the reading of each level alone. */
static void measure_isa(struct session *s, enum spr_isa isa, bool whole)
{
    struct level levels[SPR_CPU_CACHES + 1];
    size_t count = list_levels(s, levels);
    for (size_t r = 0; r < spr_probe_row_count; r++) {
        const struct spr_probe_row *row = &spr_probe_rows[r];
        if (s->options->quick && !row->quick) {
            continue;
        }
        if (!whole && !is_needed(row)) {
            continue;
        }
        if (row->levels == 0) {
            measure_row(s, isa, row, NULL, 0);
            continue;
        }
        for (size_t i = 0; i < count && i < row->levels; i++) {
            bool swept = row->kind == SPR_PROBE_READ && isa == chosen_isa(s);
            measure_row(s, isa, row, &levels[i], swept ? best_point(s, levels, i, count) : 0);
        }
    }
}

/* How quick the canaries can be: what later runs hold theirs against. */
static enum spr_status learn_canaries(struct session *s)
{
    struct spr_canaries *canaries;
    if (s->options->clock_s) {
        return SPR_OK; /* no loop can be timed by a clock of the caller's */
    }
    SPR_TRY(spr_canaries_make(chosen_isa(s), s->team.threads, NULL, &canaries, s->err));
    spr_canaries_learn(canaries, true);
    for (int c = 0; c < SPR_CANARIES; c++) {
        const double least_s = canaries->least_s[c];
        const struct spr_probe_rate rate = {
            .name = spr_probe_canary_names[c], .unit = "s", .isa = chosen_isa(s)};
        add_rate(s, rate, (struct spr_spread){least_s, least_s, least_s});
    }
    spr_canaries_free(canaries);
    return SPR_OK;
}

/* One thread and all threads get the whole programme, those between a short one. */
static bool is_end(const struct session *s, int team)
{
    return team == 0 || team + 1 == s->team_count;
}

static bool is_swept(const struct session *s, int team)
{
    return team == 0 || (is_end(s, team) && !s->options->quick);
}

static enum spr_status measure_team(struct session *s, int index)
{
    int threads = s->teams[index];
    SPR_TRY(spr_probe_team_make(&s->team, threads, (size_t)team_bytes(s, threads),
                                s->pace.clock_s, s->err));
    enum spr_isa isa = chosen_isa(s);
    const struct spr_probe_rate call = {
        .name = threads == 1 ? "call" : "parallel_region", .unit = "s", .isa = isa};
    add_rate(s, call, spr_probe_measure_call(&s->pace, &s->team));
    if (is_end(s, index)) {
        SPR_TRY(learn_canaries(s));
    }
    if (is_swept(s, index)) {
        sweep(s);
    }
    if (index == 0) {
        find_knees(s);
    }
    for (int i = 0; i < s->isa_count; i++) {
        if (is_end(s, index) || s->isas[i] == isa) {
            measure_isa(s, s->isas[i], is_end(s, index));
        }
    }
    spr_probe_team_free(&s->team);
    return SPR_OK;
}

/* The first measure again: how far the clock has moved meanwhile. */
static enum spr_status measure_drift(struct session *s)
{
    enum spr_isa isa = chosen_isa(s);
    struct spr_probe_rate *first = spr_probe_rate_find(s->probe, "f32_fma", NULL, isa, 1);
    enum spr_status status =
        spr_probe_team_make(&s->team, 1, (size_t)TEAM_MIN_BYTES, s->pace.clock_s, s->err);
    if (status != SPR_OK) {
        return status;
    }
    say(s, isa, "clock drift");
    struct spr_spread now =
        spr_probe_measure(&s->pace, &s->team, spr_probe_loop_of(isa, SPR_PROBE_FMA_F32));
    s->probe->drift = first ? now.value / first->value - 1 : no_number();
    if (first) {
        first->low = fmin(first->low, now.low);
        first->high = fmax(first->high, now.high);
    }
    spr_probe_team_free(&s->team);
    return SPR_OK;
}

static void list_isas(struct session *s)
{
    enum spr_isa chosen;
    if (spr_isa_choose(NULL, &chosen, NULL) != SPR_OK) {
        chosen = spr_isa_best();
    }
    for (int i = 0; i < SPR_ISA_COUNT && !s->options->quick; i++) {
        if (spr_isa_usable((enum spr_isa)i) && (enum spr_isa)i != chosen) {
            s->isas[s->isa_count++] = (enum spr_isa)i;
        }
    }
    s->isas[s->isa_count++] = chosen;
}

static void list_teams(struct session *s)
{
    int all = s->options->threads > 0 ? s->options->threads : spr_cpu_threads();
    all = spr_team_most(all);
    for (int threads = 1; threads < all; threads *= 2) {
        /* Between one and all only when there is time. */
        if (threads == 1 || (!s->options->quick && s->team_count + 1 < TEAMS_MAX)) {
            s->teams[s->team_count++] = threads;
        }
    }
    s->teams[s->team_count++] = all;
    s->probe->threads = all;
}

/* Four times the farthest cache, 64 MiB at least, an eighth of memory at most. */
static void read_caches(struct session *s)
{
    struct spr_cpu_cache caches[SPR_CPU_CACHES];
    double last = 0, memory = spr_cpu_memory_bytes();
    spr_cpu_caches(caches);
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        s->probe->cache[i].declared_bytes = caches[i].bytes;
        s->probe->cache[i].detected_bytes = no_number();
        s->probe->cache[i].shared = caches[i].shared || i >= 2;
        last = isnan(caches[i].bytes) ? last : caches[i].bytes;
    }
    s->most_bytes = fmax(4 * last, 64 * 1048576.0);
    s->most_bytes = isnan(memory) ? s->most_bytes : fmin(s->most_bytes, memory / 8);
}

/* Counts the measures to come and makes room for their results. */
static enum spr_status make_room(struct session *s)
{
    size_t points = 0, per_isa = spr_probe_row_count * (SPR_CPU_CACHES + 1), rates = 0;
    for (int t = 0; t < s->team_count; t++) {
        bool end = is_end(s, t);
        points += is_swept(s, t) ? sweep_count(team_bytes(s, s->teams[t])) : 0;
        rates += 1 + SPR_CANARIES + per_isa * (size_t)(end ? s->isa_count : 1);
        /* What is counted is what a CPU with three caches has. */
        s->measures += 1 + (end ? (size_t)s->isa_count * (s->options->quick ? 23 : 31) : 5);
        for (int i = 0; i < s->isa_count && end; i++) {
            s->measures += spr_probe_count_dots(&s->has, s->isas[i]);
        }
    }
    s->measures += points + 1;
    s->probe->rates = spr_arena_alloc(&s->probe->arena, rates * sizeof *s->probe->rates);
    s->probe->points = spr_arena_alloc(&s->probe->arena, points * sizeof *s->probe->points);
    if (!s->probe->rates || !s->probe->points) {
        return spr_no_memory(s->err);
    }
    return SPR_OK;
}

static void write_head(struct session *s)
{
    spr_cpu_brand(s->probe->cpu);
    spr_cache_identity(s->probe->identity);
    s->probe->quick = s->options->quick;
    s->probe->drift = no_number();
}

static enum spr_status measure_all(struct session *s)
{
    SPR_TRY(make_room(s));
    spr_probe_add_sve(&s->has, s->probe);
    s->pace.left = s->measures;
    s->pace.end_s = s->pace.clock_s() + (s->options->quick ? QUICK_S : FULL_S);
    for (int t = 0; t < s->team_count; t++) {
        SPR_TRY(measure_team(s, t));
    }
    s->probe->amx_refused = s->has.amx_refused;
    SPR_TRY(measure_drift(s));
    if (s->options->rates_only) {
        return SPR_OK;
    }
    const struct spr_probe_sets sets = {
        .isas = s->isas,
        .count = s->isa_count,
        .end_s = s->pace.end_s + (s->options->quick ? QUICK_KERNELS_S : FULL_KERNELS_S)};
    return spr_probe_kernels(s->options, &sets, s->probe, s->err);
}

enum spr_status spr_probe_run(const struct spr_probe_options *options, struct spr_probe *probe,
                              struct spr_error *err)
{
    *probe = (struct spr_probe){0};
    struct session s = {.options = options, .probe = probe, .err = err};
    s.pace.clock_s = options->clock_s ? options->clock_s : spr_cpu_clock_s;
    write_head(&s);
    spr_probe_features_read(&s.has, options);
    list_isas(&s);
    list_teams(&s);
    read_caches(&s);
    enum spr_status status = measure_all(&s);
    /* At its end: beside other work a probe may take longer than the rest after it. */
    spr_probe_date(time(NULL), probe->created);
    if (status != SPR_OK) {
        spr_probe_free(probe);
    }
    return status;
}
