/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict on measured times. */
#include "report/verdict.h"

#include <math.h>
#include <stdio.h>

/* Dense and sparse times are "alike" within this much of each other. */
#define ALIKE 0.10

/* Two fractions of the bound differ when one is below this share of the other. */
#define MATCHED 0.9

struct spr_judged spr_judge(const struct spr_explanation *e)
{
    struct spr_judged j = {
        .measured = *e->measured,
        .bound = {e->result->dense_time_s, e->result->time_s},
        .expected = {e->result->expected.dense_time_s, e->result->expected.time_s}};
    if (e->times) {
        j.measured = e->sums.measured;
        j.bound = e->sums.bound;
        j.expected = e->sums.expected;
    }
    j.allowed = spr_speedup_allowed(&j.bound);
    return j;
}

bool spr_beats_bound(const struct spr_measured *measured, const struct spr_measured *bound)
{
    return measured->dense_s < bound->dense_s || measured->sparse_s < bound->sparse_s;
}

struct spr_measured spr_percent_reached(const struct spr_measured *of,
                                        const struct spr_measured *measured)
{
    return (struct spr_measured){100 * of->dense_s / measured->dense_s,
                                 100 * of->sparse_s / measured->sparse_s};
}

double spr_speedup_allowed(const struct spr_measured *times)
{
    return times->sparse_s > 0 ? times->dense_s / times->sparse_s : 1;
}

bool spr_alike(double dense_s, double sparse_s)
{
    return fabs(sparse_s / dense_s - 1) <= ALIKE;
}

bool spr_not_skipped(const struct spr_explanation *e, const struct spr_judged *j)
{
    return !spr_beats_bound(&j->measured, &j->bound) && e->result->density < 1 &&
           spr_alike(j->measured.dense_s, j->measured.sparse_s);
}

void spr_verdict_text(const struct spr_explanation *e, const struct spr_judged *j, char *text,
                      size_t size)
{
    double speedup = j->measured.dense_s / j->measured.sparse_s;
    const struct spr_measured reached = spr_percent_reached(&j->bound, &j->measured);
    const double dense = reached.dense_s, sparse = reached.sparse_s;
    if (!(e->result->density < 1)) {
        snprintf(text, size,
                 "Verdict: this variant has no zeros to skip; a difference of %.2fx is the "
                 "runtime's own.",
                 speedup);
    } else if (spr_not_skipped(e, j)) {
        snprintf(
            text, size,
            "Verdict: dense and sparse take the same time (%.2fx) although %.1f %% of the "
            "prunable weights are zeros. That is consistent with zeros not being skipped: "
            "the runtime multiplies them like any other weight. Check that it stores the "
            "weights in a sparse format and has a kernel for this pattern; a mask alone "
            "changes no time. %s %.2fx.",
            speedup, 100 * (1 - e->result->density),
            j->allowed > 1 + ALIKE ? "The hardware allows"
                                   : "Skipping them would not help much here: the "
                                     "hardware allows only",
            j->allowed);
    } else if (speedup < 1) {
        snprintf(
            text, size,
            "Verdict: sparse is slower than dense (%.2fx): the sparse kernel costs more "
            "than the zeros save. It reaches %.3g %% of its bound, the dense one %.3g %%; "
            "the hardware allows %.2fx.",
            speedup, sparse, dense, j->allowed);
    } else if (sparse < MATCHED * dense) {
        snprintf(
            text, size,
            "Verdict: zeros are skipped (%.2fx), but the sparse kernel reaches %.3g %% of "
            "its bound and the dense one %.3g %%: a sparse kernel as good as the dense "
            "one would bring %.2fx.",
            speedup, sparse, dense, j->allowed);
    } else if (dense < MATCHED * sparse) {
        snprintf(
            text, size,
            "Verdict: %.2fx was measured against a dense kernel that reaches only %.3g %% "
            "of its bound, while the sparse one reaches %.3g %%: part of the speedup is a "
            "slow baseline.",
            speedup, dense, sparse);
    } else {
        snprintf(text, size,
                 "Verdict: %.2fx measured, %.2fx allowed: both kernels reach about the same "
                 "share of their bounds, so the model's ratio holds.",
                 speedup, j->allowed);
    }
}
