/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/loop.h"

#include "core/switch.h"
#include "util/clock.h"

/* Two guests that ping each other with one address between them change it once a second: four changes tell. */
enum { SHARED_SERIES = 4 };

static bool find_loop(struct vswitch *sw, const struct fdb_flaps *flaps, struct event *event);

struct loop_settings loop_defaults(void)
{
    return (struct loop_settings){.echoes = 10, .block = 10 * SECOND};
}

void loop_check(struct vswitch *sw, struct port *port, const struct fdb_entry *entry, uint64_t now)
{
    const struct loop_settings *settings = &sw->config.loop;
    const struct fdb_flaps *flaps = &entry->flaps;
    struct event event = {.entry = entry};

    if (flaps->echoes > settings->echoes && now - flaps->marked <= SECOND && settings->block > 0) {
        /* If either end is blocked the loop is cut already: what still comes in was on its way. */
        if (!find_loop(sw, flaps, &event) || port_blocked(event.port, now) ||
            port_blocked(event.other, now))
            return;
        event.port->blocked_until = now + settings->block;
        event.kind = EVENT_LOOP_BLOCKED;
        switch_emit(sw, &event);
        /* What was heard behind it while the loop was open was the loop. */
        fdb_flush_owner(sw->fdb, &event.port->fdb, FDB_ANY_VID);
    } else if (flaps->series == SHARED_SERIES && switch_port(sw, flaps->before)) {
        event.port = port;
        event.other = switch_port(sw, flaps->before);
        event.kind = EVENT_ADDRESS_SHARED;
        switch_emit(sw, &event);
    }
}

/* The port to block, and the other end of the loop. Return: false if neither is there any more. */
static bool find_loop(struct vswitch *sw, const struct fdb_flaps *flaps, struct event *event)
{
    struct port *now = switch_port(sw, flaps->heard),
                *before = switch_port(sw, flaps->heard_before);
    bool swap;

    if (!now || !before)
        return false;
    swap = flaps->heard == flaps->origin ||
           (flaps->heard_before != flaps->origin && before->attached > now->attached);
    event->port = swap ? before : now;
    event->other = swap ? now : before;
    return true;
}
