/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * peer.c - frames out of a connection and into it
 *
 * Theory of operation. As much as there is room for is read at once, and the frames in it go through the switch where they
 * lie. A batch that leaves is gathered into one sendmsg(). If the kernel takes it in part, what is left of the frame that
 * was cut is kept here and goes out before anything else; whole frames that it did not take stay with the core.
 */
#include "ports/stream/peer.h"

#include "ports/listen/address.h"
#include "ports/listen/admission.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    /* A TCP peer that vanished without a word is given up after 10 + 3 * 5 seconds, and its port is free. That is while
     * nothing is on its way to it; else the kernel sends that again for a quarter of an hour. TCP_USER_TIMEOUT would be
     * quicker, and would end guests that are paused, too: they are there, but do not read. */
    KEEPALIVE_IDLE = 10,
    KEEPALIVE_INTERVAL = 5,
    KEEPALIVE_PROBES = 3,
    DESC_IOVS = 1 + TX_DESC_IOVS,
};

struct stream_peer {
    struct fd_endpoint base;
    struct stream_owner *owner;
    struct stream_input input;
    size_t rest_begin, rest_end;
    uint8_t rest[STREAM_PREFIX + FRAME_MAX]; /* of a frame whose beginning is sent */
};

static int stream_rx(struct endpoint *endpoint, struct batch *batch);
static int stream_tx(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count);
static int stream_flush(struct endpoint *endpoint);
static void stream_lost(struct endpoint *endpoint, int error);
static void stream_close(struct endpoint *endpoint);

static int explain_busy(const struct port *port, struct error *err);
static void identify(struct stream_peer *peer);
static void tune(int fd, int family);
static ssize_t receive(struct stream_peer *peer);
static ssize_t send_all(int fd, const struct tx_desc *descs, unsigned count);
static unsigned settle(struct stream_peer *peer, const struct tx_desc *descs, size_t sent);
static void keep_rest(struct stream_peer *peer, const struct tx_desc *desc, size_t sent);
static void end(struct stream_peer *peer, bool by_peer);

static const struct endpoint_ops stream_ops = {
    .type = "stream",
    .module = "stream",
    .rx = stream_rx,
    .tx = stream_tx,
    .flush = stream_flush,
    .wait_writable = fd_endpoint_wait_writable,
    .lost = stream_lost,
    .close = stream_close,
};

int stream_peer_attach(struct stream_peer **made, struct context *context, int fd,
                       struct port *port, struct stream_owner *owner, struct error *err)
{
    struct stream_peer *peer = malloc(sizeof(*peer));
    int status;

    if (!peer)
        return error_no_memory(err);
    peer->owner = owner;
    peer->input.begin = peer->input.end = 0;
    peer->rest_begin = peer->rest_end = 0;
    fd_endpoint_init(&peer->base, context, &stream_ops, fd, fd);
    identify(peer);
    status = fd_endpoint_attach(&peer->base, port, err);
    if (status < 0) {
        free(peer->base.endpoint.description);
        free(peer);
        return status;
    }
    *made = peer;
    return 0;
}

/* The first to come keeps the port: if a guest was started twice by mistake, the one that runs goes on running. */
int stream_peer_join(struct context *context, int fd, const struct os_peer *who, struct port *port,
                     struct error *err)
{
    struct stream_peer *peer;
    int status = admission_check(port, fd, who, err);

    if (status < 0)
        return status;
    if (port_active(port))
        return explain_busy(port, err);
    return stream_peer_attach(&peer, context, fd, port, NULL, err);
}

void stream_peer_end(struct stream_peer *peer)
{
    peer->owner = NULL;
    end(peer, false);
}

static int stream_rx(struct endpoint *endpoint, struct batch *batch)
{
    struct stream_peer *peer = container_of(endpoint, struct stream_peer, base.endpoint);
    const uint8_t *bytes;
    uint32_t length;
    int status = 0, count = 0;

    if (!stream_input_ready(&peer->input)) {
        ssize_t got = receive(peer);

        if (got <= 0)
            return (int)got;
    }
    while (count < BATCH_FRAMES && (status = stream_input_next(&peer->input, &bytes, &length)) > 0)
        frame_init(&batch->frame[count++], bytes, length);
    if (status < 0 && count == 0)
        return status;
    /* The rest of what was read is not readable any more: we come back for it ourselves, after the others. */
    if (stream_input_ready(&peer->input))
        endpoint_wake_again(endpoint);
    return count;
}

static int stream_tx(struct endpoint *core, const struct tx_desc *descs, unsigned count)
{
    struct stream_peer *peer = container_of(core, struct stream_peer, base.endpoint);
    int status = stream_flush(core);
    ssize_t sent;

    if (status < 0)
        return status;
    sent = send_all(fd_endpoint_fd(&peer->base), descs, count);
    return sent < 0 ? (int)sent : (int)settle(peer, descs, (size_t)sent);
}

/* If it fails for good, reading fails as well, and that ends the connection. */
static int stream_flush(struct endpoint *core)
{
    struct stream_peer *peer = container_of(core, struct stream_peer, base.endpoint);

    while (peer->rest_begin < peer->rest_end) {
        ssize_t sent = send(fd_endpoint_fd(&peer->base), peer->rest + peer->rest_begin,
                            peer->rest_end - peer->rest_begin, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent < 0)
            return errno == EINTR ? -EAGAIN : -errno;
        peer->rest_begin += (size_t)sent;
    }
    return 0;
}

