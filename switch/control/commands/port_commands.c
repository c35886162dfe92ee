/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port_commands.c - VDE's commands for ports: make and remove them, restrict their users, count
 */
#include "control/command.h"
#include "control/commands/port_view.h"
#include "ports/ports.h"

#include <errno.h>

static int showinfo(struct call *call);
static int setnumports(struct call *call);
static int sethub(struct call *call);
static int setvlan(struct call *call);
static int createauto(struct call *call);
static int create(struct call *call);
static int remove_port(struct call *call);
static int allocatable(struct call *call);
static int setuser(struct call *call);
static int setgroup(struct call *call);
static int epclose(struct call *call);
static int defqlen(struct call *call);
static int epqlen(struct call *call);
static int resetcounter(struct call *call);
static int print(struct call *call);
static int allprint(struct call *call);

static int make_port(struct call *call, int number, struct port **port);
static int set_allocatable(struct port *port, bool allocatable);
static struct endpoint *find_endpoint(struct call *call);
static void reset_counters(struct port *port);
static int list_ports(struct call *call, bool inactive);

static const struct parameter perhaps_port[ARGUMENTS + 1] = {
    {"port", "N", ARGUMENT_PORT, .optional = true}, {0}};

const struct command port_commands[] = {
    {"port", "PORT STATUS MENU"},
    {
        "port/showinfo",
        "show port info",
        .result = RESULT({"ports", FIELD_NUMBER, "Numports=%llu\n"},
                         {"hub", FIELD_FLAG, "HUB=true\n", "HUB=false\n"},
                         {"counters", FIELD_FLAG, "counters=true\n"},
                         {"queue", FIELD_NUMBER, "default length of port packet queues: %llu\n"}),
        .run = showinfo,
    },
    {"port/setnumports", "set the number of ports", PARAMETERS({"ports", "N", ARGUMENT_NUMBER}),
     .run = setnumports},
    {"port/sethub", "1=HUB 0=switch", PARAMETERS({"hub", "0/1", ARGUMENT_FLAG}), .run = sethub},
    {"port/setvlan", "set port VLAN (untagged)",
     PARAMETERS({"port", "N", ARGUMENT_PORT}, {"vlan", "VLAN", ARGUMENT_VID}), .run = setvlan},
    {
        "port/createauto",
        "create a port with an automatically allocated id (inactive|notallocatable)",
        .result = RESULT({"port", FIELD_NUMBER, "Port %04llu\n"}),
        .run = createauto,
    },
    {"port/create", "create the port N (inactive|notallocatable)",
     PARAMETERS({"port", "N", ARGUMENT_PORT_NUMBER}), .run = create},
    {"port/remove", "remove the port N", PARAMETERS({"port", "N", ARGUMENT_PORT}),
     .run = remove_port},
    {"port/allocatable", "Is the port allocatable as unnamed? 1=Y 0=N",
     PARAMETERS({"port", "N", ARGUMENT_PORT}, {"allocatable", "0/1", ARGUMENT_FLAG}),
     .run = allocatable},
    {"port/setuser", "access control: set user",
     PARAMETERS({"port", "N", ARGUMENT_PORT}, {"user", "user", ARGUMENT_USER}), .run = setuser},
    {"port/setgroup", "access control: set group",
     PARAMETERS({"port", "N", ARGUMENT_PORT}, {"group", "user", ARGUMENT_GROUP}), .run = setgroup},
    {"port/epclose", "remove the endpoint port N/id ID",
     PARAMETERS({"port", "N", ARGUMENT_PORT}, {"id", "ID", ARGUMENT_NUMBER}), .run = epclose},
    {"port/defqlen", "set the default length of the queues of new endpoints (frames)",
     PARAMETERS({"frames", "LEN", ARGUMENT_NUMBER}), .extension = true, .run = defqlen},
    {"port/epqlen", "set the length of the queue of endpoint N/id ID (frames)",
     PARAMETERS({"port", "N", ARGUMENT_PORT}, {"id", "ID", ARGUMENT_NUMBER},
                {"frames", "LEN", ARGUMENT_NUMBER}),
     .extension = true, .run = epqlen},
    {"port/resetcounter", "reset the port (N) counters", perhaps_port, .run = resetcounter},
    {"port/print", "print the port/endpoint table", perhaps_port, port_view_list, .run = print},
    {"port/allprint", "print the port/endpoint table (including inactive port)", perhaps_port,
     port_view_list, .run = allprint},
    {0},
};

static int showinfo(struct call *call)
{
    const struct switch_config *config = &call->sw->config;

    reply_number(call->reply, config->ports);
    reply_flag(call->reply, config->hub);
    reply_flag(call->reply, true);
    reply_number(call->reply, config->queue_frames);
    return 0;
}

static int setnumports(struct call *call)
{
    int status = switch_set_ports(call->sw, call->argument[0].number);

    if (status == -EINVAL)
        error_set(call->error, EINVAL, "N is from 1 to %d", PORT_NUMBER_MAX);
    else if (status == -EADDRINUSE)
        error_set(call->error, EADDRINUSE, "a port above that exists; port/allprint shows it");
    return status;
}

