/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vswplug.c - the far half of a plug: libvdeplug in a process of its own
 *
 * libvdeplug may block forever while it connects, starts threads and programs, and loads shared
 * objects by name. None of that belongs in the process that switches, so the switch runs one
 * vswplug per plug (ports/plug/helper.c):
 *
 *     vswplug FRAMES STATUS DESCRIPTION VNL
 *
 * FRAMES is a message socket: one message, one frame. STATUS is a pipe for status lines: first
 * "module" (libvdeplug's module for the VNL is installed) or "fatal WHY"; then "up" or "error WHY";
 * from then on "refused N", the number of frames that the far side refused, including those still
 * in transit here when it went away; finally "end WHY". vswplug exits when the far side or the
 * switch hangs up, and kills all that libvdeplug's modules have started and that is still in its
 * process group.
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
    /* one byte more than the longest frame, so that the switch notices longer ones; whole cache
     * lines */
    BUFFER = (FRAME_MAX / 64 + 1) * 64,
    SEND_BUFFER = 1024 * 1024, /* requested; the kernel may grant less */
    SCHEME_MAX = 64,
    MESSAGE = 400,
    GRACE = 1,         /* seconds to clean up in */
    PATIENCE_MS = 100, /* from the first refused frame to its report */
};

struct frames {
    unsigned count, sent;
    struct mmsghdr message[BATCH];
    struct iovec iov[BATCH];
    uint8_t buffer[BATCH][BUFFER];
};

struct plug {
    int frames; /* socket to the switch */
    int status;
    VDECONN *far;
    int data, ctl;         /* the connection's descriptors, for poll(); -1 if it has none */
    bool may_wait;         /* vde_recv() blocks if there is nothing to read */
    bool datagrams;        /* an empty frame, or an error, does not mean the end */
    bool threaded;         /* a second thread sends to the far side */
    int wake;              /* eventfd by which that thread reports refused frames; else -1 */
    atomic_uint refused;   /* frames refused by the far side, or left over, and not reported yet */
    int64_t due;           /* when to report them, in ms; 0 if there are none */
    struct frames in, out; /* from the switch, and to it */
};

static struct plug plug;

/* Held while plug.in changes: when frames come in from the switch, and when they leave for the far
 * side or plug.refused. */
static pthread_mutex_t in_lock = PTHREAD_MUTEX_INITIALIZER;
static volatile sig_atomic_t terminating;

static void tie_life_to_switch(void);
static void on_term(int number);
static void on_late(int number);
static void on_pipe(int number);
static void check_module(const char *vnl);
static bool find_module(const char *scheme, char why[MESSAGE]);
static bool load_from(const char *dirs, const char *below, const char *scheme, char why[MESSAGE]);
static bool load(const char *path, char why[MESSAGE]);
static bool is_listed(const char *scheme, const char *const *schemes);
static void connect_far_side(char *vnl, char *description);
static void classify_data_fd(void);
static void prepare(struct frames *frames);
static const char *relay(void);
static int report_refused(void);
static const char *receive_from_far_side(void);
static bool more_from_far_side(void);
static const char *send_to_switch(void);
static const char *receive_from_switch(int flags);
static int receive(struct frames *in, int flags);
static void *send_thread(void *unused);
static void count_left_over(void);
static void send_to_far_side(void);
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
    tie_life_to_switch();
    check_module(argv[4]);
    connect_far_side(argv[4], argv[3]);
    report("up");
    why = relay();
    count_left_over();
    if (plug.refused > 0)
        report("refused %u", plug.refused);
    report("end %s", why);
    end();
}

/* Makes sure that this process ends, with all that it has started, when told to, even if libvdeplug
 * hangs. */
static void tie_life_to_switch(void)
{
    struct pollfd frames = {.fd = plug.frames};

    fcntl(plug.frames, F_SETFD, FD_CLOEXEC);
    fcntl(plug.status, F_SETFD, FD_CLOEXEC);
    setsid();
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_term}, NULL);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_late}, NULL);
    /* Not SIG_IGN, which programs that libvdeplug starts would inherit. */
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = on_pipe, .sa_flags = SA_RESTART}, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (poll(&frames, 1, 0) == 1) /* the switch died before prctl() */
        end();
}

static void on_term(int number)
{
    (void)number;
    terminating = 1;
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

/* Reported before anything is connected: the switch waits for it while it creates the port. */
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
    else if (is_listed(scheme, packaged))
        report("fatal libvdeplug's module for %s:// is not installed: apt install libvdeplug-%s",
               scheme, scheme);
    else if (is_listed(scheme, common))
        report(
            "fatal libvdeplug's module for %s:// is missing: apt install --reinstall libvdeplug2",
            scheme);
    else
        report("fatal libvdeplug has no module for %s://; vde, slirp, vxvde, vxlan, udp, tap, cmd "
               "and ptp are some that it has",
               scheme);
    end();
}

/* Searches where libvdeplug will search. WHY is set if a module exists but cannot be loaded. */
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
           load_from(":", "", scheme, why); /* dlopen()'s own search path */
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

static bool is_listed(const char *scheme, const char *const *schemes)
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
    classify_data_fd();
}

