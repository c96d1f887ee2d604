/* SPDX-License-Identifier: Apache-2.0 */
/* Symbolic dimensions of an ONNX graph: a batch of 1 in front, what --dim says, else --tokens. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "weights/onnx.h"

static struct spr_onnx_dim *add_dim(struct spr_onnx *onnx, const char *name, int64_t value)
{
    if (!spr_grow(&onnx->dim, &onnx->dim_capacity, onnx->dim_count + 1, sizeof *onnx->dim) ||
        !spr_names_add(&onnx->dim_names, name, onnx->dim_count)) {
        onnx->no_memory = true;
        return NULL;
    }
    onnx->dim[onnx->dim_count] = (struct spr_onnx_dim){.name = name, .value = value};
    return &onnx->dim[onnx->dim_count++];
}

static struct spr_onnx_dim *find_dim(const struct spr_onnx *onnx, const char *name)
{
    const size_t at = spr_names_find(&onnx->dim_names, name);
    return at < onnx->dim_count ? &onnx->dim[at] : NULL;
}

/* "8" or "1x3x224x224"; 0: neither. */
static int read_sizes(const char *text, int64_t *shape)
{
    int rank = 0;
    for (const char *at = text; rank < SPR_RANK_MAX; at++) {
        char *end;
        const long long size = isdigit((unsigned char)*at) ? strtoll(at, &end, 10) : 0;
        if (size < 1 || size > SPR_DIMENSION_MAX) {
            return 0;
        }
        shape[rank++] = size;
        if (*end == '\0') {
            return rank;
        }
        if (*end != 'x') {
            return 0;
        }
        at = end;
    }
    return 0;
}

static enum spr_status take_option(struct spr_onnx *onnx, const char *option,
                                   struct spr_error *err)
{
    const char *equals = strrchr(option, '=');
    struct spr_onnx_given given = {.rank = equals ? read_sizes(equals + 1, given.shape) : 0};
    if (given.rank == 0 || equals == option) {
        return spr_fail(
            err, SPR_EINPUT,
            "--dim %.100s: expected NAME=N of a symbolic dimension, or NAME=AxBxC of "
            "a value",
            option);
    }
    given.name =
        spr_arena_text(&onnx->source->weights->arena, option, (size_t)(equals - option));
    if (!given.name || !spr_grow(&onnx->given, &onnx->given_capacity, onnx->given_count + 1,
                                 sizeof *onnx->given)) {
        return spr_no_memory(err);
    }
    struct spr_onnx_dim *known = find_dim(onnx, given.name);
    if (known) {
        return spr_fail(err, SPR_EINPUT, "--dim %.100s: given twice", option);
    }
    onnx->given[onnx->given_count++] = given;
    return add_dim(onnx, given.name, given.rank == 1 ? given.shape[0] : -1)
               ? SPR_OK
               : spr_no_memory(err);
}

enum spr_status spr_onnx_dims_begin(struct spr_onnx *onnx, struct spr_error *err)
{
    for (size_t i = 0; i < onnx->source->options->dim_count; i++) {
        SPR_TRY(take_option(onnx, onnx->source->options->dim[i], err));
    }
    return SPR_OK;
}

enum spr_status spr_onnx_dims_end(const struct spr_onnx *onnx, struct spr_error *err)
{
    for (size_t i = 0; i < onnx->given_count; i++) {
        if (onnx->given[i].met || find_dim(onnx, onnx->given[i].name)->met) {
            continue;
        }
        char names[200] = "none";
        size_t used = 0;
        for (size_t d = 0; d < onnx->dim_count && used + 60 < sizeof names; d++) {
            if (onnx->dim[d].met) {
                used += (size_t)snprintf(names + used, sizeof names - used, "%s%.40s",
                                         used ? ", " : "", onnx->dim[d].name);
            }
        }
        return spr_fail(
            err, SPR_EINPUT,
            "--dim %.100s: %s: no symbolic dimension and no value of this name: its "
            "dimensions: %s",
            onnx->given[i].name, onnx->source->path, names);
    }
    return SPR_OK;
}

bool spr_onnx_given_shape(struct spr_onnx *onnx, struct spr_onnx_value *value)
{
    for (size_t i = 0; i < onnx->given_count; i++) {
        struct spr_onnx_given *given = &onnx->given[i];
        if (strcmp(given->name, value->name) == 0 && !find_dim(onnx, given->name)->met) {
            given->met = true;
            value->has_shape = true;
            value->rank = given->rank;
            memcpy(value->shape, given->shape, sizeof value->shape);
            return true;
        }
    }
    return false;
}

/* An expression of dimensions as exporters write them: sums, products, whole quotients. */
struct expression {
    const char *at;
    int depth;
    bool bad;
};

static double sum_of(struct spr_onnx *onnx, struct expression *e);

static void skip_blanks(struct expression *e)
{
    e->at += strspn(e->at, " ");
}

