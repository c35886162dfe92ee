/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tx_desc.h - one frame as an endpoint is asked to send it
 *
 * A frame that leaves as it came is one iovec; one with another tag, or a segment of a GSO frame, is gathered from a few.
 */
#ifndef VSW_CORE_TX_DESC_H
#define VSW_CORE_TX_DESC_H

#include "core/offload.h"

#include <sys/uio.h>

enum { TX_DESC_IOVS = 4 }; /* addresses, tag, headers, payload */

struct tx_desc {
    struct iovec iov[TX_DESC_IOVS];
    unsigned iov_count;
    uint32_t length;            /* sum of the iovecs */
    uint32_t wire_length;       /* of the longest frame that it becomes on a wire */
    int tci;                    /* the tag that it has, or TAG_NONE */
    const uint8_t *destination; /* address; in the first iovec */
    struct offload offload;     /* what the endpoint is left to do */
    uint8_t tag[TAG_BYTES];
};

/* tx_desc_make() - lays FRAME out for the way out
 * @desc: not to be moved or copied afterwards: it may point into itself
 * @tci:  the tag to send, or TAG_NONE
 */
void tx_desc_make(struct tx_desc *desc, const struct frame *frame, int tci);

/* tx_desc_make_segment() - the same for a SEGMENT of FRAME (offload_complete()) */
void tx_desc_make_segment(struct tx_desc *desc, const struct frame *frame,
                          const struct segment *segment, int tci);

#endif
