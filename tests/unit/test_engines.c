/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions beyond the sets: found in recorded CPUID, permitted or refused, measured, and
 * what the machine and the model make of their rates. */
#include "test.h"

#include "probe/probe_parts.h"
#include "sproof/model.h"

#define SAVED (1u << 27) /* OSXSAVE, in ECX of leaf 1 */

/* Registers EAX, EBX, ECX, EDX. XCR0 is all that leaf 0xD says the CPU can save. Sources:
 * libcpuid: github.com/anrieff/libcpuid, tests/, commit 2d1e0190b189.
 * Firecracker: github.com/firecracker-microvm/firecracker, tests/data/cpu_template_helper,
 * commit 81b38b9dad60: what a virtual machine on that server sees; OSXSAVE, which the guest
 * itself sets, is added. */
#define ONE(ecx)                                                                              \
    {                                                                                         \
        1, 0, 0, 0, ecx, 0                                                                    \
    }
#define SEVEN(eax, ebx, ecx, edx)                                                             \
    {                                                                                         \
        7, 0, eax, ebx, ecx, edx                                                              \
    }
#define SEVEN_ONE(eax)                                                                        \
    {                                                                                         \
        7, 1, eax, 0, 0, 0                                                                    \
    }
#define PALETTE                                                                               \
    {                                                                                         \
        0x1D, 1, 0x04002000, 0x00080040, 0x00000010, 0                                        \
    }
#define MULTIPLIER                                                                            \
    {                                                                                         \
        0x1E, 0, 0, 0x00004010, 0, 0                                                          \
    }
#define VECTORS (SPR_CPU_AVX2 | SPR_CPU_AVX512)

