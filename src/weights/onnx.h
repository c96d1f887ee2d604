/* SPDX-License-Identifier: Apache-2.0 */
/* An ONNX graph as far as layers need it (onnx.proto of the ONNX project names the fields). */
#ifndef SPROOF_WEIGHTS_ONNX_H
#define SPROOF_WEIGHTS_ONNX_H

#include "weights/reader.h"
#include "weights/wire.h"
#include "base/mem.h"

/* Elements of a value that are followed through the graph: most are dimensions. */
#define SPR_ONNX_KNOWN 64
/* Graphs and functions within each other. */
#define SPR_ONNX_DEPTH 64
/* Nodes of bodies and functions, as often as they are called. */
#define SPR_ONNX_VISITS 250000
/* Static leading dimensions of inputs that are remembered. */
#define SPR_ONNX_BATCHES 16

/* A named value: an input, a constant, or what a node makes. */
struct spr_onnx_value {
    const char *name;
    int scope;     /* 0: of the outermost graph */
    bool made;     /* by a node, or there from the beginning */
    bool input;    /* of the outermost graph */
    bool whole;    /* integers or flags */
    bool constant; /* the same whatever the inputs are */
    bool has_shape;
    int rank;
    int64_t shape[SPR_RANK_MAX];  /* -1: not told */
    double *known;                /* its elements; NAN: that one is not; NULL: none is */
    size_t tensor;                /* a dense constant: index into weights->tensor */
    enum spr_element element;     /* of a dense constant */
    const unsigned char *data;    /* its element 0; NULL: its elements are not read */
    int64_t stride[SPR_RANK_MAX]; /* in elements */
    size_t cause;                 /* 1 + the value where its shape was lost; 0: it was not */
    struct spr_wire sparse;       /* a sparse constant: its message; at NULL: none */
    bool turned;                  /* the sparse constant's transpose */
};

/* A call of a local function. */
struct spr_onnx_call {
    const struct spr_onnx_node *node;
    struct spr_wire function;
    const struct spr_onnx_call *parent; /* NULL: called from the outermost graph */
};

struct spr_onnx_node {
    const char *name, *op, *domain;
    const size_t *input, *output; /* indices of values; SIZE_MAX: left out */
    size_t input_count, output_count;
    struct spr_wire message;
    const struct spr_onnx_call *call; /* the function it stands in; NULL: none */
};

/* A symbolic dimension. */
struct spr_onnx_dim {
    const char *name;
    int64_t value; /* -1: not told */
    bool asked;    /* of an input, and not told */
    bool met;      /* not only in --dim */
};

/* A shape that --dim gives. */
struct spr_onnx_given {
    const char *name;
    int rank;
    int64_t shape[SPR_RANK_MAX];
    bool met;
};

struct spr_onnx {
    const struct spr_source *source;
    struct spr_onnx_value *value;
    size_t value_count, value_capacity;
    struct spr_names names; /* of values: index into bound */
    size_t *bound;          /* the value that a name means now; SIZE_MAX: none */
    size_t bound_count, bound_capacity;
    size_t *undo; /* pairs of a name and what it meant outside the scope */
    size_t undo_count, undo_capacity;
    int scope;
    struct spr_names functions; /* "domain:name": index into function */
    struct spr_wire *function;
    size_t function_count, function_capacity;
    const struct spr_onnx_call *call;
    struct spr_names dim_names;
    struct spr_onnx_dim *dim;
    size_t dim_count, dim_capacity;
    struct spr_onnx_given *given;
    size_t given_count, given_capacity;
    struct spr_names numbers; /* of layers: the last number behind a name, in number */
    size_t *number;
    size_t number_count, number_capacity;
    double times; /* how often the body that is read runs */
    size_t visits;
    double made_bytes; /* of constants computed here */
    bool no_memory;    /* a name could not be kept: no error is a fault of the file */
    bool dry;          /* only shapes are wanted: no row is added */
    struct spr_names
        read;         /* constants of bodies, by their place: index into weights->tensor */
    size_t endless;   /* loops whose number of runs is not told */
    size_t shapeless; /* products whose sizes are not known */
    const char *stop; /* a value whose shape a product needs, and no input tells */
    /* Static dimensions of inputs where a batch may be: the first, or the second. */
    int64_t batches[2][SPR_ONNX_BATCHES];
    size_t batch_count[2];
    int64_t batch; /* the one that is divided out; 0: none */
    size_t first_weight;
};

/* onnx_node.c: names, values, attributes. */

