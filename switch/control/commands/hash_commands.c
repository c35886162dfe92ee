/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * hash_commands.c - commands for the FDB, which VDE calls the hash table
 */
#include "control/command.h"
#include "control/control.h"
#include "util/clock.h"
#include "util/os_linux.h"
#include "util/text.h"

#include <errno.h>

static int hash_showinfo(struct call *call);
static int hash_setsize(struct call *call);
static int hash_setgcint(struct call *call);
static int hash_setexpire(struct call *call);
static int hash_setminper(struct call *call);
static int hash_print(struct call *call);
static int hash_find(struct call *call);
static int hash_addstatic(struct call *call);
static int hash_delete(struct call *call);
static int hash_flush(struct call *call);

static void list_entry(void *context, const struct fdb_entry *entry);
static void show_entry(struct reply *reply, const struct fdb_entry *entry);
static unsigned vid_argument(const struct argument *argument);

static const struct parameter seconds[ARGUMENTS + 1] = {{"seconds", "N", ARGUMENT_NUMBER}, {0}};

static const struct field entry_fields[] = {
    {"mac", FIELD_TEXT, "Hash: 0000 Addr: %s"}, {"vlan", FIELD_NUMBER, " VLAN %04llu"},
    {"port", FIELD_NUMBER, " to port: %03llu"}, {"age", FIELD_NUMBER, "  age %llu secs\n"},
    {"static", FIELD_FLAG, "  -- static\n"},    {0},
};

const struct command hash_commands[] = {
    {"hash", "HASH TABLE MENU"},
    {
        "hash/showinfo",
        "show hash info",
        .result = RESULT({"size", FIELD_NUMBER, "Hash size %llu\n"},
                         {"gc_interval", FIELD_NUMBER, "GC interval %llu secs\n"},
                         {"expire", FIELD_NUMBER, "GC expire %llu secs\n"},
                         {"min_persistence", FIELD_NUMBER, "Min persistence %llu secs\n"},
                         {"entries", FIELD_NUMBER, "Entries %llu"},
                         {"capacity", FIELD_NUMBER, " of %llu\n"}),
        .run = hash_showinfo,
    },
    {"hash/setsize", "change hash size", PARAMETERS({"size", "N", ARGUMENT_NUMBER}),
     .run = hash_setsize},
    {"hash/setgcint", "change garbage collector interval", seconds, .run = hash_setgcint},
    {"hash/setexpire", "change hash entries expire time", seconds, .run = hash_setexpire},
    {"hash/setminper", "minimum persistence time", seconds, .run = hash_setminper},
    {
        "hash/print",
        "print the hash table",
        .result = RESULT({"entries", FIELD_LIST, .element = entry_fields}),
        .run = hash_print,
    },
    {
        "hash/find",
        "MAC lookup",
        PARAMETERS({"mac", "MAC", ARGUMENT_MAC}, {"vlan", "VLAN", ARGUMENT_VID, .optional = true}),
        entry_fields,
        .run = hash_find,
    },
    {
        "hash/addstatic",
        "pin MAC in a VLAN to port N",
        PARAMETERS({"mac", "MAC", ARGUMENT_MAC}, {"port", "N", ARGUMENT_PORT},
                   {"vlan", "VLAN", ARGUMENT_VID, .optional = true}),
        .extension = true,
        .run = hash_addstatic,
    },
    {
        "hash/delete",
        "forget MAC in a VLAN, static or not",
        PARAMETERS({"mac", "MAC", ARGUMENT_MAC}, {"vlan", "VLAN", ARGUMENT_VID, .optional = true}),
        .extension = true,
        .run = hash_delete,
    },
    {
        "hash/flush",
        "forget what was learned (behind port N)",
        PARAMETERS({"port", "N", ARGUMENT_PORT, .optional = true}),
        .extension = true,
        .run = hash_flush,
    },
    {0},
};

