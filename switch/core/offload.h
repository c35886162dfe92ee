/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * offload.h - GSO frames and partial checksums
 *
 * A sender that leaves a checksum to be filled in, or sends many TCP segments or UDP datagrams as
 * one GSO frame, says so in a struct offload beside the frame (virtio 1.2 section 5.1.6.2, struct
 * virtio_net_hdr). The switch passes that on to endpoints with the capability, which makes them
 * fast, and completes the frame for all others: once per frame of a batch, however many endpoints
 * need it.
 *
 * Completing never changes the frame: the headers of each segment are copied and completed, the
 * payload stays where it is.
 */
#ifndef VSW_CORE_OFFLOAD_H
#define VSW_CORE_OFFLOAD_H

#include "core/batch.h"

/* Offload capabilities: what an endpoint takes without completion; bits of endpoint->offloads. */
enum {
    OFFLOAD_CSUM = 1 << 0, /* partial checksums */
    OFFLOAD_TSO4 = 1 << 1, /* GSO frames of TCP over IPv4 */
    OFFLOAD_TSO6 = 1 << 2, /* and over IPv6 */
    OFFLOAD_ECN = 1 << 3,  /* those of them with CWR set (RFC 3168 section 6.1.2) */
    OFFLOAD_USO = 1 << 4,  /* GSO frames of UDP */
};

/* A completed frame: its own headers, and a piece of the GSO frame's payload. */
struct segment {
    uint8_t *head;
    const uint8_t *payload;
    uint32_t head_length;
    uint32_t payload_length;
};

enum {
    SEGMENTS_MAX = 1024, /* of one frame; 64 bytes of payload each in one of full length */
    HEADERS_MAX = 512,   /* of a GSO frame: what is repeated in front of each segment */
    SCRATCH_SEGMENTS = 4096,
    SCRATCH_BYTES = SEGMENTS_MAX * HEADERS_MAX,
};

/* The completed frames of a batch, for all endpoints that need them. */
struct gso_scratch {
    uint64_t known; /* set of the batch's frames that are completed */
    struct gso_result {
        uint16_t first, count; /* in segment[] */
    } frame[BATCH_FRAMES];
    unsigned segments;
    uint32_t used;
    struct segment segment[SCRATCH_SEGMENTS];
    uint8_t bytes[SCRATCH_BYTES];
};

/* offload_parse() - checks the offload metadata of a parsed frame against its bytes, and finds the
 * headers of a GSO frame
 *
 * A GSO frame of just one segment becomes an ordinary frame. Frames that pass can be completed.
 * Return: DROP_NONE, DROP_BAD_OFFLOAD, or DROP_GIANT for a frame or segment longer than FRAME_MAX.
 */
static inline enum drop_reason offload_parse(struct frame *frame);

/* offload_needs() - the capabilities that an endpoint needs to take a frame with OFFLOAD as it
 * is */
unsigned offload_needs(const struct offload *offload);

/* offload_parse_metadata() - offload_parse() for a frame that has any */
enum drop_reason offload_parse_metadata(struct frame *frame);

static inline enum drop_reason offload_parse(struct frame *frame)
{
    if (offload_any(&frame->offload) || frame->offload.ecn)
        return offload_parse_metadata(frame);
    return frame->length > FRAME_MAX ? DROP_GIANT : DROP_NONE;
}

/* gso_scratch_reset() - forgets completed frames: a new batch begins */
static inline void gso_scratch_reset(struct gso_scratch *scratch)
{
    scratch->known = 0;
    scratch->segments = 0;
    scratch->used = 0;
}

/* offload_complete() - segments FRAME or completes its checksum, unless SCRATCH has it already
 * @index:    the frame's index in the batch
 * @frame:    has passed offload_parse()
 * @segments: set to the first resulting segment; they live until gso_scratch_reset()
 *
 * Return: how many, at least one; 0 if there is no room beside those of other frames:
 * gso_scratch_reset() makes room.
 */
unsigned offload_complete(struct gso_scratch *scratch, unsigned index, const struct frame *frame,
                          const struct segment **segments);

#endif
