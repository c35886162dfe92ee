/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/drop.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct drop_kind kinds[] = {
    [DROP_NONE] = {"none"},
    [DROP_RUNT] = {"runt"},
    [DROP_GIANT] = {"oversize"},
    [DROP_BAD_TAG] = {"bad-tag"},
    [DROP_UNTAGGED] = {"untagged"},
    [DROP_NOT_MEMBER] = {"not-member"},
    [DROP_SAME_PORT] = {"same-port"},
    [DROP_LOOP_IN] = {"loop"},
    [DROP_BAD_OFFLOAD] = {"bad-offload"},
    [DROP_DOWN_IN] = {"down"},
    [DROP_RESERVED_IN] = {"reserved"},
    [DROP_CONSUMED] = {"consumed"},
    [DROP_ISOLATED] = {"isolated"},
    [DROP_MISSED] = {"missed"},
    [DROP_UNEXPECTED_SOURCE] = {"stranger"},
    [DROP_NO_ENDPOINT] = {"no-endpoint", .egress = true},
    [DROP_OVERSIZE] = {"oversize", .egress = true},
    [DROP_QUEUE_FULL] = {"queue-full", .egress = true},
    [DROP_SEND_ERROR] = {"send-error", .egress = true},
    [DROP_REFUSED] = {"refused", .egress = true},
    [DROP_DETACHED] = {"detached", .egress = true},
    [DROP_LOOP_OUT] = {"loop", .egress = true},
    [DROP_DOWN_OUT] = {"down", .egress = true},
    [DROP_RESERVED_OUT] = {"reserved", .egress = true},
    [DROP_HIDDEN_TAG] = {"hidden-tag", .egress = true},
};
static_assert(sizeof(kinds) / sizeof(kinds[0]) == DROP_REASONS, "a reason has no name");
static_assert(DROP_REASONS_MAX <= UINT8_MAX, "a frame's reason is a uint8_t");

void drop_table_init(struct drop_table *table)
{
    memset(table, 0, sizeof(*table));
    for (unsigned reason = 0; reason < DROP_REASONS; reason++)
        table->kind[reason] = &kinds[reason];
}

int drop_table_add(struct drop_table *table, const struct drop_kind *kind)
{
    unsigned reason = DROP_REASONS;

    while (reason < DROP_REASONS_MAX && table->kind[reason])
        reason++;
    if (reason == DROP_REASONS_MAX)
        return -ENOSPC;
    table->kind[reason] = kind;
    return (int)reason;
}

void drop_table_remove(struct drop_table *table, unsigned reason)
{
    table->kind[reason] = NULL;
}
