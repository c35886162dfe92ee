/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * main.c - from the command line to the event loop, and back
 *
 * The daemon is what services[] starts, in that order. It ends in reverse, and only what was started.
 */
#include "control/daemon/daemon.h"
#include "control/daemon/options.h"
#include "control/session/script.h"
#include "ports/io/wake.h"
#include "ports/ports.h"
#include "util/os_linux.h"
#include "util/user_names.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a start returns if it is not the status to exit with. */
enum {
    STARTED = EXIT_SUCCESS,
    NOT_WANTED = -1, /* there is nothing to start */
};

/* As vde_switch: the directory cannot be had, or a live switch is in it. */
enum { EXIT_DIRECTORY = 255 };

static int run(struct daemon *daemon, const struct options *options);
static void hold_standard_descriptors(void);

static int enter_background(struct daemon *daemon, const struct options *options);
static int make_core(struct daemon *daemon, const struct options *options);
static void free_core(struct daemon *daemon);
static int watch_signals(struct daemon *daemon, const struct options *options);
static int start_observers(struct daemon *daemon, const struct options *options);
static void stop_observers(struct daemon *daemon);
static int start_scheduler(struct daemon *daemon, const struct options *options);
static void stop_scheduler(struct daemon *daemon);
static int open_directory(struct daemon *daemon, const struct options *options);
static void close_directory(struct daemon *daemon);
static int start_port_types(struct daemon *daemon, const struct options *options);
static void stop_port_types(struct daemon *daemon);
static int write_pidfile(struct daemon *daemon, const struct options *options);
static void remove_pidfile(struct daemon *daemon);
static int open_ports(struct daemon *daemon, const struct options *options);
static void close_ports(struct daemon *daemon);
static int start_console(struct daemon *daemon, const struct options *options);
static void stop_console(struct daemon *daemon);
static int run_script(struct daemon *daemon, const struct options *options);
static int reveal_sockets(struct daemon *daemon, const struct options *options);
static int start_stdio(struct daemon *daemon, const struct options *options);
static void stop_stdio(struct daemon *daemon);
static int announce(struct daemon *daemon, const struct options *options);
static void announce_qemu(struct log *log, const char *dir);
static void warn_of_limits(struct daemon *daemon);
static int let_parent_go(struct daemon *daemon, const struct options *options);
static int fail(struct daemon *daemon, const struct error *err, int status);

/* A start that fails leaves nothing to stop. Without a stop, what was started ends with another. */
static const struct {
    int (*start)(struct daemon *daemon, const struct options *options);
    void (*stop)(struct daemon *daemon);
} services[] = {
    {enter_background, NULL},
    {make_core, free_core},
    /* Early: told to end while it starts, the switch cleans up as well. */
    {watch_signals, NULL},
    {start_observers, stop_observers},
    {start_scheduler, stop_scheduler},
    /* The directory is removed when the files in it are gone, perhaps also the PID file. */
    {open_directory, close_directory},
    /* They stop when all endpoints are closed. */
    {start_port_types, stop_port_types},
    {write_pidfile, remove_pidfile},
    {open_ports, close_ports},
    {start_console, stop_console},
    {run_script, NULL},
    {reveal_sockets, NULL},
    /* Only now: some clients take the first reply, rather than the socket, as the sign that they may connect. */
    {start_stdio, stop_stdio},
    {announce, NULL},
    /* Last: everything is in place when the command that starts a daemon returns. */
    {let_parent_go, NULL},
};

enum { SERVICES = sizeof(services) / sizeof(services[0]) };

int main(int argc, char *argv[])
{
    static struct daemon daemon;
    static struct options options;
    int status;

    switch (options_read(&options, argc, argv)) {
    case OPTIONS_EXIT_OK:
        return EXIT_SUCCESS;
    case OPTIONS_EXIT_FAILURE:
        return EXIT_FAILURE;
    case OPTIONS_RUN:
        break;
    }
    hold_standard_descriptors();
    os_note_inherited();
    control_init(&daemon.control);
    daemon.log = (struct log){
        .program = options.program,
        /* A daemon lets go of its terminal. */
        .fd = options.daemon ? STDERR_FILENO : os_own_terminal(STDERR_FILENO),
    };
    status = run(&daemon, &options);
    if (daemon.signals.interrupted) {
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
    }
    return status;
}

static int run(struct daemon *daemon, const struct options *options)
{
    bool started[SERVICES] = {false};
    int status = EXIT_SUCCESS;

    for (unsigned i = 0; i < SERVICES && status == EXIT_SUCCESS && !daemon->control.stopping; i++) {
        status = services[i].start(daemon, options);
        started[i] = status == STARTED;
        if (status == NOT_WANTED)
            status = EXIT_SUCCESS;
    }
    if (status == EXIT_SUCCESS && !daemon->control.stopping)
        ev_run(daemon->control.context.loop, 0);
    for (unsigned i = SERVICES; i-- > 0;) {
        if (started[i] && services[i].stop)
            services[i].stop(daemon);
    }
    return status;
}

