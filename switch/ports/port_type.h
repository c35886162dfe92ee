/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port_type.h - what a port type implements
 *
 * A port type is a folder with one const struct port_type, and one row in port_types.c. No port
 * type names another.
 */
#ifndef VSW_PORTS_PORT_TYPE_H
#define VSW_PORTS_PORT_TYPE_H

#include "ports/context.h"
#include "ports/keys.h"

struct dir_listener_kind;
struct port_spec;

/* State of a started port type, such as its listeners. Embedded in a structure of the type. */
struct service {
    struct list node; /* in context->services */
    const struct port_type *type;
};

/* A command-line option that abbreviates a port: -t IF for --port tap,ifname=IF. */
struct port_option {
    char letter;
    const char *name;     /* "tap" */
    const char *argument; /* for help: "IF" */
    const char *key;      /* takes the argument as its value */
    const char *help;
};

/* How QEMU connects to a socket in the switch's directory. */
struct qemu_way {
    const char *options; /* DIR stands for the directory */
    const char *device;  /* what follows for a guest's interface, up to its MAC address */
    const char *when;    /* "with a QEMU before 7.2"; NULL: unconditional */
};

struct port_type {
    const char *name;
    const char *help;            /* one line */
    const struct port_key *keys; /* its own keys; ended by a row without a name */

    /* Untrusted edge: its ports lead to another network. Bridge protocols stop there by default,
     * and no frame leaves that could be taken for one of another VLAN. */
    bool untrusted_edge;

    /* Listeners of the type in the switch's directory, or NULL. */
    const struct dir_listener_kind *listeners;
    const struct port_option *option; /* NULL if there is none */
    const struct qemu_way *qemu;      /* NULL if there is none */

    /* check() - whether the type's own keys are complete and well-formed; a KEY_SWITCH is on or off
     * already. May be NULL. Return: 0, or -EINVAL and sets ERR. */
    int (*check)(const struct port_spec *spec, struct error *err);

    /* keys_of() - writes the type's own keys of PORT to OWN as spec_add() does, if they may differ
     * from those that it was opened with, as when an interface was renamed. May be NULL.
     * Return: false if nothing is known about PORT: the original keys hold. */
    bool (*keys_of)(struct context *context, const struct port *port, char own[SPEC_OWN]);

    /* start(), stop() - start and stop what the type does besides its ports; NULL if nothing.
     * start() returns 0 and sets *SERVICE, or -errno and sets ERR. */
    int (*start)(struct context *context, struct service **service, struct error *err);
    void (*stop)(struct service *service);

    /* serve() - opens a listener that gives each client a port of its own, if SPEC describes one
     * rather than a port. May be NULL.
     * Return: 1 if so; 0 if SPEC is about one port; or -errno and sets ERR. */
    int (*serve)(struct context *context, const struct port_spec *spec, struct error *err);

    /* open() - attaches an endpoint to PORT, or prepares for those that will attach
     *
     * PORT is configured as SPEC says. NULL if nothing else is to be done.
     * Return: 0, or -errno and sets ERR with nothing left open.
     */
    int (*open)(struct context *context, const struct port_spec *spec, struct port *port,
                struct error *err);

    /* forget() - PORT, without an endpoint, is about to be removed: release what would attach one
     * again. May be NULL. */
    void (*forget)(struct context *context, struct port *port);

    /* listen(), unlisten() - start and stop accepting clients that ask for the port named NAME
     *
     * Called for ports that any guest may attach to, with any protocol. NULL for types without such
     * clients. listen() returns 0, or -errno and sets ERR.
     */
    int (*listen)(struct context *context, const char *name, struct error *err);
    void (*unlisten)(struct context *context, const char *name);

    /* loops_back() - whether the peer of FD, connected by PROCESS, is one of the type's own ports:
     * it is refused, as frames would go round forever. May be NULL; may log. */
    bool (*loops_back)(struct context *context, int fd, pid_t process);
};

/* All port types, ended by NULL; port_types.c has the list. */
extern const struct port_type *const port_types[];

#endif
