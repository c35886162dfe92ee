/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vlan_commands.c - VLANs and their tagged members
 */
#include "control/command.h"

#include <errno.h>

static int vlan_create_command(struct program *program, const char *argument, FILE *out);
static int vlan_remove_command(struct program *program, const char *argument, FILE *out);
static int vlan_addport(struct program *program, const char *argument, FILE *out);
static int vlan_delport(struct program *program, const char *argument, FILE *out);
static int vlan_print(struct program *program, const char *argument, FILE *out);
static int vlan_allprint(struct program *program, const char *argument, FILE *out);

static int find_both(struct program *program, const char *argument, unsigned *vid,
                     struct port **port);
static int set_tagged(struct port *port, unsigned vid, bool tagged);
static int print_vlans(struct program *program, const char *argument, bool inactive, FILE *out);
static void print_vlan(const struct vswitch *sw, unsigned vid, bool inactive, FILE *out);

const struct command vlan_commands[] = {
    {"vlan", COMMAND_MENU, "VLAN MANAGEMENT MENU", false, NULL},
    {"vlan/create", "N", "create the VLAN with tag N", false, vlan_create_command},
    {"vlan/remove", "N", "remove the VLAN with tag N", false, vlan_remove_command},
    {"vlan/addport", "N PORT", "add port to the vlan N (tagged)", false, vlan_addport},
    {"vlan/delport", "N PORT", "del port from the vlan N (tagged)", false, vlan_delport},
    {"vlan/print", "[N]", "print the list of defined vlan", true, vlan_print},
    {"vlan/allprint", "[N]", "print the list of defined vlan (including inactive port)", true,
     vlan_allprint},
    {0},
};

static int vlan_create_command(struct program *program, const char *argument, FILE *out)
{
    int vid = command_number(argument, NULL);

    (void)out;
    return vid < 0 ? -EINVAL : vlan_create(&program->runtime.sw->vlans, (unsigned)vid);
}

static int vlan_remove_command(struct program *program, const char *argument, FILE *out)
{
    int vid = command_number(argument, NULL);

    (void)out;
    return vid < 0 ? -EINVAL : switch_remove_vlan(program->runtime.sw, (unsigned)vid);
}

static int vlan_addport(struct program *program, const char *argument, FILE *out)
{
    struct port *port;
    unsigned vid;
    int status = find_both(program, argument, &vid, &port);

    (void)out;
    return status < 0 ? status : set_tagged(port, vid, true);
}

static int vlan_delport(struct program *program, const char *argument, FILE *out)
{
    struct port *port;
    unsigned vid;
    int status = find_both(program, argument, &vid, &port);

    (void)out;
    if (status < 0)
        return status;
    if (port->membership.untagged == vid)
        return -EADDRINUSE;
    if (!membership_has_tagged(&port->membership, vid))
        return -ENXIO;
    return set_tagged(port, vid, false);
}

static int vlan_print(struct program *program, const char *argument, FILE *out)
{
    return print_vlans(program, argument, false, out);
}

static int vlan_allprint(struct program *program, const char *argument, FILE *out)
{
    return print_vlans(program, argument, true, out);
}

/* Reads "VLAN PORT", both of which must exist. */
static int find_both(struct program *program, const char *argument, unsigned *vid,
                     struct port **port)
{
    int vlan = command_number(argument, &argument);
    int number = command_number(argument, NULL);

    if (vlan < 0 || vlan >= VID_NONE || number < 0 ||
        (unsigned)number > program->runtime.sw->config.ports)
        return -EINVAL;
    *vid = (unsigned)vlan;
    *port = switch_port(program->runtime.sw, (unsigned)number);
    return *port && vlan_exists(&program->runtime.sw->vlans, *vid) ? 0 : -ENXIO;
}

static int set_tagged(struct port *port, unsigned vid, bool tagged)
{
    struct membership wanted;
    int status;

    /* The untagged VLAN is one already; a tag on the way in is accepted there, too. */
    if (tagged && port->membership.untagged == vid)
        return 0;
    status = membership_copy(&wanted, &port->membership);
    if (status == 0)
        status = membership_tag(&wanted, vid, tagged);
    if (status == 0)
        status = port_set_membership(port, &wanted);
    membership_clear(&wanted);
    return status;
}

static int print_vlans(struct program *program, const char *argument, bool inactive, FILE *out)
{
    const struct vswitch *sw = program->runtime.sw;

    if (*argument) {
        int vid = command_number(argument, NULL);

        if (vid < 0 || vid >= VID_NONE)
            return -EINVAL;
        if (!vlan_exists(&sw->vlans, (unsigned)vid))
            return -ENXIO;
        print_vlan(sw, (unsigned)vid, inactive, out);
        return 0;
    }
    for (unsigned vid = 0; vid < VID_COUNT; vid++) {
        if (vlan_exists(&sw->vlans, vid))
            print_vlan(sw, vid, inactive, out);
    }
    return 0;
}

static void print_vlan(const struct vswitch *sw, unsigned vid, bool inactive, FILE *out)
{
    fprintf(out, "VLAN %04u\n", vid);
    for (unsigned number = 0; number <= sw->config.ports && !sw->config.hub; number++) {
        const struct port *port = sw->port[number];

        if (!port || !membership_has(&port->membership, vid) || (!inactive && !port_active(port)))
            continue;
        fprintf(out, " -- Port %04u tagged=%d active=%d status=Forwarding\n", number,
                port->membership.untagged != vid, port_active(port));
    }
}
