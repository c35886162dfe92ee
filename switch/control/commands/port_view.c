/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/commands/port_view.h"
#include "control/control.h"

#include "ports/keys.h"
#include "util/os_linux.h"
#include "util/text.h"
#include "util/user_names.h"

#include <string.h>

static void view_endpoint(const struct control *control, const struct endpoint *endpoint,
                          struct reply *reply);
static const char *state(const struct port *port);
static uint64_t sum_drops(const struct drop_table *known, const struct counters *counters,
                          bool egress);

static const struct field endpoint_fields[] = {
    {"id", FIELD_NUMBER, "  -- endpoint ID %04llu"},
    {"module", FIELD_TEXT, " module %-12s"},
    {"description", FIELD_TEXT, ": %s\n", ": no endpoint description\n"},
    {"queued", FIELD_NUMBER, "              unsent packets: %llu"},
    {"queue", FIELD_NUMBER, " max %llu\n"},
    {"user", FIELD_TEXT, "              peer: user %s", "              peer: user NONE"},
    {"process", FIELD_NUMBER, " process %llu"},
    {"program", FIELD_TEXT, " (%s)\n", "\n"},
    {0},
};

static const struct field port_fields[] = {
    {"port", FIELD_NUMBER, "Port %04llu"},
    {"pvid", FIELD_NUMBER, " untagged_vlan=%04llu"},
    {"active", FIELD_FLAG, " ACTIVE", " INACTIVE"},
    {"allocatable", FIELD_FLAG, " - Unnamed Allocatable\n", " - NOT Unnamed Allocatable\n"},
    {"current_user", FIELD_TEXT, " Current User: %s", " Current User: NONE"},
    {"user", FIELD_TEXT, " Access Control: (User: %s", " Access Control: (User: NONE"},
    {"group", FIELD_TEXT, " - Group: %s)\n", " - Group: NONE)\n"},
    TRAFFIC_FIELDS,
    {"endpoints", FIELD_LIST, .element = endpoint_fields},
    {"name", FIELD_TEXT, " Name: %s", " Name: NONE"},
    {"type", FIELD_TEXT, " Type: %s", " Type: any"},
    {"state", FIELD_TEXT, " State: %s\n"},
    {"vlan", FIELD_TEXT, " VLAN: %s"},
    {"trunk", FIELD_TEXT, " Trunk: %s\n", " Trunk: NONE\n"},
    {"learned", FIELD_NUMBER, " Addresses: %llu"},
    {"max-addresses", FIELD_NUMBER, " of %llu\n"},
    {"in_drops", FIELD_NUMBER, " Drops: in %llu"},
    {"out_drops", FIELD_NUMBER, " out %llu\n"},
    {"up", FIELD_FLAG, " Up: on", " Up: off"},
    {"isolated", FIELD_FLAG, " Isolated: on", " Isolated: off"},
    {"offload", FIELD_FLAG, " Offload: on", " Offload: off"},
    {"reserved", FIELD_TEXT, " Reserved: %s\n"},
    {"description", FIELD_TEXT, " Description: %s\n"},
    {0},
};

const struct field port_view_list[] = {{"ports", FIELD_LIST, .element = port_fields}, {0}};

const struct field drop_fields[] = {
    {"reason", FIELD_TEXT, " %s"},
    {"way", FIELD_TEXT, " %s"},
    {"frames", FIELD_NUMBER, " %llu\n"},
    {0},
};

void port_view(const struct control *control, const struct port *port, struct reply *reply)
{
    const struct port_config *config = &port->config;
    char text[KEY_VALUE];

    reply_number(reply, port->number);
    reply_number(reply, config->membership.untagged);
    reply_flag(reply, port_active(port));
    reply_flag(reply, config->allocatable);
    reply_text(reply, user_name(control->names, port_user(port)));
    reply_text(reply, user_name(control->names, config->user));
    reply_text(reply, group_name(control->names, config->group));
    traffic_view(&port->counters, reply);
    reply_list(reply);
    list_for_each_backward (node, &port->endpoints) /* as in VDE the newest first */
        view_endpoint(control, container_of(node, struct endpoint, node), reply);
    reply_list_end(reply);
    reply_text(reply, *config->name ? config->name : NULL);
    reply_text(reply, port->type);
    reply_text(reply, state(port));
    reply_text(reply, key_value("vlan", config, text));
    key_value("trunk", config, text);
    reply_text(reply, *text ? text : NULL);
    reply_number(reply, port->fdb.count);
    reply_number(reply, port->fdb.limit);
    reply_number(reply, sum_drops(&port->sw->drops, &port->counters, false));
    reply_number(reply, sum_drops(&port->sw->drops, &port->counters, true));
    reply_flag(reply, config->up);
    reply_flag(reply, config->isolated);
    reply_flag(reply, config->offload);
    reply_text(reply, key_value("reserved", config, text));
    if (config->description)
        text_escape(text, sizeof(text), config->description, strlen(config->description));
    reply_text(reply, config->description ? text : NULL);
}

void drops_view(const struct drop_table *known, const struct counters *counters,
                struct reply *reply)
{
    reply_list(reply);
    for (unsigned reason = 0; reason < DROP_REASONS_MAX; reason++) {
        if (counters->drops[reason] == 0)
            continue;
        reply_item(reply);
        reply_text(reply, known->kind[reason]->name);
        reply_text(reply, known->kind[reason]->egress ? "out" : "in");
        reply_number(reply, counters->drops[reason]);
    }
    reply_list_end(reply);
}

void traffic_view(const struct counters *counters, struct reply *reply)
{
    reply_number(reply, counters->in_frames);
    reply_number(reply, counters->in_bytes);
    reply_number(reply, counters->out_frames);
    reply_number(reply, counters->out_bytes);
}

static void view_endpoint(const struct control *control, const struct endpoint *endpoint,
                          struct reply *reply)
{
    reply_item(reply);
    reply_number(reply, (uint64_t)endpoint->id);
    reply_text(reply, endpoint->ops->module);
    reply_text(reply, endpoint->description);
    reply_number(reply, endpoint->queue.frames);
    reply_number(reply, endpoint->queue_frames);
    reply_text(reply, user_name(control->names, endpoint->user));
    if (endpoint->process > 0)
        reply_number(reply, (uint64_t)endpoint->process);
    else
        reply_none(reply);
    reply_text(reply, *endpoint->program ? endpoint->program : NULL);
}

static const char *state(const struct port *port)
{
    if (!port_in_use(port))
        return "down";
    return port_blocked(port, os_now()) ? "blocked" : "up";
}

static uint64_t sum_drops(const struct drop_table *known, const struct counters *counters,
                          bool egress)
{
    uint64_t sum = 0;

    for (unsigned reason = 0; reason < DROP_REASONS_MAX; reason++)
        sum += known->kind[reason] && known->kind[reason]->egress == egress
                   ? counters->drops[reason]
                   : 0;
    return sum;
}
