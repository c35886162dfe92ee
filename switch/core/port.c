/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/port.h"

#include "core/switch.h"
#include "util/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const reserved_policy_name[] = {
    [RESERVED_FORWARD] = "forward",
    [RESERVED_DROP] = "drop",
    [RESERVED_CONSUME] = "consume",
};

const char *port_label(const struct port *port, char text[PORT_LABEL])
{
    if (*port->name)
        snprintf(text, PORT_LABEL, "%s", port->name);
    else
        snprintf(text, PORT_LABEL, "port %u", port->number);
    return text;
}

uid_t port_user(const struct port *port)
{
    if (!port_active(port))
        return (uid_t)-1;
    return container_of(port->endpoints.next, struct endpoint, node)->user;
}

void endpoint_init(struct endpoint *endpoint, const struct endpoint_ops *ops)
{
    memset(endpoint, 0, sizeof(*endpoint));
    endpoint->ops = ops;
    endpoint->largest = FRAME_MAX;
    endpoint->user = (uid_t)-1;
    list_init(&endpoint->node);
    queue_init(&endpoint->queue);
}

int endpoint_describe(struct endpoint *endpoint, const void *said, size_t length)
{
    char *copy = text_escaped(said, length);

    if (!copy)
        return -ENOMEM;
    free(endpoint->description);
    endpoint->description = copy;
    if (endpoint->port)
        switch_emit(endpoint->port->sw, &(struct event){.kind = EVENT_ENDPOINT_DESCRIBED,
                                                        .port = endpoint->port,
                                                        .endpoint = endpoint});
    return 0;
}
