/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port_log.h - what a port type tells people about one of its ports
 */
#ifndef VSW_PORTS_PORT_LOG_H
#define VSW_PORTS_PORT_LOG_H

#include "ports/context.h"

enum { PORT_LOGGER_PEER = 256 };

/* The log's view of a port: one kind of message, with a limit of its own. Embedded in what the type keeps for the port. */
struct port_logger {
    struct context *context;
    const struct port *port;
    struct log_limit limit;
    char place[PORT_LOGGER_PEER]; /* where the other side is, fit for a log */
};

void port_logger_init(struct port_logger *logger, struct context *context, const struct port *port,
                      const char *place);

/* port_log() - a line in the log, "web: stream 127.0.0.1:5000: ...", with the port's type; not too many in a row */
void port_log(struct port_logger *logger, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
