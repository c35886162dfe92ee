/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * outbox.h - bytes on their way to a reader who may be slow
 *
 * Writing never blocks. What the reader does not take now is kept; what is kept in all outboxes of a budget together is
 * bounded.
 */
#ifndef VSW_CONTROL_SESSION_OUTBOX_H
#define VSW_CONTROL_SESSION_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

struct outbox_budget {
    size_t limit;
    size_t used; /* bytes that wait */
};

struct outbox {
    int fd; /* the owner's */
    struct outbox_budget *budget;
    char *bytes;
    size_t start;  /* of what waits */
    size_t length; /* of what waits */
    size_t size;   /* of the memory */
};

void outbox_init(struct outbox *box, int fd, struct outbox_budget *budget);

/* outbox_put() - appends BYTES, without writing. Return: false if the budget or the memory is used up. */
bool outbox_put(struct outbox *box, const void *bytes, size_t length);

/* outbox_flush() - writes what the reader takes now
 *
 * Return: 0 if he took some or nothing waits; -EAGAIN if he took none; another -errno if he is gone, and then nothing
 * waits any more.
 */
int outbox_flush(struct outbox *box);

/* outbox_clear() - drops what waits, and frees the memory */
void outbox_clear(struct outbox *box);

#endif
