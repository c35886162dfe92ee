/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * stdio_console.c - never blocks: stdin and stdout may be shared with other programs, so their flags are left alone
 * and no more is written at once than a writable pipe is sure to take.
 */
#include "control/stdio_console.h"

#include "control/command.h"
#include "util/os_linux.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 4096,
    REPLY_MAX_BYTES = 64 * 1024 * 1024, /* a reader that is so far behind does not read */
};

static const char prompt[] = "\nvde$ ";

static void on_input(struct ev_loop *loop, ev_io *watcher, int events);
static void on_output(struct ev_loop *loop, ev_io *watcher, int events);
static bool in_background(void);
static void on_retry(struct ev_loop *loop, ev_timer *watcher, int events);
static void end_of_input(struct stdio_console *console);
static void take_lines(struct stdio_console *console);
static void run_line(struct stdio_console *console, const char *line);
static void finish(struct stdio_console *console);
static void flush(struct stdio_console *console);

bool stdio_console_wanted(void)
{
    struct stat info;

    if (fstat(STDIN_FILENO, &info) < 0)
        return false;
    return !S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3);
}

bool stdio_console_start(struct stdio_console *console, struct program *program)
{
    memset(console, 0, sizeof(*console));
    console->program = program;
    console->line = malloc(LINE_MAX_BYTES + 1);
    if (!console->line)
        return false;
    ev_io_init(&console->input, on_input, STDIN_FILENO, EV_READ);
    ev_io_init(&console->output, on_output, STDOUT_FILENO, EV_WRITE);
    ev_init(&console->retry, on_retry);
    console->retry.repeat = 1.;
    ev_io_start(program->runtime.loop, &console->input);
    return true;
}

void stdio_console_stop(struct stdio_console *console)
{
    ev_io_stop(console->program->runtime.loop, &console->input);
    ev_io_stop(console->program->runtime.loop, &console->output);
    ev_timer_stop(console->program->runtime.loop, &console->retry);
    free(console->line);
    free(console->reply);
}

static void on_input(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct stdio_console *console = container_of(watcher, struct stdio_console, input);
    ssize_t got = read(watcher->fd, console->line + console->line_length,
                       LINE_MAX_BYTES - console->line_length);

    (void)events;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got < 0 && errno == EIO && in_background()) {
        ev_io_stop(loop, watcher);
        ev_timer_again(loop, &console->retry);
        return;
    }
    if (got > 0) {
        console->line_length += (size_t)got;
        take_lines(console);
        return;
    }
    end_of_input(console);
}

/* The terminal is another job's: that is no end of input, but what is typed is not for us either. */
static bool in_background(void)
{
    pid_t foreground = tcgetpgrp(STDIN_FILENO);

    return foreground > 0 && foreground != getpgrp();
}

static void on_retry(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct stdio_console *console = container_of(watcher, struct stdio_console, retry);
    struct pollfd terminal = {.fd = STDIN_FILENO};

    (void)events;
    poll(&terminal, 1, 0);
    if (terminal.revents & POLLHUP) {
        end_of_input(console);
    } else if (!in_background()) {
        ev_timer_stop(loop, watcher);
        ev_io_start(loop, &console->input);
    }
}

static void end_of_input(struct stdio_console *console)
{
    if (console->line_length > 0) {
        console->line[console->line_length] = '\0';
        run_line(console, console->line);
    }
    finish(console);
    log_say(console->program->runtime.log, LOG_NOTICE, "EOF on stdin, cleaning up and exiting");
    program_stop(console->program);
}

static void on_output(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop, (void)events;
    flush(container_of(watcher, struct stdio_console, output));
}

static void take_lines(struct stdio_console *console)
{
    char *start = console->line, *end = start + console->line_length, *newline;

    while ((newline = memchr(start, '\n', (size_t)(end - start)))) {
        *newline = '\0';
        if (newline > start && newline[-1] == '\r')
            newline[-1] = '\0';
        run_line(console, start);
        start = newline + 1;
    }
    console->line_length = (size_t)(end - start);
    memmove(console->line, start, console->line_length);
    if (console->line_length == LINE_MAX_BYTES) {
        log_say(console->program->runtime.log, LOG_WARNING,
                "a command line on stdin is longer than %d bytes; dropped", LINE_MAX_BYTES);
        console->line_length = 0;
    }
    flush(console);
}

static void run_line(struct stdio_console *console, const char *line)
{
    char *reply = NULL, *grown;
    size_t size = 0;
    FILE *out = open_memstream(&reply, &size);

    if (!out)
        return;
    command_run(console->program, line, out);
    fputs(prompt, out);
    if (fclose(out) == 0 && console->reply_length + size <= REPLY_MAX_BYTES &&
        (grown = realloc(console->reply, console->reply_length + size))) {
        memcpy(grown + console->reply_length, reply, size);
        console->reply = grown;
        console->reply_length += size;
    }
    free(reply);
}

/* Whoever wrote commands and closed the pipe may still read the replies: it gets a second to do so. */
static void finish(struct stdio_console *console)
{
    struct pollfd room = {.fd = STDOUT_FILENO, .events = POLLOUT};
    uint64_t limit = os_now() + SECOND;

    for (flush(console); console->reply_length > 0 && os_now() < limit; flush(console)) {
        if (poll(&room, 1, 100) < 0 && errno != EINTR)
            break;
    }
}

static void flush(struct stdio_console *console)
{
    struct pollfd room = {.fd = STDOUT_FILENO, .events = POLLOUT};
    struct ev_loop *loop = console->program->runtime.loop;
    size_t done = 0;

    while (done < console->reply_length && poll(&room, 1, 0) == 1) {
        size_t rest = console->reply_length - done;
        ssize_t written =
            write(STDOUT_FILENO, console->reply + done, rest < PIPE_BUF ? rest : PIPE_BUF);

        if (written < 0 && errno != EINTR && errno != EAGAIN)
            done = console->reply_length; /* nobody reads any more */
        else if (written > 0)
            done += (size_t)written;
    }
    if (done > 0) {
        console->reply_length -= done;
        memmove(console->reply, console->reply + done, console->reply_length);
    }
    if (console->reply_length > 0)
        ev_io_start(loop, &console->output);
    else
        ev_io_stop(loop, &console->output);
}
