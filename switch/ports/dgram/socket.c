/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * socket.c - opens the sockets of a dgram port
 *
 * A group has two. The receiving socket is bound to the group's address and port, as every member's
 * is. Frames sent from it would come from that port, too, and could not be told from those of other
 * members on this host, so they are sent from a second socket with a port of its own. The kernel
 * delivers a member's datagrams to all members on the host, including the sender; a filter drops
 * our own before they take up space in the receive buffer.
 */
#include "ports/dgram/socket.h"

#include "ports/listen/inherited.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <unistd.h>

/* The kernel may grant less. What does not fit while the switch is busy is lost. */
enum { RECEIVE_BUFFER = 4 * 1024 * 1024 };

static int open_udp(struct dgram_socket *sock, const struct dgram_spec *spec, struct error *err);
static bool is_peer_of_itself(const struct dgram_spec *spec);
static int open_unix(struct dgram_socket *sock, const struct dgram_spec *spec,
                     const struct switch_dir *dir, struct error *err);
static int open_group(struct dgram_socket *sock, struct dgram_spec *spec, struct error *err);
static int join_group(int fd, const struct dgram_spec *spec, struct error *err);
static int connect_group(int fd, struct dgram_spec *spec, struct error *err);
static int filter_out(int fd, const struct sockaddr_in *source);
static int take_inherited(struct dgram_socket *sock, struct dgram_spec *spec, struct error *err);
static int new_socket(int family);

int dgram_socket_open(struct dgram_socket *sock, struct dgram_spec *spec,
                      const struct switch_dir *dir, struct error *err)
{
    int size = RECEIVE_BUFFER, status = 0;

    *sock = (struct dgram_socket){.in = -1, .out = -1};
    if (spec->kind != DGRAM_FD)
        sock->in = sock->out = new_socket(spec->remote.any.sa_family);
    if (spec->kind == DGRAM_GROUP)
        sock->out = new_socket(AF_INET);
    if (spec->kind != DGRAM_FD && (sock->in < 0 || sock->out < 0))
        status = error_set(err, errno, "cannot make a socket: %s", strerror(errno));
    else if (spec->kind == DGRAM_UDP)
        status = open_udp(sock, spec, err);
    else if (spec->kind == DGRAM_UNIX)
        status = open_unix(sock, spec, dir, err);
    else if (spec->kind == DGRAM_GROUP)
        status = open_group(sock, spec, err);
    else
        status = take_inherited(sock, spec, err);
    if (status < 0) {
        dgram_socket_close(sock);
        return status;
    }
    setsockopt(sock->in, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    dgram_socket_missed(sock);
    return 0;
}

void dgram_socket_close(struct dgram_socket *sock)
{
    if (sock->in >= 0)
        close(sock->in);
    if (sock->out >= 0 && sock->out != sock->in)
        close(sock->out);
    socket_file_remove(&sock->file);
}

unsigned dgram_socket_missed(struct dgram_socket *sock)
{
    uint32_t memory[SK_MEMINFO_VARS], before = sock->missed;
    socklen_t size = sizeof(memory);

    if (getsockopt(sock->in, SOL_SOCKET, SO_MEMINFO, memory, &size) < 0 || size < sizeof(memory))
        return 0;
    sock->missed = memory[SK_MEMINFO_DROPS];
    return sock->missed - before;
}

bool dgram_socket_empty(const struct dgram_socket *sock)
{
    char byte;

    return recv(sock->in, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* Left unconnected so that unexpected senders are counted and ICMP errors ignored. No SO_REUSEADDR:
 * no other program may bind this address. */
static int open_udp(struct dgram_socket *sock, const struct dgram_spec *spec, struct error *err)
{
    char shown[ADDRESS_TEXT];

    if (bind(sock->in, &spec->local.any, spec->local.length) < 0)
        return error_set(err, errno, "cannot use local=%s: %s", address_text(&spec->local, shown),
                         errno == EADDRINUSE ? "another program has that port, or another switch"
                         : errno == EADDRNOTAVAIL ? "no interface here has that address"
                                                  : strerror(errno));
    if (is_peer_of_itself(spec))
        return error_set(err, ELOOP,
                         "remote=%s is this socket itself: frames would come back by it",
                         address_text(&spec->remote, shown));
    return 0;
}

/* A wildcard socket has each address of this host. Checks whether remote= is one that our own
 * frames would be sent from. */
static bool is_peer_of_itself(const struct dgram_spec *spec)
{
    struct address from = {.length = 0};
    /* sin6_port is at the same offset. */
    in_port_t *port = &((struct sockaddr_in *)(void *)&from.storage)->sin_port;
    int fd;

    if (!address_is_any(&spec->local))
        return false; /* dgram_spec_read() has checked that they differ */
    fd = new_socket(spec->remote.any.sa_family);
    if (connect(fd, &spec->remote.any, spec->remote.length) == 0)
        address_own(fd, &from);
    close(fd);
    *port = ((const struct sockaddr_in *)(const void *)&spec->local.storage)->sin_port;
    return address_equal(&from, &spec->remote);
}

static int open_unix(struct dgram_socket *sock, const struct dgram_spec *spec,
                     const struct switch_dir *dir, struct error *err)
{
    return socket_file_bind(&sock->file, sock->in, spec->local.local.sun_path, dir->mode,
                            dir->group, err);
}

/* The kernel's defaults are right: a TTL of 1, and delivery to members on this host
 * (IP_MULTICAST_LOOP). */
static int open_group(struct dgram_socket *sock, struct dgram_spec *spec, struct error *err)
{
    int status = connect_group(sock->out, spec, err);

    if (status == 0 && filter_out(sock->in, (const void *)&spec->local.storage) < 0)
        status = error_set(err, errno, "cannot filter a socket: %s", strerror(errno));
    return status < 0 ? status : join_group(sock->in, spec, err);
}

static int join_group(int fd, const struct dgram_spec *spec, struct error *err)
{
    const struct sockaddr_in *group = (const void *)&spec->remote.storage;
    const struct ip_mreq membership = {group->sin_addr, spec->interface};
    char shown[ADDRESS_TEXT];
    int yes = 1, no = 0;

    address_text(&spec->remote, shown);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    /* Otherwise groups joined by other sockets, on other interfaces, would be received as well:
     * ip(7). */
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &no, sizeof(no));
    if (bind(fd, &spec->remote.any, spec->remote.length) < 0)
        return error_set(err, errno, "cannot use mcast=%s: %s", shown,
                         errno == EADDRINUSE ? "another program has that port for itself"
                                             : strerror(errno));
    if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof(membership)) < 0)
        return error_set(err, errno, "cannot join mcast=%s: %s", shown, strerror(errno));
    return 0;
}

