/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/daemon/report.h"

#include "util/clock.h"
#include "util/os_linux.h"
#include "util/text.h"

#include <string.h>

static void notify(struct observer *observer, const struct event *event);
static const char *mac_hint(const char *mac);

void report_start(struct report *report, struct context *context)
{
    *report = (struct report){
        .observer = {.kinds = EVENT_BIT(EVENT_FDB_MOVED) | EVENT_BIT(EVENT_ADDRESS_SHARED) |
                              EVENT_BIT(EVENT_LOOP_BLOCKED),
                     .notify = notify},
        .context = context,
    };
    observers_add(&context->sw->observers, &report->observer);
}

void report_stop(struct report *report)
{
    observers_remove(&report->context->sw->observers, &report->observer);
}

static void notify(struct observer *observer, const struct event *event)
{
    struct report *report = container_of(observer, struct report, observer);
    struct log *log = report->context->log;
    const struct loop_settings *guard = &report->context->sw->config.loop;
    char port[PORT_LABEL], other[PORT_LABEL], mac[MAC_TEXT];
    uint8_t address[6];
    uint64_t now = os_now();

    fdb_entry_mac(event->entry, address);
    text_from_mac(address, mac);
    port_label(event->port, port);
    port_label(event->other, other);
    switch (event->kind) {
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
            port, (unsigned)(guard->block / SECOND), mac, other, mac_hint(mac));
        break;
    default:
        break;
    }
}

/* What nearly always explains it. */
static const char *mac_hint(const char *mac)
{
    return strcmp(mac, "52:54:00:12:34:56") ? "" : ", QEMU's default";
}
