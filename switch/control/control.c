/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/control.h"

void control_init(struct control *control)
{
    list_init(&control->context.services);
    list_init(&control->context.acceptors);
    control->context.reserve_fd = -1;
    commands_init(&control->commands);
    for (unsigned kind = 0; kind < OUTPUT_KINDS; kind++)
        control->output[kind].limit = SESSIONS_OUTPUT;
}

void control_stop(struct control *control)
{
    control->stopping = true;
    ev_break(control->context.loop, EVBREAK_ALL);
}
