/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * link.h - rtnetlink: state of network interfaces, and configuration of our own
 *
 * rtnetlink(7), by libmnl. All functions are synchronous: the kernel replies within the call.
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

/* link_running() - whether LINK is administratively up and has a carrier */
static inline bool link_running(const struct link *link)
{
    return (link->flags & IFF_UP) && (link->flags & IFF_RUNNING);
}

/* link_socket() - opens a socket for the functions below. Return: for mnl_socket_close(), or NULL
 * with errno set. */
struct mnl_socket *link_socket(void);

/* link_watch_socket() - as link_socket(), but non-blocking, and readable whenever any interface
 * changes */
struct mnl_socket *link_watch_socket(void);

/* link_drain() - discards pending notifications of WATCH: that there was a change is all the caller
 * needs to know */
void link_drain(struct mnl_socket *watch);

/* link_find() - reads into LINK the interface called NAME, or the one with INDEX if NAME is NULL
 * Return: 0, -ENODEV or another -errno. */
int link_find(struct mnl_socket *nl, const char *name, int index, struct link *link);

/* link_start() - sets interface INDEX, one of ours, up, without IPv6 addresses of its own
 * @mac: its MAC address from now on, or NULL to keep it
 *
 * Return: 0 or -errno.
 */
int link_start(struct mnl_socket *nl, int index, const uint8_t *mac);

/* link_run_program(), link_redirect() - set up the ingress of interface INDEX, which must not have
 * a clsact qdisc yet
 *
 * link_run_program() runs the BPF program with descriptor PROGRAM (cls_bpf, direct action);
 * link_redirect() redirects all frames to the ingress of interface TO (u32 that matches all,
 * mirred). Return: 0 or -errno.
 */
int link_run_program(struct mnl_socket *nl, int index, int program);
int link_redirect(struct mnl_socket *nl, int index, int to);

#endif
