/*
 * client.h - clients of a switch: attaching them, and sending and receiving frames
 *
 * The forms of attachment, as written on the command line:
 *
 *   DIR                               VDE, to the switch with that directory
 *   stream:PATH  stream:IP:PORT       a connection; each frame is preceded by its length,
 *                                     four bytes, most significant first
 *   dgram:PATH,PATH                   a datagram socket bound to the first address, connected to
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
#define CLIENT_HEADROOM  64 /* before each frame; for the length that precedes it in a stream */

/* Frames to send, or room for received ones: iov[i] is a frame in buffers[i]. */
struct client_batch {
    struct mmsghdr messages[CLIENT_BATCH];
    struct iovec iov[CLIENT_BATCH];
    unsigned char buffers[CLIENT_BATCH][CLIENT_HEADROOM + CLIENT_FRAME_MAX];
};

struct client {
    const struct framing *framing;
    struct stream_input *input; /* bytes from a stream that are not a complete frame yet */
    int data;                   /* the socket for frames */
    int ctl;                    /* VDE's control connection, or -1 */
};

/* Called for each frame received, which is valid during the call. */
typedef void client_take(void *context, const unsigned char *frame, size_t length);

/*
 * client_attach() - attach a client to a switch
 * @client: filled in
 * @way:    the form of attachment, as above; not kept
 * @number: distinguishes the clients of this process
 * @sndbuf: SO_SNDBUF of the data socket in bytes, 0 for the system's default
 *
 * Return: 0, or -errno.
 */
int client_attach(struct client *client, const char *way, int number, int sndbuf);

/* client_timeout() - let blocking receives of @client end after @milliseconds */
void client_timeout(const struct client *client, int milliseconds);

/* client_send() - send the first @n frames of @batch, blocking until all are accepted. Return: 0,
 * or -errno. */
int client_send(const struct client *client, struct client_batch *batch, int n);

/*
 * client_receive() - receive what has arrived
 * @batch: buffers; not used by a stream, which has its own
 * @wait:  whether to block until something arrives
 *
 * Return: the number of frames, or -errno; -EAGAIN if nothing has arrived. With CLIENT_BATCH frames
 * or more there may be more to receive.
 */
int client_receive(const struct client *client, struct client_batch *batch, bool wait,
                   client_take *take, void *context);

/* client_batch_prepare() - make each frame of @batch @size bytes long */
void client_batch_prepare(struct client_batch *batch, size_t size);

#endif
