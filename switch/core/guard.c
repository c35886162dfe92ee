/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/guard.h"

#include "core/switch.h"

/* Two guests that ping each other with one address between them change it once a second: four changes tell. */
enum { SHARED_SERIES = 4 };

struct guard_settings guard_defaults(void)
{
    return (struct guard_settings){.flaps = 10, .block = 10 * SECOND};
}

void guard_flapped(struct vswitch *sw, struct port *port, const struct fdb_entry *entry,
                   bool flooded, uint64_t now)
{
    const struct guard_settings *settings = &sw->config.guard;
    struct port *home = container_of(entry->owner, struct port, fdb);
    struct event event = {.port = port, .other = home, .entry = entry};
    bool fast = entry->flaps.recent > settings->flaps;

    if (home == port)
        return;
    if (fast && flooded && settings->block > 0) {
        if (home->attached > port->attached) {
            event.port = home;
            event.other = port;
        }
        event.port->blocked_until = now + settings->block;
        event.kind = EVENT_LOOP_BLOCKED;
        switch_emit(sw, &event);
    } else if (entry->flaps.series == SHARED_SERIES || entry->flaps.series == SHARED_SERIES + 1) {
        event.kind = EVENT_ADDRESS_SHARED;
        switch_emit(sw, &event);
    }
}
