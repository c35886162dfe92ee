/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bpf.h - socket filters of an uplink's packet socket
 *
 * A packet socket receives all frames that the interface receives and all that the host sends. The
 * host's own traffic is filtered out in the kernel by a classic BPF program on the socket
 * (socket(7), SO_ATTACH_FILTER), which needs no privilege. "Received" below excludes frames
 * addressed to the host alone, and frames that we injected ourselves (host.h). FD is the packet
 * socket. All functions return 0 or -errno.
 */
#ifndef VSW_PORTS_UPLINK_BPF_H
#define VSW_PORTS_UPLINK_BPF_H

#include <stdint.h>

/* bpf_pass_none() - passes nothing; until the socket is bound */
int bpf_pass_none(int fd);

/* bpf_pass_wire() - passes received frames, and none that the host sends */
int bpf_pass_wire(int fd);

/* bpf_pass_all() - passes received frames and all that the host sends, for any destination:
 * correct, but not cheap */
int bpf_pass_all(int fd);

enum { BPF_ADDRESSES_MAX = 1200 }; /* two or three instructions each, of BPF_MAXINSNS (4096) */

/* bpf_pass_known() - passes received frames, and those that the host sends to a group or one of
 * COUNT addresses
 * @address: the last four bytes of each address, ascending. Addresses that differ in the first two
 *           bytes only are not told apart: the switch itself drops what comes up in excess.
 * @count:   at most BPF_ADDRESSES_MAX
 */
int bpf_pass_known(int fd, const uint32_t *address, unsigned count);

#endif
