/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * spec.h - what the keys of a dgram port say
 */
#ifndef VSW_PORTS_DGRAM_SPEC_H
#define VSW_PORTS_DGRAM_SPEC_H

#include "ports/listen/address.h"
#include "ports/spec.h"

#include <netinet/in.h>

enum dgram_kind { DGRAM_UDP, DGRAM_UNIX, DGRAM_GROUP, DGRAM_FD };

struct dgram_spec {
    enum dgram_kind kind;
    struct address local;     /* ours; of a group and of a descriptor known when it is open */
    struct address remote;    /* the peer's, or the group; of a descriptor known when it is open */
    int fd;                   /* DGRAM_FD */
    struct in_addr interface; /* DGRAM_GROUP: its address; INADDR_ANY if the kernel is to choose */
};

/* dgram_spec_read() - reads the keys into WANTED, touching nothing. Return: 0, or -EINVAL and sets ERR. */
int dgram_spec_read(const struct port_spec *spec, struct dgram_spec *wanted, struct error *err);

#endif
