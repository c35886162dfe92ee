/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * error.h - error messages for the user who made the request
 *
 * A function that can fail for reasons a user can fix takes a struct error, returns -errno, and
 * sets one line of text: the request, what is wrong with it, what would be right. Callers prepend
 * context.
 */
#ifndef VSW_UTIL_ERROR_H
#define VSW_UTIL_ERROR_H

struct error {
    char text[512];
};

/* error_set() - formats ERR's text, printf style, truncating it if necessary
 * @err:  may be NULL if the caller needs no message
 * @code: a positive errno value
 *
 * Return: -CODE, so that a failing function can end with `return error_set(...)`.
 */
int error_set(struct error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* error_no_memory() - sets ERR for a failed allocation. Return: -ENOMEM. */
int error_no_memory(struct error *err);

#endif
