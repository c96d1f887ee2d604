/* SPDX-License-Identifier: Apache-2.0 */
/* A run of validate: all cases in order, until they are done, time is spent or it is told to
 * stop. */
#include <math.h>

#include "base/random.h"
#include "host/host_state.h"
#include "sproof/cpu.h"
#include "validate/validate_parts.h"

static enum spr_status check_options(const struct spr_validate_options *options,
                                     struct spr_error *err)
{
    if (options->residency == SPR_RESIDENCY_DRAM) {
        return spr_fail(
            err, SPR_EINPUT,
            "residency dram cannot be measured: expected warm (the same layer again "
            "and again), cold (weights evicted before each call) or network (the "
            "bytes of the other layers pass before each call)");
    }
    return SPR_OK;
}

void spr_validate_begin(struct spr_validate_run *run, struct spr_machine *machine)
{
    const struct spr_validate_options *options = run->options;
    *run->validation = (struct spr_validation){.seed = options->seed,
                                               .machine = *machine,
                                               .layout = options->layout,
                                               .drift = (double)NAN,
                                               .peak_flops_per_s = (double)NAN};
    *machine = (struct spr_machine){0};
    run->machine = &run->validation->machine;
    run->clock_s = options->clock_s ? options->clock_s : spr_cpu_clock_s;
}

static bool stopped(const struct spr_validate_run *run)
{
    return run->options->stop && run->options->stop();
}

/* Visits of a case: so many, some seconds apart, for a neighbour that is busy in one of them may
 * be idle in the next; more while they find no number. */
#define VISITS 2
#define VISITS_MOST 5
#define VISITS_APART_S 10.0
/* A budget below this leaves no time to come round again, and of a larger one the first visits take
 * a share that leaves as much to the second ones, and some to those that find no number. */
#define BUDGET_FOR_VISITS_S 30.0
#define FIRST_VISITS 0.35

static int visits_of(const struct spr_validate_run *run)
{
    const struct spr_validate_options *options = run->options;
    /* Without a list of tuned plans a later visit would run the usual ones. */
    const bool plan_lost = options->tune && !options->tuned;
    return options->one_visit || run->backend->gpu || plan_lost ||
                   options->budget_s < BUDGET_FOR_VISITS_S
               ? 1
               : VISITS;
}

/* done: visits to cases. */
static void tell(const struct spr_validate_run *run, const struct spr_agenda *agenda,
                 size_t done, size_t at, double elapsed_s)
{
    const struct spr_validate_options *options = run->options;
    const size_t all = agenda->count * (size_t)visits_of(run);
    struct spr_validate_progress progress = {.done = done,
                                             .total = all > done ? all : done + 1,
                                             .variant = agenda->items[at].variant,
                                             .layer = agenda->items[at].layer,
                                             .elapsed_s = elapsed_s,
                                             .left_s = (double)NAN};
    if (done > 0) {
        progress.left_s = elapsed_s / (double)done * (double)(progress.total - done);
    }
    if (!isnan(options->budget_s)) {
        progress.left_s = fmin(isnan(progress.left_s) ? HUGE_VAL : progress.left_s,
                               fmax(0, options->budget_s - elapsed_s));
    }
    if (options->progress) {
        options->progress(options->context, &progress);
    }
}

/* The agenda's order, shuffled under a budget: what is measured of it is then a fair sample. */
static size_t *make_order(const struct spr_validate_run *run, size_t count)
{
    size_t *order = spr_calloc(count, sizeof *order);
    uint64_t random = run->options->seed;
    for (size_t i = 0; order && i < count; i++) {
        order[i] = i;
    }
    for (size_t i = count; order && i > 1 && !isnan(run->options->budget_s); i--) {
        size_t j = spr_random(&random) % i, swapped = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swapped;
    }
    return order;
}

/* What a run over an agenda goes through. */
struct going {
    struct spr_validate_run *run;
    const struct spr_agenda *agenda;
    const size_t *order;
    struct spr_case_rows *rows; /* [i]: of agenda item i */
    size_t done;                /* visits to cases */
    double begin_s;             /* of the batch of cases at hand */
    struct spr_error *err;
};

/* The run's time is up for visits of this number. */
static bool spent(const struct going *g)
{
    const struct spr_validate_run *run = g->run;
    const double end_s = run->begin_s + run->options->budget_s; /* NAN: never */
    const double share = run->visit == 0 && visits_of(run) > 1 ? FIRST_VISITS : 1;
    return g->done > 0 && run->clock_s() >= g->begin_s + share * (end_s - g->begin_s);
}

