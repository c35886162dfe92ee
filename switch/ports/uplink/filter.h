/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * filter.h - which frames on an interface come up to the switch at all, as addresses come and go
 *
 * What the host sends comes up if it is for a group, or for an address behind the switch. The program that looks for these
 * (bpf.h) is made anew when they change. Until that is done, and at once, all that the host sends comes up, so that nobody's
 * first frames are lost. A guest that has been silent for so long that the switch forgot it must still be found: addresses
 * stay while there is room.
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
    ev_timer due;                      /* runs while the filter is open */
    uint32_t known[BPF_ADDRESSES_MAX]; /* ascending */
    unsigned count;
};

/* filter_start() - looks after what comes up through FD, a packet socket that is attached to PORT
 * @filter: zero at first; what it knows outlives filter_stop(), for the next time
 */
void filter_start(struct filter *filter, struct context *context, const struct port *port, int fd);
void filter_stop(struct filter *filter);

#endif
