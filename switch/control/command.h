/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * command.h - the one command table: what the console, the rc file and stdin understand
 *
 * A command is found as in VDE: the first one, in the order of the table, whose whole path the line begins with; what
 * follows, blanks skipped, is its argument.
 */
#ifndef VSW_CONTROL_COMMAND_H
#define VSW_CONTROL_COMMAND_H

#include "control/program.h"

#include <stdio.h>

struct command {
    const char *path;   /* "port/create"; of a menu "port" */
    const char *syntax; /* "============" marks a menu line, which is for help only */
    const char *help;
    bool data; /* replies with data lines, framed even if there are none */

    /* run() - Return: 0 or -errno; data lines go to OUT, each ended by a newline */
    int (*run)(struct program *program, const char *argument, FILE *out);
};

#define COMMAND_MENU "============"

/* command_run() - runs one LINE, without its newline, and writes the whole reply in VDE's framing to OUT
 *
 *     0000 DATA END WITH '.'    if the command has data, then its lines and a line with a dot
 *     1000 Success              or 1EEE and what errno EEE means
 *
 * An empty line or a comment (#) writes nothing. Return: 0 or the command's -errno.
 */
int command_run(struct program *program, const char *line, FILE *out);

/* The parts of the table, each ended by an entry without a path. */
extern const struct command general_commands[];
extern const struct command hash_commands[];
extern const struct command port_commands[];
extern const struct command vlan_commands[];

/* All parts, in the order of VDE's table; ended by NULL. */
extern const struct command *const command_table[];

/* command_number() - a number as VDE reads it: decimal, junk and nothing at all are 0
 * @rest: set to what follows it, blanks skipped; may be NULL
 */
int command_number(const char *argument, const char **rest);

#endif
