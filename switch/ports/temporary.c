/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/temporary.h"

#include "ports/port_type.h"

static void on_left(struct observer *observer, const struct event *event);
static void on_due(struct ev_loop *loop, ev_timer *timer, int events);

void temporary_start(struct temporary_ports *ports, struct context *context)
{
    ports->context = context;
    ports->left = (struct observer){.kinds = EVENT_BIT(EVENT_PORT_DOWN), .notify = on_left};
    ev_timer_init(&ports->due, on_due, 0, 0);
    observers_add(&context->sw->observers, &ports->left);
}

void temporary_stop(struct temporary_ports *ports)
{
    observers_remove(&ports->context->sw->observers, &ports->left);
    ev_timer_stop(ports->context->loop, &ports->due);
}

/* Not at once: whoever ended the endpoint may still hold the port in hand. */
static void on_left(struct observer *observer, const struct event *event)
{
    struct temporary_ports *ports = container_of(observer, struct temporary_ports, left);

    if (event->port->temporary)
        ev_timer_start(ports->context->loop, &ports->due);
}

static void on_due(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct temporary_ports *ports = container_of(timer, struct temporary_ports, due);

    (void)loop, (void)events;
    switch_for_each_port (ports->context->sw, port) {
        if (port->temporary && !port_active(port))
            port_close(ports->context, port);
    }
}
