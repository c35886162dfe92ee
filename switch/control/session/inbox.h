/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * inbox.h - input of a session, divided into lines
 *
 * Lines end with a newline; a carriage return before it is ignored. Bytes without a newline count
 * as a line at the end of the input, or if the owner says so. A line that is too long is read to
 * its end and discarded.
 */
#ifndef VSW_CONTROL_SESSION_INBOX_H
#define VSW_CONTROL_SESSION_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { INBOX_BYTES = 32768 /* longest line, including its newline */ };

struct inbox {
    char *bytes;   /* INBOX_BYTES and a NUL; owned */
    size_t start;  /* of the bytes that are not consumed yet */
    size_t length; /* how many these are */
    bool at_end;   /* end of input */
    bool whole;    /* treat bytes without a newline as a line, until more are read */
    bool skipping; /* in the rest of a line that is too long */
};

enum inbox_line {
    INBOX_LINE,
    INBOX_NOTHING,  /* the end of a line that was too long */
    INBOX_TOO_LONG, /* returned once for each such line */
    INBOX_NUL,      /* a line that contains a NUL byte */
};

/* inbox_init(), inbox_free() - allocate and free an empty inbox. Return: false if there is no
 * memory. */
bool inbox_init(struct inbox *box);
void inbox_free(struct inbox *box);

/* inbox_read() - reads from FD up to the space that is left; not if inbox_is_full()
 * Return: the number of bytes; 0 at the end of input; or -errno. */
ssize_t inbox_read(struct inbox *box, int fd);

/* inbox_end() - marks the end of input */
void inbox_end(struct inbox *box);

/* inbox_is_over() - whether the input has ended and has been consumed */
bool inbox_is_over(const struct inbox *box);

/* inbox_is_full() - whether there is no space for another byte */
bool inbox_is_full(const struct inbox *box);

/* inbox_has_line() - whether there is something for inbox_take() */
bool inbox_has_line(const struct inbox *box);

/* inbox_has_half() - whether there is an incomplete line, and no complete one */
bool inbox_has_half(const struct inbox *box);

/* inbox_half_is_whole() - treats an incomplete line as complete, because its newline has not come
 * for a while */
void inbox_half_is_whole(struct inbox *box);

/* inbox_take() - consumes the next line; only if inbox_has_line()
 * @line: for INBOX_LINE receives it, without its end, NUL-terminated; valid until the next
 *        inbox_read()
 */
enum inbox_line inbox_take(struct inbox *box, char **line);

#endif
