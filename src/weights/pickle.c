/* SPDX-License-Identifier: Apache-2.0 */
/* Pickles (.pt, .pth, .bin of PyTorch) are programs: they are not run, the way out is named. */
#include <string.h>

#include "weights/reader.h"

bool spr_sniff_pickle(const struct spr_source *source)
{
    return source->size >= 2 && source->bytes[0] == 0x80 && source->bytes[1] >= 2 &&
           source->bytes[1] <= 5;
}

enum spr_status spr_read_pickle(const struct spr_source *source, struct spr_error *err)
{
    /* A name that quotes would end is left to the user. */
    bool plain = !strpbrk(source->path, "'\"\\`$!");
    return spr_fail(
        err, SPR_EINPUT,
        "%s: a pickle can run any program when it is read: refused. Convert it: python3 -c "
        "\"import torch; from safetensors.torch import save_file; save_file({k: "
        "v.clone().contiguous() for k, v in torch.load('%s', map_location='cpu', "
        "weights_only=True).items()}, 'model.safetensors')\"",
        source->path, plain ? source->path : "FILE");
}
