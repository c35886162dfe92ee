/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port_config.h - all that people decide about a port
 *
 * A port carries one, which changes only as a whole, by port_configure() (port.h). To change one thing about a port, copy
 * port->config, change the copy, and apply it.
 */
#ifndef VSW_CORE_PORT_CONFIG_H
#define VSW_CORE_PORT_CONFIG_H

#include "core/vlan.h"

#include <limits.h>
#include <sys/types.h>

enum { PORT_NAME = 64, PORT_DESCRIPTION = 256 };
#define PORT_NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

/* As max_addresses: the limit that the switch gives to every port. */
#define PORT_ADDRESSES_DEFAULT UINT_MAX

/* What a port does with frames to 01-80-C2-00-00-00 to -0F: spanning tree, LACP, LLDP, pause. */
enum reserved_policy { RESERVED_FORWARD, RESERVED_DROP, RESERVED_CONSUME, RESERVED_POLICIES };

/* Indexed by enum reserved_policy: how people write it. */
extern const char *const reserved_policy_name[RESERVED_POLICIES];

struct port_config {
    /* read for every frame */
    struct membership membership;
    bool up;       /* off: nothing comes in or leaves */
    bool isolated; /* reaches only ports that are not */
    bool offload;  /* GSO frames and open checksums may come and leave as they are */
    enum reserved_policy reserved;

    bool allocatable;       /* may be given to a client that asks for any port */
    unsigned max_addresses; /* that it may have in the FDB, or PORT_ADDRESSES_DEFAULT */
    uid_t user;             /* only this user may attach; (uid_t)-1: anyone */
    gid_t group;            /* or members of this group; (gid_t)-1: anyone */
    char name[PORT_NAME];   /* "" if it has none */
    char *description;      /* as people wrote it, not escaped; NULL if there is none; owned */
};

/* port_config_defaults() - untagged in VLAN 0, up, open to all. There is nothing in it to be released. */
struct port_config port_config_defaults(void);

/* port_config_copy() - a deep copy. Return: 0 with TO to be released by port_config_clear(), or -ENOMEM. */
int port_config_copy(struct port_config *to, const struct port_config *from);
void port_config_clear(struct port_config *config);

bool port_config_equal(const struct port_config *one, const struct port_config *other);

#endif
