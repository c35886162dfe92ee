/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * switch.h - creating, changing and freeing a switch
 *
 * Functions that fail for a reason a user can remedy return -errno and change nothing.
 */
#ifndef VSW_CORE_SWITCH_H
#define VSW_CORE_SWITCH_H

#include "core/port.h"

/* switch_defaults() - the default configuration; mac and fdb_secret are zero */
struct switch_config switch_defaults(void);

/* switch_new() - Return: an empty switch, or NULL if there is no memory */
struct vswitch *switch_new(const struct switch_config *config);

/* switch_free() - closes all endpoints, whose workers must still exist, and frees the switch. SW
 * may be NULL. */
void switch_free(struct vswitch *sw);

/* switch_set_ports() - changes the highest port number
 * Return: 0, -EINVAL, -EADDRINUSE (a port above it exists) or -ENOMEM. */
int switch_set_ports(struct vswitch *sw, unsigned ports);

/* switch_set_hub() - sets whether every frame goes to every port. A hub forgets all learned
 * addresses. */
void switch_set_hub(struct vswitch *sw, bool hub);

/* switch_remove_vlan() - removes VLAN VID and what was learned in it
 * Return: 0, -ENXIO (no such VLAN), or -EADDRINUSE for VLAN 0 and while any port but a transparent
 * one is a member. */
int switch_remove_vlan(struct vswitch *sw, unsigned vid);

/* switch_add_drop_kind() - adds KIND, owned by the caller, as a drop reason, counted from zero
 * Return: its number, or -ENOSPC. */
int switch_add_drop_kind(struct vswitch *sw, const struct drop_kind *kind);

/* switch_remove_drop_kind() - removes a reason that switch_add_drop_kind() returned */
void switch_remove_drop_kind(struct vswitch *sw, unsigned reason);

#endif
