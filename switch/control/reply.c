/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/reply.h"

#include <assert.h>

static const struct field *take(struct reply *reply);

void reply_begin(struct reply *reply, const struct rendering *rendering, const struct field *shape,
                 FILE *out)
{
    *reply = (struct reply){.rendering = rendering, .out = out};
    reply->level[0].shape = reply->level[0].next = shape;
}

void reply_number(struct reply *reply, uint64_t value)
{
    const struct field *field = take(reply);

    assert(field->type == FIELD_NUMBER);
    reply->rendering->number(reply, field, value);
}

void reply_flag(struct reply *reply, bool value)
{
    const struct field *field = take(reply);

    assert(field->type == FIELD_FLAG);
    reply->rendering->flag(reply, field, value);
}

void reply_text(struct reply *reply, const char *value)
{
    const struct field *field = take(reply);

    assert(field->type == FIELD_TEXT);
    if (value)
        reply->rendering->text(reply, field, value);
    else
        reply->rendering->none(reply, field);
}

void reply_none(struct reply *reply)
{
    reply->rendering->none(reply, take(reply));
}

void reply_list(struct reply *reply)
{
    const struct field *field = take(reply);

    assert(field->type == FIELD_LIST && reply->depth + 1 < REPLY_DEPTH);
    reply->rendering->list(reply, field);
    reply->depth++;
    reply->level[reply->depth].list = field;
    reply->level[reply->depth].shape = field->element;
    reply->level[reply->depth].next = NULL;
}

bool reply_item(struct reply *reply)
{
    assert(!reply->level[reply->depth].next || !reply->level[reply->depth].next->name);
    if (reply->items == REPLY_ITEMS)
        reply->full = true;
    if (reply->full)
        return false;
    reply->items++;
    reply->level[reply->depth].next = reply->level[reply->depth].shape;
    reply->rendering->item(reply, reply->level[reply->depth].list);
    return true;
}

void reply_list_end(struct reply *reply)
{
    assert(!reply->level[reply->depth].next || !reply->level[reply->depth].next->name);
    reply->rendering->list_end(reply, reply->level[reply->depth].list);
    reply->depth--;
}

/* Return: the field whose turn it is. */
static const struct field *take(struct reply *reply)
{
    const struct field *field = reply->level[reply->depth].next;

    assert(field && field->name);
    reply->level[reply->depth].next++;
    return field;
}
