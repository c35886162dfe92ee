/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * spec.h - parsed keys of a dgram port
 */
#ifndef VSW_PORTS_DGRAM_SPEC_H
#define VSW_PORTS_DGRAM_SPEC_H

#include "ports/listen/address.h"
#include "ports/spec.h"

#include <netinet/in.h>

enum dgram_kind { DGRAM_UDP, DGRAM_UNIX, DGRAM_GROUP, DGRAM_FD };

struct dgram_spec {
    enum dgram_kind kind;
    struct address local;  /* our own; of a group or a descriptor known once it is open */
    struct address remote; /* the peer's, or the group's; of a descriptor known once it is open */
    int fd;                /* of DGRAM_FD, else -1 */
    /* of DGRAM_GROUP: the interface's address; INADDR_ANY: any */
    struct in_addr interface;
};

/* dgram_spec_read() - parses the keys of SPEC into WANTED, without side effects. Return: 0, or
 * -EINVAL and sets ERR. */
int dgram_spec_read(const struct port_spec *spec, struct dgram_spec *wanted, struct error *err);

#endif
