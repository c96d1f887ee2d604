/* SPDX-License-Identifier: Apache-2.0 */
/* Measured rates of this machine: probed, kept in a cache, turned into the machine `host`. */
#ifndef SPROOF_PROBE_H
#define SPROOF_PROBE_H

#include <stdio.h>
#include <time.h>

#include "sproof/arena.h"
#include "sproof/measurement.h"
#include "sproof/rates.h"
#include "sproof/machine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One measured rate. low and high: the spread of its repetitions. */
struct spr_probe_rate {
    const char *name;  /* "f32_fma", "load", "read", ...: src/probe/probe_rates.c */
    const char *unit;  /* "FLOP/s", "1/s", "B/s", "s" */
    const char *level; /* "L1".."DRAM" for bandwidths, else NULL */
    enum spr_isa isa;
    int threads;
    double value, low, high;
};

/* One point of a working-set sweep (sequential read), for the knees and for drawing. */
struct spr_probe_point {
    int threads;
    double bytes;       /* working set of one thread */
    double bytes_per_s; /* of all threads, the best repetition: noise only ever slows */
};

/* How well the kernels' tiles are known. */
struct spr_probe_quality {
    size_t tiles_interpolated; /* between narrower and wider ones */
    /* How far that is off: timed widths against the line between the two beside each, relative,
     * over all their footprints; NAN: none has two beside it. */
    size_t widths_checked;
    double error_median, error_p90;
    double
        points_disturbed; /* share of what was timed that had no quiet moment; NAN: unknown */
};

struct spr_probe {
    char cpu[64];      /* brand string */
    char identity[96]; /* what must be equal for the cache to hold: CPU, threads, version */
    char created[32];  /* UTC, when it ended */
    bool quick;
    int threads;      /* the most that were probed */
    double drift;     /* clock at the end / at the start - 1 */
    bool amx_refused; /* by the system, though the CPU has it; of this run, not kept */
    struct spr_probe_rate *rates;
    size_t rate_count;
    struct spr_probe_point *points;
    size_t point_count;
    struct {
        double detected_bytes; /* knee of the sweep; NAN: none found */
        double declared_bytes; /* sysfs; NAN: unknown */
        bool shared;           /* by all cores */
    } cache[4];                /* L1, L2, L3, L4; of one core, or of the shared cache */
    struct spr_kernel_rates kernels;
    struct spr_probe_quality quality; /* of the kernels */
    struct spr_arena arena;           /* owns texts, rates, points */
};

struct spr_probe_options {
    bool quick;
    int threads;              /* 0: all this process may use */
    bool rates_only;          /* without the constants of the kernels */
    double (*clock_s)(void);  /* NULL: the monotonic clock */
    const unsigned *features; /* bits of spr_cpu_feature; NULL: what this CPU has */
    bool (*permit_amx)(void); /* NULL: spr_cpu_permit_amx */
    void (*progress)(void *context, const char *what, double fraction); /* NULL: silent */
    void *context;
};

/* Measures. Never refuses an unknown CPU. Errors: SPR_ENOMEM. */
enum spr_status spr_probe_run(const struct spr_probe_options *options, struct spr_probe *probe,
                              struct spr_error *err);
void spr_probe_free(struct spr_probe *probe);

/* A rate by name; NAN when it was not measured. level NULL for rates without one. */
struct spr_number spr_probe_find(const struct spr_probe *probe, const char *name,
                                 const char *level, enum spr_isa isa, int threads);

/* The quickest readings of the canaries (sproof/measurement.h); NAN: not probed. */
void spr_probe_canaries(const struct spr_probe *probe, enum spr_isa isa, int threads,
                        double least_s[SPR_CANARIES]);

/* What neighbours do to this machine, as short loops of known work feel it on one thread. */
struct spr_noise {
    double seconds; /* watched */
    struct {
        double least_s, median_s, high_s; /* readings; high_s: of 95 % */
        double undisturbed;               /* share of the moments */
    } canary[SPR_CANARIES];
    double undisturbed; /* moments at which neither multiply-adds nor L2 were slow */
    double duty;        /* share of spans of 10 ms of which less than half was undisturbed */
    double stolen;      /* share of a CPU that the host gave to others; NAN: unknown */
    double longest_s;   /* the longest call that a visit of validate catches undisturbed */
    double together;    /* what two threads reach over what one does; NAN: one CPU */
};

