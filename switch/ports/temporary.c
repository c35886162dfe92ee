/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/temporary.h"

#include "ports/io/wake.h"
#include "ports/ports.h"

static void on_left(struct observer *observer, const struct event *event);
static void remove_ports(struct deferred *work);

void temporary_start(struct temporary_ports *ports, struct context *context)
{
    ports->context = context;
    ports->left = (struct observer){.kinds = EVENT_BIT(EVENT_PORT_DOWN), .notify = on_left};
    deferred_init(&ports->removal, remove_ports);
    observers_add(&context->sw->observers, &ports->left);
}

void temporary_stop(struct temporary_ports *ports)
{
    observers_remove(&ports->context->sw->observers, &ports->left);
    defer_cancel(&ports->removal);
}

/* Not at once: the code that ended the endpoint may still use the port. */
static void on_left(struct observer *observer, const struct event *event)
{
    struct temporary_ports *ports = container_of(observer, struct temporary_ports, left);

    if (event->port->temporary)
        defer(&ports->context->io->core.deferred, &ports->removal);
}

static void remove_ports(struct deferred *work)
{
    struct temporary_ports *ports = container_of(work, struct temporary_ports, removal);

    switch_for_each_port (ports->context->sw, port) {
        if (port->temporary && !port_active(port))
            port_close(ports->context, port);
    }
}
