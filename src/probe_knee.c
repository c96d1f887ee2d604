/* SPDX-License-Identifier: Apache-2.0 */
/* Cache sizes from a working-set sweep.
 *
 * The logarithm of the bandwidth is cut into pieces of constant level, at most one more than
 * there are caches, so that the squared differences from the pieces' means are least (all cuts
 * are tried, by dynamic programming). A median over three neighbours goes first: one disturbed
 * point must not make a piece. The most pieces are kept for which each lies below the one
 * before by FALL; the last point of a piece is the knee. Which cache a knee belongs to is
 * told by the sizes in sysfs (the assignment with the least total distance, on a log scale),
 * or by its order where there are none. A cache that a virtual machine shares with strangers
 * so shows with the size it really behaves like, and one that makes no difference with none. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "probe_parts.h"

#define POINTS_MAX 96
#define PIECES_MAX (SPR_CPU_CACHES + 1)
/* A fall to 80 %: less is what noise and page sizes do. */
#define FALL 0.32 /* log2(1 / 0.8) */
/* The sweep's neighbours lie up to a factor 1.5 apart. */
#define COARSENESS 1.6

struct curve {
    size_t count;
    double level[POINTS_MAX];         /* log2 of the bandwidth */
    double sum[POINTS_MAX + 1];       /* of the first so many */
    double square[POINTS_MAX + 1];    /* of their squares */
};

static double middle(double a, double b, double c)
{
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

static void make_curve(const struct spr_probe_point *points, size_t count, struct curve *curve)
{
    double raw[POINTS_MAX];
    curve->count = count > POINTS_MAX ? POINTS_MAX : count;
    curve->sum[0] = curve->square[0] = 0;
    for (size_t i = 0; i < curve->count; i++) {
        raw[i] = log2(fmax(points[i].bytes_per_s, 1));
    }
    for (size_t i = 0; i < curve->count; i++) {
        bool inner = i > 0 && i + 1 < curve->count;
        double level = inner ? middle(raw[i - 1], raw[i], raw[i + 1]) : raw[i];
        curve->level[i] = level;
        curve->sum[i + 1] = curve->sum[i] + level;
        curve->square[i + 1] = curve->square[i] + level * level;
    }
}

static double mean(const struct curve *curve, size_t from, size_t to)
{
    return (curve->sum[to] - curve->sum[from]) / (double)(to - from);
}

/* Squared differences from the mean of points from..to-1; a piece has two points at least. */
static double cost(const struct curve *curve, size_t from, size_t to)
{
    if (to < from + 2) {
        return DBL_MAX / 8;
    }
    double sum = curve->sum[to] - curve->sum[from];
    return curve->square[to] - curve->square[from] - sum * sum / (double)(to - from);
}

/* cut[p] = the first point behind piece p. */
static void cut_best(const struct curve *curve, int pieces, size_t cut[PIECES_MAX])
{
    double best[PIECES_MAX][POINTS_MAX + 1];
    size_t from[PIECES_MAX][POINTS_MAX + 1];
    for (size_t to = 0; to <= curve->count; to++) {
        best[0][to] = cost(curve, 0, to);
    }
    for (int p = 1; p < pieces; p++) {
        for (size_t to = 0; to <= curve->count; to++) {
            best[p][to] = DBL_MAX / 4;
            from[p][to] = 0;
            for (size_t at = 0; at < to; at++) {
                double total = best[p - 1][at] + cost(curve, at, to);
                if (total < best[p][to]) {
                    best[p][to] = total;
                    from[p][to] = at;
                }
            }
        }
    }
    cut[pieces - 1] = curve->count;
    for (int p = pieces - 1; p > 0; p--) {
        cut[p - 1] = from[p][cut[p]];
    }
}

static bool falls_everywhere(const struct curve *curve, int pieces, const size_t *cut)
{
    for (int p = 0; p + 1 < pieces; p++) {
        size_t start = p > 0 ? cut[p - 1] : 0;
        if (cut[p] < start + 2 || cut[p + 1] < cut[p] + 2 ||
            mean(curve, start, cut[p]) - mean(curve, cut[p], cut[p + 1]) < FALL) {
            return false;
        }
    }
    return true;
}

/* Distance of the knees from the caches that the bits of `set` choose, in order. */
static double distance(const double *knees, const double *declared, unsigned set)
{
    double total = 0;
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        if (set >> i & 1) {
            total += isnan(declared[i]) ? (double)INFINITY : fabs(log2(*knees++ / declared[i]));
        }
    }
    return total;
}

static void assign(const double *knees, int count, const double *declared, double *detected)
{
    unsigned chosen = (1u << count) - 1; /* nothing known: by order */
    double least = INFINITY;
    for (unsigned set = 0; set < 1u << SPR_CPU_CACHES; set++) {
        int members = 0;
        for (int i = 0; i < SPR_CPU_CACHES; i++) {
            members += (set >> i & 1) != 0;
        }
        if (members == count && distance(knees, declared, set) < least) {
            least = distance(knees, declared, set);
            chosen = set;
        }
    }
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        if (chosen >> i & 1) {
            detected[i] = *knees++;
        }
    }
}

void spr_probe_knees(const struct spr_probe_point *points, size_t count,
                     const double declared[SPR_CPU_CACHES], double detected[SPR_CPU_CACHES])
{
    struct curve curve;
    size_t cut[PIECES_MAX];
    double knees[PIECES_MAX];
    int caches = 0;
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        detected[i] = (double)NAN;
        caches += !isnan(declared[i]);
    }
    make_curve(points, count, &curve);
    caches = caches ? caches : 3;
    for (int pieces = caches + 1; pieces > 1; pieces--) {
        if (curve.count < 2 * (size_t)pieces) {
            continue;
        }
        cut_best(&curve, pieces, cut);
        if (falls_everywhere(&curve, pieces, cut)) {
            for (int p = 0; p + 1 < pieces; p++) {
                knees[p] = points[cut[p] - 1].bytes;
            }
            assign(knees, pieces - 1, declared, detected);
            return;
        }
    }
}

bool spr_probe_cache_differs(double detected, double declared)
{
    return detected > declared * COARSENESS || declared > detected * COARSENESS;
}

double spr_probe_cache_bytes(double detected, double declared)
{
    if (isnan(detected)) {
        return declared;
    }
    return isnan(declared) || spr_probe_cache_differs(detected, declared) ? detected
                                                                          : declared;
}
