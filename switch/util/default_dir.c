/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/default_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void default_dir(char *dir, size_t size)
{
    const char *runtime_dir = getenv("XDG_RUNTIME_DIR");

    if (geteuid() == 0)
        snprintf(dir, size, "/run/vsw");
    else if (runtime_dir && *runtime_dir == '/')
        snprintf(dir, size, "%s/vsw", runtime_dir);
    else
        snprintf(dir, size, "/tmp/vsw-%u", (unsigned)geteuid());
}
