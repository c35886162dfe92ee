/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * outbox.h - output to a reader that may be slow
 *
 * Writing never blocks. What the reader does not accept now is kept; the total kept in all outboxes
 * of a budget is limited.
 */
#ifndef VSW_CONTROL_SESSION_OUTBOX_H
#define VSW_CONTROL_SESSION_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

struct outbox_budget {
    size_t limit;
    size_t used; /* bytes kept */
};

struct outbox {
    int fd; /* owned by the owner of the outbox */
    struct outbox_budget *budget;
    char *bytes;
    size_t start;  /* of the bytes kept */
    size_t length; /* how many these are */
    size_t size;   /* allocated */
};

/* outbox_init() - an empty outbox for FD, which stays the caller's; its bytes count against
 * BUDGET */
void outbox_init(struct outbox *box, int fd, struct outbox_budget *budget);

/* outbox_put() - appends LENGTH BYTES, without writing. Return: false if that exceeds the budget or
 * the memory. */
bool outbox_put(struct outbox *box, const void *bytes, size_t length);

/* outbox_flush() - writes what the reader accepts now
 *
 * Return: 0 if it accepted some or nothing is kept; -EAGAIN if it accepted none; another -errno if
 * it is gone, and nothing is kept then.
 */
int outbox_flush(struct outbox *box);

/* outbox_clear() - discards what is kept, and frees the memory */
void outbox_clear(struct outbox *box);

#endif
