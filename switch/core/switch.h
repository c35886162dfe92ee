/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * switch.h - one switch: its ports, VLANs and addresses, and what changes them
 *
 * Everything hangs from a struct vswitch, so a program can run several side by side. All calls come from one
 * thread. Functions that can fail for a reason a user can mend return -errno and change nothing.
 */
#ifndef VSW_CORE_SWITCH_H
#define VSW_CORE_SWITCH_H

#include "core/drop.h"
#include "core/fdb.h"
#include "core/loop.h"
#include "core/port.h"
#include "core/queue.h"
#include "core/vlan.h"
#include "util/list.h"

enum {
    PORT_NUMBER_MAX = 65535,
    PORT_ANY = -1, /* the lowest one from 1 up that is free for the taking */

    /* What one slow endpoint may hold. Bytes are what bounds the delay: 4 MiB are 34 ms at 1 Gbit/s. Small frames get
     * room to outlast a receiver that does not run for some 50 ms, as happens on a busy host. */
    QUEUE_FRAMES = 16384,
    QUEUE_BYTES = 4 * 1024 * 1024,
    QUEUE_TOTAL = 256 * 1024 * 1024, /* all of them together */
};

struct switch_config {
    unsigned ports;        /* highest port number; 0 is there besides */
    bool hub;              /* repeat every frame to every port, see nothing, learn nothing */
    uint8_t mac[6];        /* the switch's own */
    unsigned fdb_capacity; /* fixed at start */
    unsigned learn_limit;  /* addresses that one port may have in it */
    uint64_t fdb_secret;   /* keys the FDB's hash */
    unsigned queue_frames; /* bounds of each endpoint's queue */
    size_t queue_bytes;
    struct loop_settings loop;
};

enum event_kind {
    EVENT_PORT_CREATED,       /* port */
    EVENT_PORT_CONFIGURED,    /* port: something that people decide about it is not what it was */
    EVENT_PORT_DOWN,          /* port: its last endpoint left */
    EVENT_ENDPOINT_UP,        /* port, endpoint */
    EVENT_ENDPOINT_DOWN,      /* port, endpoint */
    EVENT_ENDPOINT_DESCRIBED, /* port, endpoint */
    EVENT_FDB_LEARNED,        /* port, entry */
    EVENT_FDB_MOVED,          /* port: the new one; other: the old one; entry */
    EVENT_FDB_AGED,           /* port, entry: aged, evicted or flushed */
    EVENT_ADDRESS_SHARED,     /* port, other, entry: both keep using the address */
    EVENT_LEARNING,           /* what can be learned changed: hub mode, a port's limit, or up */
    EVENT_LOOP_BLOCKED, /* port: the blocked one; other; entry: the address that gave it away */
    EVENT_KINDS
};

#define EVENT_BIT(kind) (1u << (kind))

struct event {
    enum event_kind kind;
    struct port *port;
    struct port *other;
    struct endpoint *endpoint;
    const struct fdb_entry *entry;
};

/* Someone who is told what happens. NOTIFY must not change the switch. */
struct observer {
    struct list node;
    unsigned kinds; /* EVENT_BIT()s of what it wants to hear */
    void (*notify)(struct observer *observer, const struct event *event);
};

struct vswitch {
    struct switch_config config;
    struct port **port;   /* config.ports + 1 of them, NULL where not created */
    unsigned lowest_free; /* port_find_free() need not look below */
    struct vlan_table vlans;
    struct port_set hub; /* attached ports from 1 up */
    struct fdb *fdb;
    struct queue_pool queue_pool;
    struct balance balance;
    uint64_t attachments; /* ever; see struct port, attached */
    struct list observers;
    unsigned observed; /* EVENT_BIT()s that any observer wants */
};

/* switch_defaults() - what a switch has that nobody configured; mac and fdb_secret are left zero */
struct switch_config switch_defaults(void);

/* switch_new() - Return: an empty switch, or NULL if there is no memory */
struct vswitch *switch_new(const struct switch_config *config);

/* switch_free() - closes all endpoints and frees everything. SW may be NULL. */
void switch_free(struct vswitch *sw);

/* switch_observe(), switch_unobserve() - OBSERVER, which stays the caller's, is told what happens, in between */
void switch_observe(struct vswitch *sw, struct observer *observer);
void switch_unobserve(struct vswitch *sw, struct observer *observer);

/* switch_emit() - tells those who want to hear of it */
void switch_emit(struct vswitch *sw, const struct event *event);

static inline bool switch_observed(const struct vswitch *sw, enum event_kind kind)
{
    return sw->observed & EVENT_BIT(kind);
}

/* switch_port() - the port of that number, or NULL */
struct port *switch_port(const struct vswitch *sw, unsigned number);

/* switch_next_port() - the port with the lowest number from NUMBER up, or NULL */
struct port *switch_next_port(const struct vswitch *sw, unsigned number);

/* All ports of SW in order; the one in hand may be removed. */
#define switch_for_each_port(sw, port)                                                             \
    for (struct port *port = switch_next_port(sw, 0), *port##_after;                               \
         port && (port##_after = switch_next_port(sw, port->number + 1), true);                    \
         port = port##_after)

/* switch_port_named() - the port of that name, or NULL */
struct port *switch_port_named(const struct vswitch *sw, const char *name);

/* port_create() - makes a port: untagged member of VLAN 0, open to all
 * @number: 0 to config.ports, or PORT_ANY for the lowest number that is not in use
 *
 * Return: 0 and the port in *PORT, -EINVAL (number out of range), -EEXIST, -ENOSPC (all in use) or -ENOMEM.
 */
int port_create(struct vswitch *sw, int number, struct port **port);

/* port_find_free() - the number for a client that asks for any port: the lowest from 1 up that is allocatable and not
 * in use, or not there yet. Return: config.ports + 1 if all are in use. */
unsigned port_find_free(struct vswitch *sw);

/* switch_may_be_free() - port NUMBER is not what it was: port_find_free() looks at it again */
void switch_may_be_free(struct vswitch *sw, unsigned number);

/* port_remove() - Return: 0, or -EADDRINUSE while endpoints are attached */
int port_remove(struct port *port);

/* switch_set_ports() - changes the highest port number. Return: 0, -EINVAL, -EADDRINUSE (one would vanish), -ENOMEM. */
int switch_set_ports(struct vswitch *sw, unsigned ports);

/* switch_set_hub() - whether every frame goes to every port; a hub forgets all that was learned */
void switch_set_hub(struct vswitch *sw, bool hub);

/* switch_remove_vlan() - Return: 0, -ENXIO (no such VLAN) or -EADDRINUSE while any port is a member by name; VLAN 0
 * always stays */
int switch_remove_vlan(struct vswitch *sw, unsigned vid);

#endif
