/* SPDX-License-Identifier: Apache-2.0 */
/* A GPU's rates, measured and made into a machine. */
#include <math.h>
#include <string.h>

#include "base/emit.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "cuda/gpu.h"
#include "host/sampler.h"
#include "machine/machine_json.h"
#include "sproof/cpu.h"
#include "sproof/cuda.h"

#define REPETITIONS 15
#define WARM_UP_S 0.05
#define SOURCE_TEXT 400

/* Working sets of the sweep, MiB. */
static const double sweep_mib[] = {1,  2,  4,  8,  12, 16, 20,  24,  28,  32,   36,  40,
                                   44, 48, 56, 64, 80, 96, 128, 256, 512, 1024, 4096};
/* Bytes that one call of the sweep moves at least; enough to hide a launch. */
#define SWEEP_BYTES (1024.0 * 1048576)
/* From here on nothing but the device's memory can hold a working set. */
#define DRAM_BYTES (1024.0 * 1048576)
/* The L2's rate is looked for between a few lines per multiprocessor and this share of it. */
#define L2_SHARE 0.7
#define L2_LEAST (4.0 * 1048576)

struct probing {
    const struct spr_cuda_probe_options *options;
    struct spr_cuda_probe *probe;
    struct spr_gpu *gpu;
    const char *device; /* "NVIDIA H100 80GB HBM3" */
    struct spr_error *err;
};

/* Samples of one task: units per second; high counts the warming up, too: short bursts may be
 * faster than what the power limit allows for long. */
struct rates {
    double low, median, high;
};

static void tell(const struct probing *p, const char *what)
{
    if (p->options->progress) {
        p->options->progress(p->options->context, what);
    }
}

/* A task as a sampler runs it. */
struct sampled {
    const struct probing *p;
    struct spr_gpu_task *task;
    int calls;
    enum spr_status status; /* after it has failed no more samples are taken */
    double seconds, shortest_s;
};

static void run_task(void *context)
{
    struct sampled *s = context;
    const struct probing *p = s->p;
    if (s->status == SPR_OK) {
        s->status =
            p->options->stop && p->options->stop()
                ? spr_fail(p->err, SPR_EINTERRUPTED, "interrupted")
                : spr_gpu_sample(p->gpu, s->task, false, s->calls, &s->seconds, p->err);
    }
    s->shortest_s = fmin(s->shortest_s, s->seconds);
}

static double task_s(const void *context)
{
    return ((const struct sampled *)context)->seconds;
}

static enum spr_status take(const struct probing *p, struct spr_gpu_task *task, int calls,
                            double amount, struct rates *rates)
{
    struct sampled sampled = {.p = p, .task = task, .calls = calls, .shortest_s = HUGE_VAL};
    const struct spr_sampler sampler = {.clock_s = spr_cpu_clock_s,
                                        .threads = 1,
                                        .context = &sampled,
                                        .run = run_task,
                                        .took = task_s};
    const size_t count = p->options->quick ? 5 : REPETITIONS;
    double seconds[REPETITIONS];
    /* The clocks rise with work, and fall again where it takes more than the power limit. */
    (void)spr_sampler_warm_up(&sampler, WARM_UP_S, 0, p->options->stop);
    const double shortest_s = sampled.shortest_s;
    spr_sampler_run(&sampler, count, seconds);
    SPR_TRY(sampled.status);
    const struct spr_spread spread = spr_spread_of(seconds, count);
    *rates = (struct rates){amount / spread.high, amount / spread.value,
                            amount / fmin(shortest_s, spread.low)};
    return SPR_OK;
}

static const char *keep(const struct probing *p, const char *text)
{
    return spr_arena_text(&p->probe->machine.arena, text, strlen(text));
}

static struct spr_number measured(const struct probing *p, const struct rates *rates,
                                  const char *source)
{
    return (struct spr_number){.value = rates->median,
                               .low = rates->low,
                               .high = rates->high,
                               .kind = "measured",
                               .source = keep(p, source),
                               .date = keep(p, p->options->date)};
}

