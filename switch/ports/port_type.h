/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port_type.h - what the switch knows of a kind of endpoint
 *
 * A port type is one file with one const struct port_type, and one row in port_types.c. No port type names another.
 */
#ifndef VSW_PORTS_PORT_TYPE_H
#define VSW_PORTS_PORT_TYPE_H

#include "ports/runtime.h"
#include "ports/spec.h"

struct port_type {
    const char *name;
    const char *help;        /* one line */
    const char *const *keys; /* that it takes besides the common ones; ended by NULL */

    /* check() - are the type's own keys complete and well-formed? May be NULL.
     * Return: 0, or -EINVAL with words in ERR. */
    int (*check)(const struct port_spec *spec, struct error *err);

    /* open() - attaches an endpoint to PORT, or makes ready for those that will attach
     *
     * PORT is configured as SPEC says. Return: 0, or -errno with words in ERR and nothing left open.
     */
    int (*open)(struct runtime *runtime, const struct port_spec *spec, struct port *port,
                struct error *err);
};

/* All port types, ended by NULL. */
extern const struct port_type *const port_types[];

/* port_open() - makes the port that TEXT describes: parse, find or create the port, set its VLANs and name, open it
 *
 * Return: 0, or -errno with words in ERR; then the switch is as it was.
 */
int port_open(struct runtime *runtime, const char *text, struct error *err);

/* ports_close() - ends what the port types hold besides endpoints (listeners); at exit */
void ports_close(struct runtime *runtime);

#endif
