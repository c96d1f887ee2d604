/* SPDX-License-Identifier: Apache-2.0 */
/* Emptying the caches before a call. */
#ifndef EVICT_H
#define EVICT_H

#include "peer.h"

/* Bytes of the largest cache. */
double last_cache_bytes(void);

/* W is in no cache when a call begins: other data pass through all of them, then X and Y come
 * back in, as the layer before left them. */
void evict_weights(const struct peer_case *c, const struct peer_product *product);

#endif
