/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/spec.h"

#include "core/switch.h"
#include "ports/port_type.h"
#include "util/text.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MOST_KEYS = SPEC_PAIRS };

/* port= comes first: it is not for a port that exists. Then name=: neither is for one of many. */
static const char *const common_keys[] = {"port",     "name",    "vlan", "trunk",
                                          "learn",    "descr",   "up",   "isolated",
                                          "reserved", "offload", NULL};
static const char *const *const setting_keys = common_keys + 1;
static const char *const *const template_keys = common_keys + 2;

static char *next_field(char **rest);
static int find_type(const char *name, const struct port_type *const *types, struct port_spec *spec,
                     struct error *err);
static int read_pair(struct port_spec *spec, char *field, struct error *err);
static int begin(struct port_spec *spec, const char *text, struct error *err);
static int read_common(struct port_spec *spec, struct error *err);
static int read_description(struct port_spec *spec, const char *text, struct error *err);
static int read_vlans(struct port_spec *spec, struct error *err);
static int read_trunk(struct membership *member, const char *trunk, struct error *err);
static int read_policy(struct port_spec *spec, struct error *err);
static void accepted_keys(const struct port_type *type, const char *keys[]);
static bool is_among(const char *word, const char *const *words);
static void join(const char *const *words, char *text, size_t size);

int spec_parse(const char *text, const struct port_type *const *types, struct port_spec *spec,
               struct error *err)
{
    char *rest = spec->text;
    int status = begin(spec, text, err);

    if (status == 0)
        status = find_type(next_field(&rest), types, spec, err);
    if (status == 0 && spec->type->untrusted_edge)
        spec->config.reserved = RESERVED_DROP;
    while (status == 0 && rest)
        status = read_pair(spec, next_field(&rest), err);
    if (status == 0)
        status = read_common(spec, err);
    if (status == 0 && spec->type->check)
        status = spec->type->check(spec, err);
    if (status < 0)
        spec_clear(spec);
    return status;
}

int spec_parse_settings(const char *text, const struct port *port, struct port_spec *spec,
                        struct error *err)
{
    char *rest = spec->text;
    int status = begin(spec, text, err);

    if (status == 0 && port_config_copy(&spec->config, &port->config) < 0)
        status = error_no_memory(err);
    while (status == 0 && rest)
        status = read_pair(spec, next_field(&rest), err);
    if (status == 0)
        status = read_common(spec, err);
    if (status < 0)
        spec_clear(spec);
    return status;
}

void spec_clear(struct port_spec *spec)
{
    port_config_clear(&spec->config);
}

void spec_template(const struct port_spec *spec, char text[SPEC_TEXT])
{
    char *end = stpcpy(text, spec->type->name);

    for (unsigned i = 0; i < spec->pairs; i++) {
        if (is_among(spec->pair[i].key, template_keys))
            end = spec_add(end, spec->pair[i].key, spec->pair[i].value);
    }
}

char *spec_add(char *end, const char *key, const char *value)
{
    end += sprintf(end, ",%s=", key);
    for (; *value; value++) {
        if (*value == ',')
            *end++ = ',';
        *end++ = *value;
    }
    *end = '\0';
    return end;
}

const char *spec_value(const struct port_spec *spec, const char *key)
{
    for (unsigned i = 0; i < spec->pairs; i++) {
        if (!strcmp(spec->pair[i].key, key))
            return spec->pair[i].value;
    }
    return NULL;
}

int spec_switch(const struct port_spec *spec, const char *key, bool *on, struct error *err)
{
    const char *value = spec_value(spec, key);

    if (value && strcmp(value, "on") && strcmp(value, "off"))
        return error_set(err, EINVAL, "%s=%s is neither on nor off", key, value);
    if (value)
        *on = !strcmp(value, "on");
    return 0;
}

int spec_check_ifname(const struct port_spec *spec, const char *wanted, struct error *err)
{
    const char *ifname = spec_value(spec, "ifname");

    if (!ifname || !*ifname)
        return error_set(err, EINVAL, "ifname= is missing: %s", wanted);
    if (strlen(ifname) >= IFNAMSIZ)
        return error_set(err, EINVAL,
                         "\"%s\" is too long: an interface name has at most %d characters", ifname,
                         IFNAMSIZ - 1);
    return 0;
}

