/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port_commands.c - ports, their endpoints and counters
 */
#include "control/command.h"
#include "util/text.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

static int port_showinfo(struct program *program, const char *argument, FILE *out);
static int port_setnumports(struct program *program, const char *argument, FILE *out);
static int port_sethub(struct program *program, const char *argument, FILE *out);
static int port_setvlan(struct program *program, const char *argument, FILE *out);
static int port_createauto(struct program *program, const char *argument, FILE *out);
static int port_create_command(struct program *program, const char *argument, FILE *out);
static int port_remove_command(struct program *program, const char *argument, FILE *out);
static int port_allocatable(struct program *program, const char *argument, FILE *out);
static int port_setuser(struct program *program, const char *argument, FILE *out);
static int port_setgroup(struct program *program, const char *argument, FILE *out);
static int port_epclose(struct program *program, const char *argument, FILE *out);
static int port_resetcounter(struct program *program, const char *argument, FILE *out);
static int port_print(struct program *program, const char *argument, FILE *out);
static int port_allprint(struct program *program, const char *argument, FILE *out);
static int port_endpoints(struct program *program, const char *argument, FILE *out);
static int port_drops(struct program *program, const char *argument, FILE *out);

static int find_port(struct program *program, const char *argument, struct port **port,
                     const char **rest);
static void reset_counters(struct port *port);
static int read_id(const char *name, const id_t *found, id_t *id);
static int make_port(struct program *program, int number, struct port **port);
static int print_ports(struct program *program, const char *argument, bool inactive, FILE *out);
static void print_port(const struct port *port, FILE *out);
static void print_traffic(const struct counters *counters, FILE *out);
static void print_drops(const struct counters *counters, FILE *out);
static const char *user_name(uid_t user, char text[32]);
static const char *group_name(gid_t group, char text[32]);

const struct command port_commands[] = {
    {"port", COMMAND_MENU, "PORT STATUS MENU", false, NULL},
    {"port/showinfo", "", "show port info", true, port_showinfo},
    {"port/setnumports", "N", "set the number of ports", false, port_setnumports},
    {"port/sethub", "0/1", "1=HUB 0=switch", false, port_sethub},
    {"port/setvlan", "N VLAN", "set port VLAN (untagged)", false, port_setvlan},
    {"port/createauto", "",
     "create a port with an automatically allocated id (inactive|notallocatable)", true,
     port_createauto},
    {"port/create", "N", "create the port N (inactive|notallocatable)", false, port_create_command},
    {"port/remove", "N", "remove the port N", false, port_remove_command},
    {"port/allocatable", "N 0/1", "Is the port allocatable as unnamed? 1=Y 0=N", false,
     port_allocatable},
    {"port/setuser", "N user", "access control: set user", false, port_setuser},
    {"port/setgroup", "N user", "access control: set group", false, port_setgroup},
    {"port/epclose", "N ID", "remove the endpoint port N/id ID", false, port_epclose},
    {"port/resetcounter", "[N]", "reset the port (N) counters", false, port_resetcounter},
    {"port/print", "[N]", "print the port/endpoint table", true, port_print},
    {"port/allprint", "[N]", "print the port/endpoint table (including inactive port)", true,
     port_allprint},
    {"port/endpoints", "N", "print the counters of each endpoint of port N", true, port_endpoints},
    {"port/drops", "N", "print the frames dropped at port N by reason", true, port_drops},
    {0},
};

static int port_showinfo(struct program *program, const char *argument, FILE *out)
{
    const struct switch_config *config = &program->runtime.sw->config;

    (void)argument;
    fprintf(out, "Numports=%u\nHUB=%s\ncounters=true\n", config->ports,
            config->hub ? "true" : "false");
    return 0;
}

static int port_setnumports(struct program *program, const char *argument, FILE *out)
{
    int ports = command_number(argument, NULL);

    (void)out;
    return ports < 1 ? -EINVAL : switch_set_ports(program->runtime.sw, (unsigned)ports);
}

static int port_sethub(struct program *program, const char *argument, FILE *out)
{
    (void)out;
    switch_set_hub(program->runtime.sw, command_number(argument, NULL) != 0);
    return 0;
}

