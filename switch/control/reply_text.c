/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * reply_text.c - replies as the VDE console has them: each field's own piece of a line
 *
 * Clients find the end of a reply by its last line and by "$ " at the end of what they have read, so no value may bring a
 * line's end, or a "$ ", of its own.
 */
#include "control/reply.h"

#include "util/text.h"

#include <stdlib.h>
#include <string.h>

static void write_number(struct reply *reply, const struct field *field, uint64_t value)
{
    if (field->text)
        fprintf(reply->out, field->text, (unsigned long long)value);
}

static void write_none(struct reply *reply, const struct field *field)
{
    if (field->otherwise)
        fputs(field->otherwise, reply->out);
}

static void write_flag(struct reply *reply, const struct field *field, bool value)
{
    if (value && field->text)
        fputs(field->text, reply->out);
    else if (!value)
        write_none(reply, field);
}

/* The format is %s with something around it, and perhaps a width: %-18s. */
static void write_text(struct reply *reply, const struct field *field, const char *value)
{
    const char *place = strchr(field->text, '%');
    char *rest;
    long width = strtol(place + 1 + (place[1] == '-'), &rest, 10);
    size_t written;

    fwrite(field->text, 1, (size_t)(place - field->text), reply->out);
    written = reply_write_safely(reply->out, value);
    fprintf(reply->out, "%*s", width > (long)written ? (int)(width - (long)written) : 0, "");
    fputs(rest + 1, reply->out);
}

static void write_heading(struct reply *reply, const struct field *field)
{
    if (field->text)
        fputs(field->text, reply->out);
}

static void write_nothing(struct reply *reply, const struct field *field)
{
    (void)reply, (void)field;
}

const struct rendering text_rendering = {
    .number = write_number,
    .flag = write_flag,
    .text = write_text,
    .none = write_none,
    .list = write_heading,
    .item = write_nothing,
    .list_end = write_nothing,
};

size_t reply_write_safely(FILE *out, const char *value)
{
    size_t written = 0;

    while (*value) {
        size_t harmless = 0;

        while (value[harmless] && text_is_harmless(value + harmless, value[harmless + 1] ? 2 : 1))
            harmless++;
        written += fwrite(value, 1, harmless, out);
        value += harmless;
        if (*value)
            written += (size_t)fprintf(out, "\\x%02x", (unsigned char)*value++);
    }
    return written;
}
