/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stream.h - port type: Ethernet frames in a byte stream, as QEMU's `-netdev stream` and `socket`
 *
 * Over a UNIX or TCP connection each frame follows its length, four bytes in network byte order
 * (QEMU's net/stream.c and net/socket.c). passt, gvproxy and socket_vmnet use the same framing.
 * There is no handshake: a connected client is attached.
 */
#ifndef VSW_PORTS_STREAM_STREAM_H
#define VSW_PORTS_STREAM_STREAM_H

#include "ports/port_type.h"

extern const struct port_type stream_type;

#endif
