/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * frame_commands.c - shows the terms of the frame balance (core/drop.h)
 */
#include "control/command.h"
#include "ports/io/wake.h"

static int frame_balance(struct call *call);

const struct command frame_commands[] = {
    {"frame", "FRAME MENU"},
    {
        "frame/balance",
        "frames received, resolved, dropped, handed over",
        .result = RESULT({"received", FIELD_NUMBER, "received %llu\n"},
                         {"resolved", FIELD_NUMBER, "resolved %llu\n"},
                         {"ingress_drops", FIELD_NUMBER, "ingress_drops %llu\n"},
                         {"unheard", FIELD_NUMBER, "unheard %llu\n"},
                         {"copies", FIELD_NUMBER, "copies %llu\n"},
                         {"handed", FIELD_NUMBER, "handed %llu\n"},
                         {"egress_drops", FIELD_NUMBER, "egress_drops %llu\n"},
                         {"queued", FIELD_NUMBER, "queued %llu\n"}),
        .extension = true,
        .run = frame_balance,
    },
    {0},
};

static int frame_balance(struct call *call)
{
    const struct balance *balance = &call->context->io->core.balance;

    reply_number(call->reply, balance->received);
    reply_number(call->reply, balance->resolved);
    reply_number(call->reply, balance->ingress_drops);
    reply_number(call->reply, balance->no_receivers);
    reply_number(call->reply, balance->copies);
    reply_number(call->reply, balance->delivered);
    reply_number(call->reply, balance->egress_drops);
    reply_number(call->reply, balance->queued);
    return 0;
}
