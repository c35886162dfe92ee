/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * inbox.h - what was read of a conversation, and the lines in it
 *
 * Lines end with a newline; a carriage return before it does not matter. What has no newline is a line when nothing more
 * can come, or when its owner says so. A line that is too long is read to its end, and is none.
 */
#ifndef VSW_CONTROL_SESSION_INBOX_H
#define VSW_CONTROL_SESSION_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { INBOX_BYTES = 32768 /* the longest line, newline included */ };

struct inbox {
    char *bytes;   /* INBOX_BYTES and a NUL; owned */
    size_t start;  /* of what is not taken yet */
    size_t length; /* of it */
    bool at_end;   /* nothing more comes */
    bool whole;    /* what has no newline is a line, as long as nothing more has come */
    bool skipping; /* the rest of a line that is too long */
};

enum inbox_line {
    INBOX_LINE,
    INBOX_NOTHING,  /* the end of a line that was too long */
    INBOX_TOO_LONG, /* said once for each such line */
    INBOX_NUL,      /* a line with a NUL byte in it */
};

/* inbox_init() - empty. Return: false if there is no memory. */
bool inbox_init(struct inbox *box);
void inbox_free(struct inbox *box);

/* inbox_read() - reads from FD what there is room for; not when inbox_is_full()
 * Return: how many bytes; 0 at the end of input; or -errno. */
ssize_t inbox_read(struct inbox *box, int fd);

/* inbox_end() - nothing more comes */
void inbox_end(struct inbox *box);

/* inbox_is_over() - nothing more comes, and all is taken */
bool inbox_is_over(const struct inbox *box);

bool inbox_is_full(const struct inbox *box);

/* inbox_has_line() - is there something for inbox_take()? */
bool inbox_has_line(const struct inbox *box);

/* inbox_has_half() - is there the beginning of a line, and no more? */
bool inbox_has_half(const struct inbox *box);

/* inbox_half_is_whole() - nothing has come for a while: if there is half a line, it is one */
void inbox_half_is_whole(struct inbox *box);

/* inbox_take() - the next of what inbox_has_line() has seen
 * @line: receives an INBOX_LINE, without its end, NUL-terminated; valid until the next inbox_read()
 */
enum inbox_line inbox_take(struct inbox *box, char **line);

#endif
