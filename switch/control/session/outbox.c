/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/session/outbox.h"

#include "util/os_linux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 64 * 1024 }; /* buffers larger than this are freed once they are written */

static bool make_room(struct outbox *box, size_t length);
static void drop_written(struct outbox *box, size_t length);
static void move_to_front(struct outbox *box);
static bool resize(struct outbox *box, size_t size);

void outbox_init(struct outbox *box, int fd, struct outbox_budget *budget)
{
    *box = (struct outbox){.fd = fd, .budget = budget};
}

bool outbox_put(struct outbox *box, const void *bytes, size_t length)
{
    if (box->budget->used + length > box->budget->limit || !make_room(box, length))
        return false;
    memcpy(box->bytes + box->start + box->length, bytes, length);
    box->length += length;
    box->budget->used += length;
    return true;
}

int outbox_flush(struct outbox *box)
{
    size_t before = box->length;

    while (box->length > 0) {
        ssize_t written = os_write(box->fd, box->bytes + box->start, box->length);

        if (written == -EAGAIN)
            return box->length < before ? 0 : -EAGAIN;
        if (written < 0) {
            outbox_clear(box);
            return (int)written;
        }
        drop_written(box, (size_t)written);
    }
    return 0;
}

void outbox_clear(struct outbox *box)
{
    box->budget->used -= box->length;
    free(box->bytes);
    outbox_init(box, box->fd, box->budget);
}

static bool make_room(struct outbox *box, size_t length)
{
    size_t needed = box->length + length;

    if (box->start + needed <= box->size)
        return true;
    move_to_front(box);
    /* Double small buffers, as many small writes follow each other; a long reply is seldom followed
     * by a second. */
    return needed <= box->size || resize(box, needed + (needed < SMALL ? needed : needed / 8));
}

/* Frees the part of a long reply that has been written, even if the rest is still waiting. */
static void drop_written(struct outbox *box, size_t length)
{
    box->budget->used -= length;
    box->length -= length;
    box->start += length;
    if (box->length > 0 && box->start > SMALL && box->start > box->length) {
        move_to_front(box);
        resize(box, box->length);
    } else if (box->length == 0) {
        box->start = 0;
        if (box->size > SMALL)
            outbox_clear(box);
    }
}

static void move_to_front(struct outbox *box)
{
    if (box->start > 0 && box->length > 0)
        memmove(box->bytes, box->bytes + box->start, box->length);
    box->start = 0;
}

static bool resize(struct outbox *box, size_t size)
{
    char *bytes = realloc(box->bytes, size);

    if (!bytes)
        return false;
    box->bytes = bytes;
    box->size = size;
    return true;
}