static int port_setvlan(struct program *program, const char *argument, FILE *out)
{
    struct membership wanted;
    struct port *port;
    const char *rest;
    int status = find_port(program, argument, &port, &rest);
    int vid = command_number(rest, NULL);

    (void)out;
    if (vid < 0 || vid > VID_NONE)
        return -EINVAL;
    if (status < 0)
        return status;
    status = membership_copy(&wanted, &port->membership);
    if (status == 0)
        status = membership_tag(&wanted, (unsigned)vid, false);
    wanted.transparent = false;
    wanted.untagged = (uint16_t)vid;
    if (status == 0)
        status = port_set_membership(port, &wanted);
    membership_clear(&wanted);
    return status;
}

static int port_createauto(struct program *program, const char *argument, FILE *out)
{
    struct port *port;
    int status = make_port(program, PORT_ANY, &port);

    (void)argument;
    if (status == 0)
        fprintf(out, "Port %04u\n", port->number);
    return status;
}

static int port_create_command(struct program *program, const char *argument, FILE *out)
{
    int number = command_number(argument, NULL);
    struct port *port;

    (void)out;
    return number < 0 ? -EINVAL : make_port(program, number, &port);
}

static int port_remove_command(struct program *program, const char *argument, FILE *out)
{
    struct port *port;
    int status = find_port(program, argument, &port, NULL);

    (void)out;
    return status < 0 ? status : port_remove(port);
}

static int port_allocatable(struct program *program, const char *argument, FILE *out)
{
    struct port *port;
    const char *rest;
    int status = find_port(program, argument, &port, &rest);

    (void)out;
    if (status == 0)
        port_set_allocatable(port, command_number(rest, NULL) != 0);
    return status;
}

static int port_setuser(struct program *program, const char *argument, FILE *out)
{
    struct port *port;
    const char *name;
    int status = find_port(program, argument, &port, &name);
    const struct passwd *user = status == 0 ? getpwnam(name) : NULL;

    (void)out;
    return status < 0 ? status : read_id(name, user ? &user->pw_uid : NULL, &port->acl_user);
}

static int port_setgroup(struct program *program, const char *argument, FILE *out)
{
    struct port *port;
    const char *name;
    int status = find_port(program, argument, &port, &name);
    const struct group *group = status == 0 ? getgrnam(name) : NULL;

    (void)out;
    return status < 0 ? status : read_id(name, group ? &group->gr_gid : NULL, &port->acl_group);
}

static int port_epclose(struct program *program, const char *argument, FILE *out)
{
    struct port *port;
    const char *rest;
    int status = find_port(program, argument, &port, &rest);
    int id = command_number(rest, NULL);

    (void)out;
    if (status < 0)
        return status;
    list_for_each (node, &port->endpoints) {
        struct endpoint *endpoint = container_of(node, struct endpoint, node);

        if (endpoint->id == id) {
            endpoint->ops->close(endpoint);
            return 0;
        }
    }
    return -ENXIO;
}

static int port_resetcounter(struct program *program, const char *argument, FILE *out)
{
    struct vswitch *sw = program->runtime.sw;
    struct port *port = NULL;
    int status = *argument ? find_port(program, argument, &port, NULL) : 0;

    (void)out;
    for (unsigned number = 0; status == 0 && number <= sw->config.ports; number++) {
        if (sw->port[number] && (!port || sw->port[number] == port))
            reset_counters(sw->port[number]);
    }
    return status;
}

static int port_print(struct program *program, const char *argument, FILE *out)
{
    return print_ports(program, argument, false, out);
}

static int port_allprint(struct program *program, const char *argument, FILE *out)
{
    return print_ports(program, argument, true, out);
}

static int port_endpoints(struct program *program, const char *argument, FILE *out)
{
    struct port *port;
    int status = find_port(program, argument, &port, NULL);

    if (status < 0)
        return status;
    list_for_each (node, &port->endpoints) {
        const struct endpoint *endpoint = container_of(node, struct endpoint, node);

        fprintf(out, "endpoint %04d queued %u\n", endpoint->id, endpoint->queue.frames);
        print_traffic(&endpoint->counters, out);
        print_drops(&endpoint->counters, out);
    }
    return 0;
}

static int port_drops(struct program *program, const char *argument, FILE *out)
{
    struct port *port;
    int status = find_port(program, argument, &port, NULL);

    if (status == 0)
        print_drops(&port->counters, out);
    return status;
}

