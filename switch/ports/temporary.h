/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * temporary.h - ports that were made for one client, and go with it
 */
#ifndef VSW_PORTS_TEMPORARY_H
#define VSW_PORTS_TEMPORARY_H

#include "core/defer.h"
#include "ports/context.h"

struct temporary_ports {
    struct context *context;
    struct observer left;
    struct deferred removal;
};

/* temporary_start() - removes ports that are marked as temporary as soon as their last endpoint has left */
void temporary_start(struct temporary_ports *ports, struct context *context);
void temporary_stop(struct temporary_ports *ports);

#endif
