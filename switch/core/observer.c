/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/observer.h"

#include <assert.h>
#include <limits.h>

static_assert(EVENT_KINDS <= CHAR_BIT * sizeof(unsigned),
              "kinds of events are bits of an unsigned");

void observers_init(struct observers *observers)
{
    list_init(&observers->list);
    list_init(&observers->drops);
    observers->kinds = 0;
}

void observers_add(struct observers *observers, struct observer *observer)
{
    list_append(&observers->list, &observer->node);
    observers->kinds |= observer->kinds;
}

void observers_remove(struct observers *observers, struct observer *observer)
{
    list_remove(&observer->node);
    observers->kinds = 0;
    list_for_each (node, &observers->list)
        observers->kinds |= container_of(node, struct observer, node)->kinds;
}

void observers_add_drops(struct observers *observers, struct drop_observer *observer)
{
    list_append(&observers->drops, &observer->node);
}

void observers_remove_drops(struct drop_observer *observer)
{
    list_remove(&observer->node);
}

void observers_tell(struct observers *observers, const struct event *event)
{
    if (!observers_want(observers, event->kind))
        return;
    list_for_each_safe (node, &observers->list) {
        struct observer *observer = container_of(node, struct observer, node);

        if (observer->kinds & EVENT_BIT(event->kind))
            observer->notify(observer, event);
    }
}

void observers_tell_dropped(struct observers *observers, const struct dropped *dropped)
{
    list_for_each_safe (node, &observers->drops) {
        struct drop_observer *observer = container_of(node, struct drop_observer, node);

        observer->notify(observer, dropped);
    }
}
