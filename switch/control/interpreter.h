/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * interpreter.h - runs commands on behalf of callers
 */
#ifndef VSW_CONTROL_INTERPRETER_H
#define VSW_CONTROL_INTERPRETER_H

#include "control/command.h"

/* command_run() - runs one LINE, without its newline, and writes the whole reply in VDE's framing to OUT
 *
 *     0000 DATA END WITH '.'    if the command has a result, then its lines and a line with a dot
 *     1000 Success              or 1EEE, what errno EEE means, and perhaps what is wrong and what would be right
 *
 * An empty line, a comment (#), what ends the session, and what opens a script write nothing: the script's own status comes at
 * its end. LINE is cut into words.
 * Return: 0, or -errno, and sets ERR.
 */
int command_run(struct caller *caller, char *line, FILE *out, struct error *err);

/* The status line of a success. */
extern const char command_success[];

/* command_call() - checks that CALLER may run COMMAND, reads the COUNT values of GIVEN as its arguments, and runs it
 *
 * Its values go to REPLY, which has begun with COMMAND's result, NULL if it has none.
 * Return: 0; -EPROTO if what it said does not fit its result; or another -errno. Then ERR is set.
 */
int command_call(struct caller *caller, const struct command *command, const struct given given[],
                 unsigned count, struct reply *reply, struct error *err);

/* command_failure() - writes the status line of a failure to TEXT: STATUS is -errno, ERR may be empty
 * Return: its length. */
enum { COMMAND_FAILURE = 2304 }; /* each byte of ERR's text may be written as four */
size_t command_failure(int status, const struct error *err, char text[COMMAND_FAILURE]);

#endif
