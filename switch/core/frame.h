/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * frame.h - one Ethernet frame on its way, and the batch it travels in
 *
 * Theory of operation. A frame's bytes are written once, by the endpoint that received them, and are never
 * changed after that: one buffer serves every port of a flood. What the switch knows and decides about a frame
 * stands beside the bytes, the 802.1Q tag among it. A tag that arrives inside the bytes is left there and
 * stepped around: seen from the switch the frame is always
 *
 *     bytes[0..11]                 destination and source address
 *     bytes[12 + tag_bytes ..]     EtherType and payload
 *
 * and a tag is added, changed or taken away on the way out by choosing which runs of memory the endpoint gathers
 * (struct packet). A frame that leaves as it came is one run.
 */
#ifndef VSW_CORE_FRAME_H
#define VSW_CORE_FRAME_H

#include "core/drop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
    MAC_BYTES = 6,
    FRAME_ADDRESSES = 12, /* both addresses */
    FRAME_HEADER = 14,    /* addresses and EtherType; nothing shorter is a frame */
    TAG_BYTES = 4,        /* TPID 0x8100 and TCI; IEEE 802.1Q-2018 clause 9.4 */
    FRAME_MTU =
        9216, /* the payload of the largest frame, the jumbo size of VDE and most hardware */
    FRAME_MAX = FRAME_MTU + FRAME_HEADER + TAG_BYTES,

    /* The frames that one wake of one endpoint may bring. 64 is where the gain of recvmmsg levels off. */
    BATCH_FRAMES = 64,
    BATCH_BUFFER =
        9280, /* holds FRAME_MAX; an odd number of cache lines, so that frame headers spread */
};

enum ethertype {
    ETHERTYPE_ARP = 0x0806,
    ETHERTYPE_RARP = 0x8035,
    ETHERTYPE_CTAG = 0x8100, /* 802.1Q customer tag */
    ETHERTYPE_IPV6 = 0x86dd,
};

/* tag control information: PCP (3 bits), DEI (1), VID (12); IEEE 802.1Q-2018 clause 9.6 */
enum { TCI_VID = 0x0fff, TCI_PRIORITY = 0xf000 };

struct fdb_remote;

struct frame {
    /* set by the endpoint that received it */
    const uint8_t *bytes;
    uint32_t
        length; /* as it arrived, a tag included; beyond FRAME_MAX bytes[] holds only its head */
    const struct fdb_remote *remote; /* far end of a tunnel it came through, or NULL */

    /* set by frame_parse(): what the bytes say */
    uint8_t tag_bytes; /* TAG_BYTES if a tag stands in the bytes, else 0 */
    bool tagged;       /* it came with a tag, of VID 0 perhaps */
    uint16_t tci;      /* that tag, else 0 */

    /* decided on the way */
    uint8_t drop;  /* enum drop_reason; DROP_NONE while it lives */
    bool flapping; /* its source address, or the frame itself, was last heard behind another port */
    uint16_t vid;  /* the VLAN it belongs to, 0 for VDE's "no VLAN" */
};

static inline const uint8_t *frame_destination(const struct frame *frame)
{
    return frame->bytes;
}

static inline const uint8_t *frame_source(const struct frame *frame)
{
    return frame->bytes + MAC_BYTES;
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

/* frame_announces_move() - does a station say with this frame "I am here now"?
 *
 * True for RARP (QEMU after a migration), gratuitous ARP (RFC 5227 section 3: sender and target address are the
 * same), and unsolicited neighbour advertisements (RFC 4861 section 7.2.6: to all nodes, S flag clear).
 */
bool frame_announces_move(const struct frame *frame);

/* frame_digest() - a number, never 0, that tells frames apart: of length, addresses and what follows the tag
 *
 * The tag does not count: a frame that went through another bridge may come back with another one. Not for
 * cryptography: who wants two frames with one digest will find them.
 */
uint64_t frame_digest(const struct frame *frame);

/* What an endpoint is asked to send: the runs of memory that make up one frame. */
struct packet {
    struct iovec iov[3];
    unsigned iov_count;
    uint32_t length; /* sum of the runs */
    uint8_t tag[TAG_BYTES];
};

enum { TAG_NONE = -1 };

/* The tag that FRAME came with: for who passes frames on as they are. */
static inline int frame_own_tag(const struct frame *frame)
{
    return frame->tagged ? frame->tci : TAG_NONE;
}

/* packet_make() - lays FRAME out for the way out
 * @packet: not to be moved or copied afterwards: it may point into itself
 * @tci:    the tag to send, or TAG_NONE
 */
void packet_make(struct packet *packet, const struct frame *frame, int tci);

struct endpoint;

/* The frames that one wake of one endpoint delivered. The buffers belong to the batch and are free again when
 * datapath_run() returns; whoever must keep a frame longer copies it. */
struct batch {
    struct endpoint *from;
    unsigned count;
    struct frame frame[BATCH_FRAMES];
    struct packet packet[BATCH_FRAMES]; /* the way out, laid out for one port at a time */
    uint8_t buffer[BATCH_FRAMES][BATCH_BUFFER];
};

#endif
