/* SPDX-License-Identifier: Apache-2.0 */
/* One side of a case on the CPU: its matrix packed, its products entered and checked. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "sproof/cpu.h"
#include "sproof/schedule.h"
#include "validate/validate_cpu.h"

/* A visit skips up to so much more than the one before. */
#define SKIP_BYTES ((size_t)64 << 10)

size_t spr_cpu_skip(const struct spr_validate_run *run, const struct spr_planned *planned,
                    const char *operand)
{
    uint64_t random = spr_seed(run->options->seed, operand, planned) + (uint64_t)run->visit;
    const size_t some = (size_t)spr_random(&random) % SKIP_BYTES;
    const size_t bytes =
        (size_t)run->visit * SKIP_BYTES + some / SPR_CACHE_LINE * SPR_CACHE_LINE;
    return run->visit == 0 ? 0 : bytes;
}

bool spr_buffer_make(struct spr_buffer *buffer, double count, size_t skip)
{
    if (!(count < (double)(SIZE_MAX / 8))) {
        return false;
    }
    buffer->count = (size_t)count;
    buffer->memory = spr_calloc(skip + buffer->count * sizeof(float) + SPR_CACHE_LINE, 1);
    if (!buffer->memory) {
        return false;
    }
    memset(buffer->memory, 1, skip); /* or it would get no pages */
    /* Of an aligned block of bytes, the first that begins a line. */
    void *aligned = (char *)buffer->memory + skip + SPR_CACHE_LINE -
                    (size_t)((uintptr_t)buffer->memory % SPR_CACHE_LINE);
    buffer->values = aligned;
    return true;
}

void spr_buffer_free(struct spr_buffer *buffer)
{
    spr_free(buffer->memory);
    *buffer = (struct spr_buffer){0};
}

static enum spr_status pack(const struct spr_cpu_make *make, struct spr_packed *packed,
                            struct spr_error *err)
{
    const struct spr_expected_case of = spr_case_of(make->run, make->side);
    const struct spr_plan plan =
        make->plan ? *make->plan : spr_plan_for(make->run->machine, &of);
    size_t promised = spr_packed_bytes(&plan, &make->side->matrix);
    SPR_TRY(spr_pack(&plan, &make->side->matrix, packed, err));
    if (packed->bytes != promised) {
        char text[SPR_PATTERN_TEXT];
        return spr_fail(err, SPR_EWRONG, "packing %s took %zu bytes instead of %zu",
                        spr_pattern_text(&make->side->planned.pattern, text), packed->bytes,
                        promised);
    }
    return SPR_OK;
}

/* Enters a product whose kernel is known. */
enum spr_status spr_cpu_enter(const struct spr_cpu_make *make, struct spr_cpu_product *product,
                              struct spr_error *err)
{
    const struct spr_planned *planned = &make->side->planned;
    product->run = make->run;
    product->side = make->side;
    *make->contender = (struct spr_contender){.product = product, .kernel = product->name};
    if (!spr_buffer_make(&product->y, (double)planned->m * (double)planned->n,
                         spr_cpu_skip(make->run, planned, make->contender->kernel))) {
        return spr_no_memory(err);
    }
    return spr_cpu_check(make->contender, err);
}

enum spr_status spr_cpu_side_make(const struct spr_cpu_make *make, struct spr_cpu_side **made,
                                  struct spr_error *err)
{
    struct spr_kernel kernel;
    struct spr_cpu_side *side = spr_calloc(1, sizeof *side);
    *made = side;
    if (!side) {
        return spr_no_memory(err);
    }
    struct spr_cpu_product *product = &side->products[0];
    if (!spr_buffer_make(&side->before, 0,
                         spr_cpu_skip(make->run, &make->side->planned, "w"))) {
        return spr_no_memory(err);
    }
    SPR_TRY(pack(make, &side->packed, err));
    product->packed = &side->packed;
    if (spr_kernel_find(&make->side->planned.pattern, make->run->options->isa, &kernel)) {
        snprintf(product->name, sizeof product->name, "%s", kernel.name);
    }
    return spr_cpu_enter(make, product, err);
}

void spr_cpu_side_free(struct spr_cpu_side *made)
{
    if (made) {
        spr_buffer_free(&made->before);
        spr_packed_free(&made->packed);
        for (size_t i = 0; i < SPR_CONTENDERS_MAX; i++) {
            spr_buffer_free(&made->products[i].y);
        }
        spr_free(made);
    }
}
