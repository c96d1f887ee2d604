/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader of one file format sees, and what the readers share. */
#ifndef SPROOF_WEIGHTS_READER_H
#define SPROOF_WEIGHTS_READER_H

#include "sproof/weights.h"

/* Columns that are expanded at once. */
#define SPR_QUANTIZED_STEP 256

/* How a matrix whose elements are codes with scales is expanded; readers put what they need
 * behind it. Columns past the row may hold anything. */
struct spr_quantized {
    /* The values of columns [column, column + SPR_QUANTIZED_STEP) of a row; column is a multiple
     * of the step. */
    void (*expand)(const struct spr_quantized *quantized, int64_t row, int64_t column,
                   float value[SPR_QUANTIZED_STEP]);
};

/* A file to read. Text that a reader keeps goes into weights->arena. */
struct spr_source {
    const char *path;           /* as opened; owned by weights->arena */
    const unsigned char *bytes; /* the whole file, mapped; stays so as long as *weights */
    size_t size;
    const struct spr_weights_options *options; /* never NULL */
    struct spr_weights *weights;
    struct spr_notes *notes; /* may be NULL */
};

/* A file format. */
struct spr_weight_format {
    const char *suffix; /* ".safetensors": asked only when no format knows the content */
    bool (*sniff)(const struct spr_source *source);
    enum spr_status (*read)(const struct spr_source *source, struct spr_error *err);
};

bool spr_sniff_safetensors(const struct spr_source *source);
enum spr_status spr_read_safetensors(const struct spr_source *source, struct spr_error *err);
/* Adds the tensors of one file, but no layers. */
enum spr_status spr_add_safetensors(const struct spr_source *source, struct spr_error *err);
bool spr_sniff_index(const struct spr_source *source);
enum spr_status spr_read_index(const struct spr_source *source, struct spr_error *err);
bool spr_sniff_npy(const struct spr_source *source);
enum spr_status spr_read_npy(const struct spr_source *source, struct spr_error *err);
bool spr_sniff_npz(const struct spr_source *source);
enum spr_status spr_read_npz(const struct spr_source *source, struct spr_error *err);
bool spr_sniff_mtx(const struct spr_source *source);
enum spr_status spr_read_mtx(const struct spr_source *source, struct spr_error *err);
bool spr_sniff_smtx(const struct spr_source *source);
enum spr_status spr_read_smtx(const struct spr_source *source, struct spr_error *err);
bool spr_sniff_onnx(const struct spr_source *source);
enum spr_status spr_read_onnx(const struct spr_source *source, struct spr_error *err);
bool spr_sniff_gguf(const struct spr_source *source);
enum spr_status spr_read_gguf(const struct spr_source *source, struct spr_error *err);
/* Refused, with the command that converts it. */
bool spr_sniff_pickle(const struct spr_source *source);
enum spr_status spr_read_pickle(const struct spr_source *source, struct spr_error *err);

/* Reads source->path, whose bytes are not mapped yet, in the format that its content tells. */
enum spr_status spr_read_file(struct spr_source *source, struct spr_error *err);

/* Reads the weights in the directory source->path: the files of an index, else all
 * safetensors, else all .onnx, else all matrices (.npy, .npz, .mtx, .smtx), by name; not those
 * of directories in it. */
enum spr_status spr_read_directory(const struct spr_source *source, struct spr_error *err);

/* Maps a file read-only; *weights keeps the mapping and uses `path` as long. Errors: SPR_EINPUT
 * (missing, a directory, empty), SPR_EENVIRONMENT (the system maps no more), SPR_ENOMEM. */
enum spr_status spr_map_file(struct spr_weights *weights, const char *path,
                             const unsigned char **bytes, size_t *size, struct spr_error *err);
void spr_unmap_files(struct spr_weights *weights);

/* Closes archives, frees what was inflated of them. */
void spr_archives_close(struct spr_weights *weights);

/* The path of `name` in the directory of the file `path`, in weights->arena. A name that
 * leaves the directory (absolute, "..", a link to elsewhere) is refused, naming `what`. */
