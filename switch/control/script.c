/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/script.h"

#include "control/session.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DEEPEST = 8,
    MOST_LINES = 65536, /* of a load: nobody else is served meanwhile */
};

static const char system_rcfile[] = "/etc/vde2/vde_switch.rc";

static bool is_over(const struct caller *caller);
static void run_loaded(struct caller *caller, const char *path, char *line);
static char *next_command(FILE *file, char **line, size_t *size, unsigned *number);
static FILE *open_file(const char *path, struct error *err);

/* Nothing is served yet: between the lines a signal may tell us to end. */
void script_run_at_start(struct program *program, const char *path)
{
    struct caller caller = {.program = program, .trusted = true};
    const char *home = getenv("HOME");
    char in_home[PATH_MAX], *line = NULL, *reply = NULL;
    size_t size = 0, reply_size;
    unsigned number = 0;
    struct error err;
    FILE *file, *out;

    if (!path) {
        path = system_rcfile;
        snprintf(in_home, sizeof(in_home), "%s/.vde2/vde_switch.rc", home ? home : "");
        if (home && access(in_home, R_OK) == 0)
            path = in_home;
    }
    file = fopen(path, "re");
    out = file ? open_memstream(&reply, &reply_size) : NULL;
    while (out && !program->stopping && next_command(file, &line, &size, &number)) {
        char shown[ARGUMENT_SHOWN];
        int status;

        argument_shown(line, shown);
        rewind(out);
        status = command_run(&caller, line, out, &err);
        caller.leaving = false; /* there is no session to leave */
        if (status < 0)
            log_say(program->runtime.log, LOG_WARNING, "%s line %u: %s: %s%s%s", path, number,
                    shown, strerror(-status), *err.text ? ": " : "", err.text);
        ev_run(program->runtime.loop, EVRUN_NOWAIT);
    }
    if (out)
        fclose(out);
    if (file)
        fclose(file);
    free(reply);
    free(line);
}

int script_load(struct caller *caller, const char *path, struct error *err)
{
    char *line = NULL;
    size_t size = 0;
    unsigned number = 0;
    int status = 0;
    FILE *file;

    if (caller->scripts == DEEPEST)
        return error_set(err, ELOOP, "scripts load scripts more than %d deep", DEEPEST);
    file = open_file(path, err);
    if (!file)
        return -errno;
    caller->scripts++;
    while (status == 0 && !is_over(caller) && next_command(file, &line, &size, &number)) {
        if (caller->script_lines++ == MOST_LINES)
            status = error_set(err, EFBIG, "scripts of more than %d lines", MOST_LINES);
        else
            run_loaded(caller, path, line);
    }
    if (--caller->scripts == 0)
        caller->script_lines = 0;
    free(line);
    fclose(file);
    return status;
}

/* Nobody is there any more for whom to go on. */
static bool is_over(const struct caller *caller)
{
    return caller->leaving || (caller->session && caller->session->broken);
}

/* The line stands before the events that it causes, its reply behind them. */
static void run_loaded(struct caller *caller, const char *path, char *line)
{
    char shown[ARGUMENT_SHOWN], *text = NULL;
    size_t size = 0, echo = 0;
    FILE *out = open_memstream(&text, &size);
    struct error ignored;

    if (!out)
        return;
    fprintf(out, "vde[%s]: %s\n", argument_shown(path, shown), line);
    if (caller->session && fflush(out) == 0) {
        echo = size;
        session_write(caller->session, text, echo);
    }
    command_run(caller, line, out, &ignored);
    if (fclose(out) == 0 && caller->session)
        session_write(caller->session, text + echo, size - echo);
    free(text);
}

/* Return: the next line that is not blank, without its newline, in *LINE; NULL at the end. */
static char *next_command(FILE *file, char **line, size_t *size, unsigned *number)
{
    while (getline(line, size, file) >= 0) {
        (*number)++;
        (*line)[strcspn(*line, "\r\n")] = '\0';
        if ((*line)[strspn(*line, " \t")])
            return *line;
    }
    return NULL;
}

/* Return: NULL, with errno and words in ERR, for what is not a plain file: that could keep us waiting. */
static FILE *open_file(const char *path, struct error *err)
{
    char shown[ARGUMENT_SHOWN];
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), code = errno;
    struct stat info;

    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
        return fdopen(fd, "r");
    if (fd >= 0) {
        close(fd);
        code = EINVAL;
    }
    error_set(err, code, "\"%s\"%s", argument_shown(path, shown), fd >= 0 ? " is not a file" : "");
    errno = code;
    return NULL;
}
