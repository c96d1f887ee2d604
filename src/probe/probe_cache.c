/* SPDX-License-Identifier: Apache-2.0 */
/* Where a probe is kept, and whether it still holds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/output.h"
#include "host/cache_dir.h"
#include "probe/probe_parts.h"

bool spr_probe_wanted(void)
{
    const char *probe = getenv("SPROOF_PROBE");
    return !probe || strcmp(probe, "off") != 0;
}

bool spr_probe_cache_path(char *path, size_t size)
{
    return spr_cache_path("host.json", path, size);
}

bool spr_probe_cached(struct spr_probe *probe)
{
    char path[SPR_CACHE_PATH], identity[SPR_CPU_IDENTITY];
    *probe = (struct spr_probe){0};
    if (!spr_probe_cache_path(path, sizeof path) || access(path, R_OK) != 0 ||
        spr_probe_read(path, probe, NULL) != SPR_OK) {
        return false;
    }
    spr_cache_identity(identity);
    if (strcmp(identity, probe->identity) != 0) {
        spr_probe_free(probe);
        return false;
    }
    return true;
}

enum spr_status spr_probe_save(const struct spr_probe *probe, struct spr_error *err)
{
    char path[SPR_CACHE_PATH];
    struct spr_output output;
    if (!spr_probe_cache_path(path, sizeof path)) {
        return spr_fail(err, SPR_EENVIRONMENT,
                        "no place to keep the probe: neither XDG_CACHE_HOME nor HOME is set");
    }
    spr_make_directories(path);
    SPR_TRY(spr_output_open(&output, path, err));
    return spr_output_close(&output, spr_probe_write(output.file, probe, err), err);
}

static bool same_rate(const struct spr_probe_rate *a, const struct spr_probe_rate *b)
{
    bool level = a->level && b->level ? strcmp(a->level, b->level) == 0 : a->level == b->level;
    return level && a->isa == b->isa && a->threads == b->threads &&
           strcmp(a->name, b->name) == 0;
}

static bool has_rate(const struct spr_probe *probe, size_t count,
                     const struct spr_probe_rate *rate)
{
    for (size_t i = 0; i < count; i++) {
        if (same_rate(&probe->rates[i], rate)) {
            return true;
        }
    }
    return false;
}

static bool has_tiles(const struct spr_kernel_rates *rates, size_t count,
                      const struct spr_tile_rates *tile)
{
    for (size_t i = 0; i < count; i++) {
        if (rates->tiles[i].isa == tile->isa && rates->tiles[i].threads == tile->threads) {
            return true;
        }
    }
    return false;
}

static const char *keep(struct spr_arena *arena, const char *text, bool *complete)
{
    const char *kept = text ? spr_arena_text(arena, text, strlen(text)) : NULL;
    *complete = *complete && (kept || !text);
    return kept;
}

static bool add_rates(struct spr_probe *probe, const struct spr_probe *more)
{
    size_t before = probe->rate_count, most = before + more->rate_count;
    struct spr_probe_rate *rates = spr_arena_alloc(&probe->arena, most * sizeof *rates);
    bool complete = rates != NULL;
    if (complete && before > 0) {
        memcpy(rates, probe->rates, before * sizeof *rates);
    }
    probe->rates = complete ? rates : probe->rates;
    for (size_t i = 0; i < more->rate_count && complete; i++) {
        if (!has_rate(probe, before, &more->rates[i])) {
            struct spr_probe_rate rate = more->rates[i];
            rate.name = keep(&probe->arena, rate.name, &complete);
            rate.unit = keep(&probe->arena, rate.unit, &complete);
            rate.level = keep(&probe->arena, rate.level, &complete);
            rates[probe->rate_count] = rate;
            probe->rate_count += complete;
        }
    }
    return complete;
}

/* Times of calls of the kernels, where the base has none. */
static void add_calls(struct spr_kernel_rates *kernels, const struct spr_kernel_rates *more)
{
    if (!(kernels->call_s > 0)) {
        kernels->call_s = more->call_s;
    }
    if (!(kernels->parallel_s > 0)) {
        kernels->parallel_s = more->parallel_s;
        kernels->parallel_threads = more->parallel_threads;
        kernels->transfer_s = more->transfer_s;
    }
}

static bool add_functions(struct spr_kernel_rates *kernels,
                          const struct spr_kernel_rates *more)
{
    const size_t before = kernels->function_count;
    size_t capacity = before;
    for (size_t i = 0; i < more->function_count; i++) {
        const struct spr_function_rates *f = &more->functions[i];
        bool has = false;
        for (size_t j = 0; j < before; j++) {
            has = has || (kernels->functions[j].isa == f->isa &&
                          kernels->functions[j].threads == f->threads);
        }
        if (has) {
            continue;
        }
        if (!spr_grow(&kernels->functions, &capacity, kernels->function_count + 1,
                      sizeof *kernels->functions)) {
            return false;
        }
        kernels->functions[kernels->function_count++] = *f;
    }
    return true;
}

static bool add_winners(struct spr_kernel_rates *kernels, const struct spr_kernel_rates *more)
{
    const size_t before = kernels->winner_count;
    size_t capacity = before;
    for (size_t i = 0; i < more->winner_count; i++) {
        bool has = false;
        for (size_t j = 0; j < before; j++) {
            has = has || kernels->winners[j].isa == more->winners[i].isa;
        }
        if (!has && !spr_grow(&kernels->winners, &capacity, kernels->winner_count + 1,
                              sizeof *kernels->winners)) {
            return false;
        }
        if (!has) {
            kernels->winners[kernels->winner_count++] = more->winners[i];
        }
    }
    return true;
}

enum spr_status spr_probe_add(struct spr_probe *probe, const struct spr_probe *more,
                              struct spr_error *err)
{
    struct spr_kernel_rates *kernels = &probe->kernels;
    size_t before = kernels->count, capacity = before;
    bool complete = add_rates(probe, more) && add_functions(kernels, &more->kernels) &&
                    add_winners(kernels, &more->kernels);
    add_calls(kernels, &more->kernels);
    probe->threads = more->threads > probe->threads ? more->threads : probe->threads;
    probe->quality.points_disturbed =
        fmax(probe->quality.points_disturbed, more->quality.points_disturbed);
    for (size_t i = 0; i < more->kernels.count && complete; i++) {
        if (has_tiles(kernels, before, &more->kernels.tiles[i])) {
            continue;
        }
        complete =
            spr_grow(&kernels->tiles, &capacity, kernels->count + 1, sizeof *kernels->tiles);
        if (complete) {
            kernels->tiles[kernels->count++] = more->kernels.tiles[i];
            probe->quality.tiles_interpolated += more->kernels.tiles[i].interpolated;
        }
    }
    return complete ? SPR_OK : spr_no_memory(err);
}
