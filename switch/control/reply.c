/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/reply.h"

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

/* Where nothing is taken any more, lists are only counted, so that those that were begun are ended. */
void reply_list(struct reply *reply)
{
    const struct field *field = take(reply, FIELD_LIST);

    if (reply->depth + 1 == REPLY_DEPTH)
        reply->wrong = true;
    else if (field)
        reply->rendering->list(reply, field);
    reply->depth++;
    if (reply->depth >= REPLY_DEPTH)
        return;
    reply->level[reply->depth].list = field;
    reply->level[reply->depth].shape = field ? field->element : NULL;
    reply->level[reply->depth].next = NULL;
}

bool reply_item(struct reply *reply)
{
    if (reply->items == REPLY_ITEMS)
        reply->full = true;
    if (reply->full || reply->wrong)
        return false;
    if (reply->depth == 0 || !is_complete(reply)) {
        reply->wrong = true;
        return false;
    }
    reply->items++;
    reply->level[reply->depth].next = reply->level[reply->depth].shape;
    reply->rendering->item(reply, reply->level[reply->depth].list);
    return true;
}

void reply_list_end(struct reply *reply)
{
    if (reply->depth == 0) {
        reply->wrong = true;
        return;
    }
    if (reply->depth < REPLY_DEPTH) {
        const struct field *list = reply->level[reply->depth].list;

        if (!reply->full && !is_complete(reply))
            reply->wrong = true;
        if (list)
            reply->rendering->list_end(reply, list);
    }
    reply->depth--;
}

bool reply_is_whole(const struct reply *reply)
{
    return !reply->wrong && reply->depth == 0 && (reply->full || is_complete(reply));
}

void reply_cut(struct reply *reply)
{
    reply->full = true;
}

/* Return: the field whose turn it is, which must be of TYPE; NULL if nothing is taken any more. */
static const struct field *take(struct reply *reply, enum field_type type)
{
    const struct field *field;

    if (reply->full || reply->wrong)
        return NULL;
    field = reply->level[reply->depth].next;
    if (!field || !field->name || (type != FIELD_ANY && field->type != type)) {
        reply->wrong = true;
        return NULL;
    }
    reply->level[reply->depth].next++;
    return field;
}

/* Has the present record got all its values? */
static bool is_complete(const struct reply *reply)
{
    const struct field *next = reply->level[reply->depth].next;

    return !next || !next->name;
}
