/* client.c - the forms of attachment, and frames over datagram sockets and streams */
#define _GNU_SOURCE
#include "client.h"
#include "vde.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define STREAM_PREFIX 4
#define STREAM_INPUT  (256 * 1024)

struct framing {
    int (*send)(const struct client *client, struct client_batch *batch, int n);
    int (*receive)(const struct client *client, struct client_batch *batch, bool wait,
                   client_take *take, void *context);
};

struct stream_input {
    size_t size;
    unsigned char bytes[STREAM_INPUT];
};

struct address {
    socklen_t length;
    union {
        struct sockaddr any;
        struct sockaddr_un local;
        struct sockaddr_in inet;
    };
};

static int attach_stream(struct client *client, const char *where);
static int attach_datagrams(struct client *client, const char *where);
static int read_address(struct address *address, const char *text, size_t length);
static int datagrams_send(const struct client *client, struct client_batch *batch, int n);
static int datagrams_receive(const struct client *client, struct client_batch *batch, bool wait,
                             client_take *take, void *context);
static int stream_send(const struct client *client, struct client_batch *batch, int n);
static int stream_receive(const struct client *client, struct client_batch *batch, bool wait,
                          client_take *take, void *context);
static int take_frames(struct stream_input *input, client_take *take, void *context);

static const struct framing datagrams = {datagrams_send, datagrams_receive};
static const struct framing stream = {stream_send, stream_receive};

