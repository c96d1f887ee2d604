/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel whose result is wrong is never timed, whatever is wrong with it. */
#include "reference.h"
#include "validate.h"

enum fault {
    FAULT_NONE,
    FAULT_ONE_ELEMENT, /* off by some bounds */
    FAULT_UNWRITTEN,   /* one element is never stored */
    FAULT_ROWS_SWAPPED,
    FAULT_ALL_ZERO,
    FAULT_ALL_NAN,
    FAULT_FIRST_NAN, /* what follows is right */
    FAULT_LAST_NAN,
    FAULT_INFINITE, /* one element */
    FAULT_LATER,    /* right at first, wrong while it is timed */
    FAULT_COUNT,
};

static enum fault fault;
static bool in_dense; /* which side is wrong */
static size_t calls;  /* of the wrong kernel */

static void wrong_run(const struct spr_packed *packed, const float *x, float *y)
{
    const struct spr_plan *plan = &packed->plan;
    size_t count = (size_t)(plan->m * plan->n), n = (size_t)plan->n, last = count - 1;
    float before = y[last / 2];
    spr_kernel_run(packed, x, y);
    if (spr_pattern_is_dense(&plan->pattern) != in_dense || fault == FAULT_NONE) {
        return;
    }
    calls++;
    switch (fault) {
    case FAULT_ONE_ELEMENT:
        y[last] += 1e-3f;
        break;
    case FAULT_UNWRITTEN:
        y[last / 2] = before;
        break;
    case FAULT_ROWS_SWAPPED:
        for (size_t i = 0; i < n; i++) {
            float first = y[i];
            y[i] = y[last - n + 1 + i];
            y[last - n + 1 + i] = first;
        }
        break;
    case FAULT_ALL_ZERO:
        memset(y, 0, count * sizeof *y);
        break;
    case FAULT_ALL_NAN:
        reference_poison(y, count * sizeof *y);
        break;
    case FAULT_FIRST_NAN:
    case FAULT_LAST_NAN:
        y[fault == FAULT_FIRST_NAN ? 0 : last] = NAN;
        break;
    case FAULT_INFINITE:
        y[last / 2] = -INFINITY;
        break;
    case FAULT_LATER:
        y[0] += calls > 1 ? 1 : 0;
        break;
    case FAULT_NONE:
    case FAULT_COUNT:
        break;
    }
}

static void try_one(const char *pattern, const char *shape, enum spr_isa isa)
{
    const double half[] = {0.5};
    struct test_validation t;
    char table[128];
    snprintf(table, sizeof table, "layer,m,k,n\nfc,%s\n", shape);
    test_validation_start(&t, table);
    test_validation_grid(&t, &pattern, 1, half, 1);
    t.options.isa = isa;
    t.options.kernel_run = wrong_run;
    calls = 0;
    enum spr_status status = test_validation_run(&t);
    if (fault == FAULT_NONE) {
        CHECK_STATUS(SPR_OK, status, &t.err);
        CHECK_INT(1, t.validation.case_count);
        CHECK(t.validation.cases[0].max_error_ratio <= 1);
    } else {
        CHECK_STATUS(SPR_EWRONG, status, &t.err);
        CHECK(strstr(t.err.text, "wrong result") != NULL);
        CHECK(strstr(t.err.text, "spr_spmm_") != NULL);
        CHECK_INT(0, t.validation.case_count);
    }
    if (fault != FAULT_NONE && fault != FAULT_LATER) {
        CHECK(strstr(t.err.text, "element [") != NULL);
        /* Called once, to be checked: only the budget of the run and the multiply-add rate
         * read the clock after that. */
        CHECK_INT(1, calls);
    }
    test_validation_stop(&t);
}

int main(void)
{
    static const char *const patterns[] = {"csr", "4x4", "16x1", "2:4", "ell", "bitmask"};
    static const char *const shapes[] = {"17,24,1", "33,40,17", "64,64,64"};
    for (int f = 0; f < FAULT_COUNT; f++) {
        fault = (enum fault)f;
        for (int dense = 0; dense < 2; dense++) {
            in_dense = dense == 1;
            for (size_t p = 0; p < COUNT_OF(patterns); p++) {
                for (size_t s = 0; s < COUNT_OF(shapes); s++) {
                    char row[64];
                    snprintf(row, sizeof row, "%d %d %s %s", f, dense, patterns[p], shapes[s]);
                    test_row = row;
                    try_one(patterns[p], shapes[s], spr_isa_best());
                    try_one(patterns[p], shapes[s], SPR_ISA_SCALAR);
                }
            }
        }
    }
    test_row = "";
    return test_end();
}
