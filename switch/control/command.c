/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/command.h"

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

static int check(const struct commands *registry, const struct command *command, struct error *err);
static bool is_meant(const struct command *command, const char *line);

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
