/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/port_config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const reserved_policy_name[] = {
    [RESERVED_FORWARD] = "forward",
    [RESERVED_DROP] = "drop",
    [RESERVED_CONSUME] = "consume",
};
static_assert(sizeof(reserved_policy_name) / sizeof(reserved_policy_name[0]) == RESERVED_POLICIES,
              "a policy has no name");

struct port_config port_config_defaults(void)
{
    return (struct port_config){
        .up = true,
        .offload = true,
        .reserved = RESERVED_FORWARD,
        .allocatable = true,
        .max_addresses = PORT_ADDRESSES_DEFAULT,
        .user = (uid_t)-1,
        .group = (gid_t)-1,
    };
}

int port_config_copy(struct port_config *to, const struct port_config *from)
{
    *to = *from;
    if (membership_copy(&to->membership, &from->membership) < 0)
        return -ENOMEM;
    to->description = from->description ? strdup(from->description) : NULL;
    if (!from->description || to->description)
        return 0;
    membership_clear(&to->membership);
    return -ENOMEM;
}

void port_config_clear(struct port_config *config)
{
    membership_clear(&config->membership);
    free(config->description);
    config->description = NULL;
}

bool port_config_equal(const struct port_config *one, const struct port_config *other)
{
    const char *description = one->description ? one->description : "";

    return membership_equal(&one->membership, &other->membership) && one->up == other->up &&
           one->isolated == other->isolated && one->offload == other->offload &&
           one->reserved == other->reserved && one->allocatable == other->allocatable &&
           one->max_addresses == other->max_addresses && one->user == other->user &&
           one->group == other->group && !strcmp(one->name, other->name) &&
           !strcmp(description, other->description ? other->description : "");
}
