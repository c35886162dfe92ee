/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/port_say.h"

#include "util/os_linux.h"
#include "util/text.h"

#include <stdarg.h>
#include <stdio.h>

enum { TEXT = 576 };

void port_voice_init(struct port_voice *voice, struct runtime *runtime, const struct port *port,
                     const char *place)
{
    *voice = (struct port_voice){.runtime = runtime, .port = port};
    text_copy(voice->place, sizeof(voice->place), place);
}

void port_say(struct port_voice *voice, int level, const char *format, ...)
{
    char label[PORT_LABEL], text[TEXT];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_limited(voice->runtime->log, &voice->limit, os_now(), level, "%s: %s %s: %s",
                port_label(voice->port, label), voice->port->type, voice->place, text);
}
