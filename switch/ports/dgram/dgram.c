/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dgram.c - the endpoint of a dgram port
 *
 * Theory of operation. A datagram is a frame; nobody greets, and nobody says goodbye. So the endpoint is attached from the start
 * to the end, and what is sent while nobody is there is dropped as a send error.
 *
 * UDP sockets are not connected: what does not come from the peer's address is a stranger's, dropped and counted.
 * UNIX sockets are connected whenever somebody is at remote=: only then the kernel tells us when there is room again, and
 * does not hold the peer to max_dgram_qlen datagrams on their way to us. It then refuses whatever others send. That
 * includes a peer that was started again, at a new socket of the same path, so we watch that path, and connect again as
 * soon as it changes. Of a group everybody is a member, and nobody a stranger.
 */
#include "ports/dgram/dgram.h"

#include "ports/dgram/socket.h"
#include "ports/dgram/udp_tx.h"
#include "ports/io/datagram.h"
#include "ports/io/fd_endpoint.h"
#include "ports/io/retry.h"
#include "ports/listen/switch_dir.h"
#include "ports/port_log.h"
#include "util/os_linux.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct dgram {
    struct fd_endpoint base;
    struct dgram_spec spec;
    struct dgram_socket sock;
    struct udp_tx udp; /* unless its sockets are UNIX sockets */
    bool exclusive;    /* the kernel lets in nobody but the peer: no need to ask who sent a frame */
    struct port_logger logger;

    /* DGRAM_UNIX */
    bool connected; /* to somebody who, when we last heard of it, was there */
    ev_stat path;   /* remote= */
    struct retry retry;
    struct deferred peer_left;
};

static int dgram_check(const struct port_spec *spec, struct error *err);
static int dgram_open(struct context *context, const struct port_spec *spec, struct port *port,
                      struct error *err);
static int dgram_rx(struct endpoint *endpoint, struct batch *batch);
static int dgram_tx(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count);
static void dgram_lost(struct endpoint *endpoint, int error);
static void dgram_close(struct endpoint *endpoint);

static int attach(struct dgram *dgram, struct context *context, struct port *port,
                  struct error *err);
static bool is_shut(int fd);
static int check_senders(struct dgram *dgram, struct batch *batch, int count);
static void peer_gone(struct dgram *dgram);
static void on_peer_left(struct deferred *work);
static void watch_path(struct dgram *dgram);
static void expect_change(struct dgram *dgram);
static void on_path_changed(struct ev_loop *loop, ev_stat *watcher, int events);
static void on_retry(struct retry *retry);
static int reach(struct dgram *dgram);
static void report_peer(struct dgram *dgram);
static void introduce(struct dgram *dgram);
static void describe(struct dgram *dgram);

static const struct port_key dgram_keys[] = {
    {"local", KEY_TEXT, "FILE|ADDRESS:PORT", "our end; with mcast= an interface's address",
     .restricted = true},
    {"remote", KEY_TEXT, "FILE|ADDRESS:PORT", "the peer's", .restricted = true},
    {"mcast", KEY_TEXT, "230.0.0.1:PORT|GROUP:PORT", "a multicast group instead",
     .restricted = true},
    {"fd", KEY_NUMBER, "N", "a connected socket that the switch was started with",
     .restricted = true},
    {0},
};

const struct port_type dgram_type = {
    .name = "dgram",
    .help = "QEMU's dgram, UDP or UNIX",
    .keys = dgram_keys,
    .check = dgram_check,
    .open = dgram_open,
};

static const struct endpoint_ops dgram_ops = {
    .type = "dgram",
    .module = "dgram",
    .rx = dgram_rx,
    .tx = dgram_tx,
    .wait_writable = fd_endpoint_wait_writable,
    .lost = dgram_lost,
    .close = dgram_close,
};

static int dgram_check(const struct port_spec *spec, struct error *err)
{
    struct dgram_spec wanted;

    return dgram_spec_read(spec, &wanted, err);
}

static int dgram_open(struct context *context, const struct port_spec *spec, struct port *port,
                      struct error *err)
{
    struct dgram *dgram = calloc(1, sizeof(*dgram));
    int status;

    if (!dgram)
        return error_no_memory(err);
    status = dgram_spec_read(spec, &dgram->spec, err);
    if (status == 0)
        status = dgram_socket_open(&dgram->sock, &dgram->spec, context->dir, err);
    if (status == 0)
        status = attach(dgram, context, port, err);
    if (status < 0) {
        free(dgram);
        return status;
    }
    introduce(dgram);
    if (dgram->spec.kind == DGRAM_UNIX)
        watch_path(dgram);
    describe(dgram);
    return 0;
}

