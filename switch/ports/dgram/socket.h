/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * socket.h - the sockets of a dgram port
 */
#ifndef VSW_PORTS_DGRAM_SOCKET_H
#define VSW_PORTS_DGRAM_SOCKET_H

#include "ports/dgram/spec.h"
#include "ports/listen/socket_file.h"
#include "ports/listen/switch_dir.h"

struct dgram_socket {
    int in;
    int out;                 /* same as in, except for a group */
    struct socket_file file; /* of DGRAM_UNIX */
    uint32_t missed;         /* datagrams dropped by the kernel, as last read */
};

/* dgram_socket_open() - opens the socket or sockets that SPEC describes, and fills in the addresses
 * that SPEC left open
 * @dir: provides the mode and group of a socket file
 *
 * A UNIX socket is not connected yet. Return: 0, or -errno and sets ERR, with nothing left open.
 */
int dgram_socket_open(struct dgram_socket *sock, struct dgram_spec *spec,
                      const struct switch_dir *dir, struct error *err);

/* dgram_socket_close() - closes the sockets and removes the socket file */
void dgram_socket_close(struct dgram_socket *sock);

/* dgram_socket_missed() - datagrams dropped since the last call because the receive buffer was
 * full */
unsigned dgram_socket_missed(struct dgram_socket *sock);

/* dgram_socket_empty() - whether there is nothing to read */
bool dgram_socket_empty(const struct dgram_socket *sock);

#endif
