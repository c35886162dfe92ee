/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * argument.h - what commands are given: by place or by name, typed, checked before the command runs
 */
#ifndef VSW_CONTROL_ARGUMENT_H
#define VSW_CONTROL_ARGUMENT_H

#include "core/switch.h"
#include "util/error.h"

enum argument_type {
    ARGUMENT_NUMBER,      /* 0 to 2147483647; decimal, or hexadecimal behind 0x */
    ARGUMENT_FLAG,        /* 0 or 1 */
    ARGUMENT_PORT,        /* number or name of a port that exists */
    ARGUMENT_PORT_NUMBER, /* of one that need not exist */
    ARGUMENT_VLAN,        /* a VLAN that exists */
    ARGUMENT_VID,         /* 0 to 4095, whether it exists or not */
    ARGUMENT_MAC,         /* xx:xx:xx:xx:xx:xx, or with dots or dashes */
    ARGUMENT_USER,        /* name or number; NONE or ANY: (uid_t)-1 */
    ARGUMENT_GROUP,
    ARGUMENT_WORD, /* up to the next blank */
    ARGUMENT_TEXT, /* up to the end of the line */

    /* A port's text, for port_open(): TYPE,key=value,... And its settings, for port_change(): key=value,...
     * By place they reach to the end of the line. By name each key can be given as an argument of its own: whatever no
     * parameter is called is taken for one. A command has one such parameter at most. */
    ARGUMENT_SPEC,
    ARGUMENT_KEYS,
};

struct parameter {
    const char *name;  /* by which it can be given */
    const char *shown; /* what VDE's help and errors call it: "N" */
    enum argument_type type;
    bool optional;
};

enum {
    ARGUMENTS = 8,  /* most that a command takes */
    GIVEN_MAX = 48, /* most that a line is split into: arguments, and the keys of a port */
};

struct given {
    const char *name; /* NULL: by place; none may follow one by name */
    const char *value;
};

struct argument {
    bool given;
    unsigned number; /* NUMBER, FLAG, PORT_NUMBER, VLAN, VID */
    struct port *port;
    uint8_t mac[6];
    id_t id;
    const char *text; /* WORD, TEXT, SPEC, KEYS; points into what was given, or to collected */
    char *collected;  /* SPEC, KEYS: made of several; owned */
};

/* arguments_split() - cuts LINE into what PARAMETERS say that it holds
 * @parameters: ended by one without a name; NULL if there are none, and then LINE does not matter, as in VDE
 *
 * If the first word is NAME=VALUE, and a parameter has that name, all words are; else each stands for the parameter at its
 * place. Nothing is checked: what is too much is given as well.
 * Return: how many were written to GIVEN, pointing into LINE.
 */
unsigned arguments_split(const struct parameter *parameters, char *line,
                         struct given given[GIVEN_MAX]);

/* arguments_read() - reads COUNT values as PARAMETERS say
 *
 * Return: 0; -EINVAL if something is malformed, out of range, missing, or too much; -ENXIO if a port or VLAN does not
 * exist; -ENOMEM. Then ERR says what. Either way arguments_clear() is due.
 */
int arguments_read(const struct vswitch *sw, const struct parameter *parameters,
                   const struct given given[], unsigned count, struct argument arguments[ARGUMENTS],
                   struct error *err);
void arguments_clear(struct argument arguments[ARGUMENTS]);

/* argument_covers_port() - is PORT meant by ARGUMENT, an optional one: the port, or all? */
static inline bool argument_covers_port(const struct argument *argument, const struct port *port)
{
    return !argument->given || argument->port == port;
}

/* argument_covers_vlan() - the same for a VLAN */
static inline bool argument_covers_vlan(const struct argument *argument, unsigned vid)
{
    return !argument->given || argument->number == vid;
}

/* argument_shown() - TEXT as it can be shown to people: escaped, not too long */
enum { ARGUMENT_SHOWN = 128 };
const char *argument_shown(const char *text, char shown[ARGUMENT_SHOWN]);

#endif