static const struct cpu {
    const char *name;
    struct spr_cpu_snapshot seen;
    unsigned expected;
} cpus[] = {
    /* libcpuid, intel/x86-64/haswell/intel-core-i7-4770-cpu.test */
    {"Haswell: Core i7-4770",
     {{ONE(0x7FFAFBFF), SEVEN(0, 0x000027AB, 0, 0)}, .xcr0 = 0x7},
     SPR_CPU_AVX2},
    /* libcpuid, intel/x86-64/skylake/intel-core-i9-7900x-cpu.test */
    {"Skylake-X: Core i9-7900X",
     {{ONE(0x7FFEFBBF), SEVEN(0, 0xD39FFFFB, 0, 0)}, .xcr0 = 0xFF},
     VECTORS},
    /* Firecracker, fingerprint_INTEL_CASCADELAKE_6.1host.json */
    {"Cascade Lake server",
     {{ONE(0xF7FA3203 | SAVED), SEVEN(0, 0xD19F67EB, 0x0000080C, 0xAC000400)}, .xcr0 = 0x2FF},
     VECTORS | SPR_CPU_AVX512_VNNI},
    /* libcpuid, intel/x86-64/sunny-cove/intel-core-i7-1065g7-cpu.test */
    {"Ice Lake: Core i7-1065G7",
     {{ONE(0x7FFAFBBF), SEVEN(0, 0xF2BF27EF, 0x40405F4E, 0xBC000410)}, .xcr0 = 0x2E7},
     VECTORS | SPR_CPU_AVX512_VNNI},
    /* libcpuid, intel/x86-64/golden-cove/12th-gen-intel-core-i9-12900k.test */
    {"Alder Lake: Core i9-12900K",
     {{ONE(0x7FFAFBFF), SEVEN(1, 0x239CA7EB, 0x98C027AC, 0xFC1CC410), SEVEN_ONE(0x00400810)},
      .xcr0 = 0x207},
     SPR_CPU_AVX2 | SPR_CPU_AVX_VNNI},
    /* Firecracker, fingerprint_INTEL_SAPPHIRE_RAPIDS_6.1host.json */
    {"Sapphire Rapids server",
     {{ONE(0xF7FA3203 | SAVED), SEVEN(2, 0xF1BF27EB, 0x1B415F4E, 0xAFC14410),
       SEVEN_ONE(0x00000030), PALETTE, MULTIPLIER},
      .xcr0 = 0x602E7},
     VECTORS | SPR_CPU_AVX512_VNNI | SPR_CPU_AVX512_BF16 | SPR_CPU_AVX512_FP16 |
         SPR_CPU_AVX_VNNI | SPR_CPU_AMX},
    /* Firecracker, fingerprint_INTEL_SAPPHIRE_RAPIDS_5.10host.json: the host knows no tiles */
    {"Sapphire Rapids below an old kernel",
     {{ONE(0xF7FA3203 | SAVED), SEVEN(1, 0xF1BF27EB, 0x1A415F4E, 0xAC014410),
       SEVEN_ONE(0x00000020)},
      .xcr0 = 0x2E7},
     VECTORS | SPR_CPU_AVX512_VNNI | SPR_CPU_AVX512_BF16},
    /* libcpuid, amd/zen2/amd-ryzen-7-3700x-8-core-processor.test */
    {"Zen 2: Ryzen 7 3700X",
     {{ONE(0x7ED8320B), SEVEN(0, 0x219C91A9, 0x00400004, 0)}, .xcr0 = 0x207},
     SPR_CPU_AVX2},
    /* libcpuid, amd/zen3/amd-ryzen-7-5800x3d-8-core-processor.test */
    {"Zen 3: Ryzen 7 5800X3D",
     {{ONE(0x7EF8320B), SEVEN(0, 0x219C95A9, 0x0040068C, 0)}, .xcr0 = 0x207},
     SPR_CPU_AVX2},
    /* libcpuid, amd/zen4/amd-ryzen-7-7700x-8-core-processor.test */
    {"Zen 4: Ryzen 7 7700X",
     {{ONE(0x7EF8320B), SEVEN(1, 0xF1BF97A9, 0x00405FCE, 0x10000010), SEVEN_ONE(0x00000020)},
      .xcr0 = 0x2E7},
     VECTORS | SPR_CPU_AVX512_VNNI | SPR_CPU_AVX512_BF16},
    /* libcpuid, amd/zen5/amd-ryzen-7-9700x-8-core-processor.test */
    {"Zen 5: Ryzen 7 9700X",
     {{ONE(0x7ED8320B), SEVEN(1, 0xF1BF97AB, 0x19405FCE, 0x10000110), SEVEN_ONE(0x00000030)},
      .xcr0 = 0x2E7},
     VECTORS | SPR_CPU_AVX512_VNNI | SPR_CPU_AVX512_BF16 | SPR_CPU_AVX_VNNI},
    /* Bits of arch/arm64/include/uapi/asm/hwcap.h, as QEMU 7.2 gives them for -cpu NAME */
    {"cortex-a57", {.hwcap = 0x8FB}, 0},
    {"neoverse-n1", {.hwcap = 0x119FFB}, SPR_CPU_NEON_DOT},
    {"a64fx", {.hwcap = 0x415FFB, .sve_bytes = 64}, 0},
    {"max",
     {.hwcap = 0xECFFFFFB, .hwcap2 = 0x7F877FFF, .sve_bytes = 64},
     SPR_CPU_NEON_DOT | SPR_CPU_NEON_I8MM | SPR_CPU_NEON_BF16},
};
#define RAPIDS 5

static void test_recorded(void)
{
    for (size_t i = 0; i < COUNT_OF(cpus); i++) {
        test_row = cpus[i].name;
        CHECK_INT(cpus[i].expected, spr_cpu_features(&cpus[i].seen));
    }
    test_row = "";
}

