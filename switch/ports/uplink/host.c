/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/uplink/host.h"

#include "ports/io/vnet.h"
#include "util/clock.h"
#include "util/os_linux.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_tap(struct host_way *way);
static int redirect(struct host_way *way, struct mnl_socket *nl, const struct link *link);
static int load_program(int to);
static bool host_awaits_echo(const struct echo *echo);
static uint64_t host_desc_digest(const struct tx_desc *desc);
static uint64_t host_digest(struct frame frame);

int host_open(struct host_way *way, struct mnl_socket *nl, const struct link *link,
              struct error *err)
{
    int status = open_tap(way);

    if (status == 0)
        status = redirect(way, nl, link);
    if (status == 0)
        status = link_start(nl, way->index, way->marks ? NULL : link->mac);
    if (status == 0)
        return 0;
    if (way->fd == VNET_NO_DRIVER)
        return error_set(err, -status, "cannot join the host: cannot open /dev/net/tun: %s",
                         strerror(-status));
    host_close(way);
    return error_set(err, -status, "cannot join the host: %s", strerror(-status));
}

void host_close(struct host_way *way)
{
    if (way->fd >= 0)
        close(way->fd);
    way->fd = -1;
}

int host_follow(struct host_way *way, struct mnl_socket *nl, const struct link *link)
{
    const uint8_t *mac = way->marks ? NULL : link->mac;
    struct link tap;
    int status = way->fd < 0 ? -ENODEV : link_find(nl, NULL, way->index, &tap);

    if (status < 0)
        return status;
    if ((tap.flags & IFF_UP) && (!mac || !memcmp(tap.mac, mac, MAC_BYTES)))
        return 0;
    return link_start(nl, way->index, mac);
}

int host_send(struct host_way *way, const struct tx_desc *desc)
{
    struct echo *echo = &way->echoes.echo[way->echoes.next];
    bool comes_back = !way->marks && mac_is_group(desc->destination);
    int status;

    if (comes_back && host_awaits_echo(echo))
        return -ENOBUFS;
    status = vnet_send(way->fd, desc);
    if (status == 0 && comes_back) {
        *echo = (struct echo){.digest = host_desc_digest(desc), .sent = os_now()};
        way->echoes.next = (way->echoes.next + 1) % ECHOES;
    }
    return status;
}

bool host_is_echo(struct host_way *way, const struct frame *frame)
{
    uint64_t wanted;

    if (way->fd < 0 || way->marks || !mac_is_group(frame_destination(frame)))
        return false;
    wanted = host_digest(*frame);
    for (unsigned i = 0; i < ECHOES; i++) {
        struct echo *echo = &way->echoes.echo[i];

        if (echo->digest != wanted || !host_awaits_echo(echo))
            continue;
        echo->digest = 0;
        return true;
    }
    return false;
}

/* An echo that takes longer than a second has been lost. */
static bool host_awaits_echo(const struct echo *echo)
{
    return echo->digest != 0 && os_now() - echo->sent < SECOND;
}

static int open_tap(struct host_way *way)
{
    char ifname[IFNAMSIZ] = "vsw%d";

    way->fd = vnet_open_tap(ifname);
    if (way->fd < 0)
        return way->fd == VNET_NO_DRIVER ? -errno : way->fd;
    way->index = (int)if_nametoindex(ifname);
    return way->index > 0 ? 0 : -errno;
}

static int redirect(struct host_way *way, struct mnl_socket *nl, const struct link *link)
{
    int program = load_program(link->index), status;

    way->marks = program >= 0;
    if (!way->marks)
        return link_redirect(nl, way->index, link->index);
    status = link_run_program(nl, way->index, program);
    close(program);
    return status;
}

/* skb->mark = HOST_MARK; return bpf_redirect(to, BPF_F_INGRESS);
 * Return: a descriptor or -errno. */
static int load_program(int to)
{
    const struct bpf_insn program[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = HOST_MARK},
        {.code = BPF_STX | BPF_MEM | BPF_W,
         .dst_reg = BPF_REG_1,
         .src_reg = BPF_REG_2,
         .off = offsetof(struct __sk_buff, mark)},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = to},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = BPF_F_INGRESS},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect},
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr attributes = {
        .prog_type = BPF_PROG_TYPE_SCHED_CLS,
        .insns = (uintptr_t)program,
        .insn_cnt = sizeof(program) / sizeof(program[0]),
        .license = (uintptr_t) "GPL",
        .prog_name = "vswitchd",
    };
    int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes));

    return fd >= 0 ? fd : -errno;
}

static uint64_t host_desc_digest(const struct tx_desc *desc)
{
    uint8_t head[512];
    struct frame frame;
    size_t used = 0;

    for (unsigned i = 0; i < desc->iov_count && used < sizeof(head); i++) {
        const struct iovec *run = &desc->iov[i];
        size_t length = run->iov_len < sizeof(head) - used ? run->iov_len : sizeof(head) - used;

        memcpy(head + used, run->iov_base, length);
        used += length;
    }
    frame_init(&frame, head, desc->length);
    return host_digest(frame);
}

/* Digest of all but the tag, which the kernel strips on the way. */
static uint64_t host_digest(struct frame frame)
{
    frame_parse(&frame);
    return frame_digest(&frame);
}
