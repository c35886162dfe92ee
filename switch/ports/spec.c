/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/spec.h"

#include "core/switch.h"
#include "ports/listen/dir_listeners.h"
#include "ports/listen/switch_dir.h"
#include "ports/port_type.h"
#include "util/text.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MOST_KEYS = SPEC_PAIRS, LIST = 256 };

static int spec_begin(struct port_spec *spec, const char *text, struct error *err);
static char *next_field(char **rest);
static int find_type(const char *name, const struct port_type *const *types, struct port_spec *spec,
                     struct error *err);
static struct port_config type_defaults(const struct port_type *type);
static int read_pairs(struct port_spec *spec, char *rest, struct error *err);
static int read_pair(struct port_spec *spec, char *field, struct error *err);
static int explain_key(const struct port_spec *spec, const char *key, const char *const *accepted,
                       struct error *err);
static const char *current_name(const struct port_key *keys, const char *key);
static int read_common(struct port_spec *spec, struct error *err);
static int read_number(struct port_spec *spec, const char *text, struct error *err);
static int check_switches(const struct port_spec *spec, struct error *err);
static int check_length(const struct port_spec *spec, struct error *err);
static bool allocatable_by_default(const struct port_type *type, int number, const char *name,
                                   bool own, bool settings);
static void accepted_keys(const struct port_type *type, const char *keys[]);
static bool is_among(const char *word, const char *const *words);
static const char *join(const char *const *words, char text[LIST]);
static void reserved_names(const char *names[MOST_KEYS]);
static bool is_reserved(const char *name, const char *file);

int spec_parse(const char *text, const struct port_type *const *types, struct port_spec *spec,
               struct error *err)
{
    char *rest = spec->text;
    int status = spec_begin(spec, text, err);

    if (status == 0)
        status = find_type(next_field(&rest), types, spec, err);
    if (status < 0)
        return status;
    spec->config = type_defaults(spec->type);
    status = read_pairs(spec, rest, err);
    if (status == 0)
        status = check_switches(spec, err);
    if (status == 0 && spec->type->check)
        status = spec->type->check(spec, err);
    if (status == 0)
        status = check_length(spec, err);
    if (status == 0 && !spec_value(spec, "allocatable"))
        spec->config.allocatable =
            allocatable_by_default(spec->type, spec->port, spec->config.name,
                                   spec_own_count(spec) > 0, spec->pairs > spec_own_count(spec));
    if (status < 0)
        spec_clear(spec);
    return status;
}

int spec_parse_settings(const char *text, const struct port *port, struct port_spec *spec,
                        struct error *err)
{
    int status = spec_begin(spec, text, err);

    if (status < 0)
        return status;
    if (port_config_copy(&spec->config, &port->config) < 0)
        return error_no_memory(err);
    status = read_pairs(spec, spec->text, err);
    if (status < 0)
        spec_clear(spec);
    return status;
}

void spec_clear(struct port_spec *spec)
{
    port_config_clear(&spec->config);
}

void spec_text(const struct port_spec *spec, char text[SPEC_TEXT])
{
    char own[SPEC_OWN];

    spec_own_keys(spec, own);
    spec_write(text, spec->type, own, spec->port, &spec->config);
}

void spec_own_keys(const struct port_spec *spec, char own[SPEC_OWN])
{
    *own = '\0';
    for (const struct port_key *key = spec->type->keys; key->name; key++) {
        const char *value = spec_value(spec, key->name);

        if (value && !(key->standard && !strcmp(key->standard, value)))
            own = spec_add(own, key->name, value);
    }
}

