/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/session/inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void consume(struct inbox *box, size_t length);

bool inbox_init(struct inbox *box)
{
    *box = (struct inbox){.bytes = malloc(INBOX_BYTES + 1)};
    return box->bytes;
}

void inbox_free(struct inbox *box)
{
    free(box->bytes);
}

ssize_t inbox_read(struct inbox *box, int fd)
{
    ssize_t got;

    memmove(box->bytes, box->bytes + box->start, box->length);
    box->start = 0;
    got = read(fd, box->bytes + box->length, INBOX_BYTES - box->length);
    if (got < 0)
        return -errno;
    box->length += (size_t)got;
    box->whole = box->whole && got == 0;
    return got;
}

void inbox_end(struct inbox *box)
{
    box->at_end = true;
}

bool inbox_is_over(const struct inbox *box)
{
    return box->at_end && box->length == 0;
}

bool inbox_is_full(const struct inbox *box)
{
    return box->length == INBOX_BYTES;
}

bool inbox_has_line(const struct inbox *box)
{
    return inbox_is_full(box) || ((box->at_end || box->whole) && box->length > 0) ||
           memchr(box->bytes + box->start, '\n', box->length);
}

bool inbox_has_half(const struct inbox *box)
{
    return box->length > 0 && !box->skipping && !inbox_has_line(box);
}

void inbox_half_is_whole(struct inbox *box)
{
    box->whole = inbox_has_half(box);
}

enum inbox_line inbox_take(struct inbox *box, char **line)
{
    char *text = box->bytes + box->start, *newline = memchr(text, '\n', box->length);
    size_t length = newline ? (size_t)(newline - text) : box->length;
    bool too_long = !newline && inbox_is_full(box), skipping = box->skipping;

    consume(box, length + (newline != NULL));
    box->skipping = too_long;
    if (too_long || skipping)
        return skipping ? INBOX_NOTHING : INBOX_TOO_LONG;
    if (memchr(text, '\0', length))
        return INBOX_NUL;
    if (length > 0 && text[length - 1] == '\r')
        length--;
    text[length] = '\0';
    *line = text;
    return INBOX_LINE;
}

static void consume(struct inbox *box, size_t length)
{
    box->whole = false;
    box->start += length;
    box->length -= length;
    if (box->length == 0)
        box->start = 0;
}
