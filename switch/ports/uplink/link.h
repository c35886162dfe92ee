/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * link.h - what rtnetlink says of a network interface, and what we ask it to do to one of ours
 *
 * rtnetlink(7), by libmnl. All functions are synchronous: the kernel answers in the call.
 */
#ifndef VSW_PORTS_UPLINK_LINK_H
#define VSW_PORTS_UPLINK_LINK_H

#include "core/frame.h"

#include <net/if.h>

struct mnl_socket;

struct link {
    int index;
    char name[IFNAMSIZ];
    uint8_t mac[MAC_BYTES];
    unsigned mtu;
    unsigned short type; /* ARPHRD_* */
    unsigned flags;      /* IFF_* */
    int master;          /* index of the bridge or bond that it is a port of, or 0 */
};

/* link_running() - is it set up, and is there anybody at the other end? */
static inline bool link_running(const struct link *link)
{
    return (link->flags & IFF_UP) && (link->flags & IFF_RUNNING);
}

/* link_socket() - a socket for the functions below; NULL with errno set. mnl_socket_close() ends it. */
struct mnl_socket *link_socket(void);

/* link_watch_socket() - one that becomes readable when any interface changes; non-blocking */
struct mnl_socket *link_watch_socket(void);

/* link_drain() - forgets what WATCH has to tell, so that it wakes us again: it is enough to know that there was something */
void link_drain(struct mnl_socket *watch);

/* link_find() - the interface called NAME, or if NAME is NULL the one with INDEX. Return: 0, -ENODEV or another -errno. */
int link_find(struct mnl_socket *nl, const char *name, int index, struct link *link);

/* link_start() - sets an interface of ours up, without IPv6 of its own
 * @mac: its address from now on, or NULL
 *
 * Return: 0 or -errno.
 */
int link_start(struct mnl_socket *nl, int index, const uint8_t *mac);

/* link_run_program(), link_redirect() - what comes in at INDEX goes through the BPF program (cls_bpf, direct action), or comes
 * in at interface TO instead (u32 matching all, mirred). For an interface that has no clsact yet. Return: 0 or -errno. */
int link_run_program(struct mnl_socket *nl, int index, int program);
int link_redirect(struct mnl_socket *nl, int index, int to);

#endif
