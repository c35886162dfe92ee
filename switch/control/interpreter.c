/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/interpreter.h"

#include "control/control.h"

#include <errno.h>
#include <string.h>

const char command_success[] = "1000 Success\n";

static int run_command(struct caller *caller, const struct command *command, char *text, FILE *out,
                       struct error *err);
static int check_access(struct caller *caller, const struct command *command, struct error *err);
static int check_reply(struct caller *caller, const struct command *command,
                       const struct reply *reply, struct error *err);

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
    command = command_find(&caller->control->commands, line);
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
    struct context *context = &caller->control->context;
    struct call call = {
        .caller = caller,
        .control = caller->control,
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
    log_limited(caller->control->context.log, &caller->control->refused, os_now(), LOG_WARNING,
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
    log_limited(caller->control->context.log, &caller->control->wrong_replies, os_now(), LOG_ERR,
                "console: %s: the reply does not have the shape that the command declares",
                command->path);
    return error_set(err, EPROTO, "the reply does not have the shape that %s declares",
                     command->path);
}
