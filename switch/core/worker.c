/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/worker.h"

void worker_init(struct worker *worker, struct vswitch *sw,
                 void (*pending)(struct defer_queue *queue))
{
    worker->sw = sw;
    defer_queue_init(&worker->deferred, pending);
    queue_pool_init(&worker->queue_pool, QUEUE_TOTAL);
}

void worker_fini(struct worker *worker)
{
    queue_pool_free(&worker->queue_pool);
}