static void stream_lost(struct endpoint *endpoint, int error)
{
    struct stream_peer *peer = container_of(endpoint, struct stream_peer, base.endpoint);
    struct context *context = peer->base.context;
    const uint8_t *ignored;
    char label[PORT_LABEL];
    uint32_t length = 0;

    if (error == EPROTO && stream_input_next(&peer->input, &ignored, &length) < 0)
        log_limited(context->log, &context->failing, os_now(), LOG_WARNING,
                    "%s: its stream announces a frame of %u bytes, %d at most are possible: reset",
                    port_label(endpoint->port, label), length, STREAM_LONGEST);
    else if (error != EPIPE && error != ECONNRESET)
        log_limited(context->log, &context->failing, os_now(), LOG_WARNING,
                    "%s: its stream broke: %s", port_label(endpoint->port, label), strerror(error));
    end(peer, true);
}

static void stream_close(struct endpoint *core)
{
    end(container_of(core, struct stream_peer, base.endpoint), false);
}

static int explain_busy(const struct port *port, struct error *err)
{
    const struct endpoint *there = container_of(port->endpoints.next, struct endpoint, node);
    char label[PORT_LABEL];

    return error_set(err, EADDRINUSE, "%s is in use%s%s%s", port_label(port, label),
                     *there->program || there->description ? " by " : "",
                     *there->program      ? there->program
                     : there->description ? there->description
                                          : "",
                     *there->program ? " still" : "");
}

/* Whom we talk to, as far as that can be told. */
static void identify(struct stream_peer *peer)
{
    struct endpoint *endpoint = &peer->base.endpoint;
    int fd = fd_endpoint_fd(&peer->base);
    struct address address;
    char text[ADDRESS_TEXT];
    struct os_peer who;

    endpoint->id = fd;
    if (address_peer(fd, &address) < 0)
        return;
    tune(fd, address.any.sa_family);
    if (address_is_path(&address) && os_peer(fd, &who) == 0)
        fd_endpoint_belongs_to(&peer->base, who.uid, who.pid);
    address_text(&address, text);
    if (*text)
        endpoint_describe(endpoint, text, strlen(text));
}

/* A batch is gathered already, so nothing need wait for more. */
static void tune(int fd, int family)
{
    static const struct {
        int level, option, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && family != AF_UNIX; i++)
        setsockopt(fd, options[i].level, options[i].option, &options[i].value, sizeof(int));
}

/* Return: how many bytes, 0 if there are none now, or -errno; -EPIPE if the far side hung up. */
static ssize_t receive(struct stream_peer *peer)
{
    size_t size;
    uint8_t *room = stream_input_room(&peer->input, &size);
    ssize_t got = recv(fd_endpoint_fd(&peer->base), room, size, MSG_DONTWAIT);

    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    stream_input_arrived(&peer->input, (size_t)got);
    return got > 0 ? got : -EPIPE;
}

/* Return: how many bytes were sent, or -errno. */
static ssize_t send_all(int fd, const struct tx_desc *descs, unsigned count)
{
    uint8_t prefix[BATCH_FRAMES][STREAM_PREFIX];
    struct iovec iov[BATCH_FRAMES * DESC_IOVS];
    struct msghdr message = {.msg_iov = iov};
    ssize_t sent;

    for (unsigned i = 0; i < count; i++) {
        stream_prefix(prefix[i], descs[i].length);
        iov[message.msg_iovlen++] = (struct iovec){prefix[i], STREAM_PREFIX};
        for (unsigned run = 0; run < descs[i].iov_count; run++)
            iov[message.msg_iovlen++] = descs[i].iov[run];
    }
    sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

/* SENT bytes of DESCS are gone. Return: how many frames that makes, one that was cut included. */
static unsigned settle(struct stream_peer *peer, const struct tx_desc *descs, size_t sent)
{
    unsigned done = 0;

    for (; sent >= STREAM_PREFIX + descs[done].length; done++) {
        sent -= STREAM_PREFIX + descs[done].length;
        if (sent == 0)
            return done + 1;
    }
    keep_rest(peer, &descs[done], sent);
    fd_endpoint_wait_writable(&peer->base.endpoint, true);
    return done + 1;
}

static void keep_rest(struct stream_peer *peer, const struct tx_desc *desc, size_t sent)
{
    stream_prefix(peer->rest, desc->length);
    peer->rest_begin = sent;
    peer->rest_end = STREAM_PREFIX;
    for (unsigned run = 0; run < desc->iov_count; run++) {
        memcpy(peer->rest + peer->rest_end, desc->iov[run].iov_base, desc->iov[run].iov_len);
        peer->rest_end += desc->iov[run].iov_len;
    }
}

static void end(struct stream_peer *peer, bool by_peer)
{
    struct stream_owner *owner = peer->owner;

    if (peer->rest_begin < peer->rest_end)
        port_drop_late(&peer->base.endpoint, DROP_DETACHED, 1);
    fd_endpoint_detach(&peer->base);
    close(fd_endpoint_fd(&peer->base));
    free(peer);
    if (owner)
        owner->ended(owner, by_peer);
}
