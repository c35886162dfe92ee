/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * batch.h - the frames that go through the switch together
 *
 * A batch is what one wake of one endpoint received, or what code made up: its frames may lie anywhere, as long as
 * the bytes stay where they are until datapath_run() returns. To keep a frame longer, copy it.
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

/* Sets of frames of a batch are masks of 64 bits, lists of them have indexes of 8. */
static_assert(BATCH_FRAMES <= 64, "a set of frames is a uint64_t");
static_assert(BATCH_FRAMES <= UINT8_MAX, "a frame's index is a uint8_t");

struct batch {
    struct port *port;     /* by which the frames come in */
    struct endpoint *from; /* that received them; NULL if they come from none */
    unsigned count;
    struct frame frame[BATCH_FRAMES];
};

/* A look at the batches that come in by one port: behind VLAN rule and policy, before anything is learned.
 *
 * ingress() may set `drop` of frames that have none; they are counted as dropped for that reason. Bytes are shared and
 * must not be changed, nor may anything about the switch: what needs that is deferred (defer.h).
 */
struct batch_hook {
    struct list node; /* in port->hooks, by port_add_hook() */
    int order;        /* lower ones look first */
    void (*ingress)(struct batch_hook *hook, struct batch *batch, uint64_t now);
};

#endif
