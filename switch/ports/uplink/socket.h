/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * socket.h - frames from and to a packet socket, with their tags and what is unfinished about them (packet(7))
 */
#ifndef VSW_PORTS_UPLINK_SOCKET_H
#define VSW_PORTS_UPLINK_SOCKET_H

#include "core/worker.h"
#include "ports/io/vnet.h"

#include <sys/socket.h>

/* What we hand to the wire unfinished: the kernel does what the NIC cannot. */
enum { UPLINK_OFFLOADS = VNET_OFFLOADS };

enum { UPLINK_CONTROL = 128 };

struct packet_vector {
    struct mmsghdr message[BATCH_FRAMES];
    struct iovec iov[BATCH_FRAMES][2];
    struct virtio_net_hdr header[BATCH_FRAMES];
    char control[BATCH_FRAMES][UPLINK_CONTROL];
    unsigned room;   /* frames to ask for: fewer while they are large; 0: not used yet */
    uint32_t missed; /* by the kernel, since the socket is there */
};

/* packet_socket() - a packet socket on interface INDEX, in promiscuous mode
 * @outgoing: what the host sends is wanted, too. Then no frame comes up before a filter says which.
 *
 * Return: a non-blocking descriptor or -errno.
 */
int packet_socket(int index, bool outgoing);

/* packet_socket_is_bound() - is FD still on interface INDEX? One that left, even if it came back, has shaken it off. */
bool packet_socket_is_bound(int fd, int index);

/* packet_socket_read() - reads a batch
 * @missed: receives how many frames the kernel has dropped since it was last asked
 *
 * Tags that the NIC or the kernel took out are put beside the frame again, or into it if they are not 802.1Q's.
 * Return: how many frames, 0 if there is nothing, or -errno.
 */
int packet_socket_read(int fd, struct packet_vector *vector, struct worker *worker,
                       struct batch *batch, unsigned *missed);

/* packet_socket_write() - as endpoint_ops.tx; what is longer than MTU, as a segment, is -EMSGSIZE */
int packet_socket_write(int fd, const struct tx_desc *descs, unsigned count, unsigned mtu);

#endif