/* The value of a name, made when it is new; SIZE_MAX: out of memory. */
size_t spr_onnx_value(struct spr_onnx *onnx, struct spr_wire name);
/* A new value of this scope, whatever the name means outside; SIZE_MAX: out of memory. */
size_t spr_onnx_new_value(struct spr_onnx *onnx, struct spr_wire name);
/* Lets a name mean a value until the scope ends. false: out of memory. */
bool spr_onnx_bind(struct spr_onnx *onnx, struct spr_wire name, size_t value);
/* Ends a scope: names mean again what they meant when undo_count was `mark`. */
void spr_onnx_unbind(struct spr_onnx *onnx, size_t mark);

/* A copy of text in the arena; NULL: out of memory, or not UTF-8. */
const char *spr_onnx_text(struct spr_onnx *onnx, struct spr_wire text);
struct spr_wire spr_onnx_wire(const char *text);

/* Input i, and output i; NULL: left out. */
struct spr_onnx_value *spr_onnx_input(const struct spr_onnx *onnx,
                                      const struct spr_onnx_node *node, size_t i);
struct spr_onnx_value *spr_onnx_output(const struct spr_onnx *onnx,
                                       const struct spr_onnx_node *node, size_t i);

/* The attribute of a name, through the calls of functions; false: there is none. */
bool spr_onnx_attribute(const struct spr_onnx_node *node, const char *name,
                        struct spr_wire *attribute);
int64_t spr_onnx_integer(const struct spr_onnx_node *node, const char *name,
                         int64_t otherwise);
double spr_onnx_float(const struct spr_onnx_node *node, const char *name, double otherwise);
/* Up to `most` integers; their number, 0 where there is no such attribute. */
int spr_onnx_integers(const struct spr_onnx_node *node, const char *name, int64_t *list,
                      int most);
/* A text or a graph: field 4 or 6. */
bool spr_onnx_bytes(const struct spr_onnx_node *node, const char *name, uint32_t field,
                    struct spr_wire *bytes);
bool spr_onnx_says(const struct spr_onnx_node *node, const char *name, const char *word);
/* An operator of ONNX Runtime. */
bool spr_onnx_is_contrib(const struct spr_onnx_node *node);

/* onnx_dims.c: symbolic dimensions. */

/* The value of a dimension by its name, or an expression of names; -1: not told. */
int64_t spr_onnx_dim(struct spr_onnx *onnx, struct spr_wire name);
/* Sets what --dim says; before the graph is read. Errors: SPR_EINPUT, SPR_ENOMEM. */
enum spr_status spr_onnx_dims_begin(struct spr_onnx *onnx, struct spr_error *err);
/* Were all of --dim met? SPR_EINPUT, naming one that was not. */
enum spr_status spr_onnx_dims_end(const struct spr_onnx *onnx, struct spr_error *err);
/* Tells the symbolic dimensions of an input of the outermost graph, by its type: those of one
 * name, or, afterwards, sums and products of others. */
void spr_onnx_dims_of_input(struct spr_onnx *onnx, const char *input, struct spr_wire type,
                            bool sums);
/* The shape and the type of a ValueInfoProto's type. */
void spr_onnx_read_type(struct spr_onnx *onnx, struct spr_wire type,
                        struct spr_onnx_value *value);
/* Sets the shape that --dim gives a value. false: it gives none. */
bool spr_onnx_given_shape(struct spr_onnx *onnx, struct spr_onnx_value *value);
/* What would tell the dimensions that are not; returns text. */
#define SPR_ONNX_ADVICE 400
const char *spr_onnx_advice(const struct spr_onnx *onnx, char text[SPR_ONNX_ADVICE]);

/* onnx_tensor.c: constants. */

/* A TensorProto: a tensor of the weights, and its value. name: what it is known as; at NULL:
 * its own name. Errors: SPR_EINPUT naming file, tensor and byte. */
enum spr_status spr_onnx_tensor(struct spr_onnx *onnx, struct spr_wire message,
                                struct spr_wire name, struct spr_error *err);
/* The one element of a small TensorProto, or its first; NAN: it has none. */
double spr_onnx_scalar(struct spr_onnx *onnx, struct spr_wire message);
/* A number of a type of the file; NAN: of a type that is not read. */
double spr_onnx_number(const unsigned char *data, const char *dtype, enum spr_element element);

/* onnx_sparse.c */

/* Values and indices of a SparseTensorProto, without names of their own. (onnx_tensor.c) */
enum spr_status spr_onnx_sparse_parts(struct spr_onnx *onnx, struct spr_wire message,
                                      struct spr_tensor parts[2], struct spr_error *err);
/* A SparseTensorProto as a layer's matrix of the first dimension by the others, or the
 * transpose of one of two. */
