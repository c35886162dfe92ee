/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/events.h"

#include "util/text.h"

#include <stdio.h>

enum { LINE = 1024 };

const struct category event_categories[] = {
    {"hash/+", 011, "hash: new element", EVENT_FDB_LEARNED},
    {"hash/-", 012, "hash: discarded element", EVENT_FDB_AGED},
    {"fstp/status", 044, "fstp: status change", CATEGORY_SILENT},
    {"fstp/root", 045, "fstp: rootswitch/port change", CATEGORY_SILENT},
    {"fstp/+", 041, "fstp: port becomes active", CATEGORY_SILENT},
    {"fstp/-", 042, "fstp: port becomes inactive", CATEGORY_SILENT},
    {"port/+", 021, "new port", EVENT_PORT_CREATED},
    {"port/-", 022, "closed port", EVENT_PORT_DOWN},
    {"port/descr", 023, "set port description", EVENT_ENDPOINT_DESCRIBED},
    {"port/ep/+", 031, "new endpoint", EVENT_ENDPOINT_UP},
    {"port/ep/-", 032, "closed endpoint", EVENT_ENDPOINT_DOWN},
    {"hash/move", 013, "hash: element behind another port", EVENT_FDB_MOVED},
    {"hash/shared", 014, "hash: element used behind two ports", EVENT_ADDRESS_SHARED},
    {"port/loop", 024, "port blocked: it closes a loop", EVENT_LOOP_BLOCKED},
    {0},
};

static unsigned wanted_kinds(const struct events *events);
static void notify(struct observer *observer, const struct event *event);
static void tell(struct events *events, unsigned place, const char *message);
static void format_message(const struct event *event, char *text, size_t size);
static void format_address(const struct event *event, char *text, size_t size);

void events_start(struct events *events, struct vswitch *sw)
{
    events->sw = sw;
    events->observer = (struct observer){.notify = notify};
    list_init(&events->observer.node);
    list_init(&events->subscribers);
}

void events_stop(struct events *events)
{
    list_for_each_safe (node, &events->subscribers)
        events_set(events, container_of(node, struct subscriber, node), 0);
}

void subscriber_init(struct subscriber *subscriber,
                     void (*hear)(struct subscriber *subscriber, const char *line, size_t length))
{
    *subscriber = (struct subscriber){.hear = hear};
    list_init(&subscriber->node);
}

void events_set(struct events *events, struct subscriber *subscriber, uint32_t wanted)
{
    subscriber->wanted = wanted;
    list_remove(&subscriber->node);
    if (wanted)
        list_append(&events->subscribers, &subscriber->node);
    observers_remove(&events->sw->observers, &events->observer);
    events->observer.kinds = wanted_kinds(events);
    if (events->observer.kinds)
        observers_add(&events->sw->observers, &events->observer);
}

static unsigned wanted_kinds(const struct events *events)
{
    unsigned kinds = 0;

    list_for_each (node, &events->subscribers) {
        const struct subscriber *subscriber = container_of(node, struct subscriber, node);

        for (unsigned place = 0; event_categories[place].path; place++) {
            if (subscriber->wanted >> place & 1 && event_categories[place].kind != CATEGORY_SILENT)
                kinds |= EVENT_BIT(event_categories[place].kind);
        }
    }
    return kinds;
}

static void notify(struct observer *observer, const struct event *event)
{
    struct events *events = container_of(observer, struct events, observer);
    char message[LINE];

    format_message(event, message, sizeof(message));
    for (unsigned place = 0; event_categories[place].path; place++) {
        if (event_categories[place].kind == (int)event->kind)
            tell(events, place, message);
    }
}

static void tell(struct events *events, unsigned place, const char *message)
{
    const struct category *category = &event_categories[place];
    char line[LINE + 64];
    int length =
        snprintf(line, sizeof(line), "3%03o %s %s\n", category->tag, category->path, message);

    list_for_each (node, &events->subscribers) {
        struct subscriber *subscriber = container_of(node, struct subscriber, node);

        if (subscriber->wanted >> place & 1)
            subscriber->hear(subscriber, line, (size_t)length);
    }
}

static void format_message(const struct event *event, char *text, size_t size)
{
    unsigned port = event->port->number;

    switch (event->kind) {
    case EVENT_PORT_CREATED:
    case EVENT_PORT_DOWN:
    case EVENT_LOOP_BLOCKED:
        snprintf(text, size, "%02u", port);
        break;
    case EVENT_ENDPOINT_UP:
    case EVENT_ENDPOINT_DOWN:
        snprintf(text, size, "Port %02u FD %2d", port, event->endpoint->id);
        break;
    case EVENT_ENDPOINT_DESCRIBED:
        snprintf(text, size, "Port %02u FD %2d -> \"%s\"", port, event->endpoint->id,
                 event->endpoint->description);
        break;
    case EVENT_FDB_LEARNED:
    case EVENT_FDB_AGED:
    case EVENT_FDB_MOVED:
    case EVENT_ADDRESS_SHARED:
        format_address(event, text, size);
        break;
    case EVENT_LEARNING: /* nobody can subscribe to it */
    case EVENT_KINDS:
        break;
    }
}

/* VDE writes a VLAN's low byte first. */
static void format_address(const struct event *event, char *text, size_t size)
{
    unsigned vid = fdb_entry_vid(event->entry);
    char mac[MAC_TEXT];
    uint8_t address[6];
    int used;

    fdb_entry_mac(event->entry, address);
    used = snprintf(text, size, "%s VLAN %02x:%02x Port %u", text_from_mac(address, mac), vid & 255,
                    vid >> 8, event->port->number);
    if (event->other)
        snprintf(text + used, size - (size_t)used, " %s %u",
                 event->kind == EVENT_FDB_MOVED ? "from" : "and", event->other->number);
}
