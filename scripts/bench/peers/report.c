/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of times, one per number of columns of X, and the same as CSV. */
#include "compare.h"

#include <math.h>

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
            if (r->sample_count == 0) {
                fprintf(out, " %s |", strncmp(r->why, "WRONG", 5) == 0 ? "WRONG" : "-");
                return;
            }
            double rate = r->flops / r->median;
            int digits = r->median >= 100e-6 ? 0 : r->median >= 10e-6 ? 1 : 2;
            fprintf(out, " %.*f (%.*f-%.*f) | %.1f | %.0f |", digits, 1e6 * r->median, digits,
                    1e6 * r->low, digits, 1e6 * r->high, 1e-9 * rate,
                    100 * rate / results->peak[shape].peak);
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
            fprintf(out, " %lldx%lld: us (95 %%) | GFLOP/s | %% of peak |",
                    (long long)sizes[s].m, (long long)sizes[s].k);
        }
    }
    fprintf(out, "\n|---|---|");
    for (size_t s = 0; s < size_count; s++) {
        fputs(sizes[s].n == n ? "---:|---:|---:|" : "", out);
    }
    fputc('\n', out);
}

/* The multiply-add rate in front of and behind each shape: the clock's drift. */
static void print_peaks(FILE *out, const struct results *results, const struct size *sizes,
                        size_t size_count)
{
    fprintf(
        out,
        "\n### f32 multiply-add peak, GFLOP/s\n\n"
        "| shape | before | after | drift | taken as 100 %% |\n|---|---:|---:|---:|---:|\n");
    for (size_t s = 0; s < size_count; s++) {
        const struct shape_peak *p = &results->peak[s];
        fprintf(out, "| %s | %.1f | %.1f | %+.1f %% | %.1f |\n", sizes[s].text,
                1e-9 * p->before, 1e-9 * p->after, 100 * (p->after / p->before - 1),
                1e-9 * p->peak);
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
    fprintf(out, "\nGFLOP/s = 2 nnz n / median time; the interval of the median is 95 %%.\n");
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

/* The multiply-add loop has no reason to vary but the clock and other work. */
#define STEADY 0.03
#define PREEMPTED 0.05

static double preempted_share(const struct results *results, size_t shape)
{
    size_t taken = 0, preempted = 0;
    for (size_t i = 0; i < results->count; i++) {
        if (results->row[i].shape == shape) {
            taken += results->row[i].sample_count;
            preempted += results->row[i].preempted;
        }
    }
    return taken > 0 ? (double)preempted / (double)taken : 0;
}

void report_disturbed(FILE *out, const struct results *results, const struct size *sizes,
                      size_t size_count)
{
    for (size_t s = 0; s < size_count; s++) {
        const struct shape_peak *p = &results->peak[s];
        double share = preempted_share(results, s);
        double low = fmin(fmin(p->before, p->after), p->peak);
        double high = fmax(fmax(p->before, p->after), p->peak);
        if (!(low >= (1 - STEADY) * high) || share > PREEMPTED) {
            fprintf(
                out,
                "\nDISTURBED: %s: the peak lay between %.1f and %.1f GFLOP/s, other work had "
                "the CPU in %.0f %% of the samples: measure again with nothing else running\n",
                sizes[s].text, 1e-9 * low, 1e-9 * high, 100 * share);
        }
    }
}

bool report_csv(const char *path, const struct options *options, const struct results *results,
                const struct size *sizes, size_t size_count)
{
    FILE *out = fopen(path, "w");
    (void)size_count;
    if (out == NULL) {
        return false;
    }
    fprintf(out, "m,k,n,threads,isa,pattern,sparsity_percent,nnz,contender,samples,"
                 "preempted,calls_per_sample,median_us,low_us,high_us,min_us,max_us,gflops,"
                 "peak_percent,error_of_bound,why\n");
    for (size_t i = 0; i < results->count; i++) {
        const struct result *r = &results->row[i];
        const struct size *z = &sizes[r->shape];
        fprintf(out, "%lld,%lld,%lld,%d,%s,%s,%d,%zu,%s,%zu,%zu,%ld,", (long long)z->m,
                (long long)z->k, (long long)z->n, options->threads, spr_isa_name(options->isa),
                r->peak ? "" : r->pattern, r->percent, r->peak ? 0 : r->nnz, r->label,
                r->sample_count, r->preempted, r->calls);
        if (r->sample_count > 0) {
            double rate = r->flops / r->median;
            fprintf(out, "%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.4g,%.3g,", 1e6 * r->median,
                    1e6 * r->low, 1e6 * r->high, 1e6 * r->best, 1e6 * r->worst, 1e-9 * rate,
                    100 * rate / results->peak[r->shape].peak, r->error);
        } else {
            fprintf(out, ",,,,,,,%.3g,", r->error);
        }
        fprintf(out, "\"%s\"\n", r->why);
    }
    return fclose(out) == 0;
}
