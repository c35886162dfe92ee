/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * plug.c - another network as a port: a VDE switch, slirp, VXLAN, a program, by libvdeplug
 *
 * Theory of operation. A helper process (helper.c) connects to the far side, which may take it forever, and carries
 * the frames: here it is a socket, and what hangs over there fills that and then the port's queue. The endpoint is
 * attached while the helper says that it is up. When it ends, however it does, another one is started after a pause.
 *
 * What no retry can mend (a module that is not installed) is found out while the port is made: that waits for the
 * helper's first report, which comes before it connects to anything.
 */
#include "ports/plug/plug.h"

#include "ports/io/datagram.h"
#include "ports/io/fd_endpoint.h"
#include "ports/io/retry.h"
#include "ports/listen/switch_dir.h"
#include "ports/plug/helper.h"
#include "ports/plug/vnl.h"
#include "ports/port_log.h"
#include "ports/ports.h"
#include "util/os_linux.h"
#include "util/text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECT_SECONDS 10
#define STEADY_NS                                                                                  \
    UINT64_C(5000000000) /* what was up for less is no success: pauses go on growing */

enum {
    SHOWN = 256,
    REASON = HELPER_LINE,
    /* The helper's first report takes some milliseconds. While the switch runs, frames wait for it. */
    START_WAITS_MS = 2000,
    FRAMES_WAIT_MS = 200,
};

struct plug_service {
    struct service service;
    struct context *context;
    struct list plugs;
    struct plug_helpers helpers;
};

struct plug {
    struct list node; /* in the service's */
    struct plug_service *service;
    struct port *port;
    char *vnl;
    char *directory;            /* in which it was made: relative paths mean that */
    struct plug_helper *helper; /* NULL during a pause */
    struct retry retry;
    ev_timer patience; /* runs until the helper is up */
    bool attached;     /* base is in use */
    struct fd_endpoint base;
    uint64_t since;      /* it is attached */
    char reason[REASON]; /* why the helper ends; "" if it did not say */
    char known[REASON];  /* why it cannot connect, as was said already */
    struct port_logger logger, helper_logger;
};

static int plug_check(const struct port_spec *spec, struct error *err);
static int plug_start(struct context *context, struct service **service, struct error *err);
static void plug_stop(struct service *service);
static int plug_open(struct context *context, const struct port_spec *spec, struct port *port,
                     struct error *err);
static void plug_forget(struct context *context, struct port *port);
static bool plug_loops_back(struct context *context, int fd, pid_t process);

static int plug_rx(struct endpoint *endpoint, struct batch *batch);
static int plug_tx(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count);
static void plug_lost(struct endpoint *endpoint, int error);
static void plug_close(struct endpoint *endpoint);

static void on_reported(void *owner, const char *line);
static void on_printed(void *owner, const char *line);
static void on_ended(void *owner);
static void on_again(struct retry *retry);
static void on_patience_lost(struct ev_loop *loop, ev_timer *timer, int events);

static struct plug_service *service_of(const struct context *context);
static int refuse_own_directory(const struct context *context, const char *vnl, struct error *err);
static struct plug *make_plug(struct plug_service *service, const char *vnl, struct port *port);
static int start_helper(struct plug *plug, struct error *err);
static int await_module(struct plug *plug, struct error *err);
static void attach(struct plug *plug);
static void count_refused(struct plug *plug, uint64_t frames);
static void detach(struct plug *plug);
static void end_helper(struct plug *plug);
static void complain(struct plug *plug, const char *reason);
static void destroy(struct plug *plug);

/* cmd:// runs a program. */
static const struct port_key plug_keys[] = {
    {"vnl", KEY_TEXT, "slirp://|vde://DIR|vxvde://|vxlan://|udp://|tap://|cmd://|SCHEME://ADDRESS",
     "the other network", .restricted = true},
    {0},
};

