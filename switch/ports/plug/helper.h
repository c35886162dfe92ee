/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * helper.h - the process behind a plug: started, listened to, and ended with all that it has started
 *
 * The program is vswplug. Frames go over a socket, what it reports comes by a pipe (switch/vswplug.c says what), and what
 * libraries and programs in it print by another. It leads a session of its own.
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
    void (*reported)(void *owner, const char *line); /* must not end the helper */
    void (*printed)(void *owner, const char *line);  /* as it came: not escaped */
    void (*ended)(void *owner);                      /* by itself: plug_helper_end() is due */
};

/* All that there are, those on their way out included. */
struct plug_helpers {
    struct context *context;
    const struct plug_helper_ops *ops;
    struct list list;
    char program[PATH_MAX]; /* "" until it was looked for */
};

/* Lines that come by a pipe. */
struct lines {
    ev_io readable;
    size_t length;
    char text[HELPER_LINE];
};

struct plug_helper {
    struct list node; /* in helpers->list */
    struct plug_helpers *helpers;
    void *owner; /* NULL once it was told to end */
    pid_t process;
    int frames; /* the socket */
    struct lines status, output;
    ev_child gone;
    ev_timer overdue; /* it was told to end */
    bool reaped;
};

void plug_helpers_init(struct plug_helpers *helpers, struct context *context,
                       const struct plug_helper_ops *ops);

/* plug_helpers_stop() - returns when all have ended, which is soon; each was told to before */
void plug_helpers_stop(struct plug_helpers *helpers);

/* plug_helpers_owner() - whose helper is PROCESS, or has started it? Return: NULL if nobody's; HELPERS if it is that of one
 * who has let go of it. */
void *plug_helpers_owner(struct plug_helpers *helpers, pid_t process);

struct plug_helper_job {
    const char *vnl;
    const char *description; /* what the far side is told */
    const char *directory;   /* to run in; NULL: our own */
};

/* plug_helper_start() - starts one for OWNER. Return: 0 with it in *HELPER, or -errno and sets ERR. */
int plug_helper_start(struct plug_helper **helper, struct plug_helpers *helpers, void *owner,
                      const struct plug_helper_job *job, struct error *err);

/* plug_helper_first_report() - waits for its first line, and takes it
 * @patience: milliseconds
 *
 * Return: 1 with LINE; 0 if it says nothing for so long; -EPIPE if it ended first, with what it printed in LINE.
 */
int plug_helper_first_report(struct plug_helper *helper, int patience, char line[HELPER_LINE]);

/* plug_helper_end() - lets go of it: it has a moment to clean up, and is then killed with all that it has started */
void plug_helper_end(struct plug_helper *helper);

#endif
