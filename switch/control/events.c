/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/events.h"

#include "control/event_record.h"
#include "util/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1024 };

struct event_notes {
    unsigned records;
    unsigned texts;             /* bytes of them */
    unsigned lost[EVENT_KINDS]; /* that did not fit */
    struct event_record record[EVENT_RECORDS];
    unsigned text_of[EVENT_RECORDS]; /* where in the texts an ENDPOINT_DESCRIBED's begins */
    char text[EVENT_TEXTS];
};

static const struct category own_categories[] = {
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

static bool find_slots(const struct events *events, struct category_set *set);
static void subscribe(struct events *events, struct subscriber *subscriber,
                      const struct category_mask *wanted);
static void observe(struct events *events);
static unsigned kinds_wanted(const struct events *events, const struct category_mask *wanted);
static bool is_empty(const struct category_mask *mask);
static void notify(struct observer *observer, const struct event *event);
static bool note(struct event_notes *notes, const struct event *event);
static bool note_text(struct event_notes *notes, const char *text, unsigned *place);
static void deliver(struct deferred *work);
static void tell(struct events *events, const struct event_record *record, const char *description);
static void tell_category(struct events *events, const struct category *category, unsigned slot,
                          const char *message);
static void tell_lost(struct events *events, const unsigned lost[EVENT_KINDS]);
static void format_message(const struct event_record *record, const char *description, char *text,
                           size_t size);
static void format_address(const struct event_record *record, char *text, size_t size);

void events_start(struct events *events, struct vswitch *sw, struct defer_queue *queue)
{
    *events = (struct events){
        .sw = sw,
        .queue = queue,
        .observer = {.notify = notify},
        .own = {.categories = own_categories},
    };
    list_init(&events->observer.node);
    list_init(&events->sets);
    list_init(&events->subscribers);
    deferred_init(&events->delivery, deliver);
    categories_register(events, &events->own, NULL); /* there is room for the first */
}

void events_stop(struct events *events)
{
    list_for_each_safe (node, &events->subscribers)
        events_unsubscribe(events, container_of(node, struct subscriber, node));
    defer_cancel(&events->delivery);
}

int categories_register(struct events *events, struct category_set *set, struct error *err)
{
    set->count = 0;
    for (; set->categories[set->count].path; set->count++) {
        if (strlen(set->categories[set->count].path) > CATEGORY_PATH)
            return error_set(err, EINVAL, "%s: a path has at most %d bytes",
                             set->categories[set->count].path, CATEGORY_PATH);
    }
    if (!find_slots(events, set))
        return error_set(err, ENOSPC, "there is room for %d categories of events", CATEGORIES);
    list_append(&events->sets, &set->node);
    return 0;
}

void categories_unregister(struct events *events, struct category_set *set)
{
    events_deliver(events);
    list_remove(&set->node);
    list_for_each_safe (node, &events->subscribers) {
        struct subscriber *subscriber = container_of(node, struct subscriber, node);
        struct category_mask wanted = subscriber->wanted;

        for (unsigned i = 0; i < set->count; i++)
            category_mask_set(&wanted, set->first + i, false);
        subscribe(events, subscriber, &wanted);
    }
}

void subscriber_init(struct subscriber *subscriber,
                     void (*hear)(struct subscriber *subscriber, const char *line, size_t length),
                     void (*missed)(struct subscriber *subscriber, unsigned count))
{
    *subscriber = (struct subscriber){.hear = hear, .missed = missed};
    list_init(&subscriber->node);
}

int events_set(struct events *events, struct subscriber *subscriber,
               const struct category_mask *wanted)
{
    events_deliver(events);
    if (!events->notes && !is_empty(wanted)) {
        events->notes = calloc(1, sizeof(*events->notes));
        if (!events->notes)
            return -ENOMEM;
    }
    subscribe(events, subscriber, wanted);
    return 0;
}

void events_unsubscribe(struct events *events, struct subscriber *subscriber)
{
    const struct category_mask none = {0};

    events_deliver(events);
    subscribe(events, subscriber, &none);
}

/* Telling can cause no events: subscribers keep the line for later. */
void events_deliver(struct events *events)
{
    struct event_notes *notes = events->notes;

    defer_cancel(&events->delivery);
    if (!notes)
        return;
    for (unsigned i = 0; i < notes->records; i++)
        tell(events, &notes->record[i], notes->text + notes->text_of[i]);
    tell_lost(events, notes->lost);
    notes->records = notes->texts = 0;
    memset(notes->lost, 0, sizeof(notes->lost));
}

/* The first gap between the slots of the sets that is wide enough. */
static bool find_slots(const struct events *events, struct category_set *set)
{
    bool moved;

    set->first = 0;
    do {
        moved = false;
        list_for_each (node, &events->sets) {
            const struct category_set *other = container_of(node, struct category_set, node);

            if (set->first < other->first + other->count &&
                other->first < set->first + set->count) {
                set->first = other->first + other->count;
                moved = true;
            }
        }
    } while (moved);
    return set->first + set->count <= CATEGORIES;
}

/* Records that wait have been told: each subscriber hears what happens from now on. */
static void subscribe(struct events *events, struct subscriber *subscriber,
                      const struct category_mask *wanted)
{
    subscriber->wanted = *wanted;
    if (is_empty(wanted))
        list_remove(&subscriber->node);
    else if (list_empty(&subscriber->node))
        list_append(&events->subscribers, &subscriber->node);
    observe(events);
    if (list_empty(&events->subscribers)) {
        free(events->notes);
        events->notes = NULL;
    }
}

static void observe(struct events *events)
{
    observers_remove(&events->sw->observers, &events->observer);
    events->observer.kinds = 0;
    list_for_each (node, &events->subscribers)
        events->observer.kinds |=
            kinds_wanted(events, &container_of(node, struct subscriber, node)->wanted);
    if (events->observer.kinds)
        observers_add(&events->sw->observers, &events->observer);
}

static unsigned kinds_wanted(const struct events *events, const struct category_mask *wanted)
{
    unsigned kinds = 0;

    list_for_each (node, &events->sets) {
        const struct category_set *set = container_of(node, struct category_set, node);

        for (unsigned i = 0; i < set->count; i++) {
            if (category_mask_has(wanted, set->first + i) &&
                set->categories[i].kind != CATEGORY_SILENT)
                kinds |= EVENT_BIT(set->categories[i].kind);
        }
    }
    return kinds;
}

static bool is_empty(const struct category_mask *mask)
{
    const struct category_mask none = {0};

    return !memcmp(mask, &none, sizeof(none));
}

/* Inside a stage: nothing but a record. */
static void notify(struct observer *observer, const struct event *event)
{
    struct events *events = container_of(observer, struct events, observer);

    if (!note(events->notes, event))
        events->notes->lost[event->kind]++;
    defer(events->queue, &events->delivery);
}

static bool note(struct event_notes *notes, const struct event *event)
{
    if (notes->records == EVENT_RECORDS)
        return false;
    if (event->kind == EVENT_ENDPOINT_DESCRIBED &&
        !note_text(notes, event->endpoint->description, &notes->text_of[notes->records]))
        return false;
    notes->record[notes->records++] = event_record(event);
    return true;
}

static bool note_text(struct event_notes *notes, const char *text, unsigned *place)
{
    size_t size = strnlen(text, LINE - 1) + 1;

    if (size > sizeof(notes->text) - notes->texts)
        return false;
    *place = notes->texts;
    text_copy(notes->text + notes->texts, size, text);
    notes->texts += (unsigned)size;
    return true;
}

static void deliver(struct deferred *work)
{
    events_deliver(container_of(work, struct events, delivery));
}

static void tell(struct events *events, const struct event_record *record, const char *description)
{
    char message[LINE];

    format_message(record, description, message, sizeof(message));
    list_for_each (node, &events->sets) {
        const struct category_set *set = container_of(node, struct category_set, node);

        for (unsigned i = 0; i < set->count; i++) {
            if (set->categories[i].kind == (int)record->kind)
                tell_category(events, &set->categories[i], set->first + i, message);
        }
    }
}

static void tell_category(struct events *events, const struct category *category, unsigned slot,
                          const char *message)
{
    char line[LINE + 64];
    int length =
        snprintf(line, sizeof(line), "3%03o %s %s\n", category->tag, category->path, message);

    list_for_each (node, &events->subscribers) {
        struct subscriber *subscriber = container_of(node, struct subscriber, node);

        if (category_mask_has(&subscriber->wanted, slot))
            subscriber->hear(subscriber, line, (size_t)length);
    }
}

static void tell_lost(struct events *events, const unsigned lost[EVENT_KINDS])
{
    list_for_each (node, &events->subscribers) {
        struct subscriber *subscriber = container_of(node, struct subscriber, node);
        unsigned kinds = kinds_wanted(events, &subscriber->wanted), count = 0;

        for (unsigned kind = 0; kind < EVENT_KINDS; kind++)
            count += kinds & EVENT_BIT(kind) ? lost[kind] : 0;
        if (count > 0)
            subscriber->missed(subscriber, count);
    }
}

static void format_message(const struct event_record *record, const char *description, char *text,
                           size_t size)
{
    switch (record->kind) {
    case EVENT_PORT_CREATED:
    case EVENT_PORT_DOWN:
    case EVENT_LOOP_BLOCKED:
        snprintf(text, size, "%02d", record->port);
        break;
    case EVENT_ENDPOINT_UP:
    case EVENT_ENDPOINT_DOWN:
        snprintf(text, size, "Port %02d FD %2d", record->port, record->endpoint);
        break;
    case EVENT_ENDPOINT_DESCRIBED:
        snprintf(text, size, "Port %02d FD %2d -> \"%s\"", record->port, record->endpoint,
                 description);
        break;
    case EVENT_FDB_LEARNED:
    case EVENT_FDB_AGED:
    case EVENT_FDB_MOVED:
    case EVENT_ADDRESS_SHARED:
        format_address(record, text, size);
        break;
    case EVENT_PORT_CONFIGURED: /* nobody can subscribe to these */
    case EVENT_LEARNING:
    case EVENT_KINDS:
        *text = '\0';
        break;
    }
}

/* VDE writes a VLAN's low byte first. */
static void format_address(const struct event_record *record, char *text, size_t size)
{
    char mac[MAC_TEXT];

    snprintf(text, size, "%s VLAN %02x:%02x Port %d", text_from_mac(record->mac, mac),
             record->vid & 255, record->vid >> 8, record->port);
    if (record->other >= 0)
        text_append(text, size, " %s %d", record->kind == EVENT_FDB_MOVED ? "from" : "and",
                    record->other);
}
