/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * spec.h - what the keys of a stream port say
 */
#ifndef VSW_PORTS_STREAM_SPEC_H
#define VSW_PORTS_STREAM_SPEC_H

#include "ports/listen/address.h"
#include "ports/spec.h"

enum stream_kind { STREAM_DIR, STREAM_ADDRESS, STREAM_FD };

struct stream_spec {
    enum stream_kind kind;
    bool server;            /* STREAM_ADDRESS: others connect to us */
    struct address address; /* STREAM_ADDRESS: where */
    int fd;                 /* STREAM_FD; else -1 */
    unsigned max_clients;   /* that get a port each; 0 if it was not said */
};

/* stream_spec_read() - reads the keys into WANTED, touching nothing. Return: 0, or -EINVAL and sets ERR. */
int stream_spec_read(const struct port_spec *spec, struct stream_spec *wanted, struct error *err);

/* stream_spec_refuse_max() - max-clients= was said of what is no place where each client gets a port. Return: -EINVAL. */
int stream_spec_refuse_max(struct error *err);

#endif
