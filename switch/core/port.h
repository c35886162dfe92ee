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

#include "core/port_config.h"
#include "core/worker.h"

#include <sys/types.h>

struct endpoint_ops {
    const char *type;   /* what users call it: "vde", "tap" */
    const char *module; /* what VDE's port/print calls it: "unix prog", "tuntap" */

    /* rx() - receives up to BATCH_FRAMES frames: frame_init() for each of BATCH's, and what is special about it
     * @batch: port and from are set; the worker's buffers are free for use
     *
     * Frames may lie anywhere until rx_done(). One that must not come in gets its drop reason here.
     * Return: how many, 0 if there is nothing now, or -errno if the endpoint is gone for good, as endpoint_fail() would
     * say. NULL for an endpoint that never receives.
     */
    int (*rx)(struct endpoint *endpoint, struct batch *batch);

    /* rx_done() - the frames of BATCH, which rx() brought, have been through the switch: what they lie in is free again.
     * May be NULL. */
    void (*rx_done)(struct endpoint *endpoint, const struct batch *batch);

    /* tx() - hands COUNT (1 to BATCH_FRAMES) frames to the endpoint, without blocking
     *
     * Return: how many it took, from the front, at least one; or -errno if it did not take the first:
     * -EAGAIN to be asked again after endpoint_writable(), anything else to have that one dropped. It must not
     * detach any endpoint, allocate, or change a byte: the batch is still on its way.
     */
    int (*tx)(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count);

    /* flush() - sends what tx() took and the endpoint still holds. NULL if it never holds any.
     * Return: 0 when nothing is left; -EAGAIN to be asked again by endpoint_writable(); or another -errno if it cannot be
     * sent at all. */
    int (*flush)(struct endpoint *endpoint);

    /* wait_writable() - whether endpoint_writable() is to be called once the endpoint takes frames again */
    void (*wait_writable)(struct endpoint *endpoint, bool wait);

    /* offload_changed() - port->config.offload changed: may frames be handed over with offloads? May be NULL. */
    void (*offload_changed)(struct endpoint *endpoint);

    /* lost() - the endpoint failed with ERROR (positive errno): say so, detach, release, free. Called behind the batch in
     * which it failed. NULL: close() does. */
    void (*lost)(struct endpoint *endpoint, int error);

    /* close() - the attachment is ended from outside (port/epclose, shutdown): detach, release, free */
    void (*close)(struct endpoint *endpoint);
};

enum { PROGRAM_NAME = 64 };

/* The life of an endpoint. Its owner, a port type, embeds it in a structure of its own and frees that structure:
 *
 *     endpoint_init()      unknown peer, longest frames, no offloads; the owner fills in the rest
 *     endpoint_describe()  at any time from here on
 *     port_attach()        from here on rx() and tx() are called, and it hears floods
 *     endpoint_fail()      at any time while attached, also inside rx() and tx(); lost() follows behind the batch
 *     lost() or close()    the core or somebody outside ends it: the owner detaches and frees
 *     port_detach()        what is queued is dropped; it may be attached again after another endpoint_init()
 *
 * Never inside a batch: port_attach(), port_detach(), port_configure(), endpoint_writable().
 */
struct endpoint {
    const struct endpoint_ops *ops;
    struct worker *worker;      /* that serves it */
    struct port *port;          /* NULL while not attached */
    struct list node;           /* in port->endpoints */
    struct list again;          /* in the list of those that have more to receive; or unlinked */
    struct deferred failure;    /* lost() is due */
    int error;                  /* for it */
    int id;                     /* as users name it: the descriptor number, as in VDE */
    uint32_t max_frame;         /* longest frame it takes, tag included, in bytes */
    unsigned offloads;          /* OFFLOAD_*: its capabilities */
    uid_t user;                 /* who attached it; (uid_t)-1 if unknown */
    pid_t process;              /* and by which process; 0 if unknown */
    char program[PROGRAM_NAME]; /* that process's name, escaped */
    unsigned queue_frames;      /* most that its queue may hold */
    struct counters counters;
    uint64_t delivered; /* frames that it took, but for those of port_drop_late() */
    struct queue queue;
    char *description; /* escaped text, or NULL; owned */
};

