/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int code, const char *format, ...)
{
    if (err) {
        va_list args;

        va_start(args, format);
        vsnprintf(err->text, sizeof(err->text), format, args);
        va_end(args);
    }
    return -code;
}

void error_prefix(struct error *err, const char *format, ...)
{
    char prefixed[sizeof(err->text)];
    va_list args;
    int used;

    va_start(args, format);
    used = vsnprintf(prefixed, sizeof(prefixed), format, args);
    va_end(args);
    if (used < 0 || (size_t)used >= sizeof(prefixed))
        return;
    snprintf(prefixed + used, sizeof(prefixed) - (size_t)used, ": %.*s",
             (int)sizeof(prefixed) - used - 3, err->text);
    memcpy(err->text, prefixed, sizeof(prefixed));
}
