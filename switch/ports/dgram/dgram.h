/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * dgram.h - port type: a peer that sends each frame as one datagram, as QEMU's -netdev dgram does
 */
#ifndef VSW_PORTS_DGRAM_DGRAM_H
#define VSW_PORTS_DGRAM_DGRAM_H

#include "ports/port_type.h"

extern const struct port_type dgram_type;

#endif
