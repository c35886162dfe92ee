/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * rcfile.h - commands to run at start
 */
#ifndef VSW_CONTROL_RCFILE_H
#define VSW_CONTROL_RCFILE_H

#include "control/program.h"

/* rcfile_run() - runs the commands in PATH, or else in the first of $HOME/.vde2/vde_switch.rc and
 * /etc/vde2/vde_switch.rc that can be read
 *
 * As in VDE a file that is missing is no error, and a command that fails does not keep the next from running; but it
 * is logged, with the line that it stands on.
 */
void rcfile_run(struct program *program, const char *path);

#endif
