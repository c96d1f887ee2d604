/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of times, one per number of columns of X, and the same as CSV. */
#include "compare.h"

static const char *matrix_text(const struct result *r, char *text, size_t size)
{
    if (r->percent == 0) {
        snprintf(text, size, "%s", r->pattern);
    } else {
        snprintf(text, size, "%s %d %%", r->pattern, r->percent);
    }
    return text;
}

static bool same_row(const struct result *a, const struct result *b)
{
    return a->peak == b->peak && a->percent == b->percent &&
           strcmp(a->pattern, b->pattern) == 0 && strcmp(a->label, b->label) == 0;
}

/* Is this the first of its table row? */
static bool leads(const struct results *results, const struct size *sizes, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (sizes[results->row[i].shape].n == sizes[results->row[at].shape].n &&
            same_row(&results->row[i], &results->row[at])) {
            return false;
        }
    }
    return true;
}

static void print_cell(FILE *out, const struct results *results, const struct result *lead,
                       size_t shape)
{
    for (size_t i = 0; i < results->count; i++) {
        const struct result *r = &results->row[i];
        if (r->shape == shape && same_row(r, lead)) {
            const struct spr_measurement *t = &r->measured;
            if (t->sample_count == 0) {
                fprintf(out, " %s | | |", strncmp(r->why, "WRONG", 5) == 0 ? "WRONG" : "-");
                return;
            }
            double rate = result_rate(r);
            int digits = t->time_s >= 100e-6 ? 0 : t->time_s >= 10e-6 ? 1 : 2;
            fprintf(out, " %.*f (%.*f-%.*f)%s%s | %.1f | %.0f |", digits, 1e6 * t->time_s,
                    digits, 1e6 * t->low_s, digits, 1e6 * t->high_s,
                    result_doubtful(r) ? " ? " : "",
                    result_doubtful(r) ? spr_doubt_name(t->doubt) : "", 1e-9 * rate,
                    100 * rate / result_rate(results_peak(results, shape)));
            return;
        }
    }
    fprintf(out, " - | | |");
}

static void print_row(FILE *out, const struct results *results, const struct size *sizes,
                      size_t size_count, const struct result *lead)
{
    char text[80];
    int64_t n = sizes[lead->shape].n;
    if (lead->peak) {
        return;
    }
    fprintf(out, "| %s | %s |", matrix_text(lead, text, sizeof text), lead->label);
    for (size_t s = 0; s < size_count; s++) {
        if (sizes[s].n == n) {
            print_cell(out, results, lead, s);
        }
    }
    fputc('\n', out);
}

/* The rows of one matrix of a family. */
static void print_rows(FILE *out, const struct results *results, const struct size *sizes,
                       size_t size_count, int64_t n, size_t at)
{
    for (size_t i = 0; i < results->count; i++) {
        const struct result *r = &results->row[i];
        if (r->at == at && sizes[r->shape].n == n && leads(results, sizes, i)) {
            print_row(out, results, sizes, size_count, r);
        }
    }
}

static void print_head(FILE *out, const struct size *sizes, size_t size_count, int64_t n)
{
    fprintf(out, "\n### n = %lld\n\n| matrix | contender |", (long long)n);
    for (size_t s = 0; s < size_count; s++) {
        if (sizes[s].n == n) {
            fprintf(out, " %lldx%lld: us (interval) | GFLOP/s | %% of peak |",
                    (long long)sizes[s].m, (long long)sizes[s].k);
        }
    }
    fprintf(out, "\n|---|---|");
    for (size_t s = 0; s < size_count; s++) {
        fputs(sizes[s].n == n ? "---:|---:|---:|" : "", out);
    }
    fputc('\n', out);
}

static void print_peaks(FILE *out, const struct results *results, const struct size *sizes,
                        size_t size_count)
{
    fprintf(out, "\n### f32 multiply-add peak\n\n| shape | GFLOP/s |\n|---|---:|\n");
    for (size_t s = 0; s < size_count; s++) {
        fprintf(out, "| %s | %.1f |\n", sizes[s].text,
                1e-9 * result_rate(results_peak(results, s)));
    }
}

