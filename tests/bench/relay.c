/*
 * relay.c - the lower bound of cost: frames in, frames out, and no switching in between
 *
 *   relay -s DIR
 *
 * Most of the cost of a VDE switch is that of the kernel's datagram sockets. This
 * program shows how much that is on this machine: it reads and writes as economically
 * as a switch can, 64 frames per system call, and knows where a frame goes because it
 * knows the addresses that load.c uses. It learns, checks, counts and queues nothing.
 *
 * It loses nothing either. Dropping a frame is cheap, so a relay that dropped frames
 * would set the bound too low; when a receiver's socket is full, all wait for that
 * receiver. A client that never reads therefore blocks the relay, except for signals.
 *
 * It ends when stdin does, or by SIGTERM or SIGINT, and removes its files.
 */
#define _GNU_SOURCE
#include "load.h"
#include "vde.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PORTS       256 /* as many as the last byte of an address tells apart */
#define BATCH       64
#define EVENTS      64
#define SEND_BUFFER (1024 * 1024)
#define EVERYBODY   (-1)
/* An odd number of cache lines, so that headers spread. */
#define FRAME_ROOM (CLIENT_FRAME_MAX + 64)

/* What epoll says about an event: the number of a port, whose frames wait, or one of these. */
enum {
    EVENT_CTL = PORTS, /* plus the number of the port: its client has hung up */
    EVENT_LISTENER = 2 * PORTS,
    EVENT_STDIN,
};

/* Clients are numbered in the order in which they connect, as are load.c's receivers. */
struct port {
    int ctl, data; /* our ends; data is -1 when the port is free */
    struct sockaddr_un address;
};

struct batch {
    struct mmsghdr in[BATCH], out[BATCH];
    struct iovec in_iov[BATCH], out_iov[BATCH];
    unsigned char frames[BATCH][FRAME_ROOM];
};

static int listen_in(const char *dir);
static void admit(int listener);
static int plug(int ctl, const struct sockaddr_un *theirs);
static int open_data(struct port *port, int number, const struct sockaddr_un *theirs);
static void unplug(struct port *port);
static _Noreturn void run(int listener);
static void handle(int event, int listener);
static void relay_from(int from);
static void pass_on(int from, int to, struct mmsghdr *messages, int n);
static void send_all(int fd, struct mmsghdr *messages, int n);
static int destination(const unsigned char *frame);
static void prepare(void);
static int watch(int fd, int event);
static bool ended(int fd);
static void on_signal(int number);
static _Noreturn void end(void);

/* Static, because the signal handler has to find what there is to remove. */
static struct port ports[PORTS];
static int ports_end; /* the ports from here on are free */
static struct sockaddr_un ctl_address = {.sun_family = AF_UNIX};
static const char *directory;
static struct batch batch;
static int epoll;

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = on_signal};
    int listener;

    if (argc != 3 || strcmp(argv[1], "-s") != 0) {
        fputs("usage: relay -s DIR\n", stderr);
        return 2;
    }
    prepare();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    listener = epoll < 0 ? -errno : listen_in(argv[2]);
    if (listener < 0) {
        fprintf(stderr, "relay: %s: %s\n", argv[2], strerror(-listener));
        return 1;
    }
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    watch(listener, EVENT_LISTENER);
    watch(STDIN_FILENO,
          EVENT_STDIN); /* refused for /dev/null and files, which are no controlling stdin */
    run(listener);
}

/* ---- clients ---- */

static int listen_in(const char *dir)
{
    int fd, rc;

    if (snprintf(ctl_address.sun_path, sizeof(ctl_address.sun_path), "%s/ctl", dir) >=
        (int)sizeof(ctl_address.sun_path))
        return -ENAMETOOLONG;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return -errno;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&ctl_address, sizeof(ctl_address)) < 0 || listen(fd, 64) < 0) {
        rc = -errno;
        close(fd);
        return rc;
    }
    directory = dir;
    return fd;
}

