/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vlan.h - which VLANs a port belongs to, and where each VLAN floods
 *
 * The only source is a port's struct membership. The flood sets, the attached ports that a flooded
 * frame of each VLAN goes to, follow from it; they are updated when a port attaches, detaches or
 * changes its membership, never per frame.
 *
 * VLAN 0 is VDE's "no VLAN": it always exists, and every port starts in it. A port has at most one
 * VLAN whose frames it sends untagged (its PVID, IEEE 802.1Q-2018 clause 6.9) and any number that
 * it sends tagged. A transparent port is a member of every VLAN, created or not; its own untagged
 * frames are VLAN 0.
 */
#ifndef VSW_CORE_VLAN_H
#define VSW_CORE_VLAN_H

#include "core/frame.h"
#include "util/vidset.h"

struct membership {
    uint16_t untagged; /* VID, 0 for VDE's "no VLAN", or VID_NONE: untagged frames are dropped */
    bool transparent;  /* then untagged is 0 and tagged is empty */
    struct vidset *tagged; /* NULL while empty; owned */
};

/* A port in flood sets: embedded in it. */
struct vlan_member {
    unsigned number;                     /* the port's */
    const struct membership *membership; /* the port's */
};

/* Members in ascending order of their numbers. */
struct flood_set {
    struct vlan_member **member;
    unsigned count;
    unsigned capacity;
};

struct vlan_table {
    struct vlan *vlan[VID_COUNT]; /* NULL where not created; [0] always exists */
    struct flood_set transparent; /* the flood set of every VLAN not created */
};

/* vlan_table_init() - a table with VLAN 0 alone. Return: 0 or -ENOMEM. */
int vlan_table_init(struct vlan_table *table);
void vlan_table_free(struct vlan_table *table);

bool vlan_exists(const struct vlan_table *table, unsigned vid);

/* vlan_create() - Return: 0, -EINVAL (VID outside 1..4094), -EEXIST or -ENOMEM */
int vlan_create(struct vlan_table *table, unsigned vid);

/* vlan_remove() - removes VID, of which no port but transparent ones is a member. Return: 0 or
 * -ENOENT. */
int vlan_remove(struct vlan_table *table, unsigned vid);

/* vlan_flood_set() - the attached ports that a flood in VID goes to, the ingress port perhaps
 * included */
const struct flood_set *vlan_flood_set(const struct vlan_table *table, unsigned vid);

/* vlan_enter() - adds MEMBER, of an attached port, to the flood sets of its VLANs
 * Return: 0, or -ENOMEM with MEMBER in none of them. */
int vlan_enter(struct vlan_table *table, struct vlan_member *member);

/* vlan_leave() - removes MEMBER from all flood sets */
void vlan_leave(struct vlan_table *table, struct vlan_member *member);

/* flood_set_add(), flood_set_remove() - keep the order; adding twice, or removing what is not in
 * SET, does nothing. Return: 0 or -ENOMEM. */
int flood_set_add(struct flood_set *set, struct vlan_member *member);
void flood_set_remove(struct flood_set *set, const struct vlan_member *member);

/* Whether it belongs to VID: untagged, tagged or transparent. */
bool membership_has(const struct membership *member, unsigned vid);
bool membership_has_tagged(const struct membership *member, unsigned vid);

/* Whether both belong to the same VLANs in the same way. */
bool membership_equal(const struct membership *one, const struct membership *other);

/* membership_copy() - deep copy. Return: 0 with TO to be released by membership_clear(), or
 * -ENOMEM. */
int membership_copy(struct membership *to, const struct membership *from);
void membership_clear(struct membership *member);

/* membership_tag() - sets whether VID is tagged. Return: 0 or -ENOMEM. */
int membership_tag(struct membership *member, unsigned vid, bool tagged);

/* vlan_ingress() - decides which VLAN a parsed frame belongs to, and sets frame->vid
 *
 * Untagged and priority-tagged frames (VID 0) belong to the port's PVID (802.1Q clause 6.9); a
 * tagged one is admitted if the port belongs to its VLAN in any way.
 * Return: DROP_NONE, DROP_UNTAGGED or DROP_NOT_MEMBER.
 */
static inline enum drop_reason vlan_ingress(const struct membership *member, struct frame *frame)
{
    frame->vid = frame->tci & TCI_VID;
    if (frame->vid == 0) {
        if (member->untagged == VID_NONE)
            return DROP_UNTAGGED;
        frame->vid = member->untagged;
        return DROP_NONE;
    }
    return membership_has(member, frame->vid) ? DROP_NONE : DROP_NOT_MEMBER;
}

/* vlan_egress() - the tag with which FRAME leaves a port that belongs to its VLAN
 * Return: a TCI that keeps the frame's priority, or TAG_NONE. */
int vlan_egress(const struct membership *member, const struct frame *frame);

#endif
