/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * egress.h - the way out: from the frames of a batch to what an endpoint is handed
 *
 * For each endpoint the frames are laid out with the tag that its port wants, finished in software where it does not
 * take them as they are (offload.h), handed over, or queued while it has no room.
 */
#ifndef VSW_CORE_EGRESS_H
#define VSW_CORE_EGRESS_H

#include "core/port.h"

/* port_tx() - offers the frames of BATCH that port->egress lists, in order, to every endpoint of PORT; counts what is
 * handed over, queued and dropped */
void port_tx(struct port *port, struct batch *batch);

/* endpoint_writable() - sends queued frames now that there is room; the owner calls it after wait_writable() */
void endpoint_writable(struct endpoint *endpoint);

#endif
