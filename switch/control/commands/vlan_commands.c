/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vlan_commands.c - VLANs and their tagged members
 */
#include "control/command.h"
#include "util/os_linux.h"

#include <errno.h>
#include <stdlib.h>

/* Ports that a list of VLANs looks at, one after the other: some ten milliseconds. */
enum { MOST_LOOKS = 8 * 1024 * 1024 };

static int create(struct call *call);
static int remove_vlan(struct call *call);
static int addport(struct call *call);
static int delport(struct call *call);
static int print(struct call *call);
static int allprint(struct call *call);

static int set_tagged(struct port *port, unsigned vid, bool tagged);
static int list_vlans(struct call *call, bool inactive);
static int collect_ports(const struct vswitch *sw, struct flood_set *all);
static const struct flood_set *active_members(const struct vswitch *sw, unsigned vid);
static void list_members(struct reply *reply, const struct flood_set *ports, unsigned vid);
static void show_member(struct reply *reply, const struct port *port, unsigned vid);

static const struct parameter vlan_and_port[ARGUMENTS + 1] = {
    {"vlan", "N", ARGUMENT_VLAN}, {"port", "PORT", ARGUMENT_PORT}, {0}};
static const struct parameter perhaps_vlan[ARGUMENTS + 1] = {
    {"vlan", "N", ARGUMENT_VLAN, .optional = true}, {0}};

static const struct field member_fields[] = {
    {"port", FIELD_NUMBER, " -- Port %04llu"},
    {"tagged", FIELD_FLAG, " tagged=1", " tagged=0"},
    {"active", FIELD_FLAG, " active=1", " active=0"},
    {"forwarding", FIELD_FLAG, " status=Forwarding\n", " status=Discarding\n"},
    {0},
};

static const struct field vlan_fields[] = {
    {"vlan", FIELD_NUMBER, "VLAN %04llu\n"},
    {"members", FIELD_LIST, .element = member_fields},
    {0},
};

static const struct field vlans_fields[] = {{"vlans", FIELD_LIST, .element = vlan_fields}, {0}};

const struct command vlan_commands[] = {
    {"vlan", "VLAN MANAGEMENT MENU"},
    {"vlan/create", "create the VLAN with tag N", PARAMETERS({"vlan", "N", ARGUMENT_VID}),
     .run = create},
    {"vlan/remove", "remove the VLAN with tag N", PARAMETERS({"vlan", "N", ARGUMENT_VID}),
     .run = remove_vlan},
    {"vlan/addport", "add port to the vlan N (tagged)", vlan_and_port, .run = addport},
    {"vlan/delport", "del port from the vlan N (tagged)", vlan_and_port, .run = delport},
    {"vlan/print", "print the list of defined vlan", perhaps_vlan, vlans_fields, .run = print},
    {"vlan/allprint", "print the list of defined vlan (including inactive port)", perhaps_vlan,
     vlans_fields, .run = allprint},
    {0},
};

static int create(struct call *call)
{
    unsigned vid = call->argument[0].number;
    int status = vlan_create(&call->sw->vlans, vid);

    if (status == -EINVAL)
        error_set(call->error, EINVAL, "a VLAN is from %d to %d", VID_MIN, VID_MAX);
    return status;
}

static int remove_vlan(struct call *call)
{
    unsigned vid = call->argument[0].number;
    int status = vid > VID_MAX ? -EINVAL : switch_remove_vlan(call->sw, vid);

    if (status == -EINVAL)
        error_set(call->error, EINVAL, "a VLAN is from %d to %d", VID_MIN, VID_MAX);
    else if (status == -EADDRINUSE)
        error_set(call->error, EADDRINUSE,
                  vid ? "ports are members; vlan/allprint shows them" : "VLAN 0 always stays");
    return status;
}

static int addport(struct call *call)
{
    struct port *port = call->argument[1].port;
    unsigned vid = call->argument[0].number;

    /* In its untagged VLAN a port accepts tagged frames, too. */
    return membership_has(&port->config.membership, vid) ? 0 : set_tagged(port, vid, true);
}

static int delport(struct call *call)
{
    struct port *port = call->argument[1].port;
    unsigned vid = call->argument[0].number;

    if (port->config.membership.untagged == vid)
        return error_set(call->error, EADDRINUSE,
                         "VLAN %u is the untagged one of port %u; port/setvlan changes that", vid,
                         port->number);
    if (port->config.membership.transparent)
        return error_set(call->error, EADDRINUSE, "port %u is transparent: it is in every VLAN",
                         port->number);
    return membership_has_tagged(&port->config.membership, vid) ? set_tagged(port, vid, false) : 0;
}

static int print(struct call *call)
{
    return list_vlans(call, false);
}

static int allprint(struct call *call)
{
    return list_vlans(call, true);
}

static int set_tagged(struct port *port, unsigned vid, bool tagged)
{
    struct port_config wanted;
    int status = port_config_copy(&wanted, &port->config);

    if (status < 0)
        return status;
    status = membership_tag(&wanted.membership, vid, tagged);
    if (status == 0)
        status = port_configure(port, &wanted);
    port_config_clear(&wanted);
    return status;
}

static int list_vlans(struct call *call, bool inactive)
{
    const struct vswitch *sw = call->sw;
    struct flood_set all = {0};
    unsigned looks = 0;
    int status = inactive ? collect_ports(sw, &all) : 0;

    if (status < 0)
        return status;
    reply_list(call->reply);
    for (unsigned vid = 0; vid < VID_COUNT; vid++) {
        if (!vlan_exists(&sw->vlans, vid) || !argument_covers_vlan(&call->argument[0], vid))
            continue;
        if (looks > MOST_LOOKS)
            reply_cut(call->reply);
        if (!reply_item(call->reply))
            break;
        reply_number(call->reply, vid);
        list_members(call->reply, inactive ? &all : active_members(sw, vid), vid);
        looks += all.count;
    }
    reply_list_end(call->reply);
    free(all.member);
    return 0;
}

/* All ports that there are, in order. */
static int collect_ports(const struct vswitch *sw, struct flood_set *all)
{
    all->member = malloc(((size_t)sw->config.ports + 1) * sizeof(*all->member));
    if (!all->member)
        return -ENOMEM;
    switch_for_each_port (sw, port)
        all->member[all->count++] = &port->vlan_member;
    return 0;
}

/* In a hub nobody is a member: every port hears everything. */
static const struct flood_set *active_members(const struct vswitch *sw, unsigned vid)
{
    static const struct flood_set nobody = {0};

    return sw->config.hub ? &nobody : vlan_flood_set(&sw->vlans, vid);
}

static void list_members(struct reply *reply, const struct flood_set *ports, unsigned vid)
{
    reply_list(reply);
    for (unsigned i = 0; i < ports->count; i++) {
        const struct port *port = container_of(ports->member[i], struct port, vlan_member);

        if (!membership_has(&port->config.membership, vid))
            continue;
        if (!reply_item(reply))
            break;
        show_member(reply, port, vid);
    }
    reply_list_end(reply);
}

static void show_member(struct reply *reply, const struct port *port, unsigned vid)
{
    reply_number(reply, port->number);
    reply_flag(reply, port->config.membership.untagged != vid);
    reply_flag(reply, port_active(port));
    reply_flag(reply, !port_blocked(port, os_now()));
}
