/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_console.c - any bytes from a member of the management group, in two pieces, to a complete
 * switch
 */
#include "control/control.h"
#include "control/session/session.h"
#include "ports/io/wake.h"
#include "ports/listen/switch_dir.h"
#include "ports/ports.h"
#include "util/user_names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONGEST = 40000, REPLIES = 4 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct control target;
static struct switch_dir dir;
static bool over;
static char replies[REPLIES + 1];
static size_t received;

static void make_program(void);
static void on_end(struct session *session);
static void remove_dir(void);
static void send_all(int fd, const uint8_t *data, size_t size);
static void receive(int fd);
static void check_replies(void);
static char *check_reply(char *reply, char *prompt);
static void clean_up(void);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct session session = {.ended = on_end};
    size_t half = size > 0 ? size * data[0] / 256 : 0;
    int fds[2];

    if (!target.context.sw)
        make_program();
    if (size > LONGEST)
        return -1;
    assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    over = false;
    received = 0;
    assert(session_start(&session, &target, fds[0], fds[0], false));
    send_all(fds[1], data, half);
    receive(fds[1]);
    send_all(fds[1], data + half, size - half);
    shutdown(fds[1], SHUT_WR);
    while (!over && !target.stopping)
        receive(fds[1]);
    session_stop(&session);
    target.stopping = false;
    close(fds[0]);
    receive(fds[1]);
    close(fds[1]);
    assert(target.output[OUTPUT_OF_OTHERS].used == 0);
    check_replies();
    clean_up();
    return 0;
}

static void make_program(void)
{
    struct switch_config config = switch_defaults();
    struct switch_dir_options options = {
        .mode = MODE_UNSET,
        .dirmode = MODE_UNSET,
        .mgmtmode = MODE_UNSET,
        .group = (gid_t)-1,
        .mgmtgroup = (gid_t)-1,
    };
    char path[] = "/tmp/fuzz.XXXXXX";
    static struct log log = {.program = "fuzz", .to_syslog = true};
    struct error err;

    config.ports = 16;
    control_init(&target);
    target.context.sw = switch_new(&config);
    target.context.log = &log;
    target.context.loop = ev_loop_new(0);
    target.context.io = io_worker_new(target.context.sw, target.context.loop);
    target.names = user_names_new();
    options.path = mkdtemp(path);
    assert(options.path && switch_dir_open(&dir, &options, &err) == 0);
    target.context.dir = &dir;
    assert(ports_start(&target.context, &err) == 0);
    assert(socket_dir_reveal(&dir.sockets, &err) == 0);
    ageing_start(&target.ageing, &target.context, &target.context.io->core.deferred);
    events_start(&target.events, target.context.sw, &target.context.io->core.deferred);
    scheduler_start(&target.scheduler, target.context.loop);
    atexit(remove_dir);
}

static void on_end(struct session *session)
{
    ev_io_stop(target.context.loop, &session->readable);
    ev_io_stop(target.context.loop, &session->writable);
    over = true;
}

static void remove_dir(void)
{
    ports_stop(&target.context);
    switch_dir_close(&dir);
}

static void send_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0 && !over && !target.stopping) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);

        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
        }
        receive(fd);
    }
}

static void receive(int fd)
{
    ssize_t got;

    if (!over)
        ev_run(target.context.loop, EVRUN_NOWAIT);
    while ((got = recv(fd, replies + received, REPLIES - received, 0)) > 0)
        received += (size_t)got;
}

/* VDE's clients depend on this: replies end with the prompt, and nothing else looks like one. */
static void check_replies(void)
{
    static const char prompt[] = "\nvde$ ", end[] = "9999 END OF SESSION";
    char *reply = replies, *next;

    replies[received] = '\0';
    if (received == REPLIES)
        return; /* longer than we check */
    assert(strlen(replies) == received);
    for (const char *at = replies; *at; at++)
        assert(*at == '\n' || (*at >= 0x20 && *at < 0x7f));
    while ((next = strstr(reply, prompt)))
        reply = check_reply(reply, next) + sizeof(prompt) - 1;
    assert(!strstr(reply, "$ "));
    assert(*reply == '\0' || !strcmp(reply, end) || *reply == '3'); /* or events that came last */
}

/* Events, data between its marks, one status line below 1100; or nothing, for a blank line. Return:
 * PROMPT. */
static char *check_reply(char *reply, char *prompt)
{
    static const char data[] = "0000 DATA END WITH '.'\n";
    char *status = reply;

    *prompt = '\0';
    assert(!strstr(reply, "$ "));
    while (*status == '3')
        status = strchr(status, '\n') ? strchr(status, '\n') + 1 : status + strlen(status);
    if (!strncmp(status, data, strlen(data))) {
        status = strstr(status, "\n.\n");
        assert(status && !strstr(status + 3, "\n.\n"));
        status += 3;
    }
    assert(*status == '\0' || !strncmp(status, "10", 2));
    assert(*status == '\0' || strchr(status, '\n') == prompt - 1 || !strchr(status, '\n'));
    return prompt;
}

static void clean_up(void)
{
    struct vswitch *sw = target.context.sw;

    switch_for_each_port (sw, port)
        port_close(&target.context, port);
    for (unsigned vid = VID_MIN; vid <= VID_MAX; vid++)
        switch_remove_vlan(sw, vid);
    switch_set_hub(sw, false);
    assert(switch_set_ports(sw, 16) == 0);
}
