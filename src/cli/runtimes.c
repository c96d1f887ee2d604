/* SPDX-License-Identifier: Apache-2.0 */
/* What runtimes do with zeros, by data/runtimes.csv. */
#include <stdio.h>
#include <string.h>

#include "base/csv.h"
#include "base/data.h"
#include "cli/cli.h"

enum column { RUNTIME, PATTERN, ZEROS, CONDITION, SOURCE, LOOKED_UP };
static const char *const columns[] = {"runtime", "pattern",   "zeros", "condition",
                                      "source",  "looked_up", NULL};

#define NAMES_MAX 64

/* Of several rows the nearest counts. */
enum match { NO_MATCH, MATCH_ANY, MATCH_CLASS, MATCH_EXACT };

struct reading {
    const char *name;
    const struct spr_pattern *pattern;
    struct spr_runtime *runtime;
    int found; /* how near the row's pattern is: enum match */
    char names[NAMES_MAX][32];
    const char *listed[NAMES_MAX + 1]; /* names, ended by NULL */
    size_t count;
};

static void list_name(struct reading *r, const char *name)
{
    bool known = r->count > 0 && strcmp(r->names[r->count - 1], name) == 0;
    if (!known && r->count < NAMES_MAX) {
        snprintf(r->names[r->count], sizeof r->names[0], "%s", name);
        r->listed[r->count] = r->names[r->count];
        r->count++;
    }
}

static enum spr_status read_zeros(struct spr_csv *csv, enum spr_zeros *zeros)
{
    const char *text = spr_csv_cell(csv, ZEROS);
    for (int i = SPR_ZEROS_MULTIPLIED; i <= SPR_ZEROS_SKIPPED; i++) {
        if (strcmp(text, spr_zeros_name((enum spr_zeros)i)) == 0) {
            *zeros = (enum spr_zeros)i;
            return SPR_OK;
        }
    }
    return spr_csv_bad(csv, ZEROS, "multiplied, unpacked or skipped");
}

/* How near the row's pattern is: a pattern, "block" for all blocks, "any" for all. */
static enum spr_status matches(struct spr_csv *csv, const struct spr_pattern *pattern,
                               int *match)
{
    const char *text = spr_csv_cell(csv, PATTERN);
    struct spr_pattern own;
    *match = NO_MATCH;
    if (strcmp(text, "any") == 0) {
        *match = MATCH_ANY;
    } else if (strcmp(text, "block") == 0) {
        *match = pattern->kind && pattern->kind->pattern_class == SPR_CLASS_BLOCK ? MATCH_CLASS
                                                                                  : NO_MATCH;
    } else if (spr_pattern_parse(text, &own, NULL) != SPR_OK) {
        return spr_csv_bad(csv, PATTERN, "any, block or a pattern");
    } else if (pattern->kind && spr_pattern_equal(&own, pattern)) {
        *match = MATCH_EXACT;
    }
    return SPR_OK;
}

static enum spr_status on_row(struct spr_csv *csv, void *context)
{
    struct reading *r = context;
    struct spr_runtime row;
    const char *cells[4];
    int match = NO_MATCH;
    for (size_t i = 0; i < 4; i++) {
        static const enum column texts[] = {RUNTIME, CONDITION, SOURCE, LOOKED_UP};
        SPR_TRY(spr_csv_name(csv, texts[i], &cells[i]));
    }
    SPR_TRY(read_zeros(csv, &row.zeros));
    SPR_TRY(matches(csv, r->pattern, &match));
    snprintf(row.name, sizeof row.name, "%s", cells[0]);
    snprintf(row.condition, sizeof row.condition, "%s", cells[1]);
    snprintf(row.source, sizeof row.source, "%s", cells[2]);
    snprintf(row.looked_up, sizeof row.looked_up, "%s", cells[3]);
    list_name(r, row.name);
    if (strcmp(row.name, r->name) == 0 && match > r->found) {
        *r->runtime = row;
        r->found = match;
    }
    return SPR_OK;
}

enum spr_status cli_find_runtime(const char *name, const struct spr_pattern *pattern,
                                 struct spr_runtime *runtime, struct spr_error *err)
{
    char path[SPR_DATA_PATH], text[SPR_PATTERN_TEXT], list[SPR_SUGGESTION_TEXT];
    struct reading r = {.name = name, .pattern = pattern, .runtime = runtime};
    if (!spr_data_find(".", "runtimes", ".csv", path)) {
        return spr_fail(err, SPR_EINPUT, "--runtime: no data/runtimes.csv was found");
    }
    SPR_TRY(spr_csv_read(path, columns, LOOKED_UP + 1, on_row, &r, NULL, err));
    if (r.found != NO_MATCH) {
        return SPR_OK;
    }
    for (size_t i = 0; i < r.count; i++) {
        if (strcmp(r.names[i], name) == 0) {
            return spr_fail(
                err, SPR_EINPUT,
                "--runtime: nothing is known of %s with %s: "
                "see data/runtimes.csv",
                name, pattern->kind ? spr_pattern_text(pattern, text) : "several patterns");
        }
    }
    return spr_fail_unknown(err, name, r.listed, "--runtime: '%.40s': expected one of %s",
                            name, spr_alternatives(r.listed, list));
}
