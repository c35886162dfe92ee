/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * switch.h - a switch is made, changed and freed
 *
 * Functions that can fail for a reason a user can mend return -errno and change nothing.
 */
#ifndef VSW_CORE_SWITCH_H
#define VSW_CORE_SWITCH_H

#include "core/port.h"

/* switch_defaults() - what a switch has that nobody configured; mac and fdb_secret are left zero */
struct switch_config switch_defaults(void);

/* switch_new() - Return: an empty switch, or NULL if there is no memory */
struct vswitch *switch_new(const struct switch_config *config);

/* switch_free() - closes all endpoints and frees everything but the workers, which must still be there. SW may be NULL. */
void switch_free(struct vswitch *sw);

/* switch_set_ports() - changes the highest port number. Return: 0, -EINVAL, -EADDRINUSE (one would vanish), -ENOMEM. */
int switch_set_ports(struct vswitch *sw, unsigned ports);

/* switch_set_hub() - whether every frame goes to every port; a hub forgets all that was learned */
void switch_set_hub(struct vswitch *sw, bool hub);

/* switch_remove_vlan() - Return: 0, -ENXIO (no such VLAN) or -EADDRINUSE while any port is a member by name; VLAN 0
 * always stays */
int switch_remove_vlan(struct vswitch *sw, unsigned vid);

/* switch_add_drop_kind() - KIND, which stays the caller's, is a reason for drops from now on, counted from zero
 * Return: its number, or -ENOSPC. */
int switch_add_drop_kind(struct vswitch *sw, const struct drop_kind *kind);

/* switch_remove_drop_kind() - the opposite */
void switch_remove_drop_kind(struct vswitch *sw, unsigned reason);

#endif
