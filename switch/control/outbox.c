/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/outbox.h"

#include "util/os_linux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 64 * 1024 }; /* more than that goes back to the system once it is written */

static bool make_room(struct outbox *box, size_t length);
static void take(struct outbox *box, size_t length);

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
        take(box, (size_t)written);
    }
    return 0;
}

void outbox_clear(struct outbox *box)
{
    take(box, box->length);
    free(box->bytes);
    box->bytes = NULL;
    box->size = 0;
}

static bool make_room(struct outbox *box, size_t length)
{
    size_t size = 2 * (box->length + length);
    char *bytes;

    if (box->start + box->length + length <= box->size)
        return true;
    if (box->length > 0)
        memmove(box->bytes, box->bytes + box->start, box->length);
    box->start = 0;
    if (box->length + length <= box->size)
        return true;
    bytes = realloc(box->bytes, size);
    if (!bytes)
        return false;
    box->bytes = bytes;
    box->size = size;
    return true;
}

static void take(struct outbox *box, size_t length)
{
    box->budget->used -= length;
    box->length -= length;
    box->start += length;
    if (box->length > 0)
        return;
    box->start = 0;
    if (box->size > SMALL) {
        free(box->bytes);
        box->bytes = NULL;
        box->size = 0;
    }
}
