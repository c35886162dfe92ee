/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stream.h - port type: Ethernet frames in a byte stream, as QEMU's `-netdev stream` and `socket` speak them
 *
 * Over a UNIX or TCP connection each frame stands behind its length, four bytes, most significant first (QEMU's
 * net/stream.c and net/socket.c). passt, gvproxy and socket_vmnet speak the same. There is no handshake: a client that has connected
 * is plugged in.
 */
#ifndef VSW_PORTS_STREAM_STREAM_H
#define VSW_PORTS_STREAM_STREAM_H

#include "ports/port_type.h"

extern const struct port_type stream_type;

#endif
