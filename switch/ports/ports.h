/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ports.h - operations on ports of any type
 */
#ifndef VSW_PORTS_PORTS_H
#define VSW_PORTS_PORTS_H

#include "ports/spec.h"

/* port_type_named() - the type called NAME, or NULL */
const struct port_type *port_type_named(const char *name);

/* qemu_options() - writes QEMU's options for the switch in DIR to TEXT, cut if they do not fit.
 * Return: TEXT. */
const char *qemu_options(const struct qemu_way *way, const char *dir, char *text, size_t size);

/* Visits the types that QEMU connects to directly as TYPE: unconditional ones first. */
#define port_types_for_qemu(type)                                                                  \
    for (const struct port_type *type = port_type_for_qemu(NULL); type;                            \
         type = port_type_for_qemu(type))
const struct port_type *port_type_for_qemu(const struct port_type *before);

/* port_open() - creates and opens the port that TEXT describes, or a listener that creates ports
 * @trusted: the caller has the switch's own privileges
 * @made:    receives the port, or NULL if TEXT is about such a listener; may be NULL
 *
 * Return: 0; -EPERM if only a trusted caller may create such a port; or another -errno. On failure
 * sets ERR, and nothing has changed.
 */
int port_open(struct context *context, const char *text, bool trusted, struct port **made,
              struct error *err);

/* port_text() - writes the text from which port_open() recreates PORT to TEXT. Return: TEXT. */
const char *port_text(struct context *context, const struct port *port, char text[SPEC_TEXT]);

/* port_change() - changes PORT as TEXT says: key=value,... (spec.h). Return: as port_open(). */
int port_change(struct context *context, struct port *port, const char *text, struct error *err);

/* port_rename() - sets PORT's name to NAME; "" removes it. Return: as port_open(). */
int port_rename(struct context *context, struct port *port, const char *name, struct error *err);

/* port_close() - removes PORT, which has no endpoint, and its listeners. Return: as
 * port_remove(). */
int port_close(struct context *context, struct port *port);

/* ports_loop_back() - whether the peer of FD, connected by PROCESS, is a port of this switch */
bool ports_loop_back(struct context *context, int fd, pid_t process);

/* ports_explain() - sets ERR to what port_create() returned for port NUMBER. Return: STATUS. */
int ports_explain(const struct vswitch *sw, int status, int number, struct error *err);

/* ports_start() - starts the port types. Return: 0, or -errno and sets ERR. */
int ports_start(struct context *context, struct error *err);

/* ports_stop() - stops the started ones; the switch, and with it all endpoints, is freed before */
void ports_stop(struct context *context);

/* ports_service() - the state of a started TYPE, or NULL */
struct service *ports_service(const struct context *context, const struct port_type *type);

#endif
