/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_stream_framing.c - frames from a byte stream, however it is split
 */
#include "ports/stream/framing.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct stream_input input;

static int set_up(void **state)
{
    (void)state;
    input.begin = input.end = 0;
    return 0;
}

static void arrive(const void *bytes, size_t size)
{
    size_t room;
    uint8_t *to = stream_input_room(&input, &room);

    assert_true(size <= room);
    memcpy(to, bytes, size);
    stream_input_arrived(&input, size);
}

static void expect_frame(const void *bytes, uint32_t size)
{
    const uint8_t *frame;
    uint32_t length;

    assert_int_equal(stream_input_next(&input, &frame, &length), 1);
    assert_int_equal(length, size);
    assert_memory_equal(frame, bytes, size);
}

static void expect_nothing(void)
{
    const uint8_t *frame;
    uint32_t length;

    assert_false(stream_input_ready(&input));
    assert_int_equal(stream_input_next(&input, &frame, &length), 0);
}

static void test_prefix_is_in_network_order(void **state)
{
    uint8_t prefix[STREAM_PREFIX];

    (void)state;
    stream_prefix(prefix, 0x01020304);
    assert_memory_equal(prefix, "\1\2\3\4", 4);
}

static void test_frames_of_one_piece(void **state)
{
    (void)state;
    expect_nothing();
    arrive("\0\0\0\3abc\0\0\0\0\0\0\0\1d\0\0", 18);
    assert_true(stream_input_ready(&input));
    expect_frame("abc", 3);
    expect_frame("", 0);
    expect_frame("d", 1);
    expect_nothing();
    arrive("\0\2ef", 4);
    expect_frame("ef", 2);
    expect_nothing();
}

static void test_frames_byte_by_byte(void **state)
{
    static const char stream[] = "\0\0\0\3abc\0\0\0\2de";

    (void)state;
    for (size_t i = 0; i < sizeof(stream) - 1; i++) {
        arrive(&stream[i], 1);
        if (i == 6)
            expect_frame("abc", 3);
        else if (i == 12)
            expect_frame("de", 2);
        else
            expect_nothing();
    }
}

static void test_longest_frame_fits(void **state)
{
    uint8_t *frame = malloc(STREAM_LONGEST), prefix[STREAM_PREFIX];
    size_t at = 0, room;

    (void)state;
    for (size_t i = 0; i < STREAM_LONGEST; i++)
        frame[i] = (uint8_t)(i * 7);
    stream_prefix(prefix, STREAM_LONGEST);
    arrive(prefix, STREAM_PREFIX);
    while (at < STREAM_LONGEST) {
        expect_nothing();
        stream_input_room(&input, &room);
        room = room < STREAM_LONGEST - at ? room : STREAM_LONGEST - at;
        arrive(frame + at, room);
        at += room;
    }
    expect_frame(frame, STREAM_LONGEST);
    free(frame);
}

static void test_longer_ones_are_refused_for_ever(void **state)
{
    static const char *const prefix[] = {"\0\1\x10\1", "\0\1\x11\x70", "\xff\xff\xff\xff"};
    static const uint32_t announced[] = {69633, 70000, UINT32_MAX};
    const uint8_t *frame;
    uint32_t length;

    for (size_t i = 0; i < 3; i++) {
        set_up(state);
        arrive("\0\0\0\1a", 5);
        arrive(prefix[i], 4);
        expect_frame("a", 1);
        for (int again = 0; again < 2; again++) {
            assert_true(stream_input_ready(&input));
            assert_int_equal(stream_input_next(&input, &frame, &length), -EPROTO);
            assert_int_equal(length, announced[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_prefix_is_in_network_order, set_up),
        cmocka_unit_test_setup(test_frames_of_one_piece, set_up),
        cmocka_unit_test_setup(test_frames_byte_by_byte, set_up),
        cmocka_unit_test_setup(test_longest_frame_fits, set_up),
        cmocka_unit_test_setup(test_longer_ones_are_refused_for_ever, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
