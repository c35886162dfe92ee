/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * debug_commands.c - which events this session receives
 */
#include "control/control.h"
#include "control/session/session.h"

#include <errno.h>
#include <string.h>

static int debug_list(struct call *call);
static int debug_add(struct call *call);
static int debug_del(struct call *call);

static int subscribe(struct call *call, bool on);
static bool matches(const struct call *call, const struct category *category);

static const struct parameter beginning[ARGUMENTS + 1] = {
    {"category", "dbgpath", ARGUMENT_TEXT, .optional = true}, {0}};

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
    bool found = false;

    if (!session)
        return -EBADF;
    reply_list(call->reply);
    list_for_each (node, &call->control->events.sets) {
        const struct category_set *set = container_of(node, struct category_set, node);

        for (unsigned i = 0; i < set->count; i++) {
            if (!matches(call, &set->categories[i]))
                continue;
            found = true;
            reply_item(call->reply);
            reply_text(call->reply, set->categories[i].path);
            reply_number(call->reply, set->categories[i].tag);
            reply_flag(call->reply, category_mask_has(&session->subscriber.wanted, set->first + i));
            reply_text(call->reply, set->categories[i].help);
        }
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
    struct category_mask wanted;
    unsigned matched = 0, changed = 0;

    if (!session)
        return -EBADF;
    wanted = session->subscriber.wanted;
    list_for_each (node, &call->control->events.sets) {
        const struct category_set *own = container_of(node, struct category_set, node);

        for (unsigned slot = own->first; slot < own->first + own->count; slot++) {
            if (!matches(call, &own->categories[slot - own->first]))
                continue;
            matched++;
            changed += category_mask_has(&wanted, slot) != on;
            category_mask_set(&wanted, slot, on);
        }
    }
    if (matched == 0)
        return error_set(call->error, EINVAL, "no such category; debug/list shows them");
    if (changed == 0)
        return on ? -EEXIST : -ENOENT;
    return events_set(&call->control->events, &session->subscriber, &wanted);
}

/* Does its path begin with the argument? All do, if there is none. */
static bool matches(const struct call *call, const struct category *category)
{
    const char *wanted = call->argument[0].given ? call->argument[0].text : "";

    return !strncmp(category->path, wanted, strlen(wanted));
}
