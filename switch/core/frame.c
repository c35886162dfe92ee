/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/frame.h"

#include <string.h>

static bool arp_is_gratuitous(const uint8_t *arp, size_t length);
static bool is_unsolicited_advertisement(const uint8_t *ip, size_t length);
static uint64_t digest_bytes(uint64_t digest, const uint8_t *bytes, size_t length);
static void lay_out(struct tx_desc *desc, const struct frame *frame, const uint8_t *head,
                    uint32_t length, int tci);
static void tx_desc_add(struct tx_desc *desc, const uint8_t *bytes, size_t length);

enum drop_reason frame_parse(struct frame *frame)
{
    frame->tag_bytes = 0;
    frame->tagged = false;
    frame->tci = 0;
    if (frame->length < FRAME_HEADER)
        return DROP_RUNT;
    if (frame->stripped_tag != TAG_NONE) {
        frame->tagged = true;
        frame->tci = (uint16_t)frame->stripped_tag;
        return (frame->tci & TCI_VID) == TCI_VID ? DROP_BAD_TAG : DROP_NONE;
    }
    if (read_be16(frame->bytes + FRAME_ADDRESSES) != ETHERTYPE_CTAG)
        return DROP_NONE;
    if (frame->length < FRAME_HEADER + TAG_BYTES)
        return DROP_BAD_TAG;
    frame->tag_bytes = TAG_BYTES;
    frame->tagged = true;
    frame->tci = read_be16(frame->bytes + FRAME_HEADER);
    return (frame->tci & TCI_VID) == TCI_VID ? DROP_BAD_TAG : DROP_NONE;
}

bool frame_is_reserved(const struct frame *frame)
{
    static const uint8_t reserved[MAC_BYTES - 1] = {0x01, 0x80, 0xc2, 0x00, 0x00};

    return !memcmp(frame->bytes, reserved, sizeof(reserved)) && frame->bytes[MAC_BYTES - 1] <= 0x0f;
}

bool frame_hides_tag(const struct frame *frame)
{
    uint16_t type = read_be16(frame->bytes + FRAME_ADDRESSES + frame->tag_bytes);

    return type == ETHERTYPE_CTAG || type == ETHERTYPE_STAG;
}

bool frame_announces_move(const struct frame *frame)
{
    const uint8_t *type = frame->bytes + FRAME_ADDRESSES + frame->tag_bytes;
    size_t payload = frame->length - FRAME_HEADER - frame->tag_bytes;

    switch (read_be16(type)) {
    case ETHERTYPE_RARP:
        return true;
    case ETHERTYPE_ARP:
        return arp_is_gratuitous(type + 2, payload);
    case ETHERTYPE_IPV6:
        return is_unsolicited_advertisement(type + 2, payload);
    default:
        return false;
    }
}

uint64_t frame_digest(const struct frame *frame)
{
    /* Addresses, EtherType and the first headers: ARP, IPv6 and DHCP frames differ there if they differ at all. */
    enum { DIGESTED = 256 };
    size_t body = frame->length - FRAME_ADDRESSES - frame->tag_bytes;
    uint64_t digest = body;

    digest = digest_bytes(digest, frame->bytes, FRAME_ADDRESSES);
    digest = digest_bytes(digest, frame->bytes + FRAME_ADDRESSES + frame->tag_bytes,
                          body < DIGESTED ? body : DIGESTED);
    return digest ? digest : 1;
}

void tx_desc_make(struct tx_desc *desc, const struct frame *frame, int tci)
{
    int moved = (tci == TAG_NONE ? 0 : TAG_BYTES) - frame->tag_bytes;
    struct offload *offload = &desc->offload;

    desc->iov_count = 0;
    desc->length = 0;
    lay_out(desc, frame, frame->bytes, frame->length, tci);
    desc->wire_length = desc->length;
    *offload = frame->offload;
    if (!offload_any(offload))
        return;
    offload->csum_start = (uint16_t)(offload->csum_start + moved);
    if (offload->gso == GSO_NONE)
        return;
    offload->network = (uint16_t)(offload->network + moved);
    offload->transport = (uint16_t)(offload->transport + moved);
    offload->headers = (uint16_t)(offload->headers + moved);
    desc->wire_length = (uint32_t)offload->headers + offload->gso_size;
}

