/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/stream/spec.h"

#include "core/switch.h"
#include "ports/listen/inherited.h"
#include "util/text.h"

#include <errno.h>

static int read_max_clients(const struct port_spec *spec, struct stream_spec *wanted,
                            struct error *err);

int stream_spec_read(const struct port_spec *spec, struct stream_spec *wanted, struct error *err)
{
    const char *path = spec_value(spec, "path"), *addr = spec_value(spec, "addr");
    const char *fd = spec_value(spec, "fd");

    int status;

    *wanted = (struct stream_spec){
        .kind = path || addr ? STREAM_ADDRESS
                : fd         ? STREAM_FD
                             : STREAM_DIR,
        .server = spec_on(spec, "server"),
        .fd = -1,
    };
    if (!!path + !!addr + !!fd > 1)
        return error_set(err, EINVAL, "path=, addr= and fd= are three places: give one");
    if (spec_value(spec, "server") && !path && !addr)
        return error_set(err, EINVAL, "server= is about path= or addr=, and neither is there");
    if (path && *path != '/')
        return error_set(err, EINVAL, "path=%s is not an absolute path", path);
    if (addr && *addr == '/')
        return error_set(err, EINVAL, "addr=%s is a path: path= takes it", addr);
    status = fd ? inherited_read(fd, &wanted->fd, err) : 0;
    if (status == 0)
        status = read_max_clients(spec, wanted, err);
    if (status == 0 && (path || addr))
        status = address_read(path ? "path" : "addr", path ? path : addr, wanted->server,
                              &wanted->address, err);
    return status;
}

int stream_spec_refuse_max(struct error *err)
{
    return error_set(err, EINVAL,
                     "max-clients= is for a place where each client gets a port: one that "
                     "listens (server=on), without port= and name=");
}

static int read_max_clients(const struct port_spec *spec, struct stream_spec *wanted,
                            struct error *err)
{
    const char *text = spec_value(spec, "max-clients");
    unsigned long number = 0;

    if (!text)
        return 0;
    if (!text_to_number(text, PORT_NUMBER_MAX, &number) || number == 0)
        return error_set(err, EINVAL, "max-clients=%s is not a number of clients, 1 to %d", text,
                         PORT_NUMBER_MAX);
    wanted->max_clients = (unsigned)number;
    if (spec->port != PORT_ANY || *spec->config.name ||
        (wanted->kind != STREAM_FD && !wanted->server))
        return stream_spec_refuse_max(err);
    return 0;
}
