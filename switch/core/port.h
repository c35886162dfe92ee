/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port.h - ports, and the endpoints attached to them
 *
 * A port is a numbered slot of the switch: its VLANs, policies and counters. It exists before,
 * between and after attachments. An endpoint is one live attachment: a VDE client, a TAP. A port
 * may have several; a frame that leaves the port goes to each of them, and they never receive each
 * other's frames.
 *
 * An endpoint is embedded in a structure of the code that owns its descriptor, which talks to the
 * core through struct endpoint_ops. The core knows no descriptors: it asks for frames to be sent,
 * keeps what cannot be sent yet in the endpoint's queue, and asks to be called when there is room.
 */
#ifndef VSW_CORE_PORT_H
#define VSW_CORE_PORT_H

#include "core/port_config.h"
#include "core/worker.h"

#include <sys/types.h>

struct endpoint_ops {
    const char *type;   /* name for users: "vde", "tap" */
    const char *module; /* name in VDE's port/print: "unix prog", "tuntap" */

    /* rx() - receives up to BATCH_FRAMES frames into BATCH: frame_init() for each, and what differs
     * from its defaults
     * @batch: port and from are set; the worker's buffers are free for use
     *
     * Frames may lie anywhere until rx_done(). A frame that must not enter the switch gets its drop
     * reason here.
     * Return: the number of frames, 0 if there are none now, or -errno if the endpoint has failed,
     * as by endpoint_fail(). NULL for an endpoint that never receives.
     */
    int (*rx)(struct endpoint *endpoint, struct batch *batch);

    /* rx_done() - the frames of BATCH, which rx() returned, have been through the switch: their
     * memory is free again. May be NULL. */
    void (*rx_done)(struct endpoint *endpoint, const struct batch *batch);

    /* tx() - sends COUNT (1 to BATCH_FRAMES) frames, without blocking
     *
     * It must not detach an endpoint, allocate, or change a byte: the batch is still on its way.
     * Return: how many it took, from the front, at least one; or -errno if it did not take the
     * first: -EAGAIN to be called again from endpoint_writable(), anything else to have that frame
     * dropped.
     */
    int (*tx)(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count);

    /* flush() - sends what tx() took and the endpoint still holds. NULL if it never holds any.
     * Return: 0 when nothing is left; -EAGAIN to be called again from endpoint_writable(); or
     * another -errno if it cannot be sent at all. */
    int (*flush)(struct endpoint *endpoint);

    /* wait_writable() - sets whether the owner calls endpoint_writable() once the endpoint takes
     * frames again */
    void (*wait_writable)(struct endpoint *endpoint, bool wait);

    /* offload_changed() - port->config.offload, which allows tx() of frames with offloads, changed.
     * May be NULL. */
    void (*offload_changed)(struct endpoint *endpoint);

    /* lost() - the endpoint failed with ERROR (positive errno): log it, detach, release, free.
     * Called after the batch in which it failed. NULL: close() is called instead. */
    void (*lost)(struct endpoint *endpoint, int error);

    /* close() - the attachment is ended by a command or at shutdown: detach, release, free */
    void (*close)(struct endpoint *endpoint);
};

enum { PROGRAM_NAME = 64 };

/* The life of an endpoint. Its owner, a port type, embeds it in a structure of its own and frees
 * that structure:
 *
 *     endpoint_init()      unknown peer, full frame size, no offloads; the owner fills in the rest
 *     endpoint_describe()  at any time from here on
 *     port_attach()        from here on rx() and tx() are called, and floods include it
 *     endpoint_fail()      at any time while attached, also in rx() and tx(); lost() follows
 *     lost() or close()    called by the core, or by a command: the owner detaches and frees
 *     port_detach()        drops the queue; endpoint_init() comes before another port_attach()
 *
 * port_attach(), port_detach(), port_configure() and endpoint_writable() must not be called inside
 * a batch.
 */
struct endpoint {
    const struct endpoint_ops *ops;
    struct worker *worker; /* serves it */
    struct port *port;     /* NULL while not attached */
    struct list node;      /* in port->endpoints */
    /* in a list of endpoints with more to receive than one batch; else unlinked */
    struct list again;
    struct deferred failure;    /* calls lost() */
    int error;                  /* positive errno, for lost() */
    int id;                     /* shown to users: the descriptor number, as in VDE */
    uint32_t max_frame;         /* longest frame it takes on the wire, tag included, in bytes */
    unsigned offloads;          /* OFFLOAD_*: its capabilities */
    uid_t user;                 /* that attached it; (uid_t)-1 if unknown */
    pid_t process;              /* that attached it; 0 if unknown */
    char program[PROGRAM_NAME]; /* that process's name, escaped */
    unsigned queue_frames;      /* bound of its queue */
    struct counters counters;
    uint64_t delivered; /* frames that it took, less those of port_drop_late() */
    struct queue queue;
    char *description; /* escaped text, or NULL; owned */
};

struct port {
    struct vswitch *sw;
    unsigned number;
    struct port_config config; /* changed by port_configure() only */
    bool untrusted_edge;       /* another network is behind it: see frame_hides_tag() */

