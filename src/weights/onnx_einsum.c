/* SPDX-License-Identifier: Apache-2.0 */
/* Einsum: a product of two operands where their letters are those of one. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "weights/onnx.h"

#define OPERANDS 2
#define LETTERS 52

/* An equation with the sizes of its letters. */
struct equation {
    char term[OPERANDS + 1]
             [SPR_RANK_MAX + 1]; /* letters of each operand, then of the output */
    size_t operands;
    int64_t size[128]; /* of a letter; 0: not met, -1: not told */
    bool good;
};

static void add_letter(char term[SPR_RANK_MAX + 1], char letter, bool *good)
{
    const size_t length = strlen(term);
    *good = *good && length < SPR_RANK_MAX && !strchr(term, letter); /* no diagonals */
    if (*good) {
        term[length] = letter;
        term[length + 1] = '\0';
    }
}

/* Letters that an ellipsis stands for: digits, the last dimension '0'. */
static void add_dots(struct equation *e, size_t operand, int count)
{
    for (int i = count - 1; i >= 0 && e->good; i--) {
        add_letter(e->term[operand], (char)('0' + i), &e->good);
    }
}

static int letters_in(const char *text, const char *end)
{
    int count = 0;
    for (; text < end; text++) {
        count += isalpha((unsigned char)*text) != 0;
    }
    return count;
}

/* The terms of the operands, whose ranks tell what "..." stands for. */
static const char *read_operands(struct equation *e, const char *text,
                                 const struct spr_onnx_value *const *v, int *dots)
{
    while (*text && *text != '-') {
        const char *end = text + strcspn(text, ",-");
        if (e->operands == OPERANDS || !v[e->operands] || !v[e->operands]->has_shape) {
            e->good = false;
            return text;
        }
        const int hidden = v[e->operands]->rank - letters_in(text, end);
        bool all = false;
        for (; text < end && e->good; text++) {
            if (isalpha((unsigned char)*text)) {
                add_letter(e->term[e->operands], *text, &e->good);
            } else if (*text == '.' && !all) {
                all = true;
                *dots = hidden > *dots ? hidden : *dots;
                add_dots(e, e->operands, hidden < SPR_RANK_MAX ? hidden : 0);
            }
        }
        e->good = e->good && (int)strlen(e->term[e->operands]) == v[e->operands]->rank;
        e->operands++;
        text = end + (*end == ',');
    }
    return text;
}

/* What is left out of the equation: the ellipsis, then the letters that stand once. */
static void imply_output(struct equation *e, int dots)
{
    add_dots(e, OPERANDS, dots);
    for (int c = 'A'; c <= 'z'; c++) {
        int count = 0;
        for (size_t i = 0; i < e->operands; i++) {
            count += isalpha(c) && strchr(e->term[i], c);
        }
        if (count == 1) {
            add_letter(e->term[OPERANDS], (char)c, &e->good);
        }
    }
}

static void read_output(struct equation *e, const char *text, int dots)
{
    bool all = false;
    for (; *text && e->good; text++) {
        if (isalpha((unsigned char)*text)) {
            add_letter(e->term[OPERANDS], *text, &e->good);
        } else if (*text == '.' && !all) {
            all = true;
            add_dots(e, OPERANDS, dots);
        }
    }
}

static void find_sizes(struct equation *e, const struct spr_onnx_value *const *v)
{
    for (size_t i = 0; i < e->operands; i++) {
        for (int d = 0; d < v[i]->rank; d++) {
            int64_t *size = &e->size[(unsigned char)e->term[i][d]];
            const int64_t own = v[i]->shape[d];
            *size = *size == 0 || *size == 1 || (*size < 0 && own > 1) ? own : *size;
        }
    }
}

static struct equation read_equation(const struct spr_onnx *onnx,
                                     const struct spr_onnx_node *node)
{
    struct equation e = {.good = true};
    const struct spr_onnx_value *v[OPERANDS] = {spr_onnx_input(onnx, node, 0),
                                                spr_onnx_input(onnx, node, 1)};
    struct spr_wire text;
    char all[128];
    int dots = 0;
    const size_t length =
        spr_onnx_bytes(node, "equation", 4, &text) ? (size_t)(text.end - text.at) : 0;
    e.good = length > 0 && length < sizeof all && node->input_count <= OPERANDS;
    if (!e.good) {
        return e;
    }
    memcpy(all, text.at, length);
    all[length] = '\0';
    const char *rest = read_operands(&e, all, v, &dots);
    e.good = e.good && e.operands == node->input_count && dots < SPR_RANK_MAX;
    if (e.good && strncmp(rest, "->", 2) == 0) {
        read_output(&e, rest + 2, dots);
    } else if (e.good) {
        imply_output(&e, dots);
    }
    if (e.good) {
        find_sizes(&e, v);
    }
    return e;
}

