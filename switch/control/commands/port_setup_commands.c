/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port_setup_commands.c - what VDE's ports do not have: live ports by specification, names, limits, reasons for drops
 */
#include "control/command.h"
#include "control/commands/port_view.h"
#include "ports/ports.h"

#include <errno.h>

static int add(struct call *call);
static int del(struct call *call);
static int setname(struct call *call);
static int setdescr(struct call *call);
static int setlearn(struct call *call);
static int set(struct call *call);
static int drops(struct call *call);
static int endpoints(struct call *call);

static void list_drops(const struct port *port, struct reply *reply);

static const struct field port_drop_fields[] = {
    {"port", FIELD_NUMBER, "Port %04llu\n"},
    {"drops", FIELD_LIST, .element = drop_fields},
    {0},
};

static const struct field endpoint_fields[] = {
    {"id", FIELD_NUMBER, "endpoint %04llu"},
    {"queued", FIELD_NUMBER, " queued %llu\n"},
    TRAFFIC_FIELDS,
    {"drops", FIELD_LIST, .element = drop_fields},
    {0},
};

const struct command port_setup_commands[] = {
    {
        "port/add",
        "make the port TYPE,key=value,... as --port does",
        PARAMETERS({"spec", "SPEC", ARGUMENT_SPEC}),
        RESULT({"port", FIELD_NUMBER, "Port %04llu\n", "each client gets a port\n"}),
        .extension = true,
        .run = add,
    },
    {"port/del", "close the endpoints of port N and remove it",
     PARAMETERS({"port", "N", ARGUMENT_PORT}), .extension = true, .run = del},
    {"port/setname", "call port N by NAME, by nothing without",
     PARAMETERS({"port", "N", ARGUMENT_PORT}, {"name", "NAME", ARGUMENT_WORD, .optional = true}),
     .extension = true, .run = setname},
    {"port/setdescr", "describe port N for people",
     PARAMETERS({"port", "N", ARGUMENT_PORT},
                {"description", "TEXT", ARGUMENT_TEXT, .optional = true}),
     .extension = true, .run = setdescr},
    {"port/setlearn", "most addresses that port N may have, 0: learn none",
     PARAMETERS({"port", "N", ARGUMENT_PORT}, {"limit", "LIMIT", ARGUMENT_NUMBER}),
     .extension = true, .run = setlearn},
    {"port/set", "change port N: key=value,... as in port/add",
     PARAMETERS({"port", "N", ARGUMENT_PORT}, {"keys", "KEYS", ARGUMENT_KEYS}), .extension = true,
     .run = set},
    {
        "port/drops",
        "print frames dropped, by reason",
        PARAMETERS({"port", "N", ARGUMENT_PORT, .optional = true}),
        RESULT({"ports", FIELD_LIST, .element = port_drop_fields}),
        .extension = true,
        .run = drops,
    },
    {
        "port/endpoints",
        "print the counters of each endpoint of port N",
        PARAMETERS({"port", "N", ARGUMENT_PORT}),
        RESULT({"endpoints", FIELD_LIST, .element = endpoint_fields}),
        .extension = true,
        .run = endpoints,
    },
    {0},
};

static int add(struct call *call)
{
    struct port *port;
    int status =
        port_open(call->context, call->argument[0].text, call->caller->trusted, &port, call->error);

    if (status == 0 && port)
        reply_number(call->reply, port->number);
    else if (status == 0)
        reply_none(call->reply);
    return status;
}

static int del(struct call *call)
{
    struct port *port = call->argument[0].port;

    list_for_each_safe (node, &port->endpoints) {
        struct endpoint *endpoint = container_of(node, struct endpoint, node);

        endpoint->ops->close(endpoint);
    }
    return port_close(call->context, port);
}

static int setname(struct call *call)
{
    const struct argument *name = &call->argument[1];

    return port_rename(call->context, call->argument[0].port, name->given ? name->text : "",
                       call->error);
}

static int setdescr(struct call *call)
{
    struct port *port = call->argument[0].port;
    const struct argument *text = &call->argument[1];
    struct port_config wanted = port->config;
    int status;

    wanted.description = text->given ? (char *)text->text : NULL;
    status = port_configure(port, &wanted);
    if (status == -EINVAL)
        error_set(call->error, EINVAL, "a description has at most %d bytes", PORT_DESCRIPTION - 1);
    return status;
}

static int setlearn(struct call *call)
{
    struct port_config wanted = call->argument[0].port->config;

    if (call->argument[1].number > FDB_CAPACITY_MAX)
        return error_set(call->error, EINVAL, "LIMIT is at most %d", FDB_CAPACITY_MAX);
    wanted.max_addresses = call->argument[1].number;
    return port_configure(call->argument[0].port, &wanted);
}

static int set(struct call *call)
{
    return port_change(call->context, call->argument[0].port, call->argument[1].text, call->error);
}

static int drops(struct call *call)
{
    reply_list(call->reply);
    switch_for_each_port (call->sw, port) {
        if (argument_covers_port(&call->argument[0], port))
            list_drops(port, call->reply);
    }
    reply_list_end(call->reply);
    return 0;
}

static int endpoints(struct call *call)
{
    reply_list(call->reply);
    list_for_each (node, &call->argument[0].port->endpoints) {
        const struct endpoint *endpoint = container_of(node, struct endpoint, node);

        reply_item(call->reply);
        reply_number(call->reply, (uint64_t)endpoint->id);
        reply_number(call->reply, endpoint->queue.frames);
        traffic_view(&endpoint->counters, call->reply);
        drops_view(&endpoint->port->sw->drops, &endpoint->counters, call->reply);
    }
    reply_list_end(call->reply);
    return 0;
}

static void list_drops(const struct port *port, struct reply *reply)
{
    reply_item(reply);
    reply_number(reply, port->number);
    drops_view(&port->sw->drops, &port->counters, reply);
}
