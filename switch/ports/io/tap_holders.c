/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/io/tap_holders.h"

#include "util/os_linux.h"
#include "util/text.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void visit_process(pid_t process,
                          void (*visit)(void *context, const struct tap_holder *holder),
                          void *context);
static bool is_tap(const char *fd_path);
static bool read_interface(pid_t process, const char *fd, struct tap_holder *holder);

void tap_holders_each(void (*visit)(void *context, const struct tap_holder *holder), void *context)
{
    DIR *processes = opendir("/proc");
    struct dirent *entry;
    unsigned long process;

    while (processes && (entry = readdir(processes))) {
        if (text_to_number(entry->d_name, INT32_MAX, &process))
            visit_process((pid_t)process, visit, context);
    }
    if (processes)
        closedir(processes);
}

static void visit_process(pid_t process,
                          void (*visit)(void *context, const struct tap_holder *holder),
                          void *context)
{
    char path[64], fd_path[sizeof(path) + NAME_MAX + 1];
    struct tap_holder holder;
    struct dirent *entry;
    DIR *fds;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)process);
    fds = opendir(path);
    while (fds && (entry = readdir(fds))) {
        snprintf(fd_path, sizeof(fd_path), "%s/%s", path, entry->d_name);
        if (is_tap(fd_path) && read_interface(process, entry->d_name, &holder)) {
            os_program_name(process, holder.program, sizeof(holder.program));
            visit(context, &holder);
        }
    }
    if (fds)
        closedir(fds);
}

static bool is_tap(const char *fd_path)
{
    static const char device[] = "/dev/net/tun";
    char target[sizeof(device)];

    return readlink(fd_path, target, sizeof(target)) == sizeof(device) - 1 &&
           !memcmp(target, device, sizeof(device) - 1);
}

/* Return: false if the descriptor has no interface yet, or is gone. */
static bool read_interface(pid_t process, const char *fd, struct tap_holder *holder)
{
    char path[64 + NAME_MAX], line[128];
    bool found = false;
    FILE *info;

    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", (int)process, fd);
    info = fopen(path, "re");
    while (info && !found && fgets(line, sizeof(line), info)) {
        const char *name = line + 4 + strspn(line + 4, " \t");
        size_t length = strcspn(name, "\n");

        if (strncmp(line, "iff:", 4) || length == 0)
            continue;
        text_escape(holder->ifname, sizeof(holder->ifname), name, length);
        holder->process = process;
        found = true;
    }
    if (info)
        fclose(info);
    return found;
}
