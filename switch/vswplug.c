/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vswplug.c - the far half of a plug: libvdeplug, in a process of its own
 *
 * libvdeplug may block for ever where it connects, starts threads and programs, and loads code as it is asked to. None of
 * that belongs into the process that switches, so the switch starts one of these for each plug (ports/plug/helper.c):
 *
 *     vswplug FRAMES STATUS DESCRIPTION VNL
 *
 * FRAMES is a socket on which a message is a frame. On STATUS, a pipe, it says how it goes, a line each: "module" (what
 * the VNL needs is installed) or "fatal WHY"; then "up" or "error WHY"; from then on "refused N", of how many frames the far
 * side would have nothing, which includes those that were still here when it went; last, "end WHY". It ends when the far
 * side hangs up or the switch does, and everything that it has started ends with it, unless that has left its session.
 */
#include "core/frame.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libvdeplug.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH = 32, /* frames that one wake carries each way */
    /* one byte more than a frame, by which the switch sees what is too long; whole cache lines */
    BUFFER = (FRAME_MAX / 64 + 1) * 64,
    SEND_BUFFER = 1024 * 1024, /* the kernel may grant less */
    SCHEME_MAX = 64,
    MESSAGE = 400,
    GRACE = 1,         /* second to clean up in */
    PATIENCE_MS = 100, /* from the first frame that is refused to its report */
};

struct frames {
    unsigned count, sent;
    struct mmsghdr message[BATCH];
    struct iovec iov[BATCH];
    uint8_t buffer[BATCH][BUFFER];
};

struct plug {
    int frames; /* the switch */
    int status;
    VDECONN *far;
    int data, ctl;         /* the far side's, for poll(); -1 if it has none */
    bool may_wait;         /* vde_recv() waits when there is nothing */
    bool datagrams;        /* an empty one, or an error, is not the end */
    bool threaded;         /* a thread of its own sends to the far side */
    int wake;              /* by which that thread says that something was refused; else -1 */
    atomic_uint refused;   /* by the far side, or left over, and not reported yet */
    int64_t due;           /* ms: when they are to be reported; 0 if there were none */
    struct frames in, out; /* from the switch, and to it */
};

static struct plug plug;

/* Held while plug.in changes: frames come from the switch into our hands, or leave them for the far side or plug.refused. */
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;
static volatile sig_atomic_t told_to_end;

static void live_with_the_switch(void);
static void on_term(int number);
static void on_late(int number);
static void on_pipe(int number);
static void check_module(const char *vnl);
static bool find_module(const char *scheme, char why[MESSAGE]);
static bool load_from(const char *dirs, const char *below, const char *scheme, char why[MESSAGE]);
static bool load(const char *path, char why[MESSAGE]);
static bool is_among(const char *scheme, const char *const *schemes);
static void connect_far_side(char *vnl, char *description);
static void look_at_data(void);
static void prepare(struct frames *frames);
static const char *carry(void);
static int report_refused(void);
static const char *take_from_far_side(void);
static bool more_from_far_side(void);
static const char *give_to_switch(void);
static const char *take_from_switch(int flags);
static int receive(struct frames *in, int flags);
static void *keep_taking(void *unused);
static void count_left_over(void);
static void give_to_far_side(void);
static void report(const char *format, ...) __attribute__((format(printf, 1, 2)));
static _Noreturn void end(void);

int main(int argc, char *argv[])
{
    const char *why;

    if (argc != 5) {
        fprintf(stderr, "usage: vswplug FRAMES STATUS DESCRIPTION VNL\n"
                        "vswitchd starts it for each of its plugs: vswitchd --port plug,vnl=VNL\n");
        return EXIT_FAILURE;
    }
    plug.frames = atoi(argv[1]);
    plug.status = atoi(argv[2]);
    live_with_the_switch();
    check_module(argv[4]);
    connect_far_side(argv[4], argv[3]);
    report("up");
    why = carry();
    count_left_over();
    if (plug.refused > 0)
        report("refused %u", plug.refused);
    report("end %s", why);
    end();
}

