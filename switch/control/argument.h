/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * argument.h - what commands are given: typed, checked before the command runs
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
};

struct parameter {
    const char *name; /* as help shows it */
    enum argument_type type;
    bool optional;
};

enum { ARGUMENTS = 3 }; /* most that a command takes */

struct argument {
    bool given;
    unsigned number; /* NUMBER, FLAG, PORT_NUMBER, VLAN, VID */
    struct port *port;
    uint8_t mac[6];
    id_t id;
    const char *text; /* WORD, TEXT; into the line, which is cut into words */
};

/* arguments_read() - reads TEXT, cutting it into words, as PARAMETERS say
 * @parameters: ended by one without a name; NULL if there are none, and then TEXT does not matter, as in VDE
 *
 * Return: 0; -EINVAL if something is malformed, out of range, missing, or too much; -ENXIO if a port or VLAN does not
 * exist. Then there are words in ERR.
 */
int arguments_read(const struct vswitch *sw, const struct parameter *parameters, char *text,
                   struct argument arguments[ARGUMENTS], struct error *err);

/* argument_shown() - TEXT as it can be shown to people: escaped, not too long */
enum { ARGUMENT_SHOWN = 128 };
const char *argument_shown(const char *text, char shown[ARGUMENT_SHOWN]);

#endif
