/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * helper.h - helper processes of plugs: starting them, reading their reports, and ending them with
 * all that they started
 *
 * The program is vswplug. Frames go over a socket, status reports come over a pipe
 * (switch/vswplug.c describes them), and what libraries and programs in it print over another one.
 * It leads a session of its own.
 */
#ifndef VSW_PORTS_PLUG_HELPER_H
#define VSW_PORTS_PLUG_HELPER_H

#include "ports/context.h"
#include "util/error.h"

#include <limits.h>
#include <sys/types.h>

enum { HELPER_LINE = 512 };

struct plug_helper;

struct plug_helper_ops {
    void (*reported)(void *owner, const char *line); /* a status line; must not end the helper */
    void (*printed)(void *owner, const char *line);  /* a line of output, not escaped */
    void (*ended)(void *owner);                      /* it exited: call plug_helper_end() */
};

/* All helper processes, including those that are being ended. */
struct plug_helpers {
    struct context *context;
    const struct plug_helper_ops *ops;
    struct list list;
    char program[PATH_MAX]; /* "" until it has been searched for */
};

/* A pipe from which lines are read. */
struct lines {
    ev_io readable;
    size_t length;
    char text[HELPER_LINE];
};

struct plug_helper {
    struct list node; /* in helpers->list */
    struct plug_helpers *helpers;
    void *owner; /* NULL once plug_helper_end() was called */
    pid_t process;
    int frames; /* our end of the socket */
    struct lines status, output;
    ev_child gone;
    ev_timer overdue; /* runs after SIGTERM; then it is killed */
    bool reaped;
};

/* plug_helpers_init() - makes HELPERS an empty set, whose helpers will report to OPS */
void plug_helpers_init(struct plug_helpers *helpers, struct context *context,
                       const struct plug_helper_ops *ops);

/* plug_helpers_stop() - waits until all helpers have exited, for a moment at most, and frees them
 *
 * plug_helper_end() must have been called for each of them.
 */
void plug_helpers_stop(struct plug_helpers *helpers);

/* plug_helpers_owner() - finds the owner of the helper that is PROCESS, or leads PROCESS's session
 * Return: the owner; NULL if there is no such helper; HELPERS if its owner has called
 * plug_helper_end().
 */
void *plug_helpers_owner(struct plug_helpers *helpers, pid_t process);

struct plug_helper_job {
    const char *vnl;
    const char *description; /* given to the far side */
    const char *directory;   /* to run in; NULL for our own */
};

/* plug_helper_start() - starts a helper process for OWNER, which the callbacks receive
 *
 * Return: 0 and sets *HELPER, which is for plug_helper_end(); or -errno and sets ERR.
 */
int plug_helper_start(struct plug_helper **helper, struct plug_helpers *helpers, void *owner,
                      const struct plug_helper_job *job, struct error *err);

/* plug_helper_first_report() - waits for the first status line and consumes it; blocks
 * @patience: milliseconds
 *
 * Return: 1 and sets LINE; 0 if there was none within PATIENCE; -EPIPE if it exited first, with its
 * output in LINE.
 */
int plug_helper_first_report(struct plug_helper *helper, int patience, char line[HELPER_LINE]);

/* plug_helper_end() - sends HELPER SIGTERM and disowns it; after a grace period it is killed with
 * all that it started */
void plug_helper_end(struct plug_helper *helper);

#endif
