/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * udp_tx.h - a batch of frames into a UDP socket, runs of one length as one message
 */
#ifndef VSW_PORTS_DGRAM_UDP_TX_H
#define VSW_PORTS_DGRAM_UDP_TX_H

#include "core/frame.h"
#include "ports/listen/address.h"

struct udp_tx {
    int fd;
    bool cuts;          /* the kernel knows how */
    uint32_t cut_below; /* shorter frames than this may leave as a run, as far as we know */
    uint64_t forget;    /* when that may not be so any more */
    unsigned singly;    /* so many frames of a run that was refused go one by one */
};

/* udp_tx_init() - frames are to leave by FD, a UDP socket, which stays the caller's. What joins datagrams there is turned off,
 * both ways: the program that opened it may have wanted that (UDP_CORK, UDP_GRO; udp(7)). */
void udp_tx_init(struct udp_tx *tx, int fd);

/* udp_tx() - as endpoint_ops.tx, to TO, or if that is NULL to the peer that the socket is connected to */
int udp_tx(struct udp_tx *tx, const struct tx_desc *descs, unsigned count,
           const struct address *to);

#endif
