/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * socket.h - batches of frames from and to a packet socket, with VLAN tags and offload metadata
 * (packet(7))
 */
#ifndef VSW_PORTS_UPLINK_SOCKET_H
#define VSW_PORTS_UPLINK_SOCKET_H

#include "core/worker.h"
#include "ports/io/vnet.h"

#include <sys/socket.h>

/* Offload capabilities of an uplink: the kernel does what the NIC cannot. */
enum { UPLINK_OFFLOADS = VNET_OFFLOADS };

enum { UPLINK_CONTROL = 128 };

struct packet_vector {
    struct mmsghdr message[BATCH_FRAMES];
    struct iovec iov[BATCH_FRAMES][2];
    struct virtio_net_hdr header[BATCH_FRAMES];
    char control[BATCH_FRAMES][UPLINK_CONTROL];
    unsigned room;   /* frames to read at a time: fewer while they are large; 0 initially */
    uint32_t missed; /* frames dropped by the kernel since the socket was opened */
};

/* packet_socket() - opens a packet socket on interface INDEX, in promiscuous mode
 * @outgoing: whether frames that the host sends are wanted as well; if so nothing passes until
 *            filter_start()
 *
 * Return: a non-blocking descriptor, which the caller owns, or -errno.
 */
int packet_socket(int index, bool outgoing);

/* packet_socket_is_bound() - whether FD is still bound to interface INDEX; not if that was removed,
 * even if it came back */
bool packet_socket_is_bound(int fd, int index);

/* packet_socket_read() - reads a batch of frames
 * @vector: zero initially; one for each socket
 * @missed: receives the number of frames that the kernel has dropped since the last call
 *
 * A tag that the NIC or the kernel stripped goes to frame->stripped_tag, or back into the frame if
 * it is not 802.1Q's.
 * Return: the number of frames, 0 if there are none, or -errno.
 */
int packet_socket_read(int fd, struct packet_vector *vector, struct worker *worker,
                       struct batch *batch, unsigned *missed);

/* packet_socket_write() - as endpoint_ops.tx. Return: also -EMSGSIZE if the first frame, or its
 * segments, exceed MTU bytes of payload. */
int packet_socket_write(int fd, const struct tx_desc *descs, unsigned count, unsigned mtu);

#endif
