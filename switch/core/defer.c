/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/defer.h"

void defer_queue_init(struct defer_queue *queue, void (*pending)(struct defer_queue *queue))
{
    list_init(&queue->work);
    queue->pending = pending;
}

void deferred_init(struct deferred *work, void (*run)(struct deferred *work))
{
    list_init(&work->node);
    work->run = run;
}

void defer(struct defer_queue *queue, struct deferred *work)
{
    bool first = list_empty(&queue->work);

    if (!list_empty(&work->node))
        return;
    list_append(&queue->work, &work->node);
    if (first && queue->pending)
        queue->pending(queue);
}

void defer_cancel(struct deferred *work)
{
    list_remove(&work->node);
}

void defer_run(struct defer_queue *queue)
{
    while (!list_empty(&queue->work)) {
        struct deferred *work = container_of(queue->work.next, struct deferred, node);

        list_remove(&work->node);
        work->run(work);
    }
}