/* Connected, so that the source address stays the same even if routes change. */
static int connect_group(int fd, struct dgram_spec *spec, struct error *err)
{
    char shown[ADDRESS_TEXT], address[INET_ADDRSTRLEN];

    if (spec->interface.s_addr != htonl(INADDR_ANY) &&
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &spec->interface, sizeof(spec->interface)) < 0)
        return error_set(err, errno, "cannot use local=%s: no interface here has that address",
                         inet_ntop(AF_INET, &spec->interface, address, sizeof(address)));
    if (connect(fd, &spec->remote.any, spec->remote.length) < 0)
        return error_set(err, errno, "cannot reach mcast=%s: %s%s",
                         address_text(&spec->remote, shown), strerror(errno),
                         errno == ENETUNREACH
                             ? "; local= names the interface by its address, as 127.0.0.1"
                             : "");
    address_own(fd, &spec->local);
    return 0;
}

/* Drops datagrams from SOURCE. A UDP socket's filter sees the datagram from its UDP header. */
static int filter_out(int fd, const struct sockaddr_in *source)
{
    const uint32_t port = ntohs(source->sin_port), address = ntohl(source->sin_addr.s_addr);
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_NET_OFF + 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, address, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int take_inherited(struct dgram_socket *sock, struct dgram_spec *spec, struct error *err)
{
    int status = inherited_check(spec->fd, SOCK_DGRAM, NULL, err);

    if (status < 0)
        return status;
    inherited_take(spec->fd);
    sock->in = sock->out = spec->fd;
    address_peer(spec->fd, &spec->remote);
    address_own(spec->fd, &spec->local);
    return 0;
}

static int new_socket(int family)
{
    return socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}
