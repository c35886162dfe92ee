/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * uplink.h - port type: the physical LAN, through an interface of this host, and the host itself
 * (Linux: packet(7))
 */
#ifndef VSW_PORTS_UPLINK_UPLINK_H
#define VSW_PORTS_UPLINK_UPLINK_H

#include "ports/port_type.h"

extern const struct port_type uplink_type;

#endif
