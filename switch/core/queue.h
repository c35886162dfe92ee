/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * queue.h - frames that wait until an endpoint takes them
 *
 * A bounded FIFO of whole frames, copied into chunks of memory. Empty chunks go back to a pool that
 * all queues of a worker share, so an endpoint that is slow for a moment costs no memory for the
 * rest of its life, and a busy one does not call the allocator for every frame.
 */
#ifndef VSW_CORE_QUEUE_H
#define VSW_CORE_QUEUE_H

#include "core/tx_desc.h"
#include "util/list.h"

struct queue_pool {
    struct list free;
    unsigned count; /* free chunks; a few are kept, the others freed */
    unsigned used;  /* chunks in queues */
    unsigned limit; /* of chunks in queues: what all slow endpoints together can hold */
};

struct queue {
    struct list chunks; /* oldest first; empty iff there are no frames */
    unsigned frames;
    size_t bytes; /* of the frames */
};

/* queue_pool_init() - an empty pool whose queues may hold BYTES altogether */
void queue_pool_init(struct queue_pool *pool, size_t bytes);
void queue_pool_free(struct queue_pool *pool);

void queue_init(struct queue *queue);

/* queue_allowance() - how many bytes one queue may hold now
 *
 * A quarter of what the pool has left: the more endpoints are slow, the less each may hold, and the
 * next one that becomes slow still finds room.
 */
size_t queue_allowance(const struct queue_pool *pool);

/* queue_push() - appends a copy of DESC's frame. Return: 0, or -ENOMEM: no memory, or the pool's
 * limit. */
int queue_push(struct queue *queue, struct queue_pool *pool, const struct tx_desc *desc);

/* queue_peek() - lays out up to MAX frames from the front, without removing them
 * @descs: point into the queue; valid until it changes
 *
 * Return: how many.
 */
unsigned queue_peek(const struct queue *queue, struct tx_desc *descs, unsigned max);

/* queue_pop() - removes COUNT frames, which must be there, from the front */
void queue_pop(struct queue *queue, struct queue_pool *pool, unsigned count);

#endif
