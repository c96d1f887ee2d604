/* SPDX-License-Identifier: Apache-2.0 */
/* The machine `host` from what was measured. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "machine/rates_json.h"
#include "probe/probe_parts.h"

struct maker {
    const struct spr_probe *probe;
    enum spr_isa isa;
    int threads;
    struct spr_machine *machine;
    const char *source, *near_source, *date; /* in the machine's arena */
};

/* The rate with where it comes from; the text lives as long as the machine. */
static struct spr_number measured(const struct maker *make, const char *name,
                                  const char *level)
{
    struct spr_number number =
        spr_probe_find(make->probe, name, level, make->isa, make->threads);
    if (!isnan(number.value)) {
        number.kind = "measured";
        number.source = make->source;
        number.date = make->date;
    }
    return number;
}

/* Vectors take any pattern. Products of whole matrices take dense weights and blocks, padded to
 * tile_rows: AMX takes 0.58 of a full tile's time for 8 rows, and no less for fewer, so that its
 * bound is that of 8; NEON multiplies pairs of rows. */
static const struct engine_row {
    const char *name, *rate;
    enum spr_isa isa; /* SPR_ISA_COUNT: of any */
    enum spr_dtype dtype;
    int64_t tile_rows; /* 0: vectors */
} engine_rows[] = {
    {"simd-f32", "f32_fma", SPR_ISA_COUNT, SPR_F32, 0},
    {"simd-f64", "f64_fma", SPR_ISA_COUNT, SPR_F64, 0},
    {"simd-f16", "f16_fma", SPR_ISA_COUNT, SPR_F16, 0},
    {"simd-bf16", "bf16_dot", SPR_ISA_COUNT, SPR_BF16, 0},
    {"simd-i8", "i8_dot", SPR_ISA_COUNT, SPR_I8, 0},
    {"amx-bf16", "bf16_matrix", SPR_ISA_AVX512, SPR_BF16, 8},
    {"amx-i8", "i8_matrix", SPR_ISA_AVX512, SPR_I8, 8},
    {"mmla-bf16", "bf16_matrix", SPR_ISA_NEON, SPR_BF16, 2},
    {"mmla-i8", "i8_matrix", SPR_ISA_NEON, SPR_I8, 2},
};

static void set_accepts(const struct engine_row *row, struct spr_engine *engine)
{
    engine->tile_rows = row->tile_rows > 0 ? row->tile_rows : 1;
    if (row->tile_rows == 0) {
        engine->accepts[engine->accept_count++] = (struct spr_accept){.form = SPR_ACCEPT_ANY};
        return;
    }
    engine->accepts[engine->accept_count++] =
        (struct spr_accept){.form = SPR_ACCEPT_CLASS, .pattern_class = SPR_CLASS_DENSE};
    engine->accepts[engine->accept_count++] =
        (struct spr_accept){.form = SPR_ACCEPT_CLASS, .pattern_class = SPR_CLASS_BLOCK};
}

/* What a team was not seen to reach, because it did not have the cores, but may: as many times what
 * one thread does. Nothing known: the rate as it is. */
static void raise_high(const struct maker *make, const char *name, const char *level,
                       struct spr_number *rate)
{
    if (make->threads > 1 && spr_probe_crowded(make->probe)) {
        double one = spr_probe_find(make->probe, name, level, make->isa, 1).high;
        rate->high = fmax(rate->high, isnan(one) ? 0 : make->threads * one);
    }
}

static void add_engine(const struct maker *make, const struct engine_row *row)
{
    struct spr_number flops = measured(make, row->rate, NULL);
    if (isnan(flops.value) || (row->isa != SPR_ISA_COUNT && row->isa != make->isa)) {
        return;
    }
    raise_high(make, row->rate, NULL, &flops);
    if (row->dtype == SPR_F32 && make->threads > 1 && spr_probe_crowded(make->probe)) {
        flops.high = fmax(flops.high, spr_probe_reached_flops(&make->probe->kernels, make->isa,
                                                              make->threads));
    }
    struct spr_engine *engine = &make->machine->engines[make->machine->engine_count++];
    *engine = (struct spr_engine){
        .name = row->name, .dtypes = 1u << row->dtype, .flops_per_s = flops};
    set_accepts(row, engine);
    /* Widened, halves are multiplied as fast as f32, by the first engine: on some CPUs faster than
     * by their own dot products. */
    if (row->dtype == SPR_F16 || row->dtype == SPR_BF16) {
        make->machine->engines[0].dtypes |= 1u << row->dtype;
    }
}

