/* SPDX-License-Identifier: Apache-2.0 */
/* A GPU as a backend of validate: products checked on it, timed by its events, held against the
 * bound. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/worse.h"
#include "cuda/gpu.h"
#include "sproof/cuda.h"
#include "validate/validate_parts.h"

#define WARM_UP_S 0.01
#define SAMPLE_S 300e-6 /* least length of a warm sample */
#define CALLS_MAX 100
#define CASE_BUDGET_S 0.5
#define SAMPLES_MAX 100
/* The intervals are looked at after each so many, and narrow ones are enough. */
#define SAMPLES_NARROW 11
#define NARROW 0.02

/* One kernel of a case: the product of a contender. */
struct product {
    struct spr_gpu_task *task;
    struct spr_gpu_case *of;
    int calls; /* in one sample */
    struct spr_timed samples[SAMPLES_MAX];
};

/* What is made of a side. */
struct made {
    struct spr_gpu_case *of;
    struct product products[SPR_CONTENDERS_MAX];
};

/* Kernels that are timed in turns. */
struct session {
    const struct spr_validate_run *run;
    struct spr_contender *const *contenders;
    size_t count, rounds;
    uint64_t random;
};

static bool cold(const struct spr_validate_run *run)
{
    return run->options->residency == SPR_RESIDENCY_COLD;
}

/* The limit's name among those of the CPU's kernels, by what the bound is made of. */
static enum spr_limit limit_of(const struct spr_prediction *bound)
{
    if (bound->bound == SPR_BOUND_COMPUTE) {
        return SPR_LIMIT_FMA;
    }
    if (bound->bound == SPR_BOUND_OVERHEAD) {
        return SPR_LIMIT_CALL;
    }
    return bound->bytes_weight_values + bound->bytes_weight_index > bound->bytes / 2
               ? SPR_LIMIT_W
               : SPR_LIMIT_X;
}

/* What is expected is the bound. */
static struct spr_predicted predict(const struct spr_validate_run *run,
                                    const struct spr_side *side)
{
    struct spr_prediction bound, high;
    if (!spr_validate_bound(run, side, side->kept, &bound, &high)) {
        return (struct spr_predicted){(double)NAN, (double)NAN, (double)NAN, SPR_LIMIT_FMA};
    }
    return (struct spr_predicted){bound.time_s, high.time_s, bound.time_s, limit_of(&bound)};
}

/* Runs until the clocks are up, and finds how many calls make a sample. */
static enum spr_status warm_up(const struct spr_validate_run *run, struct product *product,
                               struct spr_error *err)
{
    double seconds = 0, begin = run->clock_s();
    do {
        SPR_TRY(spr_gpu_sample(run->own, product->task, false, 5, &seconds, err));
    } while (run->clock_s() - begin < WARM_UP_S);
    double calls = ceil(SAMPLE_S / seconds);
    product->calls = cold(run) || !(calls > 1) ? 1
                     : calls > CALLS_MAX       ? CALLS_MAX
                                               : (int)calls;
    return SPR_OK;
}

static enum spr_status take_round(struct session *s, struct spr_error *err)
{
    size_t first = spr_random(&s->random) % s->count;
    for (size_t i = 0; i < s->count; i++) {
        struct product *product = s->contenders[(first + i) % s->count]->product;
        double seconds;
        SPR_TRY(spr_gpu_sample(s->run->own, product->task, cold(s->run), product->calls,
                               &seconds, err));
        product->samples[s->rounds] = spr_timed_alone(seconds);
    }
    s->rounds++;
    return SPR_OK;
}

/* true when all intervals are narrow. */
static bool summarise(struct session *s)
{
    bool narrow = s->rounds >= SAMPLES_NARROW;
    for (size_t i = 0; i < s->count; i++) {
        struct product *product = s->contenders[i]->product;
        struct spr_measurement *m = &s->contenders[i]->measured;
        *m = (struct spr_measurement){.samples = product->samples, .sample_count = s->rounds};
        spr_bench_by_median(m, &s->random);
        narrow = narrow && m->high_s - m->low_s <= NARROW * m->median_s;
    }
    return narrow;
}

static enum spr_status take_samples(struct session *s, struct spr_error *err)
{
    const struct spr_validate_options *options = s->run->options;
    double budget_s = options->case_budget_s > 0 ? options->case_budget_s : CASE_BUDGET_S;
    double begin = s->run->clock_s();
    for (bool done = false; !done;) {
        if (options->stop && options->stop()) {
            return spr_fail(err, SPR_EINTERRUPTED, "interrupted");
        }
        SPR_TRY(take_round(s, err));
        done = s->rounds == SAMPLES_MAX ||
               (s->rounds >= SPR_BENCH_SAMPLES_MIN && s->run->clock_s() - begin >= budget_s);
        if (done || s->rounds % SAMPLES_NARROW == 0) {
            done = summarise(s) || done;
        }
    }
    return SPR_OK;
}