/* A socket that got number 0, 1 or 2 would be taken for the console or for stderr. */
static void hold_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

static int enter_background(struct daemon *daemon, const struct options *options)
{
    struct error err;

    if (!options->daemon)
        return NOT_WANTED;
    daemon->ready = daemonize_begin(&err);
    return daemon->ready < 0 ? fail(daemon, &err, EXIT_FAILURE) : STARTED;
}

static int make_core(struct daemon *daemon, const struct options *options)
{
    struct context *context = &daemon->control.context;
    struct switch_config config = options->config;
    struct error err;

    /* Queues' memory comes in pieces of 68 KiB (core/queue.c): it must go back to the system when they are empty. */
    mallopt(M_MMAP_THRESHOLD, 64 * 1024);
    daemon->control.started = os_now();
    daemon->control.vde = options->vde;
    if (!options->has_mac) {
        config.mac[1] = 0xff;
        os_random(config.mac + 2, 4);
    }
    os_random(&config.fdb_secret, sizeof(config.fdb_secret));
    context->log = &daemon->log;
    context->loop = ev_default_loop(EVFLAG_NOENV);
    if (!context->loop) {
        error_set(&err, EIO, "cannot make an event loop: libev finds no way to wait for events");
        return fail(daemon, &err, EXIT_FAILURE);
    }
    context->sw = switch_new(&config);
    daemon->control.names = user_names_new();
    context->io = context->sw ? io_worker_new(context->sw, context->loop) : NULL;
    if (!context->io || !daemon->control.names) {
        free_core(daemon);
        error_no_memory(&err);
        return fail(daemon, &err, EXIT_FAILURE);
    }
    return STARTED;
}

static void free_core(struct daemon *daemon)
{
    switch_free(daemon->control.context.sw);
    io_worker_free(daemon->control.context.io);
    user_names_free(daemon->control.names);
    ev_loop_destroy(daemon->control.context.loop);
}

static int watch_signals(struct daemon *daemon, const struct options *options)
{
    (void)options;
    signals_watch(&daemon->signals, &daemon->control);
    return STARTED;
}

static int start_observers(struct daemon *daemon, const struct options *options)
{
    struct context *context = &daemon->control.context;
    struct defer_queue *behind_batch = &context->io->core.deferred;

    (void)options;
    report_start(&daemon->report, context, behind_batch);
    ageing_start(&daemon->control.ageing, context, behind_batch);
    temporary_start(&daemon->temporary, context);
    events_start(&daemon->control.events, context->sw, behind_batch);
    return STARTED;
}

static void stop_observers(struct daemon *daemon)
{
    events_stop(&daemon->control.events);
    temporary_stop(&daemon->temporary);
    ageing_stop(&daemon->control.ageing);
    report_stop(&daemon->report);
}

static int start_scheduler(struct daemon *daemon, const struct options *options)
{
    (void)options;
    scheduler_start(&daemon->control.scheduler, daemon->control.context.loop);
    return STARTED;
}

static void stop_scheduler(struct daemon *daemon)
{
    scheduler_stop(&daemon->control.scheduler);
}

static int open_directory(struct daemon *daemon, const struct options *options)
{
    struct error err;

    if (switch_dir_open(&daemon->dir, &options->dir, &err) < 0)
        return fail(daemon, &err, EXIT_DIRECTORY);
    daemon->control.context.dir = &daemon->dir;
    return STARTED;
}

static void close_directory(struct daemon *daemon)
{
    switch_dir_close(&daemon->dir);
}

static int start_port_types(struct daemon *daemon, const struct options *options)
{
    struct error err;

    (void)options;
    if (ports_start(&daemon->control.context, &err) == 0)
        return STARTED;
    stop_port_types(daemon);
    return fail(daemon, &err, EXIT_DIRECTORY);
}

static void stop_port_types(struct daemon *daemon)
{
    ports_stop(&daemon->control.context);
}

static int write_pidfile(struct daemon *daemon, const struct options *options)
{
    struct error err;

    if (!options->pidfile)
        return NOT_WANTED;
    return pidfile_write(&daemon->pidfile, options->pidfile, &err) < 0
               ? fail(daemon, &err, EXIT_FAILURE)
               : STARTED;
}

static void remove_pidfile(struct daemon *daemon)
{
    pidfile_remove(&daemon->pidfile);
}

static int open_ports(struct daemon *daemon, const struct options *options)
{
    struct context *context = &daemon->control.context;
    struct error err;

    for (unsigned i = 0; i < options->ports; i++) {
        bool optional = options->port[i].optional;
        const char *option = optional ? "-t" : "--port";

        if (port_open(context, options->port[i].spec, true, NULL, &err) == 0)
            continue;
        log_say(&daemon->log, LOG_ERR, "%s %.200s%s: %s", option, options->port[i].given,
                strlen(options->port[i].given) > 200 ? "..." : "", err.text);
        if (!optional) {
            close_ports(daemon);
            return EXIT_FAILURE;
        }
    }
    return STARTED;
}

