/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * log.h - messages for the operator: to stderr in the foreground, to syslog as a daemon
 *
 * Logging never blocks. If nothing reads stderr, a line that its pipe does not accept at once is
 * dropped and counted, and the next line written reports how many were lost. Levels are
 * syslog(3)'s. Anything a peer can trigger goes through a struct log_limit, so that no peer can
 * fill the disk.
 */
#ifndef VSW_UTIL_LOG_H
#define VSW_UTIL_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

struct log {
    const char *program; /* prefix of lines on stderr */
    int fd;              /* stderr, or another descriptor for the same file */
    bool to_syslog;
    unsigned lost; /* lines dropped since the last successful write */
};

/* log_say() - logs one line, printf style, without a newline
 * @level: LOG_ERR (something was refused or lost), LOG_WARNING, LOG_NOTICE or LOG_INFO
 */
void log_say(struct log *log, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Rate limit of one kind of message: at most LOG_BURST lines in LOG_WINDOW seconds. Initialize to
 * zero. */
enum { LOG_BURST = 5, LOG_WINDOW = 10 };

struct log_limit {
    uint64_t window; /* start of the current window, in nanoseconds */
    unsigned said;   /* lines logged in it */
    unsigned unsaid;
};

/* log_limited() - as log_say(), but drops the line if LIMIT is exceeded
 * @now: monotonic nanoseconds
 *
 * The first line of a new window is preceded by the number of lines dropped.
 */
void log_limited(struct log *log, struct log_limit *limit, uint64_t now, int level,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
