/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vnl.h - the name of another network, as libvdeplug reads it: SCHEME://ADDRESS, or the path of a VDE switch
 */
#ifndef VSW_PORTS_PLUG_VNL_H
#define VSW_PORTS_PLUG_VNL_H

#include "util/error.h"

#include <limits.h>
#include <stdbool.h>

enum { VNL_MAX = 1023, VNL_SCHEME = 32 };

/* vnl_check() - can VNL be one? A module is loaded by the name of its scheme, so that has letters and digits alone.
 * Return: 0, or -EINVAL and sets ERR. */
int vnl_check(const char *vnl, struct error *err);

/* vnl_has_scheme() - or would libvdeplug take all of it for a path? */
bool vnl_has_scheme(const char *vnl);

/* vnl_directory() - the directory of the VDE switch that VNL names, without the port behind it; "" for the usual one
 * Return: false if VNL names something else. */
bool vnl_directory(const char *vnl, char path[PATH_MAX]);

#endif