/* Another visit may bring a number, or is one of those that every case gets. */
static bool wanted(const struct going *g, const struct spr_case_rows *rows)
{
    const int visit = g->run->visit;
    bool doubtful = false;
    for (size_t i = 0; i < rows->count; i++) {
        doubtful = doubtful || rows->row[i].inconclusive;
    }
    return rows->visits == visit && (visit < visits_of(g->run) || doubtful) &&
           (visit == 0 || rows->count > 0);
}

#define NAP_S 0.05

/* Until some seconds after the visit before. A clock of the caller's is not waited for. */
static void wait_apart(const struct going *g, const struct spr_case_rows *rows)
{
    const struct spr_validate_run *run = g->run;
    while (run->visit > 0 && !run->options->clock_s && !stopped(run) && !spent(g) &&
           run->clock_s() - rows->begun_s < VISITS_APART_S) {
        spr_bench_sleep(NAP_S);
    }
}

/* One visit to each case that wants it; *any: there was one. */
static enum spr_status visit_all(struct going *g, bool *any)
{
    struct spr_validate_run *run = g->run;
    *any = false;
    for (size_t i = 0; i < g->agenda->count; i++) {
        const size_t at = g->order[i];
        struct spr_case_rows *rows = &g->rows[at];
        if (!wanted(g, rows)) {
            continue;
        }
        wait_apart(g, rows);
        if (stopped(run)) {
            run->validation->interrupted = true;
            return SPR_OK;
        }
        if (spent(g)) {
            return SPR_OK;
        }
        tell(run, g->agenda, g->done, at, run->clock_s() - run->begin_s);
        SPR_TRY(spr_validate_case(run, &g->agenda->items[at], rows, g->err));
        rows->visits = run->visit + 1;
        g->done++;
        *any = true;
    }
    return SPR_OK;
}

/* Visits to as many cases as the first share of the budget allows, until all of them are known;
 * *any: there was a new one. */
static enum spr_status measure_batch(struct going *g, bool *any)
{
    struct spr_validate_run *run = g->run;
    const int most = visits_of(run) == 1 ? 1 : VISITS_MOST;
    bool more = true;
    g->begin_s = run->clock_s();
    for (run->visit = 0; run->visit < most && more && !run->validation->interrupted;
         run->visit++) {
        SPR_TRY(visit_all(g, &more));
        *any = run->visit == 0 ? more : *any;
    }
    return SPR_OK;
}

/* Less time than that is not begun upon: no second visits would fit. */
#define BATCH_S (VISITS_APART_S * 1.5)

static bool has_time(const struct going *g)
{
    const struct spr_validate_run *run = g->run;
    const double left_s = run->begin_s + run->options->budget_s - run->clock_s();
    return !run->validation->interrupted && visits_of(run) > 1 && left_s >= BATCH_S;
}

/* Visits in `order` until all is known or time is spent. What is known at an interrupt stays. */
static enum spr_status measure_all(struct going *g)
{
    struct spr_validate_run *run = g->run;
    bool any = true;
    enum spr_status status = measure_batch(g, &any);
    while (status == SPR_OK && any && has_time(g)) {
        status = measure_batch(g, &any);
    }
    if (status == SPR_EINTERRUPTED) {
        run->validation->interrupted = true;
        *g->err = (struct spr_error){0};
        status = SPR_OK;
    }
    SPR_TRY(status);
    for (size_t i = 0; i < g->agenda->count; i++) {
        /* The canaries know more by now. */
        SPR_TRY(spr_case_judge(run, &g->rows[i], g->err));
    }
    return SPR_OK;
}

/* Load that others put on the cores the kernels need. */
#define OTHERS_NOTED 0.1

static void note_others(const struct spr_validate_run *run, const struct spr_host_load *before)
{
    double others = spr_host_load_others(before);
    double cores = (double)spr_cpu_threads();
    double wanted = run->options->threads + others;
    if (run->backend->rate && others > OTHERS_NOTED && wanted > cores + OTHERS_NOTED) {
        spr_note(run->options->notes,
                 "other programs kept %.1f of %g cores busy during the run: with %d thread%s "
                 "the times are too long",
                 others, cores, run->options->threads, run->options->threads == 1 ? "" : "s");
    }
}

/* As many dense times of one shape tell which of them is off, and by how much. */
#define WITNESSES 3
#define DISAGREEMENT 0.10

/* Several kernels of one case were timed beside the same dense one: it is one witness. */
static bool same_dense(const struct spr_validation *v, size_t index)
{
    return index > 0 && v->cases[index].dense.measured.samples ==
                            v->cases[index - 1].dense.measured.samples;
}

/* The rank of a case's dense time among those of its shape: how many are less, and how many
 * there are. */
