/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/session/stdio_console.h"

#include "control/control.h"
#include "util/clock.h"
#include "util/os_linux.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void on_end(struct session *session);
static bool tolerate(struct session *session, int error);
static bool is_background_job(void);
static void on_retry(struct ev_loop *loop, ev_timer *watcher, int events);

bool stdio_console_wanted(void)
{
    struct stat info;

    if (fstat(STDIN_FILENO, &info) < 0)
        return false;
    return !S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3);
}

bool stdio_console_start(struct stdio_console *console, struct control *control)
{
    *console = (struct stdio_console){
        .session =
            {
                .caller = {.who = "stdin"},
                .controls_daemon = true,
                .ended = on_end,
                .tolerates = tolerate,
            },
    };
    ev_init(&console->retry, on_retry);
    console->retry.repeat = 1.;
    console->out = os_own_terminal(STDOUT_FILENO);
    return session_start(&console->session, control, STDIN_FILENO, console->out, true);
}

void stdio_console_stop(struct stdio_console *console)
{
    ev_timer_stop(console->session.caller.control->context.loop, &console->retry);
    session_stop(&console->session);
    if (console->out != STDOUT_FILENO)
        close(console->out);
}

/* The program that wrote commands and closed the pipe may still read the replies: it gets a second
 * to do so. */
static void on_end(struct session *session)
{
    struct control *control = session->caller.control;

    session_drain(session, os_now() + SECOND);
    log_say(control->context.log, LOG_NOTICE, "EOF on stdin, cleaning up and exiting");
    control_stop(control);
}

/* EIO because another job has the terminal: not the end of input, but what is typed is not for us
 * either. Tries again later. */
static bool tolerate(struct session *session, int error)
{
    struct stdio_console *console = container_of(session, struct stdio_console, session);

    if (error != EIO || !is_background_job())
        return false;
    session->asleep = true;
    ev_timer_again(session->caller.control->context.loop, &console->retry);
    return true;
}

static bool is_background_job(void)
{
    pid_t foreground = tcgetpgrp(STDIN_FILENO);

    return foreground > 0 && foreground != getpgrp();
}

static void on_retry(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct stdio_console *console = container_of(watcher, struct stdio_console, retry);
    struct pollfd terminal = {.fd = STDIN_FILENO};

    (void)events;
    poll(&terminal, 1, 0);
    if (!(terminal.revents & POLLHUP) && is_background_job())
        return;
    ev_timer_stop(loop, watcher);
    session_wake(&console->session);
}
