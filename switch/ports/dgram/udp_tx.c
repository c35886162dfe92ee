/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * udp_tx.c - sends a batch of frames to a UDP socket with UDP GSO
 *
 * Theory of operation. The frames of a bulk transfer all have the same length except for the last
 * one. The kernel accepts such a run as one message, passes it through its layers once, and splits
 * it into datagrams at the end: UDP_SEGMENT, udp(7), Linux 4.18. The datagrams are the same, at a
 * fraction of the cost.
 *
 * It refuses to split datagrams that would have to be fragmented as well (frames longer than the
 * path MTU), and, before Linux 6.11, to send on interfaces without checksum offload. Frames of that
 * length are then sent one by one for a minute, after which the route may have changed. If a run is
 * refused for any other reason, only its frames are sent one by one, so that each gets its own
 * result.
 */
#include "ports/dgram/udp_tx.h"

#include "util/clock.h"
#include "util/os_linux.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

enum {
    RUN_MAX = 64,          /* datagrams: UDP_MAX_SEGMENTS of Linux 4.18 */
    RUN_BYTES_MAX = 65507, /* payload of an IPv4 packet after its IP and UDP headers */
    LENGTH_MAX = 1U << 16, /* longer than any frame */
};

#define FORGET_NS (60 * SECOND)

/* The control message that gives the length of the segments. */
union segment_size {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
};

/* Arguments of one sendmmsg(). */
struct messages {
    unsigned count;
    struct mmsghdr message[BATCH_FRAMES];
    unsigned run[BATCH_FRAMES]; /* number of frames in each message */
    union segment_size segment_size[BATCH_FRAMES];
    struct iovec iov[BATCH_FRAMES * TX_DESC_IOVS];
};

static void udp_run_refused(struct udp_tx *tx, unsigned frames, uint32_t length, int error);
static void udp_build_messages(struct messages *out, const struct udp_tx *tx,
                               const struct tx_desc *descs, unsigned count,
                               const struct address *to);
static unsigned udp_run_length(const struct udp_tx *tx, const struct tx_desc *descs,
                               unsigned count);
static struct iovec *udp_gather(struct msghdr *message, struct iovec *room,
                                const struct tx_desc *descs, unsigned count);
static void udp_set_segment_size(struct msghdr *message, union segment_size *size, uint32_t length);

void udp_tx_init(struct udp_tx *tx, int fd)
{
    int none = 0;

    tx->fd = fd;
    tx->singly = 0;
    /* A kernel without UDP GSO lacks the option, and would send a run as one datagram. */
    tx->cuts = setsockopt(fd, SOL_UDP, UDP_SEGMENT, &none, sizeof(none)) == 0;
    /* The program that opened an inherited socket may have asked to join datagrams; here each one
     * is a frame. */
    setsockopt(fd, SOL_UDP, UDP_CORK, &none, sizeof(none));
    setsockopt(fd, SOL_UDP, UDP_GRO, &none, sizeof(none));
    tx->cut_below = tx->cuts ? LENGTH_MAX : 0;
}

int udp_tx(struct udp_tx *tx, const struct tx_desc *descs, unsigned count, const struct address *to)
{
    struct messages out;
    int sent, frames = 0;

    if (tx->cuts && tx->cut_below < LENGTH_MAX && os_now() >= tx->forget)
        tx->cut_below = LENGTH_MAX;
    udp_build_messages(&out, tx, descs, count, to);
    sent = sendmmsg(tx->fd, out.message, out.count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && out.run[0] > 1 && errno != EAGAIN) {
        udp_run_refused(tx, out.run[0], descs[0].length, errno);
        return udp_tx(tx, descs, count, to);
    }
    for (int i = 0; i < sent; i++)
        frames += (int)out.run[i];
    tx->singly -= tx->singly < (unsigned)frames ? tx->singly : (unsigned)frames;
    if (sent < 0 && errno != EAGAIN && tx->singly > 0)
        tx->singly--; /* the caller drops that frame */
    return sent > 0 ? frames : -errno;
}

/* A datagram may exceed the path MTU (EINVAL, EMSGSIZE), or its checksum may have to be computed in
 * software (EIO): that persists for a while. Otherwise the cause may be a single frame (EPERM from
 * a firewall), or the total size (ENOBUFS). */
static void udp_run_refused(struct udp_tx *tx, unsigned frames, uint32_t length, int error)
{
    tx->singly = frames;
    if (error != EINVAL && error != EMSGSIZE && error != EIO)
        return;
    tx->cut_below = error == EIO ? 0 : length;
    tx->forget = os_now() + FORGET_NS;
}

static void udp_build_messages(struct messages *out, const struct udp_tx *tx,
                               const struct tx_desc *descs, unsigned count,
                               const struct address *to)
{
    struct iovec *room = out->iov;

    out->count = 0;
    for (unsigned i = 0; i < count; i += out->run[out->count++]) {
        unsigned run = i < tx->singly ? 1 : udp_run_length(tx, descs + i, count - i);
        struct msghdr *message = &out->message[out->count].msg_hdr;

        *message = (struct msghdr){
            .msg_name = to ? (void *)&to->storage : NULL,
            .msg_namelen = to ? to->length : 0,
        };
        room = udp_gather(message, room, descs + i, run);
        if (run > 1)
            udp_set_segment_size(message, &out->segment_size[out->count], descs[i].length);
        out->run[out->count] = run;
    }
}

/* How many frames at the front of DESCS may be one message: all of the same length, except that the
 * last may be shorter. */
static unsigned udp_run_length(const struct udp_tx *tx, const struct tx_desc *descs, unsigned count)
{
    uint32_t length = descs[0].length, bytes = length;
    unsigned run = 1;

    if (length >= tx->cut_below)
        return 1;
    while (run < count && run < RUN_MAX && descs[run - 1].length == length &&
           descs[run].length <= length && bytes + descs[run].length <= RUN_BYTES_MAX)
        bytes += descs[run++].length;
    return run;
}

/* Return: the remaining room. */
static struct iovec *udp_gather(struct msghdr *message, struct iovec *room,
                                const struct tx_desc *descs, unsigned count)
{
    message->msg_iov = room;
    for (unsigned i = 0; i < count; i++) {
        for (unsigned part = 0; part < descs[i].iov_count; part++)
            *room++ = descs[i].iov[part];
    }
    message->msg_iovlen = (size_t)(room - message->msg_iov);
    return room;
}

static void udp_set_segment_size(struct msghdr *message, union segment_size *size, uint32_t length)
{
    message->msg_control = size;
    message->msg_controllen = sizeof(*size);
    size->header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(uint16_t)),
        .cmsg_level = SOL_UDP,
        .cmsg_type = UDP_SEGMENT,
    };
    *(uint16_t *)(void *)CMSG_DATA(&size->header) = (uint16_t)length;
}
