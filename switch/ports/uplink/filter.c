/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/uplink/filter.h"

#include "ports/io/wake.h"

#include <stdlib.h>

/* How long the filter stays open after a new address, so that a burst of them rebuilds it once. */
#define OPEN_SECONDS 0.05

struct collection {
    struct filter *filter;
    unsigned sorted; /* addresses from earlier calls, which are in order */
    bool overflow;
};

static void filter_on_address(struct observer *observer, const struct event *event);
static void filter_open_wide(struct deferred *work);
static void filter_on_due(struct ev_loop *loop, ev_timer *timer, int events);
static void filter_narrow(struct filter *filter);
static bool filter_is_complete(const struct filter *filter);
static bool filter_refresh(struct filter *filter);
static bool filter_rebuild(struct filter *filter);
static void filter_collect(void *context, const struct fdb_entry *entry);
static int by_value(const void *a, const void *b);

void filter_start(struct filter *filter, struct context *context, const struct port *port, int fd)
{
    filter->fd = fd;
    filter->context = context;
    filter->port = port;
    filter->addresses = (struct observer){
        .kinds = EVENT_BIT(EVENT_FDB_LEARNED) | EVENT_BIT(EVENT_FDB_MOVED) |
                 EVENT_BIT(EVENT_ENDPOINT_UP) | EVENT_BIT(EVENT_LEARNING),
        .notify = filter_on_address,
    };
    deferred_init(&filter->opening, filter_open_wide);
    ev_timer_init(&filter->due, filter_on_due, OPEN_SECONDS, 0);
    observers_add(&context->sw->observers, &filter->addresses);
    filter_narrow(filter);
}

void filter_stop(struct filter *filter)
{
    ev_timer_stop(filter->context->loop, &filter->due);
    defer_cancel(&filter->opening);
    observers_remove(&filter->context->sw->observers, &filter->addresses);
}

/* A new station behind another port, or a port whose stations are unknown: what the host sends
 * there must pass. */
static void filter_on_address(struct observer *observer, const struct event *event)
{
    struct filter *filter = container_of(observer, struct filter, addresses);

    if (event->port != filter->port && !ev_is_active(&filter->due))
        defer(&filter->context->io->core.deferred, &filter->opening);
}

void filter_catch_up(struct filter *filter)
{
    if (list_empty(&filter->opening.node))
        return;
    defer_cancel(&filter->opening);
    filter_open_wide(&filter->opening);
}

/* Runs after the batch in which the station was learned, or inside it, just before its frames leave
 * by the uplink. */
static void filter_open_wide(struct deferred *work)
{
    struct filter *filter = container_of(work, struct filter, opening);

    if (ev_is_active(&filter->due) || bpf_pass_all(filter->fd) < 0)
        return;
    ev_timer_set(&filter->due, OPEN_SECONDS, 0);
    ev_timer_start(filter->context->loop, &filter->due);
}

static void filter_on_due(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)events;
    filter_narrow(container_of(timer, struct filter, due));
}

/* The filter stays open if there are too many addresses or not all are known. */
static void filter_narrow(struct filter *filter)
{
    bool known = filter_is_complete(filter) && (filter_refresh(filter) || filter_rebuild(filter));

    if (!known || bpf_pass_known(filter->fd, filter->known, filter->count) < 0)
        bpf_pass_all(filter->fd);
}

/* A hub learns nothing, and a port at its limit has stations that are not in the FDB. */
static bool filter_is_complete(const struct filter *filter)
{
    const struct vswitch *sw = filter->context->sw;

    switch_for_each_port (sw, port) {
        if (port != filter->port && port_in_use(port) && port->fdb.count >= port->fdb.limit)
            return false;
    }
    return !sw->config.hub;
}

/* Adds the addresses that are in the FDB now. Return: false if there was no room for all of
 * them. */
static bool filter_refresh(struct filter *filter)
{
    struct collection collection = {.filter = filter, .sorted = filter->count};
    unsigned unique = 0;

    fdb_each(filter->context->sw->fdb, filter_collect, &collection);
    qsort(filter->known, filter->count, sizeof(filter->known[0]), by_value);
    for (unsigned i = 0; i < filter->count; i++) {
        if (unique == 0 || filter->known[unique - 1] != filter->known[i])
            filter->known[unique++] = filter->known[i];
    }
    filter->count = unique;
    return !collection.overflow;
}

/* As filter_refresh(), but forgets the addresses of earlier calls first. */
static bool filter_rebuild(struct filter *filter)
{
    filter->count = 0;
    return filter_refresh(filter);
}

static void filter_collect(void *context, const struct fdb_entry *entry)
{
    struct collection *collection = context;
    struct filter *filter = collection->filter;
    uint32_t address = (uint32_t)entry->key;

    if (entry->owner == &filter->port->fdb ||
        bsearch(&address, filter->known, collection->sorted, sizeof(address), by_value))
        return;
    if (filter->count == BPF_ADDRESSES_MAX)
        collection->overflow = true;
    else
        filter->known[filter->count++] = address;
}

static int by_value(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}