/* Whatever hangs: who is told to end does so, with all that was started here. */
static void live_with_the_switch(void)
{
    struct pollfd frames = {.fd = plug.frames};

    fcntl(plug.frames, F_SETFD, FD_CLOEXEC);
    fcntl(plug.status, F_SETFD, FD_CLOEXEC);
    setsid();
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_term}, NULL);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_late}, NULL);
    /* Not ignored: programs that are started here would inherit that. */
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = on_pipe, .sa_flags = SA_RESTART}, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (poll(&frames, 1, 0) == 1) /* it died before */
        end();
}

static void on_term(int number)
{
    (void)number;
    told_to_end = 1;
    alarm(GRACE);
}

static void on_late(int number)
{
    (void)number;
    kill(0, SIGKILL);
}

static void on_pipe(int number)
{
    (void)number;
}

/* The answer shall come before anything is connected. */
static void check_module(const char *vnl)
{
    static const char *const packaged[] = {"slirp", "pcap", "agno", "vlan", "vdesl", NULL};
    static const char *const common[] = {"vde",   "ptp",     "tap",       "udp",  "vxvde",
                                         "vxlan", "cmd",     "hub",       "null", "switch",
                                         "multi", "bonding", "seqpacket", NULL};
    const char *tag = strstr(vnl, "://");
    char scheme[SCHEME_MAX] = "vde", why[MESSAGE] = "";

    if (tag)
        snprintf(scheme, sizeof(scheme), "%.*s", (int)(tag - vnl), vnl);
    if (find_module(scheme, why)) {
        report("module");
        return;
    }
    if (*why)
        report("fatal libvdeplug's module for %s:// cannot be loaded: %s", scheme, why);
    else if (is_among(scheme, packaged))
        report("fatal libvdeplug's module for %s:// is not installed: apt install libvdeplug-%s",
               scheme, scheme);
    else if (is_among(scheme, common))
        report(
            "fatal libvdeplug's module for %s:// is missing: apt install --reinstall libvdeplug2",
            scheme);
    else
        report("fatal libvdeplug has no module for %s://; vde, slirp, vxvde, vxlan, udp, tap, cmd "
               "and ptp are some that it has",
               scheme);
    end();
}

/* Looks where libvdeplug is going to look. WHY says why a module that is there is of no use. */
static bool find_module(const char *scheme, char why[MESSAGE])
{
    const char *own = getenv("VDEPLUGIN_PATH");
    void *library = dlsym(RTLD_DEFAULT, "vde_open_real");
    char here[PATH_MAX] = "";
    Dl_info info;

    if (own)
        return load_from(own, "/", scheme, why);
    if (library && dladdr(library, &info) && strrchr(info.dli_fname, '/'))
        snprintf(here, sizeof(here), "%.*s", (int)(strrchr(info.dli_fname, '/') - info.dli_fname),
                 info.dli_fname);
    return load_from(here, "/vdeplug/", scheme, why) || load_from(here, "/", scheme, why) ||
           load_from(getenv("LD_LIBRARY_PATH"), "/vdeplug/", scheme, why) ||
           load_from("/lib:/usr/lib", "/vdeplug/", scheme, why) ||
           load_from(":", "", scheme, why); /* where any library is found */
}

static bool load_from(const char *dirs, const char *below, const char *scheme, char why[MESSAGE])
{
    char path[PATH_MAX];

    while (dirs && *dirs) {
        int length = (int)strcspn(dirs, ":");

        snprintf(path, sizeof(path), "%.*s%slibvdeplug_%s.so", length, dirs, below, scheme);
        if (load(path, why))
            return true;
        dirs += length + (dirs[length] == ':');
    }
    return false;
}

static bool load(const char *path, char why[MESSAGE])
{
    void *module = dlopen(path, RTLD_NOW);

    if (module)
        dlclose(module);
    else if (access(path, F_OK) == 0)
        snprintf(why, MESSAGE, "%s", dlerror());
    return module;
}

static bool is_among(const char *scheme, const char *const *schemes)
{
    while (*schemes && strcmp(scheme, *schemes))
        schemes++;
    return *schemes;
}

