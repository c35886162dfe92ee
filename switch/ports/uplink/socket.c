/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/uplink/socket.h"

#include "ports/uplink/bpf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <unistd.h>

enum {
    /* room for the GSO frames that arrive while the switch is not running */
    BUFFER_BYTES = 8 * 1024 * 1024,
};

static int packet_set_up(int fd, int index, bool outgoing);
static int packet_set_option(int fd, int level, int option, int value);
static void packet_prepare(struct packet_vector *vector, struct worker *worker);
static void packet_read_control(struct packet_vector *vector, unsigned i, struct frame *frame,
                                unsigned *missed);
static void packet_restore_tag(struct frame *frame, const struct tpacket_auxdata *auxdata);
static void packet_put_tag(struct frame *frame, uint16_t type, uint16_t tci);
static bool packet_fits(const struct tx_desc *desc, unsigned mtu);

int packet_socket(int index, bool outgoing)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int status;

    if (fd < 0)
        return -errno;
    status = packet_set_up(fd, index, outgoing);
    if (status < 0) {
        close(fd);
        return status;
    }
    return fd;
}

bool packet_socket_is_bound(int fd, int index)
{
    struct sockaddr_ll address = {.sll_ifindex = 0};
    socklen_t length = sizeof(address);

    return getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
           address.sll_ifindex == index;
}

int packet_socket_read(int fd, struct packet_vector *vector, struct worker *worker,
                       struct batch *batch, unsigned *missed)
{
    uint64_t bytes = 0;
    int received;
    unsigned count = 0;

    *missed = 0;
    packet_prepare(vector, worker);
    received = recvmmsg(fd, vector->message, vector->room, MSG_DONTWAIT | MSG_TRUNC, NULL);
    if (received < 0) {
        /* EINVAL: a frame that virtio_net_hdr cannot describe, which has been discarded. ENETDOWN
         * is not fatal: the interface may be set up again, and netlink reports its removal. */
        *missed = errno == EINVAL;
        return errno == EAGAIN || errno == EINTR || errno == EINVAL || errno == ENETDOWN ? 0
                                                                                         : -errno;
    }
    for (unsigned i = 0; i < (unsigned)received; i++) {
        uint32_t length = vector->message[i].msg_len;

        bytes += length;
        if (length < sizeof(vector->header[i]))
            continue;
        frame_init(&batch->frame[count], vector->iov[i][1].iov_base,
                   length - (uint32_t)sizeof(vector->header[i]));
        vnet_read(&vector->header[i], &batch->frame[count].offload);
        packet_read_control(vector, i, &batch->frame[count++], missed);
    }
    if (bytes > BATCH_BYTES && vector->room > 4)
        vector->room /= 2;
    else if (bytes <= BATCH_BYTES && vector->room < BATCH_FRAMES)
        vector->room *= 2;
    return (int)count;
}

int packet_socket_write(int fd, const struct tx_desc *descs, unsigned count, unsigned mtu)
{
    struct mmsghdr message[BATCH_FRAMES];
    struct vnet_desc made[BATCH_FRAMES];
    unsigned fitting = 0;
    int sent;

    for (; fitting < count && packet_fits(&descs[fitting], mtu); fitting++) {
        vnet_make(&made[fitting], &descs[fitting]);
        message[fitting].msg_hdr = (struct msghdr){
            .msg_iov = made[fitting].iov,
            .msg_iovlen = made[fitting].iov_count,
        };
    }
    if (fitting == 0)
        return -EMSGSIZE;
    sent = sendmmsg(fd, message, fitting, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent > 0 ? sent : -errno;
}

static int packet_set_up(int fd, int index, bool outgoing)
{
    const struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};
    const struct packet_mreq promiscuous = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
    int status = outgoing ? bpf_pass_none(fd) : bpf_pass_wire(fd);

    if (status == 0)
        status = packet_set_option(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
    if (status == 0)
        status = packet_set_option(fd, SOL_PACKET, PACKET_AUXDATA, 1);
    if (status == 0)
        status = packet_set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    if (status < 0)
        return status;
    if (!outgoing)
        packet_set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1); /* saves running the filter */
    if (packet_set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES) < 0)
        packet_set_option(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
    if (packet_set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES) < 0)
        packet_set_option(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)) < 0)
        return -errno;
    return 0;
}

static int packet_set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* The iovecs are set up for every batch because the kernel writes to the message headers. Each
 * frame has room for a tag in front of it: see packet_put_tag(). */
static void packet_prepare(struct packet_vector *vector, struct worker *worker)
{
    if (vector->room == 0)
        vector->room = BATCH_FRAMES;
    for (unsigned i = 0; i < vector->room; i++) {
        vector->iov[i][0] = (struct iovec){&vector->header[i], sizeof(vector->header[i])};
        vector->iov[i][1] = (struct iovec){worker->buffer[i] + TAG_BYTES, BATCH_BUFFER - TAG_BYTES};
        vector->message[i].msg_hdr = (struct msghdr){
            .msg_iov = vector->iov[i],
            .msg_iovlen = 2,
            .msg_control = vector->control[i],
            .msg_controllen = sizeof(vector->control[i]),
        };
    }
}

/* Reads the control messages of message I: its VLAN tag, and the number of frames dropped so
 * far. */
static void packet_read_control(struct packet_vector *vector, unsigned i, struct frame *frame,
                                unsigned *missed)
{
    struct msghdr *header = &vector->message[i].msg_hdr;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
            struct tpacket_auxdata auxdata;

            memcpy(&auxdata, CMSG_DATA(c), sizeof(auxdata));
            if (auxdata.tp_status & TP_STATUS_VLAN_VALID)
                packet_restore_tag(frame, &auxdata);
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            uint32_t total;

            memcpy(&total, CMSG_DATA(c), sizeof(total));
            *missed += total - vector->missed;
            vector->missed = total;
        }
    }
}

static void packet_restore_tag(struct frame *frame, const struct tpacket_auxdata *auxdata)
{
    bool has_type = auxdata->tp_status & TP_STATUS_VLAN_TPID_VALID;

    if (has_type && auxdata->tp_vlan_tpid != ETHERTYPE_CTAG)
        packet_put_tag(frame, auxdata->tp_vlan_tpid, auxdata->tp_vlan_tci);
    else
        frame->stripped_tag = auxdata->tp_vlan_tci;
}

/* Puts a tag that is not 802.1Q's back into the frame: to the switch it is payload. */
static void packet_put_tag(struct frame *frame, uint16_t type, uint16_t tci)
{
    uint8_t *bytes = (uint8_t *)(uintptr_t)frame->bytes - TAG_BYTES;

    if (frame->length < FRAME_HEADER)
        return;
    memmove(bytes, frame->bytes, FRAME_ADDRESSES);
    bytes[FRAME_ADDRESSES] = (uint8_t)(type >> 8);
    bytes[FRAME_ADDRESSES + 1] = (uint8_t)type;
    bytes[FRAME_ADDRESSES + 2] = (uint8_t)(tci >> 8);
    bytes[FRAME_ADDRESSES + 3] = (uint8_t)tci;
    frame->bytes = bytes;
    frame->length += TAG_BYTES;
    if (frame->offload.needs_csum)
        frame->offload.csum_start += TAG_BYTES;
}

/* The kernel checks the length of frames without GSO only. */
static bool packet_fits(const struct tx_desc *desc, unsigned mtu)
{
    return desc->wire_length <= mtu + FRAME_HEADER + (desc->tci != TAG_NONE ? TAG_BYTES : 0);
}
