/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/vnet.h"

static const uint8_t gso_of[] = {
    [GSO_NONE] = VIRTIO_NET_HDR_GSO_NONE,
    [GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
    [GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
    [GSO_UDP] = VIRTIO_NET_HDR_GSO_UDP_L4,
};

void vnet_read(const struct virtio_net_hdr *header, struct offload *offload)
{
    uint8_t kind = header->gso_type & (uint8_t)~VIRTIO_NET_HDR_GSO_ECN;

    *offload = (struct offload){
        .partial = header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .ecn = header->gso_type & VIRTIO_NET_HDR_GSO_ECN,
        .gso = GSO_NONE,
        .csum_start = header->csum_start,
        .csum_offset = header->csum_offset,
        .size = header->gso_size,
    };
    while (offload->gso < GSO_TYPES && gso_of[offload->gso] != kind)
        offload->gso++;
}

void vnet_write(const struct offload *offload, struct virtio_net_hdr *header)
{
    *header = (struct virtio_net_hdr){0};
    if (offload->partial) {
        header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        header->csum_start = offload->csum_start;
        header->csum_offset = offload->csum_offset;
    }
    if (offload->gso != GSO_NONE) {
        header->gso_type = gso_of[offload->gso] | (offload->ecn ? VIRTIO_NET_HDR_GSO_ECN : 0);
        header->gso_size = offload->size;
        header->hdr_len = offload->headers;
    }
}
