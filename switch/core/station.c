/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/station.h"

#include "util/clock.h"

static void station_note_move(struct station *station, unsigned port, uint64_t now);
static bool station_note_frame(struct station *station, const struct station_event *event,
                               uint64_t now);
static void station_watch(struct station *station, const struct station_event *event, uint64_t now);

void station_init(struct station *station, unsigned port, uint64_t now)
{
    *station = (struct station){.heard = port, .settled_at = port, .last_move = now};
}

bool station_note(struct station *station, const struct station_event *event, uint64_t now)
{
    bool reflected = event->digest && station_note_frame(station, event, now);
    bool moved = station->heard != event->port;

    if (moved)
        station_note_move(station, event->port, now);
    /* Once or twice may be two guests that send the same frame; more is a loop, and reported as
     * one. */
    if (reflected && station->reflections > 2)
        station->moves = 0;
    return moved || reflected;
}

bool station_is_reflection(const struct station *station, unsigned port, uint64_t digest)
{
    return digest && digest == station->digest && station->first == station->origin &&
           port != station->first;
}

static void station_note_move(struct station *station, unsigned port, uint64_t now)
{
    station->before = station->heard;
    station->heard = port;
    if (now - station->last_move > 5 * SECOND)
        station->moves = 0;
    station->last_move = now;
    station->moves++;
}

/* Return: whether the watched frame enters elsewhere again. */
static bool station_note_frame(struct station *station, const struct station_event *event,
                               uint64_t now)
{
    if (!station->digest || now - station->watched > SECOND) {
        station_watch(station, event, now);
        return false;
    }
    if (event->digest != station->digest)
        return false;
    if (event->port != station->last) {
        station->last_before = station->last;
        station->last = event->port;
    } else if (!station_is_reflection(station, event->port, event->digest)) {
        return false; /* repeated by its sender */
    }
    station->reflections++;
    return true;
}

/* A station that announces a move owns the address at once, but settles only after ten seconds
 * without a dispute: a guest must not pass for the sender of its neighbour's frames. */
static void station_watch(struct station *station, const struct station_event *event, uint64_t now)
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
