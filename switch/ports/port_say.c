/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/port_say.h"

#include "util/os_linux.h"

#include <stdio.h>

enum { TEXT = 576 };

void port_say(struct runtime *runtime, const struct port *port, struct log_limit *limit, int level,
              const char *place, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    port_vsay(runtime, port, limit, level, place, format, arguments);
    va_end(arguments);
}

void port_vsay(struct runtime *runtime, const struct port *port, struct log_limit *limit, int level,
               const char *place, const char *format, va_list arguments)
{
    char label[PORT_LABEL], text[TEXT];

    vsnprintf(text, sizeof(text), format, arguments);
    log_limited(runtime->log, limit, os_now(), level, "%s: %s %s: %s", port_label(port, label),
                port->type, place, text);
}
