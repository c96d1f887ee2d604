/* SPDX-License-Identifier: Apache-2.0 */
/* A run of validate on a GPU: each case's products checked, timed by events beside the dense
 * one, held against the bound. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/worse.h"
#include "cuda/gpu.h"
#include "sproof/cpu.h"
#include "sproof/cuda.h"
#include "validate/validate_parts.h"

#define PRODUCTS_MAX 3 /* dense, a library's, sproof's own */
#define WARM_UP_S 0.01
#define SAMPLE_S 300e-6 /* least length of a warm sample */
#define CALLS_MAX 100
#define CASE_BUDGET_S 0.5
#define SAMPLES_MAX 100

/* As in validate_fill.c: a rate is known no better than this. */
#define ROOF_RESOLUTION 0.995

/* One kernel of a case. */
struct product {
    struct spr_gpu_task *task;
    int calls; /* in one sample */
    double worst;
    double samples[SAMPLES_MAX];
    struct spr_measurement measured;
};

struct run {
    const struct spr_validate_options *options;
    struct spr_validation *validation;
    struct spr_notes *notes;
    struct spr_gpu *gpu;
    enum spr_dtype dtype;
    struct spr_model model, model_high; /* nominal rates, and the highest */
    struct spr_gpu_case *dense_case;    /* of the shape at hand */
    struct product dense;
    size_t shape;
    size_t left_capacity;
    uint64_t random;
    struct spr_error *err;
};

/* What the model says of one side of a case. */
struct predicted {
    double bound_s, least_s;
    const char *limit;
};

static enum spr_status no_memory(const struct run *run)
{
    return spr_no_memory(run->err);
}

static const char *keep(const struct run *run, const char *text)
{
    return spr_arena_text(&run->validation->arena, text, strlen(text));
}

/* A line of what is not measured, once. */
static enum spr_status leave_out(struct run *run, const char *what, const char *why)
{
    struct spr_validation *v = run->validation;
    char line[400];
    snprintf(line, sizeof line, "%.120s: %.250s", what, why);
    for (size_t i = 0; i < v->not_measured_count; i++) {
        if (strcmp(v->not_measured[i], line) == 0) {
            return SPR_OK;
        }
    }
    const char *kept = keep(run, line);
    if (!kept || !spr_grow(&v->not_measured, &run->left_capacity, v->not_measured_count + 1,
                           sizeof *v->not_measured)) {
        return no_memory(run);
    }
    v->not_measured[v->not_measured_count++] = kept;
    return SPR_OK;
}

/* The limit's name among those of the CPU's kernels, by what the bound is made of. */
static const char *limit_of(const struct spr_prediction *bound)
{
    if (bound->bound == SPR_BOUND_COMPUTE) {
        return spr_limit_name(SPR_LIMIT_FMA);
    }
    if (bound->bound == SPR_BOUND_OVERHEAD) {
        return spr_limit_name(SPR_LIMIT_CALL);
    }
    return spr_limit_name(bound->bytes_weight_values + bound->bytes_weight_index >
                                  bound->bytes / 2
                              ? SPR_LIMIT_W
                              : SPR_LIMIT_X);
}

static struct predicted predict(const struct run *run, const struct spr_planned *planned,
                                const struct spr_matrix *w, double kept)
{
    const struct spr_layer layer = spr_planned_layer(planned);
    struct predicted out = {(double)NAN, (double)NAN, NULL};
    struct spr_prediction bound, high;
    bool known = true;
    if (w) {
        const struct spr_counted counted = spr_matrix_counted(w);
        known = spr_model_sparse(&run->model, &layer, 1, &planned->pattern, kept, &counted,
                                 &bound) &&
                spr_model_sparse(&run->model_high, &layer, 1, &planned->pattern, kept,
                                 &counted, &high);
    } else {
        spr_model_dense(&run->model, &layer, 1, &bound);
        spr_model_dense(&run->model_high, &layer, 1, &high);
    }
    if (known) {
        out = (struct predicted){bound.time_s, high.time_s, limit_of(&bound)};
    }
    return out;
}

static bool stopped(const struct run *run)
{
    return run->options->stop && run->options->stop();
}

