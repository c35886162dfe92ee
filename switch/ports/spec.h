/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * spec.h - the text of a port: TYPE,key=value,...
 *
 * One grammar wherever a port is named, in the style of QEMU's options: a comma inside a value is written twice.
 * Parsing checks everything that can be checked without touching the system; nothing is changed before it has
 * succeeded.
 *
 * Keys that every type takes:
 *     port=N        this port number (default: the lowest that does not exist)
 *     name=NAME     what people call the port
 *     vlan=V        untagged VLAN, 0 to 4094; none: tagged frames only; transparent: every VLAN as it comes
 *     trunk=V+V-V   tagged VLANs; nothing: none
 *     learn=N       how many addresses it may have
 *     descr=TEXT    what people say about it
 *     up=on|off     off: nothing comes in or leaves
 *     isolated=on|off                 on: reaches only ports that are not isolated
 *     reserved=forward|drop|consume   what happens to frames for 01:80:c2:00:00:00 to 0f
 *     offload=on|off                  off: open checksums and super-frames are finished before they leave
 */
#ifndef VSW_PORTS_SPEC_H
#define VSW_PORTS_SPEC_H

#include "core/port.h"
#include "util/error.h"
#include "util/vidset.h"

enum { SPEC_TEXT = VIDSET_TEXT + 1024, SPEC_PAIRS = 24 };

struct port_type;

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
 * Return: 0 with SPEC to be released by spec_clear(), or -errno with words in ERR and nothing to release.
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

/* spec_template() - writes what SPEC says about a port to TEXT: its type, and the common keys but port= and name=, which are
 * for one port alone */
void spec_template(const struct port_spec *spec, char text[SPEC_TEXT]);

/* spec_add() - writes ",KEY=VALUE" to END, the end of a text; a comma in VALUE doubles. Return: the new end. */
char *spec_add(char *end, const char *key, const char *value);

/* spec_value() - the value of KEY, or NULL if it was not given */
const char *spec_value(const struct port_spec *spec, const char *key);

/* spec_switch() - sets *ON to what KEY says, on or off, if it was given. Return: 0, or -EINVAL with words in ERR. */
int spec_switch(const struct port_spec *spec, const char *key, bool *on, struct error *err);

/* spec_check_ifname() - is ifname= there, and can an interface be called so? WANTED says what is asked for.
 * Return: 0 or -EINVAL with words in ERR. */
int spec_check_ifname(const struct port_spec *spec, const char *wanted, struct error *err);

/* spec_check_name() - may a port be called NAME? Return: 0 or -EINVAL with words in ERR. */
int spec_check_name(const char *name, struct error *err);

#endif
