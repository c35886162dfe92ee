/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * frame.h - one Ethernet frame on its way through the switch
 *
 * Theory of operation. A frame's bytes are written once, by the endpoint that received them, and are never changed
 * after that: one buffer serves every port of a flood. What the switch knows and decides about a frame stands beside
 * the bytes, the 802.1Q tag among it. A tag that arrives inside the bytes is left there and stepped around: seen from
 * the switch the frame is always
 *
 *     bytes[0..11]                 destination and source address
 *     bytes[12 + tag_bytes ..]     EtherType and payload
 *
 * and a tag is added, changed or removed on the way out by the choice of the iovecs that are gathered (tx_desc.h).
 *
 * A frame may still need offload: its checksum is partial, or it is a GSO frame (struct offload; offload.h).
 */
#ifndef VSW_CORE_FRAME_H
#define VSW_CORE_FRAME_H

#include "core/drop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    MAC_BYTES = 6,
    FRAME_ADDRESSES = 12, /* both addresses */
    FRAME_HEADER = 14,    /* addresses and EtherType; nothing shorter is a frame */
    TAG_BYTES = 4,        /* TPID 0x8100 and TCI; IEEE 802.1Q-2018 clause 9.4 */

    /* the payload of the longest frame: the jumbo size of VDE and most hardware */
    FRAME_MTU = 9216,
    FRAME_MAX = FRAME_MTU + FRAME_HEADER + TAG_BYTES,

    /* the longest IP packet, with its Ethernet header and two tags */
    GSO_FRAME_MAX = 65535 + FRAME_HEADER + 2 * TAG_BYTES,
};

enum ethertype {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_ARP = 0x0806,
    ETHERTYPE_RARP = 0x8035,
    ETHERTYPE_CTAG = 0x8100, /* 802.1Q customer tag */
    ETHERTYPE_STAG = 0x88a8, /* 802.1ad service tag: payload to us */
    ETHERTYPE_IPV6 = 0x86dd,
};

/* tag control information: PCP (3 bits), DEI (1), VID (12); IEEE 802.1Q-2018 clause 9.6 */
enum { TCI_VID = 0x0fff, TCI_PRIORITY = 0xf000, TAG_NONE = -1 };

enum gso_type { GSO_NONE, GSO_TCP4, GSO_TCP6, GSO_UDP, GSO_TYPES };

/* What must still be done before the frame may go on a wire; all zero: nothing. As in struct virtio_net_hdr (virtio 1.2
 * section 5.1.6.2). Offsets count from the first byte. */
struct offload {
    bool needs_csum; /* checksum at csum_start + csum_offset: holds the pseudo header's sum alone */
    bool ecn;        /* of a TCP GSO frame: CWR is set */
    uint8_t gso;     /* enum gso_type: what kind of GSO frame this is */
    bool ipv6;       /* this and the last three are filled in by offload_parse(), for GSO frames */
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t gso_size; /* payload bytes of each segment but the last */
    uint16_t network;
    uint16_t transport;
    uint16_t headers; /* where the payload begins */
};

static inline bool offload_any(const struct offload *offload)
{
    return offload->needs_csum || offload->gso != GSO_NONE;
}

struct fdb_remote;

struct frame {
    /* set by the endpoint that received it */
    const uint8_t *bytes;
    uint32_t length;  /* as it arrived, a tag included; see frame_is_giant() */
    int stripped_tag; /* TCI of a tag that was removed on the way here, or TAG_NONE */
    const struct fdb_remote *remote; /* far end of a tunnel it came through, or NULL */
    struct offload offload;

    /* set by frame_parse(): what the bytes say */
    uint8_t tag_bytes; /* TAG_BYTES if a tag stands in the bytes, else 0 */
    bool tagged;       /* it came with a tag, of VID 0 perhaps */
    uint16_t tci;      /* that tag, else 0 */

    /* decided on the way; an endpoint may set a drop reason before that */
    uint8_t drop; /* enum drop_reason; DROP_NONE while it lives */
    bool moved;   /* its source address, or the frame itself, was last heard behind another port */
    uint16_t vid; /* the VLAN it belongs to, 0 for VDE's "no VLAN" */
};

/* frame_init() - a frame of LENGTH BYTES just arrived, with nothing special about it */
static inline void frame_init(struct frame *frame, const uint8_t *bytes, uint32_t length)
{
    frame->bytes = bytes;
    frame->length = length;
    frame->stripped_tag = TAG_NONE;
    frame->remote = NULL;
    frame->offload = (struct offload){0};
    frame->drop = DROP_NONE;
    frame->moved = false;
}

/* Of a giant, which is dropped for one reason or another, only FRAME_MAX bytes need be there. */
static inline bool frame_is_giant(const struct frame *frame)
{
    return frame->length > (frame->offload.gso == GSO_NONE ? FRAME_MAX : GSO_FRAME_MAX);
}

static inline const uint8_t *frame_destination(const struct frame *frame)
{
    return frame->bytes;
}

static inline const uint8_t *frame_source(const struct frame *frame)
{
    return frame->bytes + MAC_BYTES;
}

/* Whether two frames, whose VLANs are known, came from one station by one way. */
static inline bool frame_same_sender(const struct frame *one, const struct frame *other)
{
    return !memcmp(frame_source(one), frame_source(other), MAC_BYTES) && one->vid == other->vid &&
           one->remote == other->remote;
}

/* The tag that FRAME came with: what a hub passes on. */
static inline int frame_own_tag(const struct frame *frame)
{
    return frame->tagged ? frame->tci : TAG_NONE;
}

/* The I/G bit: a group address, broadcast included. */
static inline bool mac_is_group(const uint8_t *mac)
{
    return mac[0] & 1;
}

static inline uint16_t read_be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* frame_parse() - reads the header of a frame that just arrived and fills in what the bytes say
 * @frame: bytes and length are set
 *
 * The tag read is 802.1Q's C-tag; any other EtherType, 802.1ad's S-tag included, is payload.
 * Return: DROP_NONE, DROP_RUNT or DROP_BAD_TAG.
 */
enum drop_reason frame_parse(struct frame *frame);

/* frame_is_reserved() - whether it is for 01-80-C2-00-00-00 to -0F, which bridges do not forward (802.1Q-2018 table 8-1) */
bool frame_is_reserved(const struct frame *frame);

/* frame_hides_tag() - whether FRAME, sent without its tag, would show another: 802.1Q's, or 802.1ad's
 *
 * A receiver that takes that one for the VLAN lets the sender choose it.
 */
bool frame_hides_tag(const struct frame *frame);

/* frame_announces_move() - whether a station says with this frame that it is here now
 *
 * True for RARP (QEMU after a migration), gratuitous ARP (RFC 5227 section 3: sender and target address are the
 * same), and unsolicited neighbour advertisements (RFC 4861 section 7.2.6: to all nodes, S flag clear).
 */
bool frame_announces_move(const struct frame *frame);

/* frame_digest() - a number, never 0, that tells frames apart: of length, addresses and what follows the tag
 *
 * The tag does not count: a frame that went through another bridge may come back with another one. Not for
 * cryptography: frames with equal digests are easily made.
 */
uint64_t frame_digest(const struct frame *frame);

#endif