/* Bytes move as fast as the faster of reading and copying at best: where stores go past the
 * caches a copy may move more than reading does, and no roof may lie below what was seen. */
static struct spr_number bandwidth(const struct maker *make, const char *level)
{
    struct spr_number read = measured(make, "read", level);
    struct spr_number copy = measured(make, "copy", level);
    read.high = fmax(read.high, isnan(copy.high) ? read.high : copy.high);
    raise_high(make, "read", level, &read);
    return read;
}

static bool reads(const struct spr_probe_row *row)
{
    return row->kind == SPR_PROBE_READ || row->kind == SPR_PROBE_KERNEL_READ ||
           row->kind == SPR_PROBE_ROW_READ;
}

/* Of L1 and L2 the fastest way to read counts, for a kernel may take any of them. Rows at random
 * find some of L2's set in L1, but so do a kernel's. */
static struct spr_number near_bandwidth(const struct maker *make, const char *level)
{
    struct spr_number best = bandwidth(make, level);
    double high = best.high;
    for (size_t r = 0; r < spr_probe_row_count && !isnan(best.value); r++) {
        const struct spr_probe_row *row = &spr_probe_rows[r];
        struct spr_number other = measured(make, row->name, level);
        if (reads(row) && !isnan(other.value)) {
            high = fmax(high, other.high);
            best = other.value > best.value ? other : best;
        }
    }
    best.high = high;
    best.source = make->near_source;
    return best;
}

static struct spr_number capacity(const struct maker *make, int cache)
{
    double detected = make->probe->cache[cache].detected_bytes;
    double declared = make->probe->cache[cache].declared_bytes;
    double value = spr_probe_cache_bytes(detected, declared);
    struct spr_number number = {value, value, value, "measured", make->source, make->date};
    if (isnan(detected)) {
        number.kind = "declared";
        number.source = "sysfs cache size of cpu0; the sweep shows no knee";
        number.date = NULL;
    } else {
        number.low = fmin(detected, value);
        number.high = fmax(detected, value);
    }
    return number;
}

/* Threads that share a core share its caches: capacities are a thread's. */
static void share_capacity(const struct maker *make, struct spr_number *bytes)
{
    double cores = (double)spr_cpu_cores();
    if (make->threads > cores) {
        bytes->value *= cores / make->threads;
        bytes->low *= cores / make->threads;
        bytes->high *= cores / make->threads;
    }
}

/* Bytes of all caches of the team. */
static double cache_bytes(const struct maker *make)
{
    double sum = 0;
    for (size_t i = 0; i < make->machine->memory_count; i++) {
        const struct spr_memory *memory = &make->machine->memory[i];
        sum += memory->bytes.value * (memory->shared ? 1 : make->threads);
    }
    return sum;
}

static void add_memory(const struct maker *make)
{
    static const char *const names[SPR_CPU_CACHES] = {"L1", "L2", "L3", "L4"};
    struct spr_machine *machine = make->machine;
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        struct spr_number rate =
            i < SPR_PROBE_NEAR ? near_bandwidth(make, names[i]) : bandwidth(make, names[i]);
        if (isnan(rate.value)) {
            continue;
        }
        struct spr_memory *memory = &machine->memory[machine->memory_count++];
        *memory = (struct spr_memory){.level = names[i],
                                      .shared = make->probe->cache[i].shared,
                                      .bytes = capacity(make, i),
                                      .bytes_per_s = rate};
        if (!memory->shared) {
            share_capacity(make, &memory->bytes);
        }
    }
    struct spr_number memory = bandwidth(make, "DRAM");
    /* Streams of weights are readings of memory too, faster ones where others disturbed the reading
     * loop. The farthest of a quick probe may still lie in the caches. */
    if (!make->probe->quick) {
        memory.high = fmax(memory.high, spr_probe_streamed(&make->probe->kernels, make->isa,
                                                           make->threads, cache_bytes(make)));
    }
    machine->memory[machine->memory_count++] =
        (struct spr_memory){.level = "DRAM",
                            .shared = true,
                            .bytes = {(double)NAN, (double)NAN, (double)NAN, NULL, NULL, NULL},
                            .bytes_per_s = memory};
}

/* The least an operator costs besides its work: a bound must not count more. The kernels' calls were
 * timed apart from the probe's empty ones. */
