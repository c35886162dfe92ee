/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_console.c - any lines from a member of the management group, to a whole switch
 */
#include "control/session.h"
#include "ports/port_type.h"
#include "ports/switch_dir.h"
#include "util/user_names.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct program program;
static struct switch_dir dir;
static struct session session;

static void make_program(void);
static void ended(struct session *over);
static void remove_dir(void);
static void run(char *line);
static void check_reply(const char *reply, size_t size, const struct error *err);
static void clean_up(void);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size), *rest = text, *line;

    if (!program.runtime.sw)
        make_program();
    while ((line = strsep(&rest, "\n")))
        run(line);
    clean_up();
    free(text);
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
    static struct log log = {.program = "fuzz"};
    struct error err;
    int nowhere = open("/dev/null", O_RDWR);

    config.ports = 16;
    program.runtime.sw = switch_new(&config);
    program.runtime.log = &log;
    program.runtime.loop = ev_loop_new(0);
    program.names = user_names_new();
    list_init(&program.runtime.services);
    options.path = mkdtemp(path);
    assert(options.path && switch_dir_open(&dir, &options, &err) == 0);
    program.runtime.dir = &dir;
    assert(ports_start(&program.runtime, &err) == 0);
    assert(socket_dir_reveal(&dir.sockets, &err) == 0);
    ageing_start(&program.ageing, &program.runtime);
    events_start(&program.events, program.runtime.sw);
    program.output[OUTPUT_OF_OTHERS].limit = SESSIONS_OUTPUT;
    session.ended = ended;
    assert(session_start(&session, &program, nowhere, nowhere, false));
    atexit(remove_dir);
}

static void ended(struct session *over)
{
    (void)over;
}

static void remove_dir(void)
{
    ports_stop(&program.runtime);
    switch_dir_close(&dir);
}

static void run(char *line)
{
    struct error err;
    char *reply;
    size_t size;
    FILE *out = open_memstream(&reply, &size);

    session.caller.leaving = false;
    command_run(&session.caller, line, out, &err);
    fclose(out);
    check_reply(reply, size, &err);
    free(reply);
    assert(program.output[OUTPUT_OF_OTHERS].used == session.output.length);
}

/* What VDE's clients depend on: data between its marks, one status line at the end, nothing that looks like the prompt. */
static void check_reply(const char *reply, size_t size, const struct error *err)
{
    static const char data[] = "0000 DATA END WITH '.'\n";
    const char *status = reply;

    assert(strlen(reply) == size && strlen(err->text) < sizeof(err->text));
    if (size == 0)
        return;
    assert(reply[size - 1] == '\n' && !strstr(reply, "$ "));
    for (const char *at = reply; *at; at++)
        assert(*at == '\n' || (*at >= 0x20 && *at < 0x7f));
    if (!strncmp(reply, data, strlen(data))) {
        status = strstr(reply, "\n.\n");
        assert(status && !strstr(status + 3, "\n.\n"));
        status += 3;
    }
    /* No code from 1100 up: libvdemgmt would wait for ever. */
    assert(*status == '\0' || !strncmp(status, "10", 2));
    assert(*status == '\0' || strchr(status, '\n') == reply + size - 1);
}

static void clean_up(void)
{
    struct vswitch *sw = program.runtime.sw;

    for (unsigned number = 0; number <= sw->config.ports; number++) {
        if (sw->port[number])
            port_close(&program.runtime, sw->port[number]);
    }
    for (unsigned vid = VID_MIN; vid <= VID_MAX; vid++)
        switch_remove_vlan(sw, vid);
    switch_set_hub(sw, false);
    assert(switch_set_ports(sw, 16) == 0);
    events_set(&program.events, &session, 0);
}
