/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tx_desc.h - a tx descriptor: a frame as an endpoint sends it
 *
 * A frame that leaves as it came is one iovec; one with another tag, or a segment of a GSO frame,
 * is gathered from several.
 */
#ifndef VSW_CORE_TX_DESC_H
#define VSW_CORE_TX_DESC_H

#include "core/offload.h"

#include <sys/uio.h>

enum { TX_DESC_IOVS = 4 }; /* addresses, tag, headers, payload */

struct tx_desc {
    struct iovec iov[TX_DESC_IOVS];
    unsigned iov_count;
    uint32_t length; /* sum of the iovecs */
    /* of the longest frame on the wire: its own length, or that of a segment */
    uint32_t wire_length;
    int tci;                    /* its tag, or TAG_NONE */
    const uint8_t *destination; /* destination address; in the first iovec */
    struct offload offload;     /* what is left to the endpoint */
    uint8_t tag[TAG_BYTES];
};

/* tx_desc_make() - lays FRAME out for an endpoint
 * @desc: must not be moved or copied afterwards: it may point into itself
 * @tci:  the tag to send, or TAG_NONE
 */
void tx_desc_make(struct tx_desc *desc, const struct frame *frame, int tci);

/* tx_desc_make_segment() - the same for a SEGMENT of FRAME, from offload_complete() */
void tx_desc_make_segment(struct tx_desc *desc, const struct frame *frame,
                          const struct segment *segment, int tci);

#endif
