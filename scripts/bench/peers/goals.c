/* SPDX-License-Identifier: Apache-2.0 */
/* What was asked of the kernels, and whether this run reached it. */
#include "compare.h"

#include <math.h>

#include "own.h"

/* Percentages of the peak under AVX2: so many points less. */
#define AVX2_LESS 5

struct goals {
    FILE *out;
    const struct options *options;
    const struct results *results;
    const struct size *sizes;
    size_t size_count;
    int passed, missed, open, unmeasured;
};

/* The peers on a matrix. One that is inconclusive may be faster than it was seen to be. */
struct rivals {
    const struct result *best, *doubtful; /* NULL: none */
};

/* between: only OpenBLAS and oneDNN. */
static struct rivals rivals(const struct goals *g, size_t shape, const char *pattern,
                            int percent, bool between)
{
    struct rivals all = {NULL, NULL};
    for (size_t i = 0; i < g->results->count; i++) {
        const struct result *r = &g->results->row[i];
        bool named = strcmp(r->label, "OpenBLAS") == 0 || strncmp(r->label, "oneDNN", 6) == 0;
        if (r->shape != shape || r->peak || r->measured.sample_count == 0 ||
            r->percent != percent || strcmp(r->pattern, pattern) != 0 ||
            strcmp(r->label, OWN_LABEL) == 0 || (between && !named)) {
            continue;
        }
        all.doubtful = result_doubtful(r) ? r : all.doubtful;
        if (all.best == NULL || r->measured.time_s < all.best->measured.time_s) {
            all.best = r;
        }
    }
    return all;
}

static const struct result *own(const struct goals *g, size_t shape, const char *pattern,
                                int percent)
{
    return results_find(g->results, shape, pattern, percent, OWN_LABEL);
}

enum weight {
    COUNTED,  /* a goal of its own */
    ONE_PART, /* of a goal over several shapes */
    SHOWN,    /* no goal under this instruction set */
};

struct goal {
    const char *what;
    double at_least, reached; /* reached NAN: not measured */
    const char *unit;
    char beside[80];
    const struct result *mine, *doubtful; /* doubtful: beside it; NULL: none */
    enum weight weight;
};

enum verdict { MISSED, MET, OPEN };

/* What is beside may be faster than it was seen to be, and then less is reached: that takes from a
 * goal that seems met, and mends none that is missed. */
static enum verdict judge(const struct goal *goal)
{
    if (result_doubtful(goal->mine)) {
        return OPEN;
    }
    return !(goal->reached >= goal->at_least) ? MISSED : goal->doubtful != NULL ? OPEN : MET;
}

static enum verdict line(struct goals *g, size_t shape, const struct goal *goal)
{
    static const char *const verdicts[][3] = {{"MISS", "pass", "inconclusive"},
                                              {"(miss)", "(pass)", "(inconclusive)"},
                                              {"(no goal)", "(no goal)", "(no goal)"}};
    bool counted = goal->weight == COUNTED;
    fprintf(g->out, "| %s | %s | %.4g%s |", goal->what, g->sizes[shape].text, goal->at_least,
            goal->unit);
    if (isnan(goal->reached)) {
        fputs(" | | not measured |\n", g->out);
        g->unmeasured += counted;
        return MISSED;
    }
    enum verdict verdict = judge(goal);
    const struct result *doubtful = result_doubtful(goal->mine) ? goal->mine : goal->doubtful;
    fprintf(g->out, " %.*f%s | %s | %s", goal->unit[0] == 'x' ? 2 : 1, goal->reached,
            goal->unit, goal->beside, verdicts[goal->weight][verdict]);
    if (verdict == OPEN) {
        fprintf(g->out, ": %s %s", doubtful->label, spr_doubt_name(doubtful->measured.doubt));
    }
    fputs(" |\n", g->out);
    g->passed += counted && verdict == MET;
    g->missed += counted && verdict == MISSED;
    g->open += counted && verdict == OPEN;
    return verdict;
}

static bool capped(const struct goals *g)
{
    return g->options->isa == SPR_ISA_AVX2;
}

static void of_peak(struct goals *g, size_t shape, const char *pattern, int percent,
                    double at_least)
{
    char what[80];
    const struct result *peak = results_peak(g->results, shape);
    struct goal goal = {.what = what,
                        .at_least = capped(g) ? at_least - AVX2_LESS : at_least,
                        .unit = " %",
                        .mine = own(g, shape, pattern, percent),
                        .doubtful = peak != NULL && result_doubtful(peak) ? peak : NULL,
                        .weight = COUNTED};
    goal.reached = 100 * result_rate(goal.mine) / result_rate(peak);
    snprintf(what, sizeof what, "%s %d %%, of peak", pattern, percent);
    snprintf(goal.beside, sizeof goal.beside, "%.1f of %.1f GFLOP/s",
             1e-9 * result_rate(goal.mine), 1e-9 * result_rate(peak));
    (void)line(g, shape, &goal);
}

