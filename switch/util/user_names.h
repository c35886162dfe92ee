/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * user_names.h - cache of user and group names
 *
 * A lookup reads files, or asks a directory service over the network; listing a thousand ports must
 * not do that for each of them. Names stay cached for the life of the cache.
 */
#ifndef VSW_UTIL_USER_NAMES_H
#define VSW_UTIL_USER_NAMES_H

#include <stdbool.h>
#include <sys/types.h>

struct user_names;

/* user_names_new(), user_names_free() - allocate and free a cache. Return: the caller's to free, or
 * NULL if out of memory. */
struct user_names *user_names_new(void);
void user_names_free(struct user_names *names);

/* user_name(), group_name() - the name, or the number in decimal if there is none; NULL for -1
 * Return: a string owned by NAMES, valid until the next call of the same function.
 */
const char *user_name(struct user_names *names, uid_t user);
const char *group_name(struct user_names *names, gid_t group);

/* user_find(), group_find() - the id that TEXT, a number or a name, stands for. Return: false if there is none. */
bool user_find(const char *text, uid_t *user);
bool group_find(const char *text, gid_t *group);

#endif
