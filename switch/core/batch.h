/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * batch.h - frames that enter a switch together
 *
 * A batch is what one wake of one endpoint received, or what other code generated. Its frames may
 * lie anywhere, as long as their bytes stay in place until datapath_run() returns. To keep a frame
 * longer, copy it.
 */
#ifndef VSW_CORE_BATCH_H
#define VSW_CORE_BATCH_H

#include "core/frame.h"
#include "util/list.h"

#include <assert.h>

struct port;
struct endpoint;

/* 64 is where the gain of recvmmsg levels off. */
enum { BATCH_FRAMES = 64 };

/* Sets of a batch's frames are masks of 64 bits, lists have indexes of 8. */
static_assert(BATCH_FRAMES <= 64, "a set of frames is a uint64_t");
static_assert(BATCH_FRAMES <= UINT8_MAX, "a frame's index is a uint8_t");

struct batch {
    struct port *port;     /* ingress port */
    struct endpoint *from; /* that received them; NULL if none did */
    unsigned count;
    struct frame frame[BATCH_FRAMES];
};

/* Sees the batches that enter at a port, after VLAN rules and policies, before anything is learned.
 *
 * ingress() may set `drop` of frames that have none; they are counted as dropped for that reason.
 * It must not change bytes, which are shared, nor the switch: it defers what needs that (defer.h).
 */
struct batch_hook {
    struct list node; /* in port->hooks */
    int order;        /* lower ones are called first */
    void (*ingress)(struct batch_hook *hook, struct batch *batch, uint64_t now);
};

#endif