static struct spr_number overhead(const struct maker *make)
{
    const struct spr_kernel_rates *kernels = &make->probe->kernels;
    const bool team = make->threads > 1;
    struct spr_number call = measured(make, team ? "parallel_region" : "call", NULL);
    const double kernel_s = team ? kernels->parallel_s : kernels->call_s;
    if (kernel_s > 0 && kernel_s < call.low &&
        (!team || kernels->parallel_threads == make->threads)) {
        call.low = kernel_s;
    }
    call.value = call.low;
    return call;
}

/* Tiles of this set and team alone: others say nothing about it. */
static enum spr_status add_kernels(const struct maker *make, struct spr_error *err)
{
    struct spr_kernel_rates rates = make->probe->kernels;
    double region_s = measured(make, "parallel_region", NULL).value;
    if (rates.count == 0) {
        return SPR_OK;
    }
    /* A team of another size starts and ends in another time. */
    if (rates.parallel_threads != make->threads) {
        rates.transfer_s = (double)NAN; /* of other threads */
    }
    if (rates.parallel_threads != make->threads && region_s > 0) {
        rates.parallel_s = region_s;
        rates.parallel_threads = make->threads;
    }
    const struct spr_kernel_rates *kept =
        spr_tiles_keep(&make->machine->arena, &rates, (unsigned)make->isa, make->threads);
    make->machine->kernels = kept && kept->count > 0 ? kept : NULL;
    return kept ? SPR_OK : spr_no_memory(err);
}

/* Nor more than the expected time counts for a kernel's call, which was measured at another
 * moment: what is expected would come out below the bound. */
static void cap_overhead(const struct maker *make)
{
    struct spr_number *call = &make->machine->overhead_s;
    const struct spr_kernel_rates *kernels = make->machine->kernels;
    double kernel_s = !kernels             ? (double)NAN
                      : make->threads == 1 ? kernels->call_s
                                           : kernels->parallel_s;
    if (kernel_s > 0 && kernel_s < call->value) {
        call->value = call->low = kernel_s;
    }
}

static enum spr_status fill(struct maker *make, struct spr_error *err)
{
    const struct spr_probe *probe = make->probe;
    struct spr_machine *machine = make->machine;
    char source[96], near_source[192];
    snprintf(source, sizeof source, "sproof probe%s, %s, %d thread%s",
             probe->quick ? " --quick" : "", spr_isa_name(make->isa), make->threads,
             make->threads == 1 ? "" : "s");
    snprintf(near_source, sizeof near_source,
             "%s; the fastest of reading in turn, in rows and for multiply-adds", source);
    make->source = spr_arena_text(&machine->arena, source, strlen(source));
    make->near_source = spr_arena_text(&machine->arena, near_source, strlen(near_source));
    make->date = spr_arena_text(&machine->arena, probe->created, strlen(probe->created));
    machine->description = spr_arena_text(&machine->arena, probe->cpu, strlen(probe->cpu));
    if (!make->source || !make->near_source || !make->date || !machine->description) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < sizeof engine_rows / sizeof *engine_rows; i++) {
        add_engine(make, &engine_rows[i]);
    }
    add_memory(make);
    machine->overhead_s = overhead(make);
    SPR_TRY(add_kernels(make, err));
    cap_overhead(make);
    return SPR_OK;
}

enum spr_status spr_machine_from_probe(const struct spr_probe *probe, enum spr_isa isa,
                                       int threads, struct spr_machine *machine,
                                       struct spr_error *err)
{
    *machine = (struct spr_machine){
        .name = "host", .kind = "cpu", .default_dtype = SPR_F32, .host = true, .probed = true};
    struct maker make = {.probe = probe,
                         .isa = isa,
                         .threads = threads > 0 ? threads : spr_probe_threads(probe, isa),
                         .machine = machine};
    machine->cores = make.threads;
    if (isnan(measured(&make, "f32_fma", NULL).value) ||
        isnan(measured(&make, "read", "DRAM").value)) {
        *machine = (struct spr_machine){0};
        return spr_fail(err, SPR_EINPUT,
                        "host was not probed with %s on %d thread%s: run sproof probe "
                        "--threads %d",
                        spr_isa_name(isa), make.threads, make.threads == 1 ? "" : "s",
                        make.threads);
    }
    enum spr_status status = fill(&make, err);
    if (status != SPR_OK) {
        spr_machine_free(machine);
    }
    return status;
}