/* What the system does not save counts for nothing, whatever the CPU has. */
static void test_system(void)
{
    const unsigned all = cpus[RAPIDS].expected;
    static const struct {
        const char *name;
        uint64_t xcr0;
        uint32_t osxsave, tile_rows;
        unsigned kept; /* features */
    } rows[] = {
        {"all of it", 0x602E7, SAVED, 16, ~0u},
        {"an OS that does not say", 0x602E7, 0, 16, 0},
        {"no vectors of 256 bits", 0x3, SAVED, 16, 0},
        {"no AVX-512", 0x7, SAVED, 16, SPR_CPU_AVX2 | SPR_CPU_AVX_VNNI},
        {"half of AVX-512", 0x67, SAVED, 16, SPR_CPU_AVX2 | SPR_CPU_AVX_VNNI},
        {"tiles, but not AVX-512", 0x60007, SAVED, 16,
         SPR_CPU_AVX2 | SPR_CPU_AVX_VNNI | SPR_CPU_AMX},
        {"no tiles", 0x2E7, SAVED, 16, ~(unsigned)SPR_CPU_AMX},
        {"shapes of tiles, not their data", 0x202E7, SAVED, 16, ~(unsigned)SPR_CPU_AMX},
        {"smaller tiles", 0x602E7, SAVED, 8, ~(unsigned)SPR_CPU_AMX},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct spr_cpu_snapshot seen = cpus[RAPIDS].seen;
        test_row = rows[i].name;
        seen.xcr0 = rows[i].xcr0;
        seen.leaves[0].ecx = (seen.leaves[0].ecx & ~SAVED) | rows[i].osxsave;
        seen.leaves[3].ecx = rows[i].tile_rows;
        CHECK_INT(all & rows[i].kept, spr_cpu_features(&seen));
    }
    test_row = "";
}

/* The sets that the compiler's own detection finds are found here too. */
static void test_this_machine(void)
{
    struct spr_cpu_snapshot seen;
    spr_cpu_look(&seen);
    const unsigned has = spr_cpu_features(&seen);
#if defined(__x86_64__)
    CHECK_INT(spr_isa_usable(SPR_ISA_AVX2), (has & SPR_CPU_AVX2) != 0);
    CHECK_INT(spr_isa_usable(SPR_ISA_AVX512), (has & SPR_CPU_AVX512) != 0);
#else
    CHECK((has & VECTORS) == 0);
#endif
}

static int asked;

static bool refuse(void)
{
    asked++;
    return false;
}

static bool permit(void)
{
    asked++;
    return true;
}

/* The question comes with the first loop that needs the answer, once. Nothing is run here: this
 * CPU need not have tiles. */
static void test_permission(void)
{
    static bool (*const answers[])(void) = {refuse, permit};
    const bool compiled = spr_isa_usable(SPR_ISA_AVX512);
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct spr_probe_features has = {.bits = cpus[RAPIDS].expected,
                                         .permit_amx = answers[i]};
        asked = 0;
        CHECK(spr_probe_find_loop(&has, SPR_ISA_AVX512, SPR_PROBE_DOT_I8) || !compiled);
        CHECK(!spr_probe_find_loop(&has, SPR_ISA_AVX2, SPR_PROBE_MATRIX_I8));
        CHECK_INT(0, asked);
        spr_probe_loop *bf16 =
            spr_probe_find_loop(&has, SPR_ISA_AVX512, SPR_PROBE_MATRIX_BF16);
        spr_probe_loop *i8 = spr_probe_find_loop(&has, SPR_ISA_AVX512, SPR_PROBE_MATRIX_I8);
        CHECK_INT(compiled, asked);
        CHECK_INT(compiled && answers[i] == refuse, has.amx_refused);
        CHECK_INT(compiled && answers[i] == permit, bf16 && i8);
        CHECK(!bf16 == !i8);
    }
    struct spr_probe_features none = {.permit_amx = permit};
    asked = 0;
    CHECK(!spr_probe_find_loop(&none, SPR_ISA_AVX512, SPR_PROBE_MATRIX_I8));
    CHECK(!spr_probe_find_loop(&none, SPR_ISA_AVX512, SPR_PROBE_DOT_I8));
    CHECK_INT(0, asked);
}

static double step_clock(void)
{
    static double now;
    return now += 2e-3; /* above a sample: one round each */
}

/* A whole run where the CPU says it has tiles and the system refuses them. */
static void test_refused(void)
{
    struct spr_cpu_snapshot seen;
    struct spr_error err = {0};
    struct spr_probe probe;
    spr_cpu_look(&seen);
    const unsigned features = spr_cpu_features(&seen) | SPR_CPU_AMX;
    const struct spr_probe_options options = {.quick = true,
                                              .rates_only = true,
                                              .threads = 1,
                                              .clock_s = step_clock,
                                              .features = &features,
                                              .permit_amx = refuse};
    asked = 0;
    CHECK_STATUS(SPR_OK, spr_probe_run(&options, &probe, &err), &err);
    CHECK_INT(spr_isa_best() == SPR_ISA_AVX512, asked);
    CHECK_INT(asked, probe.amx_refused);
    for (size_t i = 0; i < probe.rate_count; i++) {
        const bool neon = probe.rates[i].isa == SPR_ISA_NEON;
        CHECK(neon || !strstr(probe.rates[i].name, "matrix"));
    }
    spr_probe_free(&probe);
}