static void print_missing(FILE *out, const struct results *results, const struct size *sizes)
{
    char text[80];
    bool any = false;
    for (size_t i = 0; i < results->count; i++) {
        const struct result *r = &results->row[i];
        if (r->why[0] != '\0') {
            fprintf(out, "%s- %s, %s, %s: %s\n", any ? "" : "\nNot timed:\n\n", r->label,
                    sizes[r->shape].text, matrix_text(r, text, sizeof text), r->why);
            any = true;
        }
    }
}

void report_tables(FILE *out, const struct results *results, const struct size *sizes,
                   size_t size_count)
{
    fprintf(out, "\nTimes are undisturbed ones with their intervals (src/host/README.md), "
                 "GFLOP/s = 2 nnz n "
                 "/ time; ?: inconclusive, and why.\n");
    print_peaks(out, results, sizes, size_count);
    for (size_t s = 0; s < size_count; s++) {
        bool seen = false;
        for (size_t before = 0; before < s; before++) {
            seen = seen || sizes[before].n == sizes[s].n;
        }
        if (seen) {
            continue;
        }
        print_head(out, sizes, size_count, sizes[s].n);
        for (size_t at = 0; at < CASES_MAX; at++) {
            print_rows(out, results, sizes, size_count, sizes[s].n, at);
        }
    }
    print_missing(out, results, sizes);
}

void report_inconclusive(FILE *out, const struct results *results, const struct size *sizes)
{
    char text[80];
    bool any = false;
    for (size_t i = 0; i < results->count; i++) {
        const struct result *r = &results->row[i];
        if (result_doubtful(r)) {
            fprintf(out, "%s- %s, %s, %s: %s; %.0f %% of the moments were undisturbed\n",
                    any ? "" : "\nInconclusive (src/host/README.md has the words):\n\n",
                    r->label, sizes[r->shape].text, matrix_text(r, text, sizeof text),
                    spr_doubt_name(r->measured.doubt), 100 * r->measured.undisturbed_share);
            any = true;
        }
    }
}

bool report_csv(const char *path, const struct options *options, const struct results *results,
                const struct size *sizes)
{
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        return false;
    }
    fprintf(out, "m,k,n,threads,isa,residency,pattern,sparsity_percent,activation_percent,nnz,"
                 "contender,samples,visits,"
                 "undisturbed_share,time_us,low_us,high_us,median_us,doubt,gflops,"
                 "peak_percent,error_of_bound,why\n");
    for (size_t i = 0; i < results->count; i++) {
        const struct result *r = &results->row[i];
        const struct spr_measurement *t = &r->measured;
        const struct size *z = &sizes[r->shape];
        fprintf(out, "%lld,%lld,%lld,%d,%s,%s,%s,%d,%d,%zu,%s,%zu,", (long long)z->m,
                (long long)z->k, (long long)z->n, options->threads, spr_isa_name(options->isa),
                r->cold ? "cold" : "warm", r->peak ? "" : r->pattern, r->percent,
                r->activation, r->peak ? 0 : r->nnz, r->label, t->sample_count);
        if (t->sample_count > 0) {
            double rate = result_rate(r);
            fprintf(out, "%d,%.3f,%.6g,%.6g,%.6g,%.6g,%s,%.6g,%.4g,", t->visits,
                    t->undisturbed_share, 1e6 * t->time_s, 1e6 * t->low_s, 1e6 * t->high_s,
                    1e6 * t->median_s, spr_doubt_name(t->doubt), 1e-9 * rate,
                    100 * rate / result_rate(results_peak(results, r->shape)));
        } else {
            fprintf(out, ",,,,,,,,,");
        }
        fprintf(out, "%.3g,\"%s\"\n", r->error, r->why);
    }
    return fclose(out) == 0;
}
