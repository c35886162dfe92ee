/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * holders.h - which processes hold which TAP interfaces
 *
 * The kernel writes the interface of each open TAP descriptor into /proc/PID/fdinfo (a line "iff:"). Of other users'
 * processes only root, or who may trace them, can see that.
 */
#ifndef VSW_PORTS_IO_TAP_HOLDERS_H
#define VSW_PORTS_IO_TAP_HOLDERS_H

#include <net/if.h>
#include <sys/types.h>

struct tap_holder {
    char ifname[4 * IFNAMSIZ]; /* escaped */
    pid_t process;
    char program[64]; /* escaped; "" if it is gone meanwhile */
};

/* tap_holders_each() - calls VISIT for each descriptor that is a TAP's or TUN's. Looks at all descriptors of all processes:
 * some ten milliseconds on a busy host. */
void tap_holders_each(void (*visit)(void *context, const struct tap_holder *holder), void *context);

#endif
