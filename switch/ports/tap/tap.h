/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tap.h - port type: a TAP interface of this host (Linux: Documentation/networking/tuntap.rst)
 *
 * An interface that does not exist is created, and disappears with the switch; an existing one
 * stays.
 */
#ifndef VSW_PORTS_TAP_TAP_H
#define VSW_PORTS_TAP_TAP_H

#include "ports/port_type.h"

extern const struct port_type tap_type;

#endif
