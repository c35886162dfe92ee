/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stdio_console.h - the session on the controlling stdin: commands on stdin, replies on stdout
 *
 * A program that starts a switch holds the other end of its stdin: when that program ends, for
 * whatever reason, the switch reads end of file and exits, too.
 */
#ifndef VSW_CONTROL_SESSION_STDIO_CONSOLE_H
#define VSW_CONTROL_SESSION_STDIO_CONSOLE_H

#include "control/session/session.h"

struct stdio_console {
    struct session session;
    ev_timer retry; /* runs while another job has the terminal */
    int out;
};

/* stdio_console_wanted() - whether stdin can control the daemon's lifetime: it is open, and not
 * /dev/null */
bool stdio_console_wanted(void);

/* stdio_console_start(), stdio_console_stop() - begin and end the session. Return: false if there
 * is no memory. */
bool stdio_console_start(struct stdio_console *console, struct control *control);
void stdio_console_stop(struct stdio_console *console);

#endif
