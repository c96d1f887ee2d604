/* SPDX-License-Identifier: Apache-2.0 */
/* The expected time of sproof's own kernels on a probed machine. No I/O, no allocation. */
#ifndef SPROOF_EXPECTED_H
#define SPROOF_EXPECTED_H

#include "sproof/isa.h"
#include "sproof/kernel.h"
#include "sproof/machine.h"
#include "sproof/rates.h"
#include "sproof/residency.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spr_tuned;

/* One operator as a kernel meets it. */
struct spr_expected_case {
    struct spr_pattern pattern; /* dense: the dense kernel */
    int64_t m, k, n;            /* n: tokens times batch */
    double kept;                /* stored cells */
    int threads;
    enum spr_isa isa;
    enum spr_layout layout;
    enum spr_residency residency;
    double network_bytes; /* U of residency network; 0 otherwise */
    double output_bytes;  /* passed since Y was last written; 0: it is as near as W and X */
    const struct spr_tuned *tuned; /* plans timed on this machine (schedule.h); NULL: none */
};

/* What limits the expected time. */
enum spr_limit {
    SPR_LIMIT_FMA,      /* multiply-add issue */
    SPR_LIMIT_LATENCY,  /* too few independent sums */
    SPR_LIMIT_LOADS,    /* load ports */
    SPR_LIMIT_X,        /* rows of X from a farther cache */
    SPR_LIMIT_W,        /* the stream of weights */
    SPR_LIMIT_SEGMENTS, /* starting and storing short row groups */
    SPR_LIMIT_CALL,     /* the call itself */
    /* of families of others' kernels */
    SPR_LIMIT_PEAK,   /* the rate that the engine reaches */
    SPR_LIMIT_CACHE,  /* bytes out of the last cache */
    SPR_LIMIT_MEMORY, /* bytes from memory */
    SPR_LIMIT_UNITS,  /* too few tiles for the units of the machine */
};
#define SPR_LIMIT_COUNT 11

struct spr_expected {
    double time_s;
    enum spr_limit limit;
    char kernel[64];
    struct spr_plan plan;
    double part_s[SPR_LIMIT_COUNT]; /* parts of time_s that each limit adds; sums to it */
};

/* false when nothing is known: the machine was not probed, or the pattern has no kernel. */
bool spr_expected_time(const struct spr_machine *machine, const struct spr_expected_case *of,
                       struct spr_expected *out);

/* A function over so many elements of one thread, with all the bytes that it touches. */
struct spr_function_work {
    enum spr_function function;
    double elements, bytes;
};

/* Seconds that it is expected to take; NAN when the function was not measured. */
double spr_function_time(const struct spr_kernel_rates *rates, enum spr_isa isa, int threads,
                         const struct spr_function_work *work);

/* "fma", "fma-latency", "load-ports", "x-traffic", "w-stream", "row-groups", "call",
 * "engine-peak", "cache-bytes", "memory-bytes", "few-tiles". */
const char *spr_limit_name(enum spr_limit limit);

#ifdef __cplusplus
}
#endif
#endif
