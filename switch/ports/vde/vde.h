/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vde.h - port type: clients of the Virtual Distributed Ethernet protocol
 *
 * A client connects to ctl, says where its own datagram socket is, and is told where ours is; from then on each
 * datagram is one frame. The connection stays open, silent, for as long as the client is plugged in: closing it, from
 * either side, pulls the plug.
 */
#ifndef VSW_PORTS_VDE_VDE_H
#define VSW_PORTS_VDE_VDE_H

#include "ports/port_type.h"

extern const struct port_type vde_type;

#endif
