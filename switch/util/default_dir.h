/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * default_dir.h - where a switch is found if nobody says otherwise
 *
 * The switch and its tools must agree, so there is one place that says so.
 */
#ifndef VSW_UTIL_DEFAULT_DIR_H
#define VSW_UTIL_DEFAULT_DIR_H

#include <stddef.h>

/* default_dir() - writes the directory of this user's switch to the SIZE bytes at DIR, cutting it if it must */
void default_dir(char *dir, size_t size);

#endif
