/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vnet.h - the header in which the kernel says what is left to do for a frame
 *
 * struct virtio_net_hdr of virtio 1.2 section 5.1.6, 10 bytes, in the byte order of this machine ("legacy"): in front of
 * each frame of a TAP with IFF_VNET_HDR and of a packet socket with PACKET_VNET_HDR.
 *
 * And TAPs themselves, which are opened with it (Linux: Documentation/networking/tuntap.rst).
 */
#ifndef VSW_PORTS_IO_VNET_H
#define VSW_PORTS_IO_VNET_H

#include "core/tx_desc.h"

#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>

/* newer than the headers of Debian 12 */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

/* what every kernel takes with this header */
enum { VNET_OFFLOADS = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_ECN };

/* vnet_read() - sets OFFLOAD to what HEADER says; whether that is true, offload_check() finds out */
void vnet_read(const struct virtio_net_hdr *header, struct offload *offload);

/* A frame as the kernel wants it: the header in front of its iovecs. Not to be moved: it points into itself. */
struct vnet_desc {
    struct virtio_net_hdr header;
    struct iovec iov[1 + TX_DESC_IOVS];
    unsigned iov_count;
};

/* vnet_make() - lays DESC out with its header in front; it points to DESC's bytes */
void vnet_make(struct vnet_desc *made, const struct tx_desc *desc);

/* vnet_open_tap() - a TAP interface of the name IFNAME, made if there is none
 * @ifname: receives the name that the kernel gave it: vsw%d is a pattern
 *
 * Return: a non-blocking descriptor, whose frames have the header; VNET_NO_DRIVER if /dev/net/tun cannot be opened, with errno
 * set; or -errno.
 */
enum { VNET_NO_DRIVER = -100000 };
int vnet_open_tap(char ifname[IFNAMSIZ]);

/* vnet_send() - writes DESC to a TAP. Return: 0 or -errno. */
int vnet_send(int fd, const struct tx_desc *desc);

#endif
