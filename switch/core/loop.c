/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/loop.h"

#include "util/clock.h"

/* Two guests that share an address and ping each other move it once a second: report the fourth. */
enum { SHARED_MOVES = 4 };

static void loop_block(struct vswitch *sw, const struct station *station, struct event *event,
                       uint64_t now);
static bool loop_find_ends(struct vswitch *sw, const struct station *station, struct event *event);

void loop_check(struct vswitch *sw, struct port *port, const struct fdb_entry *entry, uint64_t now)
{
    const struct loop_settings *settings = &sw->config.loop;
    const struct station *station = fdb_station(sw->fdb, entry);
    struct event event = {.entry = entry};

    if (station->reflections > settings->reflections && now - station->watched <= SECOND &&
        settings->block > 0) {
        loop_block(sw, station, &event, now);
    } else if (station->moves == SHARED_MOVES && switch_port(sw, station->before)) {
        event.kind = EVENT_ADDRESS_SHARED;
        event.port = port;
        event.other = switch_port(sw, station->before);
        observers_tell(&sw->observers, &event);
    }
}

/* If either end is blocked the loop is cut: what still enters was on its way. */
static void loop_block(struct vswitch *sw, const struct station *station, struct event *event,
                       uint64_t now)
{
    if (!loop_find_ends(sw, station, event) || port_blocked(event->port, now) ||
        port_blocked(event->other, now))
        return;
    event->port->blocked_until = now + sw->config.loop.block;
    event->kind = EVENT_LOOP_BLOCKED;
    observers_tell(&sw->observers, event);
    /* What was learned behind it while the loop was open came through the loop. */
    fdb_flush_owner(sw->fdb, &event->port->fdb, FDB_ANY_VID);
}

/* Sets EVENT's ports: the one to loop_block, and the other end. Return: false if either is gone. */
static bool loop_find_ends(struct vswitch *sw, const struct station *station, struct event *event)
{
    struct port *last = switch_port(sw, station->last),
                *before = switch_port(sw, station->last_before);
    bool swap;

    if (!last || !before)
        return false;
    swap = station->last == station->origin ||
           (station->last_before != station->origin && before->attached > last->attached);
    event->port = swap ? before : last;
    event->other = swap ? last : before;
    return true;
}