/* Times faster than the best of these. */
static enum verdict against(struct goals *g, size_t shape, const char *pattern, int percent,
                            double at_least, struct rivals peers, enum weight weight)
{
    char what[80];
    const struct result *peer = peers.best;
    struct goal goal = {.what = what,
                        .at_least = at_least,
                        .reached = (double)NAN,
                        .unit = "x",
                        .mine = own(g, shape, pattern, percent),
                        .doubtful = peers.doubtful,
                        .weight = capped(g) ? SHOWN : weight};
    snprintf(what, sizeof what, "%s %d %%, over the best %s peer", pattern, percent,
             peer == NULL || peer->percent == 0 ? "dense" : "sparse");
    if (goal.mine != NULL && peer != NULL) {
        goal.reached = peer->measured.time_s / goal.mine->measured.time_s;
        snprintf(goal.beside, sizeof goal.beside, "%s %.1f us", peer->label,
                 1e6 * peer->measured.time_s);
    }
    return line(g, shape, &goal);
}

static void dense_goal(struct goals *g, size_t shape)
{
    const struct rivals peers = rivals(g, shape, "dense", 0, true);
    struct goal goal = {.what = "dense, of the best of OpenBLAS and oneDNN",
                        .at_least = 90,
                        .unit = " %",
                        .mine = own(g, shape, "dense", 0),
                        .doubtful = peers.doubtful,
                        .weight = capped(g) ? SHOWN : COUNTED};
    goal.reached = 100 * result_rate(goal.mine) / result_rate(peers.best);
    if (peers.best != NULL) {
        snprintf(goal.beside, sizeof goal.beside, "%s %.1f GFLOP/s", peers.best->label,
                 1e-9 * result_rate(peers.best));
    }
    (void)line(g, shape, &goal);
}

static const char *const six[] = {"4x1", "4x4", "8x8", "16x16", "32x1", "32x32"};

/* At 95 %, on four of five shapes. */
static void speedups(struct goals *g)
{
    static const struct {
        const char *pattern;
        double goal;
    } list[] = {{"8x8", 18}, {"16x16", 18}, {"32x1", 18}, {"4x1", 16}, {"4x4", 16}};
    for (size_t p = 0; p < sizeof list / sizeof *list; p++) {
        int reached = 0, open = 0, measured = 0;
        for (size_t s = 0; s < g->size_count; s++) {
            const struct rivals dense = rivals(g, s, "dense", 0, false);
            if (g->sizes[s].n < 64) {
                continue;
            }
            measured += dense.best != NULL && own(g, s, list[p].pattern, 95) != NULL;
            enum verdict verdict =
                against(g, s, list[p].pattern, 95, list[p].goal, dense, ONE_PART);
            reached += verdict == MET;
            open += verdict == OPEN;
        }
        if (measured < 5 || capped(g)) {
            g->unmeasured += !capped(g);
            continue;
        }
        bool pass = 5 * reached >= 4 * measured;
        bool miss = 5 * (reached + open) < 4 * measured;
        fprintf(g->out, "| %s 95 %%, all of these | | 4 of 5 | %d of %d | | %s |\n",
                list[p].pattern, reached, measured,
                pass   ? "pass"
                : miss ? "MISS"
                       : "inconclusive");
        g->passed += pass;
        g->missed += miss;
        g->open += !pass && !miss;
    }
}

static void goals_of_shape(struct goals *g, size_t s)
{
    int64_t n = g->sizes[s].n;
    const struct rivals dense = rivals(g, s, "dense", 0, false);
    if (n >= 16 && g->options->dense) {
        dense_goal(g, s);
    }
    if (!g->options->sparse) {
        return;
    }
    for (size_t p = 0; p < sizeof six / sizeof *six; p++) {
        bool four = p < 2;
        if (n >= 64 || n == 49 || (n == 16 && four)) {
            of_peak(g, s, six[p], 90, n >= 64 ? 85 : n == 49 ? 68 : 75);
        }
    }
    if (n == 128) {
        of_peak(g, s, "csr", 90, 50);
        (void)against(g, s, "csr", 90, 2, rivals(g, s, "csr", 90, false), COUNTED);
        if (g->options->dense) {
            (void)against(g, s, "csr", 70, 1, dense, COUNTED);
        }
    }
    if (n == 1 && g->options->dense) {
        (void)against(g, s, "32x1", 95, 20, dense, COUNTED);
        (void)against(g, s, "16x16", 95, 20, dense, COUNTED);
        (void)against(g, s, "csr", 95, 10, dense, COUNTED);
    }
}

void report_goals(FILE *out, const struct options *options, const struct results *results,
                  const struct size *sizes, size_t size_count)
{
    struct goals g = {out, options, results, sizes, size_count, 0, 0, 0, 0};
    fprintf(out,
            "\n### Goals, %s, %d thread%s%s\n\n"
            "| what | shape | at least | reached | beside | |\n|---|---|---:|---:|---|---|\n",
            spr_isa_name(options->isa), options->threads, options->threads > 1 ? "s" : "",
            options->threads > 1 ? " (one thread decides)" : "");
    for (size_t s = 0; s < size_count; s++) {
        goals_of_shape(&g, s);
    }
    if (options->sparse && options->dense) {
        speedups(&g);
    }
    fprintf(out, "\n%d passed, %d missed, %d inconclusive, %d not measured\n", g.passed,
            g.missed, g.open, g.unmeasured);
}
