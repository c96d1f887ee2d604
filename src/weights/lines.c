/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a text, plain or compressed. The only file that knows zlib. */
#include "weights/lines.h"

#include <string.h>
#define ZLIB_CONST /* input is not written to */
#include <zlib.h>

#include "base/mem.h"

/* Deflate makes at most 1032 bytes of one. */
#define RATIO_MAX 1032

#define CHUNK ((size_t)1 << 16)

struct spr_gunzip {
    z_stream stream;
    const unsigned char *bytes; /* compressed ones that are left */
    size_t size;
    bool ended;
    unsigned char out[CHUNK];
};

static void *hook_alloc(void *context, uInt count, uInt size)
{
    (void)context;
    return spr_calloc(count, size);
}

static void hook_free(void *context, void *pointer)
{
    (void)context;
    spr_free(pointer);
}

bool spr_lines_is_gzip(const struct spr_source *source)
{
    return source->size >= 2 && source->bytes[0] == 0x1F && source->bytes[1] == 0x8B;
}

enum spr_status spr_lines_open(struct spr_lines *text, const struct spr_source *source,
                               struct spr_error *err)
{
    *text = (struct spr_lines){.source = source,
                               .path = source->path,
                               .bytes = source->bytes,
                               .size = source->size,
                               .bytes_most = (double)source->size};
    if (!spr_lines_is_gzip(source)) {
        return SPR_OK;
    }
    struct spr_gunzip *gunzip = spr_calloc(1, sizeof *gunzip);
    text->gunzip = gunzip;
    text->bytes_most *= RATIO_MAX;
    text->size = 0;
    if (!gunzip) {
        return spr_no_memory(err);
    }
    gunzip->bytes = source->bytes;
    gunzip->size = source->size;
    gunzip->stream.zalloc = hook_alloc;
    gunzip->stream.zfree = hook_free;
    if (inflateInit2(&gunzip->stream, 15 + 16) != Z_OK) { /* largest window, gzip header */
        return spr_no_memory(err);
    }
    return SPR_OK;
}

void spr_lines_close(struct spr_lines *text)
{
    if (text->gunzip) {
        inflateEnd(&text->gunzip->stream);
    }
    spr_free(text->gunzip);
    text->gunzip = NULL;
}

/* A gzip file may be several, one after the other. */
static bool next_member(struct spr_gunzip *gunzip)
{
    bool more = gunzip->size >= 2 && gunzip->bytes[0] == 0x1F && gunzip->bytes[1] == 0x8B;
    return more && inflateReset(&gunzip->stream) == Z_OK;
}

/* Decompresses the next piece into out. */
static enum spr_status refill(struct spr_lines *text, struct spr_error *err)
{
    struct spr_gunzip *gunzip = text->gunzip;
    z_stream *stream = &gunzip->stream;
    text->bytes = gunzip->out;
    text->at = text->size = 0;
    while (!gunzip->ended && text->size == 0) {
        uInt given = gunzip->size < CHUNK ? (uInt)gunzip->size : (uInt)CHUNK;
        stream->next_in = gunzip->bytes;
        stream->avail_in = given;
        stream->next_out = gunzip->out;
        stream->avail_out = (uInt)CHUNK;
        int result = inflate(stream, Z_NO_FLUSH);
        gunzip->bytes += given - stream->avail_in;
        gunzip->size -= given - stream->avail_in;
        text->size = CHUNK - stream->avail_out;
        if (result == Z_STREAM_END) {
            gunzip->ended = !next_member(gunzip);
        } else if (result == Z_MEM_ERROR) {
            return spr_no_memory(err);
        } else if (result != Z_OK || (gunzip->size == 0 && text->size == 0)) {
            return spr_fail(err, SPR_EINPUT, "%s:%zu: damaged or truncated gzip data",
                            text->path, text->number);
        }
    }
    text->inflated += (double)text->size;
    return spr_check_inflated(text->source, text->inflated, err);
}

enum spr_status spr_lines_next(struct spr_lines *text, bool *got, struct spr_error *err)
{
    text->length = 0;
    text->too_long = false;
    text->number++;
    *got = false;
    for (;;) {
        if (text->at == text->size && text->gunzip) {
            SPR_TRY(refill(text, err));
        }
        if (text->at == text->size) {
            break;
        }
        *got = true;
        const unsigned char *from = text->bytes + text->at;
        const size_t left = text->size - text->at;
        const unsigned char *end = memchr(from, '\n', left);
        const size_t length = end ? (size_t)(end - from) : left;
        const size_t room = sizeof text->line - 1 - text->length;
        const size_t taken = length < room ? length : room;
        memcpy(text->line + text->length, from, taken);
        text->length += taken;
        text->too_long = text->too_long || taken < length;
        text->at += length + (end != NULL);
        text->passed += length + (end != NULL);
        if (end) {
            break;
        }
    }
    while (text->length > 0 && strchr(" \t\r", text->line[text->length - 1]) &&
           text->line[text->length - 1]) {
        text->length--;
    }
    text->line[text->length] = '\0';
    return SPR_OK;
}
