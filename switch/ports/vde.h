/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vde.h - port type: clients of the Virtual Distributed Ethernet protocol
 *
 * A client connects to ctl, says where its own datagram socket is, and is told where ours is; from then on each
 * datagram is one frame. The connection stays open, silent, for as long as the client is plugged in: closing it, from
 * either side, pulls the plug.
 */
#ifndef VSW_PORTS_VDE_H
#define VSW_PORTS_VDE_H

#include "ports/port_type.h"
#include "ports/vde_dir.h"

extern const struct port_type vde_type;

/* vde_open() - makes the switch's directory and gets ready to accept clients; vde_dir_reveal() lets them see it
 *
 * Return: 0, or -errno with words in ERR (-EADDRINUSE: a live switch is there).
 */
int vde_open(struct runtime *runtime, const struct vde_dir_options *options, struct error *err);

/* vde_close() - turns away new clients and removes ctl, the named sockets and the directory. Clients that are attached
 * are endpoints and are closed with the switch, before. */
void vde_close(struct runtime *runtime);

#endif
