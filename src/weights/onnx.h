/* SPDX-License-Identifier: Apache-2.0 */
/* An ONNX graph as far as layers need it (onnx.proto of the ONNX project names the fields). */
#ifndef SPROOF_WEIGHTS_ONNX_H
#define SPROOF_WEIGHTS_ONNX_H

#include "weights/reader.h"
#include "weights/wire.h"
#include "base/mem.h"

/* A named value: an input, a constant, or what a node makes. */
struct spr_onnx_value {
    const char *name;
    bool made; /* by a node, or there from the beginning */
    bool has_shape;
    int rank;
    int64_t shape[SPR_RANK_MAX]; /* -1: not told */
    size_t tensor;               /* a dense constant: index into weights->tensor */
    struct spr_wire sparse;      /* a sparse one: its message; at NULL: none */
    bool turned;                 /* the constant's transpose */
};

struct spr_onnx_node {
    const char *name, *op;
    size_t input[8]; /* indices of values; SIZE_MAX: left out */
    size_t input_count;
    size_t output; /* the first; SIZE_MAX: none */
    struct spr_wire message;
};

struct spr_onnx {
    const struct spr_source *source;
    struct spr_onnx_value *value;
    size_t value_count, value_capacity;
    struct spr_names names; /* of values */
    bool no_memory;         /* a name could not be kept: no error is a fault of the file */
    size_t skipped;         /* operators that are no layers */
    size_t shapeless;       /* layers whose n is not in the file */
};

/* The value of a name, made when it is new; SIZE_MAX: out of memory. */
size_t spr_onnx_value(struct spr_onnx *onnx, struct spr_wire name);

/* A copy of text in the arena; NULL: out of memory, or not UTF-8. */
const char *spr_onnx_text(struct spr_onnx *onnx, struct spr_wire text);

/* A TensorProto: a tensor of the weights, and its value. name: what it is known as; at NULL:
 * its own name. Errors: SPR_EINPUT naming file, tensor and byte. */
enum spr_status spr_onnx_tensor(struct spr_onnx *onnx, struct spr_wire message,
                                struct spr_wire name, struct spr_error *err);

/* A SparseTensorProto as a layer's matrix, or its transpose. */
enum spr_status spr_onnx_sparse(struct spr_onnx *onnx, const struct spr_onnx_value *value,
                                bool turned, struct spr_matrix *matrix, struct spr_error *err);
/* Its dimensions, and the name of its values. */
bool spr_onnx_sparse_shape(struct spr_wire message, struct spr_wire *name, int64_t shape[2]);

/* An integer attribute, or `otherwise`. */
int64_t spr_onnx_integer(const struct spr_onnx_node *node, const char *name,
                         int64_t otherwise);
/* The attribute of a name; false: there is none. */
bool spr_onnx_attribute(const struct spr_onnx_node *node, const char *name,
                        struct spr_wire *attribute);

/* The layer a node is, if it is one. */
enum spr_status spr_onnx_layer(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                               struct spr_error *err);

#endif
