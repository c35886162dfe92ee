/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * session.h - one conversation: lines in, replies and events out
 *
 * vdeterm sends its commands without a newline: what stands alone at the end of what was sent is run when nothing follows
 * for a moment. Each line is answered by its reply and then, in a write of its own, by the prompt.
 *
 * A session costs others little time and bounded memory. Its commands wait for their turns, one at a time. While its reader
 * does not read, its further commands wait; events for it are dropped, counted, and told of later. A reader that takes
 * nothing for a minute, or for which there is no more memory, loses its session.
 */
#ifndef VSW_CONTROL_SESSION_SESSION_H
#define VSW_CONTROL_SESSION_SESSION_H

#include "control/command.h"
#include "control/events.h"
#include "control/session/inbox.h"
#include "control/session/outbox.h"
#include "control/session/scheduler.h"

#include <ev.h>

enum {
    SESSION_OUTPUT = 256 * 1024, /* that may wait before its commands have to */
    SESSION_EVENTS = 64 * 1024,  /* that may wait before events are dropped */
    SESSION_STALLED = 60,        /* seconds in which its reader took nothing */
};

struct session {
    struct caller caller;
    ev_io readable;
    ev_io writable;
    struct scheduled scheduled; /* there is a command to run */
    ev_timer pause;             /* there is half a line: will more come? */
    ev_timer stalled;           /* output waits: does anybody read? */
    bool broken;                /* to be ended as soon as its present command is done */

    /* Its end of input ends the program. So it is read whatever happens: commands do not wait for the reader, replies
     * that nobody reads are dropped. */
    bool controls_daemon;
    bool asleep; /* not read just now, until session_wake() */

    struct inbox input;
    struct outbox output;

    struct subscriber subscriber; /* of events */
    unsigned events_lost;

    /* ended() - input is at its end, or the reader has left: stop the session, and free what it is in */
    void (*ended)(struct session *session);

    /* tolerates() - reading failed with ERROR (positive errno): true if that is not the end. May be NULL. */
    bool (*tolerates)(struct session *session, int error);
};

/* session_start() - begins to read commands from IN, and to answer on OUT; both stay the caller's
 *
 * SESSION is zero but for caller.who, controls_daemon, ended and tolerates. Return: false if there is no memory.
 */
bool session_start(struct session *session, struct control *control, int in, int out, bool trusted);
void session_stop(struct session *session);
void session_wake(struct session *session);

/* session_write() - writes BYTES, now or as soon as the reader takes them */
void session_write(struct session *session, const char *bytes, size_t length);

/* session_prompt() - tells the reader that it is its turn */
void session_prompt(struct session *session);

/* session_drain() - gives the reader until LIMIT (os_now()) to take what waits for it */
void session_drain(struct session *session, uint64_t limit);

#endif
