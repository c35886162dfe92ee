/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * bpf.h - the programs that a packet socket's frames go through
 *
 * A packet socket sees all that the interface receives and all that its host sends. The host's own conversations are
 * kept out in the kernel, by a classic BPF program on the socket (socket(7), SO_ATTACH_FILTER), which needs no privilege.
 * Received is all but what was for the host alone, and but what we injected ourselves (host.h). All functions return 0 or
 * -errno.
 */
#ifndef VSW_PORTS_UPLINK_BPF_H
#define VSW_PORTS_UPLINK_BPF_H

#include <stdint.h>

/* bpf_pass_none() - nothing comes up through FD; for the time before it is bound */
int bpf_pass_none(int fd);

/* bpf_pass_wire() - what is received, and nothing that the host sends */
int bpf_pass_wire(int fd);

/* bpf_pass_all() - besides that all that the host sends, whoever it is for: right, but not cheap */
int bpf_pass_all(int fd);

enum { BPF_ADDRESSES_MAX = 1200 }; /* two or three instructions each, of 4,096 */

/* bpf_pass_known() - besides what is received, what the host sends to groups and to COUNT addresses
 * @count:   BPF_ADDRESSES_MAX at most
 * @address: the last four bytes of each, ascending. Two that differ in the first two alone are as good as one: whatever
 *           comes up too many is sorted out by the switch.
 */
int bpf_pass_known(int fd, const uint32_t *address, unsigned count);

#endif
