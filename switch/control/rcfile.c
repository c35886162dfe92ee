/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/rcfile.h"

#include "control/command.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char system_rcfile[] = "/etc/vde2/vde_switch.rc";

static void run_commands(struct program *program, const char *path, FILE *file);

void rcfile_run(struct program *program, const char *path)
{
    const char *home = getenv("HOME");
    char in_home[PATH_MAX];
    FILE *file;

    if (!path) {
        path = system_rcfile;
        snprintf(in_home, sizeof(in_home), "%s/.vde2/vde_switch.rc", home ? home : "");
        if (home && access(in_home, R_OK) == 0)
            path = in_home;
    }
    file = fopen(path, "re");
    if (!file)
        return;
    run_commands(program, path, file);
    fclose(file);
}

static void run_commands(struct program *program, const char *path, FILE *file)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;

    for (unsigned number = 1; !program->stopping && (length = getline(&line, &size, file)) >= 0;
         number++) {
        char *reply = NULL;
        size_t reply_size;
        FILE *out = open_memstream(&reply, &reply_size);
        int status;

        if (!out)
            break;
        line[strcspn(line, "\r\n")] = '\0';
        status = command_run(program, line, out);
        fclose(out);
        free(reply);
        if (status < 0)
            log_say(program->runtime.log, LOG_WARNING, "%s line %u: %s: %s", path, number, line,
                    strerror(-status));
        ev_run(program->runtime.loop, EVRUN_NOWAIT); /* a signal may tell us to end */
    }
    free(line);
}