enum spr_status spr_onnx_sparse(struct spr_onnx *onnx, const struct spr_onnx_value *value,
                                bool turned, struct spr_matrix *matrix, struct spr_error *err);
/* Its dimensions, and the name of its values. false: it is damaged. */
bool spr_onnx_sparse_shape(struct spr_wire message, struct spr_wire *name,
                           struct spr_onnx_value *value);

/* onnx_constant.c: constants as matrices. */

/* Two lists of dimensions of a constant: the rows and the columns of a matrix. */
struct spr_onnx_axes {
    int row[SPR_RANK_MAX], column[SPR_RANK_MAX];
    int row_count, column_count;
    int64_t offset; /* of its element (0, 0), in elements */
};

/* true for a constant whose elements can be weights. */
bool spr_onnx_has_weights(const struct spr_onnx_value *value);
/* Makes *w the matrix of a constant's dimensions. Errors: SPR_ENOMEM, SPR_EINPUT (it would take
 * more memory than a file may). */
enum spr_status spr_onnx_matrix(struct spr_onnx *onnx, const struct spr_onnx_value *value,
                                const struct spr_onnx_axes *axes, struct spr_weight *w,
                                struct spr_error *err);
/* Room for the elements of *out, whose shape is set: its data and strides. Errors as above. */
enum spr_status spr_onnx_make(struct spr_onnx *onnx, double elements, enum spr_element element,
                              struct spr_onnx_value *out, unsigned char **data,
                              struct spr_error *err);
/* The same constant under another name: shape and elements. */
void spr_onnx_view(struct spr_onnx_value *out, const struct spr_onnx_value *from);
/* Copies elements of types that no matrix has into one that it has; pack: those that do not lie
 * row by row too. */
enum spr_status spr_onnx_widen(struct spr_onnx *onnx, struct spr_onnx_value *v,
                               struct spr_error *err);
enum spr_status spr_onnx_pack(struct spr_onnx *onnx, struct spr_onnx_value *v,
                              struct spr_error *err);
/* Subtracts zero points, along an axis where there are several, block of them alike. Makes
 * *out; no zero points, or none but zeros, make it a view of *value. */
enum spr_status spr_onnx_shift(struct spr_onnx *onnx, const struct spr_onnx_value *value,
                               const struct spr_onnx_value *zero, int64_t axis, int64_t block,
                               struct spr_onnx_value *out, struct spr_error *err);

/* onnx_fold.c: what nodes make of constants. */

/* Makes the node's outputs constants where its inputs are. *done: their elements are known, not
 * only that they are constant. After the shapes. */
enum spr_status spr_onnx_fold(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                              bool *done, struct spr_error *err);
/* MatMulNBits: the matrix n x k of packed integers. */
enum spr_status spr_onnx_unpack(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                struct spr_onnx_value *out, struct spr_error *err);

/* onnx_known.c: elements that are known. */

/* Integers that an attribute tells, in older operator sets, or input i. -1: not known. */
int spr_onnx_list(const struct spr_onnx *onnx, const struct spr_onnx_node *node, size_t i,
                  const char *name, int64_t list[SPR_ONNX_KNOWN]);

/* Element i of a value; NAN: not known. */
double spr_onnx_element(const struct spr_onnx *onnx, const struct spr_onnx_value *value,
                        int64_t i);
/* How many elements it has; -1: not told, or more than SPR_ONNX_KNOWN. */
int64_t spr_onnx_known_count(const struct spr_onnx_value *value);
/* Computes the elements of the node's outputs, whose shapes are set. */
void spr_onnx_know(struct spr_onnx *onnx, const struct spr_onnx_node *node);

/* onnx_moved.c: those of Gather, Concat, Transpose and Slice, in known. */
typedef void spr_onnx_move(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                           struct spr_onnx_value *out, double *known);
spr_onnx_move spr_onnx_know_gathered, spr_onnx_know_joined, spr_onnx_know_turned,
    spr_onnx_know_slice;

/* onnx_shapes.c: shapes of what nodes make (src/weights/README.md lists the operators). */

/* Is there a rule for the shapes of this operator? */
bool spr_onnx_has_rule(const char *op);
/* Sets the shapes of the outputs as far as those of the inputs tell. */
void spr_onnx_shapes(struct spr_onnx *onnx, const struct spr_onnx_node *node);
/* Product of the dimensions [begin, end); 0: one is not told, or the product exceeds 10^15. */
int64_t spr_onnx_product(const struct spr_onnx_value *value, int begin, int end);

