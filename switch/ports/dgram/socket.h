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
    int out;                 /* the same, but for a group */
    struct socket_file file; /* of DGRAM_UNIX */
    uint32_t missed;         /* by the kernel, when it was last asked */
};

/* dgram_socket_open() - opens what SPEC asks for, and completes SPEC's addresses
 * @dir: whose mode and group a socket gets that is a file
 *
 * A UNIX socket is not connected yet. Return: 0, or -errno and sets ERR and nothing open.
 */
int dgram_socket_open(struct dgram_socket *sock, struct dgram_spec *spec,
                      const struct switch_dir *dir, struct error *err);

void dgram_socket_close(struct dgram_socket *sock);

/* dgram_socket_missed() - how many datagrams the kernel has dropped for want of room since this was last asked */
unsigned dgram_socket_missed(struct dgram_socket *sock);

/* dgram_socket_empty() - does nothing wait to be read? */
bool dgram_socket_empty(const struct dgram_socket *sock);

#endif
