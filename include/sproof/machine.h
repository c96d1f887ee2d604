/* SPDX-License-Identifier: Apache-2.0 */
/* Machines: engines (peak FLOP/s) and memory levels (bytes, bytes/s) with provenance. */
#ifndef SPROOF_MACHINE_H
#define SPROOF_MACHINE_H

#include "sproof/arena.h"
#include "sproof/family.h"
#include "sproof/pattern.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spr_kernel_rates;
enum spr_dtype {
    SPR_F64,
    SPR_F32,
    SPR_TF32,
    SPR_F16,
    SPR_BF16,
    SPR_FP8,
    SPR_I8,
};
#define SPR_DTYPE_COUNT 7

/* A number and where it comes from. value is NAN when unknown (null). */
struct spr_number {
    double value, low, high; /* low = high = value when no interval was given */
    const char *kind;        /* measured, datasheet, declared, derived; NULL when plain */
    const char *source;      /* document or rule; NULL when plain */
    const char *date;        /* of the measurement or look-up; NULL when plain */
};

enum spr_accept_form { SPR_ACCEPT_ANY, SPR_ACCEPT_CLASS, SPR_ACCEPT_PATTERN };

/* One entry of an engine's `accepts`. */
struct spr_accept {
    enum spr_accept_form form;
    enum spr_class pattern_class; /* SPR_ACCEPT_CLASS */
    struct spr_pattern pattern;   /* SPR_ACCEPT_PATTERN */
    struct spr_pattern as;        /* stored and executed as this; kind NULL: as itself */
};

#define SPR_ACCEPTS_MAX 24
struct spr_engine {
    const char *name;
    unsigned dtypes;               /* bit 1u << enum spr_dtype */
    struct spr_number flops_per_s; /* issued FLOP/s, 2 per multiply-add */
    int64_t tile_rows;             /* rows of W multiplied together; 1 when not given */
    struct spr_accept accepts[SPR_ACCEPTS_MAX];
    size_t accept_count;
};

struct spr_memory {
    const char *level;             /* "L1", "L2", "DRAM" */
    bool shared;                   /* capacity for all cores, else per core */
    struct spr_number bytes;       /* capacity */
    struct spr_number bytes_per_s; /* bandwidth of all cores used */
};

#define SPR_ENGINES_MAX 16
#define SPR_MEMORIES_MAX 8
struct spr_machine {
    const char *name;
    const char *description; /* NULL when not given */
    const char *kind;        /* "cpu", "gpu"; NULL when not given */
    const char *path;        /* file it came from; NULL for host */
    enum spr_dtype default_dtype;
    int64_t cores;              /* multiprocessors of a GPU; 0 when not given */
    struct spr_number clock_hz; /* of these; NAN when not given */
    struct spr_engine engines[SPR_ENGINES_MAX];
    size_t engine_count;
    struct spr_memory memory[SPR_MEMORIES_MAX]; /* nearest first */
    size_t memory_count;
    struct spr_number overhead_s;           /* per operator call; NAN unknown, counts 0 */
    bool host;                              /* the machine sproof runs on, not a file */
    bool probed;                            /* rates measured on this machine */
    const struct spr_kernel_rates *kernels; /* of sproof's own kernels; NULL: not probed */
    const struct spr_family *families;      /* of kernels that somebody measured */
    size_t family_count;
    const char *families_from; /* the machine that they were measured on; NULL: this one */
    struct spr_arena arena;
};

/* Reads a machine file. Zeroes *machine first. Errors: SPR_EINPUT naming file, JSON path,
 * value and what was expected; a newer schema_version is refused. */
enum spr_status spr_machine_read(const char *path, struct spr_machine *machine,
                                 struct spr_error *err);

/* Reads a machine by file (contains '/' or ends in .json) or by the name of a shipped one. Never
 * measures: "host" is spr_machine_host's (sproof/probe.h). Errors: SPR_EINPUT with the nearest
 * known name. */
enum spr_status spr_machine_find(const char *name_or_path, struct spr_machine *machine,
                                 struct spr_error *err);

void spr_machine_free(struct spr_machine *machine);

/* One change by --set. */
struct spr_machine_change {
    char path[96]; /* "memory.DRAM.bytes_per_s" */
    double before; /* NAN when it was unknown */
    double after;
};

/* Applies "PATH=VALUE" or "PATH=FACTORx"; the value of overhead_s may have a unit ("5us"). Errors:
 * SPR_EINPUT with the nearest path. */
enum spr_status spr_machine_set(struct spr_machine *machine, const char *assignment,
                                struct spr_machine_change *change, struct spr_error *err);

/* "any", a class or a pattern's spelling, into text[SPR_PATTERN_TEXT]; returns text. */
const char *spr_accept_text(const struct spr_accept *accept, char *text);

/* The engine's first entry that takes the pattern, or NULL. */
const struct spr_accept *spr_engine_accept(const struct spr_engine *engine,
                                           const struct spr_pattern *pattern);

/* FLOPs a second of the fastest engine for the pattern and dtype; 0: none has a known rate. */
double spr_engines_rate(const struct spr_machine *machine, const struct spr_pattern *pattern,
                        enum spr_dtype dtype);

/* Bytes of one value: f64 8, f32 and tf32 4, f16 and bf16 2, fp8 and i8 1. */
double spr_dtype_bytes(enum spr_dtype dtype);
const char *spr_dtype_name(enum spr_dtype dtype);

/* Errors: SPR_EINPUT with the nearest name. */
enum spr_status spr_dtype_parse(const char *text, enum spr_dtype *dtype,
                                struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
