/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/plug/helper.h"

#include "util/os_linux.h"
#include "util/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Where the helper program is installed, relative to vswitchd's own directory. */
#ifndef VSW_LIBEXEC
#define VSW_LIBEXEC "../libexec/vswitchd"
#endif

#define NAME          "vswplug"
#define GRACE_SECONDS 1.5 /* vswplug kills itself after 1 */

enum { SEND_BUFFER = 1024 * 1024 };

/* Both ends of each channel: [0] is ours, [1] the helper's. */
struct ends {
    int frames[2], status[2], output[2];
};

static int find_program(struct plug_helpers *helpers, struct error *err);
static int open_ends(struct ends *ends);
static void close_ends(struct ends *ends, unsigned side);
static int spawn(const char *program, const struct ends *ends, const struct plug_helper_job *job,
                 pid_t *process);
static int prepare_descriptors(posix_spawn_file_actions_t *actions, const struct ends *ends,
                               const char *directory);
static int prepare_signals(posix_spawnattr_t *attributes);
static void watch(struct plug_helper *helper, const struct ends *ends);
static void unwatch(struct plug_helper *helper);
static void on_status(struct ev_loop *loop, ev_io *watcher, int events);
static void on_output(struct ev_loop *loop, ev_io *watcher, int events);
static void report_end(struct plug_helper *helper);
static bool read_lines(struct lines *lines, void (*line)(void *, const char *), void *owner);
static void on_gone(struct ev_loop *loop, ev_child *watcher, int events);
static void on_overdue(struct ev_loop *loop, ev_timer *timer, int events);
static void kill_all(const struct plug_helper *helper);
static void release(struct plug_helper *helper);

void plug_helpers_init(struct plug_helpers *helpers, struct context *context,
                       const struct plug_helper_ops *ops)
{
    *helpers = (struct plug_helpers){.context = context, .ops = ops};
    list_init(&helpers->list);
}

void plug_helpers_stop(struct plug_helpers *helpers)
{
    const struct timespec moment = {.tv_nsec = 5000000};
    uint64_t deadline = os_now() + (uint64_t)(GRACE_SECONDS * 1e9);

    list_for_each_safe (node, &helpers->list) {
        struct plug_helper *helper = container_of(node, struct plug_helper, node);

        while (waitpid(helper->process, NULL, WNOHANG) == 0) {
            if (os_now() >= deadline)
                kill_all(helper);
            nanosleep(&moment, NULL);
        }
        kill_all(helper);
        ev_child_stop(helpers->context->loop, &helper->gone);
        ev_timer_stop(helpers->context->loop, &helper->overdue);
        release(helper);
    }
}

void *plug_helpers_owner(struct plug_helpers *helpers, pid_t process)
{
    pid_t session = process > 0 ? getsid(process) : -1;

    list_for_each (node, &helpers->list) {
        const struct plug_helper *helper = container_of(node, struct plug_helper, node);

        if (helper->process == process || helper->process == session)
            return helper->owner ? helper->owner : helpers;
    }
    return NULL;
}

int plug_helper_start(struct plug_helper **made, struct plug_helpers *helpers, void *owner,
                      const struct plug_helper_job *job, struct error *err)
{
    struct plug_helper *helper;
    struct ends ends;
    int status = find_program(helpers, err);

    if (status < 0)
        return status;
    helper = calloc(1, sizeof(*helper));
    status = helper ? open_ends(&ends) : -ENOMEM;
    if (status == 0) {
        status = spawn(helpers->program, &ends, job, &helper->process);
        close_ends(&ends, 1);
        if (status < 0)
            close_ends(&ends, 0);
    }
    if (status < 0) {
        free(helper);
        return error_set(err, -status, "cannot start %.200s: %s", helpers->program,
                         strerror(-status));
    }
    helper->helpers = helpers;
    helper->owner = owner;
    list_append(&helpers->list, &helper->node);
    watch(helper, &ends);
    *made = helper;
    return 0;
}

