/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * console.h - the management socket: whoever may open it gets a session of his own
 *
 * The socket's mode says who may; the kernel says who did (SO_PEERCRED), which is logged. What loads code, starts
 * programs or names files is left to the switch's own user and root.
 */
#ifndef VSW_CONTROL_SESSION_CONSOLE_H
#define VSW_CONTROL_SESSION_CONSOLE_H

#include "control/session/session.h"
#include "ports/listen/switch_dir.h"

#include <limits.h>

enum {
    CONSOLE_SESSIONS = 256,
    CONSOLE_STRANGERS =
        192, /* of them, who are not the switch's own user or root: those always get in */
    CONSOLE_LOGS = 16,
};

/* How often one user's sessions have been logged lately. */
struct console_log {
    uid_t user;
    struct log_limit limit;
};

struct console {
    struct daemon *daemon;
    struct socket_dir dir; /* of a socket outside the switch's directory; else its fd is -1 */
    char path[PATH_MAX];
    ev_io readable;
    ev_timer retry;
    int reserve_fd; /* descriptor; see os_accept() */
    struct list sessions;
    unsigned count;
    unsigned strangers;
    struct console_log opened[CONSOLE_LOGS];
    struct log_limit refused;
};

/* console_start() - listens on PATH, or as DIR/mgmt if that is NULL
 *
 * Return: 0; -EADDRINUSE with words in ERR if somebody listens there already; or another -errno with words in ERR.
 * Either way console_stop() is due.
 */
int console_start(struct console *console, struct daemon *daemon, const char *path,
                  struct error *err);

/* console_reveal() - the socket appears under its name. Return: as console_start(). */
int console_reveal(struct console *console, struct error *err);

void console_stop(struct console *console);

#endif
