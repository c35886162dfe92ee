/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * admission.h - which port a connecting client gets, and whether it may attach to it
 */
#ifndef VSW_PORTS_LISTEN_ADMISSION_H
#define VSW_PORTS_LISTEN_ADMISSION_H

#include "ports/context.h"
#include "util/error.h"
#include "util/os_linux.h"

/* admission_identify() - credentials of the peer that connected FD; refuses this switch itself,
 * which would be a loop
 * Return: 0 and sets PEER, or -errno (-ELOOP) and sets ERR.
 */
int admission_identify(struct context *context, int fd, struct os_peer *peer, struct error *err);

/* admission_choose() - finds port NUMBER, or for PORT_ANY the lowest that port_find_free() offers;
 * creates it if necessary
 * Return: 0 and sets *PORT and *CREATED, or -errno and sets ERR.
 */
int admission_choose(struct vswitch *sw, int number, struct port **port, bool *created,
                     struct error *err);

/* admission_check_number() - whether PEER, which asks for PORT by its number, may use that port at
 * all
 *
 * A port that gets its endpoint otherwise (a TCP peer, a plug, an uplink) is for the switch's own
 * user and root only; one that a listener created for a client, for these and that client's user.
 * Return: 0, or -EACCES and sets ERR.
 */
int admission_check_number(const struct port *port, const struct os_peer *peer, struct error *err);

/* admission_check() - whether PEER, connected by FD, may attach to PORT
 *
 * A port's user and group restrict it to that user, that group's members, and root.
 * Return: 0, or sets ERR and returns -EACCES if PORT is not open to PEER, -EADDRINUSE if another
 * user is attached.
 */
int admission_check(const struct port *port, int fd, const struct os_peer *peer, struct error *err);

#endif
