/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of a network as they lie in files: one matrix per operator, mapped, not copied. */
#ifndef SPROOF_WEIGHTS_H
#define SPROOF_WEIGHTS_H

#include "sproof/layer.h"
#include "sproof/matrix.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Number formats of a tensor's elements. */
enum spr_element {
    SPR_ELEMENT_F64,
    SPR_ELEMENT_F32,
    SPR_ELEMENT_F16,
    SPR_ELEMENT_BF16,
    SPR_ELEMENT_I8,
    SPR_ELEMENT_U8,
    SPR_ELEMENT_F8_E4M3, /* no infinity; a zero is 0x00 or 0x80 */
    SPR_ELEMENT_F8_E5M2,
    SPR_ELEMENT_I16,
    SPR_ELEMENT_U16,
    SPR_ELEMENT_I32,
    SPR_ELEMENT_U32,
    SPR_ELEMENT_I64,
    SPR_ELEMENT_U64,
    SPR_ELEMENT_OTHER, /* indices, flags: never weights */
};

#define SPR_RANK_MAX 8

/* What becomes of a tensor. */
enum spr_use {
    SPR_USE_UNKNOWN,  /* nothing knows it: a vector counts as aside, all else as left out */
    SPR_USE_LAYER,    /* weights of a layer, or what says where they lie */
    SPR_USE_ASIDE,    /* of no product: tables of which rows are fetched, biases, norms */
    SPR_USE_SCALE,    /* scales and zero points of quantised weights */
    SPR_USE_LEFT_OUT, /* of a product that is not listed; named in left_out */
};

/* One tensor of a file, whether or not it belongs to a layer. */
struct spr_tensor {
    const char *name;
    const char *file; /* path as opened */
    enum spr_element element;
    const char *dtype; /* as the file spells it: "F32", "float32", "I64" */
    int rank;
    int64_t shape[SPR_RANK_MAX];
    uint64_t offset; /* of its bytes in the file; 0 of an entry of an archive */
    uint64_t bytes;
    const unsigned char
        *data; /* row-major, little-endian, not aligned; NULL: sparse, packed */
    struct spr_packed *packed; /* compressed in the file: spr_weights_hold; NULL: not so */
    const struct spr_quantized *quantized; /* its rows as codes with scales; NULL: not so */
    /* Weights it holds: its elements, more where they are packed, 0 of indices and flags. 0 when
     * it is added: its elements, but for SPR_ELEMENT_OTHER */
    double parameters;
    enum spr_use use;
};

/* How a weight matrix is stored. */
enum spr_storage {
    SPR_STORAGE_NONE,      /* attention, other: no weights */
    SPR_STORAGE_DENSE,     /* element (i, j) at data + (i row_stride + j column_stride) size */
    SPR_STORAGE_MATRIX,    /* compressed sparse rows; a stored 0.0 is a zero */
    SPR_STORAGE_BITMASK,   /* a bit per element; each set one has the next value of data */
    SPR_STORAGE_QUANTIZED, /* codes with scales, which `quantized` expands */
};

/* One operator of the network and its weights, as a GEMM Y[m x n] = W[m x k] X[k x n]. */
struct spr_weight {
    const char *layer; /* unique: the name in the layer table */
    enum spr_op op;
    int64_t m, k, n; /* n 0: the file does not tell */
    int64_t count, groups;
    double x_elements;  /* distinct input elements; NAN: the default of the table */
    double other_flops; /* op=other; else 0 */
    bool prunable;
    bool left_out;  /* of the table, for its n is not known */
    int64_t expert; /* its number among those a token is routed to; -1: it is none */
    bool idle;      /* an expert that none of the tokens meets: not in the table */
    size_t tensor;  /* index of the tensor it comes from; SIZE_MAX: none */

    enum spr_storage storage;
    enum spr_element element;
    const unsigned char *data;         /* dense: element (0, 0); bitmask: the kept values */
    int64_t row_stride, column_stride; /* dense, in elements */
    const unsigned char *factor; /* dense: laid out as data, 0 where a mask cuts; or NULL */
    enum spr_element factor_element;
    const struct spr_quantized *quantized; /* storage quantized */
    int64_t first_row;                     /* quantized: of the codes */
    struct spr_matrix matrix;              /* storage matrix; owned */
    const unsigned char *mask; /* bitmask: bit j % 8 of byte i mask_stride + j / 8 */
    int64_t mask_stride;       /* bytes */
    const int64_t *row_offset; /* bitmask: first value of each row; m entries */
    /* pruned: bits of what stays, m x ceil(k/64) words; of a matrix a bit for each entry.
     * NULL: all. Owned */
    uint64_t *keep;
};

/* An operator or a tensor that belongs among the layers and is not there. */
struct spr_left_out {
    const char *name;
    const char *reason; /* what it is, or why it is not read: "LSTM", "dtype F4 is not read" */
    double weights;     /* that it holds */
    double multiply_adds; /* of a run of the network; NAN: not known */
};

