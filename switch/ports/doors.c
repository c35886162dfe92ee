/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/doors.h"

#include "ports/switch_dir.h"
#include "util/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_door(struct doors *doors, const char *file, const char *port_name,
                    struct error *err);
static void describe(struct door *door);
static void remove_door(struct door *door);
static void on_accepted(struct acceptor *acceptor, int fd);

int doors_open(struct doors *doors, struct runtime *runtime, const struct doors_kind *kind,
               struct error *err)
{
    doors->runtime = runtime;
    doors->kind = kind;
    list_init(&doors->list);
    return add_door(doors, kind->file, "", err);
}

void doors_close(struct doors *doors)
{
    list_for_each_safe (node, &doors->list)
        remove_door(container_of(node, struct door, node));
}

int doors_add(struct doors *doors, const char *name, struct error *err)
{
    char file[SOCKET_PATH];

    snprintf(file, sizeof(file), "%s%s", name, doors->kind->suffix);
    return add_door(doors, file, name, err);
}

void doors_remove(struct doors *doors, const char *name)
{
    list_for_each_safe (node, &doors->list) {
        struct door *door = container_of(node, struct door, node);

        if (!strcmp(door->name, name))
            remove_door(door);
    }
}

static int add_door(struct doors *doors, const char *file, const char *port_name, struct error *err)
{
    struct door *door = calloc(1, sizeof(*door));
    int fd;

    if (!door)
        return error_no_memory(err);
    fd = switch_dir_listen(doors->runtime->dir, file, err);
    if (fd < 0) {
        free(door);
        return fd;
    }
    door->doors = doors;
    text_copy(door->file, sizeof(door->file), file);
    text_copy(door->name, sizeof(door->name), port_name);
    describe(door);
    acceptor_start(&door->acceptor, doors->runtime, fd);
    list_append(&doors->list, &door->node);
    return 0;
}

static void describe(struct door *door)
{
    struct acceptor *acceptor = &door->acceptor;

    acceptor->clients = door->doors->kind->clients;
    acceptor->accepted = on_accepted;
    snprintf(acceptor->place, sizeof(acceptor->place), "%s/%s",
             door->doors->runtime->dir->sockets.path, door->file);
    snprintf(acceptor->gives, sizeof(acceptor->gives), "%s%s", *door->name ? "port " : "any port",
             door->name);
}

static void remove_door(struct door *door)
{
    acceptor_stop(&door->acceptor);
    socket_dir_unlisten(&door->doors->runtime->dir->sockets, door->file);
    list_remove(&door->node);
    free(door);
}

static void on_accepted(struct acceptor *acceptor, int fd)
{
    struct door *door = container_of(acceptor, struct door, acceptor);

    door->doors->kind->entered(door, fd);
}
