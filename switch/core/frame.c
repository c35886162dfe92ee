/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/frame.h"

#include <string.h>

static bool frame_arp_is_gratuitous(const uint8_t *arp, size_t length);
static bool frame_is_unsolicited_na(const uint8_t *ip, size_t length);
static uint64_t frame_digest_bytes(uint64_t digest, const uint8_t *bytes, size_t length);

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
        return frame_arp_is_gratuitous(type + 2, payload);
    case ETHERTYPE_IPV6:
        return frame_is_unsolicited_na(type + 2, payload);
    default:
        return false;
    }
}

uint64_t frame_digest(const struct frame *frame)
{
    /* Addresses, EtherType and the first headers: ARP, IPv6 and DHCP frames differ there if they
     * differ at all. */
    enum { DIGESTED = 256 };
    size_t body = frame->length - FRAME_ADDRESSES - frame->tag_bytes;
    uint64_t digest = body;

    digest = frame_digest_bytes(digest, frame->bytes, FRAME_ADDRESSES);
    digest = frame_digest_bytes(digest, frame->bytes + FRAME_ADDRESSES + frame->tag_bytes,
                                body < DIGESTED ? body : DIGESTED);
    return digest ? digest : 1;
}

/* ARP over Ethernet and IPv4 (RFC 826): hardware type 1, protocol 0x0800, address lengths 6 and
 * 4. */
static bool frame_arp_is_gratuitous(const uint8_t *arp, size_t length)
{
    static const uint8_t ethernet_ipv4[] = {0x00, 0x01, 0x08, 0x00, 6, 4};
    enum { SENDER = 14, TARGET = 24, LENGTH = 28 };

    return length >= LENGTH && !memcmp(arp, ethernet_ipv4, sizeof(ethernet_ipv4)) &&
           !memcmp(arp + SENDER, arp + TARGET, 4);
}

/* RFC 4861 section 4.4: ICMPv6 type 136, flags R, S and O in the top bits of the fifth byte. */
static bool frame_is_unsolicited_na(const uint8_t *ip, size_t length)
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

/* Eight bytes at a time; multiplication by an odd constant spreads them, the shift folds them
 * back. */
static uint64_t frame_digest_bytes(uint64_t digest, const uint8_t *bytes, size_t length)
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