void spec_write(char text[SPEC_TEXT], const struct port_type *type, const char *own, int number,
                const struct port_config *config)
{
    char decimal[12], value[KEY_VALUE], standard[KEY_VALUE], *end, *settings;
    struct port_config other = type_defaults(type);

    end = stpcpy(stpcpy(text, type->name), own);
    snprintf(decimal, sizeof(decimal), "%d", number);
    if (number != PORT_ANY)
        end = spec_add(end, "port", decimal);
    settings = end;
    for (const struct port_key *key = common_keys; key->name; key++) {
        if (!key->format)
            continue;
        if (!strcmp(key->name, "allocatable"))
            other.allocatable =
                allocatable_by_default(type, number, config->name, *own != '\0', end > settings);
        key->format(key, config, value);
        key->format(key, &other, standard);
        if (strcmp(value, standard) != 0)
            end = spec_add(end, key->name, value);
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

bool spec_on(const struct port_spec *spec, const char *key)
{
    const char *value = spec_value(spec, key);

    return key_on(value ? value : key_find(spec->type->keys, key)->standard);
}

unsigned spec_own_count(const struct port_spec *spec)
{
    unsigned count = 0;

    for (const struct port_key *key = spec->type->keys; key->name; key++)
        count += spec_value(spec, key->name) != NULL;
    return count;
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
    const char *taken[MOST_KEYS];
    char list[LIST];

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
    reserved_names(taken);
    for (const char *const *file = taken; *file; file++) {
        if (is_reserved(name, *file))
            return error_set(err, EINVAL, "port name \"%s\" is taken by the switch (%s are)", name,
                             join(taken, list));
    }
    return 0;
}

/* Port names become files in the switch's directory, where these names have a meaning. */
static void reserved_names(const char *names[MOST_KEYS])
{
    unsigned n = 0;

    for (unsigned i = 0; port_types[i]; i++) {
        if (port_types[i]->listeners)
            names[n++] = port_types[i]->listeners->file;
    }
    for (unsigned i = 0; switch_dir_reserved[i]; i++)
        names[n++] = switch_dir_reserved[i];
    names[n] = NULL;
}

static bool is_reserved(const char *name, const char *file)
{
    size_t length = strlen(file);

    return !strncmp(name, file, length) && (name[length] == '\0' || name[length] == '.');
}

static int spec_begin(struct port_spec *spec, const char *text, struct error *err)
{
    memset(spec, 0, sizeof(*spec));
    spec->port = PORT_ANY;
    if (strlen(text) >= sizeof(spec->text))
        return error_set(err, EINVAL, "port specification is longer than %zu bytes",
                         sizeof(spec->text) - 1);
    strcpy(spec->text, text);
    return 0;
}

/* Cuts the first field off *REST, undoubling commas in place; *REST becomes NULL after the last
 * one. */
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
    char list[LIST];

    for (unsigned i = 0; types[i]; i++) {
        if (!strcmp(types[i]->name, name)) {
            spec->type = types[i];
            return 0;
        }
        names[i] = types[i]->name;
    }
    nearest = text_nearest(name, names);
    return error_set(err, EINVAL, "unknown port type \"%s\"%s%s%s; known are %s", name,
                     nearest ? " (did you mean \"" : "", nearest ? nearest : "",
                     nearest ? "\"?)" : "", join(names, list));
}

/* Configuration of a port of TYPE before any key. */
static struct port_config type_defaults(const struct port_type *type)
{
    struct port_config config = port_config_defaults();

    if (type->untrusted_edge)
        config.reserved = RESERVED_DROP;
    return config;
}

static int read_pairs(struct port_spec *spec, char *rest, struct error *err)
{
    int status = 0;

    while (status == 0 && rest)
        status = read_pair(spec, next_field(&rest), err);
    return status < 0 ? status : read_common(spec, err);
}

static int read_pair(struct port_spec *spec, char *field, struct error *err)
{
    const char *accepted[MOST_KEYS];
    char list[LIST], *equals = strchr(field, '=');

    accepted_keys(spec->type, accepted);
    if (!equals)
        return error_set(err, EINVAL, "\"%s\" is not key=value; %s takes %s", field,
                         spec->type ? spec->type->name : "a port", join(accepted, list));
    *equals = '\0';
    if (!is_among(field, accepted))
        return explain_key(spec, field, accepted, err);
    if (spec_value(spec, field))
        return error_set(err, EINVAL, "key \"%s\" is given twice", field);
    if (spec->pairs == SPEC_PAIRS)
        return error_set(err, EINVAL, "more than %d keys", SPEC_PAIRS);
    spec->pair[spec->pairs].key = field;
    spec->pair[spec->pairs++].value = equals + 1;
    return 0;
}

static int explain_key(const struct port_spec *spec, const char *key, const char *const *accepted,
                       struct error *err)
{
    const char *meant = current_name(common_keys, key);
    char list[LIST];

    if (!meant && spec->type)
        meant = current_name(spec->type->keys, key);
    if (!meant)
        meant = text_nearest(key, accepted);
    return error_set(err, EINVAL, "unknown key \"%s\"%s%s%s; %s takes %s", key,
                     meant ? " (did you mean \"" : "", meant ? meant : "", meant ? "\"?)" : "",
                     spec->type ? spec->type->name : "a port", join(accepted, list));
}

/* The current name of KEY, an earlier one; NULL if it is none. */
static const char *current_name(const struct port_key *keys, const char *key)
{
    for (; keys->name; keys++) {
        if (keys->formerly && !strcmp(keys->formerly, key))
            return keys->name;
    }
    return NULL;
}

static int read_common(struct port_spec *spec, struct error *err)
{
    const struct membership *member = &spec->config.membership;
    const char *number = spec_value(spec, "port"), *name = spec_value(spec, "name");

    for (const struct port_key *key = common_keys; key->name; key++) {
        const char *value = spec_value(spec, key->name);
        int status = value && key->parse ? key->parse(key, value, &spec->config, err) : 0;

        if (status < 0)
            return status;
    }
    if (number && read_number(spec, number, err) < 0)
        return -EINVAL;
    /* An empty name= removes the name of an existing port. */
    if (name && (*name || spec->type) && spec_check_name(name, err) < 0)
        return -EINVAL;
    if (membership_has_tagged(member, member->untagged))
        return error_set(err, EINVAL, "VLAN %u cannot be both untagged (vlan=) and tagged (trunk=)",
                         member->untagged);
    return 0;
}

static int read_number(struct port_spec *spec, const char *text, struct error *err)
{
    unsigned long number;

    if (!text_to_number(text, PORT_NUMBER_MAX, &number))
        return error_set(err, EINVAL, "port=%s is not a port number (0 to %d)", text,
                         PORT_NUMBER_MAX);
    spec->port = (int)number;
    return 0;
}

/* The type's own; common ones were checked when they were parsed. */
static int check_switches(const struct port_spec *spec, struct error *err)
{
    for (const struct port_key *key = spec->type->keys; key->name; key++) {
        const char *value = spec_value(spec, key->name);
        int status = value && key->type == KEY_SWITCH ? key_check_switch(key->name, value, err) : 0;

        if (status < 0)
            return status;
    }
    return 0;
}

/* spec_own_keys() has room for SPEC_OWN bytes. No address or name is that long, but a number may
 * have leading zeros. */
static int check_length(const struct port_spec *spec, struct error *err)
{
    size_t length = 1;

    for (const struct port_key *key = spec->type->keys; key->name; key++) {
        const char *value = spec_value(spec, key->name);

        length += value ? strlen(",=") + strlen(key->name) + 2 * strlen(value) : 0;
    }
    return length > SPEC_OWN
               ? error_set(err, EINVAL, "the keys of %s are too long", spec->type->name)
               : 0;
}

/* A port with a number or a name is for clients that ask for it. One whose endpoint comes from its
 * own keys is not free while that endpoint is away if it may come back, or if settings, such as its
 * VLAN, were meant for it. */
static bool allocatable_by_default(const struct port_type *type, int number, const char *name,
                                   bool own, bool settings)
{
    if (number != PORT_ANY || *name)
        return false;
    return !own || (!type->forget && !settings);
}

/* The type's own keys first: they are what users forget. port= leads the common ones, and is not
 * for existing ports. */
static void accepted_keys(const struct port_type *type, const char *keys[])
{
    const struct port_key *common = type ? common_keys : common_keys + 1;
    unsigned n = 0;

    for (unsigned i = 0; type && type->keys[i].name; i++)
        keys[n++] = type->keys[i].name;
    for (unsigned i = 0; common[i].name; i++)
        keys[n++] = common[i].name;
    keys[n] = NULL;
}

static bool is_among(const char *word, const char *const *words)
{
    while (*words && strcmp(*words, word))
        words++;
    return *words;
}

/* Return: TEXT. */
static const char *join(const char *const *words, char text[LIST])
{
    text[0] = '\0';
    for (unsigned i = 0; words[i]; i++)
        text_append(text, LIST, "%s%s", i ? ", " : "", words[i]);
    return text;
}
