/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/drop.h"

#include <assert.h>

const struct drop_info drop_info[] = {
    [DROP_NONE] = {"none", "not dropped"},
    [DROP_RUNT] = {"runt", "too short for an Ethernet header (14 bytes)"},
    [DROP_GIANT] = {"oversize", "longer than the largest frame that the switch carries"},
    [DROP_BAD_TAG] = {"bad-tag", "802.1Q tag cut short, or of the reserved VLAN 4095"},
    [DROP_UNTAGGED] = {"untagged", "untagged, and the port admits tagged frames only"},
    [DROP_NOT_MEMBER] = {"not-member", "tagged with a VLAN that the port does not belong to"},
    [DROP_SAME_PORT] = {"same-port", "destination is behind the port that the frame came from"},
    [DROP_LOOP_IN] = {"loop", "port is blocked by the loop guard"},
    [DROP_BAD_OFFLOAD] = {"bad-offload", "offload header does not agree with the frame"},
    [DROP_DOWN_IN] = {"down", "port is switched off (up=off)"},
    [DROP_RESERVED_IN] = {"reserved", "for addresses that bridges keep to themselves"},
    [DROP_CONSUMED] = {"consumed", "reserved, and meant for the switch itself"},
    [DROP_ISOLATED] = {"isolated", "from one isolated port to another"},
    [DROP_MISSED] = {"missed", "kernel had no room for the frame before it was read"},
    [DROP_STRANGER] = {"stranger", "from an address that is not the peer's"},
    [DROP_NO_ENDPOINT] = {"no-endpoint", "nothing is attached to the port"},
    [DROP_OVERSIZE] = {"oversize", "longer than the endpoint takes"},
    [DROP_QUEUE_FULL] = {"queue-full", "endpoint is slow and its queue is full"},
    [DROP_SEND_ERROR] = {"send-error", "endpoint refused the frame"},
    [DROP_REFUSED] = {"refused", "network behind the plug refused the frame"},
    [DROP_DETACHED] = {"detached", "not sent, or in part, when the endpoint went away"},
    [DROP_LOOP_OUT] = {"loop", "port is blocked by the loop guard"},
    [DROP_DOWN_OUT] = {"down", "port is switched off (up=off)"},
    [DROP_RESERVED_OUT] = {"reserved", "for addresses that bridges keep to themselves"},
    [DROP_HIDDEN_TAG] = {"hidden-tag", "a second tag would be taken for the VLAN"},
};
static_assert(sizeof(drop_info) / sizeof(drop_info[0]) == DROP_REASONS, "a reason has no name");
