/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * script.h - files of commands: what runs at start, and what a session loads
 *
 * A caller has a pile of scripts: the innermost one is where his next command comes from.
 */
#ifndef VSW_CONTROL_SESSION_SCRIPT_H
#define VSW_CONTROL_SESSION_SCRIPT_H

#include "control/command.h"

enum { SCRIPTS_DEEP = 8 };

/* script_run_at_start() - runs the commands in PATH, or else in the first of $HOME/.vde2/vde_switch.rc and
 * /etc/vde2/vde_switch.rc that can be read
 *
 * As in VDE a file that is missing is no error, and a command that fails does not keep the next from running; but it
 * is logged, with the line that it stands on.
 */
void script_run_at_start(struct daemon *daemon, const char *path);

/* script_open() - puts the file PATH onto CALLER's pile
 *
 * Return: 0, or -errno with words in ERR: it cannot be read, is not a plain file, or the pile is SCRIPTS_DEEP.
 */
int script_open(struct caller *caller, const char *path, struct error *err);

/* script_next() - the innermost script's next line that is not blank, without its newline
 *
 * Return: valid until the next call; NULL if there is none: the script is then off the pile.
 */
char *script_next(struct caller *caller);

/* script_path() - what the innermost script is called, fit to be shown */
const char *script_path(const struct caller *caller);

/* script_drop_all() - nothing that is left of CALLER's scripts will be run */
void script_drop_all(struct caller *caller);

#endif
