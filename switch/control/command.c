/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/command.h"

#include "util/text.h"

#include <errno.h>
#include <string.h>

const struct command *const command_table[] = {
    general_commands, debug_commands, plugin_commands,     hash_commands,
    fstp_commands,    port_commands,  port_setup_commands, vlan_commands,
    frame_commands,   tap_commands,   listen_commands,     NULL,
};

const char command_success[] = "1000 Success\n";

static int run_command(struct caller *caller, const struct command *command, char *text, FILE *out,
                       struct error *err);

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
    command = command_find(line);
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

const struct command *command_find(const char *line)
{
    for (unsigned part = 0; command_table[part]; part++) {
        for (const struct command *command = command_table[part]; command->path; command++) {
            size_t length = strlen(command->path);

            if (command->run && !strncmp(line, command->path, length) &&
                (!command->extension || strchr(" \t", line[length])))
                return command;
        }
    }
    return NULL;
}

int command_call(struct caller *caller, const struct command *command, char *text,
                 struct reply *reply, struct error *err)
{
    struct call call = {
        .caller = caller,
        .daemon = caller->daemon,
        .reply = reply,
        .error = err,
    };
    int status;

    *err->text = '\0';
    if (command->access == FOR_OWNER && !caller->trusted) {
        log_limited(caller->daemon->context.log, &caller->daemon->refused, os_now(), LOG_WARNING,
                    "console: %s may not %s", caller->who, command->path);
        return error_set(err, EPERM, "only the switch's own user, or root, may %s", command->path);
    }
    status =
        arguments_read(caller->daemon->context.sw, command->parameters, text, call.argument, err);
    if (status == 0)
        status = command->run(&call);
    if (status == 0 && command->result && reply->full)
        status = error_set(err, EMSGSIZE, "this is the beginning; ask for one at a time");
    return status;
}

size_t command_failure(int status, const struct error *err, char text[COMMAND_FAILURE])
{
    /* libvdemgmt would wait for ever for a code from 1100 up. */
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
    size_t used = 0;

    text_copy(text, COMMAND_SYNTAX, command->run ? "" : "============");
    for (; parameter && parameter->name; parameter++)
        used += (size_t)snprintf(text + used, COMMAND_SYNTAX - used,
                                 parameter->optional ? "%s[%s]" : "%s%s", used ? " " : "",
                                 parameter->name);
    return text;
}

/* The frame of a result is there even if the command fails, as in VDE. */
static int run_command(struct caller *caller, const struct command *command, char *text, FILE *out,
                       struct error *err)
{
    struct reply reply;
    int status;

    if (command->result)
        fputs("0000 DATA END WITH '.'\n", out);
    reply_begin(&reply, &text_rendering, command->result, out);
    status = command_call(caller, command, text, &reply, err);
    if (command->result)
        fputs(".\n", out);
    return status;
}
