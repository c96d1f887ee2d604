/* SPDX-License-Identifier: Apache-2.0 */
/* Cache sizes from a working-set sweep.
 *
 * The logarithm of the bandwidth is cut into pieces of constant level so that the squared
 * differences from the pieces' means are least (all cuts are tried, by dynamic programming); a
 * median over three neighbours goes first, for one disturbed point must not make a piece. The
 * last point before a fall is the knee.
 *
 * Where sysfs names caches, each is looked for between the one before (as found, else as
 * declared) and the geometric middle towards the next, the last one up to the end: two pieces,
 * and the fall must stand out from what varies within them. A cache that a virtual machine
 * shares with strangers so shows with the size it behaves like, and one that makes no
 * difference with none. Where sysfs names nothing, the whole curve is cut into at most four
 * pieces, and the knees are L1, L2, L3 in order. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "probe/probe_parts.h"

#define POINTS_MAX 96
#define PIECES_MAX (SPR_CPU_CACHES + 1)
/* With nothing to go by a fall is one to 80 %: less is what noise and page sizes do. */
#define FALL 0.32 /* log2(1 / 0.8) */
/* Between known caches: to 93 %, and this many times the deviation within the pieces. Two
 * points of pure noise differ from the rest by hardly more than twice. */
#define FALL_LOCAL 0.1 /* log2(1 / 0.93) */
#define DEVIATIONS 2.5
/* The sweep's neighbours lie up to a factor 1.5 apart, and a fall spreads over two of them. */
#define COARSENESS 2.1

struct curve {
    size_t count;
    double level[POINTS_MAX];      /* log2 of the bandwidth */
    double sum[POINTS_MAX + 1];    /* of the first so many */
    double square[POINTS_MAX + 1]; /* of their squares */
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

/* Without sizes to look for. */
static void find_in_order(const struct spr_probe_point *points, size_t count,
                          double detected[SPR_CPU_CACHES])
{
    struct curve curve;
    size_t cut[PIECES_MAX];
    make_curve(points, count, &curve);
    for (int pieces = 4; pieces > 1; pieces--) {
        if (curve.count < 2 * (size_t)pieces) {
            continue;
        }
        cut_best(&curve, pieces, cut);
        if (falls_everywhere(&curve, pieces, cut)) {
            for (int p = 0; p + 1 < pieces; p++) {
                detected[p] = points[cut[p] - 1].bytes;
            }
            return;
        }
    }
}

/* The knee between two working sets; NAN: none. */
static double find_between(const struct spr_probe_point *points, size_t count, double low,
                           double high)
{
    struct curve curve;
    size_t cut[PIECES_MAX], from = 0, to = count;
    while (from < count && points[from].bytes < low) {
        from++;
    }
    while (to > from && points[to - 1].bytes > high) {
        to--;
    }
    if (to < from + 4) {
        return (double)NAN;
    }
    make_curve(points + from, to - from, &curve);
    cut_best(&curve, 2, cut);
    double fall = mean(&curve, 0, cut[0]) - mean(&curve, cut[0], curve.count);
    double squares = cost(&curve, 0, cut[0]) + cost(&curve, cut[0], curve.count);
    bool stands_out =
        fall > FALL_LOCAL && fall > DEVIATIONS * sqrt(fmax(squares, 0) / (double)curve.count);
    return stands_out ? points[from + cut[0] - 1].bytes : (double)NAN;
}

/* The next cache that sysfs names; INFINITY when there is none. */
static double next_declared(const double *declared, int after)
{
    for (int i = after + 1; i < SPR_CPU_CACHES; i++) {
        if (!isnan(declared[i])) {
            return declared[i];
        }
    }
    return (double)INFINITY;
}

void spr_probe_knees(const struct spr_probe_point *points, size_t count,
                     const double declared[SPR_CPU_CACHES], double detected[SPR_CPU_CACHES])
{
    double before = 0;
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        detected[i] = (double)NAN;
    }
    if (isinf(next_declared(declared, -1))) {
        find_in_order(points, count, detected);
        return;
    }
    for (int i = 0; i < SPR_CPU_CACHES; i++) {
        if (!isnan(declared[i])) {
            double next = next_declared(declared, i);
            detected[i] = find_between(points, count, before * 1.25, sqrt(declared[i] * next));
            before = spr_probe_cache_bytes(detected[i], declared[i]);
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
