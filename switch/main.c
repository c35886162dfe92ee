/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * main.c - from the command line to the event loop, and back
 */
#include "control/daemon/daemon.h"
#include "control/daemon/daemonize.h"
#include "control/daemon/options.h"
#include "control/daemon/report.h"
#include "control/session/console.h"
#include "control/session/script.h"
#include "control/session/stdio_console.h"
#include "ports/io/wake.h"
#include "ports/listen/switch_dir.h"
#include "ports/port_type.h"
#include "ports/temporary.h"
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

enum {
    EXIT_DIRECTORY = 255
}; /* as vde_switch: the directory cannot be had, or a live switch is in it */

struct instance {
    struct daemon daemon;
    struct log log;
    struct switch_dir dir;
    struct report report;
    struct temporary_ports temporary;
    struct console console;
    struct stdio_console stdio;
    struct pidfile pidfile;
    ev_signal on_term, on_int, on_hup;
    bool has_stdio;
    bool interrupted;
};

static int run(struct instance *instance, const struct options *options);
static int make_switch(struct instance *instance, const struct options *options);
static int open_ports(struct instance *instance, const struct options *options);
static void announce(struct instance *instance, const struct options *options);
static void warn_of_limits(struct instance *instance);
static void watch_signals(struct instance *instance);
static int start_console(struct instance *instance, const struct options *options);
static void start_stdio(struct instance *instance, const struct options *options);
static void clean_up(struct instance *instance);
static int fail(struct instance *instance, const struct error *err, int status);
static void hold_standard_descriptors(void);
static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events);

int main(int argc, char *argv[])
{
    static struct instance instance;
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
    instance.log = (struct log){
        .program = options.program,
        /* A daemon lets go of its terminal. */
        .fd = options.daemon ? STDERR_FILENO : os_own_terminal(STDERR_FILENO),
    };
    daemon_init(&instance.daemon);
    status = run(&instance, &options);
    clean_up(&instance);
    if (instance.interrupted) {
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
    }
    return status;
}

/* Everything is there when a daemon's parent returns, and when a foreground switch says that it is switching. */
static int run(struct instance *instance, const struct options *options)
{
    struct error err;
    int status, ready = -1;

    if (options->daemon) {
        ready = daemonize_begin(&err);
        if (ready < 0)
            return fail(instance, &err, EXIT_FAILURE);
    }
    status = make_switch(instance, options);
    if (status != 0)
        return status;
    if (options->pidfile && pidfile_write(&instance->pidfile, options->pidfile, &err) < 0)
        return fail(instance, &err, EXIT_FAILURE);
    status = open_ports(instance, options);
    if (status != 0)
        return status;
    status = start_console(instance, options);
    if (status != 0)
        return status;
    script_run_at_start(&instance->daemon, options->rcfile);
    ev_run(instance->daemon.context.loop, EVRUN_NOWAIT); /* a signal that came meanwhile */
    if (instance->daemon.stopping)
        return EXIT_SUCCESS;
    if ((instance->console.daemon && console_reveal(&instance->console, &err) < 0) ||
        socket_dir_reveal(&instance->dir.sockets, &err) < 0)
        return fail(instance, &err, EXIT_DIRECTORY);
    /* Whoever waits for the answer to a command, instead of the socket, connects as soon as he has it. */
    start_stdio(instance, options);
    announce(instance, options);
    if (options->daemon) {
        daemonize_ready(ready);
        openlog(options->program, LOG_PID, LOG_DAEMON);
        instance->log.to_syslog = true;
    }
    ev_run(instance->daemon.context.loop, 0);
    return EXIT_SUCCESS;
}

static int make_switch(struct instance *instance, const struct options *options)
{
    struct context *context = &instance->daemon.context;
    struct switch_config config = options->config;
    struct error err;

    /* Queues' memory comes in pieces of 68 KiB (core/queue.c): it shall go back to the system when they are empty again. */
    mallopt(M_MMAP_THRESHOLD, 64 * 1024);
    instance->daemon.started = os_now();
    if (!options->has_mac) {
        config.mac[1] = 0xff;
        os_random(config.mac + 2, 4);
    }
    os_random(&config.fdb_secret, sizeof(config.fdb_secret));
    context->log = &instance->log;
    context->sw = switch_new(&config);
    context->loop = ev_default_loop(EVFLAG_NOENV);
    instance->daemon.names = user_names_new();
    context->io = context->sw && context->loop ? io_worker_new(context->sw, context->loop) : NULL;
    if (!context->io || !instance->daemon.names) {
        error_no_memory(&err);
        return fail(instance, &err, EXIT_FAILURE);
    }
    watch_signals(instance);
    report_start(&instance->report, context, &context->io->core.deferred);
    ageing_start(&instance->daemon.ageing, context, &context->io->core.deferred);
    temporary_start(&instance->temporary, context);
    scheduler_start(&instance->daemon.scheduler, context->loop);
    events_start(&instance->daemon.events, context->sw, &context->io->core.deferred);
    instance->daemon.vde = options->vde;
    if (switch_dir_open(&instance->dir, &options->dir, &err) < 0)
        return fail(instance, &err, EXIT_DIRECTORY);
    context->dir = &instance->dir;
    if (ports_start(context, &err) < 0)
        return fail(instance, &err, EXIT_DIRECTORY);
    return 0;
}

