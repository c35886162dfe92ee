/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * spec.h - parsed keys of a stream port
 */
#ifndef VSW_PORTS_STREAM_SPEC_H
#define VSW_PORTS_STREAM_SPEC_H

#include "ports/listen/address.h"
#include "ports/spec.h"

enum stream_kind { STREAM_DIR, STREAM_ADDRESS, STREAM_FD };

struct stream_spec {
    enum stream_kind kind;
    bool server;            /* STREAM_ADDRESS: listen rather than connect */
    struct address address; /* STREAM_ADDRESS */
    int fd;                 /* STREAM_FD; else -1 */
    unsigned max_clients;   /* that get a port each; 0 if not given */
};

/* stream_spec_read() - parses the keys of SPEC into WANTED, without side effects. Return: 0, or
 * -EINVAL and sets ERR. */
int stream_spec_read(const struct port_spec *spec, struct stream_spec *wanted, struct error *err);

/* stream_spec_refuse_max() - for max-clients= where clients do not get a port each. Return:
 * -EINVAL, and sets ERR. */
int stream_spec_refuse_max(struct error *err);

#endif
