/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * port_type.h - what the switch knows of a kind of endpoint
 *
 * A port type is a folder with one const struct port_type, and one row in port_types.c. No port type names another.
 */
#ifndef VSW_PORTS_PORT_TYPE_H
#define VSW_PORTS_PORT_TYPE_H

#include "ports/context.h"
#include "ports/spec.h"

/* What a started port type keeps between its ports: its listeners, for one. Embedded in a structure of the type. */
struct service {
    struct list node; /* in runtime->services */
    const struct port_type *type;
};

struct port_type {
    const char *name;
    const char *help;        /* one line */
    const char *const *keys; /* that it takes besides the common ones; ended by NULL */

    /* Of these keys, those by which a port reaches beyond the switch with the switch's own rights: only who has these may
     * use them. Ended by NULL; NULL if there are none. */
    const char *const *restricted;

    /* Its ports lie at the edge of somebody else's network: bridges' own protocols stop there unless told otherwise, and
     * no frame leaves that could be taken for one of another VLAN. */
    bool untrusted_edge;

    /* check() - are the type's own keys complete and well-formed? May be NULL.
     * Return: 0, or -EINVAL with words in ERR. */
    int (*check)(const struct port_spec *spec, struct error *err);

    /* start(), stop() - begin and end what the type does without being asked for a port; NULL if nothing.
     * start() returns 0 and its state in *SERVICE, or -errno with words in ERR. */
    int (*start)(struct context *context, struct service **service, struct error *err);
    void (*stop)(struct service *service);

    /* serve() - does SPEC ask for no port, but for a place where clients get one each? May be NULL.
     * Return: 1 if so, and it is open; 0 if SPEC is about one port; or -errno with words in ERR. */
    int (*serve)(struct context *context, const struct port_spec *spec, struct error *err);

    /* open() - attaches an endpoint to PORT, or makes ready for those that will attach
     *
     * PORT is configured as SPEC says. NULL if that is all there is to do.
     * Return: 0, or -errno with words in ERR and nothing left open.
     */
    int (*open)(struct context *context, const struct port_spec *spec, struct port *port,
                struct error *err);

    /* forget() - PORT, which has no endpoint just now, is going away: release what would bring one back. May be NULL. */
    void (*forget)(struct context *context, struct port *port);

    /* open_door(), close_door() - begin and end to let clients in who ask for the port of that NAME
     *
     * For ports that any guest may plug into, whatever its protocol. NULL for types whose ports nobody looks for.
     * open_door() returns 0, or -errno with words in ERR.
     */
    int (*listen)(struct context *context, const char *name, struct error *err);
    void (*unlisten)(struct context *context, const char *name);

    /* leads_back() - is one of its ports at the other end of FD, which PROCESS has connected? Frames would go round for
     * ever: it is not let in, and the type may say so. May be NULL. */
    bool (*loops_back)(struct context *context, int fd, pid_t process);
};

/* All port types, ended by NULL. */
extern const struct port_type *const port_types[];

/* port_open() - makes the port that TEXT describes: parse, create the port, set its VLANs and name, open it
 * @trusted: who asks has the switch's own rights
 * @made:    receives the port, or NULL if TEXT is about a place where clients get one each; may be NULL
 *
 * Return: 0; -EPERM if only who is trusted may make such a port; or another -errno. Then there are words in ERR and the
 * switch is as it was.
 */
int port_open(struct context *context, const char *text, bool trusted, struct port **made,
              struct error *err);

/* port_change() - changes PORT as TEXT says: key=value,... (spec.h). Return: as port_open(). */
int port_change(struct context *context, struct port *port, const char *text, struct error *err);

/* port_rename() - calls PORT by NAME, or by nothing if that is "". Return: as port_open(). */
int port_rename(struct context *context, struct port *port, const char *name, struct error *err);

/* port_close() - removes PORT, to which nothing is attached, and whatever listens for it. Return: as port_remove(). */
int port_close(struct context *context, struct port *port);

/* ports_lead_back() - is a port of this switch at the other end of FD, which PROCESS has connected? */
bool ports_loop_back(struct context *context, int fd, pid_t process);

/* ports_explain() - words for what port_create() returned about port NUMBER. Return: STATUS. */
int ports_explain(const struct vswitch *sw, int status, int number, struct error *err);

/* ports_start() - starts the port types. Return: 0, or -errno with words in ERR. */
int ports_start(struct context *context, struct error *err);

/* ports_stop() - stops those that were started; endpoints are closed with the switch, before */
void ports_stop(struct context *context);

/* ports_service() - the state of a started TYPE */
struct service *ports_service(const struct context *context, const struct port_type *type);

#endif
