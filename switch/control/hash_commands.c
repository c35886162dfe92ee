/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * hash_commands.c - the FDB, under the name that VDE gave it
 */
#include "control/command.h"
#include "util/os_linux.h"
#include "util/text.h"

#include <errno.h>
#include <string.h>

static int hash_showinfo(struct program *program, const char *argument, FILE *out);
static int hash_setexpire(struct program *program, const char *argument, FILE *out);
static int hash_setminper(struct program *program, const char *argument, FILE *out);
static int hash_print(struct program *program, const char *argument, FILE *out);
static int hash_find(struct program *program, const char *argument, FILE *out);

static void print_entry(void *context, const struct fdb_entry *entry);

const struct command hash_commands[] = {
    {"hash", COMMAND_MENU, "HASH TABLE MENU", false, NULL},
    {"hash/showinfo", "", "show hash info", true, hash_showinfo},
    {"hash/setexpire", "N", "change hash entries expire time", false, hash_setexpire},
    {"hash/setminper", "N", "minimum persistence time", false, hash_setminper},
    {"hash/print", "", "print the hash table", true, hash_print},
    {"hash/find", "MAC [VLAN]", "MAC lookup", true, hash_find},
    {0},
};

static int hash_showinfo(struct program *program, const char *argument, FILE *out)
{
    struct fdb *fdb = program->runtime.sw->fdb;
    const struct fdb_settings *settings = fdb_settings(fdb);

    (void)argument;
    fprintf(out, "Hash size %u\nGC interval 1 secs\nGC expire %u secs\nMin persistence %u secs\n",
            fdb_capacity(fdb), (unsigned)(settings->ageing / SECOND),
            (unsigned)(settings->min_persistence / SECOND));
    fprintf(out, "Entries %u\n", fdb_count(fdb));
    return 0;
}

static int hash_setexpire(struct program *program, const char *argument, FILE *out)
{
    int seconds = command_number(argument, NULL);

    (void)out;
    if (seconds < 0)
        return -EINVAL;
    fdb_settings(program->runtime.sw->fdb)->ageing = (uint64_t)seconds * SECOND;
    ageing_run(&program->ageing);
    return 0;
}

static int hash_setminper(struct program *program, const char *argument, FILE *out)
{
    int seconds = command_number(argument, NULL);

    (void)out;
    if (seconds < 0)
        return -EINVAL;
    fdb_settings(program->runtime.sw->fdb)->min_persistence = (uint64_t)seconds * SECOND;
    return 0;
}

static int hash_print(struct program *program, const char *argument, FILE *out)
{
    (void)argument;
    fdb_each(program->runtime.sw->fdb, print_entry, out);
    return 0;
}

static int hash_find(struct program *program, const char *argument, FILE *out)
{
    struct fdb_entry *entry;
    uint8_t address[6];
    char mac[MAC_TEXT];
    int vid = 0;

    text_copy(mac, sizeof(mac), argument);
    if (!text_to_mac(mac, address))
        return -EINVAL;
    if (strlen(argument) > strlen(mac))
        vid = command_number(argument + strlen(mac), NULL);
    if (vid < 0 || vid >= VID_COUNT)
        return -EINVAL;
    entry = fdb_find(program->runtime.sw->fdb, (unsigned)vid, address);
    if (!entry)
        return -ENODEV;
    print_entry(out, entry);
    return 0;
}

static void print_entry(void *context, const struct fdb_entry *entry)
{
    const struct port *port = container_of(entry->owner, struct port, fdb);
    uint8_t address[6];
    char mac[MAC_TEXT];

    fdb_entry_mac(entry, address);
    fprintf(context, "Hash: %04d Addr: %s VLAN %04u to port: %03u  age %llu secs\n", 0,
            text_from_mac(address, mac), fdb_entry_vid(entry), port->number,
            (unsigned long long)((os_now() - entry->seen) / SECOND));
}
