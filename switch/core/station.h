/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * station.h - where a station was heard: evidence of MAC moves and reflected frames
 *
 * The FDB keeps one record per entry and adds each learn event to it; loop detection (loop.h)
 * judges. A MAC move is a change of the port behind which the address is heard. One group-addressed
 * frame of the station at a time is watched for a second, by its digest: when that very frame
 * enters at another port it was reflected, by a loop or by a guest that repeats it.
 *
 * Ports are remembered by number: they may be gone. Times are nanoseconds of a monotonic clock.
 */
#ifndef VSW_CORE_STATION_H
#define VSW_CORE_STATION_H

#include <stdbool.h>
#include <stdint.h>

struct station {
    unsigned heard;  /* port behind which it was heard last */
    unsigned before; /* and before that */
    /* in a row, none more than 5 s after the other; those of a loop do not count */
    unsigned moves;
    uint64_t last_move;  /* or when the address was new */
    unsigned settled_at; /* the port behind which it is undisputed */

    /* the watched frame */
    uint64_t digest;      /* frame_digest(), 0 if there is none */
    uint64_t watched;     /* since when */
    unsigned origin;      /* settled_at at that time */
    unsigned first;       /* port where it entered first, which need not be origin */
    unsigned last;        /* port where it entered last */
    unsigned last_before; /* and before that */
    unsigned reflections; /* how often it entered elsewhere */
};

/* What a frame says about its sender. */
struct station_event {
    unsigned port;   /* where it entered */
    unsigned owner;  /* port that the FDB has for the address */
    bool pinned;     /* by a static entry */
    uint64_t digest; /* of a frame to a group, else 0 */
};

/* station_init() - the record of an address that is new at PORT */
void station_init(struct station *station, unsigned port, uint64_t now);

/* station_note() - adds EVENT to the record
 * Return: whether the address moved or the watched frame was reflected, which loop detection may
 * have to judge. */
bool station_note(struct station *station, const struct station_event *event, uint64_t now);

/* station_is_reflection() - whether the frame with DIGEST, which entered at PORT, is the watched
 * one, at another port than where its sender first sent it */
bool station_is_reflection(const struct station *station, unsigned port, uint64_t digest);

#endif
