/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/uplink/link.h"

#include "util/os_linux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <string.h>

enum { MESSAGE_BYTES = 8192 };

struct message {
    char bytes[MESSAGE_BYTES];
};

static struct mnl_socket *open_socket(int flags, unsigned groups);
static struct nlmsghdr *begin_link(struct message *message, int type, int flags, int index);
static struct nlmsghdr *begin_tc(struct message *message, int type, int index, uint32_t parent);
static int set_mac(struct mnl_socket *nl, int index, const uint8_t *mac);
static int add_clsact(struct mnl_socket *nl, int index);
static struct nlmsghdr *begin_filter(struct message *message, int index, const char *kind);
static int transact(struct mnl_socket *nl, struct message *message, mnl_cb_t read_reply,
                    void *data);
static int read_link(const struct nlmsghdr *reply, void *data);
static int read_attribute(const struct nlattr *attribute, void *data);

struct mnl_socket *link_socket(void)
{
    return open_socket(SOCK_CLOEXEC, 0);
}

struct mnl_socket *link_watch_socket(void)
{
    return open_socket(SOCK_CLOEXEC | SOCK_NONBLOCK, RTMGRP_LINK);
}

void link_drain(struct mnl_socket *watch)
{
    struct message message;
    ssize_t length;

    /* ENOBUFS: notifications were lost, but there may be more to read */
    do
        length = mnl_socket_recvfrom(watch, message.bytes, sizeof(message.bytes));
    while (length > 0 || (length < 0 && errno == ENOBUFS));
}

int link_find(struct mnl_socket *nl, const char *name, int index, struct link *link)
{
    struct message message;
    struct nlmsghdr *request = begin_link(&message, RTM_GETLINK, 0, name ? 0 : index);

    if (name)
        mnl_attr_put_strz(request, IFLA_IFNAME, name);
    return transact(nl, &message, read_link, link);
}

int link_start(struct mnl_socket *nl, int index, const uint8_t *mac)
{
    struct message message;
    struct nlmsghdr *request = begin_link(&message, RTM_NEWLINK, NLM_F_ACK, index);
    struct nlattr *families, *inet6;
    int status;

    /* A kernel without IPv6 refuses this, and does not need it. */
    families = mnl_attr_nest_start(request, IFLA_AF_SPEC);
    inet6 = mnl_attr_nest_start(request, AF_INET6);
    mnl_attr_put_u8(request, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    mnl_attr_nest_end(request, inet6);
    mnl_attr_nest_end(request, families);
    transact(nl, &message, NULL, NULL);
    status = mac ? set_mac(nl, index, mac) : 0;
    if (status < 0)
        return status;
    request = begin_link(&message, RTM_NEWLINK, NLM_F_ACK, index);
    ((struct ifinfomsg *)mnl_nlmsg_get_payload(request))->ifi_flags = IFF_UP;
    ((struct ifinfomsg *)mnl_nlmsg_get_payload(request))->ifi_change = IFF_UP;
    return transact(nl, &message, NULL, NULL);
}

int link_run_program(struct mnl_socket *nl, int index, int program)
{
    struct message message;
    struct nlmsghdr *request;
    struct nlattr *options;
    int status = add_clsact(nl, index);

    if (status < 0)
        return status;
    request = begin_filter(&message, index, "bpf");
    options = mnl_attr_nest_start(request, TCA_OPTIONS);
    mnl_attr_put_u32(request, TCA_BPF_FD, (uint32_t)program);
    mnl_attr_put_strz(request, TCA_BPF_NAME, "vswitchd");
    mnl_attr_put_u32(request, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    mnl_attr_nest_end(request, options);
    return transact(nl, &message, NULL, NULL);
}

int link_redirect(struct mnl_socket *nl, int index, int to)
{
    /* u32 needs one key; with a zero mask it matches any value at its offset. Offsets count from
     * the payload, which may be empty; the MAC addresses in front of it always exist. */
    union {
        struct tc_u32_sel selector;
        uint8_t bytes[sizeof(struct tc_u32_sel) + sizeof(struct tc_u32_key)];
    } every = {.bytes = {0}};
    struct tc_mirred mirred = {
        .action = TC_ACT_STOLEN, .eaction = TCA_INGRESS_REDIR, .ifindex = (uint32_t)to};
    struct message message;
    struct nlmsghdr *request;
    struct nlattr *options, *actions, *first, *parameters;
    int status = add_clsact(nl, index);

    if (status < 0)
        return status;
    every.selector.flags = TC_U32_TERMINAL;
    every.selector.nkeys = 1;
    every.selector.keys[0].off = -FRAME_ADDRESSES;
    request = begin_filter(&message, index, "u32");
    options = mnl_attr_nest_start(request, TCA_OPTIONS);
    mnl_attr_put(request, TCA_U32_SEL, sizeof(every), &every);
    actions = mnl_attr_nest_start(request, TCA_U32_ACT);
    first = mnl_attr_nest_start(request, 1);
    mnl_attr_put_strz(request, TCA_ACT_KIND, "mirred");
    parameters = mnl_attr_nest_start(request, TCA_ACT_OPTIONS);
    mnl_attr_put(request, TCA_MIRRED_PARMS, sizeof(mirred), &mirred);
    mnl_attr_nest_end(request, parameters);
    mnl_attr_nest_end(request, first);
    mnl_attr_nest_end(request, actions);
    mnl_attr_nest_end(request, options);
    return transact(nl, &message, NULL, NULL);
}

static struct mnl_socket *open_socket(int flags, unsigned groups)
{
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, flags);

    if (nl && mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID) < 0) {
        mnl_socket_close(nl);
        return NULL;
    }
    return nl;
}

