/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * host.h - injects frames from the switch into the host's own network stack
 *
 * A frame sent on an interface goes to the wire, never to the host that owns the interface. So
 * frames for the host are written to a helper TAP, and the kernel redirects them to the interface's
 * ingress: by a BPF program that also marks them, so that our packet socket can tell them from
 * frames that came in from the wire; or, without permission to load one (CAP_BPF), by a plain
 * redirection. Then the TAP has the interface's MAC address, because the kernel would otherwise
 * take unicast frames for another host's (PACKET_OTHERHOST), and echoes are recognized by their
 * contents (struct echoes).
 *
 * The TAP is not persistent: it is deleted, with its qdisc and filter, when its descriptor is
 * closed, even by a crash.
 */
#ifndef VSW_PORTS_UPLINK_HOST_H
#define VSW_PORTS_UPLINK_HOST_H

#include "core/tx_desc.h"
#include "ports/uplink/link.h"
#include "util/error.h"

/* skb->mark of frames that the BPF program injects: a single bit, none of those that Kubernetes
 * itself uses. (Calico takes bits from 0xffff0000, 1 << 24 only after eight others.) */
enum { HOST_MARK = 1 << 24 };

/* Digests of the last group frames sent to the host: each frame comes back once, soon. */
enum { ECHOES = 1024 };
struct echoes {
    struct echo {
        uint64_t digest; /* 0: not awaited, or it came back */
        uint64_t sent;   /* monotonic nanoseconds */
    } echo[ECHOES];
    unsigned next;
};

struct host_way {
    int fd;     /* of the helper TAP; negative if there is none */
    int index;  /* the TAP's interface index */
    bool marks; /* the BPF program is in use */
    struct echoes echoes;
};

/* host_open() - creates the helper TAP and redirects what is written to it to the ingress of
 * interface LINK
 * @nl: from link_socket()
 *
 * Return: 0, or -errno and sets ERR, with way->fd negative.
 */
int host_open(struct host_way *way, struct mnl_socket *nl, const struct link *link,
              struct error *err);
/* host_close() - deletes the helper TAP; no effect if there is none */
void host_close(struct host_way *way);

/* host_follow() - restores the TAP's MAC address and IFF_UP, after LINK's address may have changed
 * or the TAP was set down
 * Return: 0; -ENODEV if the TAP was deleted: call host_close() and host_open() to recreate it; or
 * another -errno.
 */
int host_follow(struct host_way *way, struct mnl_socket *nl, const struct link *link);

/* host_send() - injects the frame DESC into the host. Return: 0 or -errno; -ENOBUFS if too many
 * echoes are outstanding. */
int host_send(struct host_way *way, const struct tx_desc *desc);

/* host_is_echo() - whether FRAME, a group frame from the interface, is one that host_send() sent;
 * true once for each */
bool host_is_echo(struct host_way *way, const struct frame *frame);

#endif
