/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix Market files under gzip. The only file that knows zlib. */
#define ZLIB_CONST /* next_in points to const bytes */
#include <zlib.h>

#include "reader.h"

#define CHUNK_BYTES ((size_t)1 << 20)

static enum spr_status inflate_all(const struct spr_source *source, z_stream *z,
                                   unsigned char **bytes, size_t *size, struct spr_error *err)
{
    size_t capacity = 0;
    int result = Z_OK;
    z->next_in = source->bytes;
    size_t left = source->size;
    while (result == Z_OK) {
        if (z->avail_in == 0) {
            uInt piece = (uInt)(left < CHUNK_BYTES ? left : CHUNK_BYTES);
            z->avail_in = piece;
            left -= piece;
        }
        if (!spr_grow(bytes, &capacity, *size + CHUNK_BYTES, 1)) {
            return spr_fail(err, SPR_ENOMEM, "out of memory");
        }
        z->next_out = *bytes + *size;
        z->avail_out = (uInt)CHUNK_BYTES;
        result = inflate(z, Z_NO_FLUSH);
        *size += CHUNK_BYTES - z->avail_out;
        if (result == Z_STREAM_END && (z->avail_in > 0 || left > 0)) {
            result = inflateReset(z); /* members may follow one another */
        }
    }
    return result == Z_STREAM_END
               ? SPR_OK
               : spr_fail(err, SPR_EINPUT, "%s: byte %zu: damaged or truncated gzip data",
                          source->path, source->size - left - z->avail_in);
}

enum spr_status spr_read_mtx_gz(const struct spr_source *source, struct spr_error *err)
{
    z_stream z = {0};
    struct spr_source plain = *source;
    unsigned char *bytes = NULL;
    size_t size = 0;
    if (inflateInit2(&z, 15 + 16) != Z_OK) {
        return spr_fail(err, SPR_ENOMEM, "out of memory");
    }
    enum spr_status status = inflate_all(source, &z, &bytes, &size, err);
    inflateEnd(&z);
    plain.bytes = bytes;
    plain.size = size;
    status = status ? status : spr_read_mtx(&plain, err);
    spr_free(bytes);
    return status;
}
