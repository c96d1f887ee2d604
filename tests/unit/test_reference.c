/* SPDX-License-Identifier: Apache-2.0 */
/* What the other tests see with: no NaN and no infinity passes, wherever it stands. */
#include "reference.h"

#include "base/worse.h"

static void test_ratio(void)
{
    static const struct {
        double value, expected, bound, ratio;
    } rows[] = {
        {1, 1, 0, 0},
        {1.5, 1, 0.25, 2},
        {-1, 1, 4, 0.5},
        {1.5, 1, 0, HUGE_VAL},
        {(double)NAN, 1, 1, HUGE_VAL},
        {1, (double)NAN, 1, HUGE_VAL},
        {(double)NAN, (double)NAN, 1, HUGE_VAL},
        {HUGE_VAL, 1, 1, HUGE_VAL},
        {-HUGE_VAL, 1, HUGE_VAL, HUGE_VAL},
        {HUGE_VAL, HUGE_VAL, 1, HUGE_VAL},
        {1, 1, (double)NAN, HUGE_VAL},
        {1, 2, HUGE_VAL, HUGE_VAL},
        {1, 1, -1, HUGE_VAL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_EXACT(rows[i].ratio,
                    reference_ratio(rows[i].value, rows[i].expected, rows[i].bound));
    }
}

/* One element of four is wrong. */
static void test_places(void)
{
    static const double wrong[] = {(double)NAN, HUGE_VAL, -HUGE_VAL, 1.25};
    for (size_t w = 0; w < COUNT_OF(wrong); w++) {
        for (size_t place = 0; place < 4; place++) {
            struct reference r = {.kernel = "ones"};
            double worst = 0;
            for (size_t i = 0; i < 4; i++) {
                double value = i == place ? wrong[w] : 1;
                reference_next(&r, value, 1, 0.125);
                worst = spr_worse(worst, fabs(value - 1) / 0.125);
            }
            CHECK_INT(place, r.element);
            CHECK_EXACT(w == 3 ? 2 : HUGE_VAL, r.ratio);
            CHECK_EXACT(wrong[w], r.value);
            CHECK(!(worst <= 1));
        }
    }
}

static void test_special(void)
{
    static const double values[] = {(double)NAN, HUGE_VAL, -HUGE_VAL, 1};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        for (size_t j = 0; j < COUNT_OF(values); j++) {
            struct reference r = {.kernel = "special"};
            reference_special(&r, values[i], values[j]);
            CHECK_EXACT(i == j ? 0 : HUGE_VAL, r.ratio);
        }
    }
}

/* Failures that are due: how many the checks add is what is checked. */
static void test_reports(void)
{
    const float zeros[2] = {0, 0}, other[2] = {0, -0.0F};
    const struct reference none = {.kernel = "none"};
    const int before = test_failures;
    int added;
    struct reference bad = {.kernel = "bad"};
    reference_next(&bad, (double)NAN, 1, 1);
    printf("four failures that are due:\n");
    CHECK_REFERENCE(&none);
    CHECK_REFERENCE(&bad);
    CHECK_BITS("signs", zeros, other, 2);
    CHECK_BITS("nothing", zeros, zeros, 0);
    added = test_failures - before;
    test_failures = before;
    CHECK_INT(4, added);
    CHECK_BITS("same", zeros, zeros, 2);
}

/* A float beside those of the caller is found; all of them are NaN at first. */
static void test_guard(void)
{
    for (int at_end = 0; at_end < 2; at_end++) {
        const int before = test_failures;
        struct guarded g = guard(3, at_end == 1);
        CHECK(isnan(g.data[0]) && isnan(g.data[2]));
        g.data[0] = g.data[2] = 1;
        unguard(&g);
        CHECK_INT(before, test_failures);
        g = guard(3, at_end == 1);
        g.data[at_end ? -1 : 3] = 1;
        printf("a failure that is due:\n");
        unguard(&g);
        CHECK_INT(before + 1, test_failures);
        test_failures = before;
    }
}

int main(void)
{
    test_ratio();
    test_places();
    test_special();
    test_reports();
    test_guard();
    return test_end();
}
