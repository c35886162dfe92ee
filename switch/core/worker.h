/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * worker.h - what a thread needs to carry frames through a switch
 *
 * Buffers, scratch memory, the frame balance (drop.h) and the pool of queue memory: all that a
 * batch uses beside the switch's own data. There is one worker today, and nothing else would have
 * to be per thread. One worker serves an endpoint for as long as it is attached: the endpoint's
 * queue uses that worker's pool.
 */
#ifndef VSW_CORE_WORKER_H
#define VSW_CORE_WORKER_H

#include "core/batch.h"
#include "core/defer.h"
#include "core/offload.h"
#include "core/queue.h"
#include "core/vswitch.h"

enum {
    /* holds GSO_FRAME_MAX; an odd number of cache lines, so that headers spread over a cache's
     * sets */
    BATCH_BUFFER = 65600,
    /* rx() of GSO frames ends a batch here: caches are small */
    BATCH_BYTES = 256 * 1024,

    QUEUE_TOTAL = 256 * 1024 * 1024, /* all queues of a worker together */
};

/* The frames of the current batch that leave by one port, as indexes into it, in order. */
struct egress_list {
    struct port *port;
    struct egress_list *next; /* of the next egress port */
    uint8_t count;
    uint8_t frame[BATCH_FRAMES];
};

static_assert((int)BATCH_BUFFER >= (int)GSO_FRAME_MAX, "a buffer holds any frame");

struct worker {
    struct vswitch *sw;
    struct balance balance;
    struct defer_queue deferred;
    struct queue_pool queue_pool;
    struct batch batch;                /* what an endpoint receives */
    struct tx_desc desc[BATCH_FRAMES]; /* tx descriptors, for one endpoint at a time */
    struct gso_scratch gso;
    /* by port number; memory that is not used is never touched */
    struct egress_list egress[PORT_NUMBER_MAX + 1];
    uint8_t buffer[BATCH_FRAMES][BATCH_BUFFER];
};

/* worker_init() - prepares WORKER, which is all zero, to carry frames through SW. PENDING: see
 * defer.h */
void worker_init(struct worker *worker, struct vswitch *sw,
                 void (*pending)(struct defer_queue *queue));

/* worker_fini() - releases its memory; its endpoints have been detached */
void worker_fini(struct worker *worker);

#endif