int client_attach(struct client *client, const char *way, int number, int sndbuf)
{
    int rc;

    *client = (struct client){.framing = &datagrams, .data = -1, .ctl = -1};
    if (strncmp(way, "stream:", 7) == 0)
        rc = attach_stream(client, way + 7);
    else if (strncmp(way, "dgram:", 6) == 0)
        rc = attach_datagrams(client, way + 6);
    else
        rc = vde_attach(&client->ctl, &client->data, way, number);
    if (rc == 0 && sndbuf > 0)
        setsockopt(client->data, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
    return rc;
}

void client_timeout(const struct client *client, int milliseconds)
{
    struct timeval timeout = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};

    setsockopt(client->data, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}

int client_send(const struct client *client, struct client_batch *batch, int n)
{
    return client->framing->send(client, batch, n);
}

int client_receive(const struct client *client, struct client_batch *batch, bool wait,
                   client_take *take, void *context)
{
    return client->framing->receive(client, batch, wait, take, context);
}

void client_batch_prepare(struct client_batch *batch, size_t size)
{
    for (int i = 0; i < CLIENT_BATCH; i++) {
        batch->iov[i] = (struct iovec){batch->buffers[i] + CLIENT_HEADROOM, size};
        batch->messages[i].msg_hdr = (struct msghdr){.msg_iov = &batch->iov[i], .msg_iovlen = 1};
    }
}

/* ---- attachment ---- */

static int attach_stream(struct client *client, const char *where)
{
    struct address far;
    int rc = read_address(&far, where, strlen(where));

    if (rc < 0)
        return rc;
    client->framing = &stream;
    client->input = calloc(1, sizeof(*client->input));
    client->data = socket(far.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->input && client->data >= 0 && connect(client->data, &far.any, far.length) == 0)
        return 0;
    rc = client->input ? -errno : -ENOMEM;
    free(client->input);
    if (client->data >= 0)
        close(client->data);
    return rc;
}

static int attach_datagrams(struct client *client, const char *where)
{
    size_t length = strcspn(where, ",");
    struct address near, far;
    int rc = read_address(&near, where, length);

    if (rc == 0)
        rc = where[length] ? read_address(&far, where + length + 1, strlen(where + length + 1))
                           : -EINVAL;
    if (rc < 0)
        return rc;
    client->data = socket(near.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (client->data >= 0 && bind(client->data, &near.any, near.length) == 0 &&
        connect(client->data, &far.any, far.length) == 0)
        return 0;
    rc = -errno;
    if (client->data >= 0)
        close(client->data);
    return rc;
}

static int read_address(struct address *address, const char *text, size_t length)
{
    char copy[sizeof(address->local.sun_path)] = "", *port;

    *address = (struct address){.length = sizeof(address->local), .local.sun_family = AF_UNIX};
    if (length >= sizeof(copy))
        return -ENAMETOOLONG;
    memcpy(copy, text, length);
    if (*copy == '/') {
        memcpy(address->local.sun_path, copy, sizeof(copy));
        return 0;
    }
    port = strchr(copy, ':');
    if (!port)
        return -EINVAL;
    *port++ = '\0';
    *address = (struct address){.length = sizeof(address->inet), .inet.sin_family = AF_INET};
    address->inet.sin_port = htons((uint16_t)atoi(port));
    return inet_pton(AF_INET, copy, &address->inet.sin_addr) == 1 ? 0 : -EINVAL;
}

/* ---- one datagram, one frame ---- */

static int datagrams_send(const struct client *client, struct client_batch *batch, int n)
{
    for (int done = 0; done < n;) {
        int rc = sendmmsg(client->data, batch->messages + done, (unsigned)(n - done), 0);

        if (rc < 0 && errno != EINTR)
            return -errno;
        if (rc > 0)
            done += rc;
    }
    return 0;
}

static int datagrams_receive(const struct client *client, struct client_batch *batch, bool wait,
                             client_take *take, void *context)
{
    int n = recvmmsg(client->data, batch->messages, CLIENT_BATCH,
                     wait ? MSG_WAITFORONE : MSG_DONTWAIT, NULL);

    for (int i = 0; i < n; i++)
        take(context, batch->iov[i].iov_base, batch->messages[i].msg_len);
    return n < 0 ? -errno : n;
}

/* ---- a stream of frames, each preceded by its length ---- */

/* A blocking socket accepts everything, or has failed. */
static int stream_send(const struct client *client, struct client_batch *batch, int n)
{
    struct iovec iov[CLIENT_BATCH];
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t)n};
    ssize_t size = 0, sent;

    for (int i = 0; i < n; i++) {
        const uint32_t prefix = htonl((uint32_t)batch->iov[i].iov_len);

        iov[i].iov_base = (unsigned char *)batch->iov[i].iov_base - STREAM_PREFIX;
        iov[i].iov_len = STREAM_PREFIX + batch->iov[i].iov_len;
        memcpy(iov[i].iov_base, &prefix, STREAM_PREFIX);
        size += (ssize_t)iov[i].iov_len;
    }
    sent = sendmsg(client->data, &message, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent == size ? 0 : -EIO;
}

static int stream_receive(const struct client *client, struct client_batch *batch, bool wait,
                          client_take *take, void *context)
{
    struct stream_input *input = client->input;
    ssize_t got = recv(client->data, input->bytes + input->size, STREAM_INPUT - input->size,
                       wait ? 0 : MSG_DONTWAIT);

    (void)batch;
    if (got <= 0)
        return got < 0 ? -errno : -ECONNRESET;
    input->size += (size_t)got;
    return take_frames(input, take, context);
}

/* Return: the number of frames, or -EPROTO. An incomplete frame is kept. */
static int take_frames(struct stream_input *input, client_take *take, void *context)
{
    size_t at = 0;
    int count = 0;

    while (input->size - at >= STREAM_PREFIX) {
        uint32_t length;

        memcpy(&length, input->bytes + at, STREAM_PREFIX);
        length = ntohl(length);
        if (length > CLIENT_FRAME_MAX)
            return -EPROTO;
        if (input->size - at - STREAM_PREFIX < length)
            break;
        take(context, input->bytes + at + STREAM_PREFIX, length);
        at += STREAM_PREFIX + length;
        count++;
    }
    memmove(input->bytes, input->bytes + at, input->size - at);
    input->size -= at;
    return count;
}
