/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vnl.h - virtual network locators, libvdeplug's network names: SCHEME://ADDRESS, or the path of a
 * VDE switch
 */
#ifndef VSW_PORTS_PLUG_VNL_H
#define VSW_PORTS_PLUG_VNL_H

#include "util/error.h"

#include <limits.h>
#include <stdbool.h>

enum { VNL_MAX = 1023, VNL_SCHEME = 32 };

/* vnl_check() - checks the length and the scheme of VNL. libvdeplug loads a module by the name of
 * the scheme, so letters, digits, _ and - only. Return: 0, or -EINVAL and sets ERR. */
int vnl_check(const char *vnl, struct error *err);

/* vnl_has_scheme() - whether VNL has a scheme; libvdeplug takes it for a path if not */
bool vnl_has_scheme(const char *vnl);

/* vnl_directory() - the directory of the VDE switch that VNL names, without the port; "" for
 * libvdeplug's default
 * Return: false if VNL names something else; PATH is then unchanged.
 */
bool vnl_directory(const char *vnl, char path[PATH_MAX]);

#endif
