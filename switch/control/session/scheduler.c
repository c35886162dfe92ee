/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/session/scheduler.h"

#include "util/os_linux.h"

static const uint64_t at_once = 1000000; /* nanoseconds */

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events);
static void plan(struct scheduler *scheduler);

void scheduler_start(struct scheduler *scheduler, struct ev_loop *loop)
{
    scheduler->loop = loop;
    list_init(&scheduler->waiting);
    ev_init(&scheduler->timer, on_timer);
}

void scheduler_stop(struct scheduler *scheduler)
{
    ev_timer_stop(scheduler->loop, &scheduler->timer);
}

void scheduled_init(struct scheduled *scheduled, void (*take)(struct scheduled *scheduled))
{
    list_init(&scheduled->node);
    scheduled->take = take;
}

void schedule(struct scheduler *scheduler, struct scheduled *scheduled)
{
    if (list_empty(&scheduled->node))
        list_append(&scheduler->waiting, &scheduled->node);
    plan(scheduler);
}

void unschedule(struct scheduled *scheduled)
{
    list_remove(&scheduled->node);
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct scheduler *scheduler = container_of(watcher, struct scheduler, timer);
    uint64_t start = os_now();

    (void)loop, (void)events;
    while (!list_empty(&scheduler->waiting) && os_now() - start < at_once) {
        struct scheduled *scheduled = container_of(scheduler->waiting.next, struct scheduled, node);

        unschedule(scheduled);
        scheduled->take(scheduled);
    }
    plan(scheduler);
}

/* In the loop's next round, once: the descriptors of that round get their turn before the next one. */
static void plan(struct scheduler *scheduler)
{
    if (list_empty(&scheduler->waiting) || ev_is_active(&scheduler->timer))
        return;
    ev_timer_set(&scheduler->timer, 0., 0.);
    ev_timer_start(scheduler->loop, &scheduler->timer);
}