/* A connected UDP socket reports what ICMP said of earlier datagrams: no reason to end. */
static int dgram_rx(struct endpoint *endpoint, struct batch *batch)
{
    struct dgram *dgram = container_of(endpoint, struct dgram, base.endpoint);
    struct datagram_vector *vector = &io_worker_of(endpoint)->datagrams;
    unsigned missed = 0;
    int count;

    if (dgram->exclusive)
        count = datagram_rx(dgram->sock.in, vector, batch);
    else
        count = check_senders(dgram, batch, datagram_rx_from(dgram->sock.in, vector, batch));
    /* A UNIX socket has its senders wait; and of a group the kernel also counts what our filter takes out. */
    if (dgram->spec.kind != DGRAM_GROUP && !address_is_path(&dgram->spec.remote))
        missed = dgram_socket_missed(&dgram->sock);
    if (missed > 0)
        port_drop_early(endpoint, DROP_MISSED, missed);
    if (count == 0 && dgram->spec.kind == DGRAM_FD && is_shut(dgram->sock.in))
        return -EPIPE;
    return count > 0 ? count : 0;
}

static int dgram_tx(struct endpoint *core, const struct tx_desc *descs, unsigned count)
{
    struct dgram *dgram = container_of(core, struct dgram, base.endpoint);
    int sent;

    if (dgram->spec.kind == DGRAM_UNIX && !dgram->connected)
        return -ENOTCONN;
    if (!address_is_path(&dgram->spec.remote))
        return udp_tx(&dgram->udp, descs, count,
                      dgram->spec.kind == DGRAM_UDP ? &dgram->spec.remote : NULL);
    sent = datagram_tx(dgram->sock.out, descs, count);
    if (sent == -ECONNREFUSED || sent == -ENOTCONN)
        peer_gone(dgram);
    return sent;
}

static void dgram_lost(struct endpoint *endpoint, int error)
{
    struct dgram *dgram = container_of(endpoint, struct dgram, base.endpoint);

    (void)error;
    port_log(&dgram->logger, LOG_WARNING,
             "nobody is at the other end any more; the port waits for another");
    dgram_close(endpoint);
}

static void dgram_close(struct endpoint *core)
{
    struct dgram *dgram = container_of(core, struct dgram, base.endpoint);
    struct ev_loop *loop = dgram->base.context->loop;

    defer_cancel(&dgram->peer_left);
    if (dgram->spec.kind == DGRAM_UNIX) {
        ev_stat_stop(loop, &dgram->path);
        retry_stop(&dgram->retry, loop);
    }
    fd_endpoint_detach(&dgram->base);
    dgram_socket_close(&dgram->sock);
    free(dgram);
}

/* Return: 0, or -errno and sets ERR and the sockets closed. */
static int attach(struct dgram *dgram, struct context *context, struct port *port,
                  struct error *err)
{
    int status;

    fd_endpoint_init(&dgram->base, context, &dgram_ops, dgram->sock.in, dgram->sock.out);
    if (!address_is_path(&dgram->spec.remote))
        udp_tx_init(&dgram->udp, dgram->sock.out);
    deferred_init(&dgram->peer_left, on_peer_left);
    dgram->exclusive = dgram->spec.kind == DGRAM_GROUP || dgram->spec.kind == DGRAM_FD;
    dgram->base.endpoint.id = dgram->sock.in;
    fd_endpoint_belongs_to(&dgram->base, (uid_t)-1, getpid());
    status = fd_endpoint_attach(&dgram->base, port, err);
    if (status < 0)
        dgram_socket_close(&dgram->sock);
    return status;
}

/* The program that started us may have shut the way in: the kernel then makes up empty datagrams forever. */
static bool is_shut(int fd)
{
    struct pollfd way_in = {.fd = fd, .events = POLLRDHUP};

    return poll(&way_in, 1, 0) == 1 && way_in.revents & POLLRDHUP;
}

/* Of the COUNT frames of BATCH, the peer's alone may come in. Return: COUNT. */
static int check_senders(struct dgram *dgram, struct batch *batch, int count)
{
    const struct address *from = io_worker_of(&dgram->base.endpoint)->datagrams.from;

    for (int i = 0; i < count; i++) {
        if (!address_equal(&from[i], &dgram->spec.remote))
            batch->frame[i].drop = DROP_UNEXPECTED_SOURCE;
    }
    if (dgram->connected)
        dgram->exclusive = dgram_socket_empty(&dgram->sock);
    return count;
}

