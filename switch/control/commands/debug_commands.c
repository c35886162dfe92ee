/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * debug_commands.c - which events this session receives
 */
#include "control/session/session.h"

#include <errno.h>
#include <string.h>

static int debug_list(struct call *call);
static int debug_add(struct call *call);
static int debug_del(struct call *call);

static int subscribe(struct call *call, bool on);
static uint32_t matching(const struct call *call);

static const struct parameter beginning[] = {{"dbgpath", ARGUMENT_TEXT, .optional = true}, {0}};

static const struct field category_fields[] = {
    {"path", FIELD_TEXT, "%-22s"},
    {"tag", FIELD_NUMBER, " %03llo"},
    {"on", FIELD_FLAG, " ON    ", " OFF   "},
    {"help", FIELD_TEXT, " %s\n"},
    {0},
};

const struct command debug_commands[] = {
    {"debug", "DEBUG MENU"},
    {
        "debug/list",
        "list debug categories",
        beginning,
        RESULT({"categories", FIELD_LIST,
                "CATEGORY               TAG STATUS HELP\n"
                "------------           --- ------ ----\n",
                .element = category_fields}),
        .run = debug_list,
    },
    {"debug/add", "enable debug info for a given category", beginning, .run = debug_add},
    {"debug/del", "disable debug info for a given category", beginning, .run = debug_del},
    {0},
};

static int debug_list(struct call *call)
{
    const struct session *session = call->caller->session;
    uint32_t found = matching(call);

    if (!session)
        return -EBADF;
    reply_list(call->reply);
    for (unsigned place = 0; event_categories[place].path; place++) {
        if (!(found >> place & 1))
            continue;
        reply_item(call->reply);
        reply_text(call->reply, event_categories[place].path);
        reply_number(call->reply, event_categories[place].tag);
        reply_flag(call->reply, session->subscriber.wanted >> place & 1);
        reply_text(call->reply, event_categories[place].help);
    }
    reply_list_end(call->reply);
    return found ? 0 : -ENOENT;
}

static int debug_add(struct call *call)
{
    return subscribe(call, true);
}

static int debug_del(struct call *call)
{
    return subscribe(call, false);
}

/* Subscribes this session to the categories that match, or unsubscribes it. */
static int subscribe(struct call *call, bool on)
{
    struct session *session = call->caller->session;
    uint32_t found = matching(call), before, after;

    if (!session)
        return -EBADF;
    if (!found)
        return error_set(call->error, EINVAL, "no such category; debug/list shows them");
    before = session->subscriber.wanted;
    after = on ? before | found : before & ~found;
    if (after == before)
        return on ? -EEXIST : -ENOENT;
    events_set(&call->daemon->events, &session->subscriber, after);
    return 0;
}

/* Return: a bit for each category whose path begins with the argument; all of them without an
 * argument. */
static uint32_t matching(const struct call *call)
{
    const char *text = call->argument[0].given ? call->argument[0].text : "";
    uint32_t found = 0;

    for (unsigned place = 0; event_categories[place].path; place++) {
        if (!strncmp(event_categories[place].path, text, strlen(text)))
            found |= 1u << place;
    }
    return found;
}
