/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ports.h - what is done with a port, whatever its type
 */
#ifndef VSW_PORTS_PORTS_H
#define VSW_PORTS_PORTS_H

#include "ports/spec.h"

/* port_type_named() - the type of that name, or NULL */
const struct port_type *port_type_named(const char *name);

/* qemu_options() - writes how QEMU plugs into the switch in DIR to TEXT, which is returned; cut if it does not fit */
const char *qemu_options(const struct qemu_way *way, const char *dir, char *text, size_t size);

/* The types into which QEMU plugs by itself, TYPE in turn: those for any QEMU first. */
#define port_types_for_qemu(type)                                                                  \
    for (const struct port_type *type = port_type_for_qemu(NULL); type;                            \
         type = port_type_for_qemu(type))
const struct port_type *port_type_for_qemu(const struct port_type *before);

/* port_open() - makes the port that TEXT describes: parse, create the port, set its VLANs and name, open it
 * @trusted: the caller has the switch's own privileges
 * @made:    receives the port, or NULL if TEXT is about a place where clients get one each; may be NULL
 *
 * Return: 0; -EPERM if only a trusted caller may make such a port; or another -errno. Then ERR is set and the
 * switch is as it was.
 */
int port_open(struct context *context, const char *text, bool trusted, struct port **made,
              struct error *err);

/* port_text() - writes the text that port_open() makes PORT again of to TEXT, which is returned */
const char *port_text(struct context *context, const struct port *port, char text[SPEC_TEXT]);

/* port_change() - changes PORT as TEXT says: key=value,... (spec.h). Return: as port_open(). */
int port_change(struct context *context, struct port *port, const char *text, struct error *err);

/* port_rename() - calls PORT by NAME, or by nothing if that is "". Return: as port_open(). */
int port_rename(struct context *context, struct port *port, const char *name, struct error *err);

/* port_close() - removes PORT, to which nothing is attached, and whatever listens for it. Return: as port_remove(). */
int port_close(struct context *context, struct port *port);

/* ports_loop_back() - is a port of this switch at the other end of FD, which PROCESS has connected? */
bool ports_loop_back(struct context *context, int fd, pid_t process);

/* ports_explain() - words for what port_create() returned about port NUMBER. Return: STATUS. */
int ports_explain(const struct vswitch *sw, int status, int number, struct error *err);

/* ports_start() - starts the port types. Return: 0, or -errno and sets ERR. */
int ports_start(struct context *context, struct error *err);

/* ports_stop() - stops those that were started; endpoints are closed with the switch, before */
void ports_stop(struct context *context);

/* ports_service() - the state of a started TYPE */
struct service *ports_service(const struct context *context, const struct port_type *type);

#endif