    /* kept for the code that created the port */
    const char *type; /* port type that created it; NULL: none */
    char *type_keys;  /* that type's own keys, as text; NULL if there are none; owned */
    bool for_guests;  /* any guest may attach by its name, with any protocol */
    /* removed with its client: the listener that created it, from 1 up; else 0 */
    unsigned temporary;

    struct vlan_member vlan_member;
    struct list endpoints;
    struct list hooks; /* struct batch_hook, by order */
    /* rises each time a port goes from no endpoint to one: the higher of two ports is the newer
     * one */
    uint64_t attached;
    uint64_t blocked_until; /* nanoseconds, by loop detection; 0: never was */
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

/* port_create() - creates a port: untagged member of VLAN 0, open to all
 * @number: 0 to config.ports, or PORT_ANY for the lowest from 1 up that does not exist
 *
 * Return: 0 and sets *PORT; -EINVAL (number out of range), -EEXIST, -ENOSPC (all exist) or -ENOMEM.
 */
enum { PORT_ANY = -1 };
int port_create(struct vswitch *sw, int number, struct port **port);

/* port_remove() - removes and frees PORT. Return: 0, or -EADDRINUSE while endpoints are
 * attached. */
int port_remove(struct port *port);

/* port_free() - frees PORT, which is no longer in its switch */
void port_free(struct port *port);

/* port_named() - the port of that name, or NULL */
struct port *port_named(const struct vswitch *sw, const char *name);

/* port_find_free() - the port number for a client that asks for any: the lowest from 1 up that does
 * not exist, or is allocatable and has no endpoint. Return: config.ports + 1 if there is none. */
unsigned port_find_free(struct vswitch *sw);

/* port_label() - writes the port's label for users to TEXT: its name, or "port 3". Return: TEXT. */
enum { PORT_LABEL = PORT_NAME };
const char *port_label(const struct port *port, char text[PORT_LABEL]);

/* port_address_limit() - how many learned addresses PORT may have, by its own configuration or the
 * switch's */
unsigned port_address_limit(const struct port *port);

/* port_user() - VDE's "current user": the user of the first attached endpoint; (uid_t)-1 if none or
 * unknown */
uid_t port_user(const struct port *port);

/* port_in_use() - whether PORT is attached and up, and so a member of flood sets */
static inline bool port_in_use(const struct port *port)
{
    return port_active(port) && port->config.up;
}

/* port_attach(), port_detach() - attach ENDPOINT to PORT, and detach it. Return: 0 or -ENOMEM. */
int port_attach(struct port *port, struct endpoint *endpoint);
void port_detach(struct endpoint *endpoint);

/* port_configure() - applies WANTED, all of it: VLANs, limits and policies take effect at once
 *
 * WANTED stays the caller's and is copied. It may be a shallow copy of port->config with some
 * fields replaced; what that points to is freed by the call if it succeeds and changes anything.
 * Return: 0; -ENXIO (a VLAN that does not exist), -EEXIST (another port has that name), -EINVAL (a
 * description or a number that is too long), or -ENOMEM. On failure nothing has changed.
 */
int port_configure(struct port *port, const struct port_config *wanted);

/* port_add_hook(), port_remove_hook() - call HOOK, owned by the caller, with what enters at PORT;
 * the hook is taken off when PORT is removed */
void port_add_hook(struct port *port, struct batch_hook *hook);
void port_remove_hook(struct batch_hook *hook);

/* Drops. A frame that is at hand is passed on to drop observers (observer.h). ENDPOINT is NULL if
 * none is concerned. */

/* port_drop_frame() - drops FRAME, of a batch, at PORT for REASON; TCI is the tag it has or would
 * leave with */
void port_drop_frame(struct worker *worker, struct port *port, struct endpoint *endpoint,
                     const struct frame *frame, int tci, enum drop_reason reason);

/* port_drop_desc() - drops a frame that is laid out for ENDPOINT */
void port_drop_desc(struct endpoint *endpoint, const struct tx_desc *desc, enum drop_reason reason);

/* port_drop_early() - counts COUNT frames to ENDPOINT that never got into a batch: the kernel had
 * no room for them (DROP_MISSED) */
void port_drop_early(struct endpoint *endpoint, enum drop_reason reason, unsigned count);

/* port_drop_late() - counts COUNT frames that ENDPOINT took but did not pass on as dropped for
 * REASON, no longer as delivered
 *
 * The port's transmit counters keep them. COUNT is limited to what the endpoint has taken.
 */
void port_drop_late(struct endpoint *endpoint, enum drop_reason reason, uint64_t count);

/* endpoint_init() - defaults: unknown peer, full frame size, no offloads. The owner fills in id,
 * peer and capabilities afterwards. */
void endpoint_init(struct endpoint *endpoint, const struct endpoint_ops *ops,
                   struct worker *worker);

/* endpoint_describe() - sets the description to a peer's TEXT of LENGTH bytes, escaped. Return: 0
 * or -ENOMEM. */
int endpoint_describe(struct endpoint *endpoint, const void *text, size_t length);

/* endpoint_fail() - ENDPOINT, which is attached, has failed with ERROR (positive errno): lost() is
 * called after the current batch. Legal anywhere, also inside rx() and tx(); the first error
 * counts. */
void endpoint_fail(struct endpoint *endpoint, int error);

#endif
