/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel families in machine files. */
#ifndef SPROOF_MACHINE_FAMILY_JSON_H
#define SPROOF_MACHINE_FAMILY_JSON_H

#include "base/emit.h"
#include "base/json_reader.h"
#include "sproof/machine.h"

/* Reads the member `kernels`: a list of families, or the name of a shipped machine whose families
 * are taken, changed by what is known of both machines. */
void spr_families_from_json(struct spr_reader *reader, const spr_json *root,
                            struct spr_machine *machine);

void spr_families_to_json(struct spr_emit *out, const struct spr_machine *machine);

#endif