/* Reads byte by byte, because what follows the line is for the event loop. */
int plug_helper_first_report(struct plug_helper *helper, int patience, char line[HELPER_LINE])
{
    uint64_t deadline = os_now() + (uint64_t)patience * 1000000;
    size_t length = 0;

    while (length < HELPER_LINE - 1) {
        struct pollfd status = {.fd = helper->status.readable.fd, .events = POLLIN};
        ssize_t got;

        poll(&status, 1, 100);
        got = read(status.fd, line + length, 1);
        if (got == 0) {
            got = read(helper->output.readable.fd, line, HELPER_LINE - 1);
            line[got > 0 ? got : 0] = '\0';
            line[strcspn(line, "\n")] = '\0';
            return -EPIPE;
        }
        if (got < 0 && os_now() >= deadline)
            return 0;
        if (got == 1 && line[length++] == '\n')
            break;
    }
    line[length - 1] = '\0';
    return 1;
}

void plug_helper_end(struct plug_helper *helper)
{
    helper->owner = NULL;
    unwatch(helper);
    if (helper->reaped) {
        release(helper);
        return;
    }
    /* The handler runs even if the helper is blocked in a call forever, and SIGCONT wakes it if it
     * is stopped. */
    kill(helper->process, SIGTERM);
    kill(helper->process, SIGCONT);
    ev_timer_start(helper->helpers->context->loop, &helper->overdue);
}

/* In the directory of our own executable, as built; or where make install puts it. */
static int find_program(struct plug_helpers *helpers, struct error *err)
{
    static const char *const places[] = {"", VSW_LIBEXEC "/"};
    char own[PATH_MAX];

    if (*helpers->program)
        return 0;
    os_program_path(own, sizeof(own));
    own[strrchr(own, '/') ? strrchr(own, '/') - own + 1 : 0] = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        char path[PATH_MAX];

        if ((size_t)snprintf(path, sizeof(path), "%s%s" NAME, own, places[i]) >= sizeof(path) ||
            access(path, X_OK) < 0)
            continue;
        strcpy(helpers->program, path);
        return 0;
    }
    return error_set(err, ENOENT,
                     "the program " NAME
                     ", which plugs need, is missing: it is neither in %.150s nor "
                     "in %.150s" VSW_LIBEXEC,
                     own, own);
}

