/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fstp_commands.c - VDE's commands for spanning tree, which this version does not have: it shows as
 * off and stays off
 */
#include "control/command.h"
#include "control/control.h"
#include "util/text.h"

#include <errno.h>

static int fstp_showinfo(struct call *call);
static int fstp_setfstp(struct call *call);
static int fstp_setedge(struct call *call);
static int fstp_bonus(struct call *call);
static int fstp_print(struct call *call);

static int refuse(struct call *call);

static const struct field tree_fields[] = {
    {"vlan", FIELD_NUMBER, "FST DATA VLAN %04llu ROOTSWITCH FSTP IS DISABLED\n"},
    {"root", FIELD_TEXT,
     " ++ root %s\n"
     " ++ designated ff:ff:ff:ff:ff:ff:ff:ff\n"
     " ++ rootport 0000 cost 0 age 0 bonusport 0000 bonuscost 0\n"},
    {0},
};

const struct command fstp_commands[] = {
    {"fstp", "FAST SPANNING TREE MENU"},
    {
        "fstp/showinfo",
        "show fstp info",
        .result = RESULT({"mac", FIELD_TEXT, "MAC %s"},
                         {"priority", FIELD_NUMBER, " Priority %1$llu (0x%1$llx)\n"},
                         {"fstp", FIELD_FLAG, "FSTP=true\n", "FSTP=false\n"}),
        .run = fstp_showinfo,
    },
    {
        "fstp/setfstp",
        "Fast spanning tree protocol 1=ON 0=OFF",
        PARAMETERS({"on", "0/1", ARGUMENT_FLAG}),
        RESULT({"refused", FIELD_TEXT, "%s\n"}),
        .run = fstp_setfstp,
    },
    {
        "fstp/setedge",
        "Define an edge port for a vlan 1=Y 0=N",
        PARAMETERS({"vlan", "VLAN", ARGUMENT_VLAN}, {"port", "PORT", ARGUMENT_PORT},
                   {"edge", "1/0", ARGUMENT_FLAG}),
        .run = fstp_setedge,
    },
    {
        "fstp/bonus",
        "set the port bonus for a vlan",
        PARAMETERS({"vlan", "VLAN", ARGUMENT_VLAN}, {"port", "PORT", ARGUMENT_PORT},
                   {"cost", "COST", ARGUMENT_NUMBER}),
        .run = fstp_bonus,
    },
    {
        "fstp/print",
        "print fst data for the defined vlan",
        PARAMETERS({"vlan", "N", ARGUMENT_VLAN, .optional = true}),
        RESULT({"vlans", FIELD_LIST, .element = tree_fields}),
        .run = fstp_print,
    },
    {0},
};

static int fstp_showinfo(struct call *call)
{
    char mac[MAC_TEXT];

    reply_text(call->reply, text_from_mac(call->sw->config.mac, mac));
    reply_number(call->reply, call->control->vde.priority);
    reply_flag(call->reply, false);
    return 0;
}

static int fstp_setfstp(struct call *call)
{
    bool hub = call->sw->config.hub;

    reply_text(call->reply, hub ? "Can't use fstp in hub mode" : NULL);
    return hub || call->argument[0].number == 0 ? 0 : refuse(call);
}

static int fstp_setedge(struct call *call)
{
    return refuse(call);
}

static int fstp_bonus(struct call *call)
{
    return refuse(call);
}

/* Without a spanning tree this switch is the root of its own tree. */
static int fstp_print(struct call *call)
{
    const struct vswitch *sw = call->sw;
    unsigned priority = call->control->vde.priority;
    char root[32], mac[MAC_TEXT];

    snprintf(root, sizeof(root), "%02x:%02x:%s", priority >> 8 & 255, priority & 255,
             text_from_mac(sw->config.mac, mac));
    reply_list(call->reply);
    for (unsigned vid = 0; vid < VID_COUNT; vid++) {
        if (!vlan_exists(&sw->vlans, vid) || !argument_covers_vlan(&call->argument[0], vid))
            continue;
        reply_item(call->reply);
        reply_number(call->reply, vid);
        reply_text(call->reply, root);
    }
    reply_list_end(call->reply);
    return 0;
}

static int refuse(struct call *call)
{
    return error_set(call->error, EOPNOTSUPP, "this version has no spanning tree; it stays off");
}
