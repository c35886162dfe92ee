/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port_say.h - what a port type tells people about one of its ports
 */
#ifndef VSW_PORTS_PORT_SAY_H
#define VSW_PORTS_PORT_SAY_H

#include "ports/runtime.h"

#include <stdarg.h>

/* port_say() - a line in the log, "web: stream 127.0.0.1:5000: ...", with the port's type
 * @place: where the other side is, fit for a log
 */
void port_say(struct runtime *runtime, const struct port *port, struct log_limit *limit, int level,
              const char *place, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* The same with its arguments in a list. */
void port_vsay(struct runtime *runtime, const struct port *port, struct log_limit *limit, int level,
               const char *place, const char *format, va_list arguments);

#endif
