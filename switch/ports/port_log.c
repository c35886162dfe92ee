/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/port_log.h"

#include "util/os_linux.h"
#include "util/text.h"

#include <stdarg.h>
#include <stdio.h>

enum { TEXT = 576 };

void port_logger_init(struct port_logger *logger, struct context *context, const struct port *port,
                      const char *place)
{
    *logger = (struct port_logger){.context = context, .port = port};
    text_copy(logger->place, sizeof(logger->place), place);
}

void port_log(struct port_logger *logger, int level, const char *format, ...)
{
    char label[PORT_LABEL], text[TEXT];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_limited(logger->context->log, &logger->limit, os_now(), level, "%s: %s %s: %s",
                port_label(logger->port, label), logger->port->type, logger->place, text);
}
