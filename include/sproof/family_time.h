/* SPDX-License-Identifier: Apache-2.0 */
/* The time of a product by the constants of a kernel family (src/family/README.md). */
#ifndef SPROOF_FAMILY_TIME_H
#define SPROOF_FAMILY_TIME_H

#include "sproof/expected.h"
#include "sproof/family.h"
#include "sproof/machine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What of a machine the equations need. */
struct spr_family_view {
    double units;    /* that take tiles: multiprocessors of a GPU; 1: rates are of the whole */
    double clock_hz; /* NAN: unknown */
    double flops_per_s; /* issued, of the engine for the pattern; 0: it has none */
    double bytes_per_s; /* of the last memory level */
    double cache_bytes; /* of the last cache; 0: unknown */
};

struct spr_family_view spr_family_view_of(const struct spr_machine *machine,
                                          const struct spr_pattern *pattern,
                                          enum spr_dtype dtype);

/* One call: Y (m x n) = W (m x k) X (k x n), `products` of them at once. */
struct spr_family_case {
    double m, k, n, products;
    double kept;                      /* stored cells of one W */
    double cell_rows, cell_columns;   /* of a block; 1 */
    double issued;                    /* weights multiplied of one W */
    double weight_bytes;              /* of one W as it is stored, indices included */
    double w_bytes, x_bytes, y_bytes; /* of one value */
    enum spr_residency residency;
    double pass_bytes; /* residency network: what is passed before the call comes again */
};

/* Fills all but residency and pass_bytes. bytes: of a value of W, X and Y. */
void spr_family_case_of(const struct spr_pattern *pattern, const double mkn[3], double kept,
                        const double bytes[3], struct spr_family_case *of);

/* Bytes of an output as the kernels of a dtype write it, of `stored` in the network: sums of 8-bit
 * floats leave as f16. */
double spr_family_y_bytes(enum spr_dtype dtype, double stored);

/* Seconds of the call, above 0; limit, unless NULL: what most of them are spent on. */
double spr_family_time(const struct spr_family *family, const struct spr_family_view *view,
                       const struct spr_family_case *of, enum spr_limit *limit);

struct spr_family_expected {
    double time_s;
    enum spr_limit limit;
};

/* Of the families of a pattern in a dtype that were measured in a residency like this the one that
 * is expected to take least; of none such one of another residency. NULL: nobody measured such a
 * kernel or no engine runs it, and *expected is untouched. */
const struct spr_family *spr_family_best(const struct spr_machine *machine,
                                         enum spr_dtype dtype,
                                         const struct spr_pattern *pattern,
                                         const struct spr_family_case *of,
                                         struct spr_family_expected *expected);

/* Seconds of a call of the dense kernels of a dtype, the least that were measured in a residency
 * like this, or in another one. 0: nobody measured one. */
double spr_family_call(const struct spr_machine *machine, enum spr_dtype dtype,
                       enum spr_residency residency);

#ifdef __cplusplus
}
#endif
#endif
