/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * log.h - what the operator should read: on stderr in the foreground, in syslog as a daemon
 *
 * Nobody may be reading stderr: a line that a pipe does not take at once is dropped and counted, and the next one that
 * it takes says how many are missing. Levels and their meaning are syslog's. What a peer can cause is logged through a
 * struct log_limit, so that nobody outside can fill a disk.
 */
#ifndef VSW_UTIL_LOG_H
#define VSW_UTIL_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

struct log {
    const char *program; /* what lines on stderr begin with */
    int fd;              /* of stderr */
    bool to_syslog;
    unsigned lost; /* lines that stderr did not take */
};

/* log_say() - one line, printf style, without a newline
 * @level: LOG_ERR (something was refused or lost), LOG_WARNING, LOG_NOTICE, LOG_INFO
 */
void log_say(struct log *log, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One kind of message: at most LOG_BURST lines in LOG_WINDOW seconds. Zero it to begin with. */
enum { LOG_BURST = 5, LOG_WINDOW = 10 };

struct log_limit {
    uint64_t window; /* when the present one began */
    unsigned said;   /* in it */
    unsigned unsaid;
};

/* log_limited() - the same, unless LIMIT's kind has been said too often lately
 * @now: monotonic nanoseconds
 *
 * The first line of a new window tells how many were left out.
 */
void log_limited(struct log *log, struct log_limit *limit, uint64_t now, int level,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
