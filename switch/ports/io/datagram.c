/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/io/datagram.h"

#include <errno.h>

void datagram_prepare(struct datagram_vector *vector, struct worker *worker)
{
    for (unsigned i = 0; i < BATCH_FRAMES; i++) {
        vector->iov[i] = (struct iovec){worker->buffer[i], BATCH_BUFFER};
        vector->message[i].msg_hdr = (struct msghdr){.msg_iov = &vector->iov[i], .msg_iovlen = 1};
    }
}

int datagram_rx(int fd, struct datagram_vector *vector, struct batch *batch)
{
    /* MSG_TRUNC: msg_len is the datagram's full length, even if it exceeds the buffer. */
    int received = recvmmsg(fd, vector->message, BATCH_FRAMES, MSG_DONTWAIT | MSG_TRUNC, NULL);
    int count = 0;

    if (received < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    for (int i = 0; i < received; i++) {
        if (vector->message[i].msg_len == 0)
            continue;
        frame_init(&batch->frame[count], vector->iov[i].iov_base, vector->message[i].msg_len);
        count++;
    }
    return count;
}

int datagram_rx_from(int fd, struct datagram_vector *vector, struct batch *batch)
{
    int count;

    /* The kernel writes no address for a sender without a name: clear the previous one. */
    for (unsigned i = 0; i < BATCH_FRAMES; i++) {
        vector->from[i].any.sa_family = AF_UNSPEC;
        vector->message[i].msg_hdr.msg_name = &vector->from[i].storage;
        vector->message[i].msg_hdr.msg_namelen = sizeof(vector->from[i].storage);
    }
    count = datagram_rx(fd, vector, batch);
    for (unsigned i = 0; i < BATCH_FRAMES; i++) {
        vector->from[i].length = vector->message[i].msg_hdr.msg_namelen;
        vector->message[i].msg_hdr.msg_name = NULL;
        vector->message[i].msg_hdr.msg_namelen = 0;
    }
    /* datagram_rx() has skipped empty datagrams, so a frame's index may be below its buffer's: move
     * its sender along. */
    for (int i = 0; i < count; i++) {
        ptrdiff_t slot =
            (batch->frame[i].bytes - (const uint8_t *)vector->iov[0].iov_base) / BATCH_BUFFER;

        if (slot != i)
            vector->from[i] = vector->from[slot];
    }
    return count;
}

int datagram_tx(int fd, const struct tx_desc *descs, unsigned count)
{
    struct mmsghdr message[BATCH_FRAMES];
    int sent;

    for (unsigned i = 0; i < count; i++) {
        message[i].msg_hdr = (struct msghdr){
            .msg_iov = (struct iovec *)descs[i].iov,
            .msg_iovlen = descs[i].iov_count,
        };
    }
    sent = sendmmsg(fd, message, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent > 0 ? sent : -errno;
}
