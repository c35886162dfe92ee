/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * report.h - tells the operator, in the log, what the switch noticed
 */
#ifndef VSW_CONTROL_DAEMON_REPORT_H
#define VSW_CONTROL_DAEMON_REPORT_H

#include "ports/context.h"

struct report {
    struct observer observer;
    struct context *context;
    struct log_limit moves;
    struct log_limit shared;
    struct log_limit loops;
};

void report_start(struct report *report, struct context *context);
void report_stop(struct report *report);

#endif
