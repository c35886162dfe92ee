/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/listen/acceptor.h"

#include "util/os_linux.h"

#include <unistd.h>

static void on_accepted(struct listening *listening, int fd);

void acceptor_start(struct acceptor *acceptor, struct context *context, int fd)
{
    acceptor->context = context;
    acceptor->number = ++context->last_acceptor;
    list_append(&context->acceptors, &acceptor->node);
    acceptor->listening.reserve_fd = &context->reserve_fd;
    acceptor->listening.accepted = on_accepted;
    listening_start(&acceptor->listening, context->loop, fd);
}

void acceptor_stop(struct acceptor *acceptor)
{
    list_remove(&acceptor->node);
    listening_stop(&acceptor->listening);
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

static void on_accepted(struct listening *listening, int fd)
{
    struct acceptor *acceptor = container_of(listening, struct acceptor, listening);

    if (acceptor->context->reserve_fd >= 0)
        acceptor->accepted(acceptor, fd);
    else
        client_refuse(acceptor->context, acceptor->clients, fd,
                      "out of file descriptors; raise the limit (ulimit -n, or LimitNOFILE= "
                      "in a unit)");
}
