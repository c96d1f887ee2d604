/* SPDX-License-Identifier: Apache-2.0 */
/* What was asked of the kernels, and whether this run reached it. */
#include "compare.h"

#include "own.h"

/* Percentages of the peak under AVX2: so many points less. */
#define AVX2_LESS 5

struct goals {
    FILE *out;
    const struct options *options;
    const struct results *results;
    const struct size *sizes;
    size_t size_count;
    int passed, missed, unmeasured;
};

static double rate(const struct result *r)
{
    return r != NULL ? r->flops / r->median : 0;
}

/* The fastest on a matrix that is not sproof; between: only these two names. */
static const struct result *best_peer(const struct goals *g, size_t shape, const char *pattern,
                                      int percent, bool between)
{
    const struct result *best = NULL;
    for (size_t i = 0; i < g->results->count; i++) {
        const struct result *r = &g->results->row[i];
        bool named = strcmp(r->label, "OpenBLAS") == 0 || strncmp(r->label, "oneDNN", 6) == 0;
        if (r->shape == shape && !r->peak && r->sample_count > 0 && r->percent == percent &&
            strcmp(r->pattern, pattern) == 0 && strcmp(r->label, OWN_LABEL) != 0 &&
            (!between || named) && (best == NULL || r->median < best->median)) {
            best = r;
        }
    }
    return best;
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

/* One line. reached < 0: not measured. */
static bool line(struct goals *g, size_t shape, const char *what, double goal, double reached,
                 const char *unit, const char *beside, enum weight weight)
{
    static const char *const verdicts[][2] = {
        {"MISS", "pass"}, {"(miss)", "(pass)"}, {"(no goal)", "(no goal)"}};
    bool pass = reached >= goal, counted = weight == COUNTED;
    fprintf(g->out, "| %s | %s |", what, g->sizes[shape].text);
    if (reached < 0) {
        fprintf(g->out, " %.4g%s | | | not measured |\n", goal, unit);
        g->unmeasured += counted;
        return false;
    }
    fprintf(g->out, " %.4g%s | %.*f%s | %s | %s |\n", goal, unit, unit[0] == 'x' ? 2 : 1,
            reached, unit, beside, verdicts[weight][pass]);
    g->passed += counted && pass;
    g->missed += counted && !pass;
    return pass;
}

static bool capped(const struct goals *g)
{
    return g->options->isa == SPR_ISA_AVX2;
}

static void of_peak(struct goals *g, size_t shape, const char *pattern, int percent,
                    double goal)
{
    char what[80], beside[80] = "";
    const struct result *mine = own(g, shape, pattern, percent);
    double peak = g->results->peak[shape].peak;
    snprintf(what, sizeof what, "%s %d %%, of peak", pattern, percent);
    snprintf(beside, sizeof beside, "%.1f of %.1f GFLOP/s", 1e-9 * rate(mine), 1e-9 * peak);
    (void)line(g, shape, what, capped(g) ? goal - AVX2_LESS : goal,
               mine != NULL ? 100 * rate(mine) / peak : -1, " %", beside, COUNTED);
}

/* Times faster than a peer; true when the goal is reached. */
static bool against(struct goals *g, size_t shape, const char *pattern, int percent,
                    double goal, const struct result *peer, enum weight weight)
{
    char what[80], beside[80] = "";
    const struct result *mine = own(g, shape, pattern, percent);
    snprintf(what, sizeof what, "%s %d %%, over the best %s peer", pattern, percent,
             peer == NULL || peer->percent == 0 ? "dense" : "sparse");
    if (peer != NULL) {
        snprintf(beside, sizeof beside, "%s %.1f us", peer->label, 1e6 * peer->median);
    }
    return line(g, shape, what, goal,
                mine != NULL && peer != NULL ? peer->median / mine->median : -1, "x", beside,
                capped(g) ? SHOWN : weight);
}

static void dense_goal(struct goals *g, size_t shape)
{
    char beside[80] = "";
    const struct result *mine = own(g, shape, "dense", 0);
    const struct result *peer = best_peer(g, shape, "dense", 0, true);
    if (peer != NULL) {
        snprintf(beside, sizeof beside, "%s %.1f GFLOP/s", peer->label, 1e-9 * rate(peer));
    }
    (void)line(g, shape, "dense, of the best of OpenBLAS and oneDNN", 90,
               mine != NULL && peer != NULL ? 100 * rate(mine) / rate(peer) : -1, " %", beside,
               capped(g) ? SHOWN : COUNTED);
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
        int reached = 0, measured = 0;
        for (size_t s = 0; s < g->size_count; s++) {
            const struct result *dense = best_peer(g, s, "dense", 0, false);
            if (g->sizes[s].n < 64) {
                continue;
            }
            measured += dense != NULL && own(g, s, list[p].pattern, 95) != NULL;
            reached += against(g, s, list[p].pattern, 95, list[p].goal, dense, ONE_PART);
        }
        if (measured < 5 || capped(g)) {
            g->unmeasured += !capped(g);
            continue;
        }
        bool pass = 5 * reached >= 4 * measured;
        fprintf(g->out, "| %s 95 %%, all of these | | 4 of 5 | %d of %d | | %s |\n",
                list[p].pattern, reached, measured, pass ? "pass" : "MISS");
        g->passed += pass;
        g->missed += !pass;
    }
}

static void goals_of_shape(struct goals *g, size_t s)
{
    int64_t n = g->sizes[s].n;
    const struct result *dense = best_peer(g, s, "dense", 0, false);
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
        (void)against(g, s, "csr", 90, 2, best_peer(g, s, "csr", 90, false), COUNTED);
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
    struct goals g = {out, options, results, sizes, size_count, 0, 0, 0};
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
    fprintf(out, "\n%d passed, %d missed, %d not measured\n", g.passed, g.missed,
            g.unmeasured);
}
