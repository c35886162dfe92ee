/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * report.h - tells the operator, in the log, what the switch noticed
 */
#ifndef VSW_CONTROL_DAEMON_REPORT_H
#define VSW_CONTROL_DAEMON_REPORT_H

#include "control/event_record.h"
#include "core/defer.h"
#include "ports/context.h"

/* All that a batch can bring: a frame causes two at most. */
enum { REPORT_RECORDS = 2 * BATCH_FRAMES };

struct report {
    struct observer observer;
    struct context *context;
    struct defer_queue *queue;
    struct deferred writing;
    struct event_record record[REPORT_RECORDS]; /* noted, not yet written */
    unsigned records;
    struct log_limit moves;
    struct log_limit shared;
    struct log_limit loops;
};

/* report_start() - events are noted as they happen, and the log is written by QUEUE's work */
void report_start(struct report *report, struct context *context, struct defer_queue *queue);
void report_stop(struct report *report);

#endif