/* Not outside: what is joined by a plug is most often another switch of the same people, and labs let spanning tree,
 * LACP and LLDP run between their switches. */
const struct port_type plug_type = {
    .name = "plug",
    .help = "another network, by libvdeplug",
    .keys = plug_keys,
    .check = plug_check,
    .start = plug_start,
    .stop = plug_stop,
    .open = plug_open,
    .forget = plug_forget,
    .loops_back = plug_loops_back,
};

static const struct endpoint_ops plug_ops = {
    .type = "plug",
    .module = "plug",
    .rx = plug_rx,
    .tx = plug_tx,
    .wait_writable = fd_endpoint_wait_writable,
    .lost = plug_lost,
    .close = plug_close,
};

static const struct plug_helper_ops helper_ops = {
    .reported = on_reported,
    .printed = on_printed,
    .ended = on_ended,
};

static int plug_check(const struct port_spec *spec, struct error *err)
{
    const char *vnl = spec_value(spec, "vnl");

    return vnl_check(vnl ? vnl : "", err);
}

static int plug_start(struct context *context, struct service **made, struct error *err)
{
    struct plug_service *service = calloc(1, sizeof(*service));

    if (!service)
        return error_no_memory(err);
    service->context = context;
    list_init(&service->plugs);
    plug_helpers_init(&service->helpers, context, &helper_ops);
    *made = &service->service;
    return 0;
}

/* Endpoints are closed by now; what is left tries to connect. */
static void plug_stop(struct service *base)
{
    struct plug_service *service = container_of(base, struct plug_service, service);

    list_for_each_safe (node, &service->plugs)
        destroy(container_of(node, struct plug, node));
    plug_helpers_stop(&service->helpers);
    free(service);
}

static int plug_open(struct context *context, const struct port_spec *spec, struct port *port,
                     struct error *err)
{
    const char *vnl = spec_value(spec, "vnl");
    struct plug *plug;
    int status = refuse_own_directory(context, vnl, err);

    if (status < 0)
        return status;
    plug = make_plug(service_of(context), vnl, port);
    if (!plug)
        return error_no_memory(err);
    status = start_helper(plug, err);
    if (status == 0)
        status = await_module(plug, err);
    if (status < 0) {
        destroy(plug);
        return status;
    }
    if (!vnl_has_scheme(vnl))
        port_log(&plug->logger, LOG_NOTICE, "no scheme://, so it is a path, as in vde://%s",
                 plug->logger.place);
    return 0;
}

static void plug_forget(struct context *context, struct port *port)
{
    list_for_each_safe (node, &service_of(context)->plugs) {
        struct plug *plug = container_of(node, struct plug, node);

        if (plug->port == port)
            destroy(plug);
    }
}

/* The far side learns nothing but the end of its connection, so our plug says what that means. */
static bool plug_loops_back(struct context *context, int fd, pid_t process)
{
    struct plug_helpers *helpers = &service_of(context)->helpers;
    void *owner = plug_helpers_owner(helpers, process);

    (void)fd;
    if (owner && owner != helpers)
        text_copy(((struct plug *)owner)->reason, REASON, "it leads back into this switch");
    return owner;
}