struct port {
    struct vswitch *sw;
    unsigned number;
    struct port_config config; /* changed by port_configure() alone */
    bool untrusted_edge;       /* another network begins behind it: see frame_hides_tag() */

    /* kept here for the code that made the port */
    const char *type;   /* the port type that it was made for; NULL: none in particular */
    char *type_keys;    /* that type's own keys, as text; NULL if there are none; owned */
    bool for_guests;    /* any guest that knows its name may plug in, by any protocol */
    unsigned temporary; /* gone with its client: the listener that made it, from 1 up; else 0 */

    struct vlan_member vlan_member;
    struct list endpoints;
    struct list hooks; /* struct batch_hook, by order */
    uint64_t attached; /* rises with each first attachment: which of two ports is the newer one */
    uint64_t blocked_until; /* by loop detection; 0: never was */
    struct fdb_owner fdb;
    struct counters counters;
};

static inline bool port_active(const struct port *port)
{
    return !list_empty(&port->endpoints);
}

static inline bool port_blocked(const struct port *port, uint64_t now)
{
    return port->blocked_until > now;
}

/* port_create() - makes a port: untagged member of VLAN 0, open to all
 * @number: 0 to config.ports, or PORT_ANY for the lowest number that is not in use
 *
 * Return: 0 and the port in *PORT, -EINVAL (number out of range), -EEXIST, -ENOSPC (all in use) or -ENOMEM.
 */
enum { PORT_ANY = -1 };
int port_create(struct vswitch *sw, int number, struct port **port);

/* port_remove() - Return: 0, or -EADDRINUSE while endpoints are attached */
int port_remove(struct port *port);

/* port_free() - frees PORT, which is no longer in its switch */
void port_free(struct port *port);

/* port_named() - the port of that name, or NULL */
struct port *port_named(const struct vswitch *sw, const char *name);

/* port_find_free() - the number for a client that asks for any port: the lowest from 1 up that is allocatable and not
 * in use, or does not exist yet. Return: config.ports + 1 if all are in use. */
unsigned port_find_free(struct vswitch *sw);

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

/* port_add_hook(), port_remove_hook() - HOOK, which stays the caller's, sees what comes in at PORT in between; no longer than
 * there is a PORT */
void port_add_hook(struct port *port, struct batch_hook *hook);
void port_remove_hook(struct batch_hook *hook);

/* Drops. Where a frame is at hand it is handed over, for those who observe drops (observer.h). ENDPOINT may be NULL if none
 * is concerned. */

/* port_drop_frame() - FRAME, of a batch at PORT, is dropped for REASON; the way out has it with the tag TCI */
void port_drop_frame(struct worker *worker, struct port *port, struct endpoint *endpoint,
                     const struct frame *frame, int tci, enum drop_reason reason);

/* port_drop_desc() - the same for a frame that is laid out for ENDPOINT */
void port_drop_desc(struct endpoint *endpoint, const struct tx_desc *desc, enum drop_reason reason);

/* port_drop_early() - COUNT frames that came to ENDPOINT never get into a batch: the kernel had no room for them
 * (DROP_MISSED) */
void port_drop_early(struct endpoint *endpoint, enum drop_reason reason, unsigned count);

/* port_drop_late() - COUNT frames that ENDPOINT had taken got no further: they are not delivered any more, but dropped for
 * REASON. They stay counted as having left the port. No more are believed than it has taken. */
void port_drop_late(struct endpoint *endpoint, enum drop_reason reason, uint64_t count);

/* endpoint_init() - defaults: unknown peer, full frame size, no offloads. The owner fills in id, peer and capabilities
 * afterwards. */
void endpoint_init(struct endpoint *endpoint, const struct endpoint_ops *ops,
                   struct worker *worker);

/* endpoint_describe() - sets the description from a peer's text, escaping it. Return: 0 or -ENOMEM. */
int endpoint_describe(struct endpoint *endpoint, const void *said, size_t length);

/* endpoint_fail() - ENDPOINT, which is attached, is gone for good, for ERROR (positive errno): lost() is called behind the
 * batch in hand. Legal anywhere, also inside rx() and tx(); the first error counts. */
void endpoint_fail(struct endpoint *endpoint, int error);

#endif
