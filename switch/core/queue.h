/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * queue.h - frames waiting for an endpoint that cannot take them now
 *
 * A bounded first-in first-out queue of whole frames, copied into chunks of memory. Empty chunks go back to a pool
 * that all queues of a worker share, so an endpoint that is slow for a moment costs no memory for the rest of its
 * life, and a busy one does not go to the allocator for every frame.
 */
#ifndef VSW_CORE_QUEUE_H
#define VSW_CORE_QUEUE_H

#include "core/tx_desc.h"
#include "util/list.h"

struct queue_pool {
    struct list free;
    unsigned count; /* of free chunks; a few are kept, the others go back to the system */
    unsigned used;  /* chunks in queues */
    unsigned limit; /* most that may be: what all slow endpoints together can hold */
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
 * A quarter of what the pool has left: the more slow endpoints there are, the less each may hold, and whoever becomes
 * slow next still finds room.
 */
size_t queue_allowance(const struct queue_pool *pool);

/* queue_push() - copies DESC to the end. Return: 0, or -ENOMEM: no memory, or the pool's limit. */
int queue_push(struct queue *queue, struct queue_pool *pool, const struct tx_desc *desc);

/* queue_peek() - lays out up to MAX frames from the front, without taking them
 * @descs: point into the queue; valid until it changes
 *
 * Return: how many.
 */
unsigned queue_peek(const struct queue *queue, struct tx_desc *descs, unsigned max);

/* queue_pop() - takes COUNT frames, which must be there, from the front */
void queue_pop(struct queue *queue, struct queue_pool *pool, unsigned count);

#endif
