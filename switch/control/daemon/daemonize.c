/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/daemon/daemonize.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void wait_for_child(pid_t child, int ready) __attribute__((noreturn));

int daemonize_begin(struct error *err)
{
    int pipe_fds[2];
    pid_t child;

    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return error_set(err, errno, "cannot make a pipe: %s", strerror(errno));
    child = fork();
    if (child < 0)
        return error_set(err, errno, "cannot fork: %s", strerror(errno));
    if (child > 0) {
        close(pipe_fds[1]);
        wait_for_child(child, pipe_fds[0]);
    }
    close(pipe_fds[0]);
    setsid();
    return pipe_fds[1];
}

void daemonize_ready(int ready)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
        dup2(null, fd);
    if (null > STDERR_FILENO)
        close(null);
    /* Do not keep the file system busy in which we were started. */
    (void)!chdir("/");
    /* the parent may have been killed, which is no reason to stop */
    (void)!write(ready, "", 1);
    close(ready);
}

int pidfile_write(struct pidfile *pidfile, const char *path, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    pidfile->path[0] = '\0';
    if (fd < 0)
        return error_set(err, errno, "cannot make pidfile %s: %s%s", path, strerror(errno),
                         errno == EEXIST ? "; remove it if no switch is running" : "");
    if (dprintf(fd, "%d\n", (int)getpid()) < 0 || !realpath(path, pidfile->path)) {
        int status = error_set(err, errno, "cannot write pidfile %s: %s", path, strerror(errno));

        pidfile->path[0] = '\0';
        close(fd);
        unlink(path);
        return status;
    }
    pidfile->fd = fd;
    return 0;
}

void pidfile_remove(struct pidfile *pidfile)
{
    struct stat ours, current;

    if (!*pidfile->path)
        return;
    if (fstat(pidfile->fd, &ours) == 0 && lstat(pidfile->path, &current) == 0 &&
        ours.st_dev == current.st_dev && ours.st_ino == current.st_ino)
        unlink(pidfile->path);
    close(pidfile->fd);
}

static void wait_for_child(pid_t child, int ready)
{
    char byte;
    int status;

    if (read(ready, &byte, 1) == 1)
        _exit(0);
    if (waitpid(child, &status, 0) == child && WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    _exit(1);
}
