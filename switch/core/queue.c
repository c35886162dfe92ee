/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_BYTES = 17 * 4096, /* holds one GSO frame */
    QUEUE_POOL_CHUNKS = 64,  /* one full queue's worth */
};

/* Records follow one another: metadata of the frame, then its bytes, padded for the next. */
struct record {
    uint32_t length;
    uint32_t wire_length;
    int tci;
    struct offload offload;
    uint8_t bytes[];
};

struct chunk {
    struct list node;
    uint32_t head; /* first record */
    uint32_t tail; /* end of the last record */
    alignas(struct record) uint8_t records[];
};

enum { CHUNK_ROOM = CHUNK_BYTES - sizeof(struct chunk) };
static_assert((int)CHUNK_ROOM >= (int)(sizeof(struct record) + GSO_FRAME_MAX), "too small");

static uint32_t queue_record_size(uint32_t length);
static struct record *queue_record_at(const struct chunk *chunk, uint32_t at);
static struct chunk *queue_last_chunk(const struct queue *queue);
static struct chunk *queue_add_chunk(struct queue *queue, struct queue_pool *pool);
static void queue_drop_chunk(struct chunk *chunk, struct queue_pool *pool);

void queue_pool_init(struct queue_pool *pool, size_t bytes)
{
    list_init(&pool->free);
    pool->count = 0;
    pool->used = 0;
    pool->limit = (unsigned)(bytes / CHUNK_BYTES);
}

void queue_pool_free(struct queue_pool *pool)
{
    list_for_each_safe (node, &pool->free)
        free(container_of(node, struct chunk, node));
    list_init(&pool->free);
    pool->count = 0;
}

void queue_init(struct queue *queue)
{
    list_init(&queue->chunks);
    queue->frames = 0;
    queue->bytes = 0;
}

size_t queue_allowance(const struct queue_pool *pool)
{
    return (size_t)(pool->limit - pool->used) * CHUNK_BYTES / 4;
}

int queue_push(struct queue *queue, struct queue_pool *pool, const struct tx_desc *desc)
{
    uint32_t size = queue_record_size(desc->length);
    struct chunk *chunk = queue_last_chunk(queue);
    struct record *record;
    uint8_t *to;

    if (size > CHUNK_ROOM)
        return -ENOMEM;
    if (!chunk || chunk->tail + size > CHUNK_ROOM)
        chunk = queue_add_chunk(queue, pool);
    if (!chunk)
        return -ENOMEM;
    record = queue_record_at(chunk, chunk->tail);
    record->length = desc->length;
    record->wire_length = desc->wire_length;
    record->tci = desc->tci;
    record->offload = desc->offload;
    to = record->bytes;
    for (unsigned i = 0; i < desc->iov_count; i++) {
        memcpy(to, desc->iov[i].iov_base, desc->iov[i].iov_len);
        to += desc->iov[i].iov_len;
    }
    chunk->tail += size;
    queue->frames++;
    queue->bytes += desc->length;
    return 0;
}

unsigned queue_peek(const struct queue *queue, struct tx_desc *descs, unsigned max)
{
    unsigned count = 0;

    list_for_each (node, &queue->chunks) {
        struct chunk *chunk = container_of(node, struct chunk, node);

        for (uint32_t at = chunk->head; at < chunk->tail; count++) {
            struct record *record = queue_record_at(chunk, at);
            struct tx_desc *desc = &descs[count];

            if (count == max)
                return count;
            desc->length = record->length;
            desc->wire_length = record->wire_length;
            desc->tci = record->tci;
            desc->destination = record->bytes;
            desc->offload = record->offload;
            desc->iov[0] = (struct iovec){record->bytes, record->length};
            desc->iov_count = 1;
            at += queue_record_size(desc->length);
        }
    }
    return count;
}

void queue_pop(struct queue *queue, struct queue_pool *pool, unsigned count)
{
    for (; count > 0; count--) {
        struct chunk *chunk = container_of(queue->chunks.next, struct chunk, node);
        uint32_t length = queue_record_at(chunk, chunk->head)->length;

        chunk->head += queue_record_size(length);
        queue->frames--;
        queue->bytes -= length;
        if (chunk->head == chunk->tail)
            queue_drop_chunk(chunk, pool);
    }
}

static uint32_t queue_record_size(uint32_t length)
{
    return (uint32_t)((sizeof(struct record) + length + alignof(struct record) - 1) &
                      ~(alignof(struct record) - 1));
}

static struct record *queue_record_at(const struct chunk *chunk, uint32_t at)
{
    return (struct record *)(uintptr_t)(chunk->records + at);
}

static struct chunk *queue_last_chunk(const struct queue *queue)
{
    return list_empty(&queue->chunks) ? NULL : container_of(queue->chunks.prev, struct chunk, node);
}

static struct chunk *queue_add_chunk(struct queue *queue, struct queue_pool *pool)
{
    struct chunk *chunk;

    if (pool->used == pool->limit)
        return NULL;
    if (list_empty(&pool->free)) {
        chunk = malloc(CHUNK_BYTES);
        if (!chunk)
            return NULL;
        list_init(&chunk->node);
    } else {
        chunk = container_of(pool->free.next, struct chunk, node);
        list_remove(&chunk->node);
        pool->count--;
    }
    chunk->head = 0;
    chunk->tail = 0;
    pool->used++;
    list_append(&queue->chunks, &chunk->node);
    return chunk;
}

static void queue_drop_chunk(struct chunk *chunk, struct queue_pool *pool)
{
    list_remove(&chunk->node);
    pool->used--;
    if (pool->count == QUEUE_POOL_CHUNKS) {
        free(chunk);
        return;
    }
    list_append(&pool->free, &chunk->node);
    pool->count++;
}
