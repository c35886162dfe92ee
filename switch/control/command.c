/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct command *const command_table[] = {
    general_commands, hash_commands, port_commands, vlan_commands, NULL,
};

static const struct command *find_command(const char *line);

int command_run(struct program *program, const char *line, FILE *out)
{
    const struct command *command;
    int status = -ENOSYS;

    line += strspn(line, " \t");
    if (*line == '\0' || *line == '#')
        return 0;
    command = find_command(line);
    if (command) {
        const char *argument = line + strlen(command->path);

        if (command->data)
            fputs("0000 DATA END WITH '.'\n", out);
        status = command->run(program, argument + strspn(argument, " \t"), out);
        if (command->data)
            fputs(".\n", out);
    }
    if (status == 0)
        fputs("1000 Success\n", out);
    else
        fprintf(out, "1%03d %s\n", -status, strerror(-status));
    return status;
}

int command_number(const char *argument, const char **rest)
{
    char *end;
    long number = strtol(argument, &end, 10);

    if (rest)
        *rest = end + strspn(end, " \t");
    if (number < INT32_MIN || number > INT32_MAX)
        return -1;
    return (int)number;
}

static const struct command *find_command(const char *line)
{
    for (unsigned part = 0; command_table[part]; part++) {
        for (const struct command *command = command_table[part]; command->path; command++) {
            if (command->run && !strncmp(line, command->path, strlen(command->path)))
                return command;
        }
    }
    return NULL;
}