static size_t dense_rank(const struct spr_validation *v, size_t index, size_t *witnesses)
{
    const struct spr_validation_case *c = &v->cases[index];
    size_t less = 0;
    *witnesses = 0;
    for (size_t i = 0; i < v->case_count; i++) {
        const struct spr_validation_case *o = &v->cases[i];
        if (o->m == c->m && o->k == c->k && o->n == c->n && !same_dense(v, i)) {
            double mine = c->dense.measured.time_s, other = o->dense.measured.time_s;
            less += other < mine || (!(mine < other) && i < index);
            (*witnesses)++;
        }
    }
    return less;
}

/* The dense product of a shape is the same in every case. Where it took another time than in
 * most, the machine was disturbed for so long that every sample agreed. */
static void mark_disturbed(struct spr_validation *v)
{
    for (size_t i = 0; i < v->case_count; i++) {
        size_t witnesses, rank = dense_rank(v, i, &witnesses);
        double usual_s = v->cases[i].dense.measured.time_s;
        if (same_dense(v, i) || witnesses < WITNESSES || rank != witnesses / 2) {
            continue; /* not the one in the middle */
        }
        for (size_t j = 0; j < v->case_count; j++) {
            struct spr_validation_case *c = &v->cases[j];
            if (c->m == v->cases[i].m && c->k == v->cases[i].k && c->n == v->cases[i].n &&
                fabs(c->dense.measured.time_s / usual_s - 1) > DISAGREEMENT) {
                c->inconclusive = true;
            }
        }
    }
}

/* The rows of complete cases, in the order of the agenda; *done: how many cases. */
static enum spr_status collect(struct spr_validation *v, const struct spr_case_rows *rows,
                               size_t total, size_t *done, struct spr_error *err)
{
    if (!spr_grow(&v->cases, &v->case_capacity, total * SPR_CONTENDERS_MAX,
                  sizeof *v->cases)) {
        return spr_no_memory(err);
    }
    for (size_t i = 0; i < total; i++) {
        *done += rows[i].visits > 0;
        for (size_t r = 0; rows[i].visits > 0 && r < rows[i].count; r++) {
            v->cases[v->case_count++] = rows[i].row[r];
        }
    }
    return SPR_OK;
}

/* Measures between two looks at the machine's rate and at what else it does. */
static enum spr_status measure_watched(struct going *g)
{
    struct spr_validate_run *run = g->run;
    struct spr_validation *v = run->validation;
    struct spr_host_load load = spr_host_load_now();
    double before = spr_validate_rate(run);
    spr_validate_raise_roof(run, before);
    run->begin_s = run->clock_s();
    enum spr_status status = measure_all(g);
    double after = spr_validate_rate(run);
    note_others(run, &load);
    v->peak_flops_per_s = fmax(before, after);
    v->drift = after / before - 1;
    return status;
}

static enum spr_status run_agenda(struct spr_validate_run *run,
                                  const struct spr_agenda *agenda, struct spr_error *err)
{
    struct spr_validation *v = run->validation;
    struct spr_case_rows *rows = spr_calloc(agenda->count, sizeof *rows);
    size_t *order = make_order(run, agenda->count), done = 0;
    struct going going = {
        .run = run, .agenda = agenda, .order = order, .rows = rows, .err = err};
    enum spr_status status = rows && order ? measure_watched(&going) : spr_no_memory(err);
    if (status == SPR_OK) {
        status = collect(v, rows, agenda->count, &done, err);
        mark_disturbed(v);
    }
    if (status == SPR_OK && !v->interrupted && done < agenda->count) {
        spr_note(run->options->notes,
                 "the budget of %g s is spent: %zu of %zu cases, chosen at random",
                 run->options->budget_s, done, agenda->count);
    }
    spr_free(rows);
    spr_free(order);
    return status;
}

static enum spr_status list_and_measure(struct spr_validate_run *run,
                                        const struct spr_network *network,
                                        struct spr_agenda *agenda, struct spr_error *err)
{
    SPR_TRY(check_options(run->options, err));
    SPR_TRY(spr_agenda_make(run, network, agenda, err));
    if (run->backend->prepare) {
        SPR_TRY(run->backend->prepare(run, network, err));
    }
    return run_agenda(run, agenda, err);
}

enum spr_status spr_validate_on(struct spr_validate_run *run,
                                const struct spr_network *network, struct spr_error *err)
{
    struct spr_agenda agenda = {0};
    enum spr_status status = list_and_measure(run, network, &agenda, err);
    spr_agenda_free(&agenda);
    spr_side_free(run, &run->dense);
    return status;
}
