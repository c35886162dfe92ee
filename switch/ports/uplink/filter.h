/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * filter.h - which frames on an interface come up to the switch at all
 *
 * A packet socket sees all that the interface receives and all that its host sends. The host's own conversations are
 * kept out in the kernel, by a classic BPF program on the socket (socket(7), SO_ATTACH_FILTER), which needs no privilege:
 *
 * - received: all but what was for the host alone, and but what we injected ourselves (host.h)
 * - sent by the host: to groups, and to the addresses behind the switch
 */
#ifndef VSW_PORTS_UPLINK_FILTER_H
#define VSW_PORTS_UPLINK_FILTER_H

#include "core/switch.h"

/* filter_attach_none() - nothing comes up through FD; for the time before it is bound. Return: 0 or -errno. */
int filter_attach_none(int fd);

/* filter_attach_wire() - what comes in by the wire, and nothing that the host sends */
int filter_attach_wire(int fd);

/* filter_attach_all() - besides that all that the host sends, whoever it is for: right, but not cheap */
int filter_attach_all(int fd);

/* The last four bytes of each address. Two addresses that differ in the first two alone are as good as one: whatever
 * comes up too many is sorted out by the switch. Zero it to begin with. */
enum { KNOWN_MAX = 1200 }; /* two or three instructions each, of the 4,096 that there may be */
struct known_addresses {
    uint32_t address[KNOWN_MAX]; /* ascending */
    unsigned count;
};

/* filter_attach_known() - besides that what the host sends to groups and to addresses that SW knows behind ports other
 * than PORT
 * @known: those of the last time, which stay while there is room: a guest that has been silent for so long that the switch
 *         forgot it must still be found
 *
 * Return: 0; -E2BIG if they are too many, or SW does not know them all; or another -errno.
 */
int filter_attach_known(int fd, struct vswitch *sw, const struct port *port,
                        struct known_addresses *known);

#endif
