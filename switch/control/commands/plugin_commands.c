/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * plugin_commands.c - VDE's commands for plugins, of which this version has none
 */
#include "control/command.h"

#include <errno.h>

static int plugin_list(struct call *call);
static int plugin_add(struct call *call);
static int plugin_del(struct call *call);

static const struct field plugin_fields[] = {
    {"name", FIELD_TEXT, "%-22s"},
    {"help", FIELD_TEXT, " %s\n"},
    {0},
};

const struct command plugin_commands[] = {
    {"plugin", "PLUGINS MENU"},
    {
        "plugin/list",
        "list plugins",
        PARAMETERS({"name", "name", ARGUMENT_TEXT, .optional = true}),
        RESULT({"plugins", FIELD_LIST,
                "NAME                   HELP\n"
                "------------           ----\n",
                .element = plugin_fields}),
        .run = plugin_list,
    },
    {
        "plugin/add",
        "load a plugin",
        PARAMETERS({"library", "library", ARGUMENT_TEXT}),
        .access = FOR_OWNER,
        .run = plugin_add,
    },
    {"plugin/del", "unload a plugin", PARAMETERS({"name", "name", ARGUMENT_TEXT}),
     .run = plugin_del},
    {0},
};

static int plugin_list(struct call *call)
{
    reply_list(call->reply);
    reply_list_end(call->reply);
    return error_set(call->error, ENOENT, "no plugin is loaded");
}

static int plugin_add(struct call *call)
{
    return error_set(call->error, ENOENT, "this version has no plugins");
}

static int plugin_del(struct call *call)
{
    return error_set(call->error, ENOENT, "no plugin is loaded");
}
