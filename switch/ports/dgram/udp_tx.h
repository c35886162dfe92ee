/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * udp_tx.h - sends a batch of frames to a UDP socket, a run of equal length as one message
 */
#ifndef VSW_PORTS_DGRAM_UDP_TX_H
#define VSW_PORTS_DGRAM_UDP_TX_H

#include "core/tx_desc.h"
#include "ports/listen/address.h"

struct udp_tx {
    int fd;
    bool cuts;          /* the kernel supports UDP_SEGMENT */
    uint32_t cut_below; /* frames shorter than this may be sent as a run, as far as we know */
    uint64_t forget;    /* when to try longer ones again, in monotonic nanoseconds */
    unsigned singly;    /* frames that are still to be sent one by one, of a run that was refused */
};

/* udp_tx_init() - prepares TX to send on FD, a UDP socket, which the caller owns
 *
 * Turns off UDP_CORK and UDP_GRO, which join datagrams (udp(7)): the program that opened FD may
 * have set them.
 */
void udp_tx_init(struct udp_tx *tx, int fd);

/* udp_tx() - as endpoint_ops.tx, to address TO, or if that is NULL to the peer that the socket is
 * connected to */
int udp_tx(struct udp_tx *tx, const struct tx_desc *descs, unsigned count,
           const struct address *to);

#endif
