/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * temporary.h - ports that are removed with the client they were created for
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

/* temporary_start() - removes ports marked temporary once their last endpoint is detached */
void temporary_start(struct temporary_ports *ports, struct context *context);
void temporary_stop(struct temporary_ports *ports);

#endif
