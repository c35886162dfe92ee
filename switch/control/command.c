/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/command.h"

#include "control/daemon/daemon.h"
#include "util/text.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* VDE's in the order of its own table. */
static const struct command *const own_tables[] = {
    general_commands, debug_commands, plugin_commands,     hash_commands,
    fstp_commands,    port_commands,  port_setup_commands, vlan_commands,
    frame_commands,   tap_commands,   listen_commands,
};

const char command_success[] = "1000 Success\n";

static int check(const struct commands *registry, const struct command *command, struct error *err);
static bool is_meant(const struct command *command, const char *line);
static int run_command(struct caller *caller, const struct command *command, char *text, FILE *out,
                       struct error *err);
static int check_access(struct caller *caller, const struct command *command, struct error *err);
static int check_reply(struct caller *caller, const struct command *command,
                       const struct reply *reply, struct error *err);

void commands_init(struct commands *registry)
{
    enum { TABLES = sizeof(own_tables) / sizeof(own_tables[0]) };

    static_assert(TABLES == sizeof(registry->own) / sizeof(registry->own[0]), "one set each");
    list_init(&registry->sets);
    for (unsigned i = 0; i < TABLES; i++) {
        registry->own[i].commands = own_tables[i];
        list_append(&registry->sets, &registry->own[i].node);
    }
}

int commands_register(struct commands *registry, struct command_set *set, struct error *err)
{
    list_append(&registry->sets, &set->node);
    for (const struct command *command = set->commands; command->path; command++) {
        int status = check(registry, command, err);

        if (status < 0) {
            list_remove(&set->node);
            return status;
        }
    }
    return 0;
}

void commands_unregister(struct command_set *set)
{
    list_remove(&set->node);
}

const struct command *command_find(const struct commands *registry, const char *line)
{
    list_for_each (node, &registry->sets) {
        const struct command *command = container_of(node, struct command_set, node)->commands;

        for (; command->path; command++) {
            if (command->run && is_meant(command, line))
                return command;
        }
    }
    return NULL;
}

int command_run(struct caller *caller, char *line, FILE *out, struct error *err)
{
    const struct command *command;
    char shown[ARGUMENT_SHOWN], failure[COMMAND_FAILURE];
    const struct script *before = caller->script;
    bool script_opened;
    int status;

    *err->text = '\0';
    line += strspn(line, " \t");
    if (*line == '\0' || *line == '#')
        return 0;
    command = command_find(&caller->daemon->commands, line);
    if (command)
        status = run_command(caller, command, line + strlen(command->path), out, err);
    else
        status =
            error_set(err, ENOSYS, "\"%s\"; help lists the commands", argument_shown(line, shown));
    script_opened = caller->script != before;
    if (status < 0) {
        command_failure(status, err, failure);
        fputs(failure, out);
    } else if (!caller->leaving && !script_opened) {
        fputs(command_success, out);
    }
    return status;
}

int command_call(struct caller *caller, const struct command *command, const struct given given[],
                 unsigned count, struct reply *reply, struct error *err)
{
    struct context *context = &caller->daemon->context;
    struct call call = {
        .caller = caller,
        .daemon = caller->daemon,
        .context = context,
        .sw = context->sw,
        .reply = reply,
        .error = err,
    };
    int status;

    *err->text = '\0';
    status = check_access(caller, command, err);
    if (status < 0)
        return status;
    status = arguments_read(call.sw, command->parameters, given, count, call.argument, err);
    if (status == 0)
        status = command->run(&call);
    arguments_clear(call.argument);
    return status == 0 || reply->wrong ? check_reply(caller, command, reply, err) : status;
}

size_t command_failure(int status, const struct error *err, char text[COMMAND_FAILURE])
{
    /* libvdemgmt would wait forever for a code from 1100 up. */
    int code = -status < 100 ? -status : EIO;
    FILE *out = fmemopen(text, COMMAND_FAILURE, "w");
    long length;

    if (!out)
        return (size_t)snprintf(text, COMMAND_FAILURE, "1%03d\n", code);
    fprintf(out, "1%03d %s%s", code, strerror(code), *err->text ? ": " : "");
    reply_write_safely(out, err->text);
    fputc('\n', out);
    length = ftell(out);
    fclose(out);
    return (size_t)length;
}

const char *command_syntax(const struct command *command, char text[COMMAND_SYNTAX])
{
    const struct parameter *parameter = command->parameters;

    text_copy(text, COMMAND_SYNTAX, command->run ? "" : "============");
    for (; parameter && parameter->name; parameter++)
        text_append(text, COMMAND_SYNTAX, parameter->optional ? "%s[%s]" : "%s%s", *text ? " " : "",
                    parameter->shown);
    return text;
}

/* Can COMMAND, which is registered, be called by its path? */
static int check(const struct commands *registry, const struct command *command, struct error *err)
{
    const struct command *found = command->run ? command_find(registry, command->path) : command;
    unsigned parameters = 0;

    while (command->parameters && parameters <= ARGUMENTS && command->parameters[parameters].name)
        parameters++;
    if (parameters > ARGUMENTS)
        return error_set(err, EINVAL, "%s has more than %d parameters", command->path, ARGUMENTS);
    return found == command
               ? 0
               : error_set(err, EEXIST, "%s means the command %s", command->path, found->path);
}

static bool is_meant(const struct command *command, const char *line)
{
    size_t length = strlen(command->path);

    return !strncmp(line, command->path, length) &&
           (!command->extension || strchr(" \t", line[length]));
}

/* The frame of a result is there even if the command fails, as in VDE. */
static int run_command(struct caller *caller, const struct command *command, char *text, FILE *out,
                       struct error *err)
{
    struct given given[GIVEN_MAX];
    unsigned count = arguments_split(command->parameters, text, given);
    struct reply reply;
    int status;

    if (command->result)
        fputs("0000 DATA END WITH '.'\n", out);
    reply_begin(&reply, &text_rendering, command->result, out);
    status = command_call(caller, command, given, count, &reply, err);
    if (command->result)
        fputs(".\n", out);
    return status;
}

static int check_access(struct caller *caller, const struct command *command, struct error *err)
{
    if (command->access != FOR_OWNER || caller->trusted)
        return 0;
    log_limited(caller->daemon->context.log, &caller->daemon->refused, os_now(), LOG_WARNING,
                "console: %s may not %s", caller->who, command->path);
    return error_set(err, EPERM, "only the switch's own user, or root, may %s", command->path);
}

/* A command that says something else than it promised is a bug of its own, not a reason to stop the frames. */
static int check_reply(struct caller *caller, const struct command *command,
                       const struct reply *reply, struct error *err)
{
    if (reply_is_whole(reply))
        return reply->full
                   ? error_set(err, EMSGSIZE, "this is the beginning; ask for one at a time")
                   : 0;
    log_limited(caller->daemon->context.log, &caller->daemon->wrong_replies, os_now(), LOG_ERR,
                "console: %s: the reply does not have the shape that the command declares",
                command->path);
    return error_set(err, EPROTO, "the reply does not have the shape that %s declares",
                     command->path);
}
