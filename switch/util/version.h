/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * version.h - of the switch and its tools
 */
#ifndef VSW_UTIL_VERSION_H
#define VSW_UTIL_VERSION_H

#define VSW_VERSION "0.1.0"

#endif
