/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * console.h - the management socket: each connection is a session
 *
 * The socket's mode decides which users may connect; the kernel tells which one did (SO_PEERCRED), and that is logged.
 * Commands that load code, start programs or name files are for the switch's own user and root.
 */
#ifndef VSW_CONTROL_SESSION_CONSOLE_H
#define VSW_CONTROL_SESSION_CONSOLE_H

#include "control/session/session.h"
#include "ports/listen/listening.h"
#include "ports/listen/switch_dir.h"

#include <limits.h>

enum {
    CONSOLE_SESSIONS = 256,
    CONSOLE_OTHERS = 192, /* of other users: for the switch's own and root there is always room */
    CONSOLE_LOGS = 16,
};

/* How often one user's sessions have been logged lately. */
struct console_log {
    uid_t user;
    struct log_limit limit;
};

struct console {
    struct control *control;
    struct socket_dir dir; /* of a socket outside the switch's directory; else its fd is -1 */
    char path[PATH_MAX];
    struct listening listening;
    int reserve_fd; /* descriptor; see os_accept() */
    struct list sessions;
    unsigned count;
    unsigned others;
    struct console_log opened[CONSOLE_LOGS];
    struct log_limit refused;
};

/* console_start() - listens on PATH, or as DIR/mgmt if that is NULL
 *
 * Return: 0; -EADDRINUSE if another program listens there already; or another -errno. Then ERR is set.
 * Either way console_stop() is due.
 */
int console_start(struct console *console, struct control *control, const char *path,
                  struct error *err);

/* console_reveal() - the socket appears under its name. Return: as console_start(). */
int console_reveal(struct console *console, struct error *err);

void console_stop(struct console *console);

#endif
