/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port.h - ports, and the endpoints attached to them
 *
 * A port is a numbered slot of the switch: its VLANs, its rules, its counters. It exists before, between and after
 * attachments. An endpoint is one live attachment: a VDE client, a TAP. A port may have several; a frame that
 * leaves the port goes to each of them, and they never hear one another.
 *
 * An endpoint is embedded in a structure of the code that owns its descriptor, which talks to the core through
 * struct endpoint_ops. The core knows no descriptors: it asks for frames to be sent, keeps what cannot be
 * sent yet in the endpoint's queue, and asks to be called when there is room.
 */
#ifndef VSW_CORE_PORT_H
#define VSW_CORE_PORT_H

#include "core/drop.h"
#include "core/fdb.h"
#include "core/frame.h"
#include "core/port_config.h"
#include "core/queue.h"
#include "util/list.h"

#include <sys/types.h>

struct vswitch;
struct endpoint;

struct endpoint_ops {
    const char *type;   /* what users call it: "vde", "tap" */
    const char *module; /* what VDE's port/print calls it: "unix prog", "tuntap" */

    /* tx() - hands COUNT (1 to BATCH_FRAMES) packets to the endpoint, without blocking
     *
     * Return: how many it took, from the front, at least one; or -errno if it did not take the first:
     * -EAGAIN to be asked again after endpoint_writable(), anything else to have that one dropped. It must not
     * detach any endpoint: the batch is still on its way.
     */
    int (*tx)(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count);

    /* wait_writable() - whether endpoint_writable() is to be called once the endpoint takes frames again */
    void (*wait_writable)(struct endpoint *endpoint, bool wait);

    /* offload_changed() - port->config.offload is not what it was: may frames come unfinished from now on? May be NULL. */
    void (*offload_changed)(struct endpoint *endpoint);

    /* close() - someone else ends the attachment (port/epclose, shutdown): detach, release, free */
    void (*close)(struct endpoint *endpoint);
};

enum { PROGRAM_NAME = 64 };

struct endpoint {
    const struct endpoint_ops *ops;
    struct port *port;          /* NULL while not attached */
    struct list node;           /* in port->endpoints */
    int id;                     /* as users name it: the descriptor number, as in VDE */
    uint32_t max_frame;         /* longest frame it takes, tag included, in bytes */
    unsigned offloads;          /* TAKES_* (core/offload.h): unfinished frames that it takes */
    uid_t user;                 /* who attached it; (uid_t)-1 if nobody can tell */
    pid_t process;              /* and by which process; 0 if nobody can tell */
    char program[PROGRAM_NAME]; /* that process's name, escaped */
    unsigned queue_frames;      /* most that its queue may hold */
    struct counters counters;
    uint64_t delivered; /* frames that it took, but for those of port_drop_late() */
    struct queue queue;
    char *description; /* escaped text, or NULL; owned */
};

/* The frames of the batch in hand that leave through this port, as indexes into it, in order. */
struct egress {
    uint8_t frame[BATCH_FRAMES];
    unsigned count;
    struct port *next; /* the next port that has some */
};

struct port {
    struct vswitch *sw;
    unsigned number;
    struct port_config config; /* changed by port_configure() alone */
    bool untrusted_edge;       /* somebody else's network is behind it: see frame_hides_tag() */

    /* kept here for the code that made the port */
    const char *type;   /* the port type that it was made for; NULL: none in particular */
    char *type_keys;    /* that type's own keys, as text; NULL if there are none; owned */
    bool for_guests;    /* any guest that knows its name may plug in, by any protocol */
    unsigned temporary; /* gone with its client: the place that made it, from 1 up; else 0 */

    struct list endpoints;
    uint64_t attached; /* rises with each first attachment: which of two ports is the newer one */
    uint64_t blocked_until; /* by the loop guard; 0: never was */
    struct fdb_owner fdb;
    struct counters counters;
    struct egress egress;
};

static inline bool port_active(const struct port *port)
{
    return !list_empty(&port->endpoints);
}

static inline bool port_blocked(const struct port *port, uint64_t now)
{
    return port->blocked_until > now;
}

/* port_label() - the port as people call it: its name, or "port 3", written to TEXT */
enum { PORT_LABEL = PORT_NAME };
const char *port_label(const struct port *port, char text[PORT_LABEL]);

/* port_address_limit() - how many addresses PORT may have in the FDB, by its own configuration or the switch's */
unsigned port_address_limit(const struct port *port);

/* port_user() - whose endpoints are attached: VDE's "current user"; (uid_t)-1 if none or unknown */
uid_t port_user(const struct port *port);

/* port_in_use() - is it attached and not switched off: does it hear floods? */
static inline bool port_in_use(const struct port *port)
{
    return port_active(port) && port->config.up;
}

/* port_attach(), port_detach() - begin and end ENDPOINT's life on PORT. Attaching can fail with -ENOMEM. */
int port_attach(struct port *port, struct endpoint *endpoint);
void port_detach(struct endpoint *endpoint);

/* port_configure() - makes PORT what WANTED says: its VLANs, limits and policies take effect at once
 *
 * WANTED stays the caller's, and is copied. A shallow copy of port->config will do for it, with some fields replaced; after the
 * call what that points to is gone.
 * Return: 0; -ENXIO (a VLAN that does not exist), -EEXIST (another port has that name), -EINVAL (a description or a number
 * that is too long), or -ENOMEM. Then nothing has changed.
 */
int port_configure(struct port *port, const struct port_config *wanted);

/* port_drop_early() - COUNT frames that came to PORT's ENDPOINT never get into a batch: the kernel had no room for them
 * (DROP_MISSED), or they were not its peer's (DROP_STRANGER) */
void port_drop_early(struct port *port, struct endpoint *endpoint, enum drop_reason reason,
                     unsigned count);

/* port_drop_late() - COUNT frames that ENDPOINT had taken got no further: they are not handed any more, but dropped for REASON.
 * They stay counted as having left the port. No more are believed than it has taken. */
void port_drop_late(struct endpoint *endpoint, enum drop_reason reason, uint64_t count);

/* port_count_drops() - counts COUNT frames dropped at PORT, and at ENDPOINT unless that is NULL */
void port_count_drops(struct port *port, struct endpoint *endpoint, enum drop_reason reason,
                      uint64_t count);

/* endpoint_init() - an endpoint of nobody known, that takes what any port may carry; who it is, its id and what else is special
 * about it the owner sets */
void endpoint_init(struct endpoint *endpoint, const struct endpoint_ops *ops);

/* endpoint_describe() - sets the description from a peer's text, escaping it. Return: 0 or -ENOMEM. */
int endpoint_describe(struct endpoint *endpoint, const void *said, size_t length);

#endif
