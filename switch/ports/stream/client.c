/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/stream/client.h"

#include "ports/io/retry.h"
#include "ports/port_log.h"
#include "util/clock.h"
#include "util/os_linux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CONNECT_SECONDS = 5,
    STEADY_SECONDS = 1, /* a connection that lasted this long counts as a success */
};

struct stream_client {
    struct list node;
    struct stream_owner owner;
    struct context *context;
    struct port *port;
    struct address address;
    struct retry retry;
    ev_io connecting; /* fd is -1 unless a connection attempt is in progress */
    ev_timer timeout;
    struct stream_peer *peer; /* NULL while not connected */
    int fd;                   /* the peer's, -1 while not connected */
    uint64_t connected;       /* since when, in monotonic nanoseconds */
    bool reported;            /* the failure has been logged */
    struct port_logger logger;
};

static void try_to_connect(struct retry *retry);
static int begin_to_connect(struct stream_client *client);
static void on_connecting(struct ev_loop *loop, ev_io *watcher, int events);
static void on_timeout(struct ev_loop *loop, ev_timer *timer, int events);
static void connected(struct stream_client *client, int fd);
static void failed(struct stream_client *client, const char *why);
static int stop_connecting(struct stream_client *client);
static void on_ended(struct stream_owner *owner, bool by_peer);
static bool is_self_connected(int fd);
static bool is_local_end(int fd, const struct address *address);

int stream_client_open(struct context *context, struct list *clients, struct port *port,
                       const struct address *address, struct error *err)
{
    struct stream_client *client = calloc(1, sizeof(*client));
    char place[ADDRESS_TEXT];

    if (!client)
        return error_no_memory(err);
    client->owner.ended = on_ended;
    client->fd = -1;
    client->context = context;
    client->port = port;
    client->address = *address;
    port_logger_init(&client->logger, context, port, address_text(address, place));
    retry_init(&client->retry, try_to_connect);
    ev_io_init(&client->connecting, on_connecting, -1, EV_WRITE);
    ev_timer_init(&client->timeout, on_timeout, CONNECT_SECONDS, 0);
    list_append(clients, &client->node);
    try_to_connect(&client->retry);
    return 0;
}

struct stream_client *stream_client_of(struct list *clients, const struct port *port)
{
    list_for_each (node, clients) {
        struct stream_client *client = container_of(node, struct stream_client, node);

        if (client->port == port)
            return client;
    }
    return NULL;
}

bool stream_clients_have(const struct list *clients, int fd)
{
    struct address far;

    if (address_peer(fd, &far) < 0 || address_is_path(&far))
        return false;
    list_for_each (node, clients) {
        const struct stream_client *client = container_of(node, struct stream_client, node);

        if (is_local_end(client->fd, &far) || is_local_end(client->connecting.fd, &far))
            return true;
    }
    return false;
}

void stream_client_close(struct stream_client *client)
{
    int fd = stop_connecting(client);

    if (fd >= 0)
        close(fd);
    if (client->peer)
        stream_peer_end(client->peer);
    retry_stop(&client->retry, client->context->loop);
    list_remove(&client->node);
    free(client);
}

void stream_clients_close(struct list *clients)
{
    list_for_each_safe (node, clients)
        stream_client_close(container_of(node, struct stream_client, node));
}

static void try_to_connect(struct retry *retry)
{
    struct stream_client *client = container_of(retry, struct stream_client, retry);
    int status = begin_to_connect(client);

    if (status < 0)
        failed(client, strerror(-status));
}

/* Return: 0 if connected or the attempt is in progress, else -errno. */
static int begin_to_connect(struct stream_client *client)
{
    int fd = socket(client->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int status = fd < 0 ? -errno : 0;

    if (fd >= 0 && connect(fd, &client->address.any, client->address.length) < 0)
        status = -errno;
    if (fd >= 0 && status == 0) {
        connected(client, fd);
    } else if (status == -EINPROGRESS) {
        ev_io_set(&client->connecting, fd, EV_WRITE);
        ev_io_start(client->context->loop, &client->connecting);
        ev_timer_set(&client->timeout, CONNECT_SECONDS, 0);
        ev_timer_start(client->context->loop, &client->timeout);
        status = 0;
    } else if (fd >= 0) {
        close(fd);
    }
    return status;
}

static void on_connecting(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct stream_client *client = container_of(watcher, struct stream_client, connecting);
    int fd = stop_connecting(client), error = 0;
    socklen_t size = sizeof(error);

    (void)loop, (void)events;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0 &&
        !is_self_connected(fd)) {
        connected(client, fd);
        return;
    }
    close(fd);
    failed(client, error ? strerror(error) : "nobody but ourselves is there");
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct stream_client *client = container_of(timer, struct stream_client, timeout);

    (void)loop, (void)events;
    close(stop_connecting(client));
    failed(client, "no answer");
}

static void connected(struct stream_client *client, int fd)
{
    struct error err;

    if (stream_peer_attach(&client->peer, client->context, fd, client->port, &client->owner, &err) <
        0) {
        close(fd);
        failed(client, err.text);
        return;
    }
    client->fd = fd;
    client->connected = os_now();
    if (client->reported)
        port_log(&client->logger, LOG_NOTICE, "connected");
    client->reported = false;
}

static void failed(struct stream_client *client, const char *why)
{
    if (!client->reported)
        port_log(&client->logger, LOG_WARNING, "not connected, trying again: %s", why);
    client->reported = true;
    retry_later(&client->retry, client->context->loop);
}

/* Return: the descriptor of the attempt in progress, which the caller owns then; -1 if there is
 * none. */
static int stop_connecting(struct stream_client *client)
{
    int fd = client->connecting.fd;

    ev_io_stop(client->context->loop, &client->connecting);
    ev_timer_stop(client->context->loop, &client->timeout);
    ev_io_set(&client->connecting, -1, EV_WRITE);
    return fd;
}

/* The pauses keep growing for a peer that accepts and hangs up at once. A connection that a user
 * ended is not retried. */
static void on_ended(struct stream_owner *owner, bool by_peer)
{
    struct stream_client *client = container_of(owner, struct stream_client, owner);

    client->peer = NULL;
    client->fd = -1;
    if (!by_peer) {
        stream_client_close(client);
        return;
    }
    if (os_now() - client->connected >= STEADY_SECONDS * SECOND)
        retry_succeeded(&client->retry);
    failed(client, "the far side hung up");
}

/* A TCP connection to a free port of this host may be connected to itself, if it gets that very
 * port for its own end. */
static bool is_self_connected(int fd)
{
    struct address own, far;

    return address_own(fd, &own) == 0 && address_peer(fd, &far) == 0 && !address_is_path(&own) &&
           address_equal(&own, &far);
}

/* Whether ADDRESS is the local address of FD. */
static bool is_local_end(int fd, const struct address *address)
{
    struct address own;

    return fd >= 0 && address_own(fd, &own) == 0 && address_equal(&own, address);
}