/* Its samples go to the arena; checked again after it was timed. */
static enum spr_status close_timing(const struct spr_validate_run *run,
                                    struct spr_contender *contender, struct spr_error *err)
{
    struct product *product = contender->product;
    size_t bytes = contender->measured.sample_count * sizeof *product->samples;
    double worst = 0;
    contender->measured.samples = spr_arena_alloc(&run->validation->arena, bytes);
    if (!contender->measured.samples) {
        return spr_no_memory(err);
    }
    memcpy(contender->measured.samples, product->samples, bytes);
    SPR_TRY(spr_gpu_check(product->of, product->task, &worst, err));
    contender->worst = spr_worse(contender->worst, worst);
    return contender->worst <= 1 ? SPR_OK
                                 : spr_fail(err, SPR_EWRONG,
                                            "%s: wrong result after it was timed: %.3g times "
                                            "its rounding-error bound",
                                            contender->kernel, contender->worst);
}

static enum spr_status time_kernels(struct spr_validate_run *run,
                                    struct spr_contender *const *contenders, size_t count,
                                    uint64_t seed, struct spr_error *err)
{
    struct session session = {
        .run = run, .contenders = contenders, .count = count, .random = seed};
    for (size_t i = 0; i < count; i++) {
        SPR_TRY(warm_up(run, contenders[i]->product, err));
    }
    SPR_TRY(take_samples(&session, err));
    for (size_t i = 0; i < count; i++) {
        SPR_TRY(close_timing(run, contenders[i], err));
    }
    return SPR_OK;
}

/* The kernels of a pattern; 0: there is none. */
static size_t kernels_of(const struct spr_pattern *pattern,
                         enum spr_gpu_kernel kernels[SPR_CONTENDERS_MAX])
{
    bool square = pattern->a == pattern->b;
    switch (pattern->kind->pattern_class) {
    case SPR_CLASS_DENSE:
        kernels[0] = SPR_GPU_CUBLASLT;
        return 1;
    case SPR_CLASS_CSR:
        kernels[0] = SPR_GPU_CUSPARSE_CSR;
        return strcmp(pattern->kind->name, "csr") == 0;
    case SPR_CLASS_BLOCK:
        kernels[0] = SPR_GPU_OWN_BLOCKS;
        kernels[1] = SPR_GPU_CUSPARSE_BLOCKS;
        return square && (pattern->a == 16 || pattern->a == 32 || pattern->a == 64) ? 2 : 0;
    case SPR_CLASS_NM:
        kernels[0] = SPR_GPU_CUSPARSELT;
        return pattern->a == 2 && pattern->b == 4;
    case SPR_CLASS_COMP:
        break;
    }
    return 0;
}

static const char *lacks(const struct spr_pattern *pattern)
{
    enum spr_gpu_kernel kernels[SPR_CONTENDERS_MAX];
    return kernels_of(pattern, kernels) == 0 ? "no GPU kernel" : NULL;
}

static void scatter(const struct spr_matrix *matrix, float *w)
{
    for (int64_t i = 0; i < matrix->m; i++) {
        for (size_t j = matrix->row[i]; j < matrix->row[i + 1]; j++) {
            w[i * matrix->k + matrix->column[j]] = matrix->value[j];
        }
    }
}

/* The operands on the device; a dense W is drawn there. */
static enum spr_status make_case(const struct spr_validate_run *run,
                                 const struct spr_side *side, struct spr_gpu_case **of,
                                 struct spr_error *err)
{
    const struct spr_planned *planned = &side->planned;
    struct spr_gpu_operands operands = {
        .m = planned->m,
        .k = planned->k,
        .n = planned->n,
        .dtype = run->options->dtype,
        .seed = spr_seed(run->options->seed, "x", planned),
    };
    if (spr_pattern_is_dense(&planned->pattern)) {
        return spr_gpu_case_make(run->own, &operands, of, err);
    }
    float *w = spr_calloc((size_t)planned->m * (size_t)planned->k, sizeof *w);
    if (!w) {
        return spr_no_memory(err);
    }
    scatter(&side->matrix, w);
    operands.w = w;
    enum spr_status status = spr_gpu_case_make(run->own, &operands, of, err);
    spr_free(w);
    return status;
}

