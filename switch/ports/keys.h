/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * keys.h - the keys in the text of a port: TYPE,key=value,...
 *
 * One table of common keys, and one of each type's own. From these tables follow --port and
 * port/set, their error messages, the settings in port/print, the text that recreates a port, help,
 * and shell completion. A new key is a row, and a paragraph in the manual.
 */
#ifndef VSW_PORTS_KEYS_H
#define VSW_PORTS_KEYS_H

#include "core/port_config.h"
#include "util/error.h"

#include <stddef.h>

enum key_type { KEY_TEXT, KEY_NUMBER, KEY_SWITCH /* on or off */ };

enum {
    KEY_VALUE = VIDSET_TEXT, /* enough for any value of a common key */
    SPEC_OWN = 3072,         /* a type's own keys, as text */

    /* own keys, the longest list of VLANs, and the rest: any port fits */
    SPEC_TEXT = VIDSET_TEXT + 4096,
};

struct port_key;

/* Sets KEY to VALUE in CONFIG. Keys are parsed in the order of their table. Return: 0, or -errno
 * and sets ERR. */
typedef int key_parse(const struct port_key *key, const char *value, struct port_config *config,
                      struct error *err);

/* Writes CONFIG's value of KEY to TEXT. */
typedef void key_format(const struct port_key *key, const struct port_config *config,
                        char text[KEY_VALUE]);

struct port_key {
    const char *name;
    enum key_type type;

    /* Accepted values, for help: literal words, and placeholders in capitals, of which completion
     * knows FILE, TAP, INTERFACE, USER and GROUP. */
    const char *values;
    const char *help;
    /* earlier name: refused, but the error suggests the current one; may be NULL */
    const char *formerly;

    /* only for a type's own keys */
    bool restricted;      /* acts with the switch's privileges: only trusted callers may use it */
    const char *standard; /* default value; NULL: none */

    /* only for common keys; a type reads its own in check() and open() */
    key_parse *parse;
    key_format *format; /* NULL for port=, which is not part of the configuration */
    size_t field;       /* of a KEY_SWITCH, a user, a group: offset in struct port_config */
};

/* Ended by a row without a name. The first is port=, which is not for existing ports. */
extern const struct port_key common_keys[];

/* key_find() - the row of NAME in table KEYS, or NULL */
const struct port_key *key_find(const struct port_key *keys, const char *name);

/* key_value() - writes CONFIG's value of the common key NAME to TEXT. Return: TEXT. */
const char *key_value(const char *name, const struct port_config *config, char text[KEY_VALUE]);

/* key_on() - whether VALUE, of a KEY_SWITCH, is "on" */
bool key_on(const char *value);

/* key_check_switch() - checks the VALUE of a KEY_SWITCH. Return: 0, or -EINVAL and sets ERR if it
 * is neither on nor off. */
int key_check_switch(const char *key, const char *value, struct error *err);

#endif
