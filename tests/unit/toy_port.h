/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * toy_port.h - a port type that is not there: an endpoint of two rings, and a hook
 *
 * A guest and the switch share two rings of frames. The guest announces frames in one by an event descriptor, and room
 * in the other by a second one, the kick. Frames come in where they lie in the ring, and their slots are the guest's
 * again in rx_done(). It is built on the seams that a real type has (core/port.h, ports/io/wake.h), and on nothing else.
 */
#ifndef VSW_TESTS_TOY_PORT_H
#define VSW_TESTS_TOY_PORT_H

#include "fake_port.h"

#include "ports/context.h"
#include "ports/io/wake.h"

enum { TOY_SLOTS = 256 };

struct toy_ring {
    struct sample slot[TOY_SLOTS];
    unsigned put, taken; /* ever; the difference is what is in it */
};

struct toy {
    struct endpoint endpoint;
    struct context *context;
    ev_io announced; /* by the guest: frames in `in` */
    ev_io kicked;    /* by the guest: room in `out` */
    struct toy_ring in, out;
    unsigned room; /* slots of `out` that are used; fewer than TOY_SLOTS to see it full */
    int tx_error;  /* positive errno: tx() finds out that the guest is gone */
    unsigned rx_calls;
    int *lost; /* set to the error for which the endpoint was ended */
};

/* toy_open() - attaches a toy to PORT; it frees itself when it ends */
struct toy *toy_open(struct context *context, struct port *port, int *lost);

/* toy_close() - as a user would */
void toy_close(struct toy *toy);

/* The guest's side. */
void toy_put(struct toy *toy,
             const struct sample *sample); /* a frame into the ring, not announced yet */
void toy_announce(struct toy *toy);
bool toy_take(struct toy *toy, struct sample *sample); /* false: there is none */
void toy_kick(struct toy *toy);

/* A hook that drops every tenth frame, for a reason of its own. */
struct toy_hook {
    struct batch_hook hook;
    unsigned seen;
    uint8_t reason;
};

void toy_hook_init(struct toy_hook *hook, uint8_t reason);

#endif
