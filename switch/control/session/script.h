/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * script.h - files of commands, run at start or loaded by a session
 *
 * A caller has a stack of scripts: its next command comes from the innermost one.
 */
#ifndef VSW_CONTROL_SESSION_SCRIPT_H
#define VSW_CONTROL_SESSION_SCRIPT_H

#include "control/command.h"

enum { SCRIPTS_DEEP = 8 };

/* script_run_at_start() - runs the commands in PATH; if that is NULL, in $HOME/.vde2/vde_switch.rc
 * if that is readable, else in /etc/vde2/vde_switch.rc
 *
 * As in VDE a missing file is no error, and a command that fails does not end the script; but
 * failures are logged with their line numbers.
 */
void script_run_at_start(struct control *control, const char *path);

/* script_open() - pushes the file PATH onto CALLER's stack
 *
 * Return: 0, or -errno and sets ERR: it cannot be read, is not a regular file, or the stack is
 * SCRIPTS_DEEP already.
 */
int script_open(struct caller *caller, const char *path, struct error *err);

/* script_next() - reads the innermost script's next line that is not blank, without its newline
 *
 * Return: valid until the next call; NULL at the end of the script, which is then popped off the
 * stack.
 */
char *script_next(struct caller *caller);

/* script_path() - path of the innermost script, escaped */
const char *script_path(const struct caller *caller);

/* script_drop_all() - pops all of CALLER's scripts */
void script_drop_all(struct caller *caller);

#endif
