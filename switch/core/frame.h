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
 *
 * A frame may be unfinished: its checksum left open, or many TCP segments in one (struct offload). See offload.h.
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

    /* the longest IP packet, with its Ethernet header and two tags */
    GSO_FRAME_MAX = 65535 + FRAME_HEADER + 2 * TAG_BYTES,

    /* The frames that one wake of one endpoint may bring. 64 is where the gain of recvmmsg levels off. */
    BATCH_FRAMES = 64,
    BATCH_BUFFER =
        65600, /* holds SUPER_FRAME_MAX; an odd number of cache lines, so that frame headers spread */
    BATCH_BYTES =
        256 * 1024, /* an endpoint that brings super-frames stops here: caches are small */
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
enum { TCI_VID = 0x0fff, TCI_PRIORITY = 0xf000 };

enum gso_type { GSO_NONE, GSO_TCP4, GSO_TCP6, GSO_UDP, GSO_TYPES };

/* What is left to do before the frame may go on a wire. All zero: nothing. Offsets count from the first byte. */
struct offload {
    bool
        needs_csum; /* the checksum at csum_start + csum_offset holds the pseudo header's sum alone */
    bool ecn;       /* of a TCP super-frame: CWR is set */
    uint8_t gso;    /* enum gso_type: what kind of super-frame this is */
    bool ipv6;      /* the rest is filled in by offload_check(), for super-frames */
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
    uint32_t
        length; /* as it arrived, a tag included; beyond BATCH_BUFFER bytes[] holds only its head */
    int stripped_tag; /* TCI of a tag that was taken out on the way here, or TAG_NONE */
    const struct fdb_remote *remote; /* far end of a tunnel it came through, or NULL */
    struct offload offload;

    /* set by frame_parse(): what the bytes say */
    uint8_t tag_bytes; /* TAG_BYTES if a tag stands in the bytes, else 0 */
    bool tagged;       /* it came with a tag, of VID 0 perhaps */
    uint16_t tci;      /* that tag, else 0 */

    /* decided on the way */
    uint8_t drop;  /* enum drop_reason; DROP_NONE while it lives */
    bool flapping; /* its source address, or the frame itself, was last heard behind another port */
    uint16_t vid;  /* the VLAN it belongs to, 0 for VDE's "no VLAN" */
};

enum { TAG_NONE = -1 };

/* frame_init() - a frame of LENGTH BYTES just arrived, with nothing special about it */
static inline void frame_init(struct frame *frame, const uint8_t *bytes, uint32_t length)
{
    frame->bytes = bytes;
    frame->length = length;
    frame->stripped_tag = TAG_NONE;
    frame->remote = NULL;
    frame->offload = (struct offload){0};
}

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

/* frame_is_reserved() - is it for 01-80-C2-00-00-00 to -0F, which bridges keep to themselves? (802.1Q-2018 table 8-1) */
bool frame_is_reserved(const struct frame *frame);

/* frame_hides_tag() - if FRAME left without its tag, would another follow: 802.1Q's, or 802.1ad's?
 *
 * Whoever takes what follows for a VLAN would let the sender choose it.
 */
bool frame_hides_tag(const struct frame *frame);

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

enum { TX_DESC_IOVS = 4 }; /* addresses, tag, headers, payload */

/* What an endpoint is asked to send: the runs of memory that make up one frame. */
struct tx_desc {
    struct iovec iov[TX_DESC_IOVS];
    unsigned iov_count;
    uint32_t length;      /* sum of the runs */
    uint32_t wire_length; /* of the frames that it is on a wire: its length, or that of a segment */
    struct offload offload;
    uint8_t tag[TAG_BYTES];
};

/* A finished frame: headers of its own, and a piece of the super-frame. */
struct segment {
    uint8_t *head;
    const uint8_t *payload;
    uint32_t head_length;
    uint32_t payload_length;
};

/* The tag that FRAME came with: for who passes frames on as they are. */
static inline int frame_own_tag(const struct frame *frame)
{
    return frame->tagged ? frame->tci : TAG_NONE;
}

/* packet_make() - lays FRAME out for the way out
 * @packet: not to be moved or copied afterwards: it may point into itself
 * @tci:    the tag to send, or TAG_NONE
 */
void tx_desc_make(struct tx_desc *desc, const struct frame *frame, int tci);

/* packet_make_segment() - the same for a SEGMENT of FRAME (offload_finish()) */
void tx_desc_make_segment(struct tx_desc *desc, const struct frame *frame,
                          const struct segment *segment, int tci);

enum {
    SEGMENTS_MAX = 1024, /* of one frame; 64 bytes each, if it is of full length */
    HEADERS_MAX = 512,   /* of a super-frame: all that is repeated in front of each segment */
    SCRATCH_SEGMENTS = 4096,
    SCRATCH_BYTES = SEGMENTS_MAX * HEADERS_MAX,
};

/* The frames of a batch that had to be finished, for all endpoints that need them so. */
struct gso_scratch {
    uint64_t known; /* one bit for each frame of the batch */
    struct gso_result {
        uint16_t first, count; /* in segment[] */
    } frame[BATCH_FRAMES];
    unsigned segments;
    uint32_t used;
    struct segment segment[SCRATCH_SEGMENTS];
    uint8_t bytes[SCRATCH_BYTES];
};

struct endpoint;

/* The frames that one wake of one endpoint delivered. The buffers belong to the batch and are free again when
 * datapath_run() returns; whoever must keep a frame longer copies it. */
struct batch {
    struct endpoint *from;
    unsigned count;
    struct frame frame[BATCH_FRAMES];
    struct tx_desc desc[BATCH_FRAMES]; /* the way out, laid out for one endpoint at a time */
    struct gso_scratch gso;
    uint8_t buffer[BATCH_FRAMES][BATCH_BUFFER];
};

#endif
