/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/vlan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct vlan {
    struct flood_set flood;
};

static unsigned flood_set_place(const struct flood_set *set, const struct vlan_member *member);
static int flood_set_copy(struct flood_set *to, const struct flood_set *from);

int vlan_table_init(struct vlan_table *table)
{
    memset(table, 0, sizeof(*table));
    table->vlan[0] = calloc(1, sizeof(*table->vlan[0]));
    return table->vlan[0] ? 0 : -ENOMEM;
}

void vlan_table_free(struct vlan_table *table)
{
    for (unsigned vid = 0; vid < VID_COUNT; vid++) {
        if (table->vlan[vid])
            free(table->vlan[vid]->flood.member);
        free(table->vlan[vid]);
    }
    free(table->transparent.member);
}

bool vlan_exists(const struct vlan_table *table, unsigned vid)
{
    return vid < VID_COUNT && table->vlan[vid];
}

int vlan_create(struct vlan_table *table, unsigned vid)
{
    struct vlan *vlan;

    if (vid < VID_MIN || vid > VID_MAX)
        return -EINVAL;
    if (table->vlan[vid])
        return -EEXIST;
    vlan = calloc(1, sizeof(*vlan));
    if (!vlan || flood_set_copy(&vlan->flood, &table->transparent) < 0) {
        free(vlan);
        return -ENOMEM;
    }
    table->vlan[vid] = vlan;
    return 0;
}

int vlan_remove(struct vlan_table *table, unsigned vid)
{
    if (vid == 0 || !vlan_exists(table, vid))
        return -ENOENT;
    free(table->vlan[vid]->flood.member);
    free(table->vlan[vid]);
    table->vlan[vid] = NULL;
    return 0;
}

const struct flood_set *vlan_flood_set(const struct vlan_table *table, unsigned vid)
{
    return table->vlan[vid] ? &table->vlan[vid]->flood : &table->transparent;
}

int vlan_enter(struct vlan_table *table, struct vlan_member *member)
{
    const struct membership *membership = member->membership;
    int status = membership->transparent ? flood_set_add(&table->transparent, member) : 0;

    for (unsigned vid = 0; vid < VID_COUNT && status == 0; vid++) {
        if (table->vlan[vid] && membership_has(membership, vid))
            status = flood_set_add(&table->vlan[vid]->flood, member);
    }
    if (status < 0)
        vlan_leave(table, member);
    return status;
}

void vlan_leave(struct vlan_table *table, struct vlan_member *member)
{
    flood_set_remove(&table->transparent, member);
    for (unsigned vid = 0; vid < VID_COUNT; vid++) {
        if (table->vlan[vid])
            flood_set_remove(&table->vlan[vid]->flood, member);
    }
}

int flood_set_add(struct flood_set *set, struct vlan_member *member)
{
    unsigned at = flood_set_place(set, member);

    if (at < set->count && set->member[at] == member)
        return 0;
    if (set->count == set->capacity) {
        unsigned capacity = set->capacity ? 2 * set->capacity : 8;
        struct vlan_member **grown = reallocarray(set->member, capacity, sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        set->member = grown;
        set->capacity = capacity;
    }
    memmove(set->member + at + 1, set->member + at, (set->count - at) * sizeof(*set->member));
    set->member[at] = member;
    set->count++;
    return 0;
}

void flood_set_remove(struct flood_set *set, const struct vlan_member *member)
{
    unsigned at = flood_set_place(set, member);

    if (at == set->count || set->member[at] != member)
        return;
    set->count--;
    memmove(set->member + at, set->member + at + 1, (set->count - at) * sizeof(*set->member));
}

bool membership_has(const struct membership *member, unsigned vid)
{
    return member->transparent || (vid == member->untagged && vid != VID_NONE) ||
           membership_has_tagged(member, vid);
}

bool membership_has_tagged(const struct membership *member, unsigned vid)
{
    return member->tagged && vidset_has(member->tagged, vid);
}

bool membership_equal(const struct membership *one, const struct membership *other)
{
    if (one->untagged != other->untagged || one->transparent != other->transparent ||
        !one->tagged != !other->tagged)
        return false;
    return !one->tagged || !memcmp(one->tagged, other->tagged, sizeof(*one->tagged));
}

int membership_copy(struct membership *to, const struct membership *from)
{
    *to = *from;
    if (!from->tagged)
        return 0;
    to->tagged = malloc(sizeof(*to->tagged));
    if (!to->tagged)
        return -ENOMEM;
    *to->tagged = *from->tagged;
    return 0;
}

void membership_clear(struct membership *member)
{
    free(member->tagged);
    *member = (struct membership){0};
}

int membership_tag(struct membership *member, unsigned vid, bool tagged)
{
    if (tagged) {
        if (!member->tagged)
            member->tagged = calloc(1, sizeof(*member->tagged));
        if (!member->tagged)
            return -ENOMEM;
        vidset_add(member->tagged, vid);
    } else if (member->tagged) {
        vidset_remove(member->tagged, vid);
        if (vidset_empty(member->tagged)) {
            free(member->tagged);
            member->tagged = NULL;
        }
    }
    return 0;
}

int vlan_egress(const struct membership *member, const struct frame *frame)
{
    bool untagged =
        member->transparent ? frame->vid == 0 && !frame->tagged : frame->vid == member->untagged;

    return untagged ? TAG_NONE : (frame->tci & TCI_PRIORITY) | frame->vid;
}

/* Return: MEMBER's index in SET, or where it would be inserted. */
static unsigned flood_set_place(const struct flood_set *set, const struct vlan_member *member)
{
    unsigned low = 0, high = set->count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (set->member[middle]->number < member->number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int flood_set_copy(struct flood_set *to, const struct flood_set *from)
{
    *to = (struct flood_set){0};
    if (from->count == 0)
        return 0;
    to->member = reallocarray(NULL, from->count, sizeof(*to->member));
    if (!to->member)
        return -ENOMEM;
    memcpy(to->member, from->member, from->count * sizeof(*to->member));
    to->count = to->capacity = from->count;
    return 0;
}
