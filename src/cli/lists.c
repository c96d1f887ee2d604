/* SPDX-License-Identifier: Apache-2.0 */
/* Values of options: comma-separated lists, ranges, words. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/cli.h"

#define LIST_MAX 100000

/* Calls `each` with every comma-separated part. */
typedef enum spr_status part_fn(const char *part, void *context, struct spr_error *err);

static enum spr_status for_parts(const char *option, const char *text, part_fn *each,
                                 void *context, struct spr_error *err)
{
    char part[128];
    for (;;) {
        size_t length = strcspn(text, ",");
        if (length == 0 || length >= sizeof part) {
            return spr_fail(err, SPR_EINPUT, "--%s: '%.60s': expected a comma-separated list",
                            option, text);
        }
        snprintf(part, sizeof part, "%.*s", (int)length, text);
        SPR_TRY(each(part, context, err));
        text += length;
        if (*text == '\0') {
            return SPR_OK;
        }
        text++;
    }
}

struct pattern_list {
    struct spr_pattern *items;
    size_t count, capacity;
};

static enum spr_status add_pattern(const char *part, void *context, struct spr_error *err)
{
    struct pattern_list *list = context;
    struct spr_pattern pattern;
    struct spr_error why = {0};
    if (spr_pattern_parse(part, &pattern, &why) != SPR_OK) {
        return spr_fail(err, SPR_EINPUT, "--pattern: %s", why.text);
    }
    for (size_t i = 0; i < list->count; i++) {
        if (spr_pattern_equal(&list->items[i], &pattern)) {
            return SPR_OK;
        }
    }
    if (!spr_grow(&list->items, &list->capacity, list->count + 1, sizeof pattern)) {
        return spr_no_memory(err);
    }
    list->items[list->count++] = pattern;
    return SPR_OK;
}

enum spr_status cli_patterns(const char *text, struct spr_pattern **patterns, size_t *count,
                             struct spr_error *err)
{
    struct pattern_list list = {0};
    enum spr_status status = for_parts("pattern", text, add_pattern, &list, err);
    if (status != SPR_OK) {
        spr_free(list.items);
        return status;
    }
    *patterns = list.items;
    *count = list.count;
    return SPR_OK;
}

/* Fractions of one option. */
struct number_list {
    const char *option;
    const char *also; /* a word that is NAN; NULL: none */
    double *items;
    size_t count, capacity;
};

static enum spr_status add_sparsity_value(struct number_list *list, double value,
                                          struct spr_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i] == value || (isnan(list->items[i]) && isnan(value))) {
            return SPR_OK;
        }
    }
    if (list->count == LIST_MAX) {
        return spr_fail(err, SPR_EINPUT, "--%s: more than %d values", list->option, LIST_MAX);
    }
    if (!spr_grow(&list->items, &list->capacity, list->count + 1, sizeof value)) {
        return spr_no_memory(err);
    }
    list->items[list->count++] = value;
    return SPR_OK;
}

static enum spr_status bad_sparsity(const struct number_list *list, const char *part,
                                    struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT,
                    "--%s: '%.60s': expected a fraction 0..1, a percentage, %sa range "
                    "low:high:step%s%s",
                    list->option, part, list->also ? "" : "or ", list->also ? ", or " : "",
                    list->also ? list->also : "");
}

static enum spr_status add_sparsity(const char *part, void *context, struct spr_error *err)
{
    struct number_list *list = context;
    char text[128], *piece[3] = {text, NULL, NULL};
    double value[3];
    size_t pieces = 1;
    if (list->also && strcmp(part, list->also) == 0) {
        return add_sparsity_value(list, (double)NAN, err);
    }
    snprintf(text, sizeof text, "%s", part);
    for (char *c = text; *c; c++) {
        if (*c == ':') {
            *c = '\0';
            if (pieces == 3) {
                return bad_sparsity(list, part, err);
            }
            piece[pieces++] = c + 1;
        }
    }
    for (size_t i = 0; i < pieces; i++) {
        if (!spr_parse_fraction(piece[i], &value[i])) {
            return bad_sparsity(list, part, err);
        }
    }
    if (pieces == 1) {
        return add_sparsity_value(list, spr_round12(value[0]), err);
    }
    if (pieces == 2 || value[2] <= 0 || value[1] < value[0] ||
        (value[1] - value[0]) / value[2] > LIST_MAX) {
        return bad_sparsity(list, part, err);
    }
    enum spr_status status = SPR_OK;
    for (size_t i = 0; status == SPR_OK; i++) {
        double at = spr_round12(value[0] + (double)i * value[2]);
        if (at > spr_round12(value[1])) {
            break;
        }
        status = add_sparsity_value(list, at, err);
    }
    return status;
}

static enum spr_status read_fractions(const char *text, struct number_list *list,
                                      double **values, size_t *count, struct spr_error *err)
{
    enum spr_status status = for_parts(list->option, text, add_sparsity, list, err);
    if (status != SPR_OK) {
        spr_free(list->items);
        return status;
    }
    *values = list->items;
    *count = list->count;
    return SPR_OK;
}

enum spr_status cli_sparsities(const char *text, double **values, size_t *count,
                               struct spr_error *err)
{
    struct number_list list = {.option = "sparsity"};
    return read_fractions(text, &list, values, count, err);
}

