/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * control.h - what commands and sessions work with
 */
#ifndef VSW_CONTROL_CONTROL_H
#define VSW_CONTROL_CONTROL_H

#include "control/command.h"
#include "control/daemon/ageing.h"
#include "control/events.h"
#include "control/session/outbox.h"
#include "control/session/scheduler.h"
#include "ports/context.h"
#include "util/version.h"

#define VDE_VERSION "2.3.3" /* the vde_switch whose behaviour this program follows */

/* What VDE's commands set and show, and nothing else depends on. */
struct vde_settings {
    unsigned hash_size;   /* buckets: ours follow from the table's capacity */
    unsigned gc_interval; /* seconds: ours are forgotten when they are due */
    unsigned priority;    /* of the bridge, for a spanning tree */
};

/* What waits in sessions is counted apart, so that nobody can use up what another needs. */
enum { SESSIONS_OUTPUT = 32 * 1024 * 1024 /* bytes that may wait in all sessions of a kind */ };
enum output_kind { OUTPUT_OF_OTHERS, OUTPUT_OF_OWNER, OUTPUT_OF_STDIN, OUTPUT_KINDS };

struct control {
    struct context context;
    struct commands commands;
    struct events events;
    struct ageing ageing;
    struct scheduler scheduler;
    struct vde_settings vde;
    struct user_names *names;       /* of users and groups that were looked up */
    struct log_limit refused;       /* commands, to callers that may not run them */
    struct log_limit wrong_replies; /* of commands that break their own promise */
    const char *mgmt_path;          /* where the console listens; NULL: nowhere */
    mode_t mgmt_mode;
    struct outbox_budget output[OUTPUT_KINDS];
    uint64_t started; /* monotonic nanoseconds */
    bool stopping;    /* by a command, perhaps before the loop runs */
};

/* control_init() - what has to be there before anything is started; all else of CONTROL is zero */
void control_init(struct control *control);

/* control_stop() - ends the event loop; the switch cleans up and exits with status 0 */
void control_stop(struct control *control);

#endif