/* The type of the module's data descriptor tells how the module behaves. */
static void classify_data_fd(void)
{
    struct stat info = {0};
    int type = 0;
    socklen_t size = sizeof(type);
    pthread_t thread;

    fstat(plug.data, &info);
    getsockopt(plug.data, SOL_SOCKET, SO_TYPE, &type, &size);
    plug.datagrams = type == SOCK_DGRAM;
    /* Of other types, such as epoll's, it is unknown whether vde_recv() blocks. */
    plug.may_wait = !S_ISFIFO(info.st_mode) && !S_ISSOCK(info.st_mode) && !S_ISCHR(info.st_mode);
    if (!plug.may_wait)
        fcntl(plug.data, F_SETFL, fcntl(plug.data, F_GETFL) | O_NONBLOCK);
    /* A program behind two pipes may block on its output before it reads its input, and we are
     * given only one of the two: sending needs a thread of its own. */
    plug.wake = S_ISFIFO(info.st_mode) ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
    plug.threaded = plug.wake >= 0 && pthread_create(&thread, NULL, send_thread, NULL) == 0;
}

static void prepare(struct frames *frames)
{
    for (unsigned i = 0; i < BATCH; i++) {
        frames->iov[i] = (struct iovec){frames->buffer[i], BUFFER};
        frames->message[i].msg_hdr = (struct msghdr){.msg_iov = &frames->iov[i], .msg_iovlen = 1};
    }
}

/* Neither side blocks the other: what the far side does not accept now is kept, and the switch
 * accepts everything.
 * Return: why it ended. */
static const char *relay(void)
{
    const char *over = NULL;

    while (!over && !terminating) {
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
            over = receive_from_far_side();
        if (!over && waiting)
            send_to_far_side();
        else if (!over && side[0].revents)
            over = receive_from_switch(MSG_DONTWAIT);
    }
    return over ? over : "it was told to end";
}

/* Collects refusals for PATIENCE_MS: reporting each one would cost more than the frame.
 * Return: milliseconds until the next report is due, -1 if none is. */
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

/* Return: NULL, or why it ended. */
static const char *receive_from_far_side(void)
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
        /* A length of one byte is how modules say that there is no frame for us. */
        if (length > 1)
            out->iov[out->count++].iov_len = (size_t)length;
    }
    if (length < 0 && !plug.datagrams && errno != EAGAIN && errno != EINTR)
        return strerror(errno);
    return send_to_switch();
}

static bool more_from_far_side(void)
{
    struct pollfd more = {.fd = plug.data, .events = POLLIN};

    return !plug.may_wait || poll(&more, 1, 0) == 1;
}

static const char *send_to_switch(void)
{
    struct frames *out = &plug.out;

    for (out->sent = 0; out->sent < out->count;) {
        int sent =
            sendmmsg(plug.frames, out->message + out->sent, out->count - out->sent, MSG_NOSIGNAL);

        if (sent < 0 && (errno != EINTR || terminating))
            return "the switch hung up";
        out->sent += sent > 0 ? (unsigned)sent : 0;
    }
    return NULL;
}

static const char *receive_from_switch(int flags)
{
    struct frames *in = &plug.in;
    int count;

    pthread_mutex_lock(&in_lock);
    count = receive(in, flags);
    in->count = count > 0 ? (unsigned)count : 0;
    in->sent = 0;
    pthread_mutex_unlock(&in_lock);
    if (count < 0)
        return errno == EAGAIN || errno == EINTR ? NULL : strerror(errno);
    if (count == 0)
        return "the switch hung up";
    send_to_far_side();
    return NULL;
}

/* Return: the number of frames; 0 at the end of the stream, which shows as empty messages, perhaps
 * after frames; -1 with errno set. */
static int receive(struct frames *in, int flags)
{
    int got = recvmmsg(plug.frames, in->message, BATCH, flags, NULL), count = 0;

    while (count < got && in->message[count].msg_len > 0)
        count++;
    return got < 0 ? -1 : count;
}

static void *send_thread(void *unused)
{
    while (!receive_from_switch(MSG_WAITFORONE))
        ;
    return unused;
}

/* Counts what has arrived but will not be sent any more: in plug.in, and in the socket. After
 * shutdown() the switch can send no more, so it counts the frames that follow itself. */
static void count_left_over(void)
{
    int count;

    shutdown(plug.frames, SHUT_RD);
    pthread_mutex_lock(&in_lock); /* never released: the other thread must not go on */
    while ((count = receive(&plug.out, MSG_DONTWAIT)) > 0)
        plug.refused += (unsigned)count;
    plug.refused += plug.in.count - plug.in.sent;
}

/* What the far side refuses is lost, and counted; what it does not accept now is kept. */
static void send_to_far_side(void)
{
    struct frames *in = &plug.in;

    while (in->sent < in->count) {
        ssize_t sent = vde_send(plug.far, in->buffer[in->sent], in->message[in->sent].msg_len, 0);

        if (sent < 0 && errno == EAGAIN && !plug.may_wait)
            return;
        pthread_mutex_lock(&in_lock);
        in->sent++;
        if (sent < 0 && plug.refused++ == 0 && plug.threaded)
            eventfd_write(plug.wake, 1);
        pthread_mutex_unlock(&in_lock);
    }
}

/* Writes a status line for the switch. */
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

/* Lets the module clean up if it can (a socket's file, for one), then kills everything that was
 * started here. */
static void end(void)
{
    alarm(GRACE);
    if (plug.far && !plug.threaded)
        vde_close(plug.far);
    kill(0, SIGKILL);
    _exit(EXIT_SUCCESS);
}
