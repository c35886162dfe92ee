/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * inherited.h - sockets that the switch was started with: fd=N
 */
#ifndef VSW_PORTS_LISTEN_INHERITED_H
#define VSW_PORTS_LISTEN_INHERITED_H

#include "util/error.h"

#include <stdbool.h>

/* inherited_read() - reads TEXT, which stands behind fd=, as the number of a descriptor. Return: 0, or -EINVAL with words in
 * ERR. */
int inherited_read(const char *text, int *fd, struct error *err);

/* inherited_check() - is FD ours to take, and a connected socket of TYPE, SOCK_STREAM or SOCK_DGRAM? It does not block then.
 * @listening: receives whether it listens instead; NULL if that will not do
 *
 * Return: 0, or -errno with words in ERR.
 */
int inherited_check(int fd, int type, bool *listening, struct error *err);

/* inherited_take() - nobody else gets FD from now on */
void inherited_take(int fd);

#endif
