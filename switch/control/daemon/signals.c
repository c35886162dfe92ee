/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/daemon/signals.h"

#include "control/control.h"

#include <signal.h>

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events);

void signals_watch(struct signals *signals, struct control *control)
{
    struct ev_loop *loop = control->context.loop;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    /* In the background of a terminal no commands can be read, but frames go on. */
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    signals->control = control;
    signals->on_term.data = signals->on_int.data = signals->on_hup.data = signals;
    ev_signal_init(&signals->on_term, on_signal, SIGTERM);
    ev_signal_init(&signals->on_int, on_signal, SIGINT);
    ev_signal_init(&signals->on_hup, on_signal, SIGHUP);
    ev_signal_start(loop, &signals->on_term);
    ev_signal_start(loop, &signals->on_int);
    ev_signal_start(loop, &signals->on_hup);
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
    struct signals *signals = watcher->data;

    (void)loop, (void)events;
    if (watcher->signum == SIGHUP)
        return;
    signals->interrupted = watcher->signum == SIGINT;
    control_stop(signals->control);
}
