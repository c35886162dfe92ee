/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port_config.h - the configuration of a port
 *
 * It changes only as a whole, by port_configure() (port.h): copy port->config, change the copy,
 * apply it.
 */
#ifndef VSW_CORE_PORT_CONFIG_H
#define VSW_CORE_PORT_CONFIG_H

#include "core/vlan.h"

#include <limits.h>
#include <sys/types.h>

enum { PORT_NAME = 64, PORT_DESCRIPTION = 256 };
#define PORT_NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

/* For max_addresses: the switch's default limit. */
#define PORT_ADDRESSES_DEFAULT UINT_MAX

/* What a port does with frames to 01-80-C2-00-00-00 to -0F: spanning tree, LACP, LLDP, pause. */
enum reserved_policy { RESERVED_FORWARD, RESERVED_DROP, RESERVED_CONSUME, RESERVED_POLICIES };

/* By enum reserved_policy: names for users. */
extern const char *const reserved_policy_name[RESERVED_POLICIES];

struct port_config {
    /* read for every frame */
    struct membership membership;
    bool up;       /* if not, nothing enters or leaves */
    bool isolated; /* exchanges frames only with ports that are not isolated */
    bool offload;  /* GSO frames and partial checksums may enter and leave as they are */
    enum reserved_policy reserved;

    bool allocatable;       /* may be assigned to a client that asks for any port */
    unsigned max_addresses; /* limit of learned addresses, or PORT_ADDRESSES_DEFAULT */
    uid_t user;             /* only this user may attach; (uid_t)-1: anyone */
    gid_t group;            /* or this group's members; (gid_t)-1: anyone */
    char name[PORT_NAME];   /* "" if it has none */
    char *description;      /* as the user wrote it, not escaped; NULL if there is none; owned */
};

/* port_config_defaults() - untagged in VLAN 0, up, open to all. Needs no port_config_clear(). */
struct port_config port_config_defaults(void);

/* port_config_copy() - deep copy. Return: 0 with TO to be released by port_config_clear(), or
 * -ENOMEM. */
int port_config_copy(struct port_config *to, const struct port_config *from);
void port_config_clear(struct port_config *config);

bool port_config_equal(const struct port_config *one, const struct port_config *other);

#endif
