/* SPDX-License-Identifier: Apache-2.0 */
/* The pattern table, made from the files of src/pattern/kind, and what all patterns share. */
#include <stdint.h>
#include <stdlib.h>

#include "base/emit.h"
#include "pattern/contract.h"

#define SPR_PATTERN_FILE(name) extern const struct spr_pattern_kind spr_pattern_file_##name[];
#include "pattern_list.inc"
#undef SPR_PATTERN_FILE

#define SPR_PATTERN_FILE(name) spr_pattern_file_##name,
static const struct spr_pattern_kind *const files[] = {
#include "pattern_list.inc"
    NULL};
#undef SPR_PATTERN_FILE

const struct spr_pattern_kind *spr_pattern_kind_at(size_t index)
{
    for (size_t f = 0; files[f]; f++) {
        for (size_t row = 0; files[f][row].name; row++) {
            if (index-- == 0) {
                return &files[f][row];
            }
        }
    }
    return NULL;
}

/* More than there are; what does not fit is only not suggested. */
#define PLACED_MAX 64

/* Spellings by rising place. */
struct placed {
    struct spr_example item[PLACED_MAX];
    size_t count;
};

static void put(struct placed *list, const char *text, int place)
{
    size_t at = list->count;
    if (at == PLACED_MAX) {
        return;
    }
    for (; at > 0 && list->item[at - 1].place > place; at--) {
        list->item[at] = list->item[at - 1];
    }
    list->item[at] = (struct spr_example){text, place};
    list->count++;
}

static enum spr_status fail_unknown(const char *text, struct spr_error *err)
{
    struct placed rows = {.count = 0}, examples = {.count = 0};
    const struct spr_pattern_kind *kind;
    const char *known[PLACED_MAX + 1] = {NULL};
    char expected[1024] = "";
    for (size_t i = 0; (kind = spr_pattern_kind_at(i)) != NULL; i++) {
        put(&rows, kind->grammar ? kind->grammar : kind->name, kind->examples->place);
        for (const struct spr_example *e = kind->examples; e->text; e++) {
            put(&examples, e->text, e->place);
        }
    }
    for (size_t i = 0, used = 0; i < rows.count && used < sizeof expected; i++) {
        const char *lead = i == 0 ? "" : i + 1 < rows.count ? ", " : ", or ";
        used += (size_t)snprintf(expected + used, sizeof expected - used, "%s%s", lead,
                                 rows.item[i].text);
    }
    for (size_t i = 0; i < examples.count; i++) {
        known[i] = examples.item[i].text;
    }
    char shown[61];
    snprintf(shown, sizeof shown, "%s", text);
    spr_make_printable(shown, '?'); /* a line break would begin another message */
    return spr_fail_unknown(err, text, known, "unknown pattern '%s': expected %s", shown,
                            expected);
}

enum spr_status spr_pattern_parse(const char *text, struct spr_pattern *pattern,
                                  struct spr_error *err)
{
    const struct spr_pattern_kind *kind;
    for (size_t i = 0; (kind = spr_pattern_kind_at(i)) != NULL; i++) {
        struct spr_pattern parsed = {.kind = kind};
        if (kind->parse(text, &parsed)) {
            *pattern = parsed;
            return SPR_OK;
        }
    }
    return fail_unknown(text, err);
}

const char *spr_pattern_text(const struct spr_pattern *pattern, char *text)
{
    if (pattern->kind) {
        pattern->kind->format(pattern, text, SPR_PATTERN_TEXT);
    } else {
        snprintf(text, SPR_PATTERN_TEXT, "mixed");
    }
    return text;
}

bool spr_pattern_equal(const struct spr_pattern *left, const struct spr_pattern *right)
{
    return left->kind == right->kind && left->a == right->a && left->b == right->b &&
           left->v == right->v;
}

struct spr_pattern spr_pattern_dense(void)
{
    struct spr_pattern dense = {0};
    const struct spr_pattern_kind *kind;
    for (size_t i = 0; (kind = spr_pattern_kind_at(i)) != NULL; i++) {
        if (kind->pattern_class == SPR_CLASS_DENSE) {
            dense.kind = kind;
        }
    }
    return dense;
}

bool spr_pattern_is_dense(const struct spr_pattern *pattern)
{
    return pattern->kind && pattern->kind->pattern_class == SPR_CLASS_DENSE;
}

double spr_round12(double x)
{
    char text[40];
    snprintf(text, sizeof text, "%.12g", x);
    return strtod(text, NULL);
}

double spr_pattern_fixed_sparsity(const struct spr_pattern *pattern)
{
    return pattern->kind && pattern->kind->fixed_sparsity
               ? spr_round12(pattern->kind->fixed_sparsity(pattern))
               : (double)NAN;
}

double spr_pattern_kept(const struct spr_pattern *pattern, const struct spr_shape *shape,
                        double sparsity)
{
    const struct spr_pattern_kind *kind = pattern->kind;
    if (kind->kept) {
        return kind->kept(pattern, shape, sparsity);
    }
    return floor((1 - sparsity) * kind->cells(pattern, shape) + 0.5);
}

const char *spr_class_name(enum spr_class pattern_class)
{
    static const char *const names[SPR_CLASS_COUNT] = {"dense", "csr", "block", "nm", "comp"};
    return names[pattern_class];
}

double spr_expected_touched(double density, double rows)
{
    return density >= 1 ? 1 : -expm1(rows * log1p(-density));
}

bool spr_pattern_integer(const char **text, int64_t *value)
{
    const int64_t limit = (int64_t)1 << 40;
    const char *c = *text;
    int64_t parsed = 0;
    if (*c < '1' || *c > '9') {
        return false;
    }
    for (; *c >= '0' && *c <= '9'; c++) {
        parsed = parsed * 10 + (*c - '0');
        if (parsed > limit) {
            return false;
        }
    }
    *text = c;
    *value = parsed;
    return true;
}

int spr_ceil_log2(int64_t x)
{
    int bits = 0;
    while (((int64_t)1 << bits) < x) {
        bits++;
    }
    return bits;
}

double spr_ceil_div(int64_t a, int64_t b)
{
    return (double)((a + b - 1) / b);
}

double spr_rows_per_group(const struct spr_shape *shape)
{
    return spr_ceil_div(shape->m, shape->groups);
}

double spr_tau(const struct spr_shape *shape, const struct spr_counted *counted,
               double estimate)
{
    return isnan(counted->touched_columns) ? estimate
                                           : counted->touched_columns / (double)shape->k;
}

double spr_counted_or(double counted, double estimate)
{
    return isnan(counted) ? estimate : counted;
}

double spr_cells_weights(const struct spr_pattern *pattern, const struct spr_shape *shape)
{
    (void)pattern;
    return (double)shape->m * (double)shape->k;
}

double spr_nm_sparsity(const struct spr_pattern *pattern)
{
    return 1 - (double)pattern->a / (double)pattern->b;
}

double spr_nm_kept(const struct spr_pattern *pattern, const struct spr_shape *shape,
                   double sparsity)
{
    (void)sparsity;
    const int64_t rest = shape->k % pattern->b;
    const double per_row = (double)(shape->k / pattern->b) * (double)pattern->a +
                           (double)(rest < pattern->a ? rest : pattern->a);
    return (double)shape->m * per_row;
}

void spr_cell_single(const struct spr_pattern *pattern, int64_t m, int64_t k, double kept,
                     struct spr_cell_shape *cell)
{
    (void)pattern, (void)m, (void)k, (void)kept;
    *cell = (struct spr_cell_shape){.rows = 1, .columns = 1};
}