/* Every loop in a narrow type that this CPU has does some work, on either kind of data. */
static void test_loops(void)
{
    struct spr_cpu_snapshot seen;
    struct spr_probe_work work = {0};
    spr_cpu_look(&seen);
    struct spr_probe_features has = {.bits = spr_cpu_features(&seen),
                                     .permit_amx = spr_cpu_permit_amx};
    for (int isa = 0; isa < SPR_ISA_COUNT; isa++) {
        for (int kind = SPR_PROBE_FMA_F16; kind <= SPR_PROBE_MATRIX_I8; kind++) {
            spr_probe_loop *loop =
                spr_probe_find_loop(&has, (enum spr_isa)isa, (enum spr_probe_kind)kind);
            CHECK(!loop || loop(&work, 2) == 2 * loop(&work, 1));
        }
    }
}

/* A Xeon, family 6 model 207, one thread; it reads at 15.3 GB/s, which is raised a thousandfold here
 * so that FLOPs limit. The rates of AMX and f16 are those of its first measurement. */
#define RATE(name, value, high)                                                               \
    "{\"name\":\"" name "\",\"unit\":\"FLOP/s\",\"level\":null,\"isa\":\"avx512\","           \
    "\"threads\":1,\"value\":" #value ",\"low\":" #value ",\"high\":" #high "}"
#define OLD_RATES                                                                             \
    RATE("f32_fma", 1.767e11, 1.788e11)                                                       \
    "," RATE("f64_fma", 8.82e10, 8.89e10) "," RATE("bf16_dot", 8.85e10, 8.9e10) "," RATE(     \
        "i8_dot", 7.07e11, 7.12e11) ",{\"name\":\"read\",\"unit\":\"B/s\","                   \
                                    "\"level\":\"DRAM\",\"isa\":\"avx512\","                  \
                                    "\"threads\":1,\"value\":15.3e12,"                        \
                                    "\"low\":15e12,\"high\":16e12}"
#define NEW_RATES                                                                             \
    "," RATE("f16_fma", 3.57e11, 3.57e11) "," RATE(                                           \
        "bf16_matrix", 2.35e12, 2.963e12) "," RATE("i8_matrix", 4.698e12, 5.923e12)
#define PROBE(rates)                                                                          \
    "{\"schema\":\"sproof/probe\",\"schema_version\":1,\"cpu\":\"Intel(R) Xeon(R)\","         \
    "\"identity\":\"x\",\"created\":\"2026-11-30T10:37:36Z\",\"quick\":false,\"threads\":1,"  \
    "\"drift\":0,\"caches\":[],\"rates\":[" rates "],\"sweep\":[],"                           \
    "\"kernels\":{\"call_s\":1e-8,\"parallel_s\":null,\"parallel_threads\":0,"                \
    "\"tiles\":[],\"functions\":[]}}"

static struct spr_machine machine_of(const char *json)
{
    struct spr_error err = {0};
    struct spr_probe probe;
    struct spr_machine machine;
    test_write("recorded.json", json);
    CHECK_STATUS(SPR_OK, spr_probe_read("recorded.json", &probe, &err), &err);
    CHECK_STATUS(SPR_OK, spr_machine_from_probe(&probe, SPR_ISA_AVX512, 1, &machine, &err),
                 &err);
    spr_probe_free(&probe);
    return machine;
}

static const struct spr_engine *engine_of(const struct spr_machine *machine, const char *name)
{
    for (size_t i = 0; i < machine->engine_count; i++) {
        if (strcmp(machine->engines[i].name, name) == 0) {
            return &machine->engines[i];
        }
    }
    return NULL;
}

