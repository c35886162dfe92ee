/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * reply.h - what a command answers: values in the order of a shape, rendered as its caller asks
 *
 * A command states the shape of its result once, as an array of struct field, and then hands over the values one by one in
 * that order; it never sees how they are written. The console's text is one rendering (reply_text.c), in which each
 * field says how it stands in VDE's lines; another one finds names and types in the same shapes.
 *
 * Values that do not fit the shape are a bug of the command. They are ignored, with all that follow, and the reply is
 * marked as wrong.
 */
#ifndef VSW_CONTROL_REPLY_H
#define VSW_CONTROL_REPLY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum field_type {
    FIELD_NUMBER, /* unsigned */
    FIELD_FLAG,
    FIELD_TEXT,
    FIELD_LIST, /* of records with a shape of their own */
    FIELD_ANY,  /* no field's own type */
};

struct field {
    const char *name; /* for renderings that name values */
    enum field_type type;

    /* In text: a printf format for the one value (%llu or %s); what stands for true; the heading of a list. */
    const char *text;
    const char *otherwise; /* what stands for false, or for no value; NULL: nothing */

    const struct field *element; /* FIELD_LIST: the shape of one record */
};

struct reply;

struct rendering {
    void (*number)(struct reply *reply, const struct field *field, uint64_t value);
    void (*flag)(struct reply *reply, const struct field *field, bool value);
    void (*text)(struct reply *reply, const struct field *field, const char *value);
    void (*none)(struct reply *reply, const struct field *field);
    void (*list)(struct reply *reply, const struct field *field);     /* begins */
    void (*item)(struct reply *reply, const struct field *field);     /* the next record begins */
    void (*list_end)(struct reply *reply, const struct field *field); /* ends */
};

extern const struct rendering text_rendering;

/* reply_write_safely() - writes VALUE into a line of text: no byte of it ends the line, moves a terminal's cursor, or looks
 * like the prompt. Return: how many bytes it took. */
size_t reply_write_safely(FILE *out, const char *value);

enum {
    REPLY_DEPTH = 4,

    /* Records that one reply may have: it has to be kept for its reader, and while it is made frames wait. */
    REPLY_ITEMS = 100000,
};

struct reply {
    const struct rendering *rendering;
    FILE *out;
    unsigned depth;
    unsigned items; /* so far */
    bool full;      /* there would have been more */
    bool wrong;     /* a value did not fit the shape */

    /* The record whose values are awaited, at each depth: its list, its shape, its next field. */
    struct {
        const struct field *list;
        const struct field *shape;
        const struct field *next;
    } level[REPLY_DEPTH];
};

/* reply_begin() - awaits values of SHAPE, which ends with a field without a name, to be rendered to OUT */
void reply_begin(struct reply *reply, const struct rendering *rendering, const struct field *shape,
                 FILE *out);

/* One value each, for the field that is next; its type must be that of the call. */
void reply_number(struct reply *reply, uint64_t value);
void reply_flag(struct reply *reply, bool value);
void reply_text(struct reply *reply, const char *value); /* NULL: there is none */
void reply_none(struct reply *reply);                    /* of whatever type it is */

/* A list: reply_list(), then for each record reply_item() and its values, then reply_list_end(). Where reply_item() returns
 * false there is no room for it, nor for any that follow: values for them are ignored, but a long loop should end. */
void reply_list(struct reply *reply);
bool reply_item(struct reply *reply);
void reply_list_end(struct reply *reply);

/* reply_is_whole() - has it got each value of its shape, in its turn? A full one may end early. */
bool reply_is_whole(const struct reply *reply);

/* reply_cut() - there is more, but it would take too long: nothing after this is shown */
void reply_cut(struct reply *reply);

#endif
