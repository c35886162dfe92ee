/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * loop.h - loop detection
 *
 * When two ports are connected to each other outside the switch, a broadcast frame circles forever:
 * it enters at one port and the other in turn, and its source address seems to move between them.
 * The FDB collects the evidence (station.h); this judges it:
 *
 * - A watched frame enters elsewhere more than `reflections` times within a second: a loop. The
 *   port where it enters is blocked, in both directions, for `block`; of two that only reflect, the
 *   one that was attached last. Never the port where the station was settled before the dispute: a
 *   guest cannot have its neighbour blocked by repeating the neighbour's broadcasts. Not detected:
 *   a loop of unknown unicast alone, and one whose frames enter only at their sender's own port.
 * - The address keeps moving without reflections: two stations use it. Nothing is blocked;
 *   EVENT_ADDRESS_SHARED reports it, once per series.
 */
#ifndef VSW_CORE_LOOP_H
#define VSW_CORE_LOOP_H

#include "core/port.h"

/* loop_check() - judges a station that was just heard behind another port than before, or whose
 * watched frame was
 * @port:  where it was heard
 * @entry: its FDB entry, this learn event included; invalid afterwards, as a block flushes the port
 */
void loop_check(struct vswitch *sw, struct port *port, const struct fdb_entry *entry, uint64_t now);

#endif
