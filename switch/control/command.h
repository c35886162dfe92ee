/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * command.h - the tables of commands: what the console, the rc file and stdin understand
 *
 * A command states its path, its arguments, the shape of its result, and which callers may call it; it runs with arguments that have
 * been checked, and hands over values. A line means the first command, in the order of the tables, whose whole path it
 * begins with; what follows is its arguments. VDE's commands are found even in a longer word (helpme), ours are not.
 *
 * Tables are registered and unregistered while the switch runs. VDE's come first, in the order of its own table.
 */
#ifndef VSW_CONTROL_COMMAND_H
#define VSW_CONTROL_COMMAND_H

#include "control/argument.h"
#include "control/reply.h"
#include "ports/context.h"
#include "util/list.h"
#include "util/os_linux.h"

struct control;
struct session;
struct script;

/* On whose behalf commands run. */
struct caller {
    struct control *control;
    struct session *session; /* NULL: nobody listens, at start */
    bool trusted;            /* has the switch's own rights: its user, or root */
    bool leaving;            /* has asked for the end of the session */
    struct script *script;   /* where the next command comes from; NULL: from the session */
    char who[OS_PEER_TEXT];  /* for the log */
};

struct call {
    struct caller *caller;
    struct control *control;
    struct context *context; /* the daemon's */
    struct vswitch *sw;      /* the context's */
    struct argument argument[ARGUMENTS];
    struct reply *reply; /* for values in the order of the command's result */
    struct error *error;
};

enum access {
    FOR_ANYONE, /* that may open the console */
    FOR_OWNER,  /* it loads code, starts programs, names files: for trusted callers only */
};

struct command {
    const char *path;                   /* "port/create"; of a menu "port" */
    const char *help;                   /* one line */
    const struct parameter *parameters; /* ended by one without a name; NULL: none */
    const struct field *result; /* ended by one without a name; NULL: success or failure alone */
    enum access access;
    bool extension; /* VDE does not have it */

    /* run() - NULL for a menu, which is for help only. Return: 0 or -errno below 100; sets the call's error if there is
     * more to say than errno does. */
    int (*run)(struct call *call);
};

/* More than ARGUMENTS of them do not compile. */
#define PARAMETERS(...)                                                                            \
    (const struct parameter[ARGUMENTS + 1])                                                        \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define RESULT(...)                                                                                \
    (const struct field[])                                                                         \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

/* A table that is registered, ended by an entry without a path. */
struct command_set {
    struct list node;
    const struct command *commands;
};

struct commands {
    struct list sets;
    struct command_set own[11]; /* those that every switch has */
};

/* commands_init() - with the commands that every switch has */
void commands_init(struct commands *registry);

/* commands_register() - SET's commands can be called from now on; SET and its table stay the caller's
 *
 * Return: 0; -EINVAL if a command has too many parameters, or -EEXIST if a line with its path means another one already.
 * Then ERR says which, and nothing is registered.
 */
int commands_register(struct commands *registry, struct command_set *set, struct error *err);

/* commands_unregister() - from now on they are unknown. Not to be called by one of them. */
void commands_unregister(struct command_set *set);

/* command_find() - the command that LINE begins with, or NULL */
const struct command *command_find(const struct commands *registry, const char *line);

/* command_syntax() - the arguments of COMMAND as help shows them: "N VLAN", "[N]", or "============" for a menu */
enum { COMMAND_SYNTAX = 64 };
const char *command_syntax(const struct command *command, char text[COMMAND_SYNTAX]);

/* The tables that every switch has. */
extern const struct command general_commands[];
extern const struct command debug_commands[];
extern const struct command plugin_commands[];
extern const struct command hash_commands[];
extern const struct command fstp_commands[];
extern const struct command port_commands[];
extern const struct command port_setup_commands[];
extern const struct command vlan_commands[];
extern const struct command frame_commands[];
extern const struct command tap_commands[];
extern const struct command listen_commands[];

#endif