/* The product of two numbers of elements, neither below 0; 0: more than 1e15. */
int64_t spr_onnx_times(int64_t a, int64_t b);
/* Sets the shape of an output that may be NULL. */
void spr_onnx_set_shape(struct spr_onnx_value *value, int rank, const int64_t *shape);
/* Shapes together as NumPy does: *out takes on the second one. false: they do not fit. */
bool spr_onnx_broadcast(const struct spr_onnx_value *a, const struct spr_onnx_value *b,
                        struct spr_onnx_value *out);

/* Sets the shape of output 0 as far as it is told. */
typedef void spr_onnx_rule(const struct spr_onnx *onnx, const struct spr_onnx_node *node,
                           struct spr_onnx_value *out);

/* onnx_windows.c: shapes of convolutions, pools and what resizes pictures. */
spr_onnx_rule spr_onnx_window_shape, spr_onnx_transposed_shape, spr_onnx_resize_shape,
    spr_onnx_pad_shape, spr_onnx_block_shape;

/* onnx_layout.c: shapes of what moves elements about. */
spr_onnx_rule spr_onnx_concat_shape, spr_onnx_transpose_shape, spr_onnx_reshape_shape,
    spr_onnx_flatten_shape, spr_onnx_squeeze_shape, spr_onnx_unsqueeze_shape,
    spr_onnx_expand_shape, spr_onnx_slice_shape, spr_onnx_gather_shape,
    spr_onnx_gather_nd_shape, spr_onnx_split_shape, spr_onnx_tile_shape, spr_onnx_top_k_shape,
    spr_onnx_one_hot_shape, spr_onnx_reduce_shape;

/* onnx_recurrent.c: LSTM, GRU, RNN. */
spr_onnx_rule spr_onnx_recurrent_shape;
enum spr_status spr_onnx_recurrent(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                   struct spr_error *err);

/* onnx_attention.c */
spr_onnx_rule spr_onnx_attention_shape, spr_onnx_embed_norm_shape;
enum spr_status spr_onnx_attention(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                   struct spr_error *err);

/* onnx_einsum.c */
enum spr_status spr_onnx_einsum(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                struct spr_error *err);
spr_onnx_rule spr_onnx_einsum_shape;

/* onnx_layer.c: rows of the table. */

/* A product Y[m x n] = W[m x k] X[k x n]. */
struct spr_onnx_product {
    const char *part; /* of the node, that it is named after; NULL: it is all of it */
    enum spr_op op;
    const struct spr_onnx_value *value; /* W; NULL: an activation */
    struct spr_onnx_axes axes;          /* of value: they tell m and k */
    int64_t m, k, n, count, groups;     /* less than 1: not told */
    double x_elements;                  /* NAN: the default of the table */
};

/* Adds its row. One without weights whose sizes are not told is left out by name. */
enum spr_status spr_onnx_add(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                             const struct spr_onnx_product *product, struct spr_error *err);
/* A row between products, of so many elements. */
enum spr_status spr_onnx_add_other(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                   const char *part, const double per_element[2],
                                   double elements, struct spr_error *err);
/* The rows of an operator without products: softmax and its like. */
enum spr_status spr_onnx_other(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                               struct spr_error *err);
/* Remembers a static batch that an operator tells, and which dimension it is of its input. */
void spr_onnx_saw_batch(struct spr_onnx *onnx, int64_t batch, int axis);
/* The node cannot be listed: named, with the weights it takes. */
enum spr_status spr_onnx_leave_out(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                   const char *reason, struct spr_error *err);

/* onnx_ops.c: operators with products. *known: it is one of them, and its rows are added. */
enum spr_status spr_onnx_products(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                  bool *known, struct spr_error *err);

/* onnx_graph.c: reads a graph: its constants, then its nodes in order. Inputs of one that is a
 * body are bound before. */
enum spr_status spr_onnx_graph(struct spr_onnx *onnx, struct spr_wire graph,
                               struct spr_error *err);
/* The nodes among the fields `number` of a message. */
enum spr_status spr_onnx_nodes(struct spr_onnx *onnx, struct spr_wire message, uint32_t number,
                               struct spr_error *err);
/* "domain:name" of a function. false: it is too long for one. */
#define SPR_ONNX_KEY 512
bool spr_onnx_function_key(const char *domain, const char *name, char key[SPR_ONNX_KEY]);

/* onnx_control.c: If, Loop, Scan, and calls of functions; *known: it is one of them. */
enum spr_status spr_onnx_control(struct spr_onnx *onnx, const struct spr_onnx_node *node,
                                 bool *known, struct spr_error *err);

/* onnx.c */
enum spr_status spr_onnx_damaged(const struct spr_onnx *onnx, const struct spr_wire *at,
                                 const char *what, struct spr_error *err);

#endif