/* Found out while sending: what follows from it must wait until the batch is through. */
static void peer_gone(struct dgram *dgram)
{
    struct endpoint *endpoint = &dgram->base.endpoint;

    if (dgram->spec.kind == DGRAM_FD) {
        endpoint_fail(endpoint, ECONNREFUSED);
        return;
    }
    dgram->connected = dgram->exclusive = false;
    defer(&endpoint->worker->deferred, &dgram->peer_left);
}

static void on_peer_left(struct deferred *work)
{
    struct dgram *dgram = container_of(work, struct dgram, peer_left);
    struct context *context = dgram->base.context;

    report_peer(dgram);
    retry_stop(&dgram->retry, context->loop);
    retry_later(&dgram->retry, context->loop);
}

static void watch_path(struct dgram *dgram)
{
    int status;

    retry_init(&dgram->retry, on_retry);
    ev_stat_init(&dgram->path, on_path_changed, dgram->spec.remote.local.sun_path, 0);
    ev_stat_start(dgram->base.context->loop, &dgram->path);
    expect_change(dgram);
    status = reach(dgram);
    if (status < 0)
        port_log(&dgram->logger, LOG_NOTICE, "nobody is there yet: %s", strerror(-status));
}

/* libev looks when inotify tells it to, and compares times in seconds; and a new socket may get the inode of the old one. A time
 * that no file has makes every look at one a change. */
static void expect_change(struct dgram *dgram)
{
    dgram->path.attr.st_ctime = 0;
}

static void on_path_changed(struct ev_loop *loop, ev_stat *watcher, int events)
{
    struct dgram *dgram = container_of(watcher, struct dgram, path);

    (void)events;
    expect_change(dgram);
    retry_stop(&dgram->retry, loop);
    retry_succeeded(&dgram->retry);
    reach(dgram);
}

static void on_retry(struct retry *retry)
{
    reach(container_of(retry, struct dgram, retry));
}

/* A path is there a moment before its socket can be connected to; later than a second it is a dead program's. Until the receive
 * queue has been empty once, what is in it may be a stranger's. Return: 0, or -errno if we are where we were. */
static int reach(struct dgram *dgram)
{
    const struct address *remote = &dgram->spec.remote;

    if (connect(dgram->sock.in, &remote->any, remote->length) < 0) {
        int status = -errno;

        if (status != -ENOENT && dgram->retry.pause < 1)
            retry_later(&dgram->retry, dgram->base.context->loop);
        return status;
    }
    retry_succeeded(&dgram->retry);
    dgram->exclusive = dgram_socket_empty(&dgram->sock);
    if (!dgram->connected) {
        dgram->connected = true;
        report_peer(dgram);
    }
    return 0;
}

static void report_peer(struct dgram *dgram)
{
    describe(dgram);
    port_log(&dgram->logger, LOG_NOTICE, "%s",
             dgram->connected ? "somebody is there" : "nobody is there any more");
}

/* Under what name it appears in the log. */
static void introduce(struct dgram *dgram)
{
    char place[ADDRESS_TEXT];

    if (dgram->spec.kind == DGRAM_FD)
        snprintf(place, sizeof(place), "descriptor %d", dgram->spec.fd);
    else
        address_text(&dgram->spec.remote, place);
    port_logger_init(&dgram->logger, dgram->base.context, dgram->base.endpoint.port, place);
}

/* "127.0.0.1:5001 to 127.0.0.1:5002" */
static void describe(struct dgram *dgram)
{
    char local[ADDRESS_TEXT], remote[ADDRESS_TEXT], text[2 * ADDRESS_TEXT + 64];
    bool unnamed = dgram->spec.kind == DGRAM_FD && address_is_path(&dgram->spec.remote);
    int length;

    if (unnamed)
        length = snprintf(text, sizeof(text), "descriptor %d", dgram->spec.fd);
    else
        length =
            snprintf(text, sizeof(text), "%s to %s%s", address_text(&dgram->spec.local, local),
                     address_text(&dgram->spec.remote, remote),
                     dgram->spec.kind == DGRAM_UNIX && !dgram->connected ? ", nobody there" : "");
    endpoint_describe(&dgram->base.endpoint, text, (size_t)length);
}
