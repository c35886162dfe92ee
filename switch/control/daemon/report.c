/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/daemon/report.h"

#include "util/clock.h"
#include "util/os_linux.h"
#include "util/text.h"

#include <stdio.h>
#include <string.h>

static void notify(struct observer *observer, const struct event *event);
static void write_records(struct deferred *work);
static void write_record(struct report *report, const struct event_record *record);
static const char *label_of(const struct report *report, int number, char text[PORT_LABEL]);
static const char *mac_hint(const char *mac);

void report_start(struct report *report, struct context *context, struct defer_queue *queue)
{
    *report = (struct report){
        .observer = {.kinds = EVENT_BIT(EVENT_FDB_MOVED) | EVENT_BIT(EVENT_ADDRESS_SHARED) |
                              EVENT_BIT(EVENT_LOOP_BLOCKED),
                     .notify = notify},
        .context = context,
        .queue = queue,
    };
    deferred_init(&report->writing, write_records);
    observers_add(&context->sw->observers, &report->observer);
}

void report_stop(struct report *report)
{
    observers_remove(&report->context->sw->observers, &report->observer);
    defer_cancel(&report->writing);
}

/* Inside a stage: nothing but a record. */
static void notify(struct observer *observer, const struct event *event)
{
    struct report *report = container_of(observer, struct report, observer);

    if (report->records < REPORT_RECORDS)
        report->record[report->records++] = event_record(event);
    defer(report->queue, &report->writing);
}

static void write_records(struct deferred *work)
{
    struct report *report = container_of(work, struct report, writing);

    for (unsigned i = 0; i < report->records; i++)
        write_record(report, &report->record[i]);
    report->records = 0;
}

static void write_record(struct report *report, const struct event_record *record)
{
    struct log *log = report->context->log;
    const struct loop_settings *loop = &report->context->sw->config.loop;
    char port_text[PORT_LABEL], other_text[PORT_LABEL], mac[MAC_TEXT];
    const char *port = label_of(report, record->port, port_text);
    const char *other = label_of(report, record->other, other_text);
    uint64_t now = os_now();

    text_from_mac(record->mac, mac);
    switch (record->kind) {
    case EVENT_FDB_MOVED:
        log_limited(log, &report->moves, now, LOG_INFO, "MAC %s moved from %s to %s", mac, other,
                    port);
        break;
    case EVENT_ADDRESS_SHARED:
        log_limited(log, &report->shared, now, LOG_WARNING,
                    "%s and %s both use %s%s; give each -device a mac= of its own", other, port,
                    mac, mac_hint(mac));
        break;
    case EVENT_LOOP_BLOCKED:
        log_limited(
            log, &report->loops, now, LOG_WARNING,
            "%s is blocked for %u s: %s keeps jumping between it and %s. Either the two are "
            "joined by a loop, or guests behind them share that address%s: then give each "
            "-device a mac= of its own",
            port, (unsigned)(loop->block / SECOND), mac, other, mac_hint(mac));
        break;
    default:
        break;
    }
}

/* By its name, if the port is still there. */
static const char *label_of(const struct report *report, int number, char text[PORT_LABEL])
{
    const struct port *port = switch_port(report->context->sw, (unsigned)number);

    if (port)
        return port_label(port, text);
    snprintf(text, PORT_LABEL, "port %d", number);
    return text;
}

/* What nearly always explains it. */
static const char *mac_hint(const char *mac)
{
    return strcmp(mac, "52:54:00:12:34:56") ? "" : ", QEMU's default";
}
