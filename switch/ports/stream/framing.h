/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * framing.h - frames in a byte stream: each behind its length, four bytes in network byte order
 *
 * The longest that QEMU sends or takes is STREAM_LONGEST (NET_BUFSIZE of its include/net/net.h); a longer one, to QEMU as
 * to us, means that the two sides are out of step, and the connection is of no more use. What is shorter than an Ethernet
 * header is well-formed here, and the core's to drop.
 */
#ifndef VSW_PORTS_STREAM_FRAMING_H
#define VSW_PORTS_STREAM_FRAMING_H

#include <stddef.h>
#include <stdint.h>

enum {
    STREAM_PREFIX = 4,
    STREAM_LONGEST = 4096 + 65536,
    STREAM_BUFFER = STREAM_PREFIX + STREAM_LONGEST,
};

/* What has arrived and is not yet frames. To begin with, begin and end are 0. */
struct stream_input {
    size_t begin, end; /* the bytes that count, in buffer[] */
    uint8_t buffer[STREAM_BUFFER];
};

/* stream_input_room() - where what arrives next belongs, and *SIZE bytes of room, at least one
 *
 * Only when stream_input_next() has said that more is needed; frames that it has given out are gone after that.
 */
uint8_t *stream_input_room(struct stream_input *input, size_t *size);

/* stream_input_arrived() - SIZE bytes were put there */
static inline void stream_input_arrived(struct stream_input *input, size_t size)
{
    input->end += size;
}

/* stream_input_next() - takes the next frame: *LENGTH bytes at *FRAME, in the buffer
 *
 * Return: 1; 0 if more bytes are needed; -EPROTO, with *LENGTH as it was announced, if no frame can be so long. It says so
 * again when asked again.
 */
int stream_input_next(struct stream_input *input, const uint8_t **frame, uint32_t *length);

/* stream_input_ready() - would stream_input_next() say something else than 0? */
int stream_input_ready(const struct stream_input *input);

/* stream_prefix() - writes what stands before a frame of LENGTH bytes */
static inline void stream_prefix(uint8_t prefix[STREAM_PREFIX], uint32_t length)
{
    for (int i = 0; i < STREAM_PREFIX; i++)
        prefix[i] = (uint8_t)(length >> (24 - 8 * i));
}

#endif
