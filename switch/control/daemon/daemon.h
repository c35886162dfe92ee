/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * daemon.h - the running switch as a whole, as commands see it
 */
#ifndef VSW_CONTROL_DAEMON_DAEMON_H
#define VSW_CONTROL_DAEMON_DAEMON_H

#include "control/command.h"
#include "control/daemon/ageing.h"
#include "control/daemon/daemonize.h"
#include "control/daemon/report.h"
#include "control/daemon/signals.h"
#include "control/events.h"
#include "control/session/console.h"
#include "control/session/outbox.h"
#include "control/session/scheduler.h"
#include "control/session/stdio_console.h"
#include "ports/context.h"
#include "ports/listen/switch_dir.h"
#include "ports/temporary.h"
#include "util/version.h"

#define VDE_VERSION "2.3.3" /* the vde_switch whose behaviour this program follows */

/* What VDE's commands set and show, and nothing else depends on. */
struct vde_settings {
    unsigned hash_size;   /* buckets: ours follow from the table's capacity */
    unsigned gc_interval; /* seconds: ours are forgotten when they are due */
    unsigned priority;    /* of the bridge, for a spanning tree */
};

/* What waits in sessions is counted apart, so that nobody can use up what another needs. */
enum output_kind { OUTPUT_OF_OTHERS, OUTPUT_OF_OWNER, OUTPUT_OF_STDIN, OUTPUT_KINDS };

struct daemon {
    struct context context;
    struct log log;
    struct signals signals;
    struct switch_dir dir;
    struct pidfile pidfile;
    int ready; /* what daemonize_ready() takes */

    /* observers */
    struct report report;
    struct ageing ageing;
    struct temporary_ports temporary;
    struct events events;

    /* commands, and where they come from */
    struct commands commands;
    struct scheduler scheduler;
    struct console console;
    struct stdio_console stdio;
    bool has_stdio;
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

/* daemon_init() - what has to be there before anything is started; all else of DAEMON is zero */
void daemon_init(struct daemon *daemon);

/* daemon_stop() - ends the event loop; the switch cleans up and exits with status 0 */
void daemon_stop(struct daemon *daemon);

#endif
