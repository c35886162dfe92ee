/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/station.h"

#include "util/clock.h"

static void note_move(struct station *station, unsigned port, uint64_t now);
static bool note_frame(struct station *station, const struct station_event *event, uint64_t now);
static void watch(struct station *station, const struct station_event *event, uint64_t now);

void station_init(struct station *station, unsigned port, uint64_t now)
{
    *station = (struct station){.heard = port, .settled_at = port, .last_move = now};
}

bool station_note(struct station *station, const struct station_event *event, uint64_t now)
{
    bool reflected = event->digest && note_frame(station, event, now);
    bool moved = station->heard != event->port;

    if (moved)
        note_move(station, event->port, now);
    /* Once or twice may be two guests that say the same; more is a loop, and reported as one. */
    if (reflected && station->reflections > 2)
        station->moves = 0;
    return moved || reflected;
}

bool station_is_reflection(const struct station *station, unsigned port, uint64_t digest)
{
    return digest && digest == station->digest && station->first == station->origin &&
           port != station->first;
}

static void note_move(struct station *station, unsigned port, uint64_t now)
{
    station->before = station->heard;
    station->heard = port;
    if (now - station->last_move > 5 * SECOND)
        station->moves = 0;
    station->last_move = now;
    station->moves++;
}

/* Return: whether the frame that is watched comes in elsewhere again. */
static bool note_frame(struct station *station, const struct station_event *event, uint64_t now)
{
    if (!station->digest || now - station->watched > SECOND) {
        watch(station, event, now);
        return false;
    }
    if (event->digest != station->digest)
        return false;
    if (event->port != station->last) {
        station->last_before = station->last;
        station->last = event->port;
    } else if (!station_is_reflection(station, event->port, event->digest)) {
        return false; /* its sender just repeats it */
    }
    station->reflections++;
    return true;
}

/* A station that announces itself owns an address at once, but is settled only after ten seconds without a dispute: no
 * guest must pass for the sender of its neighbour's frames. */
static void watch(struct station *station, const struct station_event *event, uint64_t now)
{
    const uint64_t undisputed = 10 * SECOND;

    if (event->pinned || now - station->last_move >= undisputed)
        station->settled_at = event->owner;
    station->digest = event->digest;
    station->watched = now;
    station->origin = station->last_before = station->settled_at;
    station->first = station->last = event->port;
    station->reflections = 0;
}
