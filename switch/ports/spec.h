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
 *     vlan=V        untagged VLAN, 1 to 4094; none: tagged frames only; transparent: every VLAN as it comes
 *     trunk=V+V-V   tagged VLANs
 */
#ifndef VSW_PORTS_SPEC_H
#define VSW_PORTS_SPEC_H

#include "core/port.h"
#include "util/error.h"
#include "util/vidset.h"

enum { SPEC_TEXT = VIDSET_TEXT + 1024, SPEC_PAIRS = 16 };

struct port_type;

struct port_spec {
    const struct port_type *type;
    int port;                     /* number or PORT_ANY */
    char name[PORT_NAME];         /* "" if none */
    struct membership membership; /* owned; spec_clear() */
    bool has_vlans;               /* vlan= or trunk= was given */

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

/* spec_value() - the value of KEY, or NULL if it was not given */
const char *spec_value(const struct port_spec *spec, const char *key);

/* spec_check_name() - may a port be called NAME? Return: 0 or -EINVAL with words in ERR. */
int spec_check_name(const char *name, struct error *err);

#endif
