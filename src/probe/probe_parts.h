/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the probe: threads that work at once, measures of equal time, knees of a sweep. */
#ifndef SPROOF_PROBE_PROBE_PARTS_H
#define SPROOF_PROBE_PROBE_PARTS_H

#include "base/numbers.h"
#include "kernel/isa/probe_loops.h"
#include "sproof/cpu.h"
#include "sproof/measurement.h"
#include "sproof/probe.h"

/* --- probe_rates.c: what is measured, in one table. */

/* L1 and L2: there a kernel may read faster than reading alone does. */
#define SPR_PROBE_NEAR 2

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order of reading */
struct spr_probe_row {
    const char *name;
    const char *unit;
    enum spr_probe_kind kind;
    size_t row_bytes; /* of SPR_PROBE_ROW_READ */
    size_t levels;    /* so many of the nearest memory levels; 0: it has none */
    bool quick;       /* also in a quick probe */
    const char *what; /* in words */
};
extern const struct spr_probe_row spr_probe_rows[];
extern const size_t spr_probe_row_count;
extern const char *const spr_probe_canary_names[SPR_CANARIES];

/* NULL when it was not measured. */
struct spr_probe_rate *spr_probe_rate_find(const struct spr_probe *probe, const char *name,
                                           const char *level, enum spr_isa isa, int threads);

/* "2026-01-02T03:04:05Z", in the order of time; empty when there is no such date. */
void spr_probe_date(time_t seconds, char text[32]);

/* --- probe_reached.c: rates that the kernels' loops reached when they were calibrated; 0: none. */

/* FLOP/s of the fastest register tile. */
double spr_probe_reached_flops(const struct spr_kernel_rates *rates, enum spr_isa isa,
                               int threads);

/* Bytes/s of the fastest stream of weights of more bytes than the caches hold. */
double spr_probe_streamed(const struct spr_kernel_rates *rates, enum spr_isa isa, int threads,
                          double caches);

/* --- probe_team.c: threads with memory of their own. */

struct spr_probe_team {
    int threads;
    size_t bytes;                     /* of each thread's memory */
    struct spr_probe_thread *members; /* [threads] */
    double (*clock_s)(void);
};

/* Errors: SPR_ENOMEM. */
enum spr_status spr_probe_team_make(struct spr_probe_team *team, int threads, size_t bytes,
                                    double (*clock_s)(void), struct spr_error *err);
void spr_probe_team_free(struct spr_probe_team *team);

/* Each thread's working set from now on; row_bytes 0: no random rows are drawn. */
void spr_probe_team_set(struct spr_probe_team *team, size_t bytes, size_t row_bytes);

/* Shares out the time that is left among the measures that are left. */
struct spr_probe_pace {
    double (*clock_s)(void);
    double end_s; /* when all should be done */
    size_t left;  /* measures to come, this one included */
};

/* Work per second of all threads together: undisturbed, out of many short samples; low: their
 * median, which is what others leave; high: the best of them. */
struct spr_spread spr_probe_measure(struct spr_probe_pace *pace, struct spr_probe_team *team,
                                    spr_probe_loop *loop);

/* Seconds that an empty parallel region takes (1 thread: an empty call). */
struct spr_spread spr_probe_measure_call(struct spr_probe_pace *pace,
                                         struct spr_probe_team *team);

/* --- probe_features.c: the loops this CPU can run. */

struct spr_probe_features {
    unsigned bits; /* of spr_cpu_feature; without tiles once they were refused */
    int sve_bytes; /* one SVE vector; 0: none */
    bool (*permit_amx)(void);
    bool amx_asked, amx_refused;
};
void spr_probe_features_read(struct spr_probe_features *has,
                             const struct spr_probe_options *options);

/* The loop of an instruction set; NULL when it or this CPU has none of the kind, or the kind
 * needs more than the set itself. */
spr_probe_loop *spr_probe_loop_of(enum spr_isa isa, enum spr_probe_kind kind);

/* The same with what the CPU has beside its sets. Asks the system for tiles when the first loop
 * that needs them is to run; NULL when it refuses. */
spr_probe_loop *spr_probe_find_loop(struct spr_probe_features *has, enum spr_isa isa,
                                    enum spr_probe_kind kind);

/* The best rate on zeros; 0 where data do not matter. No roof may lie below it: a pruned matrix
 * has many. Counts as a measure. */
double spr_probe_best_on_zeros(const struct spr_probe_features *has,
                               struct spr_probe_pace *pace, struct spr_probe_team *team,
                               enum spr_isa isa, enum spr_probe_kind kind);

/* Measures of the kinds that have a form on zeros. */
size_t spr_probe_count_dots(const struct spr_probe_features *has, enum spr_isa isa);

/* The width of an SVE vector as one rate more, so that it is kept like them. */
void spr_probe_add_sve(const struct spr_probe_features *has, struct spr_probe *probe);

/* --- probe_kernels.c */

/* The rates' share of the probe's progress; the kernels have the rest. */
#define SPR_PROBE_RATES_SHARE 0.3

struct spr_canaries;

/* Instruction sets to calibrate, the default last. */
struct spr_probe_sets {
    const enum spr_isa *isas;
    int count;
    double end_s;                  /* when all should be done, by the options' clock */
    struct spr_canaries *canaries; /* in place of the machine's own; NULL: those */
};

/* Calibrates the kernels of the sets, on one thread and on probe->threads, into probe->kernels,
 * and tells how well in probe->quality. Errors: SPR_ENOMEM. */
enum spr_status spr_probe_kernels(const struct spr_probe_options *options,
                                  const struct spr_probe_sets *sets, struct spr_probe *probe,
                                  struct spr_error *err);

/* --- probe_knee.c */

/* Where the points of one thread count fall off: detected[i] for declared[i] (NAN: unknown,
 * at most SPR_CPU_CACHES), NAN where nothing falls. Points by rising bytes. */
void spr_probe_knees(const struct spr_probe_point *points, size_t count,
                     const double declared[SPR_CPU_CACHES], double detected[SPR_CPU_CACHES]);

/* The size to reckon with: sysfs when the sweep agrees or found nothing, else the knee. */
double spr_probe_cache_bytes(double detected, double declared);

#endif
