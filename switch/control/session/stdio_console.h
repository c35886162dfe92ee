/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stdio_console.h - commands on stdin, replies on stdout; and stdin as the switch's lifetime
 *
 * Programs that start a switch hold its stdin: when they end, for whatever reason, it reads end of file and ends, too.
 */
#ifndef VSW_CONTROL_SESSION_STDIO_CONSOLE_H
#define VSW_CONTROL_SESSION_STDIO_CONSOLE_H

#include "control/session/session.h"

struct stdio_console {
    struct session session;
    ev_timer retry; /* while the terminal is another job's */
    int out;
};

/* stdio_console_wanted() - is stdin something that can hold a switch alive? Not /dev/null, nor a closed one. */
bool stdio_console_wanted(void);

/* stdio_console_start() - Return: false if there is no memory */
bool stdio_console_start(struct stdio_console *console, struct daemon *daemon);
void stdio_console_stop(struct stdio_console *console);

#endif
