/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/stream/framing.h"

#include <errno.h>
#include <string.h>

/* Return: as stream_input_next(), without consuming the frame. */
static int stream_input_peek(const struct stream_input *input, uint32_t *length)
{
    const uint8_t *at = input->buffer + input->begin;
    size_t have = input->end - input->begin;

    if (have < STREAM_PREFIX)
        return 0;
    *length = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    if (*length > STREAM_LONGEST)
        return -EPROTO;
    return have - STREAM_PREFIX >= *length;
}

uint8_t *stream_input_room(struct stream_input *input, size_t *size)
{
    size_t rest = input->end - input->begin;

    /* Usually the start of one frame: little to copy, in a buffer that holds dozens of frames. */
    memmove(input->buffer, input->buffer + input->begin, rest);
    input->begin = 0;
    input->end = rest;
    *size = sizeof(input->buffer) - rest;
    return input->buffer + rest;
}

int stream_input_next(struct stream_input *input, const uint8_t **frame, uint32_t *length)
{
    int status = stream_input_peek(input, length);

    if (status <= 0)
        return status;
    *frame = input->buffer + input->begin + STREAM_PREFIX;
    input->begin += STREAM_PREFIX + *length;
    return 1;
}

int stream_input_ready(const struct stream_input *input)
{
    uint32_t length;

    return stream_input_peek(input, &length) != 0;
}
