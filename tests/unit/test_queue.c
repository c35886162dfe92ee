/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_queue.c - queued frames
 */
#include "fake_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    struct queue queue;
    struct queue_pool pool;
};

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    queue_init(&bench->queue);
    queue_pool_init(&bench->pool, 64 << 20);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;

    queue_pop(&bench->queue, &bench->pool, bench->queue.frames);
    queue_pool_free(&bench->pool);
    free(bench);
    return 0;
}

/* The bytes of frame NUMBER, which differ from those of any other. */
static void fill(uint8_t *bytes, uint32_t length, unsigned number)
{
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(number * 31 + i + (number >> 8));
}

/* A length for frame NUMBER, of all alignments and up to the largest. */
static uint32_t length_of(unsigned number)
{
    return 1 + (number * 2654435761u) % FRAME_MAX;
}

static int push(struct bench *bench, unsigned number, uint32_t length)
{
    uint8_t *bytes = malloc(length);
    struct tx_desc desc = {.iov_count = 3, .length = length, .wire_length = number};
    int status;

    assert_non_null(bytes);
    fill(bytes, length, number);
    desc.offload = (struct offload){.gso_size = (uint16_t)(number + 1), .gso = number % GSO_TYPES};
    desc.iov[0] = (struct iovec){bytes, length / 3};
    desc.iov[1] = (struct iovec){bytes + length / 3, length / 3};
    desc.iov[2] = (struct iovec){bytes + 2 * (length / 3), length - 2 * (length / 3)};
    status = queue_push(&bench->queue, &bench->pool, &desc);
    free(bytes); /* the queue has a copy */
    return status;
}

static void check_packet(const struct tx_desc *desc, unsigned number, uint32_t length)
{
    struct wire wire = {0};
    uint8_t *expected = malloc(length);
    uint32_t there;
    size_t at = 0;

    assert_non_null(expected);
    fill(expected, length, number);
    wire_put_desc(&wire, desc);
    assert_int_equal(desc->length, length);
    assert_int_equal(desc->wire_length, number);
    assert_int_equal(desc->offload.gso_size, (uint16_t)(number + 1));
    assert_int_equal(desc->offload.gso, number % GSO_TYPES);
    assert_memory_equal(wire_next(&wire, &at, &there), expected, length);
    wire_clear(&wire);
    free(expected);
}

static void test_first_in_first_out(void **state)
{
    struct bench *bench = *state;
    struct tx_desc descs[BATCH_FRAMES];
    unsigned in = 0, out = 0;

    while (out < 2000) {
        unsigned count;

        for (unsigned i = 0; i < 40; i++, in++)
            assert_int_equal(push(bench, in, length_of(in)), 0);
        count = queue_peek(&bench->queue, descs, 1 + out % BATCH_FRAMES);
        assert_true(count > 0);
        for (unsigned i = 0; i < count; i++)
            check_packet(&descs[i], out + i, length_of(out + i));
        queue_pop(&bench->queue, &bench->pool, count);
        out += count;
        assert_int_equal(bench->queue.frames, in - out);
    }
}

static void test_peek_takes_nothing(void **state)
{
    struct bench *bench = *state;
    struct tx_desc descs[BATCH_FRAMES];

    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(push(bench, i, 100), 0);
    assert_int_equal(queue_peek(&bench->queue, descs, BATCH_FRAMES), 3);
    assert_int_equal(queue_peek(&bench->queue, descs, BATCH_FRAMES), 3);
    check_packet(&descs[0], 0, 100);
    assert_int_equal(queue_peek(&bench->queue, descs, 2), 2);
    assert_int_equal(bench->queue.frames, 3);
}

static void test_counts(void **state)
{
    struct bench *bench = *state;
    size_t bytes = 0;

    assert_int_equal(queue_peek(&bench->queue, NULL, 0), 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(push(bench, i, length_of(i)), 0);
        bytes += length_of(i);
    }
    assert_int_equal(bench->queue.frames, 100);
    assert_int_equal(bench->queue.bytes, bytes);
    queue_pop(&bench->queue, &bench->pool, 30);
    for (unsigned i = 0; i < 30; i++)
        bytes -= length_of(i);
    assert_int_equal(bench->queue.bytes, bytes);
    queue_pop(&bench->queue, &bench->pool, 70);
    assert_int_equal(bench->queue.bytes, 0);
    assert_true(list_empty(&bench->queue.chunks));
}

/* An endpoint that was slow once does not keep its memory forever, and neither does the pool. */
static void test_pool_is_bounded(void **state)
{
    struct bench *bench = *state;
    unsigned kept;

    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(push(bench, i, 9000), 0);
    queue_pop(&bench->queue, &bench->pool, bench->queue.frames);
    kept = bench->pool.count;
    assert_in_range(kept, 1, 64);
    for (unsigned i = 0; i < 4000; i++)
        assert_int_equal(push(bench, i, 9000), 0);
    assert_int_equal(bench->pool.count, 0); /* it was reused before more was allocated */
    queue_pop(&bench->queue, &bench->pool, bench->queue.frames);
    assert_int_equal(bench->pool.count, kept);
}

static void test_impossible_length(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(push(bench, 1, 100), 0);
    assert_int_equal(push(bench, 2, 70000), -ENOMEM);
    assert_int_equal(bench->queue.frames, 1);
    assert_int_equal(bench->queue.bytes, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first_in_first_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_peek_takes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pool_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_impossible_length, setup, teardown),
    };

    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
