/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tap.h - port type: a TAP interface of this host (Linux: Documentation/networking/tuntap.rst)
 */
#ifndef VSW_PORTS_TAP_H
#define VSW_PORTS_TAP_H

#include "ports/port_type.h"

extern const struct port_type tap_type;

/* tap_open() - creates the TAP interface IFNAME, or attaches to it if it exists, as an endpoint of PORT
 *
 * An interface created here disappears with the switch; one made beforehand stays.
 * Return: 0, or -errno with words in ERR: what is missing, and the two ways out.
 */
int tap_open(struct runtime *runtime, const char *ifname, struct port *port, struct error *err);

#endif
