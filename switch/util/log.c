/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/log.h"

#include "util/clock.h"
#include "util/os_linux.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

enum { LINE = 1024 };
_Static_assert(LINE + 256 <= PIPE_BUF, "a line must fit into what a pipe takes at once");

static void say(struct log *log, int level, const char *format, va_list args);
static void say_on_stderr(struct log *log, const char *line);

void log_say(struct log *log, int level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(log, level, format, args);
    va_end(args);
}

void log_limited(struct log *log, struct log_limit *limit, uint64_t now, int level,
                 const char *format, ...)
{
    va_list args;

    if (now - limit->window >= LOG_WINDOW * SECOND) {
        if (limit->unsaid > 0)
            log_say(log, level, "%u more messages like the next one were left out", limit->unsaid);
        *limit = (struct log_limit){.window = now};
    }
    if (limit->said >= LOG_BURST) {
        limit->unsaid++;
        return;
    }
    limit->said++;
    va_start(args, format);
    say(log, level, format, args);
    va_end(args);
}

static void say(struct log *log, int level, const char *format, va_list args)
{
    char line[LINE];

    vsnprintf(line, sizeof(line), format, args);
    if (log->to_syslog)
        syslog(level, "%s", line);
    else
        say_on_stderr(log, line);
}

static void say_on_stderr(struct log *log, const char *line)
{
    char text[LINE + 256];
    int length;

    if (log->lost > 0)
        length =
            snprintf(text, sizeof(text), "%s: %u messages were lost: nobody read them\n%s: %s\n",
                     log->program, log->lost, log->program, line);
    else
        length = snprintf(text, sizeof(text), "%s: %s\n", log->program, line);
    if ((size_t)length >= sizeof(text)) {
        length = sizeof(text) - 1;
        text[length - 1] = '\n';
    }
    if (os_write(log->fd, text, (size_t)length) < 0)
        log->lost++;
    else
        log->lost = 0;
}
