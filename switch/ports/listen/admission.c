/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/listen/admission.h"

#include "ports/ports.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int admission_identify(struct context *context, int fd, struct os_peer *peer, struct error *err)
{
    int status = os_peer(fd, peer);

    if (status < 0)
        return error_set(err, -status, "cannot tell who connected: %s", strerror(-status));
    if (peer->pid == getpid() || ports_loop_back(context, fd, peer->pid))
        return error_set(err, ELOOP, "it is this switch itself: frames would go round for ever");
    return 0;
}

int admission_choose(struct vswitch *sw, int number, struct port **port, bool *created,
                     struct error *err)
{
    unsigned chosen = number == PORT_ANY ? port_find_free(sw) : (unsigned)number;
    int status;

    *created = false;
    *port = switch_port(sw, chosen);
    if (*port)
        return 0;
    status = number == PORT_ANY && chosen > sw->config.ports ? -ENOSPC
                                                             : port_create(sw, (int)chosen, port);
    *created = status == 0;
    return status < 0 ? ports_explain(sw, status, (int)chosen, err) : 0;
}

int admission_check_number(const struct port *port, const struct os_peer *peer, struct error *err)
{
    bool left_over = port->config.allocatable && !port_active(port);
    bool own = port_active(port) && port_user(port) == peer->uid;
    bool guests = port->for_guests && (!port->temporary || own);

    if (guests || left_over || peer->uid == 0 || peer->uid == geteuid())
        return 0;
    return error_set(err, EACCES, "port %u is of type %s, which is not for guests of user %u",
                     port->number, port->type, (unsigned)peer->uid);
}

/* A port is never shared by two users. */
int admission_check(const struct port *port, int fd, const struct os_peer *peer, struct error *err)
{
    bool open = port->config.user == (uid_t)-1 && port->config.group == (gid_t)-1;
    bool permitted =
        open || peer->uid == 0 || peer->uid == port->config.user ||
        (port->config.group != (gid_t)-1 && os_peer_in_group(fd, peer, port->config.group));

    if (!permitted && peer->uid == (uid_t)-1)
        return error_set(err, EACCES,
                         "port %u is open to some users alone, and nobody can tell who this is",
                         port->number);
    if (!permitted)
        return error_set(err, EACCES, "port %u is not open to user %u", port->number,
                         (unsigned)peer->uid);
    if (port_user(port) != (uid_t)-1 && port_user(port) != peer->uid)
        return error_set(err, EADDRINUSE, "port %u is in use by user %u", port->number,
                         (unsigned)port_user(port));
    return 0;
}
