/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * udp_tx.c - a batch of frames into a UDP socket
 *
 * Theory of operation. The frames of a bulk transfer have one length, but for the last one. The kernel takes such a run as one
 * message, carries it through its layers once, and cuts it into datagrams at the end: UDP_SEGMENT, udp(7), Linux 4.18. What
 * goes out is the same, at a fraction of the cost.
 *
 * It refuses to cut what would have to be fragmented as well (a frame that is longer than the way's MTU), and, before Linux
 * 6.11, for interfaces that leave checksums to us. Then the frames go one by one, and so do all of that length for a
 * minute: ways change. Whatever else a run is refused for, its frames go one by one, that each has its own answer.
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
    RUN_BYTES_MAX = 65507, /* what an IPv4 packet has room for behind its headers */
    LENGTH_MAX = 1U << 16, /* longer than any frame */
};

#define FORGET_NS (60 * SECOND)

/* Room for what tells the kernel where to cut. */
union cut {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
};

/* What one system call is told. */
struct messages {
    unsigned count;
    struct mmsghdr message[BATCH_FRAMES];
    unsigned run[BATCH_FRAMES]; /* how many frames each is */
    union cut cut[BATCH_FRAMES];
    struct iovec iov[BATCH_FRAMES * TX_DESC_IOVS];
};

static void run_refused(struct udp_tx *tx, unsigned frames, uint32_t length, int error);
static void lay_out(struct messages *out, const struct udp_tx *tx, const struct tx_desc *descs,
                    unsigned count, const struct address *to);
static unsigned run_of(const struct udp_tx *tx, const struct tx_desc *descs, unsigned count);
static struct iovec *gather(struct msghdr *message, struct iovec *room, const struct tx_desc *descs,
                            unsigned count);
static void cut_into(struct msghdr *message, union cut *cut, uint32_t length);

void udp_tx_init(struct udp_tx *tx, int fd)
{
    int none = 0;

    tx->fd = fd;
    tx->singly = 0;
    /* An older kernel knows no such option, and would send a run as it is. */
    tx->cuts = setsockopt(fd, SOL_UDP, UDP_SEGMENT, &none, sizeof(none)) == 0;
    /* The program that opened it may have wanted messages to be joined; ours are frames. */
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
    lay_out(&out, tx, descs, count, to);
    sent = sendmmsg(tx->fd, out.message, out.count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && out.run[0] > 1 && errno != EAGAIN) {
        run_refused(tx, out.run[0], descs[0].length, errno);
        return udp_tx(tx, descs, count, to);
    }
    for (int i = 0; i < sent; i++)
        frames += (int)out.run[i];
    tx->singly -= tx->singly < (unsigned)frames ? tx->singly : (unsigned)frames;
    if (sent < 0 && errno != EAGAIN && tx->singly > 0)
        tx->singly--; /* it will be dropped */
    return sent > 0 ? frames : -errno;
}

/* A datagram may be too long for the way's MTU (EINVAL, EMSGSIZE), or its checksum be ours to compute (EIO): that holds for
 * a while. Else it may be one of the frames (a firewall's EPERM), or the size of the whole (ENOBUFS). */
static void run_refused(struct udp_tx *tx, unsigned frames, uint32_t length, int error)
{
    tx->singly = frames;
    if (error != EINVAL && error != EMSGSIZE && error != EIO)
        return;
    tx->cut_below = error == EIO ? 0 : length;
    tx->forget = os_now() + FORGET_NS;
}

static void lay_out(struct messages *out, const struct udp_tx *tx, const struct tx_desc *descs,
                    unsigned count, const struct address *to)
{
    struct iovec *room = out->iov;

    out->count = 0;
    for (unsigned i = 0; i < count; i += out->run[out->count++]) {
        unsigned run = i < tx->singly ? 1 : run_of(tx, descs + i, count - i);
        struct msghdr *message = &out->message[out->count].msg_hdr;

        *message = (struct msghdr){
            .msg_name = to ? (void *)&to->storage : NULL,
            .msg_namelen = to ? to->length : 0,
        };
        room = gather(message, room, descs + i, run);
        if (run > 1)
            cut_into(message, &out->cut[out->count], descs[i].length);
        out->run[out->count] = run;
    }
}

/* How many of PACKETS, from the front, may be one message: all of one length, the last of them perhaps shorter. */
static unsigned run_of(const struct udp_tx *tx, const struct tx_desc *descs, unsigned count)
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

/* Return: the room that is left. */
static struct iovec *gather(struct msghdr *message, struct iovec *room, const struct tx_desc *descs,
                            unsigned count)
{
    message->msg_iov = room;
    for (unsigned i = 0; i < count; i++) {
        for (unsigned part = 0; part < descs[i].iov_count; part++)
            *room++ = descs[i].iov[part];
    }
    message->msg_iovlen = (size_t)(room - message->msg_iov);
    return room;
}

static void cut_into(struct msghdr *message, union cut *cut, uint32_t length)
{
    message->msg_control = cut;
    message->msg_controllen = sizeof(*cut);
    cut->header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(uint16_t)),
        .cmsg_level = SOL_UDP,
        .cmsg_type = UDP_SEGMENT,
    };
    *(uint16_t *)(void *)CMSG_DATA(&cut->header) = (uint16_t)length;
}