/* Runs until the clocks are up, and finds how many calls make a sample. */
static enum spr_status warm_up(struct run *run, struct product *product)
{
    bool cold = run->options->residency == SPR_RESIDENCY_COLD;
    double seconds = 0, begin = spr_cpu_clock_s();
    enum spr_status status = SPR_OK;
    do {
        status = spr_gpu_sample(run->gpu, product->task, false, 5, &seconds, run->err);
    } while (status == SPR_OK && spr_cpu_clock_s() - begin < WARM_UP_S);
    double calls = ceil(SAMPLE_S / seconds);
    product->calls = cold || !(calls > 1) ? 1 : calls > CALLS_MAX ? CALLS_MAX : (int)calls;
    return status;
}

static enum spr_status take_round(struct run *run, struct product **products, size_t count,
                                  size_t round)
{
    bool cold = run->options->residency == SPR_RESIDENCY_COLD;
    size_t first = spr_random(&run->random) % count;
    enum spr_status status = SPR_OK;
    for (size_t i = 0; i < count && status == SPR_OK; i++) {
        struct product *product = products[(first + i) % count];
        status = spr_gpu_sample(run->gpu, product->task, cold, product->calls,
                                &product->samples[round], run->err);
    }
    return status;
}

/* true when all intervals are narrow. */
static bool summarise(struct run *run, struct product **products, size_t count, size_t rounds)
{
    bool narrow = rounds >= SPR_BENCH_SAMPLES_NARROW;
    for (size_t i = 0; i < count; i++) {
        struct spr_measurement *m = &products[i]->measured;
        m->samples = products[i]->samples;
        m->sample_count = rounds;
        spr_bench_summarise(m, &run->random);
        narrow = narrow && m->high_s - m->low_s <= SPR_BENCH_NARROW * m->median_s;
    }
    return narrow;
}

static enum spr_status time_products(struct run *run, struct product **products, size_t count)
{
    double budget_s =
        run->options->case_budget_s > 0 ? run->options->case_budget_s : CASE_BUDGET_S;
    enum spr_status status = SPR_OK;
    for (size_t i = 0; i < count && status == SPR_OK; i++) {
        status = warm_up(run, products[i]);
    }
    double begin = spr_cpu_clock_s();
    for (size_t rounds = 0; status == SPR_OK && rounds < SAMPLES_MAX;) {
        if (stopped(run)) {
            return spr_fail(run->err, SPR_EINTERRUPTED, "interrupted");
        }
        status = take_round(run, products, count, rounds++);
        bool spent = rounds >= SPR_BENCH_SAMPLES_MIN && spr_cpu_clock_s() - begin >= budget_s;
        bool look = spent || rounds == SAMPLES_MAX || rounds % SPR_BENCH_SAMPLES_NARROW == 0;
        if (status == SPR_OK && look && (summarise(run, products, count, rounds) || spent)) {
            break;
        }
    }
    return status;
}

static enum spr_status make_product(struct run *run, struct spr_gpu_case *of,
                                    enum spr_gpu_kernel kernel, int block,
                                    struct product *product)
{
    char rejected[320] = "";
    struct spr_gpu_choice choice = {kernel, block, rejected, sizeof rejected};
    enum spr_status status = spr_gpu_product(of, &choice, &product->task, run->err);
    status = status ? status : spr_gpu_check(of, product->task, &product->worst, run->err);
    if (rejected[0]) {
        spr_note(run->notes, "%s", rejected);
    }
    return status;
}

static void free_dense(struct run *run)
{
    spr_gpu_task_free(run->dense.task);
    spr_gpu_case_free(run->dense_case);
    run->dense = (struct product){0};
    run->dense_case = NULL;
}

/* The dense side of a shape, once for all its cases. */
static enum spr_status make_dense(struct run *run, const struct spr_planned *planned)
{
    if (run->dense.task && run->shape == planned->shape) {
        return SPR_OK;
    }
    free_dense(run);
    struct spr_gpu_operands operands = {planned->m,
                                        planned->k,
                                        planned->n,
                                        run->dtype,
                                        spr_seed(run->options->seed, "x", planned),
                                        NULL};
    SPR_TRY(spr_gpu_case_make(run->gpu, &operands, &run->dense_case, run->err));
    run->shape = planned->shape;
    return make_product(run, run->dense_case, SPR_GPU_CUBLASLT, 0, &run->dense);
}

