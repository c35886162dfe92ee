/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * plug.h - port type "plug": another network, by libvdeplug
 */
#ifndef VSW_PORTS_PLUG_PLUG_H
#define VSW_PORTS_PLUG_PLUG_H

#include "ports/port_type.h"

extern const struct port_type plug_type;

#endif
