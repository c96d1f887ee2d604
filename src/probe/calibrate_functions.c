/* SPDX-License-Identifier: Apache-2.0 */
/* What the functions between an encoder's matrix products take, on synthetic matrices. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/numbers.h"
#include "host/sampler.h"
#include "host/team.h"
#include "kernel/isa/elementwise.h"
#include "kernel/isa_code.h"
#include "kernel/operands.h"
#include "probe/calibrate_trial.h"
#include "sproof/calibrate.h"

/* Tokens of the synthetic matrices, whole cache lines; features of a head. */
#define TOKENS 96
#define HEAD 48

#define REPEATS 7
#define SAMPLE_S 300e-6
#define QUICK_SAMPLE_S 150e-6

/* Bytes of one thread. */
static const double footprints[] = {16384, 131072, 524288, 2097152, 8388608};
#define FOOTPRINTS (sizeof footprints / sizeof footprints[0])

/* What one thread works on. */
struct bench {
    const struct spr_elementwise *ops;
    enum spr_function function;
    float *memory, *bias;
    struct spr_packed keys, values;
    int64_t rows;        /* of TOKENS floats that the footprint holds */
    const float *theirs; /* what another thread writes */
    volatile float sink; /* or reading could be left out */
};

/* Every thread writes all of its memory. */
static void write_all(const struct bench *b, float value)
{
    for (int64_t i = 0; i < b->rows * TOKENS; i++) {
        b->memory[i] = value;
    }
}