static int plug_rx(struct endpoint *endpoint, struct batch *batch)
{
    int fd = fd_endpoint_fd(fd_endpoint_of(endpoint));
    int count = datagram_rx(fd, &io_worker_of(endpoint)->datagrams, batch);
    char byte;

    /* The helper sends no empty messages: this one is the end. */
    if (count == 0 && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
        return -EPIPE;
    return count;
}

static int plug_tx(struct endpoint *core, const struct tx_desc *descs, unsigned count)
{
    return datagram_tx(fd_endpoint_fd(fd_endpoint_of(core)), descs, count);
}

/* The helper is gone or about to be; that it is, and why, comes by its pipe. */
static void plug_lost(struct endpoint *endpoint, int error)
{
    struct plug *plug = container_of(endpoint, struct plug, base.endpoint);

    (void)error;
    detach(plug);
    ev_timer_set(&plug->patience, CONNECT_SECONDS, 0);
    ev_timer_start(plug->service->context->loop, &plug->patience);
}

/* Ended on request: it must not come back by itself. */
static void plug_close(struct endpoint *core)
{
    destroy(container_of(core, struct plug, base.endpoint));
}

static void on_reported(void *owner, const char *line)
{
    static const char refused[] = "refused ";
    struct plug *plug = owner;
    const char *words = strchr(line, ' ');

    if (!strncmp(line, refused, strlen(refused)))
        count_refused(plug, strtoull(words, NULL, 10));
    else if (!strcmp(line, "up") && plug->since == 0)
        attach(plug);
    else if (words && !*plug->reason)
        text_escape(plug->reason, REASON, words + 1, strlen(words + 1));
}

static void on_printed(void *owner, const char *line)
{
    struct plug *plug = owner;
    char shown[SHOWN];

    text_escape(shown, sizeof(shown), line, strlen(line));
    if (*shown)
        port_log(&plug->helper_logger, LOG_INFO, "it says: %s", shown);
}

static void on_ended(void *owner)
{
    struct plug *plug = owner;
    const char *reason = *plug->reason ? plug->reason : "its helper process ended unexpectedly";

    if (plug->since > 0)
        port_log(&plug->logger, LOG_WARNING, "lost: %s; trying to connect again", reason);
    else
        complain(plug, reason);
    if (plug->since > 0 && os_now() - plug->since >= STEADY_NS)
        retry_succeeded(&plug->retry);
    end_helper(plug);
    retry_later(&plug->retry, plug->service->context->loop);
}

static void on_again(struct retry *retry)
{
    struct plug *plug = container_of(retry, struct plug, retry);
    struct error err;

    if (start_helper(plug, &err) == 0)
        return;
    complain(plug, err.text);
    retry_later(retry, plug->service->context->loop);
}

static void on_patience_lost(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct plug *plug = container_of(timer, struct plug, patience);

    (void)loop, (void)events;
    snprintf(plug->reason, REASON,
             plug->since > 0 ? "its helper does not end within %d s" : "no answer within %d s",
             CONNECT_SECONDS);
    on_ended(plug);
}

static struct plug_service *service_of(const struct context *context)
{
    return container_of(ports_service(context, &plug_type), struct plug_service, service);
}

/* Those that are not found here, behind a link that changes, are refused when they arrive: see plug_loops_back(). */
static int refuse_own_directory(const struct context *context, const char *vnl, struct error *err)
{
    static const char *const usual[] = {"/var/run/vde.ctl", "/tmp/vde.ctl"}; /* libvdeplug's */
    char path[PATH_MAX];
    struct stat own, named;
    int found;

    if (!vnl_directory(vnl, path) || fstat(context->dir->sockets.fd, &own) < 0)
        return 0;
    found = stat(*path ? path : usual[0], &named);
    if (found < 0 && !*path)
        found = stat(usual[1], &named);
    if (found < 0 || named.st_dev != own.st_dev || named.st_ino != own.st_ino)
        return 0;
    return error_set(err, ELOOP, "vnl=%s is this switch itself", vnl);
}

static struct plug *make_plug(struct plug_service *service, const char *vnl, struct port *port)
{
    struct plug *plug = calloc(1, sizeof(*plug));
    char shown[PORT_LOGGER_PEER];

    if (!plug)
        return NULL;
    plug->service = service;
    plug->port = port;
    plug->vnl = strdup(vnl);
    plug->directory = getcwd(NULL, 0); /* NULL if it was deleted: then there are none */
    text_escape(shown, sizeof(shown), vnl, strlen(vnl));
    port_logger_init(&plug->logger, service->context, port, shown);
    port_logger_init(&plug->helper_logger, service->context, port, shown);
    retry_init(&plug->retry, on_again);
    ev_timer_init(&plug->patience, on_patience_lost, CONNECT_SECONDS, 0);
    list_append(&service->plugs, &plug->node);
    if (plug->vnl)
        return plug;
    destroy(plug);
    return NULL;
}

static int start_helper(struct plug *plug, struct error *err)
{
    char label[PORT_LABEL], description[PORT_LABEL + 16];
    const struct plug_helper_job job = {plug->vnl, description, plug->directory};
    int status;

    snprintf(description, sizeof(description), "vswitchd: %s", port_label(plug->port, label));
    *plug->reason = '\0';
    plug->since = 0;
    status = plug_helper_start(&plug->helper, &plug->service->helpers, plug, &job, err);
    if (status < 0)
        return status;
    ev_timer_set(&plug->patience, CONNECT_SECONDS, 0);
    ev_timer_start(plug->service->context->loop, &plug->patience);
    return 0;
}

/* If there is no word from it for long, the machine is busy; what is wrong then goes to the log. */
static int await_module(struct plug *plug, struct error *err)
{
    static const char fatal[] = "fatal ";
    char line[HELPER_LINE], shown[SHOWN];
    bool running = plug->service->context->dir->sockets.revealed;
    int status =
        plug_helper_first_report(plug->helper, running ? FRAMES_WAIT_MS : START_WAITS_MS, line);

    text_escape(shown, sizeof(shown), line, strlen(line));
    if (status == -EPIPE)
        return error_set(err, ECHILD,
                         "the helper program does not run: %s (is libvdeplug2 installed?)", shown);
    if (status == 1 && !strncmp(line, fatal, strlen(fatal)))
        return error_set(err, EPROTONOSUPPORT, "%s", shown + strlen(fatal));
    return 0;
}

static void attach(struct plug *plug)
{
    struct context *context = plug->service->context;
    struct endpoint *endpoint = &plug->base.endpoint;
    struct error err;

    fd_endpoint_init(&plug->base, context, &plug_ops, plug->helper->frames, plug->helper->frames);
    endpoint->id = plug->helper->frames;
    fd_endpoint_belongs_to(&plug->base, (uid_t)-1, plug->helper->process);
    if (fd_endpoint_attach(&plug->base, plug->port, &err) < 0) {
        text_copy(plug->reason, REASON, err.text);
        shutdown(plug->helper->frames, SHUT_RDWR); /* it ends, and is tried again */
        return;
    }
    plug->attached = true;
    plug->since = os_now();
    *plug->known = '\0';
    ev_timer_stop(context->loop, &plug->patience);
    endpoint_describe(endpoint, plug->vnl, strlen(plug->vnl));
    port_log(&plug->logger, LOG_NOTICE, "connected");
}

static void count_refused(struct plug *plug, uint64_t frames)
{
    if (plug->attached)
        port_drop_late(&plug->base.endpoint, DROP_REFUSED, frames);
}

static void detach(struct plug *plug)
{
    if (plug->attached)
        fd_endpoint_detach(&plug->base);
    plug->attached = false;
}

static void end_helper(struct plug *plug)
{
    ev_timer_stop(plug->service->context->loop, &plug->patience);
    detach(plug);
    if (plug->helper)
        plug_helper_end(plug->helper);
    plug->helper = NULL;
}

/* It is tried each second: said once, and again when it is something else. */
static void complain(struct plug *plug, const char *reason)
{
    if (!strcmp(reason, plug->known))
        return;
    port_log(&plug->logger, LOG_WARNING, "cannot connect: %s; trying again", reason);
    text_copy(plug->known, sizeof(plug->known), reason);
}

static void destroy(struct plug *plug)
{
    retry_stop(&plug->retry, plug->service->context->loop);
    end_helper(plug);
    list_remove(&plug->node);
    free(plug->directory);
    free(plug->vnl);
    free(plug);
}
