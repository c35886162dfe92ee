/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/uplink/bpf.h"

#include "ports/uplink/host.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

enum {
    INSTRUCTIONS = BPF_MAXINSNS,
    LINEAR = 4,  /* up to so many addresses are compared one by one */
    ACCEPT = -1, /* return value of a filter: the whole frame */
};

struct program {
    struct sock_filter code[INSTRUCTIONS];
    unsigned length;
};

static void add_received(struct program *program);
static void add_sent(struct program *program, const uint32_t *address, unsigned count);
static void add_search(struct program *program, const uint32_t *address, unsigned count);
static void add(struct program *program, uint16_t code, uint32_t k, unsigned yes, unsigned no);
static int attach_filter(int fd, struct program *program);

static void add_load(struct program *program, unsigned size, uint32_t at)
{
    add(program, (uint16_t)(BPF_LD | BPF_ABS | size), at, 0, 0);
}

static void add_return(struct program *program, int bytes)
{
    add(program, BPF_RET | BPF_K, (uint32_t)bytes, 0, 0);
}

int bpf_pass_none(int fd)
{
    struct program program = {.length = 0};

    add_return(&program, 0);
    return attach_filter(fd, &program);
}

int bpf_pass_wire(int fd)
{
    struct program program = {.length = 0};

    add_received(&program);
    add_return(&program, 0);
    return attach_filter(fd, &program);
}

int bpf_pass_all(int fd)
{
    struct program program = {.length = 0};

    add_received(&program);
    add_return(&program, ACCEPT);
    return attach_filter(fd, &program);
}

int bpf_pass_known(int fd, const uint32_t *address, unsigned count)
{
    struct program program = {.length = 0};

    add_received(&program);
    add_sent(&program, address, count);
    return attach_filter(fd, &program);
}

/* Decides about received frames; falls through for those that the host sends. */
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

static void add_sent(struct program *program, const uint32_t *address, unsigned count)
{
    add_load(program, BPF_B, 0);
    add(program, BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1);
    add_return(program, ACCEPT);
    add_load(program, BPF_W, 2);
    add_search(program, address, count);
}

/* Binary search: the code for addresses below the middle comes next, that for the others after
 * it. */
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

static int attach_filter(int fd, struct program *program)
{
    struct sock_fprog attached = {.len = (unsigned short)program->length, .filter = program->code};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof(attached)) < 0 ? -errno
                                                                                         : 0;
}
