/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * signals.h - what ends the daemon from outside, and what must not
 */
#ifndef VSW_CONTROL_DAEMON_SIGNALS_H
#define VSW_CONTROL_DAEMON_SIGNALS_H

#include <ev.h>
#include <stdbool.h>

struct control;

struct signals {
    ev_signal on_term, on_int, on_hup;
    struct control *control;
    bool interrupted; /* SIGINT ended the switch */
};

/* signals_watch() - SIGTERM and SIGINT stop the switch from now until its loop is destroyed, during the clean-up as well */
void signals_watch(struct signals *signals, struct control *control);

#endif
