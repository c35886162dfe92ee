/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guard.h - tells a loop and a shared address from a station that moved
 *
 * When two ports are joined behind the switch's back, one broadcast frame circles for ever: the same frame comes in at
 * one port and the other in turn, and its source address seems to jump between them. So the guard looks at addresses
 * that change ports, and of each watches one flooded frame at a time:
 *
 * - It comes in elsewhere again more than `echoes` times within a second: a loop. The port that it comes in by is
 *   blocked, in both directions, for `block`; of two that only echo, the one that was attached last. Never the port
 *   where the address was at home before the dispute: a guest cannot have its neighbour blocked by repeating the
 *   neighbour's broadcasts. Not seen: a loop of unknown unicast alone, and one whose frames come in by nothing but
 *   their sender's own port.
 * - The address keeps changing ports without echoes: two stations use it. Nothing is blocked, but people are told,
 *   once per series.
 */
#ifndef VSW_CORE_LOOP_H
#define VSW_CORE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct vswitch;
struct port;
struct fdb_entry;

struct loop_settings {
    unsigned echoes; /* per second that are still believed to be chance */
    uint64_t block;  /* nanoseconds; 0 turns the loop guard off */
};

struct loop_settings loop_defaults(void);

/* guard_flapped() - an address, or the frame that is watched, was just heard behind another port than before
 * @port:  where it was heard
 * @entry: what the FDB holds about it, this time counted; not to be used afterwards, a block flushes the port
 */
void loop_check(struct vswitch *sw, struct port *port, const struct fdb_entry *entry, uint64_t now);

#endif
