/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vswitch.h - data of a switch: ports, VLANs, addresses, observers
 *
 * Everything hangs from a struct vswitch, so a program can run several side by side. What it takes
 * to carry frames belongs to a struct worker (worker.h). All calls come from one thread. switch.h
 * creates and changes a switch, port.h its ports.
 */
#ifndef VSW_CORE_VSWITCH_H
#define VSW_CORE_VSWITCH_H

#include "core/drop.h"
#include "core/fdb.h"
#include "core/observer.h"
#include "core/vlan.h"

enum {
    PORT_NUMBER_MAX = 65535,

    /* Bounds of one endpoint's queue. The bytes bound the delay: 4 MiB are 34 ms at 1 Gbit/s. The
     * frames leave small ones room to outlast a receiver that does not run for some 50 ms, as
     * happens on a busy host. */
    QUEUE_FRAMES = 16384,
    QUEUE_BYTES = 4 * 1024 * 1024,
};

struct loop_settings {
    unsigned reflections; /* per second that are tolerated as chance */
    /* how long a port is blocked, in nanoseconds; 0 turns loop detection off */
    uint64_t block;
};

struct switch_config {
    unsigned ports;        /* highest port number; port 0 comes on top */
    bool hub;              /* repeat every frame to every port, learn nothing */
    uint8_t mac[6];        /* the switch's own */
    unsigned fdb_capacity; /* fixed at start */
    unsigned learn_limit;  /* learned addresses per port */
    uint64_t fdb_secret;   /* key of the FDB's hash */
    unsigned queue_frames; /* bounds of each endpoint's queue */
    size_t queue_bytes;
    struct loop_settings loop;
};

struct vswitch {
    struct switch_config config;
    struct port **port;   /* config.ports + 1 entries, NULL where not created */
    unsigned lowest_free; /* no port below is free; see port_find_free() */
    struct vlan_table vlans;
    struct flood_set hub; /* attached ports from 1 up */
    struct fdb *fdb;
    struct drop_table drops;
    struct observers observers;
    uint64_t attachments; /* so far; see struct port, attached */
};

/* switch_port() - port NUMBER, or NULL */
static inline struct port *switch_port(const struct vswitch *sw, unsigned number)
{
    return number <= sw->config.ports ? sw->port[number] : NULL;
}

/* switch_next_port() - the lowest port from NUMBER up, or NULL */
static inline struct port *switch_next_port(const struct vswitch *sw, unsigned number)
{
    while (number <= sw->config.ports && !sw->port[number])
        number++;
    return switch_port(sw, number);
}

/* Visits all ports of SW in order. The current one may be removed. */
#define switch_for_each_port(sw, port)                                                             \
    for (struct port *port = switch_next_port(sw, 0), *port##_after;                               \
         port && (port##_after = switch_next_port(sw, port->number + 1), true);                    \
         port = port##_after)

#endif
