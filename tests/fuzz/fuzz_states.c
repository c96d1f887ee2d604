/* SPDX-License-Identifier: Apache-2.0 */
/* validate --states: the first line of the input is tokens and hidden size, the rest the file.
 * What was read is written, and then is read as the same. */
#include "fuzz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"

#define SIZE_MAX_EACH 1000

static void write_again(const struct spr_states_shape *shape, const float *states)
{
    char path[1024];
    float *again = NULL;
    snprintf(path, sizeof path, "%s/states.npy", fuzz_folder());
    fuzz_require(cli_write_states(path, shape, states, NULL) == SPR_OK, "states are written");
    fuzz_require(cli_read_states(path, shape, 0, &again, NULL) == SPR_OK,
                 "states that were written can be read");
    for (int64_t i = 0; i < shape->tokens * shape->hidden; i++) {
        fuzz_require(memcmp(&again[i], &states[i], sizeof *states) == 0 || isnan(states[i]),
                     "states come back with the same bits");
    }
    spr_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_piece piece = {data, size};
    struct spr_states_shape shape = {0};
    struct spr_error err = {0};
    float *states = NULL;
    char line[32], *end;
    fuzz_line(&piece, line, sizeof line);
    shape.tokens = strtol(line, &end, 10);
    shape.hidden = strtol(end, NULL, 10);
    if (shape.tokens < 1 || shape.tokens > SIZE_MAX_EACH || shape.hidden < 1 ||
        shape.hidden > SIZE_MAX_EACH) {
        return 0;
    }
    if (cli_read_states(fuzz_file(piece.bytes, piece.size), &shape, 0, &states, &err) ==
        SPR_OK) {
        write_again(&shape, states);
    } else {
        fuzz_check_error(&err);
        fuzz_require(states == NULL, "a failure leaves nothing to free");
    }
    spr_free(states);
    return 0;
}
