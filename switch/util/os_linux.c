/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/os_linux.h"

#include "util/clock.h"
#include "util/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { INHERITED_MAX = 1024 };

static ssize_t write_some(int fd, const void *bytes, size_t size);
static int check_socket(int fd, const char *path, uid_t owner, struct error *err);
static int open_own_socket(const char *path);

uint64_t os_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

void os_random(void *buffer, size_t size)
{
    uint8_t *at = buffer;

    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);

        if (got < 0)
            continue;
        at += got;
        size -= (size_t)got;
    }
}

unsigned long os_raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

/* One bit per descriptor that was open at start, and per descriptor claimed; those from
 * INHERITED_MAX up are ignored. */
static struct {
    uint64_t open[INHERITED_MAX / 64];
    uint64_t taken[INHERITED_MAX / 64];
} inherited;

void os_note_inherited(void)
{
    for (int fd = STDERR_FILENO + 1; fd < INHERITED_MAX; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            inherited.open[fd / 64] |= 1ull << fd % 64;
    }
    close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
}

int os_check_inherited(int fd)
{
    uint64_t bit = 1ull << (unsigned)fd % 64;

    if (fd < 0 || fd >= INHERITED_MAX || !(inherited.open[fd / 64] & bit))
        return -EBADF;
    return inherited.taken[fd / 64] & bit ? -EBUSY : 0;
}

int os_take_inherited(int fd)
{
    int status = os_check_inherited(fd);

    if (status == 0)
        inherited.taken[fd / 64] |= 1ull << (unsigned)fd % 64;
    return status;
}

int os_accept(int listening, int *reserve_fd)
{
    int fd;

    os_reserve_fd(reserve_fd);
    fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 || (errno != EMFILE && errno != ENFILE) || *reserve_fd < 0)
        return fd < 0 ? -errno : fd;
    close(*reserve_fd);
    *reserve_fd = -1;
    fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        fd = -errno;
        os_reserve_fd(reserve_fd);
    }
    return fd;
}

void os_reserve_fd(int *reserve_fd)
{
    if (*reserve_fd < 0)
        *reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int os_peer(int fd, struct os_peer *peer)
{
    struct ucred cred;
    socklen_t size = sizeof(cred);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
        return -errno;
    *peer = (struct os_peer){.uid = cred.uid, .gid = cred.gid, .pid = cred.pid};
    return 0;
}

const char *os_peer_text(const struct os_peer *peer, char text[OS_PEER_TEXT])
{
    char program[64];
    int used;

    if (peer->uid != (uid_t)-1)
        used = snprintf(text, OS_PEER_TEXT, "user %u", (unsigned)peer->uid);
    else
        used = snprintf(text, OS_PEER_TEXT, "unknown user");
    os_program_name(peer->pid, program, sizeof(program));
    if (peer->pid > 0)
        used += snprintf(text + used, OS_PEER_TEXT - (size_t)used, ", process %d", (int)peer->pid);
    if (*program)
        snprintf(text + used, OS_PEER_TEXT - (size_t)used, " (%s)", program);
    return text;
}

bool os_peer_in_group(int fd, const struct os_peer *peer, gid_t gid)
{
    socklen_t size = 0;
    gid_t *groups;
    bool found = peer->gid == gid;

    if (found || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE)
        return found;
    groups = malloc(size);
    if (groups && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
        for (size_t i = 0; i < size / sizeof(*groups); i++)
            found = found || groups[i] == gid;
    }
    free(groups);
    return found;
}

void os_program_name(pid_t process, char *text, size_t size)
{
    char path[32], name[64];
    ssize_t length = -1;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)process);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        length = read(fd, name, sizeof(name));
        close(fd);
    }
    if (length > 0 && name[length - 1] == '\n')
        length--;
    text_escape(text, size, name, length > 0 ? (size_t)length : 0);
}

void os_program_path(char *text, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", text, size - 1);

    if (length > 0)
        text[length] = '\0';
    else
        text_copy(text, size, "vswitchd");
}

int os_own_terminal(int fd)
{
    char path[32];
    int own;

    if (!isatty(fd))
        return fd;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return own < 0 ? fd : own;
}