/* One engine of the machine, in the order of data/machines. */
struct engine_row {
    const char *name;
    enum spr_dtype dtype;
    bool structured; /* takes 2:4 */
    bool any;        /* CUDA cores: takes everything */
};

static const struct engine_row engine_rows[] = {
    {"tensor", SPR_F16, false, false},       {"tensor-bf16", SPR_BF16, false, false},
    {"sparse-tensor", SPR_F16, true, false}, {"sparse-tensor-bf16", SPR_BF16, true, false},
    {"simt", SPR_F32, false, true},          {"tensor-tf32", SPR_TF32, false, false},
    {"tensor-fp8", SPR_FP8, false, false},   {"sparse-tensor-fp8", SPR_FP8, true, false},
    {"tensor-i8", SPR_I8, false, false},     {"sparse-tensor-i8", SPR_I8, true, false},
    {"tensor-f64", SPR_F64, false, false},
};

static void set_accepts(const struct engine_row *row, struct spr_engine *engine)
{
    struct spr_pattern two_of_four, one_of_four;
    engine->tile_rows = 1;
    if (row->any) {
        engine->accepts[engine->accept_count++] = (struct spr_accept){.form = SPR_ACCEPT_ANY};
    } else if (row->structured) {
        (void)spr_pattern_parse("2:4", &two_of_four, NULL);
        (void)spr_pattern_parse("1:4", &one_of_four, NULL);
        engine->accepts[engine->accept_count++] =
            (struct spr_accept){.form = SPR_ACCEPT_PATTERN, .pattern = two_of_four};
        engine->accepts[engine->accept_count++] = (struct spr_accept){
            .form = SPR_ACCEPT_PATTERN, .pattern = one_of_four, .as = two_of_four};
    } else {
        engine->accepts[engine->accept_count++] =
            (struct spr_accept){.form = SPR_ACCEPT_CLASS, .pattern_class = SPR_CLASS_DENSE};
        engine->accepts[engine->accept_count++] =
            (struct spr_accept){.form = SPR_ACCEPT_CLASS, .pattern_class = SPR_CLASS_BLOCK};
        /* The smallest tile of the tensor cores' instructions: data/machines, same engine. */
        engine->tile_rows = 8;
    }
}

static enum spr_status miss(const struct probing *p, const char *what)
{
    char line[SOURCE_TEXT];
    struct spr_cuda_probe *probe = p->probe;
    snprintf(line, sizeof line, "%s: %.300s", what, p->err->text);
    const size_t room = sizeof probe->missing / sizeof *probe->missing;
    if (probe->missing_count < room) {
        probe->missing[probe->missing_count++] = keep(p, line);
    }
    *p->err = (struct spr_error){0};
    return SPR_OK;
}

/* The best of the products of several sizes; high: the highest of all samples. */
static enum spr_status take_products(const struct probing *p, const struct engine_row *row,
                                     struct rates *best, char *source)
{
    static const int64_t sizes[] = {2048, 4096, 8192};
    size_t count = row->dtype == SPR_F64 || p->options->quick ? 2 : 3;
    double highest = 0;
    for (size_t i = 0; i < count; i++) {
        struct spr_gpu_task *task = NULL;
        struct rates rates;
        double n = (double)sizes[i];
        double flops = 2 * n * n * n / (row->structured ? 2 : 1);
        enum spr_status status =
            spr_gpu_peak_task(p->gpu, row->dtype, row->structured, sizes[i], &task, p->err);
        status = status ? status : take(p, task, sizes[i] > 4096 ? 1 : 5, flops, &rates);
        if (status == SPR_OK && rates.median > best->median) {
            *best = rates;
            snprintf(source, SOURCE_TEXT,
                     "sproof probe --device on %s: %lldx%lldx%lld product of random values by "
                     "%s; issued FLOPs; low and median of %d runs at the fastest of %zu sizes "
                     "from %lld, high of all sizes",
                     p->device, (long long)sizes[i], (long long)sizes[i], (long long)sizes[i],
                     spr_gpu_task_name(task), p->options->quick ? 5 : REPETITIONS, count,
                     (long long)sizes[0]);
        }
        highest = status == SPR_OK ? fmax(highest, rates.high) : highest;
        spr_gpu_task_free(task);
        if (status != SPR_OK) {
            return status;
        }
    }
    best->high = highest;
    return SPR_OK;
}

