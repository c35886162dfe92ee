/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * datapath.h - the way of a frame through the switch
 */
#ifndef VSW_CORE_DATAPATH_H
#define VSW_CORE_DATAPATH_H

#include "core/worker.h"

/* datapath_run() - takes a batch through the switch, from ingress to egress
 * @batch: port, from, count, and of each frame what frame_init() sets, and what is special about it
 * @now:   monotonic nanoseconds, read once for the batch
 *
 * On return each frame has been delivered, queued (copied) or dropped, and counted; the memory that it lies in is free.
 * Then defer_run(&worker->deferred) is due. Not to be called from within itself.
 */
void datapath_run(struct worker *worker, struct batch *batch, uint64_t now);

#endif
