/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * datagram.h - batches of frames to and from a datagram socket, one system call each
 */
#ifndef VSW_PORTS_IO_DATAGRAM_H
#define VSW_PORTS_IO_DATAGRAM_H

#include "core/worker.h"
#include "ports/listen/address.h"

/* Arguments of recvmmsg(), prepared once, since a batch's buffers never move. */
struct datagram_vector {
    struct mmsghdr message[BATCH_FRAMES];
    struct iovec iov[BATCH_FRAMES];
    /* sender of each frame of the batch; set by datagram_rx_from() */
    struct address from[BATCH_FRAMES];
};

/* datagram_prepare() - sets VECTOR up to receive into WORKER's buffers */
void datagram_prepare(struct datagram_vector *vector, struct worker *worker);

/* datagram_rx() - reads up to BATCH_FRAMES datagrams from FD into BATCH, for which VECTOR was
 * prepared; does not block
 *
 * Empty datagrams are skipped: old VDE clients send one as a goodbye.
 * Return: the number of frames, 0 if there are none, or -errno.
 */
int datagram_rx(int fd, struct datagram_vector *vector, struct batch *batch);

/* datagram_rx_from() - as datagram_rx(), and sets vector->from[] to the frames' senders; AF_UNSPEC
 * if a sender has no name */
int datagram_rx_from(int fd, struct datagram_vector *vector, struct batch *batch);

/* datagram_tx() - as endpoint_ops.tx: sends COUNT frames to the peer that FD is connected to */
int datagram_tx(int fd, const struct tx_desc *descs, unsigned count);

#endif