static enum spr_status take_simt(const struct probing *p, struct rates *best, char *source)
{
    struct spr_gpu_task *task = NULL;
    double flops = 0;
    enum spr_status status =
        spr_gpu_rate_task(p->gpu, SPR_GPU_FMA, 0, 1, &task, &flops, p->err);
    status = status ? status : take(p, task, 5, flops, best);
    snprintf(source, SOURCE_TEXT,
             "sproof probe --device on %s: f32 multiply-adds in registers. Used for f16 and "
             "bf16 too: kernels without tensor cores sum in f32 on these cores",
             p->device);
    spr_gpu_task_free(task);
    return status;
}

static enum spr_status add_engine(const struct probing *p, const struct engine_row *row)
{
    struct spr_machine *machine = &p->probe->machine;
    struct rates best = {0};
    char source[SOURCE_TEXT] = "";
    tell(p, row->name);
    enum spr_status status =
        row->any ? take_simt(p, &best, source) : take_products(p, row, &best, source);
    if (status == SPR_EENVIRONMENT && !row->any) {
        return miss(p, row->name);
    }
    if (status == SPR_OK) {
        struct spr_engine *engine = &machine->engines[machine->engine_count++];
        engine->name = row->name;
        engine->dtypes = 1u << row->dtype;
        if (row->any) {
            engine->dtypes |= 1u << SPR_F16 | 1u << SPR_BF16;
        }
        engine->flops_per_s = measured(p, &best, source);
        set_accepts(row, engine);
    }
    return status;
}

static enum spr_status take_moving(const struct probing *p, enum spr_gpu_rate rate,
                                   double bytes, struct rates *rates)
{
    struct spr_gpu_task *task = NULL;
    double amount = 0;
    int passes = bytes < SWEEP_BYTES ? (int)ceil(SWEEP_BYTES / bytes) : 1;
    enum spr_status status =
        spr_gpu_rate_task(p->gpu, rate, bytes, passes, &task, &amount, p->err);
    status = status ? status : take(p, task, 1, amount, rates);
    spr_gpu_task_free(task);
    return status;
}

/* What the sweep came to for one level: the best set that it holds, by reading. */
struct level_rates {
    struct rates read;
    double copy_low, high;
    double mib;
};

static void consider(struct level_rates *level, double mib, const struct rates *read,
                     const struct rates *copy)
{
    if (read->median > level->read.median) {
        level->read = *read;
        level->copy_low = copy->low;
        level->mib = mib;
    }
    level->high = fmax(level->high, fmax(read->high, copy->high));
}

static struct spr_number level_number(const struct probing *p, const struct level_rates *level)
{
    char source[SOURCE_TEXT];
    struct rates rates = {fmin(level->read.low, level->copy_low), level->read.median,
                          level->high};
    snprintf(
        source, sizeof source,
        "sproof probe --device on %s: reading %.4g MiB again and again; low: the slower of "
        "reading and copying (both ways counted), high: the highest of all working sets "
        "of this level",
        p->device, level->mib);
    return measured(p, &rates, source);
}

