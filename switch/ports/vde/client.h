/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * client.h - attached VDE clients: the endpoint that a request becomes
 */
#ifndef VSW_PORTS_VDE_CLIENT_H
#define VSW_PORTS_VDE_CLIENT_H

#include "ports/context.h"
#include "ports/vde/request.h"

/* vde_client_plug() - executes REQUEST: checks the client, chooses a port, attaches an endpoint,
 * replies
 * @ctl:  the client's connection, which the endpoint owns if this succeeds
 * @name: of the port whose listener the client connected to, or NULL for any port
 *
 * Return: 0, or -errno and sets ERR, with nothing attached and nothing left in the directory.
 */
int vde_client_plug(struct context *context, int ctl, const struct vde_request *request,
                    const char *name, struct error *err);

#endif