void spr_onnx_einsum_shape(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                           struct spr_onnx_value *out)
{
    const struct equation e = read_equation(onnx, node);
    int64_t shape[SPR_RANK_MAX];
    const int rank = e.good ? (int)strlen(e.term[OPERANDS]) : 0;
    for (int i = 0; i < rank; i++) {
        shape[i] = e.size[(unsigned char)e.term[OPERANDS][i]];
    }
    if (e.good) {
        spr_onnx_set_shape(out, rank, shape);
    }
}

/* Sizes of the letters of one kind together; 0: one is not told. */
enum kind { STACK, FIRST, SECOND, SUMMED };

static enum kind kind_of(const struct equation *e, char letter)
{
    const bool a = strchr(e->term[0], letter), b = strchr(e->term[1], letter);
    const bool out = strchr(e->term[OPERANDS], letter);
    return a && b ? out ? STACK : SUMMED : a ? FIRST : SECOND;
}

static int64_t size_of(const struct equation *e, enum kind kind)
{
    double all = 1;
    for (int c = '0'; c <= 'z'; c++) {
        if (e->size[c] == 0 || kind_of(e, (char)c) != kind) {
            continue;
        }
        all *= (double)(e->size[c] > 0 ? e->size[c] : 0);
    }
    return all <= 1e15 ? (int64_t)all : 0;
}

/* A letter of one operand alone is summed before the product. */
static bool sums_alone(const struct equation *e)
{
    for (size_t i = 0; i < OPERANDS; i++) {
        for (const char *c = e->term[i]; *c; c++) {
            if (!strchr(e->term[OPERANDS], *c) && !strchr(e->term[1 - i], *c)) {
                return true;
            }
        }
    }
    return false;
}

/* A constant operand that no stack is of: a layer. */
static enum spr_status add_layer(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                 const struct equation *e, size_t which, struct spr_error *err)
{
    const struct spr_onnx_value *w = spr_onnx_input(onnx, node, which);
    struct spr_onnx_product p = {.op = SPR_OP_LINEAR, .value = w, .x_elements = (double)NAN};
    for (int i = 0; i < w->rank; i++) {
        if (kind_of(e, e->term[which][i]) == SUMMED) {
            p.axes.column[p.axes.column_count++] = i;
        } else {
            p.axes.row[p.axes.row_count++] = i;
        }
    }
    p.n = size_of(e, which == 0 ? SECOND : FIRST);
    return spr_onnx_add(onnx, node, &p, err);
}

static bool can_be_layer(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                         const struct equation *e, size_t which)
{
    const struct spr_onnx_value *w = spr_onnx_input(onnx, node, which);
    bool stack = false;
    for (const char *c = e->term[which]; *c; c++) {
        stack = stack || (kind_of(e, *c) == STACK && e->size[(unsigned char)*c] != 1);
    }
    return w->constant && w->rank > 0 && !w->sparse.at && !stack;
}

/* Each of a stack has matrices of its own, at one place of the constant. */
static enum spr_status add_stacked(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                   const struct equation *e, struct spr_error *err)
{
    const struct spr_onnx_value *v[2] = {spr_onnx_input(onnx, node, 0),
                                         spr_onnx_input(onnx, node, 1)};
    struct spr_onnx_product p = {.op = SPR_OP_ATTENTION,
                                 .m = size_of(e, FIRST),
                                 .k = size_of(e, SUMMED),
                                 .n = size_of(e, SECOND),
                                 .count = size_of(e, STACK),
                                 .x_elements = (double)NAN};
    p.n = p.count > 0 ? p.n : 0;
    for (size_t i = 0; i < 2 && p.m > 0 && p.k > 0 && p.n > 0; i++) {
        if (v[i]->constant && !onnx->dry) {
            spr_set_use(onnx->source, v[i]->tensor, SPR_USE_LAYER);
        }
    }
    return spr_onnx_add(onnx, node, &p, err);
}

/* true: there is no sum over both operands, only what Mul does. */
static bool only_scales(const struct equation *e)
{
    for (const char *c = e->term[0]; *c; c++) {
        if (kind_of(e, *c) == SUMMED) {
            return false;
        }
    }
    return true;
}

enum spr_status spr_onnx_einsum(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                struct spr_error *err)
{
    const struct equation e = read_equation(onnx, node);
    if (e.good && node->input_count == 1) {
        return SPR_OK; /* sums and moves only */
    }
    if (!e.good || node->input_count != OPERANDS || sums_alone(&e)) {
        return spr_onnx_leave_out(onnx, node, "Einsum that is no product of two", err);
    }
    if (only_scales(&e)) {
        return SPR_OK;
    }
    for (size_t i = OPERANDS; i-- > 0;) {
        if (can_be_layer(onnx, node, &e, i)) {
            return add_layer(onnx, node, &e, i, err);
        }
    }
    return add_stacked(onnx, node, &e, err);
}
