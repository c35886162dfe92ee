/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port_log.h - log messages about one port
 */
#ifndef VSW_PORTS_PORT_LOG_H
#define VSW_PORTS_PORT_LOG_H

#include "ports/context.h"

enum { PORT_LOGGER_PEER = 256 };

/* Port logger: logs about one port, with its own rate limit. Embedded in what the type keeps for
 * the port. */
struct port_logger {
    struct context *context;
    const struct port *port;
    struct log_limit limit;
    char place[PORT_LOGGER_PEER]; /* address of the peer, escaped */
};

void port_logger_init(struct port_logger *logger, struct context *context, const struct port *port,
                      const char *place);

/* port_log() - logs "web: stream 127.0.0.1:5000: ...", with the port's label and type; rate
 * limited */
void port_log(struct port_logger *logger, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
