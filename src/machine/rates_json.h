/* SPDX-License-Identifier: Apache-2.0 */
/* The measured rates of the kernels inside probes and machines: to and from JSON values. */
#ifndef SPROOF_MACHINE_RATES_JSON_H
#define SPROOF_MACHINE_RATES_JSON_H

#include "base/emit.h"
#include "base/json_reader.h"
#include "sproof/rates.h"

void spr_tiles_to_json(struct spr_emit *out, const char *key,
                       const struct spr_kernel_rates *rates);

/* The member `kernels` of `file`. What is read is allocated (spr_tiles_free), also in part
 * after an error. Errors: SPR_EINPUT naming file, JSON path and what was expected. */
enum spr_status spr_tiles_from_json(const spr_json *kernels, const char *file,
                                    struct spr_kernel_rates *rates, struct spr_error *err);

/* Points of a sweep, and a time that is left out where it went wrong. */
void spr_sweep_to_json(struct spr_emit *out, const char *key, const struct spr_sweep *sweep);
void spr_sweep_from_json(struct spr_reader *r, const spr_json *object, const char *key,
                         struct spr_sweep *sweep);
void spr_rate_to_json(struct spr_emit *out, const char *key, double seconds);
/* NAN: it was not measured. */
double spr_rate_from_json(struct spr_reader *r, const spr_json *object, const char *key);

/* The member `winners`, absent where there are none (winner_rates.c). */
void spr_winners_to_json(struct spr_emit *out, const struct spr_kernel_rates *rates);
void spr_winners_from_json(struct spr_reader *r, const spr_json *object,
                           struct spr_kernel_rates *rates);

/* The member `isa`, one of a CPU. */
enum spr_isa spr_isa_from_json(struct spr_reader *r, const spr_json *object);

void spr_tiles_free(struct spr_kernel_rates *rates);

/* A copy in the arena of the rates of one instruction set and thread count (isa
 * SPR_ISA_COUNT: of all); NULL when out of memory. */
const struct spr_kernel_rates *spr_tiles_keep(struct spr_arena *arena,
                                              const struct spr_kernel_rates *rates,
                                              unsigned isa, int threads);

#endif
