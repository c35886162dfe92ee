/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/reply.h"

#include <assert.h>

static const struct field *take(struct reply *reply, enum field_type type);
static bool is_complete(const struct reply *reply);

void reply_begin(struct reply *reply, const struct rendering *rendering, const struct field *shape,
                 FILE *out)
{
    *reply = (struct reply){.rendering = rendering, .out = out};
    reply->level[0].shape = reply->level[0].next = shape;
}

void reply_number(struct reply *reply, uint64_t value)
{
    const struct field *field = take(reply, FIELD_NUMBER);

    if (field)
        reply->rendering->number(reply, field, value);
}

void reply_flag(struct reply *reply, bool value)
{
    const struct field *field = take(reply, FIELD_FLAG);

    if (field)
        reply->rendering->flag(reply, field, value);
}

void reply_text(struct reply *reply, const char *value)
{
    const struct field *field = take(reply, FIELD_TEXT);

    if (field && value)
        reply->rendering->text(reply, field, value);
    else if (field)
        reply->rendering->none(reply, field);
}

void reply_none(struct reply *reply)
{
    const struct field *field = take(reply, FIELD_ANY);

    if (field)
        reply->rendering->none(reply, field);
}

void reply_list(struct reply *reply)
{
    const struct field *field = take(reply, FIELD_LIST);

    assert(reply->depth + 1 < REPLY_DEPTH);
    reply->depth++;
    if (!field) {
        reply->level[reply->depth].list = NULL;
        return;
    }
    reply->rendering->list(reply, field);
    reply->level[reply->depth].list = field;
    reply->level[reply->depth].shape = field->element;
    reply->level[reply->depth].next = NULL;
}

bool reply_item(struct reply *reply)
{
    if (reply->items == REPLY_ITEMS)
        reply->full = true;
    if (reply->full)
        return false;
    assert(is_complete(reply));
    reply->items++;
    reply->level[reply->depth].next = reply->level[reply->depth].shape;
    reply->rendering->item(reply, reply->level[reply->depth].list);
    return true;
}

/* A list that had begun when the reply became full is ended as well. */
void reply_list_end(struct reply *reply)
{
    const struct field *list = reply->level[reply->depth].list;

    assert(reply->full || is_complete(reply));
    if (list)
        reply->rendering->list_end(reply, list);
    reply->depth--;
}

void reply_cut(struct reply *reply)
{
    reply->full = true;
}

/* Return: the field whose turn it is, which must be of TYPE; NULL if the reply is full. */
static const struct field *take(struct reply *reply, enum field_type type)
{
    const struct field *field = reply->level[reply->depth].next;

    if (reply->full)
        return NULL;
    assert(field && field->name && (type == FIELD_ANY || field->type == type));
    reply->level[reply->depth].next++;
    return field;
}

/* Has the present record got all its values? */
static bool is_complete(const struct reply *reply)
{
    const struct field *next = reply->level[reply->depth].next;

    return !next || !next->name;
}
