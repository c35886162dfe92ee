/*
 * client.h - a client of a switch: how it is attached, and how frames go over that
 *
 * The ways of being attached, as they are written:
 *
 *   DIR                               VDE, to the switch whose directory that is
 *   stream:PATH  stream:IP:PORT       a connection; each frame stands behind its length,
 *                                     four bytes, most significant first
 *   dgram:PATH,PATH                   a datagram socket at the first address, connected to
 *   dgram:IP:PORT,IP:PORT             the second; one datagram is one frame
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define CLIENT_BATCH     64
#define CLIENT_FRAME_MAX 9216
#define CLIENT_HEADROOM  64 /* before each frame; streams have the length there */

/* Frames to be sent, or room for those that arrive: iov[] are the frames, each in the buffer of its
 * number. */
struct client_batch {
    struct mmsghdr messages[CLIENT_BATCH];
    struct iovec iov[CLIENT_BATCH];
    unsigned char buffers[CLIENT_BATCH][CLIENT_HEADROOM + CLIENT_FRAME_MAX];
};

struct client {
    const struct framing *framing;
    struct stream_input *input; /* what a stream has brought that is not a whole frame yet */
    int data;                   /* the socket that the frames go over */
    int ctl;                    /* what VDE keeps open beside it, or -1 */
};

/* What is done with each frame that arrives; it is gone afterwards. */
typedef void client_take(void *context, const unsigned char *frame, size_t length);

/*
 * client_attach() - attach a client to a switch
 * @client: filled in
 * @way:    how, in the words above; kept by nobody
 * @number: distinguishes the clients of this process
 * @sndbuf: SO_SNDBUF of the data socket in bytes, 0 for the system's default
 *
 * Return: 0, or -errno.
 */
int client_attach(struct client *client, const char *way, int number, int sndbuf);

/* client_timeout() - let blocking receives of @client end after @milliseconds */
void client_timeout(const struct client *client, int milliseconds);

/* client_send() - send the first @n frames of @batch, waiting until they are taken. Return: 0, or
 * -errno. */
int client_send(const struct client *client, struct client_batch *batch, int n);

/*
 * client_receive() - one look at what has arrived
 * @batch: room, of which a stream has its own
 * @wait:  whether to wait until there is something
 *
 * Return: how many frames were taken, or -errno; -EAGAIN when nothing has arrived. CLIENT_BATCH and
 * more of them say that more may have arrived.
 */
int client_receive(const struct client *client, struct client_batch *batch, bool wait,
                   client_take *take, void *context);

/* client_batch_prepare() - make each frame of @batch @size bytes long */
void client_batch_prepare(struct client_batch *batch, size_t size);

#endif
