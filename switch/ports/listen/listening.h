/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * listening.h - a listening socket in the event loop
 *
 * Accepts a few connections per wake, so that frames do not wait for them. When no descriptor is
 * left, not even to refuse with, it stops watching for a second instead of spinning on accept().
 */
#ifndef VSW_PORTS_LISTEN_LISTENING_H
#define VSW_PORTS_LISTEN_LISTENING_H

#include <ev.h>

/* Embedded in what it is for. */
struct listening {
    struct ev_loop *loop;
    ev_io readable;
    ev_timer retry;
    int *reserve_fd; /* see os_accept() */

    /* accepted() - FD is a new connection, non-blocking, which the callee owns. If *RESERVE_FD is
     * -1, FD was the last descriptor. */
    void (*accepted)(struct listening *listening, int fd);
};

/* listening_start(), listening_stop() - accept connections on FD, a listening socket, until
 * listening_stop() closes it. RESERVE_FD and ACCEPTED are set before. */
void listening_start(struct listening *listening, struct ev_loop *loop, int fd);
void listening_stop(struct listening *listening);

#endif
