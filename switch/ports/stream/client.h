/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * client.h - outgoing connections of stream ports, reconnected when they are lost
 */
#ifndef VSW_PORTS_STREAM_CLIENT_H
#define VSW_PORTS_STREAM_CLIENT_H

#include "ports/listen/address.h"
#include "ports/stream/peer.h"

struct stream_client;

/* stream_client_open() - connects PORT to ADDRESS as soon as something listens there, and again
 * whenever that is lost
 * @clients: the list that it is a member of until it is closed
 *
 * Return: 0, or -ENOMEM and sets ERR.
 */
int stream_client_open(struct context *context, struct list *clients, struct port *port,
                       const struct address *address, struct error *err);

/* stream_client_of() - the client of PORT among CLIENTS, or NULL */
struct stream_client *stream_client_of(struct list *clients, const struct port *port);

/* stream_clients_have() - whether the peer of FD, a TCP connection, is one of CLIENTS */
bool stream_clients_have(const struct list *clients, int fd);

/* stream_client_close() - closes the connection, without retrying, and frees CLIENT */
void stream_client_close(struct stream_client *client);

/* stream_clients_close() - stream_client_close() for all of CLIENTS */
void stream_clients_close(struct list *clients);

#endif
