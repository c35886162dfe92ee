/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/plug/vnl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char tag[] = "://";

static size_t scheme_length(const char *vnl);

int vnl_check(const char *vnl, struct error *err)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t length = scheme_length(vnl);

    if (!*vnl)
        return error_set(err, EINVAL,
                         "vnl= is missing: where the plug leads, as slirp:// or vde:///run/vsw2");
    if (strlen(vnl) > VNL_MAX)
        return error_set(err, EINVAL, "vnl= is too long: it has at most %d characters", VNL_MAX);
    if (!vnl_has_scheme(vnl))
        return 0;
    if (length == 0 || length >= VNL_SCHEME || strspn(vnl, allowed) != length)
        return error_set(err, EINVAL,
                         "\"%.*s\", in front of ://, is no scheme; vde, slirp and vxvde are some",
                         length < 100 ? (int)length : 100, vnl);
    return 0;
}

bool vnl_has_scheme(const char *vnl)
{
    return strstr(vnl, tag);
}

bool vnl_directory(const char *vnl, char path[PATH_MAX])
{
    size_t length = scheme_length(vnl);

    if (vnl_has_scheme(vnl)) {
        if (length != strlen("vde") || strncmp(vnl, "vde", length) != 0)
            return false;
        vnl += length + strlen(tag);
    }
    snprintf(path, PATH_MAX, "%.*s", (int)strcspn(vnl, "["), vnl);
    return true;
}

static size_t scheme_length(const char *vnl)
{
    const char *end = strstr(vnl, tag);

    return end ? (size_t)(end - vnl) : 0;
}
