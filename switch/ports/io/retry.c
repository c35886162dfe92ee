/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/io/retry.h"

#include "util/list.h"

static const double first_pause = 0.05, longest_pause = 1;

static void on_due(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct retry *retry = container_of(timer, struct retry, due);

    (void)loop, (void)events;
    retry->again(retry);
}

void retry_init(struct retry *retry, void (*again)(struct retry *retry))
{
    ev_timer_init(&retry->due, on_due, 0, 0);
    retry->again = again;
    retry_succeeded(retry);
}

void retry_later(struct retry *retry, struct ev_loop *loop)
{
    ev_timer_set(&retry->due, retry->pause, 0);
    ev_timer_start(loop, &retry->due);
    retry->pause = retry->pause * 2 < longest_pause ? retry->pause * 2 : longest_pause;
}

void retry_succeeded(struct retry *retry)
{
    retry->pause = first_pause;
}

void retry_stop(struct retry *retry, struct ev_loop *loop)
{
    ev_timer_stop(loop, &retry->due);
}
