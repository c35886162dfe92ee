/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_stream_framing.c - any bytes that a stream client may send, in pieces: the frames must be
 * those found by reading all of it at once
 */
#include "ports/stream/framing.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Consumes all complete frames and compares them with the stream itself. Return: as
 * stream_input_next(). */
static int take(struct stream_input *input, const uint8_t *stream, size_t arrived, size_t *at)
{
    const uint8_t *frame;
    uint32_t length;
    int status;

    while ((status = stream_input_next(input, &frame, &length)) > 0) {
        uint32_t announced = (uint32_t)stream[*at] << 24 | (uint32_t)stream[*at + 1] << 16 |
                             (uint32_t)stream[*at + 2] << 8 | stream[*at + 3];

        assert(length == announced && length <= STREAM_LONGEST);
        *at += STREAM_PREFIX + length;
        assert(*at <= arrived);
        assert(!memcmp(frame, stream + *at - length, length));
    }
    assert(stream_input_ready(input) == (status != 0));
    if (status == 0 && arrived - *at >= STREAM_PREFIX) {
        uint8_t prefix[STREAM_PREFIX];

        stream_prefix(prefix, (uint32_t)(arrived - *at - STREAM_PREFIX));
        assert(memcmp(prefix, stream + *at, STREAM_PREFIX) <
               0); /* more is announced than is there */
    }
    return status;
}

/* The first byte is the length of the pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stream_input input;
    size_t piece = size > 0 ? (size_t)data[0] * data[0] + 1 : 1, arrived = 0, at = 0;
    int status = 0;

    input.begin = input.end = 0;
    if (size > 0)
        data++, size--;
    while (arrived < size && status == 0) {
        size_t room, count = size - arrived < piece ? size - arrived : piece;
        uint8_t *to = stream_input_room(&input, &room);

        assert(room > 0 && to + room <= input.buffer + sizeof(input.buffer));
        count = count < room ? count : room;
        memcpy(to, data + arrived, count);
        stream_input_arrived(&input, count);
        arrived += count;
        status = take(&input, data, arrived, &at);
    }
    if (status < 0) {
        const uint8_t *frame;
        uint32_t length;

        assert(status == -EPROTO);
        assert(stream_input_next(&input, &frame, &length) == -EPROTO && length > STREAM_LONGEST);
    }
    return 0;
}
