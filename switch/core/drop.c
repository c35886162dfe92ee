/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/drop.h"

#include <assert.h>

const char *const drop_name[] = {
    [DROP_NONE] = "none",
    [DROP_RUNT] = "runt",
    [DROP_GIANT] = "oversize",
    [DROP_BAD_TAG] = "bad-tag",
    [DROP_UNTAGGED] = "untagged",
    [DROP_NOT_MEMBER] = "not-member",
    [DROP_SAME_PORT] = "same-port",
    [DROP_LOOP_IN] = "loop",
    [DROP_BAD_OFFLOAD] = "bad-offload",
    [DROP_DOWN_IN] = "down",
    [DROP_RESERVED_IN] = "reserved",
    [DROP_CONSUMED] = "consumed",
    [DROP_ISOLATED] = "isolated",
    [DROP_MISSED] = "missed",
    [DROP_UNEXPECTED_SOURCE] = "stranger",
    [DROP_NO_ENDPOINT] = "no-endpoint",
    [DROP_OVERSIZE] = "oversize",
    [DROP_QUEUE_FULL] = "queue-full",
    [DROP_SEND_ERROR] = "send-error",
    [DROP_REFUSED] = "refused",
    [DROP_DETACHED] = "detached",
    [DROP_LOOP_OUT] = "loop",
    [DROP_DOWN_OUT] = "down",
    [DROP_RESERVED_OUT] = "reserved",
    [DROP_HIDDEN_TAG] = "hidden-tag",
};
static_assert(sizeof(drop_name) / sizeof(drop_name[0]) == DROP_REASONS, "a reason has no name");
