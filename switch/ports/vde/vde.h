/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vde.h - port type: clients of the Virtual Distributed Ethernet protocol
 *
 * A client connects to ctl, sends the address of its datagram socket, and receives the address of
 * ours; from then on each datagram is one frame. The connection stays open, without traffic, for as
 * long as the client is plugged in: closing it, from either side, unplugs the client.
 */
#ifndef VSW_PORTS_VDE_VDE_H
#define VSW_PORTS_VDE_VDE_H

#include "ports/port_type.h"

extern const struct port_type vde_type;

#endif
