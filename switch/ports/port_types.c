/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port_types.c - the only list of port types
 */
#include "ports/dgram/dgram.h"
#include "ports/plug/plug.h"
#include "ports/stream/stream.h"
#include "ports/tap/tap.h"
#include "ports/uplink/uplink.h"
#include "ports/vde/vde.h"

/* Ports of the first take any client; those that were made for no type in particular are written down as its. */
const struct port_type *const port_types[] = {
    &vde_type, &stream_type, &dgram_type, &tap_type, &uplink_type, &plug_type, NULL,
};
