/* SPDX-License-Identifier: Apache-2.0 */
/* Machines inside records: to and from JSON values. */
#ifndef SPROOF_MACHINE_MACHINE_JSON_H
#define SPROOF_MACHINE_MACHINE_JSON_H

#include "base/emit.h"
#include "base/json.h"
#include "sproof/machine.h"

#define SPR_MACHINE_SCHEMA "sproof/machine"
#define SPR_MACHINE_VERSION 1

/* Like spr_machine_read, from a parsed value; `file` is for messages. */
enum spr_status spr_machine_from_json(const spr_json *root, const char *file,
                                      struct spr_machine *machine, struct spr_error *err);

void spr_machine_to_json(struct spr_emit *out, const char *key,
                         const struct spr_machine *machine);

#endif