static int open_ports(struct instance *instance, const struct options *options)
{
    struct context *context = &instance->daemon.context;
    struct error err;

    for (unsigned i = 0; i < options->ports; i++) {
        bool optional = options->port[i].optional;
        const char *option = optional ? "-t" : "--port";

        if (port_open(context, options->port[i].spec, true, NULL, &err) == 0)
            continue;
        log_say(&instance->log, LOG_ERR, "%s %.200s%s: %s", option, options->port[i].given,
                strlen(options->port[i].given) > 200 ? "..." : "", err.text);
        if (!optional)
            return EXIT_FAILURE;
    }
    return 0;
}

static void announce(struct instance *instance, const struct options *options)
{
    struct log *log = &instance->log;
    const char *dir = instance->dir.sockets.path;
    uint8_t mac[3]; /* a suggestion: guests with QEMU's default address disturb each other */

    warn_of_limits(instance);
    if (options->spanning_tree)
        log_say(log, LOG_WARNING, "-F: spanning tree is not available yet; the loop guard is on");
    if (options->as_vde_switch || options->daemon)
        return;
    log_say(log, LOG_NOTICE, "version %s is switching in %s (process %d)", VSW_VERSION, dir,
            (int)getpid());
    os_random(mac, sizeof(mac));
    log_say(log, LOG_NOTICE,
            "plug in a QEMU guest:  qemu-system-x86_64 -m 1G -drive file=GUEST.qcow2 "
            "-netdev stream,id=n,server=off,addr.type=unix,addr.path=%s/stream "
            "-device virtio-net-pci,netdev=n,mac=52:54:00:%02x:%02x:%02x",
            dir, mac[0], mac[1], mac[2]);
    log_say(log, LOG_NOTICE,
            "or, with a QEMU before 7.2:  "
            "-nic vde,sock=%s,model=virtio-net-pci,mac=52:54:00:%02x:%02x:%02x",
            dir, mac[0], mac[1], mac[2] ^ 1);
    if (instance->has_stdio)
        log_say(log, LOG_NOTICE, "see it: type port/print     more: help     stop: Ctrl-D");
    if (instance->daemon.mgmt_path)
        log_say(log, LOG_NOTICE, "from elsewhere: vdeterm %s", instance->daemon.mgmt_path);
}

/* Each VDE client takes two descriptors. */
static void warn_of_limits(struct instance *instance)
{
    enum { OUR_OWN = 32 };
    unsigned ports = instance->daemon.context.sw->config.ports;
    unsigned long limit = os_raise_file_limit();

    if (limit < 2ul * ports + OUR_OWN)
        log_say(
            &instance->log, LOG_WARNING,
            "room for %lu VDE clients, not for %u: the limit on open files is %lu and cannot be "
            "raised from here; raise it outside (ulimit -Hn, or LimitNOFILE= in a unit)",
            limit > OUR_OWN ? (limit - OUR_OWN) / 2 : 0, ports, limit);
}

/* From the first moment on: a switch that is told to end while it starts cleans up as well. */
static void watch_signals(struct instance *instance)
{
    struct ev_loop *loop = instance->daemon.context.loop;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    /* In the background of a terminal there are no commands to be had, but frames go on. */
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    instance->on_term.data = instance->on_int.data = instance->on_hup.data = instance;
    ev_signal_init(&instance->on_term, on_signal, SIGTERM);
    ev_signal_init(&instance->on_int, on_signal, SIGINT);
    ev_signal_init(&instance->on_hup, on_signal, SIGHUP);
    ev_signal_start(loop, &instance->on_term);
    ev_signal_start(loop, &instance->on_int);
    ev_signal_start(loop, &instance->on_hup);
}

/* A vde_switch whose socket is taken goes on without. */
static int start_console(struct instance *instance, const struct options *options)
{
    struct error err;
    int status;

    if (!options->has_console)
        return 0;
    status = console_start(&instance->console, &instance->daemon, options->mgmt, &err);
    if (status < 0)
        fail(instance, &err, EXIT_FAILURE);
    return status == 0 || (status == -EADDRINUSE && options->as_vde_switch) ? 0 : EXIT_FAILURE;
}

static void start_stdio(struct instance *instance, const struct options *options)
{
    if (options->daemon || options->no_stdin || !stdio_console_wanted())
        return;
    instance->has_stdio = stdio_console_start(&instance->stdio, &instance->daemon);
}

/* Of whatever had been made when the end came. Endpoints go with the switch, their files before the directory. */
static void clean_up(struct instance *instance)
{
    struct context *context = &instance->daemon.context;

    if (instance->has_stdio)
        stdio_console_stop(&instance->stdio);
    if (instance->console.daemon)
        console_stop(&instance->console);
    if (instance->daemon.events.sw)
        events_stop(&instance->daemon.events);
    if (instance->daemon.scheduler.loop)
        scheduler_stop(&instance->daemon.scheduler);
    if (instance->temporary.context)
        temporary_stop(&instance->temporary);
    if (instance->daemon.ageing.context)
        ageing_stop(&instance->daemon.ageing);
    if (instance->report.context)
        report_stop(&instance->report);
    switch_free(context->sw);
    pidfile_remove(&instance->pidfile); /* before its directory, where it may be */
    ports_stop(context);
    if (context->dir)
        switch_dir_close(context->dir);
    user_names_free(instance->daemon.names);
    io_worker_free(context->io);
    if (context->loop)
        ev_loop_destroy(context->loop);
}

static int fail(struct instance *instance, const struct error *err, int status)
{
    log_say(&instance->log, LOG_ERR, "%s", err->text);
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

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
    struct instance *instance = watcher->data;

    (void)loop, (void)events;
    if (watcher->signum == SIGHUP)
        return;
    instance->interrupted = watcher->signum == SIGINT;
    daemon_stop(&instance->daemon);
}