/* Blocks while a client sends its request: that is simple, and nothing is measured yet. */
static void admit(int listener)
{
    const struct timeval patience = {.tv_sec = 1};
    struct vde_request request;
    struct sockaddr_un theirs;
    int ctl = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (ctl < 0)
        return;
    setsockopt(ctl, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (recv(ctl, &request, VDE_REQUEST_FIXED, MSG_WAITALL) == VDE_REQUEST_FIXED &&
        request.magic == VDE_REQUEST_MAGIC && request.version == 3) {
        theirs = request.address;
        if (plug(ctl, &theirs) == 0)
            return;
    }
    close(ctl);
}

static int plug(int ctl, const struct sockaddr_un *theirs)
{
    struct port *port;
    int number = 0;

    while (number < PORTS && ports[number].data >= 0)
        number++;
    if (number == PORTS)
        return -ENOSPC;
    port = &ports[number];
    port->data = open_data(port, number, theirs);
    if (port->data < 0)
        return -ECONNREFUSED;
    if (watch(port->data, number) < 0 || watch(ctl, EVENT_CTL + number) < 0 ||
        send(ctl, &port->address, sizeof(port->address), MSG_NOSIGNAL) < 0) {
        unplug(port);
        return -ECONNREFUSED;
    }
    port->ctl = ctl;
    if (number >= ports_end)
        ports_end = number + 1;
    return 0;
}

/* Connects before the reply is sent, since the client may unlink its socket once it has the
 * reply. */
static int open_data(struct port *port, int number, const struct sockaddr_un *theirs)
{
    const int size = SEND_BUFFER;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    port->address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (snprintf(port->address.sun_path, sizeof(port->address.sun_path), "%s/%03d.%d", directory,
                 number + 1, fd) < (int)sizeof(port->address.sun_path) &&
        connect(fd, (const struct sockaddr *)theirs, sizeof(*theirs)) == 0 &&
        bind(fd, (struct sockaddr *)&port->address, sizeof(port->address)) == 0)
        return fd;
    port->address.sun_path[0] = '\0';
    close(fd);
    return -1;
}

static void unplug(struct port *port)
{
    unlink(port->address.sun_path);
    port->address.sun_path[0] = '\0';
    close(port->data);
    if (port->ctl >= 0)
        close(port->ctl);
    port->data = port->ctl = -1;
}

/* ---- frames ---- */

static _Noreturn void run(int listener)
{
    struct epoll_event events[EVENTS];

    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < n; i++)
            handle((int)events[i].data.u32, listener);
    }
}

static void handle(int event, int listener)
{
    if (event < EVENT_CTL)
        relay_from(event);
    else if (event == EVENT_LISTENER)
        admit(listener);
    else if (event == EVENT_STDIN && ended(STDIN_FILENO))
        end();
    else if (event < EVENT_LISTENER && ended(ports[event - EVENT_CTL].ctl))
        unplug(&ports[event - EVENT_CTL]);
}

/* In the bench all frames of a batch have one destination, so this is one sendmmsg() a receiver. */
static void relay_from(int from)
{
    int n = recvmmsg(ports[from].data, batch.in, BATCH, 0, NULL);

    for (int first = 0, next; first < n; first = next) {
        int to = destination(batch.frames[first]);

        for (next = first; next < n && destination(batch.frames[next]) == to; next++)
            batch.out_iov[next].iov_len = batch.in[next].msg_len;
        pass_on(from, to, batch.out + first, next - first);
    }
}

static void pass_on(int from, int to, struct mmsghdr *messages, int n)
{
    if (to != EVERYBODY && ports[to].data >= 0) {
        send_all(ports[to].data, messages, n);
        return;
    }
    for (int i = 0; i < ports_end; i++)
        if (i != from && ports[i].data >= 0)
            send_all(ports[i].data, messages, n);
}

static void send_all(int fd, struct mmsghdr *messages, int n)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};

    for (;;) {
        int sent = sendmmsg(fd, messages, (unsigned)n, MSG_NOSIGNAL);

        if (sent == n || (sent < 0 && errno != EAGAIN))
            return; /* sent; or the receiver is gone, which its ctl will report */
        if (sent > 0) {
            messages += sent;
            n -= sent;
        }
        poll(&room, 1, -1);
    }
}

static int destination(const unsigned char *frame)
{
    static const unsigned char receiver[] = {LOAD_RECEIVER_MAC};

    return memcmp(frame, receiver, sizeof(receiver)) == 0 ? frame[sizeof(receiver)] : EVERYBODY;
}

/* ---- small things ---- */

static void prepare(void)
{
    for (int i = 0; i < BATCH; i++) {
        batch.in_iov[i] = (struct iovec){batch.frames[i], FRAME_ROOM};
        batch.in[i].msg_hdr = (struct msghdr){.msg_iov = &batch.in_iov[i], .msg_iovlen = 1};
        batch.out_iov[i] = (struct iovec){batch.frames[i], 0};
        batch.out[i].msg_hdr = (struct msghdr){.msg_iov = &batch.out_iov[i], .msg_iovlen = 1};
    }
    for (int i = 0; i < PORTS; i++)
        ports[i].data = ports[i].ctl = -1;
}

static int watch(int fd, int event)
{
    struct epoll_event about = {.events = EPOLLIN, .data.u32 = (uint32_t)event};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &about);
}

/* Data on ctl after the request, and on stdin, is ignored; only the end counts. */
static bool ended(int fd)
{
    char ignored[256];

    return read(fd, ignored, sizeof(ignored)) <= 0;
}

/* May run at any time, also while waiting for a full socket; calls async-signal-safe functions
 * only (signal-safety(7)). */
static void on_signal(int number)
{
    (void)number;
    end();
}

static _Noreturn void end(void)
{
    for (int i = 0; i < PORTS; i++)
        if (ports[i].address.sun_path[0] != '\0')
            unlink(ports[i].address.sun_path);
    unlink(ctl_address.sun_path);
    rmdir(directory);
    _exit(0);
}
