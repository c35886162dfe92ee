/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * context.h - what port types need of the running daemon
 */
#ifndef VSW_PORTS_CONTEXT_H
#define VSW_PORTS_CONTEXT_H

#include "core/switch.h"
#include "util/log.h"

#include <ev.h>

struct io_worker;
struct switch_dir;

struct context {
    struct vswitch *sw;
    struct ev_loop *loop;
    struct log *log;
    struct io_worker *io;     /* carries the frames: ports/io/wake.h */
    struct switch_dir *dir;   /* where clients find the switch */
    int reserve_fd;           /* reserve descriptor, -1: none; see os_accept() */
    struct list acceptors;    /* listeners; see acceptor.h */
    unsigned last_acceptor;   /* number of the newest */
    struct list services;     /* of started port types; see port_type.h */
    struct log_limit refused; /* log limit of refused clients */
    struct log_limit failing; /* log limit of failing endpoints */
};

#endif
