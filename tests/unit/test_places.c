/* SPDX-License-Identifier: Apache-2.0 */
/* Where the operands of a case lie from visit to visit. */
#include "test.h"

#include "validate.h"

/* Where X and Y of the dense and of the pruned kernel lay in each visit. */
#define PLACES_MOST 5
struct places {
    const void *x[PLACES_MOST][2], *y[PLACES_MOST][2];
};
static struct places places;
static size_t visit_now; /* of the only case */

static void note_visit(void *context, const struct spr_validate_progress *progress)
{
    (void)context;
    visit_now = progress->done;
}

/* Each visit takes longer than the one before: no two agree, and there are as many as there may
 * be. */
static void run_placed(const struct spr_packed *packed, const float *x, float *y)
{
    const size_t visit = visit_now < PLACES_MOST ? visit_now : PLACES_MOST - 1;
    const bool pruned = !spr_pattern_is_dense(&packed->plan.pattern);
    spr_kernel_run(packed, x, y);
    test_now_s += 10e-3 * (double)(visit + 1);
    places.x[visit][pruned] = x;
    places.y[visit][pruned] = y;
}

static size_t same_places(const void *at[PLACES_MOST][2], int pruned)
{
    size_t same = 0;
    for (int v = 0; v < PLACES_MOST; v++) {
        CHECK(at[v][pruned] != NULL);
        for (int u = 0; u < v; u++) {
            same += at[u][pruned] == at[v][pruned];
        }
    }
    return same;
}

/* X and Y lie elsewhere in each visit; where W does is up to the allocator. */
static void test_places(void)
{
    static const char *const tables[] = {"layer,m,k,n\nfc,64,48,8\n",
                                         "layer,m,k,n\nfc,256,256,32\n",
                                         "layer,m,k,n\nfc,1024,1024,64\n"};
    static const char *const patterns[] = {"csr"};
    const double level = 0.5;
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        struct test_validation t;
        test_row = tables[i];
        test_validation_start(&t, tables[i]);
        test_validation_grid(&t, patterns, 1, &level, 1);
        t.options.kernel_run = run_placed;
        t.options.progress = note_visit;
        memset(&places, 0, sizeof places);
        CHECK_STATUS(SPR_OK, test_validation_run(&t), &t.err);
        CHECK_INT(1, t.validation.case_count);
        CHECK_INT(PLACES_MOST, t.validation.cases[0].measured.visits);
        for (int pruned = 0; pruned < 2; pruned++) {
            CHECK_INT(0, same_places(places.x, pruned));
            CHECK_INT(0, same_places(places.y, pruned));
        }
        test_validation_stop(&t);
    }
    test_row = "";
}

int main(void)
{
    test_places();
    return test_end();
}
