/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * spec.h - the text of a port: TYPE,key=value,...
 *
 * One grammar wherever a port is named, in the style of QEMU's options: a comma inside a value is written twice.
 * Parsing checks everything that can be checked without touching the system; nothing is changed before it has
 * succeeded.
 */
#ifndef VSW_PORTS_SPEC_H
#define VSW_PORTS_SPEC_H

#include "core/port.h"
#include "ports/port_type.h"
#include "util/error.h"
#include "util/vidset.h"

enum { SPEC_PAIRS = 24 };

struct port_spec {
    const struct port_type *type; /* NULL: settings of a port that exists */
    int port;                     /* number or PORT_ANY */
    struct port_config config;    /* what the port's is to be; owned; spec_clear() */

    /* every pair as it was written, the common ones included; they point into text */
    struct {
        const char *key;
        const char *value;
    } pair[SPEC_PAIRS];
    unsigned pairs;
    char text[SPEC_TEXT];
};

/* spec_parse() - reads TEXT into SPEC
 * @types: the known port types, ended by NULL
 *
 * Return: 0 with SPEC to be released by spec_clear(), or -errno and sets ERR and nothing to release.
 */
int spec_parse(const char *text, const struct port_type *const *types, struct port_spec *spec,
               struct error *err);
void spec_clear(struct port_spec *spec);

/* spec_parse_settings() - reads TEXT, which has no TYPE and no port=, as changes to PORT
 *
 * What TEXT does not say about VLANs stays as it is. Return: as spec_parse().
 */
int spec_parse_settings(const char *text, const struct port *port, struct port_spec *spec,
                        struct error *err);

/* spec_text() - writes SPEC to TEXT: spec_parse() makes the same of that. Keys that say what holds without them are left out. */
void spec_text(const struct port_spec *spec, char text[SPEC_TEXT]);

/* spec_own_keys() - writes the keys of SPEC that are its type's own, as spec_add() does */
void spec_own_keys(const struct port_spec *spec, char own[SPEC_OWN]);

/* spec_write() - writes a port of TYPE to TEXT
 * @own:    its type's own keys, as spec_own_keys() writes them
 * @number: or PORT_ANY
 */
void spec_write(char text[SPEC_TEXT], const struct port_type *type, const char *own, int number,
                const struct port_config *config);

/* spec_add() - writes ",KEY=VALUE" to END, the end of a text; a comma in VALUE doubles. Return: the new end. */
char *spec_add(char *end, const char *key, const char *value);

/* spec_value() - the value of KEY, or NULL if it was not given */
const char *spec_value(const struct port_spec *spec, const char *key);

/* spec_on() - whether KEY, a KEY_SWITCH of SPEC's type, is on: as it was given, or as it is without */
bool spec_on(const struct port_spec *spec, const char *key);

/* spec_own_count() - how many keys of its type's own SPEC has */
unsigned spec_own_count(const struct port_spec *spec);

/* spec_check_ifname() - is ifname= there, and can an interface be called so? WANTED says what is asked for.
 * Return: 0 or -EINVAL and sets ERR. */
int spec_check_ifname(const struct port_spec *spec, const char *wanted, struct error *err);

/* spec_check_name() - may a port be called NAME? Return: 0 or -EINVAL and sets ERR. */
int spec_check_name(const char *name, struct error *err);

#endif
