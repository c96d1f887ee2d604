/* SPDX-License-Identifier: Apache-2.0 */
/* Number types of operands, beyond those that engines multiply. */
#include "sproof/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_MAX 1000000

/* What weights are stored as and expanded from. */
static const struct {
    const char *spelling; /* the name is behind its w: */
    double bits;          /* of a value; with all that belongs to it where there is no group */
    double scale_bytes;   /* for each group */
    int64_t group;        /* 0: its blocks are fixed */
} weights[] = {
    /* GPTQ, AWQ, Marlin: one f16 for each group of 128, no zero points */
    {"w:i4", 4, 2, 128},
    {"w:i3", 3, 2, 128},
    {"w:i2", 2, 2, 128},
    /* OCP Microscaling Formats (MX) 1.0, 5.2: MXFP4 and MXFP6, one E8M0 for each 32 */
    {"w:fp4", 4, 1, 32},
    {"w:fp6", 6, 1, 32},
    /* NVFP4: one E4M3 for each 16; the tensor's one f32 is left out */
    {"w:nvfp4", 4, 1, 16},
    /* NormalFloat of QLoRA as bitsandbytes holds it: one f32 for each 64 */
    {"w:nf4", 4, 4, 64},
    /* llama.cpp, ggml/src/ggml-common.h: sizeof of its blocks, of 32 weights (_0, _1) or 256 */
    {"w:q4_0", 18 * 8 / 32.0, 0, 0},
    {"w:q4_1", 20 * 8 / 32.0, 0, 0},
    {"w:q5_0", 22 * 8 / 32.0, 0, 0},
    {"w:q5_1", 24 * 8 / 32.0, 0, 0},
    {"w:q8_0", 34 * 8 / 32.0, 0, 0},
    {"w:q2_K", 84 * 8 / 256.0, 0, 0},
    {"w:q3_K", 110 * 8 / 256.0, 0, 0},
    {"w:q4_K", 144 * 8 / 256.0, 0, 0},
    {"w:q5_K", 176 * 8 / 256.0, 0, 0},
    {"w:q6_K", 210 * 8 / 256.0, 0, 0},
};
#define WEIGHTS (sizeof weights / sizeof *weights)

/* Sums of an integer product. */
static const struct spr_stored i32 = {"i32", 4, 0, -1};

static struct spr_stored storage_of(enum spr_dtype dtype)
{
    return (struct spr_stored){spr_dtype_name(dtype), spr_dtype_bytes(dtype), 0, (int)dtype};
}

struct spr_types spr_types_of(enum spr_dtype dtype)
{
    const struct spr_stored one = storage_of(dtype);
    return (struct spr_types){one, one, one};
}

const char *spr_stored_weights(size_t index)
{
    return index < WEIGHTS ? weights[index].spelling : NULL;
}

static const char *name_at(size_t index)
{
    return weights[index].spelling + 2;
}

static bool find_weights(const char *name, int64_t group, struct spr_stored *out)
{
    for (size_t i = 0; i < WEIGHTS; i++) {
        if (strcmp(name_at(i), name) == 0) {
            const int64_t scaled = weights[i].group && group ? group : weights[i].group;
            *out = (struct spr_stored){name_at(i), weights[i].bits / 8, scaled, -1};
            out->bytes += scaled ? weights[i].scale_bytes / (double)scaled : 0;
            return true;
        }
    }
    return false;
}

/* One operand's part of the text that was given. */
struct part {
    const char *whole; /* "w:i4/64" */
    char operand;      /* w, x, y; 0: all of them */
    char name[32];
    bool has_group;
    int64_t group;
};

static enum spr_status wrong(const struct part *part, const char *expected,
                             struct spr_error *err)
{
    return spr_fail(err, SPR_EINPUT, "dtype '%.60s': %s", part->whole, expected);
}

/* "i4/64" into name and group. */
static enum spr_status split(const char *text, struct part *part, struct spr_error *err)
{
    const size_t length = strcspn(text, "/");
    char *end;
    snprintf(part->name, sizeof part->name, "%.*s", (int)length, text);
    part->has_group = text[length] == '/';
    if (part->has_group) {
        const char *digits = text + length + 1;
        part->group = strtol(digits, &end, 10);
        if (*digits < '0' || *digits > '9' || *end || part->group < 1 ||
            part->group > GROUP_MAX) {
            return wrong(part, "expected a group of 1..1000000 weights, such as i4/64", err);
        }
    }
    return SPR_OK;
}

