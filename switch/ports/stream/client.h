/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * client.h - a connection that we make, and make again
 */
#ifndef VSW_PORTS_STREAM_CLIENT_H
#define VSW_PORTS_STREAM_CLIENT_H

#include "ports/listen/address.h"
#include "ports/stream/peer.h"

struct stream_client;

/* stream_client_open() - connects PORT to ADDRESS as soon as somebody is there, and whenever that was lost
 * @clients: the list that it is in for as long as it lives
 *
 * Return: 0, or -ENOMEM and sets ERR.
 */
int stream_client_open(struct context *context, struct list *clients, struct port *port,
                       const struct address *address, struct error *err);

/* stream_client_of() - the client of PORT among CLIENTS, or NULL */
struct stream_client *stream_client_of(struct list *clients, const struct port *port);

/* stream_clients_have() - is one of CLIENTS at the other end of FD, a TCP connection? */
bool stream_clients_have(const struct list *clients, int fd);

/* stream_client_close() - hangs up for good */
void stream_client_close(struct stream_client *client);

/* stream_clients_close() - all of them */
void stream_clients_close(struct list *clients);

#endif
