/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/user_names.h"

#include "util/text.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

enum { SLOTS = 512, NAME = 64 };

struct known_name {
    bool known;
    id_t id;
    char name[NAME];
};

struct user_names {
    struct known_name user[SLOTS]; /* direct-mapped by id modulo SLOTS */
    struct known_name group[SLOTS];
};

static const char *remember(struct known_name *slot, id_t id, const char *name);

struct user_names *user_names_new(void)
{
    return calloc(1, sizeof(struct user_names));
}

void user_names_free(struct user_names *names)
{
    free(names);
}

const char *user_name(struct user_names *names, uid_t user)
{
    struct known_name *slot = &names->user[user % SLOTS];
    const struct passwd *entry;

    if (user == (uid_t)-1)
        return NULL;
    if (slot->known && slot->id == user)
        return slot->name;
    entry = getpwuid(user);
    return remember(slot, user, entry ? entry->pw_name : NULL);
}

const char *group_name(struct user_names *names, gid_t group)
{
    struct known_name *slot = &names->group[group % SLOTS];
    const struct group *entry;

    if (group == (gid_t)-1)
        return NULL;
    if (slot->known && slot->id == group)
        return slot->name;
    entry = getgrgid(group);
    return remember(slot, group, entry ? entry->gr_name : NULL);
}

/* A look-up may take a while: it is the last resort. */
bool user_find(const char *text, uid_t *user)
{
    unsigned long number = 0;
    const struct passwd *entry = NULL;

    if (!text_to_number(text, UINT32_MAX - 1, &number) && !(entry = getpwnam(text)))
        return false;
    *user = entry ? entry->pw_uid : (uid_t)number;
    return true;
}

bool group_find(const char *text, gid_t *group)
{
    unsigned long number = 0;
    const struct group *entry = NULL;

    if (!text_to_number(text, UINT32_MAX - 1, &number) && !(entry = getgrnam(text)))
        return false;
    *group = entry ? entry->gr_gid : (gid_t)number;
    return true;
}

static const char *remember(struct known_name *slot, id_t id, const char *name)
{
    slot->known = true;
    slot->id = id;
    if (name)
        text_copy(slot->name, sizeof(slot->name), name);
    else
        snprintf(slot->name, sizeof(slot->name), "%u", (unsigned)id);
    return slot->name;
}
