/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * client.h - an attached VDE client: the endpoint that its request becomes
 */
#ifndef VSW_PORTS_VDE_CLIENT_H
#define VSW_PORTS_VDE_CLIENT_H

#include "ports/context.h"
#include "ports/vde/request.h"

/* vde_client_plug() - does what REQUEST asks for: checks the client, gives it a port, attaches it, replies
 * @ctl:  the client's connection; the endpoint's to close from now on if this succeeds
 * @name: of the port by whose door the client came, or NULL
 *
 * Return: 0, or -errno and sets ERR; then nothing was attached and nothing is left in the directory.
 */
int vde_client_plug(struct context *context, int ctl, const struct vde_request *request,
                    const char *name, struct error *err);

#endif
