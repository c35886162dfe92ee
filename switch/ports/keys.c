/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/keys.h"

#include "core/switch.h"
#include "util/text.h"
#include "util/user_names.h"
#include "util/vidset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static key_parse parse_name, parse_vlan, parse_trunk, parse_addresses, parse_description,
    parse_switch, parse_reserved, parse_id;
static key_format format_name, format_vlan, format_trunk, format_addresses, format_description,
    format_switch, format_reserved, format_id;

static int read_tags(const char *value, struct membership *member, struct error *err);

/* trunk= must follow vlan=, and allocatable= all others: spec_parse() reads them in this order. */
const struct port_key common_keys[] = {
    {"port", KEY_NUMBER, "N", "its number; without it the lowest that no port has"},
    {"name", KEY_TEXT, "NAME", "what people call it, and clients that ask for it",
     .parse = parse_name, .format = format_name},
    {"vlan", KEY_TEXT, "N|none|transparent",
     "the VLAN of untagged frames, or that they are dropped, or every VLAN", .parse = parse_vlan,
     .format = format_vlan},
    {"trunk", KEY_TEXT, "N+N-N", "VLANs whose frames pass tagged, as 10+20-29",
     .parse = parse_trunk, .format = format_trunk},
    {"max-addresses", KEY_NUMBER, "N",
     "how many addresses it may have in the table; 0: it learns none", .formerly = "learn",
     .parse = parse_addresses, .format = format_addresses},
    {"description", KEY_TEXT, "TEXT", "what people want to know of it", .formerly = "descr",
     .parse = parse_description, .format = format_description},
    {"up", KEY_SWITCH, "on|off", "off: nothing comes in or leaves", .parse = parse_switch,
     .format = format_switch, .field = offsetof(struct port_config, up)},
    {"isolated", KEY_SWITCH, "on|off", "on: it reaches only ports that are not isolated",
     .parse = parse_switch, .format = format_switch,
     .field = offsetof(struct port_config, isolated)},
    {"reserved", KEY_TEXT, "forward|drop|consume",
     "what happens to frames that bridges keep to themselves", .parse = parse_reserved,
     .format = format_reserved},
    {"offload", KEY_SWITCH, "on|off",
     "off: checksums and GSO frames are completed before they leave", .parse = parse_switch,
     .format = format_switch, .field = offsetof(struct port_config, offload)},
    {"user", KEY_TEXT, "any|USER", "only this user's clients may plug in", .parse = parse_id,
     .format = format_id, .field = offsetof(struct port_config, user)},
    {"group", KEY_TEXT, "any|GROUP", "members of this group may plug in, too", .parse = parse_id,
     .format = format_id, .field = offsetof(struct port_config, group)},
    {"allocatable", KEY_SWITCH, "on|off", "whether a client that asks for any port may get it",
     .parse = parse_switch, .format = format_switch,
     .field = offsetof(struct port_config, allocatable)},
    {0},
};

const struct port_key *key_find(const struct port_key *keys, const char *name)
{
    while (keys->name && strcmp(keys->name, name))
        keys++;
    return keys->name ? keys : NULL;
}

const char *key_value(const char *name, const struct port_config *config, char text[KEY_VALUE])
{
    const struct port_key *key = key_find(common_keys, name);

    key->format(key, config, text);
    return text;
}

bool key_on(const char *value)
{
    return !strcmp(value, "on");
}

int key_check_switch(const char *key, const char *value, struct error *err)
{
    return strcmp(value, "on") && strcmp(value, "off")
               ? error_set(err, EINVAL, "%s=%s is neither on nor off", key, value)
               : 0;
}

/* spec_check_name() checks that the name is acceptable: it knows which are reserved. */
static int parse_name(const struct port_key *key, const char *value, struct port_config *config,
                      struct error *err)
{
    (void)key;
    if (strlen(value) >= PORT_NAME)
        return error_set(err, EINVAL, "a port name has 1 to %d characters", PORT_NAME - 1);
    strcpy(config->name, value);
    return 0;
}

static void format_name(const struct port_key *key, const struct port_config *config,
                        char text[KEY_VALUE])
{
    (void)key;
    strcpy(text, config->name);
}

static int parse_vlan(const struct port_key *key, const char *value, struct port_config *config,
                      struct error *err)
{
    struct membership *member = &config->membership;
    unsigned long vid = VID_NONE;

    (void)key;
    if (!strcmp(value, "transparent")) {
        membership_clear(member);
        member->transparent = true;
        return 0;
    }
    if (strcmp(value, "none") && !text_to_number(value, VID_MAX, &vid))
        return error_set(err, EINVAL, "vlan=%s is not a VLAN (0 to %d, none or transparent)", value,
                         VID_MAX);
    member->transparent = false;
    member->untagged = (uint16_t)vid;
    return 0;
}

