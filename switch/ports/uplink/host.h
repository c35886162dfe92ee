/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * host.h - the way from the switch into the host's own stack, as if from the wire
 *
 * What is sent on an interface goes to the wire, never to the host that owns it. So frames for the host are written to a
 * helper TAP, and the kernel moves them to the interface's ingress: by a BPF program that also marks them, so that
 * our packet socket can tell them from what came in by the wire; or, where we may not load one (CAP_BPF), by a plain
 * redirection. Then the TAP bears the interface's address, or the kernel would take unicast frames for somebody
 * else's, and echoes are recognised by their contents (struct echoes).
 *
 * The TAP is not persistent: it goes, with all that hangs on it, when its descriptor is closed, however that comes.
 */
#ifndef VSW_PORTS_UPLINK_HOST_H
#define VSW_PORTS_UPLINK_HOST_H

#include "ports/uplink/link.h"
#include "util/error.h"

/* On frames that the program injected: a single bit, none of those that Kubernetes itself uses. (Calico takes bits from
 * 0xffff0000, 1 << 24 only after eight others.) */
enum { HOST_MARK = 1 << 24 };

/* The digests of the last group frames that went to the host: each comes back once, soon. */
enum { ECHOES = 1024 };
struct echoes {
    struct echo {
        uint64_t digest; /* 0: it came back */
        uint64_t sent;   /* ns */
    } echo[ECHOES];
    unsigned next;
};

struct host_way {
    int fd; /* of the helper TAP; -1: there is no way */
    int index;
    bool marks; /* the BPF program is at work */
    struct echoes echoes;
};

/* host_open() - opens the way into the interface LINK. Return: 0, or -errno and sets ERR. */
int host_open(struct host_way *way, struct mnl_socket *nl, const struct link *link,
              struct error *err);
void host_close(struct host_way *way);

/* host_follow() - LINK's address may have changed, or somebody set our TAP down
 * Return: 0; -ENODEV if the TAP was deleted: host_close() and host_open() make the way anew; or another -errno. */
int host_follow(struct host_way *way, struct mnl_socket *nl, const struct link *link);

/* host_send() - hands PACKET to the host. Return: 0 or -errno; -ENOBUFS if too many group frames have not come back yet. */
int host_send(struct host_way *way, const struct tx_desc *desc);

/* host_is_echo() - did FRAME, a group frame from the interface, come from us? Never says so twice of one. */
bool host_is_echo(struct host_way *way, const struct frame *frame);

#endif
