/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/session/script.h"

#include "control/control.h"
#include "control/interpreter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct script {
    struct script *outer;
    FILE *file;
    char *line;
    size_t size;
    unsigned number;            /* of the current line */
    char shown[ARGUMENT_SHOWN]; /* its path, escaped */
};

static const char system_rcfile[] = "/etc/vde2/vde_switch.rc";

static const char *default_rcfile(char in_home[PATH_MAX]);
static void run_unattended(struct caller *caller, char *line);
static int push(struct caller *caller, const char *path, FILE *file, struct error *err);
static void pop(struct caller *caller);
static FILE *open_plain_file(const char *path, struct error *err);

/* No client is served yet, but signals are: one of them may stop the daemon between two lines. */
void script_run_at_start(struct control *control, const char *path)
{
    struct caller caller = {.control = control, .trusted = true};
    char in_home[PATH_MAX];
    FILE *file;

    if (!path)
        path = default_rcfile(in_home);
    file = fopen(path, "re");
    if (!file || push(&caller, path, file, NULL) < 0)
        return;
    while (caller.script && !control->stopping) {
        char *line = script_next(&caller);

        if (line)
            run_unattended(&caller, line);
        ev_run(control->context.loop, EVRUN_NOWAIT);
    }
    script_drop_all(&caller);
}

int script_open(struct caller *caller, const char *path, struct error *err)
{
    FILE *file = open_plain_file(path, err);

    return file ? push(caller, path, file, err) : -errno;
}

char *script_next(struct caller *caller)
{
    struct script *script = caller->script;

    while (getline(&script->line, &script->size, script->file) >= 0) {
        script->number++;
        script->line[strcspn(script->line, "\r\n")] = '\0';
        if (script->line[strspn(script->line, " \t")])
            return script->line;
    }
    pop(caller);
    return NULL;
}

const char *script_path(const struct caller *caller)
{
    return caller->script->shown;
}

void script_drop_all(struct caller *caller)
{
    while (caller->script)
        pop(caller);
}

static const char *default_rcfile(char in_home[PATH_MAX])
{
    const char *home = getenv("HOME");

    snprintf(in_home, PATH_MAX, "%s/.vde2/vde_switch.rc", home ? home : "");
    return home && access(in_home, R_OK) == 0 ? in_home : system_rcfile;
}

/* Discards the reply and logs errors. */
static void run_unattended(struct caller *caller, char *line)
{
    const struct script *script = caller->script;
    char shown[ARGUMENT_SHOWN], place[ARGUMENT_SHOWN];
    unsigned number = script->number;
    struct error err;
    char *reply = NULL;
    size_t size;
    FILE *out = open_memstream(&reply, &size);
    int status;

    if (!out)
        return;
    strcpy(place, script->shown);
    argument_shown(line, shown);
    status = command_run(caller, line, out, &err);
    fclose(out);
    free(reply);
    if (status < 0)
        log_say(caller->control->context.log, LOG_WARNING, "%s line %u: %s: %s%s%s", place, number,
                shown, strerror(-status), *err.text ? ": " : "", err.text);
}

/* Takes ownership of FILE, also if this fails. */
static int push(struct caller *caller, const char *path, FILE *file, struct error *err)
{
    struct script *script;
    unsigned depth = 0;

    for (script = caller->script; script; script = script->outer)
        depth++;
    script = depth < SCRIPTS_DEEP ? calloc(1, sizeof(*script)) : NULL;
    if (!script) {
        fclose(file);
        return depth < SCRIPTS_DEEP
                   ? error_no_memory(err)
                   : error_set(err, ELOOP, "scripts load scripts more than %d deep", SCRIPTS_DEEP);
    }
    script->file = file;
    argument_shown(path, script->shown);
    script->outer = caller->script;
    caller->script = script;
    return 0;
}

static void pop(struct caller *caller)
{
    struct script *script = caller->script;

    caller->script = script->outer;
    fclose(script->file);
    free(script->line);
    free(script);
}

/* Only regular files, because reading any other could block. Return: NULL with errno set, and sets
 * ERR. */
static FILE *open_plain_file(const char *path, struct error *err)
{
    char shown[ARGUMENT_SHOWN];
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), code = errno;
    struct stat info;

    FILE *file;

    if (fd >= 0 && (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)))
        code = EINVAL;
    else if (fd >= 0) {
        file = fdopen(fd, "r");
        if (file)
            return file;
        code = errno;
    }
    if (fd >= 0)
        close(fd);
    error_set(err, code, "\"%s\"%s", argument_shown(path, shown),
              code == EINVAL ? " is not a file" : "");
    errno = code;
    return NULL;
}