static struct nlmsghdr *begin_link(struct message *message, int type, int flags, int index)
{
    struct nlmsghdr *request = mnl_nlmsg_put_header(message->bytes);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(request, sizeof(*info));

    request->nlmsg_type = (uint16_t)type;
    request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    info->ifi_family = AF_UNSPEC;
    info->ifi_index = index;
    return request;
}

static struct nlmsghdr *begin_tc(struct message *message, int type, int index, uint32_t parent)
{
    struct nlmsghdr *request = mnl_nlmsg_put_header(message->bytes);
    struct tcmsg *tc = mnl_nlmsg_put_extra_header(request, sizeof(*tc));

    request->nlmsg_type = (uint16_t)type;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    tc->tcm_family = AF_UNSPEC;
    tc->tcm_ifindex = index;
    tc->tcm_parent = parent;
    return request;
}

static int set_mac(struct mnl_socket *nl, int index, const uint8_t *mac)
{
    struct message message;
    struct nlmsghdr *request = begin_link(&message, RTM_NEWLINK, NLM_F_ACK, index);

    mnl_attr_put(request, IFLA_ADDRESS, MAC_BYTES, mac);
    return transact(nl, &message, NULL, NULL);
}

static int add_clsact(struct mnl_socket *nl, int index)
{
    struct message message;
    struct nlmsghdr *request = begin_tc(&message, RTM_NEWQDISC, index, TC_H_CLSACT);

    ((struct tcmsg *)mnl_nlmsg_get_payload(request))->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
    mnl_attr_put_strz(request, TCA_KIND, "clsact");
    return transact(nl, &message, NULL, NULL);
}

static struct nlmsghdr *begin_filter(struct message *message, int index, const char *kind)
{
    struct nlmsghdr *request =
        begin_tc(message, RTM_NEWTFILTER, index, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS));

    ((struct tcmsg *)mnl_nlmsg_get_payload(request))->tcm_info =
        TC_H_MAKE(1u << 16, htons(ETH_P_ALL));
    mnl_attr_put_strz(request, TCA_KIND, kind);
    return request;
}

/* Sends MESSAGE and passes the kernel's reply to READ_REPLY unless that is NULL. Return: 0 or
 * -errno. */
static int transact(struct mnl_socket *nl, struct message *message, mnl_cb_t read_reply, void *data)
{
    struct nlmsghdr *request = (struct nlmsghdr *)message->bytes;
    const struct nlmsghdr *answer;
    struct message reply;
    ssize_t length;

    /* must differ from the previous request's, whose reply may still be waiting if reading it
     * failed */
    request->nlmsg_seq = (uint32_t)os_now();
    if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
        return -errno;
    do {
        length = mnl_socket_recvfrom(nl, reply.bytes, sizeof(reply.bytes));
        if (length < (ssize_t)sizeof(*answer))
            return length < 0 ? -errno : -EBADMSG;
        answer = (const struct nlmsghdr *)reply.bytes;
    } while (answer->nlmsg_seq != request->nlmsg_seq);
    return mnl_cb_run(reply.bytes, (size_t)length, request->nlmsg_seq, mnl_socket_get_portid(nl),
                      read_reply, data) < 0
               ? -errno
               : 0;
}

static int read_link(const struct nlmsghdr *reply, void *data)
{
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(reply);
    struct link *link = data;

    *link =
        (struct link){.index = info->ifi_index, .type = info->ifi_type, .flags = info->ifi_flags};
    mnl_attr_parse(reply, sizeof(*info), read_attribute, link);
    return MNL_CB_OK;
}

static int read_attribute(const struct nlattr *attribute, void *data)
{
    struct link *link = data;

    switch (mnl_attr_get_type(attribute)) {
    case IFLA_IFNAME:
        strncpy(link->name, mnl_attr_get_str(attribute), IFNAMSIZ - 1);
        break;
    case IFLA_ADDRESS:
        if (mnl_attr_get_payload_len(attribute) == MAC_BYTES)
            memcpy(link->mac, mnl_attr_get_payload(attribute), MAC_BYTES);
        break;
    case IFLA_MTU:
        link->mtu = mnl_attr_get_u32(attribute);
        break;
    case IFLA_MASTER:
        link->master = (int)mnl_attr_get_u32(attribute);
        break;
    }
    return MNL_CB_OK;
}