/* known_s: least readings of a probe, [SPR_CANARIES]; NULL: none. seconds: to watch, 0.5 at least.
 * stop: true ends it sooner; NULL: never. Errors: SPR_ENOMEM. */
enum spr_status spr_noise_measure(double seconds, const double *known_s, bool (*stop)(void),
                                  struct spr_noise *noise, struct spr_error *err);

/* A tenth of a second of canaries was hardly disturbed. false when out of memory, too. */
bool spr_noise_quiet(const double *known_s);

/* What a series of moments says, `at_s` rising: undisturbed, duty and longest_s of *noise. */
struct spr_moment {
    double at_s;
    bool undisturbed;
};
void spr_noise_of(const struct spr_moment *moments, size_t count, struct spr_noise *noise);

/* Below this two CPUs are threads of one core; below that they could not be had at once. */
#define SPR_NOISE_ONE_CORE 1.3
#define SPR_NOISE_NOT_HAD 0.6

/* All threads together compute less than one alone (f32_fma, any instruction set): they did
 * not have the cores, and no rate on all threads is to be trusted. false for one thread. */
bool spr_probe_crowded(const struct spr_probe *probe);

/* The number of threads that computes fastest, of those that were probed: all, but where the CPUs
 * are threads of fewer cores. */
int spr_probe_threads(const struct spr_probe *probe, enum spr_isa isa);

/* Rates of which the quickest samples lie far apart: other work disturbed them. */
size_t spr_probe_disturbed(const struct spr_probe *probe);

/* Rates of other work's making: too many are disturbed, or of the times of the kernels too many had
 * no quiet moment, or all threads are slower than one. */
bool spr_probe_doubtful(const struct spr_probe *probe);

/* A doubtful probe should be made again when the machine is quiet: a quick one at once, a full one,
 * which takes a minute, ten minutes after it was made. now: seconds since 1970. */
bool spr_probe_due(const struct spr_probe *probe, time_t now);

enum spr_status spr_probe_write(FILE *file, const struct spr_probe *probe,
                                struct spr_error *err);
/* Zeroes *probe first. Errors: SPR_EINPUT with file and JSON path. */
enum spr_status spr_probe_read(const char *path, struct spr_probe *probe,
                               struct spr_error *err);

/* $XDG_CACHE_HOME/sproof/host.json or ~/.cache/sproof/host.json; false when neither is set. */
bool spr_probe_cache_path(char *path, size_t size);
/* Reads the cache when it is of this CPU, thread count and probe version; false otherwise. */
bool spr_probe_cached(struct spr_probe *probe);

/* Writes the cache, under a temporary name first; makes its directories. Errors:
 * SPR_EENVIRONMENT. */
enum spr_status spr_probe_save(const struct spr_probe *probe, struct spr_error *err);

/* Adds what `more` measured and `probe` has not: other instruction sets, thread counts. Both
 * are of the same machine. Errors: SPR_ENOMEM. */
enum spr_status spr_probe_add(struct spr_probe *probe, const struct spr_probe *more,
                              struct spr_error *err);

/* false when $SPROOF_PROBE is "off": nothing is measured and no cache is read. */
bool spr_probe_wanted(void);

/* The machine a probe describes, for one instruction set and thread count (0: the fastest). Errors:
 * SPR_EINPUT when that was not measured. */
enum spr_status spr_machine_from_probe(const struct spr_probe *probe, enum spr_isa isa,
                                       int threads, struct spr_machine *machine,
                                       struct spr_error *err);

/* The machine `host`: as the kept probe found it, else what CPUID and sysfs declare and a marked
 * guess of the bandwidth. Measures nothing. threads 0: the fastest number of them. Errors: SPR_ENOMEM. */
enum spr_status spr_machine_host(int64_t threads, struct spr_machine *machine,
                                 struct spr_error *err);

/* A cache's size by the sweep and by sysfs are known and differ by more than the sweep's own
 * coarseness. */
bool spr_probe_cache_differs(double detected, double declared);

#ifdef __cplusplus
}
#endif
#endif
