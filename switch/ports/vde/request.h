/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * request.h - what a VDE client sends on ctl: one packed structure in native byte order
 *
 *     version 3:   0 magic   4 version = 3   8 type          12 sockaddr_un (110)   122 description
 *     version 1:   0 magic   4 type   8 MAC (6, ignored)    14 sockaddr_un (110)   124 description
 *
 * Numbers are offsets, or sizes in parentheses, in bytes. The low byte of type is the request, the
 * other three are the port number, 0 for any. The description ends where the message ends. User
 * Mode Linux writes the compiler's padding of version 3, two bytes, after the structure.
 */
#ifndef VSW_PORTS_VDE_REQUEST_H
#define VSW_PORTS_VDE_REQUEST_H

#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

enum {
    VDE_REQUEST_MAX = 256, /* what VDE's switches read; the longest known request has 256 bytes */
    VDE_PORT_ANY = 0,
};

struct vde_request {
    unsigned port;              /* VDE_PORT_ANY or a number */
    bool to_port0;              /* asks for port 0, the management port */
    struct sockaddr_un address; /* of the client's data socket */
    const uint8_t *description; /* points into the parsed bytes; NULL if there is none */
    size_t description_length;
};

/* vde_request_parse() - parses the LENGTH bytes at BYTES into REQUEST
 *
 * Return: 0; -EAGAIN if more bytes are needed to tell; -EPROTO and sets ERR if this is no request
 * that we support.
 */
int vde_request_parse(const uint8_t *bytes, size_t length, struct vde_request *request,
                      struct error *err);

#endif