static enum spr_status keep_measured(const struct run *run, const struct product *product,
                                     struct spr_measurement *out)
{
    size_t bytes = product->measured.sample_count * sizeof(double);
    *out = product->measured;
    out->samples = spr_arena_alloc(&run->validation->arena, bytes);
    if (!out->samples) {
        return no_memory(run);
    }
    memcpy(out->samples, product->samples, bytes);
    return SPR_OK;
}

/* One product's row of the record; w NULL: the dense one. */
static enum spr_status add_row(struct run *run, const struct spr_planned *planned,
                               const struct spr_matrix *w, double kept,
                               const struct product *product)
{
    struct spr_validation *v = run->validation;
    struct predicted own = predict(run, planned, w, kept);
    struct predicted dense = predict(run, planned, NULL, 0);
    double cells = (double)planned->m * (double)planned->k;
    double time_s = product->measured.median_s, dense_s = run->dense.measured.median_s;
    if (!spr_grow(&v->cases, &v->case_capacity, v->case_count + 1, sizeof *v->cases)) {
        return no_memory(run);
    }
    struct spr_validation_case c = {
        .layer = keep(run, planned->layer),
        .variant = keep(run, planned->variant),
        .m = planned->m,
        .k = planned->k,
        .n = planned->n,
        .count = planned->count,
        .pattern = planned->pattern,
        .sparsity = planned->sparsity,
        .nnz = w ? (double)w->nnz : cells,
        .kept = w ? kept : cells,
        .real_mask = planned->mask != NULL,
        .gpu = true,
        .threads = 1,
        .residency = run->options->residency,
        .kernel = keep(run, spr_gpu_task_name(product->task)),
        .bound_s = own.bound_s,
        .expected_s = own.bound_s,
        .expected_bound = own.limit,
        .fraction_of_bound = own.bound_s / time_s,
        .dense = {.kernel = keep(run, spr_gpu_task_name(run->dense.task)),
                  .bound_s = dense.bound_s,
                  .expected_s = dense.bound_s,
                  .fraction_of_bound = dense.bound_s / dense_s},
        .bound_speedup = w ? dense.bound_s / own.bound_s : (double)NAN,
        .expected_speedup = w ? dense.bound_s / own.bound_s : (double)NAN,
        .measured_speedup = w ? dense_s / time_s : (double)NAN,
        .error = own.bound_s / time_s - 1,
        .max_error_ratio = product->worst,
        .inconclusive = spr_bench_inconclusive(&product->measured) ||
                        spr_bench_inconclusive(&run->dense.measured)};
    c.speedup_error = c.expected_speedup / c.measured_speedup - 1;
    c.above_roof = !c.inconclusive && (time_s < ROOF_RESOLUTION * own.least_s ||
                                       dense_s < ROOF_RESOLUTION * dense.least_s);
    SPR_TRY(keep_measured(run, product, &c.measured));
    SPR_TRY(keep_measured(run, &run->dense, &c.dense.measured));
    if (!c.layer || !c.variant || !c.kernel || !c.dense.kernel) {
        return no_memory(run);
    }
    v->cases[v->case_count++] = c;
    return SPR_OK;
}

/* Checked again after it was timed. */
static enum spr_status check_again(struct run *run, struct spr_gpu_case *of,
                                   struct product *product)
{
    double worst = 0;
    enum spr_status status = spr_gpu_check(of, product->task, &worst, run->err);
    product->worst = spr_worse(product->worst, worst);
    return status == SPR_OK && !(product->worst <= 1)
               ? spr_fail(run->err, SPR_EWRONG,
                          "%s: wrong result after it was timed: %.3g times its "
                          "rounding-error bound",
                          spr_gpu_task_name(product->task), product->worst)
               : status;
}

/* The kernels of a pattern; count 0: there is none. */
static size_t kernels_of(const struct spr_pattern *pattern, enum spr_gpu_kernel kernels[2])
{
    bool square = pattern->a == pattern->b;
    switch (pattern->kind->pattern_class) {
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
    case SPR_CLASS_DENSE:
    case SPR_CLASS_COMP:
        break;
    }
    return 0;
}

static void scatter(const struct spr_matrix *matrix, float *w)
{
    for (int64_t i = 0; i < matrix->m; i++) {
        for (size_t j = matrix->row[i]; j < matrix->row[i + 1]; j++) {
            w[i * matrix->k + matrix->column[j]] = matrix->value[j];
        }
    }
}

