/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/turns.h"

#include "util/os_linux.h"

static const uint64_t at_once = 1000000; /* nanoseconds */

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events);
static void plan(struct turns *turns);

void turns_start(struct turns *turns, struct ev_loop *loop)
{
    turns->loop = loop;
    list_init(&turns->waiting);
    ev_init(&turns->timer, on_timer);
}

void turns_stop(struct turns *turns)
{
    ev_timer_stop(turns->loop, &turns->timer);
}

void turn_init(struct turn *turn, void (*take)(struct turn *turn))
{
    list_init(&turn->node);
    turn->take = take;
}

void turn_ask(struct turns *turns, struct turn *turn)
{
    if (list_empty(&turn->node))
        list_append(&turns->waiting, &turn->node);
    plan(turns);
}

void turn_cancel(struct turn *turn)
{
    list_remove(&turn->node);
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct turns *turns = container_of(watcher, struct turns, timer);
    uint64_t start = os_now();

    (void)loop, (void)events;
    while (!list_empty(&turns->waiting) && os_now() - start < at_once) {
        struct turn *turn = container_of(turns->waiting.next, struct turn, node);

        turn_cancel(turn);
        turn->take(turn);
    }
    plan(turns);
}

/* In the loop's next round, once: the descriptors of that round get their turn before the next one. */
static void plan(struct turns *turns)
{
    if (list_empty(&turns->waiting) || ev_is_active(&turns->timer))
        return;
    ev_timer_set(&turns->timer, 0., 0.);
    ev_timer_start(turns->loop, &turns->timer);
}
