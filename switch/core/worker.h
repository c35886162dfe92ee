/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * worker.h - all that one thread needs to carry batches through a switch
 *
 * Buffers, scratch memory, the books and the pool of the queues: whatever a batch in hand uses and the switch as such
 * does not. There is one worker today, and nothing else that would have to be per thread. An endpoint is served by one
 * worker for as long as it is attached: its queue uses that worker's pool.
 */
#ifndef VSW_CORE_WORKER_H
#define VSW_CORE_WORKER_H

#include "core/batch.h"
#include "core/defer.h"
#include "core/offload.h"
#include "core/queue.h"
#include "core/vswitch.h"

enum {
    /* holds GSO_FRAME_MAX; an odd number of cache lines, so that frame headers spread over the sets of a cache */
    BATCH_BUFFER = 65600,
    /* an endpoint that brings GSO frames stops here: caches are small */
    BATCH_BYTES = 256 * 1024,

    QUEUE_TOTAL = 256 * 1024 * 1024, /* all queues of a worker together */
};

/* The frames of the batch in hand that leave by one port, as indexes into it, in order. */
struct egress_list {
    struct port *port;
    struct egress_list *next; /* of the next port that gets some */
    uint8_t count;
    uint8_t frame[BATCH_FRAMES];
};

static_assert((int)BATCH_BUFFER >= (int)GSO_FRAME_MAX, "a buffer holds any frame");

struct worker {
    struct vswitch *sw;
    struct balance balance;
    struct defer_queue deferred;
    struct queue_pool queue_pool;
    struct batch batch;                /* for what endpoints receive */
    struct tx_desc desc[BATCH_FRAMES]; /* for one endpoint at a time */
    struct gso_scratch gso;
    /* by port number; only what is used is ever touched */
    struct egress_list egress[PORT_NUMBER_MAX + 1];
    uint8_t buffer[BATCH_FRAMES][BATCH_BUFFER];
};

/* worker_init() - WORKER, which is all zero, carries frames through SW; see defer.h for PENDING */
void worker_init(struct worker *worker, struct vswitch *sw,
                 void (*pending)(struct defer_queue *queue));

/* worker_fini() - gives its memory back; no endpoint that it served is attached any more */
void worker_fini(struct worker *worker);

#endif
