/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/session/console.h"

#include "control/control.h"
#include "control/interpreter.h"
#include "util/clock.h"
#include "util/os_linux.h"
#include "util/text.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long the end of the switch waits for readers to take the last replies. */
static const uint64_t leaving_time = SECOND / 2;

/* vdemgmt takes the version from the first line; nothing here may look like the prompt. */
static const char greeting[] =
    "VDE switch V." VDE_VERSION "\n"
    "vswitchd " VSW_VERSION ", GPL-2.0-or-later; help lists the commands\n";

struct console_session {
    struct session base;
    struct list node;
    struct console *console;
};

static int listen_in_dir(struct console *console, const char *name, struct error *err);
static void warn_of_closed_dir(const struct console *console);
static int listen_at(struct console *console, const char *path, struct error *err);
static void add_session(struct listening *listening, int fd);
static struct log_limit *limit_of(struct console *console, uid_t user);
static void refuse(struct console *console, int fd, const struct os_peer *peer, const char *why);
static void on_end(struct session *session);
static void end_session(struct console_session *session);

int console_start(struct console *console, struct control *control, const char *path,
                  struct error *err)
{
    int fd;

    console->control = control;
    console->dir.fd = -1;
    console->reserve_fd = -1;
    os_reserve_fd(&console->reserve_fd);
    list_init(&console->dir.sockets);
    list_init(&console->sessions);
    fd = path ? listen_at(console, path, err) : listen_in_dir(console, "mgmt", err);
    if (fd < 0)
        return fd;
    control->mgmt_path = console->path;
    control->mgmt_mode = control->context.dir->mgmtmode;
    console->listening.reserve_fd = &console->reserve_fd;
    console->listening.accepted = add_session;
    listening_start(&console->listening, control->context.loop, fd);
    return 0;
}

int console_reveal(struct console *console, struct error *err)
{
    return console->dir.fd >= 0 ? socket_dir_reveal(&console->dir, err) : 0;
}

void console_stop(struct console *console)
{
    uint64_t limit = os_now() + leaving_time; /* for all of them */

    list_for_each_safe (node, &console->sessions) {
        struct console_session *session = container_of(node, struct console_session, node);

        session_drain(&session->base, limit);
        end_session(session);
    }
    if (console->control->mgmt_path)
        listening_stop(&console->listening);
    if (console->reserve_fd >= 0)
        close(console->reserve_fd);
    socket_dir_close(&console->dir);
}

/* Return: a listening socket, or -errno and sets ERR. */
static int listen_in_dir(struct console *console, const char *name, struct error *err)
{
    struct switch_dir *dir = console->control->context.dir;

    snprintf(console->path, sizeof(console->path), "%s/%.200s", dir->sockets.path, name);
    warn_of_closed_dir(console);
    return socket_dir_listen(&dir->sockets, name, dir->mgmtmode, dir->mgmtgroup, err);
}

/* A socket's mode that admits others is useless in a directory that does not. */
static void warn_of_closed_dir(const struct console *console)
{
    const struct switch_dir *dir = console->control->context.dir;
    struct stat info;
    bool reachable;

    if (!(dir->mgmtmode & 0066) || fstat(dir->sockets.fd, &info) < 0)
        return;
    reachable =
        info.st_mode & 0001 ||
        (info.st_mode & 0010 && (dir->mgmtgroup == (gid_t)-1 || info.st_gid == dir->mgmtgroup));
    if (reachable)
        return;
    log_say(console->control->context.log, LOG_WARNING,
            "--mgmtmode 0%03o: others cannot reach the console, since %s has mode 0%03o; add "
            "--dirmode 0711, or -M for another place",
            (unsigned)dir->mgmtmode, dir->sockets.path, (unsigned)info.st_mode & 0777);
}

static int listen_at(struct console *console, const char *path, struct error *err)
{
    const struct switch_dir *dir = console->control->context.dir;
    char copy[PATH_MAX], name[PATH_MAX];
    int status;

    text_copy(copy, sizeof(copy), path);
    text_copy(name, sizeof(name), basename(copy));
    if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
        return error_set(err, EINVAL, "--mgmt %s: not the path of a socket", path);
    text_copy(copy, sizeof(copy), path);
    status = socket_dir_open(&console->dir, dirname(copy), SOCKET_HIDDEN_ROOM, true, err);
    if (status < 0)
        return status;
    if (!strcmp(console->dir.path, dir->sockets.path)) {
        socket_dir_close(&console->dir);
        console->dir.fd = -1;
        return listen_in_dir(console, name, err);
    }
    snprintf(console->path, sizeof(console->path), "%s/%.200s", console->dir.path, name);
    return socket_dir_listen(&console->dir, name, dir->mgmtmode, dir->mgmtgroup, err);
}

static void add_session(struct listening *listening, int fd)
{
    struct console *console = container_of(listening, struct console, listening);
    struct control *control = console->control;
    struct console_session *session;
    struct os_peer peer = {.uid = (uid_t)-1};
    bool trusted = os_peer(fd, &peer) == 0 && (peer.uid == 0 || peer.uid == geteuid());

    if (console->count == CONSOLE_SESSIONS || (!trusted && console->others == CONSOLE_OTHERS)) {
        refuse(console, fd, &peer, "too many sessions");
        return;
    }
    if (!trusted && console->reserve_fd < 0) { /* the last descriptor is for the owner */
        refuse(console, fd, &peer, "out of file descriptors");
        return;
    }
    session = calloc(1, sizeof(*session));
    if (session) {
        session->base.ended = on_end;
        os_peer_text(&peer, session->base.caller.who);
    }
    if (!session || !session_start(&session->base, control, fd, fd, trusted)) {
        free(session);
        refuse(console, fd, &peer, "no memory");
        return;
    }
    session->console = console;
    list_append(&console->sessions, &session->node);
    console->count++;
    console->others += !trusted;
    log_limited(control->context.log, limit_of(console, peer.uid), os_now(), LOG_INFO,
                "console: session of %s", session->base.caller.who);
    session_write(&session->base, greeting, sizeof(greeting) - 1);
    session_prompt(&session->base);
}

/* Each user's sessions are logged up to a limit of their own: many of one user hide none of another. */
static struct log_limit *limit_of(struct console *console, uid_t user)
{
    struct console_log *oldest = &console->opened[0];

    for (unsigned i = 0; i < CONSOLE_LOGS; i++) {
        struct console_log *log = &console->opened[i];

        if (log->limit.window > 0 && log->user == user)
            return &log->limit;
        if (log->limit.window < oldest->limit.window)
            oldest = log;
    }
    *oldest = (struct console_log){.user = user};
    return &oldest->limit;
}

static void refuse(struct console *console, int fd, const struct os_peer *peer, const char *why)
{
    char text[COMMAND_FAILURE], who[OS_PEER_TEXT];
    struct error err;
    int status = error_set(&err, EAGAIN, "%s", why);

    log_limited(console->control->context.log, &console->refused, os_now(), LOG_WARNING,
                "console: refused %s: %s", os_peer_text(peer, who), why);
    os_write(fd, text, command_failure(status, &err, text));
    close(fd);
}

static void on_end(struct session *session)
{
    end_session(container_of(session, struct console_session, base));
}

static void end_session(struct console_session *session)
{
    struct console *console = session->console;
    int fd = session->base.output.fd;

    console->count--;
    console->others -= !session->base.caller.trusted;
    list_remove(&session->node);
    session_stop(&session->base);
    close(fd);
    os_reserve_fd(&console->reserve_fd);
    free(session);
}
