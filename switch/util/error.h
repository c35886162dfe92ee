/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * error.h - what went wrong, in words for the person who asked
 *
 * A function that can fail for reasons a user can mend takes a struct error, returns -errno, and leaves one
 * line of text: what was asked, what is wrong, what would be right. Its callers add context in front.
 */
#ifndef VSW_UTIL_ERROR_H
#define VSW_UTIL_ERROR_H

struct error {
    char text[512];
};

/* error_set() - writes ERR's text, printf style
 * @err:  may be NULL when the caller does not want words
 * @code: a positive errno value
 *
 * Return: -CODE, so that a failing function can end with `return error_set(...)`.
 */
int error_set(struct error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* error_no_memory() - what there is to say of that. Return: -ENOMEM. */
int error_no_memory(struct error *err);

#endif
