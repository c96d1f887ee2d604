/* SPDX-License-Identifier: Apache-2.0 */
/* Constants out of times: Levenberg and Marquardt's least squares. */
#include "family/fit.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

/* An error of a time beyond this, as a share, counts as an outlier. */
#define USUAL_ERROR 0.05

/* The least over tiles is not smooth: derivatives over coarse steps first. */
#define COARSE_STEP 0.03
#define FINE_STEP 0.003
#define COARSE_ROUNDS 25
#define ROUNDS 60
#define TRIALS 8
#define LARGEST_MOVE 1.0 /* of a logarithm, in a round */
#define SETTLED 1e-5

/* Other starts than the usual constants, so many spreads away at most. */
#define STARTS 6
#define START_SPREAD 1.5

#define PARAMETERS SPR_FORM_CONSTANTS_MAX

struct fit {
    const struct spr_fit_data *data;
    const bool *used;
    const struct spr_prior *prior;
    struct spr_family *family; /* at which a time is asked for */
    enum spr_constant constant[PARAMETERS];
    size_t count;
    double *residual, *weight; /* [case] at the point at hand */
    double *moved, *moved_weight;
    double (*slope)[PARAMETERS];
};

/* Logarithms of the constants. */
struct point {
    double at[PARAMETERS];
    double loss;
};

/* Residuals and their weights; returns twice the soft loss, priors included. */
static double look(struct fit *f, const struct point *point, double *residual, double *weight)
{
    double loss = 0;
    for (size_t p = 0; p < f->count; p++) {
        const struct spr_prior *prior = &f->prior[f->constant[p]];
        const double away = (point->at[p] - log(prior->usual)) / prior->spread;
        f->family->constant[f->constant[p]] = exp(point->at[p]);
        loss += away * away;
    }
    for (size_t i = 0; i < f->data->count; i++) {
        if (!f->used[i]) {
            continue;
        }
        const double time_s =
            spr_family_time(f->family, f->data->view, &f->data->cases[i], NULL);
        const double error = log(time_s / f->data->time_s[i]) / USUAL_ERROR;
        const double root = sqrt(1 + error * error);
        residual[i] = error;
        weight[i] = 1 / root;
        loss += 2 * (root - 1);
    }
    return loss;
}

static void find_slopes(struct fit *f, const struct point *point, double step)
{
    for (size_t p = 0; p < f->count; p++) {
        struct point near = *point;
        near.at[p] += step;
        (void)look(f, &near, f->moved, f->moved_weight);
        for (size_t i = 0; i < f->data->count; i++) {
            f->slope[i][p] = f->used[i] ? (f->moved[i] - f->residual[i]) / step : 0;
        }
    }
}

/* The normal equations, right side last. */
typedef double equations[PARAMETERS][PARAMETERS + 1];

static void set_equations(const struct fit *f, const struct point *point, equations e)
{
    memset(e, 0, sizeof(equations));
    for (size_t p = 0; p < f->count; p++) {
        const struct spr_prior *prior = &f->prior[f->constant[p]];
        const double weight = 1 / (prior->spread * prior->spread);
        e[p][p] = weight;
        e[p][f->count] = -weight * (point->at[p] - log(prior->usual));
    }
    for (size_t i = 0; i < f->data->count; i++) {
        for (size_t p = 0; f->used[i] && p < f->count; p++) {
            const double weighted = f->weight[i] * f->slope[i][p];
            for (size_t q = 0; q < f->count; q++) {
                e[p][q] += weighted * f->slope[i][q];
            }
            e[p][f->count] -= weighted * f->residual[i];
        }
    }
}

/* Gauss and Jordan; the priors make the matrix positive definite, so that no pivot is 0. */
static void solve(equations e, size_t count, double *solution)
{
    for (size_t p = 0; p < count; p++) {
        for (size_t row = 0; row < count; row++) {
            const double factor = row == p ? 0 : e[row][p] / e[p][p];
            for (size_t q = p; factor != 0 && q <= count; q++) {
                e[row][q] -= factor * e[p][q];
            }
        }
    }
    for (size_t p = 0; p < count; p++) {
        solution[p] = e[p][count] / e[p][p];
    }
}

/* One round; false: nothing near is better. */
static bool improve(struct fit *f, struct point *point, double step, double *damping)
{
    equations whole;
    find_slopes(f, point, step);
    set_equations(f, point, whole);
    for (int trial = 0; trial < TRIALS; trial++) {
        equations damped;
        double move[PARAMETERS];
        struct point next = *point;
        memcpy(damped, whole, sizeof damped);
        for (size_t p = 0; p < f->count; p++) {
            damped[p][p] *= 1 + *damping;
        }
        solve(damped, f->count, move);
        for (size_t p = 0; p < f->count; p++) {
            next.at[p] += fmax(-LARGEST_MOVE, fmin(LARGEST_MOVE, move[p]));
        }
        next.loss = look(f, &next, f->moved, f->moved_weight);
        if (next.loss < point->loss) {
            const bool settled = point->loss - next.loss < SETTLED * point->loss;
            *damping *= 0.3;
            *point = next;
            point->loss = look(f, point, f->residual, f->weight);
            return !settled;
        }
        *damping *= 4;
    }
    (void)look(f, point, f->residual, f->weight);
    return false;
}

static void descend(struct fit *f, struct point *point)
{
    static const double steps[2] = {COARSE_STEP, FINE_STEP};
    static const int rounds[2] = {COARSE_ROUNDS, ROUNDS - COARSE_ROUNDS};
    point->loss = look(f, point, f->residual, f->weight);
    for (int stage = 0; stage < 2; stage++) {
        double damping = 1e-2;
        for (int i = 0; i < rounds[stage] && improve(f, point, steps[stage], &damping); i++) {
        }
    }
}

static void search(struct fit *f)
{
    struct point best = {.loss = HUGE_VAL};
    uint64_t state = 1;
    for (int start = 0; start < STARTS; start++) {
        struct point point = {.loss = HUGE_VAL};
        for (size_t p = 0; p < f->count; p++) {
            const struct spr_prior *prior = &f->prior[f->constant[p]];
            const double away = start ? 2 * spr_random_unit(&state) - 1 : 0;
            point.at[p] = log(prior->usual) + START_SPREAD * prior->spread * away;
        }
        descend(f, &point);
        best = point.loss < best.loss ? point : best;
    }
    for (size_t p = 0; p < f->count; p++) {
        f->family->constant[f->constant[p]] = exp(best.at[p]);
    }
}

enum spr_status spr_family_fit(const struct spr_fit_data *data, const bool *used,
                               const struct spr_prior prior[SPR_CONSTANT_COUNT],
                               struct spr_family *family, struct spr_error *err)
{
    struct fit f = {.data = data, .used = used, .prior = prior, .family = family};
    for (int i = 0; i < SPR_CONSTANT_COUNT; i++) {
        family->constant[i] = (double)NAN;
        if (prior[i].usual > 0 && f.count < PARAMETERS) {
            f.constant[f.count++] = (enum spr_constant)i;
        }
    }
    const size_t count = data->count ? data->count : 1;
    double *numbers = spr_calloc(4 * count, sizeof *numbers);
    f.slope = spr_calloc(count, sizeof *f.slope);
    f.residual = numbers;
    if (numbers && f.slope) {
        f.weight = numbers + count;
        f.moved = numbers + 2 * count;
        f.moved_weight = numbers + 3 * count;
        search(&f);
    }
    const bool done = numbers && f.slope;
    spr_free(numbers);
    spr_free(f.slope);
    return done ? SPR_OK : spr_no_memory(err);
}
