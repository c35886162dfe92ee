/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * script.h - files of commands: what runs at start, and the console's load
 */
#ifndef VSW_CONTROL_SCRIPT_H
#define VSW_CONTROL_SCRIPT_H

#include "control/command.h"

/* script_run_at_start() - runs the commands in PATH, or else in the first of $HOME/.vde2/vde_switch.rc and
 * /etc/vde2/vde_switch.rc that can be read
 *
 * As in VDE a file that is missing is no error, and a command that fails does not keep the next from running; but it
 * is logged, with the line that it stands on.
 */
void script_run_at_start(struct program *program, const char *path);

/* script_load() - runs the commands in PATH for CALLER, writing each line and its reply to its session, if there is one
 *
 * Return: 0, whatever became of the commands; or -errno with words in ERR: the file cannot be read, or is not a file, or scripts
 * that load scripts go too deep.
 */
int script_load(struct caller *caller, const char *path, struct error *err);

#endif
