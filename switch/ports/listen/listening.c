/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/listen/listening.h"

#include "util/list.h"
#include "util/os_linux.h"

#include <errno.h>
#include <unistd.h>

enum { ACCEPTS_PER_WAKE = 16 /* then it is the frames' turn again */ };

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events);
static void on_retry(struct ev_loop *loop, ev_timer *watcher, int events);

void listening_start(struct listening *listening, struct ev_loop *loop, int fd)
{
    listening->loop = loop;
    ev_init(&listening->retry, on_retry);
    ev_io_init(&listening->readable, on_readable, fd, EV_READ);
    ev_io_start(loop, &listening->readable);
}

void listening_stop(struct listening *listening)
{
    ev_timer_stop(listening->loop, &listening->retry);
    ev_io_stop(listening->loop, &listening->readable);
    close(listening->readable.fd);
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct listening *listening = container_of(watcher, struct listening, readable);

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_WAKE; i++) {
        int fd = os_accept(watcher->fd, listening->reserve_fd);

        if (fd >= 0) {
            listening->accepted(listening, fd);
        } else if (fd == -EMFILE || fd == -ENFILE) {
            ev_io_stop(loop, watcher);
            ev_timer_set(&listening->retry, 1., 0.);
            ev_timer_start(loop, &listening->retry);
            return;
        } else if (fd != -ECONNABORTED && fd != -EINTR) {
            return;
        }
    }
}

static void on_retry(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)events;
    ev_io_start(loop, &container_of(watcher, struct listening, retry)->readable);
}