static void format_vlan(const struct port_key *key, const struct port_config *config,
                        char text[KEY_VALUE])
{
    const struct membership *member = &config->membership;

    (void)key;
    if (member->transparent || member->untagged == VID_NONE)
        strcpy(text, member->transparent ? "transparent" : "none");
    else
        sprintf(text, "%u", member->untagged);
}

static int parse_trunk(const struct port_key *key, const char *value, struct port_config *config,
                       struct error *err)
{
    struct membership *member = &config->membership;
    struct membership wanted = {.untagged = member->untagged};
    int status;

    (void)key;
    if (member->transparent)
        return error_set(err, EINVAL, "vlan=transparent carries every VLAN: leave trunk= out");
    status = read_tags(value, &wanted, err);
    if (status < 0) {
        membership_clear(&wanted);
        return status;
    }
    membership_clear(member);
    *member = wanted;
    return 0;
}

static int read_tags(const char *value, struct membership *member, struct error *err)
{
    struct vidset vids = {0};

    if (*value && !vidset_parse(value, &vids))
        return error_set(err, EINVAL, "trunk=%s is not a list of VLANs (%d to %d), as in 10+20-29",
                         value, VID_MIN, VID_MAX);
    for (unsigned vid = vidset_next(&vids, 0); vid < VID_COUNT; vid = vidset_next(&vids, vid + 1)) {
        if (membership_tag(member, vid, true) < 0)
            return error_no_memory(err);
    }
    return 0;
}

static void format_trunk(const struct port_key *key, const struct port_config *config,
                         char text[KEY_VALUE])
{
    (void)key;
    *text = '\0';
    if (config->membership.tagged)
        vidset_format(config->membership.tagged, text, KEY_VALUE);
}

static int parse_addresses(const struct port_key *key, const char *value,
                           struct port_config *config, struct error *err)
{
    unsigned long number;

    if (!text_to_number(value, FDB_CAPACITY_MAX, &number))
        return error_set(err, EINVAL, "%s=%s is not a number of addresses (0 to %d)", key->name,
                         value, FDB_CAPACITY_MAX);
    config->max_addresses = (unsigned)number;
    return 0;
}

static void format_addresses(const struct port_key *key, const struct port_config *config,
                             char text[KEY_VALUE])
{
    (void)key;
    *text = '\0';
    if (config->max_addresses != PORT_ADDRESSES_DEFAULT)
        sprintf(text, "%u", config->max_addresses);
}

static int parse_description(const struct port_key *key, const char *value,
                             struct port_config *config, struct error *err)
{
    char *description;

    if (strlen(value) >= PORT_DESCRIPTION)
        return error_set(err, EINVAL, "%s= has at most %d bytes", key->name, PORT_DESCRIPTION - 1);
    description = *value ? strdup(value) : NULL;
    if (*value && !description)
        return error_no_memory(err);
    free(config->description);
    config->description = description;
    return 0;
}

static void format_description(const struct port_key *key, const struct port_config *config,
                               char text[KEY_VALUE])
{
    (void)key;
    strcpy(text, config->description ? config->description : "");
}

static int parse_switch(const struct port_key *key, const char *value, struct port_config *config,
                        struct error *err)
{
    int status = key_check_switch(key->name, value, err);

    if (status == 0)
        *(bool *)((char *)config + key->field) = key_on(value);
    return status;
}

static void format_switch(const struct port_key *key, const struct port_config *config,
                          char text[KEY_VALUE])
{
    strcpy(text, *(const bool *)((const char *)config + key->field) ? "on" : "off");
}

static int parse_reserved(const struct port_key *key, const char *value, struct port_config *config,
                          struct error *err)
{
    unsigned word = 0;

    (void)key;
    while (word < RESERVED_POLICIES && strcmp(reserved_policy_name[word], value))
        word++;
    if (word == RESERVED_POLICIES)
        return error_set(err, EINVAL, "reserved=%s is not one of forward, drop, consume", value);
    config->reserved = (enum reserved_policy)word;
    return 0;
}

static void format_reserved(const struct port_key *key, const struct port_config *config,
                            char text[KEY_VALUE])
{
    (void)key;
    strcpy(text, reserved_policy_name[config->reserved]);
}

static int parse_id(const struct port_key *key, const char *value, struct port_config *config,
                    struct error *err)
{
    bool user = key->field == offsetof(struct port_config, user);
    id_t *id = (id_t *)((char *)config + key->field);

    if (!strcmp(value, "any"))
        *id = (id_t)-1;
    else if (!(user ? user_find(value, id) : group_find(value, id)))
        return error_set(err, EINVAL, "%s=%s: there is no such %s on this system", key->name, value,
                         key->name);
    return 0;
}

/* Numbers need no look-up, and mean the same user if names change. */
static void format_id(const struct port_key *key, const struct port_config *config,
                      char text[KEY_VALUE])
{
    id_t id = *(const id_t *)((const char *)config + key->field);

    if (id == (id_t)-1)
        strcpy(text, "any");
    else
        sprintf(text, "%u", (unsigned)id);
}
