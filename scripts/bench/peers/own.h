/* SPDX-License-Identifier: Apache-2.0 */
/* sproof's own kernels as one more peer. */
#ifndef OWN_H
#define OWN_H

#include "peer.h"
#include "sproof/isa.h"

#define OWN_LABEL "sproof"

/* isa: the one to choose kernels for. */
const struct peer *own_peer(enum spr_isa isa);

#endif