static enum spr_status unknown(const struct part *part, struct spr_error *err)
{
    const char *names[SPR_DTYPE_COUNT + WEIGHTS + 2] = {NULL};
    char list[SPR_SUGGESTION_TEXT];
    size_t count = 0;
    for (int i = 0; i < SPR_DTYPE_COUNT; i++) {
        names[count++] = spr_dtype_name((enum spr_dtype)i);
    }
    for (size_t i = 0; part->operand == 'w' && i < WEIGHTS; i++) {
        names[count++] = name_at(i);
    }
    if (part->operand == 'y') {
        names[count++] = i32.name;
    }
    return spr_fail_unknown(err, part->name, names, "unknown dtype '%.40s': expected %s",
                            part->name, spr_alternatives(names, list));
}

static enum spr_status find(const struct part *part, struct spr_stored *out,
                            struct spr_error *err)
{
    enum spr_dtype dtype;
    char text[96];
    if (spr_dtype_parse(part->name, &dtype, NULL) == SPR_OK) {
        *out = storage_of(dtype);
    } else if (strcmp(part->name, i32.name) == 0) {
        *out = i32;
        if (part->operand != 'y') {
            return wrong(part, "only outputs are i32: expected y:i32", err);
        }
    } else if (!find_weights(part->name, part->group, out)) {
        return unknown(part, err);
    } else if (part->operand != 'w') {
        snprintf(text, sizeof text, "only weights are stored as %s: expected w:%s", out->name,
                 out->name);
        return wrong(part, text, err);
    }
    if (part->has_group && out->group == 0) {
        snprintf(text, sizeof text, "%s has no groups to choose: expected %s", out->name,
                 out->name);
        return wrong(part, text, err);
    }
    return SPR_OK;
}

/* Which operands were given one by one. */
struct reading {
    struct spr_types *types;
    bool all; /* or all at once */
    char given[4];
};

static enum spr_status take(struct reading *r, const char *text, struct spr_error *err)
{
    struct part part = {.whole = text};
    const size_t used = strlen(r->given);
    const char *name = text;
    if (text[0] && text[1] == ':') {
        part.operand = text[0];
        name += 2;
        if (!strchr("wxy", part.operand)) {
            return wrong(&part, "expected w:, x: or y: in front of a type", err);
        }
        if (strchr(r->given, part.operand)) {
            return wrong(&part, "this operand is given twice", err);
        }
        r->given[used] = part.operand;
    } else if (r->all || used > 0) {
        return wrong(&part, "expected w:, x: or y: behind a type for all operands", err);
    }
    struct spr_stored found;
    SPR_TRY(split(name, &part, err));
    SPR_TRY(find(&part, &found, err));
    if (part.operand == 0) {
        r->all = true;
        *r->types = (struct spr_types){found, found, found};
        return SPR_OK;
    }
    *(part.operand == 'w'   ? &r->types->w
      : part.operand == 'x' ? &r->types->x
                            : &r->types->y) = found;
    return SPR_OK;
}

enum spr_status spr_types_parse(const char *text, enum spr_dtype fallback,
                                struct spr_types *types, struct spr_error *err)
{
    struct reading r = {.types = types};
    char item[64];
    *types = spr_types_of(fallback);
    for (const char *at = text;; at++) {
        const size_t length = strcspn(at, ",");
        snprintf(item, sizeof item, "%.*s", (int)(length < 63 ? length : 63), at);
        SPR_TRY(take(&r, item, err));
        at += length;
        if (!*at) {
            break;
        }
    }
    if (!r.all && !strchr(r.given, 'y')) {
        types->y = types->x;
    }
    return SPR_OK;
}

enum spr_dtype spr_types_engine(const struct spr_types *types)
{
    const bool w = types->w.dtype >= 0 && types->w.bytes > types->x.bytes;
    return (enum spr_dtype)(w ? types->w.dtype : types->x.dtype);
}

static bool same(const struct spr_stored *left, const struct spr_stored *right)
{
    return strcmp(left->name, right->name) == 0 && left->group == right->group;
}

bool spr_types_equal(const struct spr_types *left, const struct spr_types *right)
{
    return same(&left->w, &right->w) && same(&left->x, &right->x) && same(&left->y, &right->y);
}

const char *spr_stored_text(const struct spr_stored *storage, char text[SPR_TYPES_TEXT])
{
    if (storage->group > 0) {
        snprintf(text, SPR_TYPES_TEXT, "%.8s/%lld", storage->name, (long long)storage->group);
    } else {
        snprintf(text, SPR_TYPES_TEXT, "%.8s", storage->name);
    }
    return text;
}

const char *spr_types_text(const struct spr_types *types, char text[SPR_TYPES_TEXT])
{
    char w[SPR_TYPES_TEXT];
    (void)spr_stored_text(&types->w, w);
    if (same(&types->w, &types->x) && same(&types->x, &types->y)) {
        (void)spr_stored_text(&types->x, text);
    } else {
        snprintf(text, SPR_TYPES_TEXT, "w %.20s, x %.8s, y %.8s", w, types->x.name,
                 types->y.name);
    }
    return text;
}
