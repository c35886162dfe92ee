/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * clock.h - units of time: nanoseconds of a monotonic clock (os_now())
 */
#ifndef VSW_UTIL_CLOCK_H
#define VSW_UTIL_CLOCK_H

#include <stdint.h>

#define SECOND UINT64_C(1000000000)

#endif
