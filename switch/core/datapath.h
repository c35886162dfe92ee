/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * datapath.h - takes a batch through the switch
 */
#ifndef VSW_CORE_DATAPATH_H
#define VSW_CORE_DATAPATH_H

#include "core/worker.h"

/* datapath_run() - takes BATCH through the switch, from ingress to egress
 * @batch: port, from and count are set, and each frame by frame_init()
 * @now:   monotonic nanoseconds, read once per batch
 *
 * On return each frame has been delivered, queued (copied) or dropped, and counted; its memory is
 * free. The caller calls defer_run(&worker->deferred) next. Not reentrant.
 */
void datapath_run(struct worker *worker, struct batch *batch, uint64_t now);

#endif