enum spr_status cli_activations(const char *text, double **values, size_t *count,
                                struct spr_error *err)
{
    struct number_list list = {.option = "activation-sparsity", .also = "table"};
    return read_fractions(text, &list, values, count, err);
}

static enum spr_status bad_batch(const char *part, struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT,
                    "--batch: '%.60s': expected integers 1..2^40 or a range low:high:step",
                    part);
}

static enum spr_status add_batch_value(struct spr_options *options, double value,
                                       struct spr_error *err)
{
    for (size_t i = 0; i < options->batch_count; i++) {
        if (options->batches[i] == value) {
            return SPR_OK;
        }
    }
    if (options->batch_count == SPR_BATCHES_MAX) {
        return spr_fail(err, SPR_EINPUT, "--batch: more than %d values", SPR_BATCHES_MAX);
    }
    options->batches[options->batch_count++] = value;
    return SPR_OK;
}

static enum spr_status add_batch(const char *part, void *context, struct spr_error *err)
{
    struct spr_options *options = context;
    long long value[3];
    size_t pieces = 0;
    for (const char *c = part;; c++) {
        char *end;
        size_t digits = strspn(c, "0123456789");
        value[pieces] = digits > 0 && digits < 15 ? strtoll(c, &end, 10) : 0;
        if (value[pieces] < 1 || value[pieces] > ((long long)1 << 40)) {
            return bad_batch(part, err);
        }
        pieces++;
        c += digits;
        if (*c == '\0') {
            break;
        }
        if (*c != ':' || pieces == 3) {
            return bad_batch(part, err);
        }
    }
    if (pieces == 1) {
        return add_batch_value(options, (double)value[0], err);
    }
    if (pieces == 2 || value[1] < value[0]) {
        return bad_batch(part, err);
    }
    enum spr_status status = SPR_OK;
    for (long long at = value[0]; at <= value[1] && status == SPR_OK; at += value[2]) {
        status = add_batch_value(options, (double)at, err);
    }
    return status;
}

enum spr_status cli_batches(const char *text, struct spr_options *options,
                            struct spr_error *err)
{
    options->batch_count = 0;
    enum spr_status status = for_parts("batch", text, add_batch, options, err);
    for (size_t i = 1; i < options->batch_count; i++) {
        double moving = options->batches[i];
        size_t j = i;
        for (; j > 0 && options->batches[j - 1] > moving; j--) {
            options->batches[j] = options->batches[j - 1];
        }
        options->batches[j] = moving;
    }
    return status;
}

enum spr_status cli_batch_index(const struct spr_options *options, const char *text,
                                size_t *index, struct spr_error *err)
{
    struct spr_options asked = {0};
    *index = 0;
    if (!text) {
        return SPR_OK;
    }
    SPR_TRY(cli_batches(text, &asked, err));
    for (size_t i = 0; i < options->batch_count; i++) {
        if (options->batches[i] == asked.batches[0] && asked.batch_count == 1) {
            *index = i;
            return SPR_OK;
        }
    }
    return spr_fail(err, SPR_EINPUT, "--batch: '%.40s': expected one batch of the record",
                    text);
}

enum spr_status cli_word(const char *option, const char *text, const char *const *names,
                         int *index, struct spr_error *err)
{
    char expected[SPR_SUGGESTION_TEXT];
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            *index = i;
            return SPR_OK;
        }
    }
    return spr_fail_unknown(err, text, names, "--%s: '%.40s': expected %s", option, text,
                            spr_alternatives(names, expected));
}

enum spr_status cli_fusion(const char *text, bool *fuse, struct spr_error *err)
{
    const char *const names[] = {spr_fusion_name(false), spr_fusion_name(true), NULL};
    int index = 0;
    SPR_TRY(cli_word("fusion", text, names, &index, err));
    *fuse = index == 1;
    return SPR_OK;
}

enum spr_status cli_layout(const char *text, enum spr_layout *layout, struct spr_error *err)
{
    const char *const names[] = {spr_layout_name(SPR_LAYOUT_KN),
                                 spr_layout_name(SPR_LAYOUT_NK), NULL};
    int index = 0;
    SPR_TRY(cli_word("layout", text, names, &index, err));
    *layout = (enum spr_layout)index;
    return SPR_OK;
}

enum spr_status cli_residency(const char *text, enum spr_residency *residency,
                              struct spr_error *err)
{
    const char *names[SPR_RESIDENCY_COUNT + 1] = {0};
    int index = 0;
    for (int i = 0; i < SPR_RESIDENCY_COUNT; i++) {
        names[i] = spr_residency_name((enum spr_residency)i);
    }
    SPR_TRY(cli_word("residency", text, names, &index, err));
    *residency = (enum spr_residency)index;
    return SPR_OK;
}

enum spr_status cli_types(const char *own, const char *against, struct spr_options *options,
                          struct spr_error *err)
{
    const enum spr_dtype usual = options->dtype;
    if (own) {
        SPR_TRY(spr_types_parse(own, usual, &options->types, err));
        options->dtype = spr_types_engine(&options->types);
    }
    if (against) {
        const struct spr_types types = spr_options_types(options);
        SPR_TRY(spr_types_parse(against, usual, &options->against, err));
        if (spr_types_equal(&options->against, &types)) {
            options->against = (struct spr_types){0};
        }
    }
    return SPR_OK;
}
