/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * general_commands.c - where the switch is, what it is, what it can be told, and how to leave
 */
#include "control/command.h"
#include "control/control.h"
#include "control/session/script.h"
#include "ports/listen/switch_dir.h"
#include "util/clock.h"
#include "util/os_linux.h"
#include "util/text.h"

#include <string.h>
#include <unistd.h>

static int ds_showinfo(struct call *call);
static int help(struct call *call);
static int logout(struct call *call);
static int shutdown_switch(struct call *call);
static int showinfo(struct call *call);
static int load(struct call *call);

static const struct field help_fields[] = {
    {"path", FIELD_TEXT, "%-18s"},
    {"syntax", FIELD_TEXT, " %-15s"},
    {"help", FIELD_TEXT, " %s\n"},
    {0},
};

const struct command general_commands[] = {
    {"ds", "DATA SOCKET MENU"},
    {
        "ds/showinfo",
        "show ds info",
        .result = RESULT({"dir", FIELD_TEXT, "ctl dir %s\n"},
                         {"mode", FIELD_NUMBER, "std mode 0%03llo\n"}),
        .run = ds_showinfo,
    },
    {
        "help",
        "Help (limited to arg when specified)",
        PARAMETERS({"path", "arg", ARGUMENT_TEXT, .optional = true}),
        RESULT({"commands", FIELD_LIST,
                "COMMAND PATH       SYNTAX          HELP\n"
                "------------       --------------  ------------\n",
                .element = help_fields}),
        .run = help,
    },
    {"logout", "logout from this mgmt terminal", .run = logout},
    {"shutdown", "shutdown of the switch", .run = shutdown_switch},
    {
        "showinfo",
        "show switch version and info",
        .result =
            RESULT({"version", FIELD_TEXT,
                    "VDE switch V." VDE_VERSION "\nvswitchd %s, GPL-2.0-or-later\n\n"},
                   {"pid", FIELD_NUMBER, "pid %llu"}, {"mac", FIELD_TEXT, " MAC %s"},
                   {"uptime", FIELD_NUMBER, " uptime %llu\n"}, {"mgmt", FIELD_TEXT, "mgmt %s"},
                   {"mgmt_mode", FIELD_NUMBER, " perm 0%03llo\n"}),
        .run = showinfo,
    },
    {
        "load",
        "load a configuration script",
        PARAMETERS({"path", "path", ARGUMENT_TEXT}),
        .access = FOR_OWNER,
        .run = load,
    },
    {0},
};

static int ds_showinfo(struct call *call)
{
    const struct switch_dir *dir = call->context->dir;

    reply_text(call->reply, dir->sockets.path);
    reply_number(call->reply, dir->mode);
    return 0;
}

static int help(struct call *call)
{
    const char *beginning = call->argument[0].given ? call->argument[0].text : "";
    char syntax[COMMAND_SYNTAX];

    reply_list(call->reply);
    list_for_each (node, &call->control->commands.sets) {
        const struct command *command = container_of(node, struct command_set, node)->commands;

        for (; command->path; command++) {
            if (strncmp(command->path, beginning, strlen(beginning)))
                continue;
            reply_item(call->reply);
            reply_text(call->reply, command->path);
            reply_text(call->reply, command_syntax(command, syntax));
            reply_text(call->reply, command->help);
        }
    }
    reply_list_end(call->reply);
    return 0;
}

static int logout(struct call *call)
{
    /* A script has no session to leave, as in VDE. */
    call->caller->leaving = !call->caller->script;
    return 0;
}

static int shutdown_switch(struct call *call)
{
    log_say(call->context->log, LOG_NOTICE, "Shutdown from mgmt command%s%s",
            *call->caller->who ? " by " : "", call->caller->who);
    call->caller->leaving = true;
    control_stop(call->control);
    return 0;
}

static int showinfo(struct call *call)
{
    const struct control *control = call->control;
    char mac[MAC_TEXT];

    reply_text(call->reply, VSW_VERSION);
    reply_number(call->reply, (uint64_t)getpid());
    reply_text(call->reply, text_from_mac(control->context.sw->config.mac, mac));
    reply_number(call->reply, (os_now() - control->started) / SECOND);
    reply_text(call->reply, control->mgmt_path);
    if (control->mgmt_path)
        reply_number(call->reply, control->mgmt_mode);
    else
        reply_none(call->reply);
    return 0;
}

static int load(struct call *call)
{
    return script_open(call->caller, call->argument[0].text, call->error);
}
