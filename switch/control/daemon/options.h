/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * options.h - the command line: all of vde_switch's options with their meaning, and ours
 *
 * Called by the name vde_switch, the program takes vde_switch's defaults and manners as well: its directory, 32 ports,
 * help with status 1, and a start in spite of options that it does not know.
 */
#ifndef VSW_CONTROL_DAEMON_OPTIONS_H
#define VSW_CONTROL_DAEMON_OPTIONS_H

#include "control/daemon/daemon.h"
#include "core/switch.h"
#include "ports/listen/switch_dir.h"

#include <limits.h>

enum { OPTION_PORTS_MAX = 4096 };

enum options_verdict {
    OPTIONS_RUN,
    OPTIONS_EXIT_OK,      /* help or version has been printed */
    OPTIONS_EXIT_FAILURE, /* the error has been printed */
};

struct options {
    const char *program; /* the name it was called by, without directories */
    bool as_vde_switch;
    struct switch_config config;
    bool has_mac;
    struct switch_dir_options dir;
    char default_dir[PATH_MAX];
    bool daemon;
    bool no_stdin;
    bool spanning_tree; /* asked for */
    const char *pidfile;
    const char *rcfile;
    const char *mgmt; /* where the console listens; NULL: in the directory */
    bool has_console; /* it has one */
    struct vde_settings vde;

    /* -t and --port in the order given */
    struct {
        const char *given; /* what the user wrote */
        char *spec;    /* the port specification that it stands for; lives as long as the program */
        bool optional; /* -t: if the TAP cannot be had the switch starts all the same, as in VDE */
    } port[OPTION_PORTS_MAX];
    unsigned ports;
};

/* options_read() - reads the command line, printing what the user must know */
enum options_verdict options_read(struct options *options, int argc, char *argv[]);

#endif
