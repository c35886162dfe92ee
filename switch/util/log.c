/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>

static void say(const struct log *log, int level, const char *format, va_list args)
{
    char line[1024];

    vsnprintf(line, sizeof(line), format, args);
    if (log->to_syslog)
        syslog(level, "%s", line);
    else
        fprintf(stderr, "%s: %s\n", log->program, line);
}

void log_say(const struct log *log, int level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(log, level, format, args);
    va_end(args);
}

void log_limited(const struct log *log, struct log_limit *limit, uint64_t now, int level,
                 const char *format, ...)
{
    va_list args;

    if (now - limit->window >= LOG_WINDOW * UINT64_C(1000000000)) {
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
