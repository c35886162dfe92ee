/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * listen_commands.c - where clients can connect: listeners in the switch's directory, and listen
 * addresses that users added
 */
#include "control/command.h"
#include "ports/listen/acceptor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int listen_print(struct call *call);
static int listen_del(struct call *call);

static const struct field place_fields[] = {
    {"clients", FIELD_TEXT, "%s "},
    {"place", FIELD_TEXT, "%s "},
    {"gives", FIELD_TEXT, "%s\n"},
    {0},
};

const struct command listen_commands[] = {
    {"listen", "LISTEN MENU"},
    {
        "listen/print",
        "print where clients can connect, and what they get",
        .result = RESULT({"places", FIELD_LIST, .element = place_fields}),
        .extension = true,
        .run = listen_print,
    },
    {"listen/del", "no more clients at PLACE, which port/add made",
     PARAMETERS({"place", "PLACE", ARGUMENT_TEXT}), .access = FOR_OWNER, .extension = true,
     .run = listen_del},
    {0},
};

static int listen_print(struct call *call)
{
    reply_list(call->reply);
    list_for_each (node, &call->context->acceptors) {
        const struct acceptor *acceptor = container_of(node, struct acceptor, node);
        char label[PORT_LABEL], offers[PORT_LABEL + 8];

        reply_item(call->reply);
        reply_text(call->reply, acceptor->clients);
        reply_text(call->reply, acceptor->place);
        if (acceptor->port)
            snprintf(offers, sizeof(offers), "%s%s", *acceptor->port->config.name ? "port " : "",
                     port_label(acceptor->port, label));
        reply_text(call->reply, acceptor->port ? offers : acceptor->offers);
    }
    reply_list_end(call->reply);
    return 0;
}

static int listen_del(struct call *call)
{
    const char *wanted = call->argument[0].text;
    char shown[ARGUMENT_SHOWN];

    list_for_each (node, &call->context->acceptors) {
        struct acceptor *acceptor = container_of(node, struct acceptor, node);

        if (strcmp(acceptor->place, wanted))
            continue;
        if (!acceptor->remove)
            return error_set(call->error, EPERM, "%s goes with its port, or with the switch",
                             acceptor->place);
        acceptor->remove(acceptor);
        return 0;
    }
    return error_set(call->error, ENXIO, "nobody listens on %s: see listen/print",
                     argument_shown(wanted, shown));
}
