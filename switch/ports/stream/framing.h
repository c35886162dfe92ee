/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * framing.h - frames in a byte stream, each preceded by its length, four bytes in network byte
 * order
 *
 * The longest frame that QEMU sends or accepts is STREAM_LONGEST (NET_BUFSIZE in its
 * include/net/net.h); a longer one means, to QEMU as to us, that the two sides are out of step, and
 * the connection is unusable. A frame shorter than an Ethernet header is well-formed here, and for
 * the core to drop.
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

/* Bytes that have arrived and are not consumed as frames yet. Initially begin and end are 0. */
struct stream_input {
    size_t begin, end; /* range of these bytes in buffer[] */
    uint8_t buffer[STREAM_BUFFER];
};

/* stream_input_room() - where to read the next bytes to
 *
 * Only after stream_input_next() has returned 0. Invalidates frames that it returned before.
 * Return: an address in the buffer, with room for *SIZE bytes, at least one.
 */
uint8_t *stream_input_room(struct stream_input *input, size_t *size);

/* stream_input_arrived() - SIZE bytes were read there */
static inline void stream_input_arrived(struct stream_input *input, size_t size)
{
    input->end += size;
}

/* stream_input_next() - consumes the next frame: *LENGTH bytes at *FRAME, inside the buffer
 *
 * Return: 1; 0 if more bytes are needed; -EPROTO if the announced *LENGTH exceeds STREAM_LONGEST,
 * and again on every further call.
 */
int stream_input_next(struct stream_input *input, const uint8_t **frame, uint32_t *length);

/* stream_input_ready() - whether stream_input_next() would return something other than 0 */
int stream_input_ready(const struct stream_input *input);

/* stream_prefix() - writes the length that precedes a frame of LENGTH bytes */
static inline void stream_prefix(uint8_t prefix[STREAM_PREFIX], uint32_t length)
{
    for (int i = 0; i < STREAM_PREFIX; i++)
        prefix[i] = (uint8_t)(length >> (24 - 8 * i));
}

#endif
