/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * context.h - what every port type needs of the running program
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
    struct io_worker *io;     /* carries the frames; see ports/io/wake.h */
    struct switch_dir *dir;   /* where clients find us */
    int reserve_fd;           /* descriptor in reserve, -1: none; see os_accept() */
    struct list acceptors;    /* where clients can connect; see acceptor.h */
    unsigned last_acceptor;   /* number of the newest */
    struct list services;     /* of the port types that are started; see port_type.h */
    struct log_limit refused; /* clients turned away */
    struct log_limit failing; /* endpoints in trouble */
};

#endif