static void connect_far_side(char *vnl, char *description)
{
    int size = SEND_BUFFER;

    errno = 0;
    plug.far = vde_open(vnl, description, NULL);
    if (!plug.far) {
        report("error %s", errno ? strerror(errno) : "it refuses, or its address is not valid");
        end();
    }
    plug.data = vde_datafd(plug.far);
    plug.ctl = vde_ctlfd(plug.far);
    setsockopt(plug.frames, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    setsockopt(plug.data, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    prepare(&plug.in);
    prepare(&plug.out);
    look_at_data();
}

/* What a module's descriptor is tells how the module behaves. */
static void look_at_data(void)
{
    struct stat info = {0};
    int type = 0;
    socklen_t size = sizeof(type);
    pthread_t thread;

    fstat(plug.data, &info);
    getsockopt(plug.data, SOL_SOCKET, SO_TYPE, &type, &size);
    plug.datagrams = type == SOCK_DGRAM;
    /* Of others, epoll's for one, we do not know what is behind them. */
    plug.may_wait = !S_ISFIFO(info.st_mode) && !S_ISSOCK(info.st_mode) && !S_ISCHR(info.st_mode);
    if (!plug.may_wait)
        fcntl(plug.data, F_SETFL, fcntl(plug.data, F_GETFL) | O_NONBLOCK);
    /* A program behind two pipes may write before it reads on, and we are given one of them alone. */
    plug.wake = S_ISFIFO(info.st_mode) ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
    plug.threaded = plug.wake >= 0 && pthread_create(&thread, NULL, keep_taking, NULL) == 0;
}

static void prepare(struct frames *frames)
{
    for (unsigned i = 0; i < BATCH; i++) {
        frames->iov[i] = (struct iovec){frames->buffer[i], BUFFER};
        frames->message[i].msg_hdr = (struct msghdr){.msg_iov = &frames->iov[i], .msg_iovlen = 1};
    }
}

/* Neither side keeps us from the other: what the far side does not take now waits, and the switch takes everything.
 * Return: why it is over. */
static const char *carry(void)
{
    const char *over = NULL;

    while (!over && !told_to_end) {
        bool waiting = !plug.threaded && plug.in.sent < plug.in.count;
        struct pollfd side[] = {
            {.fd = plug.frames, .events = waiting || plug.threaded ? 0 : POLLIN},
            {.fd = plug.data, .events = waiting ? POLLIN | POLLOUT : POLLIN},
            {.fd = plug.ctl, .events = POLLIN},
            {.fd = plug.wake, .events = POLLIN},
        };
        eventfd_t ignored;

        if (poll(side, 4, report_refused()) < 0)
            continue;
        if (side[3].revents)
            eventfd_read(plug.wake, &ignored);
        if (side[0].revents & ~POLLIN)
            over = "the switch hung up";
        else if (side[2].revents || side[1].revents == POLLHUP)
            over = "the far side hung up";
        if (!over && side[1].revents & ~POLLOUT)
            over = take_from_far_side();
        if (!over && waiting)
            give_to_far_side();
        else if (!over && side[0].revents)
            over = take_from_switch(MSG_DONTWAIT);
    }
    return over ? over : "it was told to end";
}

/* Not each by itself, which would cost more than the frame. Return: milliseconds until it is due again, -1 for never. */
static int report_refused(void)
{
    struct timespec now;
    int64_t ms;

    if (plug.refused == 0)
        return -1;
    clock_gettime(CLOCK_MONOTONIC, &now);
    ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (plug.due == 0)
        plug.due = ms + PATIENCE_MS;
    if (ms < plug.due)
        return (int)(plug.due - ms);
    plug.due = 0;
    report("refused %u", atomic_exchange(&plug.refused, 0));
    return -1;
}

/* Return: NULL, or why it is over. */
static const char *take_from_far_side(void)
{
    struct frames *out = &plug.out;
    ssize_t length = 0;

    out->count = 0;
    for (unsigned tries = 0; tries < BATCH && (tries == 0 || more_from_far_side()); tries++) {
        length = vde_recv(plug.far, out->buffer[out->count], FRAME_MAX + 1, 0);
        if (length < 0)
            break;
        if (length == 0 && !plug.datagrams && !plug.may_wait)
            return "the far side hung up";
        /* One byte is the modules' way to say that there was nothing for us. */
        if (length > 1)
            out->iov[out->count++].iov_len = (size_t)length;
    }
    if (length < 0 && !plug.datagrams && errno != EAGAIN && errno != EINTR)
        return strerror(errno);
    return give_to_switch();
}

static bool more_from_far_side(void)
{
    struct pollfd more = {.fd = plug.data, .events = POLLIN};

    return !plug.may_wait || poll(&more, 1, 0) == 1;
}

static const char *give_to_switch(void)
{
    struct frames *out = &plug.out;

    for (out->sent = 0; out->sent < out->count;) {
        int sent =
            sendmmsg(plug.frames, out->message + out->sent, out->count - out->sent, MSG_NOSIGNAL);

        if (sent < 0 && (errno != EINTR || told_to_end))
            return "the switch hung up";
        out->sent += sent > 0 ? (unsigned)sent : 0;
    }
    return NULL;
}

static const char *take_from_switch(int flags)
{
    struct frames *in = &plug.in;
    int count;

    pthread_mutex_lock(&counting);
    count = receive(in, flags);
    in->count = count > 0 ? (unsigned)count : 0;
    in->sent = 0;
    pthread_mutex_unlock(&counting);
    if (count < 0)
        return errno == EAGAIN || errno == EINTR ? NULL : strerror(errno);
    if (count == 0)
        return "the switch hung up";
    give_to_far_side();
    return NULL;
}

/* Return: how many frames; 0 at the end, which shows as messages of no bytes, behind frames perhaps; or -1 with errno. */
static int receive(struct frames *in, int flags)
{
    int got = recvmmsg(plug.frames, in->message, BATCH, flags, NULL), count = 0;

    while (count < got && in->message[count].msg_len > 0)
        count++;
    return got < 0 ? -1 : count;
}

static void *keep_taking(void *unused)
{
    while (!take_from_switch(MSG_WAITFORONE))
        ;
    return unused;
}

/* What has come so far, and nobody will take any more: in our hands, and in the socket. The switch can send no more, so that
 * it counts what follows itself. */
static void count_left_over(void)
{
    int count;

    shutdown(plug.frames, SHUT_RD);
    pthread_mutex_lock(&counting); /* for good */
    while ((count = receive(&plug.out, MSG_DONTWAIT)) > 0)
        plug.refused += (unsigned)count;
    plug.refused += plug.in.count - plug.in.sent;
}

/* What the far side refuses is lost, and counted; what it does not take now stays. */
static void give_to_far_side(void)
{
    struct frames *in = &plug.in;

    while (in->sent < in->count) {
        ssize_t sent = vde_send(plug.far, in->buffer[in->sent], in->message[in->sent].msg_len, 0);

        if (sent < 0 && errno == EAGAIN && !plug.may_wait)
            return;
        pthread_mutex_lock(&counting);
        in->sent++;
        if (sent < 0 && plug.refused++ == 0 && plug.threaded)
            eventfd_write(plug.wake, 1);
        pthread_mutex_unlock(&counting);
    }
}

/* A line for the switch. */
static void report(const char *format, ...)
{
    char line[MESSAGE + 128];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line) - 1, format, arguments);
    va_end(arguments);
    if ((size_t)length >= sizeof(line) - 1)
        length = sizeof(line) - 2;
    for (int i = 0; i < length; i++)
        line[i] = line[i] == '\n' ? ' ' : line[i];
    line[length] = '\n';
    (void)!write(plug.status, line, (size_t)length + 1);
}

/* A module cleans up where it can (the file of a socket, for one); then all that was started here ends. */
static void end(void)
{
    alarm(GRACE);
    if (plug.far && !plug.threaded)
        vde_close(plug.far);
    kill(0, SIGKILL);
    _exit(EXIT_SUCCESS);
}
