/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * tap_holders.h - processes that have TAP interfaces open
 *
 * The kernel names the interface of an open TAP descriptor in /proc/PID/fdinfo (line "iff:"). For
 * other users' processes that takes root, or permission to trace them.
 */
#ifndef VSW_PORTS_IO_TAP_HOLDERS_H
#define VSW_PORTS_IO_TAP_HOLDERS_H

#include <net/if.h>
#include <sys/types.h>

struct tap_holder {
    char ifname[4 * IFNAMSIZ]; /* escaped */
    pid_t process;
    char program[64]; /* escaped; "" if the process is gone */
};

/* tap_holders_each() - calls VISIT for each open descriptor of a TAP or TUN device; the holder is
 * valid during the call
 *
 * Reads all descriptors of all processes: some ten milliseconds on a busy host.
 */
void tap_holders_each(void (*visit)(void *context, const struct tap_holder *holder), void *context);

#endif
