/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * datapath.h - the way of a frame through the switch
 */
#ifndef VSW_CORE_DATAPATH_H
#define VSW_CORE_DATAPATH_H

#include "core/switch.h"

/* datapath_run() - takes a batch through the switch, from ingress to egress
 * @batch: from, count, and of each frame what frame_init() sets, and what is special about it; the endpoint is attached
 * @now:   monotonic nanoseconds, read once for the batch
 *
 * On return each frame has been handed over, queued (copied) or dropped, and counted; the buffers are free.
 */
void datapath_run(struct vswitch *sw, struct batch *batch, uint64_t now);

#endif