static void test_engines(void)
{
    struct spr_machine old = machine_of(PROBE(OLD_RATES));
    struct spr_machine machine = machine_of(PROBE(OLD_RATES NEW_RATES));
    CHECK_INT(4, old.engine_count);
    CHECK(!engine_of(&old, "amx-bf16") && !engine_of(&old, "simd-f16"));
    CHECK_INT(7, machine.engine_count);
    CHECK(engine_of(&machine, "simd-f16") && engine_of(&machine, "amx-i8"));
    const struct spr_engine *amx = engine_of(&machine, "amx-bf16");
    CHECK(amx != NULL);
    if (amx) {
        CHECK_EXACT(2.35e12, amx->flops_per_s.value);
        CHECK_EXACT(2.963e12, amx->flops_per_s.high); /* on zeros */
        CHECK_INT(1u << SPR_BF16, amx->dtypes);
        CHECK_INT(8, amx->tile_rows);
        CHECK_INT(2, amx->accept_count);
        CHECK(amx->accepts[0].pattern_class == SPR_CLASS_DENSE);
        CHECK(amx->accepts[1].pattern_class == SPR_CLASS_BLOCK);
    }
    CHECK(!engine_of(&machine, "mmla-bf16"));
    spr_machine_free(&old);
    spr_machine_free(&machine);
}

/* The engine that the model takes for a pattern, and the speed of its kept weights. */
static void check_choice(const struct spr_machine *machine, enum spr_dtype dtype,
                         const char *text, const char *engine, double useful_flops_per_s)
{
    const struct spr_layer layer = {.name = "fc",
                                    .prunable = true,
                                    .m = 768,
                                    .k = 768,
                                    .n = 4096,
                                    .count = 1,
                                    .groups = 1,
                                    .x_elements = 768.0 * 4096};
    const struct spr_shape shape = {layer.m, layer.k, layer.groups};
    struct spr_error err = {0};
    struct spr_model model;
    struct spr_pattern pattern;
    struct spr_prediction out = {0};
    test_row = text;
    CHECK_STATUS(SPR_OK,
                 spr_model_prepare(&model, machine, dtype, SPR_NOMINAL, SPR_NOMINAL, &err),
                 &err);
    model.overhead_s = 0;
    model.native_only = true;
    if (strcmp(text, "dense") == 0) {
        spr_model_dense(&model, &layer, 1, &out);
    } else {
        CHECK_STATUS(SPR_OK, spr_pattern_parse(text, &pattern, &err), &err);
        CHECK(spr_model_sparse(&model, &layer, 1, &pattern,
                               spr_pattern_kept(&pattern, &shape, 0.5), NULL, &out));
    }
    CHECK_TEXT(engine, machine->engines[out.engine].name);
    CHECK_NEAR(useful_flops_per_s, out.flops_useful / out.compute_s, 1e-12);
    test_row = "";
}

static void test_choices(void)
{
    struct spr_machine old = machine_of(PROBE(OLD_RATES));
    struct spr_machine machine = machine_of(PROBE(OLD_RATES NEW_RATES));
    check_choice(&machine, SPR_BF16, "dense", "amx-bf16", 2.35e12);
    check_choice(&machine, SPR_BF16, "16x32", "amx-bf16", 2.35e12);
    check_choice(&machine, SPR_BF16, "32x1", "amx-bf16", 2.35e12);
    check_choice(&machine, SPR_BF16, "4x1", "amx-bf16", 2.35e12 / 2);
    check_choice(&machine, SPR_I8, "dense", "amx-i8", 4.698e12);
    check_choice(&machine, SPR_I8, "16x64", "amx-i8", 4.698e12);
    check_choice(&machine, SPR_I8, "csr", "simd-i8", 7.07e11);
    check_choice(&machine, SPR_F16, "dense", "simd-f16", 3.57e11);
    /* This CPU multiplies bf16 faster widened to f32 than by its dot products. */
    check_choice(&machine, SPR_BF16, "csr", "simd-f32", 1.767e11);
    check_choice(&old, SPR_BF16, "dense", "simd-f32", 1.767e11);
    check_choice(&old, SPR_I8, "16x64", "simd-i8", 7.07e11);
    check_choice(&machine, SPR_F32, "16x32", "simd-f32", 1.767e11);
    spr_machine_free(&old);
    spr_machine_free(&machine);
}

int main(void)
{
    test_recorded();
    test_system();
    test_this_machine();
    test_permission();
    test_refused();
    test_loops();
    test_engines();
    test_choices();
    return test_end();
}
