/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vnet.h - the header in which the kernel says what is unfinished about a frame
 *
 * struct virtio_net_hdr of virtio 1.2 section 5.1.6, 10 bytes, in the byte order of this machine ("legacy"): in front of
 * each frame of a TAP with IFF_VNET_HDR and of a packet socket with PACKET_VNET_HDR.
 */
#ifndef VSW_PORTS_VNET_H
#define VSW_PORTS_VNET_H

#include "core/offload.h"

#include <linux/if_tun.h>
#include <linux/virtio_net.h>

/* newer than the headers of Debian 12 */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* what every kernel takes with this header */
enum { VNET_TAKES = TAKES_CHECKSUM | TAKES_TCP4 | TAKES_TCP6 | TAKES_ECN };

/* vnet_read() - sets OFFLOAD to what HEADER says; whether that is true, offload_check() finds out */
void vnet_read(const struct virtio_net_hdr *header, struct offload *offload);

/* vnet_write() - the opposite */
void vnet_write(const struct offload *offload, struct virtio_net_hdr *header);

#endif
