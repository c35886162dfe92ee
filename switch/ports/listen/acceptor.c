/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/listen/acceptor.h"

#include "util/os_linux.h"

#include <errno.h>
#include <unistd.h>

enum { ACCEPTS_PER_WAKE = 16 /* then it is the frames' turn again */ };

static void on_connection(struct ev_loop *loop, ev_io *watcher, int events);

void acceptor_start(struct acceptor *acceptor, struct context *context, int fd)
{
    acceptor->context = context;
    acceptor->number = ++context->last_acceptor;
    list_append(&context->acceptors, &acceptor->node);
    ev_io_init(&acceptor->readable, on_connection, fd, EV_READ);
    ev_io_start(context->loop, &acceptor->readable);
}

void acceptor_stop(struct acceptor *acceptor)
{
    list_remove(&acceptor->node);
    ev_io_stop(acceptor->context->loop, &acceptor->readable);
    close(acceptor->readable.fd);
}

void client_refuse(struct context *context, const char *clients, int fd, const char *why)
{
    char peer_text[OS_PEER_TEXT];
    struct os_peer peer;

    if (os_peer(fd, &peer) < 0)
        peer = (struct os_peer){.uid = (uid_t)-1, .pid = -1};
    log_limited(context->log, &context->refused, os_now(), LOG_WARNING,
                "refused a %s client (%s): %s", clients, os_peer_text(&peer, peer_text), why);
    close(fd);
}

static void on_connection(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct acceptor *acceptor = container_of(watcher, struct acceptor, readable);
    struct context *context = acceptor->context;

    (void)loop, (void)events;
    for (int i = 0; i < ACCEPTS_PER_WAKE; i++) {
        int fd = os_accept(watcher->fd, &context->reserve_fd);

        if (fd >= 0 && context->reserve_fd >= 0)
            acceptor->accepted(acceptor, fd);
        else if (fd >= 0)
            client_refuse(context, acceptor->clients, fd,
                          "out of file descriptors; raise the limit (ulimit -n, or LimitNOFILE= "
                          "in a unit)");
        else if (fd != -ECONNABORTED && fd != -EINTR)
            return;
    }
}
