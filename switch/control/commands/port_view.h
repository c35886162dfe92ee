/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port_view.h - how ports, their traffic and their drops are shown
 */
#ifndef VSW_CONTROL_COMMANDS_PORT_VIEW_H
#define VSW_CONTROL_COMMANDS_PORT_VIEW_H

#include "control/command.h"

/* The result of port/print: a list of ports. VDE's block, to the blank; what VDE does not know stands on lines of its own,
 * behind those that VDE's clients look for. */
extern const struct field port_view_list[];

/* port_view() - the values of one port in that list */
void port_view(const struct control *control, const struct port *port, struct reply *reply);

/* A list of drop reasons, with the direction and how many; none that did not occur. */
extern const struct field drop_fields[];
void drops_view(const struct drop_table *known, const struct counters *counters,
                struct reply *reply);

/* Frames and bytes, as VDE writes them: in, out. */
#define TRAFFIC_FIELDS                                                                             \
    {"in_frames", FIELD_NUMBER, " IN:  pkts %10llu"},                                              \
        {"in_bytes", FIELD_NUMBER, "          bytes %20llu\n"},                                    \
        {"out_frames", FIELD_NUMBER, " OUT: pkts %10llu"},                                         \
    {                                                                                              \
        "out_bytes", FIELD_NUMBER, "          bytes %20llu\n"                                      \
    }
void traffic_view(const struct counters *counters, struct reply *reply);

#endif
