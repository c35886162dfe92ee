/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * frame.h - an Ethernet frame inside the switch
 *
 * Theory of operation. A frame's bytes are written once, by the endpoint that received them, and
 * never changed after that: one buffer serves every port of a flood. What the switch knows and
 * decides about a frame is kept beside the bytes, its 802.1Q tag included. A tag that arrives
 * inside the bytes stays there and is skipped: to the switch a frame always is
 *
 *     bytes[0..11]                 destination and source address
 *     bytes[12 + tag_bytes ..]     EtherType and payload
 *
 * A tag is added, changed or removed on the way out by the choice of the iovecs (tx_desc.h).
 *
 * A frame may need offload: its checksum is partial, or it is a GSO frame (struct offload;
 * offload.h).
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

/* What must be done before the frame may go on a wire; all zero: nothing. As in struct
 * virtio_net_hdr (virtio 1.2 section 5.1.6.2). Offsets count from the first byte. */
struct offload {
    /* the checksum at csum_start + csum_offset holds only the pseudo header's sum */
    bool needs_csum;
    bool ecn;    /* of a TCP GSO frame: CWR is set */
    uint8_t gso; /* enum gso_type */
    /* this and the last three are filled in by offload_parse(), for GSO frames */
    bool ipv6;
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
    /* as it arrived, a tag included; of a giant, only FRAME_MAX bytes need be in memory */
    uint32_t length;
    int stripped_tag; /* TCI of a tag that was removed on the way here, or TAG_NONE */
    const struct fdb_remote *remote; /* far end of its tunnel, or NULL */
    struct offload offload;

    /* set by frame_parse(): what the bytes say */
    uint8_t tag_bytes; /* TAG_BYTES if a tag is in the bytes, else 0 */
    bool tagged;       /* it came with a tag, of VID 0 perhaps */
    uint16_t tci;      /* that tag, else 0 */

    /* decided by the switch; an endpoint may set a drop reason before that */
    uint8_t drop; /* enum drop_reason; DROP_NONE if it is not dropped */
    bool moved;   /* its source address, or the frame itself, was last heard at another port */
    uint16_t vid; /* the VLAN it belongs to, 0 for VDE's "no VLAN" */
};

/* frame_init() - FRAME of LENGTH BYTES has just arrived, untagged and without offloads as far as
 * known */
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

/* Whether two frames, whose VLANs are known, came from one station and tunnel. */
static inline bool frame_same_sender(const struct frame *one, const struct frame *other)
{
    return !memcmp(frame_source(one), frame_source(other), MAC_BYTES) && one->vid == other->vid &&
           one->remote == other->remote;
}

/* FRAME's own tag, or TAG_NONE: what a hub passes on. */
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

/* frame_parse() - reads the header of a frame that just arrived
 * @frame: bytes, length and stripped_tag are set
 *
 * The tag read is 802.1Q's C-tag; any other EtherType, 802.1ad's S-tag included, is payload.
 * Return: DROP_NONE, DROP_RUNT or DROP_BAD_TAG.
 */
enum drop_reason frame_parse(struct frame *frame);

/* frame_is_reserved() - whether FRAME is for 01-80-C2-00-00-00 to -0F, which bridges do not forward
 * (802.1Q-2018 table 8-1) */
bool frame_is_reserved(const struct frame *frame);

/* frame_hides_tag() - whether another tag, 802.1Q's or 802.1ad's, follows FRAME's own
 *
 * If FRAME were sent without its tag, a receiver would take that one for the VLAN: the sender would
 * choose it.
 */
bool frame_hides_tag(const struct frame *frame);

/* frame_announces_move() - whether a station announces with this frame that it is here now
 *
 * True for RARP (QEMU after a migration), gratuitous ARP (RFC 5227 section 3: sender and target
 * address are the same), and unsolicited neighbour advertisements (RFC 4861 section 7.2.6: to all
 * nodes, S flag clear).
 */
bool frame_announces_move(const struct frame *frame);

/* frame_digest() - a number, never 0, that tells frames apart: of length, addresses and what
 * follows the tag
 *
 * The tag does not count: a frame that went through another bridge may return with another one. Not
 * cryptographic: frames with equal digests are easily made.
 */
uint64_t frame_digest(const struct frame *frame);

#endif
