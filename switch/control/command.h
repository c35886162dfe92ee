/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * command.h - the one command table: what the console, the rc file and stdin understand
 *
 * A command states its path, its arguments, the shape of its result, and who may call it; it runs with arguments that have
 * been checked, and hands over values. As in VDE it is the first one, in the order of the table, whose whole path the line
 * begins with; what follows is its arguments. VDE's commands are found even in a longer word (helpme), ours are not.
 */
#ifndef VSW_CONTROL_COMMAND_H
#define VSW_CONTROL_COMMAND_H

#include "control/argument.h"
#include "control/daemon/daemon.h"
#include "control/reply.h"
#include "util/os_linux.h"

struct session;
struct script;

/* On whose behalf commands run. */
struct caller {
    struct daemon *daemon;
    struct session *session; /* NULL: nobody listens, at start */
    bool trusted;            /* has the switch's own rights: its user, or root */
    bool leaving;            /* has asked for the end of the session */
    struct script *script;   /* where the next command comes from; NULL: from the session */
    char who[OS_PEER_TEXT];  /* for the log */
};

struct call {
    struct caller *caller;
    struct daemon *daemon;
    struct argument argument[ARGUMENTS];
    struct reply *reply; /* for values in the order of the command's result */
    struct error *error;
};

enum access {
    FOR_ANYONE, /* who may open the console */
    FOR_OWNER,  /* it loads code, starts programs, names files: only who is trusted */
};

struct command {
    const char *path;                   /* "port/create"; of a menu "port" */
    const char *help;                   /* one line */
    const struct parameter *parameters; /* ended by one without a name; NULL: none */
    const struct field *result; /* ended by one without a name; NULL: success or failure alone */
    enum access access;
    bool extension; /* VDE does not have it */

    /* run() - NULL for a menu, which is for help only. Return: 0 or -errno below 100, with words in the call's error if
     * more can be said than errno does. */
    int (*run)(struct call *call);
};

#define PARAMETERS(...)                                                                            \
    (const struct parameter[])                                                                     \
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

/* command_run() - runs one LINE, without its newline, and writes the whole reply in VDE's framing to OUT
 *
 *     0000 DATA END WITH '.'    if the command has a result, then its lines and a line with a dot
 *     1000 Success              or 1EEE, what errno EEE means, and perhaps what is wrong and what would be right
 *
 * An empty line, a comment (#), what ends the session, and what opens a script write nothing: the script's own status comes at
 * its end. LINE is cut into words.
 * Return: 0, or -errno with words in ERR.
 */
int command_run(struct caller *caller, char *line, FILE *out, struct error *err);

/* The status line of a success. */
extern const char command_success[];

/* command_find() - the command that LINE begins with, or NULL */
const struct command *command_find(const char *line);

/* command_call() - checks who asks, reads TEXT, which is cut into words, as COMMAND's arguments, and runs it
 *
 * Its values go to REPLY, which has begun with COMMAND's result if it has one. Return: 0, or -errno with words in ERR.
 */
int command_call(struct caller *caller, const struct command *command, char *text,
                 struct reply *reply, struct error *err);

/* command_failure() - the status line of a failure, in TEXT: STATUS is -errno, ERR may be without words
 * Return: its length. */
enum { COMMAND_FAILURE = 2304 }; /* each byte of the words may be written as four */
size_t command_failure(int status, const struct error *err, char text[COMMAND_FAILURE]);

/* command_syntax() - the arguments of COMMAND as help shows them: "N VLAN", "[N]", or "============" for a menu */
enum { COMMAND_SYNTAX = 64 };
const char *command_syntax(const struct command *command, char text[COMMAND_SYNTAX]);

/* The parts of the table, each ended by an entry without a path. */
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

/* All parts, VDE's in the order of its own table; ended by NULL. */
extern const struct command *const command_table[];

#endif
