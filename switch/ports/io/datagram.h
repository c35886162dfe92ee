/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * datagram.h - a batch of frames from, and to, a datagram socket, in one system call each
 */
#ifndef VSW_PORTS_IO_DATAGRAM_H
#define VSW_PORTS_IO_DATAGRAM_H

#include "core/worker.h"
#include "ports/listen/address.h"

/* What recvmmsg() is told for every batch: prepared once, since the buffers stay where they are. */
struct datagram_vector {
    struct mmsghdr message[BATCH_FRAMES];
    struct iovec iov[BATCH_FRAMES];
    struct address from[BATCH_FRAMES]; /* who sent each frame of the batch: datagram_rx_from() */
};

/* datagram_prepare() - lets VECTOR receive into WORKER's buffers from now on */
void datagram_prepare(struct datagram_vector *vector, struct worker *worker);

/* datagram_rx() - reads what waits on FD into BATCH, which VECTOR was prepared for
 *
 * Empty datagrams are passed over: old VDE clients send one as a goodbye.
 * Return: how many frames, perhaps 0, or -errno.
 */
int datagram_rx(int fd, struct datagram_vector *vector, struct batch *batch);

/* datagram_rx_from() - the same, and vector->from[] says who sent each frame; of no family: a socket without a name */
int datagram_rx_from(int fd, struct datagram_vector *vector, struct batch *batch);

/* datagram_tx() - as endpoint_ops.tx, to the peer that FD is connected to */
int datagram_tx(int fd, const struct tx_desc *descs, unsigned count);

#endif
