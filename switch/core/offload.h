/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * offload.h - checksums left open and frames not yet cut, and how they are finished in software
 *
 * Whoever leaves a checksum to be filled in, or hands over many TCP segments or UDP datagrams as one super-frame, says so
 * in a struct offload beside the frame (virtio 1.2 section 5.1.6.2, struct virtio_net_hdr). The switch passes that on
 * to endpoints that take it, for which super-frames are what makes them fast, and finishes the frame for all
 * others. Whatever is finished is done once for each frame of a batch, however many endpoints need it.
 *
 * Finishing never changes the frame: the headers of each segment are copied and completed, the payload stays where it is.
 */
#ifndef VSW_CORE_OFFLOAD_H
#define VSW_CORE_OFFLOAD_H

#include "core/frame.h"

/* What an endpoint takes unfinished; bits of endpoint->takes. */
enum {
    OFFLOAD_CSUM = 1 << 0, /* partial checksums */
    OFFLOAD_TSO4 = 1 << 1, /* super-frames of TCP over IPv4 */
    OFFLOAD_TSO6 = 1 << 2,
    OFFLOAD_ECN = 1 << 3, /* those of them with CWR set (RFC 3168 section 6.1.2) */
    OFFLOAD_USO = 1 << 4,
};

/* offload_check() - does the metadata of a parsed frame agree with its bytes? Fills in where the headers are.
 *
 * A super-frame that is no longer than one segment becomes an ordinary frame. Frames that pass can be finished.
 * Return: DROP_NONE, DROP_BAD_OFFLOAD, or DROP_GIANT for a frame or segment longer than FRAME_MAX.
 */
enum drop_reason offload_check(struct frame *frame);

/* offload_needs() - the TAKES_* bits that an endpoint must have to be handed a frame with OFFLOAD as it is */
unsigned offload_needs(const struct offload *offload);

/* offload_begin() - forgets what was finished: a new batch begins */
static inline void gso_scratch_reset(struct gso_scratch *finished)
{
    finished->known = 0;
    finished->segments = 0;
    finished->used = 0;
}

/* offload_finish() - finishes FRAME, which offload_check() has passed, unless that was done before
 * @index:    the frame's place in the batch
 * @segments: receives the first of the frames that it becomes; they live until offload_begin()
 *
 * Return: how many, at least one; 0 if there is no room beside those of other frames: offload_begin() makes room.
 */
unsigned offload_complete(struct gso_scratch *finished, unsigned index, const struct frame *frame,
                          const struct segment **segments);

#endif
