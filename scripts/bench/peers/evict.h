/* SPDX-License-Identifier: Apache-2.0 */
/* Emptying the caches before a call. */
#ifndef EVICT_H
#define EVICT_H

/* Bytes of the largest cache. */
double last_cache_bytes(void);

/* Other data pass through all caches: what a product reads comes from memory then. As
 * spr_bench's `before`: the arguments are not used. */
void evict_all(const void *context, const void *subject);

#endif
