/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * program.h - the running program, as the commands see it
 */
#ifndef VSW_CONTROL_PROGRAM_H
#define VSW_CONTROL_PROGRAM_H

#include "control/ageing.h"
#include "ports/runtime.h"

#define VSW_VERSION "0.1.0"
#define VDE_VERSION "2.3.3" /* the vde_switch whose behaviour this program follows */

struct program {
    struct runtime runtime;
    struct ageing ageing;
    uint64_t started; /* monotonic nanoseconds */
    bool stopping;    /* by a command, perhaps before the loop runs */
};

/* program_stop() - ends the event loop; the program cleans up and exits with status 0 */
static inline void program_stop(struct program *program)
{
    program->stopping = true;
    ev_break(program->runtime.loop, EVBREAK_ALL);
}

#endif
