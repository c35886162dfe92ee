/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * keys.h - the keys in the text of a port: TYPE,key=value,...
 *
 * One table of those that every type takes, one table in each type of its own. From these tables come --port and port/set, what
 * their errors say, what port/print shows of a port's settings, the text that makes a port again, the help, and the
 * shell's completion. A new key is a row, and a paragraph in the manual.
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

    /* those, the longest list of VLANs, and the rest: any port can be written down */
    SPEC_TEXT = VIDSET_TEXT + 4096,
};

struct port_key;

/* Puts VALUE into CONFIG. Keys are read in the order of their table. Return: 0, or -errno and sets ERR. */
typedef int key_parse(const struct port_key *key, const char *value, struct port_config *config,
                      struct error *err);

/* Writes the value that CONFIG has. */
typedef void key_format(const struct port_key *key, const struct port_config *config,
                        char text[KEY_VALUE]);

struct port_key {
    const char *name;
    enum key_type type;

    /* What it takes, as help shows it: words as they are typed, and placeholders in capitals, of which the completion knows
     * FILE, TAP, INTERFACE, USER and GROUP. */
    const char *values;
    const char *help;
    const char *formerly; /* its earlier name, or NULL: refused, but the error says the new one */

    /* of a type's own keys */
    bool restricted;      /* acts with the switch's privileges: only trusted callers may use it */
    const char *standard; /* the value that says the same as leaving it out; NULL: none does */

    /* of the common keys; a type reads its own in check() and open() */
    key_parse *parse;
    key_format *format; /* NULL for port=, which is no part of the configuration */
    size_t field;       /* of a KEY_SWITCH: where in struct port_config */
};

/* Ended by one without a name. In front stands port=, which is not for a port that exists. */
extern const struct port_key common_keys[];

/* key_find() - the row of NAME in the table KEYS, or NULL */
const struct port_key *key_find(const struct port_key *keys, const char *name);

/* key_value() - the value of the common key NAME in CONFIG, written to TEXT, which is returned */
const char *key_value(const char *name, const struct port_config *config, char text[KEY_VALUE]);

/* key_on() - whether VALUE, one that a KEY_SWITCH takes, is on */
bool key_on(const char *value);

/* key_check_switch() - Return: 0, or -EINVAL and sets ERR if VALUE is neither on nor off */
int key_check_switch(const char *key, const char *value, struct error *err);

#endif
