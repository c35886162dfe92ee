/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/uplink/filter.h"

#include "ports/uplink/host.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    INSTRUCTIONS = BPF_MAXINSNS,
    LINEAR = 4,  /* so few are compared one by one */
    ACCEPT = -1, /* all of the frame */
};

struct program {
    struct sock_filter code[INSTRUCTIONS];
    unsigned length;
};

struct collection {
    const struct port *uplink;
    struct known_addresses *known;
    unsigned sorted; /* those of the last time */
    bool overflow;
};

static void add_received(struct program *program);
static void add_sent(struct program *program, const struct known_addresses *known);
static void add_search(struct program *program, const uint32_t *address, unsigned count);
static void add(struct program *program, uint16_t code, uint32_t k, unsigned yes, unsigned no);
static bool knows_all(const struct vswitch *sw, const struct port *uplink);
static bool refresh(struct known_addresses *known, struct vswitch *sw, const struct port *uplink);
static bool renew(struct known_addresses *known, struct vswitch *sw, const struct port *uplink);
static void collect(void *context, const struct fdb_entry *entry);
static int by_value(const void *a, const void *b);
static int attach(int fd, struct program *program);

static void add_load(struct program *program, unsigned size, uint32_t at)
{
    add(program, (uint16_t)(BPF_LD | BPF_ABS | size), at, 0, 0);
}

static void add_return(struct program *program, int bytes)
{
    add(program, BPF_RET | BPF_K, (uint32_t)bytes, 0, 0);
}

int filter_attach_none(int fd)
{
    struct program program = {.length = 0};

    add_return(&program, 0);
    return attach(fd, &program);
}

int filter_attach_wire(int fd)
{
    struct program program = {.length = 0};

    add_received(&program);
    add_return(&program, 0);
    return attach(fd, &program);
}

int filter_attach_all(int fd)
{
    struct program program = {.length = 0};

    add_received(&program);
    add_return(&program, ACCEPT);
    return attach(fd, &program);
}

int filter_attach_known(int fd, struct vswitch *sw, const struct port *port,
                        struct known_addresses *known)
{
    struct program program = {.length = 0};

    if (!knows_all(sw, port) || (!refresh(known, sw, port) && !renew(known, sw, port)))
        return -E2BIG;
    add_received(&program);
    add_sent(&program, known);
    return attach(fd, &program);
}

/* Falls through for what the host sends. */
static void add_received(struct program *program)
{
    add_load(program, BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 5, 0);
    add(program, BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 2, 0);
    add_load(program, BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_MARK));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, HOST_MARK, 0, 1);
    add_return(program, 0);
    add_return(program, ACCEPT);
}

static void add_sent(struct program *program, const struct known_addresses *known)
{
    add_load(program, BPF_B, 0);
    add(program, BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1);
    add_return(program, ACCEPT);
    add_load(program, BPF_W, 2);
    add_search(program, known->address, known->count);
}

/* A binary search: what is below the middle follows at once, the rest behind that. */
static void add_search(struct program *program, const uint32_t *address, unsigned count)
{
    unsigned middle = count / 2, jump;

    if (count <= LINEAR) {
        for (unsigned i = 0; i < count; i++)
            add(program, BPF_JMP | BPF_JEQ | BPF_K, address[i], count - i, 0);
        add_return(program, 0);
        if (count > 0)
            add_return(program, ACCEPT);
        return;
    }
    add(program, BPF_JMP | BPF_JGE | BPF_K, address[middle], 0, 1);
    jump = program->length;
    add(program, BPF_JMP | BPF_JA, 0, 0, 0);
    add_search(program, address, middle);
    program->code[jump].k = program->length - jump - 1;
    add_search(program, address + middle, count - middle);
}

static void add(struct program *program, uint16_t code, uint32_t k, unsigned yes, unsigned no)
{
    program->code[program->length++] =
        (struct sock_filter){.code = code, .jt = (uint8_t)yes, .jf = (uint8_t)no, .k = k};
}

/* A hub learns nothing, and a port at its limit has addresses that are not in the table. */
static bool knows_all(const struct vswitch *sw, const struct port *uplink)
{
    switch_for_each_port (sw, port) {
        if (port != uplink && port_in_use(port) && port->fdb.count >= port->fdb.limit)
            return false;
    }
    return !sw->config.hub;
}

/* Adds what SW knows now. Return: whether there is room. */
static bool refresh(struct known_addresses *known, struct vswitch *sw, const struct port *uplink)
{
    struct collection collection = {.uplink = uplink, .known = known, .sorted = known->count};
    unsigned unique = 0;

    fdb_each(sw->fdb, collect, &collection);
    qsort(known->address, known->count, sizeof(known->address[0]), by_value);
    for (unsigned i = 0; i < known->count; i++) {
        if (unique == 0 || known->address[unique - 1] != known->address[i])
            known->address[unique++] = known->address[i];
    }
    known->count = unique;
    return !collection.overflow;
}

/* The same without those of earlier times. */
static bool renew(struct known_addresses *known, struct vswitch *sw, const struct port *uplink)
{
    known->count = 0;
    return refresh(known, sw, uplink);
}

static void collect(void *context, const struct fdb_entry *entry)
{
    struct collection *collection = context;
    struct known_addresses *known = collection->known;
    uint32_t address = (uint32_t)entry->key;

    if (entry->owner == &collection->uplink->fdb ||
        bsearch(&address, known->address, collection->sorted, sizeof(address), by_value))
        return;
    if (known->count == KNOWN_MAX)
        collection->overflow = true;
    else
        known->address[known->count++] = address;
}

static int by_value(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

static int attach(int fd, struct program *program)
{
    struct sock_fprog attached = {.len = (unsigned short)program->length, .filter = program->code};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof(attached)) < 0 ? -errno
                                                                                         : 0;
}
