/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * user_names.h - names of users and groups, looked up once each
 *
 * A look-up reads files, or asks a directory service over the network; a list of a thousand ports must not do that for
 * each of them.
 */
#ifndef VSW_UTIL_USER_NAMES_H
#define VSW_UTIL_USER_NAMES_H

#include <stdbool.h>
#include <sys/types.h>

struct user_names;

/* user_names_new() - Return: NULL if there is no memory */
struct user_names *user_names_new(void);
void user_names_free(struct user_names *names);

/* user_name(), group_name() - the name, or the number where it has none; NULL for -1: nobody
 * Return: valid until the next call of the same function. */
const char *user_name(struct user_names *names, uid_t user);
const char *group_name(struct user_names *names, gid_t group);

/* user_find(), group_find() - the id that TEXT, a number or a name, stands for. Return: false if there is none. */
bool user_find(const char *text, uid_t *user);
bool group_find(const char *text, gid_t *group);

#endif
