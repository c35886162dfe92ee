/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port_type.h - what the switch knows of a kind of endpoint
 *
 * A port type is a folder with one const struct port_type, and one row in port_types.c. No port type names another.
 */
#ifndef VSW_PORTS_PORT_TYPE_H
#define VSW_PORTS_PORT_TYPE_H

#include "ports/context.h"
#include "ports/keys.h"

struct dir_listener_kind;
struct port_spec;

/* What a started port type keeps between its ports: its listeners, for one. Embedded in a structure of the type. */
struct service {
    struct list node; /* in context->services */
    const struct port_type *type;
};

/* An option of the command line that is short for a port: -t IF for --port tap,ifname=IF. */
struct port_option {
    char letter;
    const char *name;     /* "tap" */
    const char *argument; /* as help shows it: "IF" */
    const char *key;      /* that the argument is the value of */
    const char *help;
};

/* How QEMU plugs into the switch's directory. */
struct qemu_way {
    const char *options; /* DIR stands for the directory */
    const char *device;  /* what goes behind that for a guest's interface, up to its MAC address */
    const char *when;    /* "with a QEMU before 7.2"; NULL: whenever it can be had */
};

struct port_type {
    const char *name;
    const char *help;            /* one line */
    const struct port_key *keys; /* its own, besides the common ones; ended by one without a name */

    /* Its ports lie at the edge of somebody else's network: bridges' own protocols stop there unless told otherwise, and
     * no frame leaves that could be taken for one of another VLAN. */
    bool untrusted_edge;

    /* Where its clients come in the switch's directory; NULL if they do not. */
    const struct dir_listener_kind *listeners;
    const struct port_option *option; /* NULL if there is none */
    const struct qemu_way *qemu;      /* the same */

    /* check() - are the type's own keys complete and well-formed? May be NULL. A KEY_SWITCH is on or off.
     * Return: 0, or -EINVAL and sets ERR. */
    int (*check)(const struct port_spec *spec, struct error *err);

    /* keys_of() - writes to OWN the keys of PORT, a port of the type, as spec_add() does, if they are not those that it was
     * opened with: an interface was renamed. May be NULL.
     * Return: false if nothing is known of the port; then they are those. */
    bool (*keys_of)(struct context *context, const struct port *port, char own[SPEC_OWN]);

    /* start(), stop() - begin and end what the type does without being asked for a port; NULL if nothing.
     * start() returns 0 and its state in *SERVICE, or -errno and sets ERR. */
    int (*start)(struct context *context, struct service **service, struct error *err);
    void (*stop)(struct service *service);

    /* serve() - does SPEC ask for no port, but for a place where clients get one each? May be NULL.
     * Return: 1 if so, and it is open; 0 if SPEC is about one port; or -errno and sets ERR. */
    int (*serve)(struct context *context, const struct port_spec *spec, struct error *err);

    /* open() - attaches an endpoint to PORT, or makes ready for those that will attach
     *
     * PORT is configured as SPEC says. NULL if that is all there is to do.
     * Return: 0, or -errno and sets ERR and nothing left open.
     */
    int (*open)(struct context *context, const struct port_spec *spec, struct port *port,
                struct error *err);

    /* forget() - PORT, which has no endpoint just now, is going away: release what would bring one back. May be NULL. */
    void (*forget)(struct context *context, struct port *port);

    /* listen(), unlisten() - begin and end to let clients in that ask for the port of that NAME
     *
     * For ports that any guest may plug into, whatever its protocol. NULL for types whose ports no client looks for.
     * listen() returns 0, or -errno and sets ERR.
     */
    int (*listen)(struct context *context, const char *name, struct error *err);
    void (*unlisten)(struct context *context, const char *name);

    /* loops_back() - is one of its ports at the other end of FD, which PROCESS has connected? Frames would go round
     * forever: it is not let in, and the type may say so. May be NULL. */
    bool (*loops_back)(struct context *context, int fd, pid_t process);
};

/* All port types, ended by NULL; port_types.c has the list. */
extern const struct port_type *const port_types[];

#endif