static int open_ends(struct ends *ends)
{
    int size = SEND_BUFFER;

    memset(ends, -1, sizeof(*ends));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends->frames) < 0 ||
        pipe2(ends->status, O_CLOEXEC) < 0 || pipe2(ends->output, O_CLOEXEC) < 0) {
        int status = -errno;

        close_ends(ends, 0);
        close_ends(ends, 1);
        return status;
    }
    fcntl(ends->frames[0], F_SETFL, O_NONBLOCK);
    fcntl(ends->status[0], F_SETFL, O_NONBLOCK);
    fcntl(ends->output[0], F_SETFL, O_NONBLOCK);
    setsockopt(ends->frames[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    return 0;
}

static void close_ends(struct ends *ends, unsigned side)
{
    const int fds[] = {ends->frames[side], ends->status[side], ends->output[side]};

    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

static int spawn(const char *program, const struct ends *ends, const struct plug_helper_job *job,
                 pid_t *process)
{
    char frames[16], status[16];
    char *const argv[] = {(char *)NAME,     frames, status, (char *)job->description,
                          (char *)job->vnl, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error;

    snprintf(frames, sizeof(frames), "%d", ends->frames[1]);
    snprintf(status, sizeof(status), "%d", ends->status[1]);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    error = prepare_descriptors(&actions, ends, job->directory);
    if (error == 0)
        error = prepare_signals(&attributes);
    if (error == 0)
        error = posix_spawn(process, program, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

/* The helper inherits these descriptors only; all others are close-on-exec. dup2() of a descriptor
 * to itself clears that flag (posix_spawn_file_actions_adddup2(3p)). */
static int prepare_descriptors(posix_spawn_file_actions_t *actions, const struct ends *ends,
                               const char *directory)
{
    int error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

    if (error == 0)
        error = posix_spawn_file_actions_adddup2(actions, ends->output[1], STDOUT_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(actions, ends->output[1], STDERR_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(actions, ends->frames[1], ends->frames[1]);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(actions, ends->status[1], ends->status[1]);
    if (error == 0 && directory)
        error = posix_spawn_file_actions_addchdir_np(actions, directory);
    return error;
}

/* The helper must not inherit our signal mask and ignored signals. */
static int prepare_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    int error;

    sigemptyset(&none);
    sigfillset(&all);
    error = posix_spawnattr_setsigmask(attributes, &none);
    if (error == 0)
        error = posix_spawnattr_setsigdefault(attributes, &all);
    if (error == 0)
        error = posix_spawnattr_setflags(
            attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    return error;
}

static void watch(struct plug_helper *helper, const struct ends *ends)
{
    struct ev_loop *loop = helper->helpers->context->loop;

    helper->frames = ends->frames[0];
    ev_io_init(&helper->status.readable, on_status, ends->status[0], EV_READ);
    ev_io_init(&helper->output.readable, on_output, ends->output[0], EV_READ);
    ev_child_init(&helper->gone, on_gone, helper->process, 0);
    ev_timer_init(&helper->overdue, on_overdue, GRACE_SECONDS, 0);
    /* Its status before its frames: the reason for its end is read before the end of FRAMES is
     * noticed. */
    ev_set_priority(&helper->status.readable, 1);
    ev_io_start(loop, &helper->status.readable);
    ev_io_start(loop, &helper->output.readable);
    ev_child_start(loop, &helper->gone);
}

/* Closes the descriptors; the exit of the process is still awaited. */
static void unwatch(struct plug_helper *helper)
{
    struct ev_loop *loop = helper->helpers->context->loop;

    ev_io_stop(loop, &helper->status.readable);
    ev_io_stop(loop, &helper->output.readable);
    close(helper->status.readable.fd);
    close(helper->output.readable.fd);
    close(helper->frames);
}

static void on_status(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct plug_helper *helper = container_of(watcher, struct plug_helper, status.readable);

    (void)loop, (void)events;
    if (!read_lines(&helper->status, helper->helpers->ops->reported, helper->owner))
        report_end(helper);
}

static void on_output(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct plug_helper *helper = container_of(watcher, struct plug_helper, output.readable);

    (void)events;
    if (!read_lines(&helper->output, helper->helpers->ops->printed, helper->owner))
        ev_io_stop(loop, watcher);
}

/* Reads what it wrote last, before it is reported as ended. */
static void report_end(struct plug_helper *helper)
{
    const struct plug_helper_ops *ops = helper->helpers->ops;

    read_lines(&helper->status, ops->reported, helper->owner);
    read_lines(&helper->output, ops->printed, helper->owner);
    ops->ended(helper->owner);
}

/* Calls LINE for each line read; one that exceeds the buffer comes in pieces. Return: false at the
 * end. */
static bool read_lines(struct lines *lines, void (*line)(void *, const char *), void *owner)
{
    size_t room = sizeof(lines->text) - 1 - lines->length;
    ssize_t got = read(lines->readable.fd, lines->text + lines->length, room);
    char *at = lines->text, *newline;

    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    lines->length += (size_t)got;
    lines->text[lines->length] = '\0';
    while ((newline = memchr(at, '\n', lines->length - (size_t)(at - lines->text)))) {
        *newline = '\0';
        line(owner, at);
        at = newline + 1;
    }
    lines->length -= (size_t)(at - lines->text);
    memmove(lines->text, at, lines->length + 1);
    if (lines->length > 0 && (got == 0 || lines->length == sizeof(lines->text) - 1)) {
        line(owner, lines->text);
        lines->length = 0;
    }
    return got > 0;
}

/* Kills what the helper has started: its PID cannot be reused while a process group of that number
 * exists. */
static void on_gone(struct ev_loop *loop, ev_child *watcher, int events)
{
    struct plug_helper *helper = container_of(watcher, struct plug_helper, gone);

    (void)events;
    ev_child_stop(loop, watcher);
    ev_timer_stop(loop, &helper->overdue);
    kill_all(helper);
    helper->reaped = true;
    if (helper->owner)
        report_end(helper);
    else
        release(helper);
}

static void on_overdue(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop, (void)events;
    kill_all(container_of(timer, struct plug_helper, overdue));
}

static void kill_all(const struct plug_helper *helper)
{
    kill(-helper->process, SIGKILL);
}

static void release(struct plug_helper *helper)
{
    list_remove(&helper->node);
    free(helper);
}