static double atom_of(struct spr_onnx *onnx, struct expression *e)
{
    char name[128], *end;
    skip_blanks(e);
    if (*e->at == '(' && e->depth < 16) {
        e->at++;
        e->depth++;
        const double inner = sum_of(onnx, e);
        e->depth--;
        skip_blanks(e);
        e->bad = e->bad || *e->at != ')';
        e->at += *e->at == ')';
        return inner;
    }
    const size_t length = strcspn(e->at, " +-*/()");
    if (length == 0 || length >= sizeof name) {
        e->bad = true;
        return -1;
    }
    memcpy(name, e->at, length);
    name[length] = '\0';
    e->at += length;
    if (isdigit((unsigned char)*name)) {
        const double number = (double)strtoll(name, &end, 10);
        e->bad = e->bad || *end != '\0';
        return number;
    }
    const struct spr_onnx_dim *known = find_dim(onnx, name);
    e->bad = e->bad || !known || known->value < 0;
    return known ? (double)known->value : -1;
}

static double product_of(struct spr_onnx *onnx, struct expression *e)
{
    double value = atom_of(onnx, e);
    for (skip_blanks(e); !e->bad && (*e->at == '*' || *e->at == '/'); skip_blanks(e)) {
        const bool times = *e->at == '*';
        e->at += strspn(e->at, times ? "*" : "/");
        const double by = atom_of(onnx, e);
        e->bad = e->bad || (!times && !(by > 0));
        value = times ? value * by : e->bad ? -1 : (double)(int64_t)(value / by);
        e->bad = e->bad || !(value < SPR_PRODUCT_MAX && value > -SPR_PRODUCT_MAX);
    }
    return value;
}

static double sum_of(struct spr_onnx *onnx, struct expression *e)
{
    double value = product_of(onnx, e);
    for (skip_blanks(e); !e->bad && (*e->at == '+' || *e->at == '-'); skip_blanks(e)) {
        const double sign = *e->at++ == '+' ? 1 : -1;
        value += sign * product_of(onnx, e);
    }
    return value;
}

int64_t spr_onnx_dim(struct spr_onnx *onnx, struct spr_wire name)
{
    char text[128];
    const size_t length = (size_t)(name.end - name.at);
    if (length == 0 || length >= sizeof text) {
        return -1;
    }
    memcpy(text, name.at, length);
    text[length] = '\0';
    struct spr_onnx_dim *known = find_dim(onnx, text);
    if (known) {
        known->met = true;
        return known->value;
    }
    struct expression e = {.at = text};
    const double value = strpbrk(text, "+-*/") ? sum_of(onnx, &e) : -1;
    skip_blanks(&e);
    return !e.bad && value >= 1 && value <= (double)SPR_DIMENSION_MAX &&
                   strpbrk(text, "+-*/") && *e.at == '\0'
               ? (int64_t)value
               : -1;
}

static bool has_word(const char *name, const char *const *word)
{
    for (; *word; word++) {
        const size_t length = strlen(*word);
        for (const char *at = name; *at; at++) {
            size_t i = 0;
            while (i < length && tolower((unsigned char)at[i]) == (*word)[i]) {
                i++;
            }
            if (i == length) {
                return true;
            }
        }
    }
    return false;
}

/* A dimension of a shape: its size, 0 when it is symbolic; its name in text, made when it has
 * none. */
static int64_t read_dim(struct spr_wire dim, const char *value, int axis, char text[128])
{
    struct spr_wire_field f;
    int64_t size = 0;
    snprintf(text, 128, "%.100s:%d", value, axis);
    while (spr_wire_next(&dim, &f)) {
        const size_t length = f.kind == SPR_WIRE_BYTES ? (size_t)(f.body.end - f.body.at) : 0;
        if (f.number == 1 && f.kind == SPR_WIRE_VARINT) {
            size = f.value <= (uint64_t)SPR_DIMENSION_MAX ? (int64_t)f.value : 0;
        } else if (f.number == 2 && length > 0 && length < 128 &&
                   !memchr(f.body.at, '\0', length)) {
            memcpy(text, f.body.at, length);
            text[length] = '\0';
        }
    }
    return size;
}

/* TypeProto.tensor_type.shape; false: there is none. *type: its elem_type. */
static bool find_shape(struct spr_wire type, struct spr_wire *shape, uint64_t *element)
{
    struct spr_wire_field f, g;
    bool found = false;
    while (spr_wire_next(&type, &f)) {
        while ((f.number == 1 || f.number == 8) && f.kind == SPR_WIRE_BYTES &&
               spr_wire_next(&f.body, &g)) {
            if (g.number == 1 && g.kind == SPR_WIRE_VARINT) {
                *element = g.value;
            } else if (g.number == 2 && g.kind == SPR_WIRE_BYTES) {
                *shape = g.body;
                found = true;
            }
        }
    }
    return found;
}

/* The next dimension of a shape. */
static bool next_dim(struct spr_wire *shape, struct spr_wire *dim)
{
    struct spr_wire_field f;
    while (spr_wire_next(shape, &f)) {
        if (f.number == 1 && f.kind == SPR_WIRE_BYTES) {
            *dim = f.body;
            return true;
        }
    }
    return false;
}