void tx_desc_make_segment(struct tx_desc *desc, const struct frame *frame,
                          const struct segment *segment, int tci)
{
    desc->iov_count = 0;
    desc->length = 0;
    desc->offload = (struct offload){0};
    lay_out(desc, frame, segment->head, segment->head_length, tci);
    if (segment->payload_length > 0)
        tx_desc_add(desc, segment->payload, segment->payload_length);
    desc->wire_length = desc->length;
}

/* ARP over Ethernet and IPv4 (RFC 826): hardware type 1, protocol 0x0800, address lengths 6 and 4. */
static bool arp_is_gratuitous(const uint8_t *arp, size_t length)
{
    static const uint8_t ethernet_ipv4[] = {0x00, 0x01, 0x08, 0x00, 6, 4};
    enum { SENDER = 14, TARGET = 24, LENGTH = 28 };

    return length >= LENGTH && !memcmp(arp, ethernet_ipv4, sizeof(ethernet_ipv4)) &&
           !memcmp(arp + SENDER, arp + TARGET, 4);
}

/* RFC 4861 section 4.4: ICMPv6 type 136, flags R, S and O in the top bits of the fifth byte. */
static bool is_unsolicited_advertisement(const uint8_t *ip, size_t length)
{
    static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
    enum {
        NEXT_HEADER = 6,
        TO = 24,
        ICMP = 40,
        ICMPV6 = 58,
        ADVERTISEMENT = 136,
        SOLICITED = 0x40
    };

    return length >= ICMP + 8 && ip[NEXT_HEADER] == ICMPV6 && !memcmp(ip + TO, all_nodes, 16) &&
           ip[ICMP] == ADVERTISEMENT && !(ip[ICMP + 4] & SOLICITED);
}

/* Eight bytes at a time; multiplication by an odd constant spreads them, the shift folds them back. */
static uint64_t digest_bytes(uint64_t digest, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        size_t step = length < sizeof(uint64_t) ? length : sizeof(uint64_t);
        uint64_t word = 0;

        memcpy(&word, bytes, step);
        digest = (digest ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        digest ^= digest >> 32;
        bytes += step;
        length -= step;
    }
    return digest;
}

/* Adds the first LENGTH bytes of FRAME, or a copy of them, as HEAD, with TCI in place of the tag that they have. */
static void lay_out(struct tx_desc *desc, const struct frame *frame, const uint8_t *head,
                    uint32_t length, int tci)
{
    bool as_it_came = tci == TAG_NONE ? frame->tag_bytes == 0
                                      : frame->tag_bytes == TAG_BYTES && tci == frame->tci;

    if (as_it_came) {
        tx_desc_add(desc, head, length);
        return;
    }
    tx_desc_add(desc, head, FRAME_ADDRESSES);
    if (tci != TAG_NONE) {
        desc->tag[0] = ETHERTYPE_CTAG >> 8;
        desc->tag[1] = ETHERTYPE_CTAG & 0xff;
        desc->tag[2] = (uint8_t)(tci >> 8);
        desc->tag[3] = (uint8_t)tci;
        tx_desc_add(desc, desc->tag, TAG_BYTES);
    }
    tx_desc_add(desc, head + FRAME_ADDRESSES + frame->tag_bytes,
                length - FRAME_ADDRESSES - frame->tag_bytes);
}

static void tx_desc_add(struct tx_desc *desc, const uint8_t *bytes, size_t length)
{
    /* Endpoints only read what an iovec points to; its type cannot say so. */
    desc->iov[desc->iov_count++] = (struct iovec){(void *)(uintptr_t)bytes, length};
    desc->length += (uint32_t)length;
}
