/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * inherited.h - sockets that the switch was started with: fd=N
 */
#ifndef VSW_PORTS_LISTEN_INHERITED_H
#define VSW_PORTS_LISTEN_INHERITED_H

#include "util/error.h"

#include <stdbool.h>

/* inherited_read() - parses TEXT, the value of fd=, as a descriptor number. Return: 0, or -EINVAL
 * and sets ERR. */
int inherited_read(const char *text, int *fd, struct error *err);

/* inherited_check() - checks that FD was inherited and not claimed, and is a connected UNIX, IPv4
 * or IPv6 socket; then makes it non-blocking
 * @type:      SOCK_STREAM or SOCK_DGRAM
 * @listening: receives whether FD is a listening socket instead; NULL if that is not acceptable
 *
 * Return: 0, or -errno and sets ERR.
 */
int inherited_check(int fd, int type, bool *listening, struct error *err);

/* inherited_take() - claims FD: it cannot be used for another port from now on */
void inherited_take(int fd);

#endif
