/* SPDX-License-Identifier: Apache-2.0 */
/* Emptying the caches before a call. */
#ifndef EVICT_H
#define EVICT_H

/* Bytes of the largest cache. */
double last_cache_bytes(void);

/* W is in no cache when a call begins: other data pass through all of them, then X and Y come
 * back in, as the layer before left them. As spr_bench's `before`: a case of the shape, all of
 * which have the same sizes, and the peer_product. */
void evict_weights(const void *any_case, const void *product);

/* A call is long enough to bring its own data back. */
void evict_nothing(const void *any_case, const void *product);

#endif