static enum spr_status add_memory(const struct probing *p)
{
    struct spr_cuda_probe *probe = p->probe;
    struct spr_machine *machine = &probe->machine;
    const struct spr_gpu_facts *facts = spr_gpu_facts(p->gpu);
    struct level_rates l2 = {0}, dram = {0};
    for (size_t i = 0; i < sizeof sweep_mib / sizeof *sweep_mib; i++) {
        double bytes = sweep_mib[i] * 1048576;
        struct rates read, copy;
        if (4 * bytes > facts->memory_bytes) {
            continue;
        }
        tell(p, "memory");
        SPR_TRY(take_moving(p, SPR_GPU_READ, bytes, &read));
        SPR_TRY(take_moving(p, SPR_GPU_COPY, bytes, &copy));
        probe->points[probe->point_count++] =
            (struct spr_cuda_point){bytes, read.median, copy.median};
        if (bytes >= L2_LEAST && bytes <= L2_SHARE * facts->l2_bytes) {
            consider(&l2, sweep_mib[i], &read, &copy);
        } else if (bytes >= DRAM_BYTES) {
            consider(&dram, sweep_mib[i], &read, &copy);
        }
    }
    if (l2.mib > 0) {
        struct spr_memory *level = &machine->memory[machine->memory_count++];
        level->level = "L2";
        level->shared = true;
        level->bytes = (struct spr_number){.value = facts->l2_bytes,
                                           .low = facts->l2_bytes,
                                           .high = facts->l2_bytes,
                                           .kind = "declared",
                                           .source = "the driver's l2CacheSize",
                                           .date = keep(p, p->options->date)};
        level->bytes_per_s = level_number(p, &l2);
    }
    struct spr_memory *last = &machine->memory[machine->memory_count++];
    last->level = "DRAM";
    last->bytes =
        (struct spr_number){.value = (double)NAN, .low = (double)NAN, .high = (double)NAN};
    last->bytes_per_s = level_number(p, &dram);
    return SPR_OK;
}

static enum spr_status add_overhead(const struct probing *p)
{
    struct spr_gpu_task *task = NULL;
    struct rates rates;
    double one = 1;
    char source[SOURCE_TEXT];
    enum spr_status status =
        spr_gpu_rate_task(p->gpu, SPR_GPU_EMPTY, 0, 1, &task, &one, p->err);
    status = status ? status : take(p, task, 100, one, &rates);
    spr_gpu_task_free(task);
    if (status == SPR_OK) {
        struct rates seconds = {1 / rates.high, 1 / rates.median, 1 / rates.low};
        snprintf(source, sizeof source,
                 "sproof probe --device on %s: an empty kernel among 100 queued ones",
                 p->device);
        p->probe->machine.overhead_s = measured(p, &seconds, source);
    }
    return status;
}

/* "NVIDIA H100 80GB HBM3" -> "nvidia-h100-80gb-hbm3". */
static void name_machine(const struct probing *p)
{
    struct spr_machine *machine = &p->probe->machine;
    char name[128];
    size_t i = 0;
    for (; p->device[i] && i + 1 < sizeof name; i++) {
        char c = p->device[i];
        name[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c == ' ' ? '-' : c);
    }
    name[i] = '\0';
    machine->name = keep(p, p->options->name ? p->options->name : name);
    machine->description = keep(p, p->device);
    machine->kind = "gpu";
    machine->default_dtype = SPR_F16;
}

static enum spr_status measure_all(const struct probing *p)
{
    name_machine(p);
    for (size_t i = 0; i < sizeof engine_rows / sizeof *engine_rows; i++) {
        SPR_TRY(add_engine(p, &engine_rows[i]));
    }
    SPR_TRY(add_memory(p));
    return add_overhead(p);
}

enum spr_status spr_cuda_probe(const struct spr_cuda_probe_options *options,
                               struct spr_cuda_probe *probe, struct spr_error *err)
{
    struct probing p = {.options = options, .probe = probe, .err = err};
    *probe = (struct spr_cuda_probe){0};
    SPR_TRY(spr_gpu_open(options->device, &p.gpu, err));
    p.device = spr_gpu_facts(p.gpu)->name;
    snprintf(probe->versions, sizeof probe->versions, "%.190s",
             spr_gpu_facts(p.gpu)->versions);
    enum spr_status status = measure_all(&p);
    spr_gpu_close(p.gpu);
    if (status != SPR_OK) {
        spr_cuda_probe_free(probe);
    }
    return status;
}

enum spr_status spr_cuda_probe_write(FILE *file, const struct spr_cuda_probe *probe,
                                     struct spr_error *err)
{
    struct spr_emit *out = spr_emit_new(file, 3);
    if (!out) {
        return spr_no_memory(err);
    }
    spr_machine_to_json(out, NULL, &probe->machine);
    spr_emit_newline(out);
    spr_emit_end(out);
    return SPR_OK;
}

void spr_cuda_probe_free(struct spr_cuda_probe *probe)
{
    spr_machine_free(&probe->machine);
    *probe = (struct spr_cuda_probe){0};
}