/* Reads what another thread has written; nothing depends on it, but it is not left out. */
static void read_theirs(struct bench *b)
{
    float sum[8] = {0};
    for (int64_t i = 0; i < b->rows * TOKENS; i += 8) {
        for (int j = 0; j < 8; j++) {
            sum[j] += b->theirs[i + j];
        }
    }
    b->sink = sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

static void once(void *context)
{
    struct bench *b = context;
    const struct spr_span all = {0, TOKENS};
    if (b->function == SPR_FUNCTION_SOFTMAX) {
        b->ops->softmax(b->memory, b->rows, TOKENS, &all, 0.125F);
    } else if (b->function == SPR_FUNCTION_GELU) {
        b->ops->gelu(b->memory, b->bias, b->rows, TOKENS, &all);
    } else if (b->function == SPR_FUNCTION_NORM) {
        const struct spr_norm norm = {.y = b->memory + b->rows / 2 * TOKENS,
                                      .x = b->memory,
                                      .bias = b->bias,
                                      .gamma = b->bias,
                                      .beta = b->bias,
                                      .rows = b->rows / 2,
                                      .n = TOKENS,
                                      .epsilon = SPR_NORM_EPSILON};
        b->ops->norm(&norm, &all);
    } else if (b->function == SPR_FUNCTION_EXCHANGE) {
        read_theirs(b);
    } else {
        /* The heads of the footprint one after another: query, key and value of each. */
        for (int64_t row = 0; row + 3 * HEAD <= b->rows; row += 3 * HEAD) {
            float *head = b->memory + row * TOKENS;
            b->ops->add(head, b->bias, HEAD, TOKENS, &all);
            spr_pack_columns(&b->keys, &all, head + HEAD * TOKENS, TOKENS, b->bias);
            spr_pack_rows(&b->values, &all, head + 2 * HEAD * TOKENS, TOKENS, b->bias);
        }
    }
}

/* Elements that one call works on. */
static double elements(const struct bench *b)
{
    double rows = (double)b->rows;
    rows = b->function == SPR_FUNCTION_NORM       ? floor(rows / 2)
           : b->function == SPR_FUNCTION_OPERANDS ? floor(rows / (3 * HEAD)) * HEAD
                                                  : rows;
    return rows * TOKENS;
}

/* The values stay in range whatever is repeated: small inputs at every start. */
static void refill(void *context)
{
    struct bench *b = context;
    for (int64_t i = 0; i < b->rows * TOKENS; i++) {
        b->memory[i] = (float)(i % 17) * 0.1F - 0.8F;
    }
}

/* Another thread has read what this one has written. */
static void share_out(void *context)
{
    struct bench *b = context;
    write_all(b, 1);
    spr_team_barrier();
    read_theirs(b);
}

static void rewrite(void *context)
{
    write_all(context, 2);
}

/* Seconds of writing what another thread has read, and of writing it once more. */
static void rewrite_samples(const struct spr_calibration *c, struct bench *team,
                            double *first_s, double *again_s)
{
    struct spr_sampler sampler = {.clock_s = c->clock_s,
                                  .threads = c->threads,
                                  .context = team,
                                  .size = sizeof *team,
                                  .run = rewrite,
                                  .slowest = true};
    for (int r = 0; r < REPEATS; r++) {
        sampler.prepare = share_out;
        spr_sampler_run(&sampler, 1, &first_s[r]);
        sampler.prepare = NULL;
        spr_sampler_run(&sampler, 1, &again_s[r]);
    }
}

/* Seconds of one call, on every thread at once. */
static void call_samples(const struct spr_calibration *c, struct bench *team, double *call_s)
{
    const bool repeats =
        team->function != SPR_FUNCTION_EXCHANGE; /* else it is read but once */
    const struct spr_sampler sampler = {.clock_s = c->clock_s,
                                        .threads = c->threads,
                                        .context = team,
                                        .size = sizeof *team,
                                        .run = once,
                                        .least_s = !repeats   ? 0
                                                   : c->quick ? QUICK_SAMPLE_S
                                                              : SAMPLE_S,
                                        .prepare = refill,
                                        .again = repeats,
                                        .slowest = true};
    spr_sampler_run(&sampler, REPEATS, call_s);
}

static bool measure(const struct spr_calibration *c, struct bench *team,
                    enum spr_function function, struct spr_function_rates *out)
{
    *out = (struct spr_function_rates){
        .isa = c->isa, .threads = c->threads, .function = function};
    const bool rewritten = function == SPR_FUNCTION_REWRITE;
    for (size_t f = 0; f < FOOTPRINTS; f++) {
        double times[REPEATS], again[REPEATS] = {0}; /* what is not counted of them */
        int64_t rows = (int64_t)(footprints[f] / (TOKENS * sizeof(float)));
        if (function == SPR_FUNCTION_OPERANDS && rows < 3 * HEAD) {
            rows = 3 * HEAD;
        }
        for (int t = 0; t < c->threads; t++) {
            team[t].function = function;
            team[t].theirs = team[(t + 1) % c->threads].memory;
            team[t].rows = rows;
        }
        double time_s = 0, again_s = 0, none = 0;
        if (spr_points_known(c, 2)) {
            spr_take_point(c, &time_s, &none);
            spr_take_point(c, &again_s, &none);
        } else {
            if (rewritten) {
                rewrite_samples(c, team, times, again);
            } else {
                call_samples(c, team, times);
            }
            time_s = spr_median(times, REPEATS);
            again_s = spr_median(again, REPEATS);
            if (!spr_keep_point(c, &time_s, &none) || !spr_keep_point(c, &again_s, &none)) {
                return false;
            }
        }
        double bytes = (double)rows * TOKENS * sizeof(float);
        double each = fmax(0, time_s - again_s) / elements(&team[0]);
        size_t at = out->element.count;
        if ((each > 0 || rewritten) && (at == 0 || bytes > out->element.bytes[at - 1])) {
            out->element.bytes[at] = bytes;
            out->element.step_s[at] = each;
            out->element.count++;
        }
    }
    return true;
}

static enum spr_status make_bench(const struct spr_calibration *c, struct bench *b,
                                  struct spr_error *err)
{
    const struct spr_dense_shape keys = {TOKENS, HEAD, TOKENS};
    const struct spr_dense_shape values = {HEAD, TOKENS, TOKENS};
    const size_t most = (size_t)footprints[FOOTPRINTS - 1];
    b->ops = spr_isa_code_of(c->isa)->elementwise;
    b->memory = spr_aligned_alloc(4096, most);
    b->bias = spr_calloc(most / (TOKENS * sizeof(float)) + 1, sizeof *b->bias);
    if (!b->memory || !b->bias) {
        return spr_no_memory(err);
    }
    memset(b->memory, 0, most);
    SPR_TRY(spr_pack_template(c->isa, &keys, &b->keys, err));
    return spr_pack_template(c->isa, &values, &b->values, err);
}

enum spr_status spr_calibrate_functions(const struct spr_calibration *calibration,
                                        struct spr_kernel_rates *rates, struct spr_error *err)
{
    const struct spr_calibration *c = calibration;
    struct bench *team = spr_calloc((size_t)c->threads, sizeof *team);
    size_t capacity = rates->function_count;
    if (!team) {
        return spr_no_memory(err);
    }
    enum spr_status status =
        spr_grow(&rates->functions, &capacity, rates->function_count + SPR_FUNCTION_PATCHES,
                 sizeof *rates->functions)
            ? SPR_OK
            : spr_no_memory(err);
    for (int t = 0; t < c->threads && status == SPR_OK; t++) {
        status = make_bench(c, &team[t], err);
    }
    /* One thread exchanges nothing. */
    int count = c->threads > 1 ? SPR_FUNCTION_PATCHES : SPR_FUNCTION_EXCHANGE;
    for (int f = 0; f < count && status == SPR_OK; f++) {
        if (!measure(c, team, (enum spr_function)f,
                     &rates->functions[rates->function_count++])) {
            status = spr_no_memory(err);
        }
    }
    for (int t = 0; t < c->threads; t++) {
        spr_free(team[t].memory);
        spr_free(team[t].bias);
        spr_packed_free(&team[t].keys);
        spr_packed_free(&team[t].values);
    }
    spr_free(team);
    return status;
}
