/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tap_commands.c - which programs hold which TAP interfaces of this host
 */
#include "control/command.h"
#include "ports/io/tap_holders.h"

static int tap_list(struct call *call);
static void list_holder(void *context, const struct tap_holder *holder);

static const struct field holder_fields[] = {
    {"ifname", FIELD_TEXT, "%s"},
    {"process", FIELD_NUMBER, " process %llu"},
    {"program", FIELD_TEXT, " (%s)\n", "\n"},
    {0},
};

const struct command tap_commands[] = {
    {"tap", "TAP MENU"},
    {
        "tap/list",
        "list the TAP and TUN interfaces of this host that programs hold, with these",
        .result = RESULT({"holders", FIELD_LIST, .element = holder_fields}),
        .access = FOR_OWNER,
        .extension = true,
        .run = tap_list,
    },
    {0},
};

static int tap_list(struct call *call)
{
    reply_list(call->reply);
    tap_holders_each(list_holder, call->reply);
    reply_list_end(call->reply);
    return 0;
}

static void list_holder(void *context, const struct tap_holder *holder)
{
    reply_item(context);
    reply_text(context, holder->ifname);
    reply_number(context, (uint64_t)holder->process);
    reply_text(context, *holder->program ? holder->program : NULL);
}