static enum spr_status draw(struct run *run, const struct spr_planned *planned,
                            struct spr_matrix *matrix, double *kept)
{
    struct spr_shape shape = {planned->m, planned->k, 1};
    uint64_t seed = spr_seed(run->options->seed, "w", planned);
    if (planned->mask) {
        enum spr_status status = spr_matrix_read_smtx(planned->mask, seed, matrix, run->err);
        if (status == SPR_OK && (matrix->m != planned->m || matrix->k != planned->k)) {
            status = spr_fail(run->err, SPR_EINPUT, "%s: %lld x %lld: expected %lld x %lld",
                              planned->mask, (long long)matrix->m, (long long)matrix->k,
                              (long long)planned->m, (long long)planned->k);
        }
        *kept = status ? 0 : spr_matrix_cells(matrix, &planned->pattern);
        return status;
    }
    *kept = spr_pattern_kept(&planned->pattern, &shape, planned->sparsity);
    return spr_matrix_random(&planned->pattern, planned->m, planned->k, *kept, seed, matrix,
                             run->err);
}

/* The products of one pruned W. */
static enum spr_status measure_pruned(struct run *run, const struct spr_planned *planned,
                                      const struct spr_matrix *matrix, double kept)
{
    enum spr_gpu_kernel kernels[2];
    struct product products[2] = {0}, *all[PRODUCTS_MAX] = {&run->dense};
    struct spr_gpu_case *of = NULL;
    size_t count = kernels_of(&planned->pattern, kernels), made = 0;
    float *w = spr_calloc((size_t)planned->m * (size_t)planned->k, sizeof *w);
    if (!w) {
        return no_memory(run);
    }
    scatter(matrix, w);
    struct spr_gpu_operands operands = {planned->m,
                                        planned->k,
                                        planned->n,
                                        run->dtype,
                                        spr_seed(run->options->seed, "x", planned),
                                        w};
    enum spr_status status = spr_gpu_case_make(run->gpu, &operands, &of, run->err);
    for (size_t i = 0; i < count && status == SPR_OK; i++) {
        status = make_product(run, of, kernels[i], (int)planned->pattern.a, &products[made]);
        if (status == SPR_EENVIRONMENT) { /* of the others something is still to be learnt */
            char what[160];
            snprintf(what, sizeof what, "%.100s %.50s", planned->layer, planned->variant);
            status = leave_out(run, what, run->err->text);
            *run->err = (struct spr_error){0};
        } else if (status == SPR_OK) {
            all[made + 1] = &products[made];
            made++;
        }
    }
    if (status == SPR_OK && made > 0) {
        status = time_products(run, all, made + 1);
        for (size_t i = 0; i < made && status == SPR_OK; i++) {
            status = check_again(run, of, &products[i]);
            status = status ? status : add_row(run, planned, matrix, kept, &products[i]);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        spr_gpu_task_free(products[i].task);
    }
    spr_gpu_case_free(of);
    spr_free(w);
    return status;
}

static enum spr_status measure_case(struct run *run, const struct spr_planned *planned)
{
    enum spr_gpu_kernel kernels[2];
    char text[SPR_PATTERN_TEXT];
    bool dense = spr_pattern_is_dense(&planned->pattern);
    if (!dense && kernels_of(&planned->pattern, kernels) == 0) {
        return leave_out(run, spr_pattern_text(&planned->pattern, text), "no GPU kernel");
    }
    SPR_TRY(make_dense(run, planned));
    if (dense) {
        struct product *only = &run->dense;
        SPR_TRY(time_products(run, &only, 1));
        SPR_TRY(check_again(run, run->dense_case, only));
        return add_row(run, planned, NULL, 0, only);
    }
    struct spr_matrix matrix = {0};
    double kept = 0;
    enum spr_status status = draw(run, planned, &matrix, &kept);
    status = status ? status : measure_pruned(run, planned, &matrix, kept);
    spr_matrix_free(&matrix);
    return status;
}

static void tell(const struct run *run, const struct spr_agenda *agenda, size_t done,
                 double elapsed_s)
{
    struct spr_validate_progress progress = {.done = done,
                                             .total = agenda->count,
                                             .variant = agenda->items[done].variant,
                                             .layer = agenda->items[done].layer,
                                             .elapsed_s = elapsed_s,
                                             .left_s = (double)NAN};
    if (done > 0) {
        progress.left_s = elapsed_s / (double)done * (double)(agenda->count - done);
    }
    if (run->options->progress) {
        run->options->progress(run->options->context, &progress);
    }
}

static enum spr_status measure_all(struct run *run, const struct spr_agenda *agenda)
{
    double begin = spr_cpu_clock_s();
    for (size_t i = 0; i < agenda->count; i++) {
        double elapsed_s = spr_cpu_clock_s() - begin;
        if (stopped(run)) {
            run->validation->interrupted = true;
            break;
        }
        if (i > 0 && elapsed_s >= run->options->budget_s) {
            spr_note(run->notes, "the budget of %g s is spent: the first %zu of %zu cases",
                     run->options->budget_s, i, agenda->count);
            break;
        }
        tell(run, agenda, i, elapsed_s);
        enum spr_status status = measure_case(run, &agenda->items[i]);
        if (status == SPR_EINTERRUPTED) {
            run->validation->interrupted = true;
            *run->err = (struct spr_error){0};
            break;
        }
        if (status != SPR_OK) {
            return status;
        }
    }
    return SPR_OK;
}

static enum spr_status check_options(const struct run *run)
{
    if (run->dtype != SPR_F16 && run->dtype != SPR_BF16) {
        return spr_fail(run->err, SPR_EINPUT, "--dtype: '%s': expected f16 or bf16 on a GPU",
                        spr_dtype_name(run->dtype));
    }
    if (run->options->residency != SPR_RESIDENCY_WARM &&
        run->options->residency != SPR_RESIDENCY_COLD) {
        return spr_fail(run->err, SPR_EINPUT,
                        "--residency: '%s': expected warm or cold on a GPU",
                        spr_residency_name(run->options->residency));
    }
    return SPR_OK;
}

/* The bound at the highest rates and the shortest overhead: no time can be below it. */
static enum spr_status prepare(struct run *run)
{
    const struct spr_machine *machine = &run->validation->machine;
    SPR_TRY(spr_model_prepare(&run->model, machine, run->dtype, SPR_NOMINAL, SPR_NOMINAL,
                              run->err));
    SPR_TRY(spr_model_prepare(&run->model_high, machine, run->dtype, SPR_HIGH, SPR_HIGH,
                              run->err));
    if (!isnan(machine->overhead_s.low)) {
        run->model_high.overhead_s = machine->overhead_s.low;
    }
    spr_model_set_residency(&run->model, run->options->residency, 1);
    spr_model_set_residency(&run->model_high, run->options->residency, 1);
    return SPR_OK;
}

static enum spr_status measure_on(struct run *run, const char *device,
                                  const struct spr_network *network)
{
    struct spr_agenda agenda = {0};
    SPR_TRY(check_options(run));
    SPR_TRY(prepare(run));
    SPR_TRY(spr_gpu_open(device, &run->gpu, run->err));
    enum spr_status status =
        spr_agenda_make(network, run->options, &agenda, run->validation, run->err);
    run->left_capacity = run->validation->not_measured_count;
    status = status ? status : measure_all(run, &agenda);
    spr_agenda_free(&agenda);
    free_dense(run);
    spr_gpu_close(run->gpu);
    return status;
}

enum spr_status spr_cuda_validate(const char *device, enum spr_dtype dtype,
                                  const struct spr_network *network,
                                  struct spr_machine *machine,
                                  const struct spr_validate_options *options,
                                  struct spr_validation *validation, struct spr_notes *notes,
                                  struct spr_error *err)
{
    *validation = (struct spr_validation){.seed = options->seed,
                                          .machine = *machine,
                                          .layout = options->layout,
                                          .drift = (double)NAN,
                                          .peak_flops_per_s = (double)NAN};
    *machine = (struct spr_machine){0};
    struct run run = {.options = options,
                      .validation = validation,
                      .notes = notes,
                      .dtype = dtype,
                      .random = options->seed,
                      .err = err};
    enum spr_status status = measure_on(&run, device, network);
    if (status != SPR_OK) {
        spr_validation_free(validation);
    }
    return status;
}