/* The port whose number ARGUMENT begins with. Return: 0, -EINVAL (out of range) or -ENXIO (no such port). */
static int find_port(struct program *program, const char *argument, struct port **port,
                     const char **rest)
{
    int number = command_number(argument, rest);

    if (number < 0 || (unsigned)number > program->runtime.sw->config.ports)
        return -EINVAL;
    *port = switch_port(program->runtime.sw, (unsigned)number);
    return *port ? 0 : -ENXIO;
}

static void reset_counters(struct port *port)
{
    port->counters = (struct counters){0};
    list_for_each (node, &port->endpoints)
        container_of(node, struct endpoint, node)->counters = (struct counters){0};
}

/* A user or group: FOUND by its name, a number, or NONE or ANY, for which the number is -1. */
static int read_id(const char *name, const id_t *found, id_t *id)
{
    unsigned long number;

    if (found)
        *id = *found;
    else if (!strcmp(name, "NONE") || !strcmp(name, "ANY"))
        *id = (id_t)-1;
    else if (text_to_number(name, UINT32_MAX - 1, &number))
        *id = (id_t)number;
    else
        return -EINVAL;
    return 0;
}

/* What people create is theirs to give out, not the next client's to take. */
static int make_port(struct program *program, int number, struct port **port)
{
    int status = port_create(program->runtime.sw, number, port);

    if (status == 0)
        port_set_allocatable(*port, false);
    return status;
}

static int print_ports(struct program *program, const char *argument, bool inactive, FILE *out)
{
    const struct vswitch *sw = program->runtime.sw;
    struct port *port;

    if (*argument) {
        int status = find_port(program, argument, &port, NULL);

        if (status < 0)
            return status;
        if (!inactive && !port_active(port))
            return -ENXIO;
        print_port(port, out);
        return 0;
    }
    for (unsigned number = 0; number <= sw->config.ports; number++) {
        port = sw->port[number];
        if (port && (inactive || port_active(port)))
            print_port(port, out);
    }
    return 0;
}

/* VDE's block, to the blank; what VDE does not know stands on lines of its own behind it. */
static void print_port(const struct port *port, FILE *out)
{
    char user[32], acl_user[32], acl_group[32];

    fprintf(out, "Port %04u untagged_vlan=%04u %sACTIVE - %sUnnamed Allocatable\n", port->number,
            port->membership.untagged, port_active(port) ? "" : "IN",
            port->allocatable ? "" : "NOT ");
    fprintf(out, " Current User: %s Access Control: (User: %s - Group: %s)\n",
            user_name(port_user(port), user), user_name(port->acl_user, acl_user),
            group_name(port->acl_group, acl_group));
    print_traffic(&port->counters, out);
    list_for_each (node, &port->endpoints) {
        const struct endpoint *endpoint = container_of(node, struct endpoint, node);

        fprintf(out, "  -- endpoint ID %04d module %-12s: %s\n", endpoint->id,
                endpoint->ops->module,
                endpoint->description ? endpoint->description : "no endpoint description");
    }
}

static void print_traffic(const struct counters *counters, FILE *out)
{
    fprintf(out, " IN:  pkts %10llu          bytes %20llu\n",
            (unsigned long long)counters->in_frames, (unsigned long long)counters->in_bytes);
    fprintf(out, " OUT: pkts %10llu          bytes %20llu\n",
            (unsigned long long)counters->out_frames, (unsigned long long)counters->out_bytes);
}

static void print_drops(const struct counters *counters, FILE *out)
{
    for (unsigned reason = 0; reason < DROP_REASONS; reason++) {
        if (counters->drops[reason] > 0)
            fprintf(out, "%s %s %llu\n", drop_info[reason].name,
                    drop_is_egress(reason) ? "out" : "in",
                    (unsigned long long)counters->drops[reason]);
    }
}

static const char *user_name(uid_t user, char text[32])
{
    const struct passwd *entry = user == (uid_t)-1 ? NULL : getpwuid(user);

    if (user == (uid_t)-1)
        snprintf(text, 32, "NONE");
    else if (entry)
        snprintf(text, 32, "%s", entry->pw_name);
    else
        snprintf(text, 32, "%u", (unsigned)user);
    return text;
}

static const char *group_name(gid_t group, char text[32])
{
    const struct group *entry = group == (gid_t)-1 ? NULL : getgrgid(group);

    if (group == (gid_t)-1)
        snprintf(text, 32, "NONE");
    else if (entry)
        snprintf(text, 32, "%s", entry->gr_name);
    else
        snprintf(text, 32, "%u", (unsigned)group);
    return text;
}
