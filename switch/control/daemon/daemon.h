/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * daemon.h - the running program as a whole: what main.c starts and stops
 */
#ifndef VSW_CONTROL_DAEMON_DAEMON_H
#define VSW_CONTROL_DAEMON_DAEMON_H

#include "control/control.h"
#include "control/daemon/daemonize.h"
#include "control/daemon/report.h"
#include "control/daemon/signals.h"
#include "control/session/console.h"
#include "control/session/stdio_console.h"
#include "ports/listen/switch_dir.h"
#include "ports/temporary.h"

struct daemon {
    struct control control;
    struct log log;
    struct signals signals;
    struct switch_dir dir;
    struct pidfile pidfile;
    int ready; /* what daemonize_ready() takes */
    struct report report;
    struct temporary_ports temporary;
    struct console console;
    struct stdio_console stdio;
    bool has_stdio;
};

#endif