int spec_check_name(const char *name, struct error *err)
{
    /* Names are files in the switch's directory, where these have a meaning already. */
    static const char *const reserved[] = {"ctl", "stream", "vhost", "mgmt", "api"};

    if (!*name || strlen(name) >= PORT_NAME)
        return error_set(err, EINVAL, "a port name has 1 to %d characters", PORT_NAME - 1);
    if (name[strspn(name, PORT_NAME_CHARACTERS)] != '\0' || strchr("-_.", *name))
        return error_set(err, EINVAL,
                         "port name \"%s\" is not accepted: letters, digits, and - _ . inside",
                         name);
    if (name[strspn(name, "0123456789.")] == '\0')
        return error_set(err, EINVAL,
                         "port name \"%s\" has digits only: clients and we use such names; port=N "
                         "sets the number",
                         name);
    if (!strncasecmp(name, "0x", 2))
        return error_set(err, EINVAL, "port name \"%s\" is not accepted: it reads as a number",
                         name);
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        size_t length = strlen(reserved[i]);

        if (!strncmp(name, reserved[i], length) && (name[length] == '\0' || name[length] == '.'))
            return error_set(
                err, EINVAL,
                "port name \"%s\" is taken by the switch (ctl, stream, vhost, mgmt, api are)",
                name);
    }
    return 0;
}

static int begin(struct port_spec *spec, const char *text, struct error *err)
{
    memset(spec, 0, sizeof(*spec));
    spec->port = PORT_ANY;
    spec->config = port_config_defaults();
    if (strlen(text) >= sizeof(spec->text))
        return error_set(err, EINVAL, "port specification is longer than %zu bytes",
                         sizeof(spec->text) - 1);
    strcpy(spec->text, text);
    return 0;
}

/* Cuts the first field off *REST, undoubling commas in place; *REST becomes NULL after the last one. */
static char *next_field(char **rest)
{
    char *field = *rest, *to = field, *from = field;

    while (*from && (*from != ',' || from[1] == ',')) {
        from += *from == ',';
        *to++ = *from++;
    }
    *rest = *from ? from + 1 : NULL;
    *to = '\0';
    return field;
}

static int find_type(const char *name, const struct port_type *const *types, struct port_spec *spec,
                     struct error *err)
{
    const char *names[MOST_KEYS] = {NULL};
    const char *nearest;
    char list[256];

    for (unsigned i = 0; types[i]; i++) {
        if (!strcmp(types[i]->name, name)) {
            spec->type = types[i];
            return 0;
        }
        names[i] = types[i]->name;
    }
    nearest = text_nearest(name, names);
    join(names, list, sizeof(list));
    return error_set(err, EINVAL, "unknown port type \"%s\"%s%s%s; known are %s", name,
                     nearest ? " (did you mean \"" : "", nearest ? nearest : "",
                     nearest ? "\"?)" : "", list);
}

static int read_pair(struct port_spec *spec, char *field, struct error *err)
{
    const char *keys[MOST_KEYS], *nearest;
    char list[256];
    char *equals = strchr(field, '=');

    accepted_keys(spec->type, keys);
    join(keys, list, sizeof(list));
    if (!equals)
        return error_set(err, EINVAL, "\"%s\" is not key=value; %s takes %s", field,
                         spec->type ? spec->type->name : "a port", list);
    *equals = '\0';
    if (!is_among(field, keys)) {
        nearest = text_nearest(field, keys);
        return error_set(err, EINVAL, "unknown key \"%s\"%s%s%s; %s takes %s", field,
                         nearest ? " (did you mean \"" : "", nearest ? nearest : "",
                         nearest ? "\"?)" : "", spec->type ? spec->type->name : "a port", list);
    }
    if (spec_value(spec, field))
        return error_set(err, EINVAL, "key \"%s\" is given twice", field);
    if (spec->pairs == SPEC_PAIRS)
        return error_set(err, EINVAL, "more than %d keys", SPEC_PAIRS);
    spec->pair[spec->pairs].key = field;
    spec->pair[spec->pairs++].value = equals + 1;
    return 0;
}

