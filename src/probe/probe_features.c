/* SPDX-License-Identifier: Apache-2.0 */
/* The loops this CPU can run: some need more than their instruction set, and tiles need the
 * system's permission too. */
#include "kernel/isa_code.h"
#include "probe/probe_parts.h"

/* What a loop needs beyond its instruction set; 0: nothing. */
static unsigned needs(enum spr_isa isa, enum spr_probe_kind kind)
{
    static const unsigned features[SPR_ISA_COUNT][SPR_PROBE_KINDS] = {
        [SPR_ISA_NEON] = {[SPR_PROBE_DOT_BF16] = SPR_CPU_NEON_BF16,
                          [SPR_PROBE_DOT_I8] = SPR_CPU_NEON_DOT,
                          [SPR_PROBE_MATRIX_BF16] = SPR_CPU_NEON_BF16,
                          [SPR_PROBE_MATRIX_I8] = SPR_CPU_NEON_I8MM},
        [SPR_ISA_AVX2] = {[SPR_PROBE_DOT_I8] = SPR_CPU_AVX_VNNI},
        [SPR_ISA_AVX512] = {[SPR_PROBE_FMA_F16] = SPR_CPU_AVX512_FP16,
                            [SPR_PROBE_DOT_BF16] = SPR_CPU_AVX512_BF16,
                            [SPR_PROBE_DOT_I8] = SPR_CPU_AVX512_VNNI,
                            [SPR_PROBE_MATRIX_BF16] = SPR_CPU_AMX_BF16,
                            [SPR_PROBE_MATRIX_I8] = SPR_CPU_AMX_I8}};
    return features[isa][kind];
}

/* The table of loops, when this CPU has what the kind needs; else NULL. */
static const struct spr_probe_loops *loops_with(enum spr_isa isa, enum spr_probe_kind kind,
                                                unsigned features)
{
    bool all = (needs(isa, kind) & ~features) == 0;
    return all && spr_isa_usable(isa) ? spr_isa_code_of(isa)->probe_loops : NULL;
}

spr_probe_loop *spr_probe_loop_of(enum spr_isa isa, enum spr_probe_kind kind)
{
    const struct spr_probe_loops *loops = loops_with(isa, kind, 0);
    return loops ? loops->run[kind] : NULL;
}

void spr_probe_features_read(struct spr_probe_features *has,
                             const struct spr_probe_options *options)
{
    struct spr_cpu_snapshot snapshot;
    spr_cpu_look(&snapshot);
    *has = (struct spr_probe_features){
        .bits = options->features ? *options->features : spr_cpu_features(&snapshot),
        .sve_bytes = snapshot.sve_bytes,
        .permit_amx = options->permit_amx ? options->permit_amx : spr_cpu_permit_amx};
}

spr_probe_loop *spr_probe_find_loop(struct spr_probe_features *has, enum spr_isa isa,
                                    enum spr_probe_kind kind)
{
    const struct spr_probe_loops *loops = loops_with(isa, kind, has->bits);
    if (loops && (needs(isa, kind) & SPR_CPU_AMX) && !has->amx_asked) {
        has->amx_asked = true;
        has->amx_refused = !has->permit_amx();
        has->bits &= has->amx_refused ? ~(unsigned)SPR_CPU_AMX : ~0u;
        loops = loops_with(isa, kind, has->bits);
    }
    return loops ? loops->run[kind] : NULL;
}

double spr_probe_best_on_zeros(const struct spr_probe_features *has,
                               struct spr_probe_pace *pace, struct spr_probe_team *team,
                               enum spr_isa isa, enum spr_probe_kind kind)
{
    const struct spr_probe_loops *loops = loops_with(isa, kind, has->bits);
    spr_probe_loop *zeros = loops ? loops->zeros[kind] : NULL;
    return zeros ? spr_probe_measure(pace, team, zeros).high : 0;
}

size_t spr_probe_count_dots(const struct spr_probe_features *has, enum spr_isa isa)
{
    size_t count = 0;
    for (int kind = 0; kind < SPR_PROBE_KINDS; kind++) {
        const struct spr_probe_loops *loops =
            loops_with(isa, (enum spr_probe_kind)kind, has->bits);
        count += loops && loops->zeros[kind] ? 2 : 0;
    }
    return count;
}

void spr_probe_add_sve(const struct spr_probe_features *has, struct spr_probe *probe)
{
    const double bytes = has->sve_bytes;
    if (has->sve_bytes > 0) {
        probe->rates[probe->rate_count++] = (struct spr_probe_rate){.name = "sve_vector",
                                                                    .unit = "B",
                                                                    .isa = SPR_ISA_NEON,
                                                                    .threads = 1,
                                                                    .value = bytes,
                                                                    .low = bytes,
                                                                    .high = bytes};
    }
}
