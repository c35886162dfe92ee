/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/daemon/daemon.h"

#include "control/session/session.h"

void daemon_init(struct daemon *daemon)
{
    list_init(&daemon->context.services);
    list_init(&daemon->context.acceptors);
    daemon->context.reserve_fd = -1;
    commands_init(&daemon->commands);
    for (unsigned kind = 0; kind < OUTPUT_KINDS; kind++)
        daemon->output[kind].limit = SESSIONS_OUTPUT;
}

void daemon_stop(struct daemon *daemon)
{
    daemon->stopping = true;
    ev_break(daemon->context.loop, EVBREAK_ALL);
}