/* Zeroed means empty. */
struct spr_weights {
    struct spr_weight *weight;
    size_t weight_count, weight_capacity;
    struct spr_tensor *tensor; /* of all files, in file order */
    size_t tensor_count, tensor_capacity;
    struct spr_left_out *left_out; /* all of it, once spr_weights_read is done */
    size_t left_out_count, left_out_capacity;
    const char *origin; /* what told the kinds of layers: "names", "config.json (bert)" */
    struct spr_mapping *mapping; /* mapped files */
    size_t mapping_count, mapping_capacity;
    struct spr_names *names;     /* of layers: each only once */
    struct spr_arena arena;      /* owns names and what was made of the file */
    struct spr_archive *archive; /* archives of what is packed */
    struct spr_arena inflated;   /* owns the bytes of the packed tensor `held` */
    size_t held;
};

struct spr_weights_options {
    int64_t tokens;  /* n of layers whose file does not tell; 0: unknown */
    int64_t context; /* keys that attention of a decoder sees; 0: the tokens */
    int64_t image;   /* side of the picture that is cut into patches; 0: unknown */
    /* ONNX: "NAME=N" of symbolic dimensions, "NAME=AxBxC" of values; borrowed */
    const char *const *dim;
    size_t dim_count;
    int64_t experts_active; /* experts that a token is sent to; 0: config.json tells */
    /* Bytes that one compressed file may take when it is inflated; 0: 2^30, or 64 times the
     * size of the file where that is more. */
    double inflated_most;
};

/* Reads one path: a file of any format below, or a directory of them. Formats are told by
 * their content, not by their name: safetensors, *.safetensors.index.json, GGUF, ONNX, .npy, .npz,
 * Matrix Market (.gz too), DLMC .smtx. Appends to *weights, so several paths make one
 * network. Files are mapped: a checkpoint of many GB takes hardly any memory of its own.
 * Errors: SPR_EINPUT naming file, tensor and offset; SPR_ENOMEM. */
enum spr_status spr_weights_read(const char *path, const struct spr_weights_options *options,
                                 struct spr_weights *weights, struct spr_notes *notes,
                                 struct spr_error *err);

void spr_weights_free(struct spr_weights *weights);

/* Inflates tensor `index` where it is packed, and releases the one that was inflated before it:
 * until then its data, and that of its weight, are NULL. Tensors that lie in memory, and
 * SIZE_MAX, need nothing. Before elements are looked at. Errors: SPR_EINPUT (damaged),
 * SPR_ENOMEM. */
enum spr_status spr_weights_hold(struct spr_weights *weights, size_t index,
                                 struct spr_error *err);

/* Where the parameters of the files are: the parts add up to all. A tensor of several layers
 * counts once. */
struct spr_account {
    double parameters;
    double listed;        /* in layers */
    double aside;         /* tables of which rows are fetched, biases, norms */
    double scales;        /* and zero points */
    double left_out;      /* those of spr_left_out and of layers that are left out */
    double bytes;         /* that the tensors in layers take in their files */
    double multiply_adds; /* of the layers whose n is known */
};

struct spr_account spr_weights_account(const struct spr_weights *weights);

/* Share of the weights, layers and what is left out together, above which a table is said to
 * lack something. */
#define SPR_LEFT_OUT_SHARE 0.01

/* left_out over listed and left_out; 0 where there are none. */
double spr_left_out_share(const struct spr_account *account);

/* What most weights that can be pruned are stored as, as the file spells it; NULL: none are. */
const char *spr_weights_dtype(const struct spr_weights *weights);

/* Leaves out of the table, and adds to left_out, the convolutions whose n is not known, unless
 * nothing would be left. Errors: SPR_ENOMEM. */
enum spr_status spr_weights_leave_out_unknown(struct spr_weights *weights,
                                              struct spr_error *err);

/* "12.3 % of the weights: lstm (LSTM, 32768 weights), c1 (...), and 3 more" for one line;
 * returns text. */
#define SPR_LEFT_OUT_TEXT 512
const char *spr_left_out_text(const struct spr_weights *weights, char text[SPR_LEFT_OUT_TEXT]);

/* Which elements of rows [row, row + count) are not zero (a NaN is not, -0.0 is): bit j % 64
 * of word j / 64 of each row, ceil(k / 64) words a row, unused bits 0. */
void spr_weight_bits(const struct spr_weight *weight, int64_t row, int64_t count,
                     uint64_t *bits);

/* The words of one row that are not 0, and which they are, rising; room for ceil(k / 64) of
 * each. Returns their number. Of a matrix only the entries of the row are looked at. */
int64_t spr_weight_words(const struct spr_weight *weight, int64_t row, uint64_t *word,
                         int32_t *at);

/* The same rows as floats, count x k; f64 is rounded. */
void spr_weight_values(const struct spr_weight *weight, int64_t row, int64_t count,
                       float *values);

/* Is every listed layer's n known, as a layer table needs it? Errors: SPR_EINPUT, naming the first that
 * is not. */
enum spr_status spr_weights_check_n(const struct spr_weights *weights, struct spr_error *err);

/* The network of inspected weights: every operator a layer. Zeroes *network first. Errors:
 * SPR_EINPUT (an n that is not known), SPR_ENOMEM. */
enum spr_status spr_weights_network(const struct spr_weights *weights, const char *path,
                                    struct spr_network *network, struct spr_error *err);

#ifdef __cplusplus
}
#endif
#endif