/* Adds one kernel to a side. */
static enum spr_status make_product(const struct spr_validate_run *run, struct spr_side *side,
                                    enum spr_gpu_kernel kernel, struct spr_error *err)
{
    struct made *made = side->made;
    struct product *product = &made->products[side->count];
    struct spr_contender *contender = &side->contenders[side->count];
    char rejected[320] = "";
    struct spr_gpu_choice choice = {kernel, (int)side->planned.pattern.a, rejected,
                                    sizeof rejected};
    enum spr_status status = spr_gpu_product(made->of, &choice, &product->task, err);
    if (status == SPR_OK) {
        *contender = (struct spr_contender){.product = product,
                                            .kernel = spr_gpu_task_name(product->task)};
        product->of = made->of;
        status = spr_gpu_check(made->of, product->task, &contender->worst, err);
    }
    if (rejected[0]) {
        spr_note(run->options->notes, "%s", rejected);
    }
    SPR_TRY(status);
    side->count++;
    return SPR_OK;
}

/* One kernel of a pruned side; where there is none, of the others something is still to be
 * learnt. */
static enum spr_status try_product(struct spr_validate_run *run, struct spr_side *side,
                                   enum spr_gpu_kernel kernel, struct spr_error *err)
{
    struct made *made = side->made;
    enum spr_status status = make_product(run, side, kernel, err);
    if (status != SPR_EENVIRONMENT) {
        return status;
    }
    char what[160];
    struct spr_error reason = *err;
    snprintf(what, sizeof what, "%.100s %.50s", side->planned.layer, side->planned.variant);
    *err = (struct spr_error){0};
    spr_gpu_task_free(made->products[side->count].task);
    made->products[side->count].task = NULL;
    return spr_validate_leave_out(run, what, reason.text, err);
}

static enum spr_status make_side(struct spr_validate_run *run, struct spr_side *side,
                                 struct spr_error *err)
{
    enum spr_gpu_kernel kernels[SPR_CONTENDERS_MAX];
    size_t count = kernels_of(&side->planned.pattern, kernels);
    struct made *made = spr_calloc(1, sizeof *made);
    side->made = made;
    if (!made) {
        return spr_no_memory(err);
    }
    SPR_TRY(make_case(run, side, &made->of, err));
    if (spr_pattern_is_dense(&side->planned.pattern)) {
        return make_product(run, side, SPR_GPU_CUBLASLT, err);
    }
    for (size_t i = 0; i < count; i++) {
        SPR_TRY(try_product(run, side, kernels[i], err));
    }
    return SPR_OK;
}

static void free_side(struct spr_validate_run *run, struct spr_side *side)
{
    struct made *made = side->made;
    (void)run;
    if (made) {
        for (size_t i = 0; i < SPR_CONTENDERS_MAX; i++) {
            spr_gpu_task_free(made->products[i].task);
        }
        spr_gpu_case_free(made->of);
        spr_free(made);
    }
}

static enum spr_status check_options(const struct spr_validate_options *options,
                                     struct spr_error *err)
{
    if (options->dtype != SPR_F16 && options->dtype != SPR_BF16) {
        return spr_fail(err, SPR_EINPUT, "--dtype: '%s': expected f16 or bf16 on a GPU",
                        spr_dtype_name(options->dtype));
    }
    if (options->residency != SPR_RESIDENCY_WARM && options->residency != SPR_RESIDENCY_COLD) {
        return spr_fail(err, SPR_EINPUT, "--residency: '%s': expected warm or cold on a GPU",
                        spr_residency_name(options->residency));
    }
    return SPR_OK;
}

static enum spr_status measure_on(struct spr_validate_run *run,
                                  const struct spr_network *network, struct spr_error *err)
{
    struct spr_gpu *gpu = NULL;
    SPR_TRY(check_options(run->options, err));
    SPR_TRY(spr_validate_models(run, run->options->dtype, err));
    if (!isnan(run->machine->overhead_s.low)) {
        /* No time can be below the bound with the shortest call. */
        run->model_high.overhead_s = run->machine->overhead_s.low;
    }
    SPR_TRY(spr_gpu_open(run->options->device, &gpu, err));
    run->own = gpu;
    enum spr_status status = spr_validate_on(run, network, err);
    spr_gpu_close(gpu);
    return status;
}

enum spr_status spr_cuda_validate(const struct spr_network *network,
                                  struct spr_machine *machine,
                                  const struct spr_validate_options *options,
                                  struct spr_validation *validation, struct spr_error *err)
{
    static const struct spr_backend backend = {.gpu = true,
                                               .lacks = lacks,
                                               .make = make_side,
                                               .time = time_kernels,
                                               .predict = predict,
                                               .free = free_side};
    struct spr_validate_run run = {
        .options = options, .backend = &backend, .threads = 1, .validation = validation};
    spr_validate_begin(&run, machine);
    enum spr_status status = measure_on(&run, network, err);
    if (status != SPR_OK) {
        spr_validation_free(validation);
    }
    return status;
}