ssize_t os_write(int fd, const void *bytes, size_t size)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    ssize_t written = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (written < 0 && errno == ENOTSOCK) {
        /* A pipe that polls as writable takes PIPE_BUF bytes at once (POSIX, write(2)). */
        if (poll(&room, 1, 0) != 1 || !(room.revents & (POLLOUT | POLLERR | POLLHUP)))
            return -EAGAIN;
        written = write_some(fd, bytes, size < PIPE_BUF ? size : PIPE_BUF);
    }
    if (written < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    return written;
}

/* A terminal that polls as writable may accept one byte only. If it could not be reopened
 * (os_own_terminal()) its open file description is shared with other programs, so O_NONBLOCK is set
 * for the duration of this write only. */
static ssize_t write_some(int fd, const void *bytes, size_t size)
{
    int flags = isatty(fd) ? fcntl(fd, F_GETFL) : -1;
    ssize_t written;
    int error;

    if (flags < 0 || flags & O_NONBLOCK)
        return write(fd, bytes, size);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    written = write(fd, bytes, size);
    error = errno;
    fcntl(fd, F_SETFL, flags);
    errno = error;
    return written;
}

int os_connect_datagram(const struct sockaddr_un *address, uid_t owner, struct error *err)
{
    struct sockaddr_un to = *address;
    char shown[2 * sizeof(to.sun_path)];
    int path = -1, fd, status;

    text_escape(shown, sizeof(shown), to.sun_path, strnlen(to.sun_path, sizeof(to.sun_path)));
    to.sun_family = AF_UNIX;
    if (to.sun_path[0] != '\0') {
        char copy[sizeof(to.sun_path) + 1] = {0};

        memcpy(copy, address->sun_path, sizeof(address->sun_path));
        path = open(copy, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (path < 0)
            return error_set(err, errno, "cannot find data socket %s: %s", shown, strerror(errno));
        status = check_socket(path, shown, owner, err);
        if (status < 0) {
            close(path);
            return status;
        }
        memset(to.sun_path, 0, sizeof(to.sun_path));
        snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d", path);
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        status = error_set(err, errno, "cannot make a socket: %s", strerror(errno));
    else if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        status =
            error_set(err, errno, "cannot connect to data socket %s: %s%s", shown, strerror(errno),
                      path >= 0 && errno == ENOENT ? " (is /proc mounted?)" : "");
    else
        status = fd;
    if (status < 0 && fd >= 0)
        close(fd);
    if (path >= 0)
        close(path);
    return status;
}

int os_bind_socket(int fd, const char *path, mode_t mode)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t mask;
    int status = 0;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    /* bind() gives the file the mode of the socket, so there is no window in which others may
     * connect. */
    if (fchmod(fd, mode) < 0)
        return -errno;
    mask = umask(0);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        status = -errno;
    umask(mask);
    return status;
}

int os_set_socket_owner(const char *path, uid_t uid, gid_t gid)
{
    int fd = open_own_socket(path);
    int status = fd < 0 ? fd : 0;

    if (fd >= 0 && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
        status = -errno;
    if (fd >= 0)
        close(fd);
    return status;
}

int os_set_socket_mode(const char *path, mode_t mode)
{
    char handle[32];
    int fd = open_own_socket(path);
    int status = fd < 0 ? fd : 0;

    /* fchmod() refuses O_PATH descriptors; chmod() through /proc/self/fd reaches the same inode. */
    snprintf(handle, sizeof(handle), "/proc/self/fd/%d", fd);
    if (fd >= 0 && chmod(handle, mode) < 0)
        status = -errno;
    if (fd >= 0)
        close(fd);
    return status;
}

static int check_socket(int fd, const char *path, uid_t owner, struct error *err)
{
    struct stat info;

    if (fstat(fd, &info) < 0)
        return error_set(err, errno, "cannot look at data socket %s: %s", path, strerror(errno));
    if (!S_ISSOCK(info.st_mode))
        return error_set(err, ENOTSOCK, "data socket %s is not a socket", path);
    if (owner != 0 && info.st_uid != owner)
        return error_set(err, EACCES, "data socket %s belongs to user %u, but user %u asks", path,
                         (unsigned)info.st_uid, (unsigned)owner);
    return 0;
}

/* Return: an O_PATH descriptor of the socket at PATH, which this user must own, or -errno. */
static int open_own_socket(const char *path)
{
    struct stat info;
    int status = 0;
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (fstat(fd, &info) < 0)
        status = -errno;
    else if (!S_ISSOCK(info.st_mode) || info.st_uid != geteuid())
        status = -EPERM;
    if (status == 0)
        return fd;
    close(fd);
    return status;
}
