/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
static enum spr_status run(struct cli *cli, const struct args *args, struct spr_error *err){(void)cli;(void)args;(void)err;return SPR_OK;}
static const enum option options[] = {OPT_INPUT,OPT_MEASURED,OPT_TIMES,OPT_COUNT};
const struct verb verb_explain = {.name="explain",.arguments="[VARIANT] ",.summary="x",.examples={"a","b"},.positionals_max=1,.options=options,.run=run};
