/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * default_dir.h - default directory of the switch's sockets
 *
 * Shared by the switch and its tools, which must agree on it.
 */
#ifndef VSW_UTIL_DEFAULT_DIR_H
#define VSW_UTIL_DEFAULT_DIR_H

#include <stddef.h>

/* default_dir() - writes this user's default directory to DIR, truncating it to SIZE bytes
 *
 * /run/vsw for root, $XDG_RUNTIME_DIR/vsw if that is an absolute path, else /tmp/vsw-UID.
 */
void default_dir(char *dir, size_t size);

#endif