enum spr_status spr_beside(const struct spr_source *source, const char *what, const char *name,
                           const char **path, struct spr_error *err);

/* Appends a tensor: its name and dtype are copied into the arena. The name must be printable
 * UTF-8 (SPR_EINPUT). *index may be NULL. */
enum spr_status spr_add_tensor(const struct spr_source *source,
                               const struct spr_tensor *tensor, size_t *index,
                               struct spr_error *err);

/* Says what a tensor is, unless it is of a layer already. Returns its weights where nothing had
 * claimed them before, else 0. SIZE_MAX is no tensor. */
double spr_set_use(const struct spr_source *source, size_t tensor, enum spr_use use);

/* Names what is left out; the texts are copied. Its tensors are told by spr_set_use. Errors:
 * SPR_ENOMEM. */
enum spr_status spr_leave_out(const struct spr_source *source, const struct spr_left_out *what,
                              struct spr_error *err);

/* Says so of each tensor with weights that nothing has claimed; those before `first` were asked
 * before. */
enum spr_status spr_leave_out_unclaimed(const struct spr_source *source, size_t first,
                                        struct spr_error *err);

/* Appends an operator named text[0..length), with count and groups 1, x_elements NAN, no
 * tensor, no storage; *weight stays valid until the next one is added. Errors: SPR_EINPUT when
 * there is an operator of this name or the name is not printable UTF-8; SPR_ENOMEM. */
enum spr_status spr_add_weight(const struct spr_source *source, const char *name,
                               struct spr_weight **weight, struct spr_error *err);

/* Makes *weight the dense m x k matrix of the row-major tensor `index`: its first dimension
 * by the product of the others. */
void spr_weight_of_tensor(const struct spr_weights *weights, size_t index,
                          struct spr_weight *weight);

/* Makes layers of the tensors from `first` on, by their names and by config.json. */
enum spr_status spr_layers_of_tensors(const struct spr_source *source, size_t first,
                                      struct spr_error *err);

/* Makes a layer of the array `index`: a matrix is linear, four dimensions are a convolution
 * (depthwise when each filter has one input and there are several); others are no layers. */
enum spr_status spr_layer_of_array(const struct spr_source *source, size_t index,
                                   struct spr_error *err);

/* Checks that a compressed file may take so many bytes of memory when it is inflated.
 * SPR_EINPUT naming the option that raises the limit. */
enum spr_status spr_check_inflated(const struct spr_source *source, double bytes,
                                   struct spr_error *err);

/* Bytes of an element; 0 for SPR_ELEMENT_OTHER. */
size_t spr_element_bytes(enum spr_element element);

/* Which of the first `left`, at most 64, adjacent elements are not zero: bit i. */
uint64_t spr_element_word(const unsigned char *data, enum spr_element element, int64_t left);

/* `count` adjacent elements as floats. */
void spr_element_floats(const unsigned char *data, enum spr_element element, int64_t count,
                        float *values);

/* Whether an element of a weight that is no matrix of entries stays when it is pruned. */
bool spr_weight_keeps(const struct spr_weight *weight, int64_t row, int64_t column);

/* An entry of a matrix; 0 where pruning left it out. */
float spr_weight_entry(const struct spr_weight *weight, size_t entry);

/* One element. */
double spr_element_value(const unsigned char *data, enum spr_element element);

/* The nearest float; what is not zero stays so. */
float spr_round_to_float(double value);

/* The product of shape[0..rank) in *count; false when a dimension is negative or the product
 * exceeds 2^53. */
bool spr_shape_elements(const int64_t *shape, int rank, int64_t *count);

/* "2x3x4" or "scalar". */
#define SPR_SHAPE_TEXT 96
const char *spr_shape_text(const int64_t *shape, int rank, char text[SPR_SHAPE_TEXT]);

bool spr_ends_with(const char *text, const char *end);

/* Name of the file without directory and suffix, in weights->arena; NULL: out of memory. */
const char *spr_file_stem(struct spr_weights *weights, const char *path);

#endif