static int sethub(struct call *call)
{
    switch_set_hub(call->sw, call->argument[0].number);
    return 0;
}

static int setvlan(struct call *call)
{
    struct port *port = call->argument[0].port;
    unsigned vid = call->argument[1].number;
    struct port_config wanted;
    int status = port_config_copy(&wanted, &port->config);

    if (status < 0)
        return status;
    wanted.membership.transparent = false;
    wanted.membership.untagged = (uint16_t)vid;
    status = membership_tag(&wanted.membership, vid, false);
    if (status == 0)
        status = port_configure(port, &wanted);
    if (status == -ENXIO)
        error_set(call->error, ENXIO, "there is no VLAN %u; vlan/create makes it", vid);
    port_config_clear(&wanted);
    return status;
}

static int createauto(struct call *call)
{
    struct vswitch *sw = call->sw;
    unsigned number = port_find_free(sw);
    struct port *port = switch_port(sw, number);
    int status = 0;

    /* As in VDE it may be one that was used before, with its VLANs: to get a new one, remove it first. */
    if (port)
        status = set_allocatable(port, false);
    else
        status = make_port(call, number > sw->config.ports ? PORT_ANY : (int)number, &port);
    if (status == 0)
        reply_number(call->reply, port->number);
    return status;
}

static int create(struct call *call)
{
    struct port *port;

    return make_port(call, (int)call->argument[0].number, &port);
}

static int remove_port(struct call *call)
{
    int status = port_close(call->context, call->argument[0].port);

    if (status == -EADDRINUSE)
        error_set(call->error, EADDRINUSE, "it has endpoints; port/del closes them first");
    return status;
}

static int allocatable(struct call *call)
{
    return set_allocatable(call->argument[0].port, call->argument[1].number);
}

static int setuser(struct call *call)
{
    struct port_config wanted = call->argument[0].port->config;

    wanted.user = call->argument[1].id;
    return port_configure(call->argument[0].port, &wanted);
}

static int setgroup(struct call *call)
{
    struct port_config wanted = call->argument[0].port->config;

    wanted.group = call->argument[1].id;
    return port_configure(call->argument[0].port, &wanted);
}

static int epclose(struct call *call)
{
    struct endpoint *endpoint = find_endpoint(call);

    if (!endpoint)
        return -ENXIO;
    endpoint->ops->close(endpoint);
    return 0;
}

static int defqlen(struct call *call)
{
    call->sw->config.queue_frames = call->argument[0].number;
    return 0;
}

/* Frames that wait already stay. */
static int epqlen(struct call *call)
{
    struct endpoint *endpoint = find_endpoint(call);

    if (!endpoint)
        return -ENXIO;
    endpoint->queue_frames = call->argument[2].number;
    return 0;
}

static int resetcounter(struct call *call)
{
    switch_for_each_port (call->sw, port) {
        if (argument_covers_port(&call->argument[0], port))
            reset_counters(port);
    }
    return 0;
}

static int print(struct call *call)
{
    return list_ports(call, false);
}

static int allprint(struct call *call)
{
    return list_ports(call, true);
}

/* What people create is theirs to give out, not the next client's to take. */
static int make_port(struct call *call, int number, struct port **port)
{
    int status = port_create(call->sw, number, port);

    if (status < 0)
        return ports_explain(call->sw, status, number, call->error);
    status = set_allocatable(*port, false);
    if (status < 0)
        port_remove(*port);
    return status;
}

static int set_allocatable(struct port *port, bool allocatable)
{
    struct port_config wanted = port->config;

    wanted.allocatable = allocatable;
    return port_configure(port, &wanted);
}

/* Return: the endpoint that the first two arguments name; or NULL, and sets the error. */
static struct endpoint *find_endpoint(struct call *call)
{
    const struct port *port = call->argument[0].port;

    list_for_each (node, &port->endpoints) {
        struct endpoint *endpoint = container_of(node, struct endpoint, node);

        if (endpoint->id == (int)call->argument[1].number)
            return endpoint;
    }
    error_set(call->error, ENXIO, "port %u has no endpoint %u; port/print %u shows them",
              port->number, call->argument[1].number, port->number);
    return NULL;
}

static void reset_counters(struct port *port)
{
    port->counters = (struct counters){0};
    list_for_each (node, &port->endpoints)
        container_of(node, struct endpoint, node)->counters = (struct counters){0};
}

static int list_ports(struct call *call, bool inactive)
{
    const struct argument *which = &call->argument[0];

    if (which->given && !inactive && !port_active(which->port))
        return error_set(call->error, ENXIO,
                         "nothing is attached to port %u; port/allprint shows it",
                         which->port->number);
    reply_list(call->reply);
    switch_for_each_port (call->sw, port) {
        if (!argument_covers_port(which, port) || (!inactive && !port_active(port)))
            continue;
        if (!reply_item(call->reply))
            break;
        port_view(call->control, port, call->reply);
    }
    reply_list_end(call->reply);
    return 0;
}
