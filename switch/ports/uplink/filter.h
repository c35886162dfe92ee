/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * filter.h - keeps an uplink's socket filter up to date as addresses come and go
 *
 * Frames that the host sends are passed to the switch if they are for a group, or for an address
 * behind the switch. The BPF program that looks for these (bpf.h) is rebuilt when the addresses
 * change. Meanwhile the filter is opened wide at once, so no first frames are lost. Addresses that
 * the FDB has aged out are kept while there is room: a guest that has been silent must still be
 * reached.
 */
#ifndef VSW_PORTS_UPLINK_FILTER_H
#define VSW_PORTS_UPLINK_FILTER_H

#include "ports/context.h"
#include "ports/uplink/bpf.h"

struct filter {
    int fd;
    struct context *context;
    const struct port *port;
    struct observer addresses;
    struct deferred opening;           /* an address was learned in this batch */
    ev_timer due;                      /* active while the filter is wide open */
    uint32_t known[BPF_ADDRESSES_MAX]; /* ascending */
    unsigned count;
};

/* filter_start(), filter_stop() - maintain the filter of FD, the packet socket of an uplink
 * attached to PORT
 * @filter: zero initially; keeps its addresses after filter_stop(), for the next start
 */
void filter_start(struct filter *filter, struct context *context, const struct port *port, int fd);
void filter_stop(struct filter *filter);

/* filter_catch_up() - opens the filter now if an address was learned in the batch in hand; for
 * tx(), before a frame is sent that the host may answer at once */
void filter_catch_up(struct filter *filter);

#endif