static int read_common(struct port_spec *spec, struct error *err)
{
    const char *port = spec_value(spec, "port"), *name = spec_value(spec, "name");
    const char *learn = spec_value(spec, "learn"), *descr = spec_value(spec, "descr");
    unsigned long number;

    if (port) {
        if (!text_to_number(port, PORT_NUMBER_MAX, &number))
            return error_set(err, EINVAL, "port=%s is not a port number (0 to %d)", port,
                             PORT_NUMBER_MAX);
        spec->port = (int)number;
    }
    /* name= with nothing takes a name away, from a port that exists. */
    if (name) {
        int status = *name || spec->type ? spec_check_name(name, err) : 0;

        if (status < 0)
            return status;
        strcpy(spec->config.name, name);
    }
    if (descr) {
        int status = read_description(spec, descr, err);

        if (status < 0)
            return status;
    }
    if (learn) {
        if (!text_to_number(learn, FDB_CAPACITY_MAX, &number))
            return error_set(err, EINVAL, "learn=%s is not a number of addresses (0 to %d)", learn,
                             FDB_CAPACITY_MAX);
        spec->config.max_addresses = (unsigned)number;
    }
    return read_vlans(spec, err) < 0 ? -EINVAL : read_policy(spec, err);
}

static int read_description(struct port_spec *spec, const char *text, struct error *err)
{
    char *description;

    if (strlen(text) >= PORT_DESCRIPTION)
        return error_set(err, EINVAL, "descr= has at most %d bytes", PORT_DESCRIPTION - 1);
    description = *text ? strdup(text) : NULL;
    if (*text && !description)
        return error_no_memory(err);
    free(spec->config.description);
    spec->config.description = description;
    return 0;
}

/* Changes the membership to what the keys say. */
static int read_vlans(struct port_spec *spec, struct error *err)
{
    const char *vlan = spec_value(spec, "vlan"), *trunk = spec_value(spec, "trunk");
    struct membership *member = &spec->config.membership;
    unsigned long vid;
    int status;

    if (vlan && !strcmp(vlan, "transparent")) {
        membership_clear(member);
        member->transparent = true;
    } else if (vlan && !strcmp(vlan, "none")) {
        member->transparent = false;
        member->untagged = VID_NONE;
    } else if (vlan) {
        if (!text_to_number(vlan, VID_MAX, &vid))
            return error_set(err, EINVAL, "vlan=%s is not a VLAN (0 to %d, none or transparent)",
                             vlan, VID_MAX);
        member->transparent = false;
        member->untagged = (uint16_t)vid;
    }
    if (trunk && member->transparent)
        return error_set(err, EINVAL, "vlan=transparent carries every VLAN: leave trunk= out");
    status = trunk ? read_trunk(member, trunk, err) : 0;
    if (status == 0 && membership_has_tagged(member, member->untagged))
        status =
            error_set(err, EINVAL, "VLAN %u cannot be both untagged (vlan=) and tagged (trunk=)",
                      member->untagged);
    return status;
}

static int read_trunk(struct membership *member, const char *trunk, struct error *err)
{
    struct membership tagged = {.untagged = member->untagged};
    struct vidset vids = {0};

    if (*trunk && !vidset_parse(trunk, &vids))
        return error_set(err, EINVAL, "trunk=%s is not a list of VLANs (%d to %d), as in 10+20-29",
                         trunk, VID_MIN, VID_MAX);
    for (unsigned vid = vidset_next(&vids, 0); vid < VID_COUNT; vid = vidset_next(&vids, vid + 1)) {
        if (membership_tag(&tagged, vid, true) < 0) {
            membership_clear(&tagged);
            return error_no_memory(err);
        }
    }
    membership_clear(member);
    *member = tagged;
    return 0;
}

static int read_policy(struct port_spec *spec, struct error *err)
{
    const char *reserved = spec_value(spec, "reserved");
    struct port_config *config = &spec->config;
    unsigned word = 0;

    if (spec_switch(spec, "up", &config->up, err) < 0 ||
        spec_switch(spec, "isolated", &config->isolated, err) < 0 ||
        spec_switch(spec, "offload", &config->offload, err) < 0)
        return -EINVAL;
    if (!reserved)
        return 0;
    while (word < RESERVED_POLICIES && strcmp(reserved_policy_name[word], reserved))
        word++;
    if (word == RESERVED_POLICIES)
        return error_set(err, EINVAL, "reserved=%s is not one of forward, drop, consume", reserved);
    config->reserved = (enum reserved_policy)word;
    return 0;
}

/* The type's own keys first: they are what people forget. */
static void accepted_keys(const struct port_type *type, const char *keys[])
{
    const char *const *common = type ? common_keys : setting_keys;
    unsigned n = 0;

    for (unsigned i = 0; type && type->keys[i]; i++)
        keys[n++] = type->keys[i];
    for (unsigned i = 0; common[i]; i++)
        keys[n++] = common[i];
    keys[n] = NULL;
}

static bool is_among(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word))
        words++;
    return *words;
}

static void join(const char *const *words, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (unsigned i = 0; words[i] && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", words[i]);
}
