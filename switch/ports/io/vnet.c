/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/io/vnet.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const uint8_t gso_of[] = {
    [GSO_NONE] = VIRTIO_NET_HDR_GSO_NONE,
    [GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
    [GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
    [GSO_UDP] = VIRTIO_NET_HDR_GSO_UDP_L4,
};
static_assert(sizeof(gso_of) == GSO_TYPES, "a kind of GSO frame has no number in the header");

void vnet_read(const struct virtio_net_hdr *header, struct offload *offload)
{
    uint8_t kind = header->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;

    *offload = (struct offload){
        .needs_csum = header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .ecn = header->gso_type & VIRTIO_NET_HDR_GSO_ECN,
        .gso = GSO_NONE,
        .csum_start = header->csum_start,
        .csum_offset = header->csum_offset,
        .gso_size = header->gso_size,
    };
    while (offload->gso < GSO_TYPES && gso_of[offload->gso] != kind)
        offload->gso++;
}

void vnet_make(struct vnet_desc *made, const struct tx_desc *desc)
{
    const struct offload *offload = &desc->offload;
    struct virtio_net_hdr *header = &made->header;

    *header = (struct virtio_net_hdr){0};
    if (offload->needs_csum) {
        header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        header->csum_start = offload->csum_start;
        header->csum_offset = offload->csum_offset;
    }
    if (offload->gso != GSO_NONE) {
        header->gso_type = gso_of[offload->gso] | (offload->ecn ? VIRTIO_NET_HDR_GSO_ECN : 0);
        header->gso_size = offload->gso_size;
        header->hdr_len = offload->headers;
    }
    made->iov[0] = (struct iovec){header, sizeof(*header)};
    memcpy(made->iov + 1, desc->iov, desc->iov_count * sizeof(struct iovec));
    made->iov_count = desc->iov_count + 1;
}

int vnet_open_tap(char ifname[IFNAMSIZ])
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int size = sizeof(struct virtio_net_hdr), status;

    if (fd < 0)
        return VNET_NO_DRIVER;
    memcpy(request.ifr_name, ifname, IFNAMSIZ);
    /* The header size outlives the interface's users: QEMU leaves 12 bytes behind. */
    if (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &size) < 0) {
        status = -errno;
        close(fd);
        return status;
    }
    memcpy(ifname, request.ifr_name, IFNAMSIZ);
    ifname[IFNAMSIZ - 1] = '\0';
    return fd;
}

int vnet_send(int fd, const struct tx_desc *desc)
{
    struct vnet_desc made;

    vnet_make(&made, desc);
    return writev(fd, made.iov, (int)made.iov_count) < 0 ? -errno : 0;
}
