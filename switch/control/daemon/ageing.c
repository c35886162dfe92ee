/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/daemon/ageing.h"

#include "util/clock.h"
#include "util/os_linux.h"

/* Addresses that come due close together are forgotten together. */
static const double shortest_pause = 1.0;

static void on_learned(struct observer *observer, const struct event *event);
static void plan_first(struct deferred *work);
static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events);
static void plan(struct ageing *ageing, uint64_t wait);

void ageing_start(struct ageing *ageing, struct context *context, struct defer_queue *queue)
{
    ageing->context = context;
    ageing->queue = queue;
    deferred_init(&ageing->planning, plan_first);
    ageing->learned.kinds = EVENT_BIT(EVENT_FDB_LEARNED);
    ageing->learned.notify = on_learned;
    ev_init(&ageing->timer, on_timer);
    observers_add(&context->sw->observers, &ageing->learned);
}

void ageing_stop(struct ageing *ageing)
{
    observers_remove(&ageing->context->sw->observers, &ageing->learned);
    defer_cancel(&ageing->planning);
    ev_timer_stop(ageing->context->loop, &ageing->timer);
}

void ageing_run(struct ageing *ageing)
{
    uint64_t now = os_now();
    uint64_t next = fdb_expire(ageing->context->sw->fdb, now);

    ev_timer_stop(ageing->context->loop, &ageing->timer);
    if (next > 0)
        plan(ageing, next - now);
}

/* Inside a stage. The timer keeps itself going as long as there are addresses. */
static void on_learned(struct observer *observer, const struct event *event)
{
    struct ageing *ageing = container_of(observer, struct ageing, learned);

    (void)event;
    if (!ev_is_active(&ageing->timer))
        defer(ageing->queue, &ageing->planning);
}

static void plan_first(struct deferred *work)
{
    struct ageing *ageing = container_of(work, struct ageing, planning);

    if (!ev_is_active(&ageing->timer))
        plan(ageing, fdb_settings(ageing->context->sw->fdb)->ageing);
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop, (void)events;
    ageing_run(container_of(watcher, struct ageing, timer));
}

static void plan(struct ageing *ageing, uint64_t wait)
{
    double seconds = (double)wait / (double)SECOND;

    ev_timer_set(&ageing->timer, seconds < shortest_pause ? shortest_pause : seconds, 0.);
    ev_timer_start(ageing->context->loop, &ageing->timer);
}
