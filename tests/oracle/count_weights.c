/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers see, one JSON line a layer, for the comparison with other libraries:
 *   count_weights [--tokens N] [--dim NAME=N]... [--block RxC]... PATH... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sproof/weights.h"

#define BLOCKS_MAX 8
#define DIMS_MAX 8

struct request {
    struct {
        int64_t rows, columns;
    } block[BLOCKS_MAX];
    size_t block_count;
    const char *dim[DIMS_MAX];
    struct spr_weights_options options;
};

static bool bit_of(const uint64_t *bits, int64_t words, int64_t i, int64_t j)
{
    return bits[i * words + j / 64] >> j % 64 & 1;
}

static long long occupied(const struct spr_weight *weight, const uint64_t *bits, int64_t r,
                          int64_t c)
{
    int64_t words = (weight->k + 63) / 64;
    long long count = 0;
    for (int64_t i = 0; i < weight->m; i += r) {
        for (int64_t j = 0; j < weight->k; j += c) {
            bool any = false;
            for (int64_t y = i; y < i + r && y < weight->m && !any; y++) {
                for (int64_t x = j; x < j + c && x < weight->k && !any; x++) {
                    any = bit_of(bits, words, y, x);
                }
            }
            count += any;
        }
    }
    return count;
}

static void print_counts(const struct spr_weight *weight, const struct request *request)
{
    size_t words = (size_t)((weight->k + 63) / 64);
    uint64_t *bits = spr_calloc((size_t)weight->m * words, sizeof *bits);
    float *values = spr_calloc((size_t)weight->m * (size_t)weight->k, sizeof *values);
    long long nnz = 0, longest = 0, touched = 0;
    double sum = 0;
    if (!bits || !values) {
        exit(4);
    }
    spr_weight_bits(weight, 0, weight->m, bits);
    spr_weight_values(weight, 0, weight->m, values);
    for (int64_t i = 0; i < weight->m; i++) {
        long long row = 0;
        for (int64_t j = 0; j < weight->k; j++) {
            row += bit_of(bits, (int64_t)words, i, j);
            sum += (double)values[i * weight->k + j] * (double)((3 * i + 7 * j) % 11 + 1);
        }
        nnz += row;
        longest = row > longest ? row : longest;
    }
    for (int64_t j = 0; j < weight->k; j++) {
        bool any = false;
        for (int64_t i = 0; i < weight->m && !any; i++) {
            any = bit_of(bits, (int64_t)words, i, j);
        }
        touched += any;
    }
    printf(",\"nnz\":%lld,\"longest\":%lld,\"touched\":%lld,\"sum\":%.17g,\"blocks\":[", nnz,
           longest, touched, sum);
    for (size_t b = 0; b < request->block_count; b++) {
        printf("%s%lld", b ? "," : "",
               occupied(weight, bits, request->block[b].rows, request->block[b].columns));
    }
    printf("]");
    spr_free(bits);
    spr_free(values);
}

static void print_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            putchar('\\');
        }
        putchar(*text);
    }
    putchar('"');
}

static void print_layer(const struct spr_weight *weight, const struct request *request)
{
    printf("{\"layer\":");
    print_text(weight->layer);
    printf(",\"op\":\"%s\",\"m\":%lld,\"k\":%lld,\"n\":%lld,\"count\":%lld,\"groups\":%lld",
           spr_op_name(weight->op), (long long)weight->m, (long long)weight->k,
           (long long)weight->n, (long long)weight->count, (long long)weight->groups);
    printf(",\"prunable\":%s,\"flops\":%.17g", weight->prunable ? "true" : "false",
           weight->other_flops);
    if (weight->x_elements == weight->x_elements) {
        printf(",\"x_elements\":%.17g", weight->x_elements);
    }
    if (weight->storage != SPR_STORAGE_NONE) {
        print_counts(weight, request);
    }
    printf("}\n");
}

static void take_option(struct request *request, const char *name, const char *value)
{
    if (strcmp(name, "--tokens") == 0) {
        request->options.tokens = strtoll(value, NULL, 10);
    } else if (strcmp(name, "--context") == 0) {
        request->options.context = strtoll(value, NULL, 10);
    } else if (strcmp(name, "--image") == 0) {
        request->options.image = strtoll(value, NULL, 10);
    } else if (strcmp(name, "--experts-active") == 0) {
        request->options.experts_active = strtoll(value, NULL, 10);
    } else if (strcmp(name, "--dim") == 0 && request->options.dim_count < DIMS_MAX) {
        request->dim[request->options.dim_count++] = value;
        request->options.dim = request->dim;
    } else if (request->block_count < BLOCKS_MAX) {
        char *end;
        request->block[request->block_count].rows = strtoll(value, &end, 10);
        request->block[request->block_count++].columns = strtoll(end + 1, NULL, 10);
    }
}

int main(int argc, char **argv)
{
    static struct spr_error err;
    struct request request = {0};
    struct spr_weights weights = {0};
    struct spr_notes notes = {0};
    enum spr_status status = SPR_OK;
    for (int i = 1; i < argc && status == SPR_OK; i++) {
        if (strncmp(argv[i], "--", 2) == 0 && i + 1 < argc) {
            take_option(&request, argv[i], argv[i + 1]);
            i++;
        } else {
            status = spr_weights_read(argv[i], &request.options, &weights, &notes, &err);
        }
    }
    /* Damage is found where arrays are inflated: before anything is printed. */
    for (size_t i = 0; i < weights.weight_count && status == SPR_OK; i++) {
        status = spr_weights_hold(&weights, weights.weight[i].tensor, &err);
    }
    for (size_t i = 0; i < notes.count && i < SPR_NOTES_MAX; i++) {
        fprintf(stderr, "warning: %s\n", notes.line[i]);
    }
    if (status != SPR_OK) {
        fprintf(stderr, "%s\n", err.text);
    } else {
        const struct spr_account account = spr_weights_account(&weights);
        printf(
            "{\"parameters\":%.17g,\"listed\":%.17g,\"left_out\":%.17g,\"origin\":\"%s\"}\n",
            account.parameters, account.listed, account.left_out,
            weights.origin ? weights.origin : "");
    }
    for (size_t i = 0; i < weights.weight_count && status == SPR_OK; i++) {
        status = spr_weights_hold(&weights, weights.weight[i].tensor, &err);
        if (status == SPR_OK) {
            print_layer(&weights.weight[i], &request);
        }
    }
    spr_notes_free(&notes);
    spr_weights_free(&weights);
    return spr_exit_code(status);
}
