/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guard.h - tells a loop and a shared address from a station that moved
 *
 * When two ports are joined behind the switch's back, one broadcast frame circles for ever, and its source address
 * seems to jump between the two ports with every turn. The guard looks at addresses that change ports:
 *
 * - more than `flaps` changes within a second, from one flooded (group-addressed) frame to the next: a loop. Of the two
 *   ports, the one that was attached last is blocked, in both directions, for `block`; frames it would have carried
 *   are dropped as "loop". That both frames are flooded keeps a guest from having its neighbour blocked by sending
 *   broadcasts with the neighbour's address: it would need as many broadcasts of the neighbour's own.
 * - changes that go on without that: two stations use the same address. Nothing is blocked, but people are told,
 *   once per series.
 */
#ifndef VSW_CORE_GUARD_H
#define VSW_CORE_GUARD_H

#include <stdbool.h>
#include <stdint.h>

struct vswitch;
struct port;
struct fdb_entry;

struct guard_settings {
    unsigned flaps; /* changes per second that are still believed */
    uint64_t block; /* nanoseconds; 0 turns the loop guard off */
};

struct guard_settings guard_defaults(void);

/* guard_flapped() - an address was just heard behind another port than before
 * @port:    where it was heard
 * @entry:   what the FDB holds about it, flaps counted
 */
void guard_flapped(struct vswitch *sw, struct port *port, const struct fdb_entry *entry,
                   uint64_t now);

#endif