static int hash_showinfo(struct call *call)
{
    struct fdb *fdb = call->sw->fdb;
    const struct fdb_settings *settings = fdb_settings(fdb);

    reply_number(call->reply, call->control->vde.hash_size);
    reply_number(call->reply, call->control->vde.gc_interval);
    reply_number(call->reply, settings->ageing / SECOND);
    reply_number(call->reply, settings->min_persistence / SECOND);
    reply_number(call->reply, fdb_count(fdb));
    reply_number(call->reply, fdb_capacity(fdb));
    return 0;
}

/* As in VDE the size becomes a power of two and the table is flushed; but here the size is only
 * stored. */
static int hash_setsize(struct call *call)
{
    unsigned wanted = call->argument[0].number, size = 1;

    if (wanted < 1 || wanted > FDB_CAPACITY_MAX)
        return error_set(call->error, EINVAL, "N is from 1 to %d", FDB_CAPACITY_MAX);
    while (size < wanted)
        size *= 2;
    call->control->vde.hash_size = size;
    fdb_flush_vlan(call->sw->fdb, FDB_ANY_VID);
    return 0;
}

static int hash_setgcint(struct call *call)
{
    call->control->vde.gc_interval = call->argument[0].number;
    return 0;
}

static int hash_setexpire(struct call *call)
{
    fdb_settings(call->sw->fdb)->ageing = call->argument[0].number * SECOND;
    ageing_run(&call->control->ageing);
    return 0;
}

static int hash_setminper(struct call *call)
{
    fdb_settings(call->sw->fdb)->min_persistence = call->argument[0].number * SECOND;
    return 0;
}

static int hash_print(struct call *call)
{
    reply_list(call->reply);
    fdb_each(call->sw->fdb, list_entry, call->reply);
    reply_list_end(call->reply);
    return 0;
}

static int hash_find(struct call *call)
{
    const struct fdb_entry *entry =
        fdb_find(call->sw->fdb, vid_argument(&call->argument[1]), call->argument[0].mac);

    if (!entry)
        return -ENODEV;
    show_entry(call->reply, entry);
    return 0;
}

static int hash_addstatic(struct call *call)
{
    struct vswitch *sw = call->sw;
    struct port *port = call->argument[1].port;
    const uint8_t *mac = call->argument[0].mac;
    unsigned vid = vid_argument(&call->argument[2]);
    int status;

    if (mac[0] & 1)
        return error_set(call->error, EINVAL, "a group address is behind many ports");
    if (!membership_has(&port->config.membership, vid))
        return error_set(call->error, EINVAL, "port %u is not in VLAN %u", port->number, vid);
    status = fdb_add_static(sw->fdb, vid, mac, &port->fdb, os_now());
    return status < 0 ? error_set(call->error, -status, "the table is full of static entries") : 0;
}

static int hash_delete(struct call *call)
{
    int status = fdb_delete(call->sw->fdb, vid_argument(&call->argument[1]), call->argument[0].mac);

    return status < 0 ? -ENODEV : 0;
}

static int hash_flush(struct call *call)
{
    struct fdb *fdb = call->sw->fdb;

    if (call->argument[0].given)
        fdb_flush_owner(fdb, &call->argument[0].port->fdb, FDB_ANY_VID);
    else
        fdb_flush_vlan(fdb, FDB_ANY_VID);
    return 0;
}

static void list_entry(void *context, const struct fdb_entry *entry)
{
    reply_item(context);
    show_entry(context, entry);
}

static void show_entry(struct reply *reply, const struct fdb_entry *entry)
{
    const struct port *port = container_of(entry->owner, struct port, fdb);
    uint8_t address[6];
    char mac[MAC_TEXT];

    fdb_entry_mac(entry, address);
    reply_text(reply, text_from_mac(address, mac));
    reply_number(reply, fdb_entry_vid(entry));
    reply_number(reply, port->number);
    reply_number(reply, entry->is_static ? 0 : (os_now() - entry->seen) / SECOND);
    reply_flag(reply, entry->is_static);
}

/* Defaults to VLAN 0, VDE's "no VLAN". */
static unsigned vid_argument(const struct argument *argument)
{
    return argument->given ? argument->number : 0;
}
