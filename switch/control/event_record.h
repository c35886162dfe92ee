/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * event_record.h - what happened in the switch, as plain data
 *
 * An observer is told of an event inside a stage of the data path, and acts on it when the batch is through. Until then ports,
 * endpoints and entries of the FDB may be gone, so a record names them by number and address.
 */
#ifndef VSW_CONTROL_EVENT_RECORD_H
#define VSW_CONTROL_EVENT_RECORD_H

#include "core/switch.h"

struct event_record {
    enum event_kind kind;
    int port;     /* number; -1: none, as for those that follow */
    int other;    /* number */
    int endpoint; /* its id */
    int vid;      /* of the address */
    uint8_t mac[6];
};

/* event_record() - EVENT as a record. Fit for a stage: nothing but copies. */
static inline struct event_record event_record(const struct event *event)
{
    struct event_record record = {
        .kind = event->kind,
        .port = event->port ? (int)event->port->number : -1,
        .other = event->other ? (int)event->other->number : -1,
        .endpoint = event->endpoint ? event->endpoint->id : -1,
        .vid = event->entry ? (int)fdb_entry_vid(event->entry) : -1,
    };

    if (event->entry)
        fdb_entry_mac(event->entry, record.mac);
    return record;
}

#endif