/* A symbolic dimension in front is a batch, unless it stands elsewhere in the shape too, has the
 * name of a length, or another one has that of a batch. */
static bool is_batch(const char names[SPR_RANK_MAX][128], int rank, int axis)
{
    static const char *const batch[] = {"batch", NULL};
    static const char *const length[] = {"seq",  "len",    "time",  "token", "frame",
                                         "past", "height", "width", NULL};
    if (has_word(names[axis], batch)) {
        return true;
    }
    bool first = axis == 0 && !has_word(names[0], length);
    for (int i = 1; first && i < rank; i++) {
        first = strcmp(names[i], names[0]) != 0 && !has_word(names[i], batch);
    }
    return first;
}

/* The keys of a decoder that are there already, or all of them; -1: no such dimension. */
static int64_t keys_of(const struct spr_onnx *onnx, const char *name)
{
    static const char *const all[] = {"total", NULL};
    static const char *const before[] = {"past", NULL};
    const int64_t tokens = onnx->source->options->tokens,
                  context = onnx->source->options->context;
    const int64_t keys = context > tokens ? context : tokens;
    return has_word(name, all) ? keys : has_word(name, before) ? keys - tokens : -1;
}

/* What an input's dimension is where --dim does not say; -1: not told. */
static int64_t default_of(const struct spr_onnx *onnx, const char names[SPR_RANK_MAX][128],
                          int rank, int axis)
{
    const int64_t tokens = onnx->source->options->tokens;
    if (is_batch(names, rank, axis)) {
        return 1;
    }
    if (tokens < 1) {
        return -1;
    }
    const int64_t keys = keys_of(onnx, names[axis]);
    return keys >= 0 ? keys : tokens;
}

static void tell_dim(struct spr_onnx *onnx, const char names[SPR_RANK_MAX][128], int rank,
                     int axis)
{
    struct spr_onnx_dim *known = find_dim(onnx, names[axis]);
    if (known && known->met) {
        return;
    }
    if (!known) {
        const char *name = spr_onnx_text(onnx, spr_onnx_wire(names[axis]));
        known = name ? add_dim(onnx, name, -1) : NULL;
    }
    if (known) {
        known->met = true;
        known->value = known->value > 0 ? known->value : default_of(onnx, names, rank, axis);
        known->asked = known->value < 0;
    }
}

void spr_onnx_dims_of_input(struct spr_onnx *onnx, const char *input, struct spr_wire type,
                            bool sums)
{
    char names[SPR_RANK_MAX][128];
    int64_t size[SPR_RANK_MAX];
    struct spr_wire shape = {0}, dim;
    uint64_t element = 0;
    int rank = 0;
    if (!find_shape(type, &shape, &element)) {
        return;
    }
    while (rank < SPR_RANK_MAX && next_dim(&shape, &dim)) {
        size[rank] = read_dim(dim, input, rank, names[rank]);
        rank++;
    }
    for (int i = 0; i < rank; i++) {
        if (size[i] > 1 && i < 2 && !sums && rank > 1 + i &&
            onnx->batch_count[i] < SPR_ONNX_BATCHES) {
            onnx->batches[i][onnx->batch_count[i]++] = size[i];
        }
        const bool sum = strpbrk(names[i], "+*/") != NULL;
        if (size[i] < 1 && sum == sums &&
            !(sum && spr_onnx_dim(onnx, spr_onnx_wire(names[i])) > 0)) {
            tell_dim(onnx, (const char(*)[128])names, rank, i);
        }
    }
}

void spr_onnx_read_type(struct spr_onnx *onnx, struct spr_wire type,
                        struct spr_onnx_value *value)
{
    struct spr_wire shape = {0}, dim;
    uint64_t element = 0;
    char name[128];
    const bool told = find_shape(type, &shape, &element);
    value->whole = value->whole || (element >= 2 && element <= 9 && element != 8) ||
                   element == 12 || element == 13;
    if (!told || value->data) {
        return;
    }
    value->has_shape = true;
    value->rank = 0;
    while (next_dim(&shape, &dim)) {
        const int64_t size = read_dim(dim, value->name, value->rank, name);
        value->has_shape = value->has_shape && value->rank < SPR_RANK_MAX;
        if (value->has_shape) {
            value->shape[value->rank++] =
                size > 0 ? size : spr_onnx_dim(onnx, spr_onnx_wire(name));
        }
    }
}

const char *spr_onnx_advice(const struct spr_onnx *onnx, char text[SPR_ONNX_ADVICE])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < onnx->dim_count && used + 80 < SPR_ONNX_ADVICE - 40; i++) {
        if (onnx->dim[i].asked) {
            used += (size_t)snprintf(text + used, SPR_ONNX_ADVICE - used, "%s--dim %.64s=N",
                                     used ? " " : "", onnx->dim[i].name);
        }
    }
    if (used > 0) {
        snprintf(text + used, SPR_ONNX_ADVICE - used, ", or --tokens N");
    } else if (onnx->stop) {
        snprintf(text, SPR_ONNX_ADVICE, "--dim %.200s=AxBxC, the shape of that value",
                 onnx->stop);
    }
    return text;
}