static void close_ports(struct daemon *daemon)
{
    switch_for_each_port (daemon->control.context.sw, port) {
        list_for_each_safe (node, &port->endpoints) {
            struct endpoint *endpoint = container_of(node, struct endpoint, node);

            endpoint->ops->close(endpoint);
        }
    }
}

/* A vde_switch whose socket is taken goes on without. */
static int start_console(struct daemon *daemon, const struct options *options)
{
    struct error err;
    int status;

    if (!options->has_console)
        return NOT_WANTED;
    status = console_start(&daemon->console, &daemon->control, options->mgmt, &err);
    if (status == 0)
        return STARTED;
    stop_console(daemon);
    fail(daemon, &err, EXIT_FAILURE);
    return status == -EADDRINUSE && options->as_vde_switch ? NOT_WANTED : EXIT_FAILURE;
}

static void stop_console(struct daemon *daemon)
{
    console_stop(&daemon->console);
}

static int run_script(struct daemon *daemon, const struct options *options)
{
    script_run_at_start(&daemon->control, options->rcfile);
    ev_run(daemon->control.context.loop, EVRUN_NOWAIT); /* a signal that came meanwhile */
    return STARTED;
}

static int reveal_sockets(struct daemon *daemon, const struct options *options)
{
    struct error err;

    (void)options;
    if ((daemon->control.mgmt_path && console_reveal(&daemon->console, &err) < 0) ||
        socket_dir_reveal(&daemon->dir.sockets, &err) < 0)
        return fail(daemon, &err, EXIT_DIRECTORY);
    return STARTED;
}

static int start_stdio(struct daemon *daemon, const struct options *options)
{
    if (options->daemon || options->no_stdin || !stdio_console_wanted())
        return NOT_WANTED;
    daemon->has_stdio = stdio_console_start(&daemon->stdio, &daemon->control);
    return daemon->has_stdio ? STARTED : NOT_WANTED;
}

static void stop_stdio(struct daemon *daemon)
{
    stdio_console_stop(&daemon->stdio);
}

static int announce(struct daemon *daemon, const struct options *options)
{
    struct log *log = &daemon->log;
    const char *dir = daemon->dir.sockets.path;

    warn_of_limits(daemon);
    if (options->spanning_tree)
        log_say(log, LOG_WARNING, "-F: spanning tree is not available yet; loop detection is on");
    if (options->as_vde_switch || options->daemon)
        return STARTED;
    log_say(log, LOG_NOTICE, "version %s is switching in %s (process %d)", VSW_VERSION, dir,
            (int)getpid());
    announce_qemu(log, dir);
    if (daemon->has_stdio)
        log_say(log, LOG_NOTICE, "see it: type port/print     more: help     stop: Ctrl-D");
    if (daemon->control.mgmt_path)
        log_say(log, LOG_NOTICE, "from elsewhere: vdeterm %s", daemon->control.mgmt_path);
    return STARTED;
}

/* Addresses are suggested because guests that all have QEMU's default address disturb each other. */
static void announce_qemu(struct log *log, const char *dir)
{
    const char *begin = "plug in a QEMU guest:  qemu-system-x86_64 -m 1G -drive file=GUEST.qcow2 ";
    char options[2 * SOCKET_PATH], otherwise[128];
    uint8_t mac[3];

    os_random(mac, sizeof(mac));
    port_types_for_qemu(type)
    {
        if (type->qemu->when) {
            snprintf(otherwise, sizeof(otherwise), "or, %s:  ", type->qemu->when);
            begin = otherwise;
        }
        log_say(log, LOG_NOTICE, "%s%s%s52:54:00:%02x:%02x:%02x", begin,
                qemu_options(type->qemu, dir, options, sizeof(options)), type->qemu->device, mac[0],
                mac[1], mac[2]);
        mac[2] ^= 1;
    }
}

/* Each VDE client takes two descriptors. */
static void warn_of_limits(struct daemon *daemon)
{
    enum { OUR_OWN = 32 };
    unsigned ports = daemon->control.context.sw->config.ports;
    unsigned long limit = os_raise_file_limit();

    if (limit < 2ul * ports + OUR_OWN)
        log_say(
            &daemon->log, LOG_WARNING,
            "room for %lu VDE clients, not for %u: the limit on open files is %lu and cannot be "
            "raised from here; raise it outside (ulimit -Hn, or LimitNOFILE= in a unit)",
            limit > OUR_OWN ? (limit - OUR_OWN) / 2 : 0, ports, limit);
}

static int let_parent_go(struct daemon *daemon, const struct options *options)
{
    if (!options->daemon)
        return NOT_WANTED;
    daemonize_ready(daemon->ready);
    openlog(options->program, LOG_PID, LOG_DAEMON);
    daemon->log.to_syslog = true;
    return STARTED;
}

static int fail(struct daemon *daemon, const struct error *err, int status)
{
    log_say(&daemon->log, LOG_ERR, "%s", err->text);
    return status;
}
