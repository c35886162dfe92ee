/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * admission.h - which port a client gets that comes by itself, and whether it may have it
 */
#ifndef VSW_PORTS_LISTEN_ADMISSION_H
#define VSW_PORTS_LISTEN_ADMISSION_H

#include "ports/context.h"
#include "util/error.h"
#include "util/os_linux.h"

/* admission_identify() - who has connected FD? Not this switch itself: that would be a loop.
 * Return: 0 with the answer in PEER, or -errno with words in ERR. */
int admission_identify(struct context *context, int fd, struct os_peer *peer, struct error *err);

/* admission_choose() - port NUMBER, or for PORT_ANY the lowest that is free for the taking; made if it is not there
 * Return: 0 with the port in *PORT and whether it was made in *CREATED, or -errno with words in ERR. */
int admission_choose(struct vswitch *sw, int number, struct port **port, bool *created,
                     struct error *err);

/* admission_check_number() - may PEER, who asks for PORT by its number, have it at all? A port whose endpoint comes from
 * elsewhere (a TCP peer, a plug, an uplink) is for the switch's own user and root; one that a place made for its client,
 * for them and that client's user.
 * Return: 0 or -EACCES with words in ERR. */
int admission_check_number(const struct port *port, const struct os_peer *peer, struct error *err);

/* admission_check() - may PEER, connected by FD, attach to PORT? A port's user and group let in whom they name, and root.
 * Return: 0; -EACCES if PORT is not open to it, -EADDRINUSE if another user is there; with words in ERR. */
int admission_check(const struct port *port, int fd, const struct os_peer *peer, struct error *err);

#endif
