/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/listen/dir_listeners.h"

#include "ports/listen/switch_dir.h"
#include "util/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_listener(struct dir_listeners *listeners, const char *file, const char *port_name,
                        struct error *err);
static void describe(struct dir_listener *listener);
static void remove_listener(struct dir_listener *listener);
static void on_accepted(struct acceptor *acceptor, int fd);

int dir_listeners_open(struct dir_listeners *listeners, struct context *context,
                       const struct dir_listener_kind *kind, struct error *err)
{
    listeners->context = context;
    listeners->kind = kind;
    list_init(&listeners->list);
    return add_listener(listeners, kind->file, "", err);
}

void dir_listeners_close(struct dir_listeners *listeners)
{
    list_for_each_safe (node, &listeners->list)
        remove_listener(container_of(node, struct dir_listener, node));
}

int dir_listeners_add(struct dir_listeners *listeners, const char *name, struct error *err)
{
    char file[SOCKET_PATH];

    snprintf(file, sizeof(file), "%s%s", name, listeners->kind->suffix);
    return add_listener(listeners, file, name, err);
}

void dir_listeners_remove(struct dir_listeners *listeners, const char *name)
{
    list_for_each_safe (node, &listeners->list) {
        struct dir_listener *listener = container_of(node, struct dir_listener, node);

        if (!strcmp(listener->name, name))
            remove_listener(listener);
    }
}

static int add_listener(struct dir_listeners *listeners, const char *file, const char *port_name,
                        struct error *err)
{
    struct dir_listener *listener = calloc(1, sizeof(*listener));
    int fd;

    if (!listener)
        return error_no_memory(err);
    fd = switch_dir_listen(listeners->context->dir, file, err);
    if (fd < 0) {
        free(listener);
        return fd;
    }
    listener->listeners = listeners;
    text_copy(listener->file, sizeof(listener->file), file);
    text_copy(listener->name, sizeof(listener->name), port_name);
    describe(listener);
    acceptor_start(&listener->acceptor, listeners->context, fd);
    list_append(&listeners->list, &listener->node);
    return 0;
}

static void describe(struct dir_listener *listener)
{
    struct acceptor *acceptor = &listener->acceptor;

    acceptor->clients = listener->listeners->kind->clients;
    acceptor->accepted = on_accepted;
    snprintf(acceptor->place, sizeof(acceptor->place), "%s/%s",
             listener->listeners->context->dir->sockets.path, listener->file);
    snprintf(acceptor->offers, sizeof(acceptor->offers), "%s%s",
             *listener->name ? "port " : "any port", listener->name);
}

static void remove_listener(struct dir_listener *listener)
{
    acceptor_stop(&listener->acceptor);
    socket_dir_unlisten(&listener->listeners->context->dir->sockets, listener->file);
    list_remove(&listener->node);
    free(listener);
}

static void on_accepted(struct acceptor *acceptor, int fd)
{
    struct dir_listener *listener = container_of(acceptor, struct dir_listener, acceptor);

    listener->listeners->kind->accepted(listener, fd);
}
