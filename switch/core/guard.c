/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/guard.h"

#include "core/switch.h"

/* Two guests that ping each other with one address between them change it once a second: four changes tell. */
enum { SHARED_SERIES = 4 };

static bool is_bystander(const struct fdb_entry *entry, const struct event *event);

struct guard_settings guard_defaults(void)
{
    return (struct guard_settings){.flaps = 10, .block = 10 * SECOND};
}

void guard_flapped(struct vswitch *sw, struct port *port, const struct fdb_entry *entry,
                   uint64_t now)
{
    const struct guard_settings *settings = &sw->config.guard;
    const struct fdb_flaps *flaps = &entry->flaps;
    struct event event = {.port = port, .other = switch_port(sw, flaps->before), .entry = entry};

    if (!event.other)
        return;
    if (flaps->recent > settings->flaps && flaps->flooded && settings->block > 0) {
        if (is_bystander(entry, &event))
            return;
        if (event.other->attached > event.port->attached) {
            event.port = event.other;
            event.other = port;
        }
        if (port_blocked(event.port, now))
            return;
        event.port->blocked_until = now + settings->block;
        event.kind = EVENT_LOOP_BLOCKED;
        switch_emit(sw, &event);
    } else if (flaps->series == SHARED_SERIES) {
        event.kind = EVENT_ADDRESS_SHARED;
        switch_emit(sw, &event);
    }
}

/* A sender outside the loop hears, and is heard between, its frames going round; the two ports of the loop show
 * when they follow each other. */
static bool is_bystander(const struct fdb_entry *entry, const struct event *event)
{
    const struct fdb_owner *home = entry->owner;

    return entry->flaps.away && (home == &event->port->fdb || home == &event->other->fdb);
}
