/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_keys.c - a port can say the text that makes it again
 *
 * Theory of operation. Texts are made up of random keys. Each is read, opened as a port where that needs no privilege, changed by
 * VDE's commands, written down, and made again in its place: the second port must be as the first one was, and write
 * the same.
 */
#include "control/command.h"
#include "control/commands/port_view.h"
#include "control/control.h"
#include "control/interpreter.h"
#include "fake_port.h"
#include "ports/io/wake.h"
#include "ports/listen/acceptor.h"
#include "ports/listen/switch_dir.h"
#include "ports/ports.h"
#include "util/user_names.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 400, TEXT = 4096 };

struct bench {
    struct lab *lab;
    struct control control;
    struct switch_dir dir;
    struct log log;
    struct caller caller;
    struct error err;
    char path[64];
    unsigned seed;
};

static int bench_setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct context *context = &bench->control.context;
    struct switch_dir_options options = {.mode = MODE_UNSET,
                                         .dirmode = MODE_UNSET,
                                         .mgmtmode = MODE_UNSET,
                                         .group = (gid_t)-1,
                                         .mgmtgroup = (gid_t)-1};
    void *lab = NULL;

    assert_int_equal(lab_setup(&lab), 0);
    bench->lab = lab;
    strcpy(bench->path, "/tmp/test_keys.XXXXXX");
    assert_non_null(mkdtemp(bench->path));
    options.path = bench->path;
    bench->log = (struct log){.program = "test", .fd = -1};
    control_init(&bench->control);
    context->sw = bench->lab->sw;
    context->loop = ev_loop_new(EVFLAG_NOENV);
    context->log = &bench->log;
    context->io = io_worker_new(context->sw, context->loop);
    context->dir = &bench->dir;
    bench->control.names = user_names_new();
    bench->caller = (struct caller){.control = &bench->control, .trusted = true};
    assert_int_equal(switch_dir_open(&bench->dir, &options, &bench->err), 0);
    assert_int_equal(ports_start(context, &bench->err), 0);
    *state = bench;
    return 0;
}

static int bench_teardown(void **state)
{
    struct bench *bench = *state;
    struct context *context = &bench->control.context;
    void *lab = bench->lab;

    lab_teardown(&lab);
    ports_stop(context);
    switch_dir_close(&bench->dir);
    user_names_free(bench->control.names);
    ev_loop_destroy(context->loop);
    io_worker_free(context->io);
    free(bench);
    return 0;
}

static unsigned below(struct bench *bench, unsigned limit)
{
    return (unsigned)rand_r(&bench->seed) % limit;
}

static const char *one_of(struct bench *bench, const char *const *words)
{
    unsigned count = 0;

    while (words[count])
        count++;
    return words[below(bench, count)];
}

#define ONE_OF(bench, ...) one_of(bench, (const char *const[]){__VA_ARGS__, NULL})

/* A value for the common KEY; there must be some for each row of the table. */
static const char *any_value(struct bench *bench, const char *key)
{
    if (!strcmp(key, "port"))
        return ONE_OF(bench, "1", "7", "64", "0");
    if (!strcmp(key, "name"))
        return ONE_OF(bench, "web", "db-1", "x.y_z");
    if (!strcmp(key, "vlan"))
        return ONE_OF(bench, "0", "10", "4094", "none");
    if (!strcmp(key, "trunk"))
        return ONE_OF(bench, "20", "20+30-32", "1+3+5-7+4000", "");
    if (!strcmp(key, "max-addresses"))
        return ONE_OF(bench, "0", "5", "4096");
    if (!strcmp(key, "description"))
        return ONE_OF(bench, "", "the web", "a,,b,,,,c=d", "back\\slash", "\x1b[1m$ \xff", "=");
    if (!strcmp(key, "reserved"))
        return ONE_OF(bench, "forward", "drop", "consume");
    if (!strcmp(key, "user"))
        return ONE_OF(bench, "any", "root", "0", "1000", "4294967294");
    if (!strcmp(key, "group"))
        return ONE_OF(bench, "any", "root", "1000");
    assert_int_equal(key_find(common_keys, key)->type, KEY_SWITCH);
    return ONE_OF(bench, "on", "off");
}

/* TEXT is TYPE and its own keys; adds random common ones. Values are written as people write them, commas doubled. */
static void add_settings(struct bench *bench, char text[TEXT])
{
    char *end = text + strlen(text);

    for (const struct port_key *key = common_keys; key->name; key++) {
        if (below(bench, 3) == 0)
            end += sprintf(end, ",%s=%s", key->name, any_value(bench, key->name));
    }
    if (below(bench, 8) == 0 && !strstr(text, ",vlan=") && !strstr(text, ",trunk="))
        strcpy(end, ",vlan=transparent");
}

static void assert_same_spec(const struct port_spec *one, const struct port_spec *other)
{
    char own[2][SPEC_OWN];

    assert_ptr_equal(one->type, other->type);
    assert_int_equal(one->port, other->port);
    assert_true(port_config_equal(&one->config, &other->config));
    spec_own_keys(one, own[0]);
    spec_own_keys(other, own[1]);
    assert_string_equal(own[0], own[1]);
}

/* Read, written, read. */
static void test_texts_of_all_types(void **state)
{
    static const char *const own[] = {
        "vde",
        "stream",
        "stream,path=/run/a,,b.sock",
        "stream,path=/run/a,server=off",
        "stream,addr=127.0.0.1:0,server=on",
        "stream,fd=7",
        "dgram,local=/tmp/a,remote=/tmp/b",
        "dgram,mcast=230.0.0.1:1234,local=127.0.0.1",
        "dgram,fd=9",
        "tap,ifname=tap%d",
        "tap,ifname=a,,b",
        "uplink,ifname=eth0",
        "uplink,ifname=eth0,host=on",
        "uplink,host=off,ifname=eth0",
        "plug,vnl=slirp://",
        "plug,vnl=cmd://a,,b=c",
        NULL,
    };
    struct bench *bench = *state;

    for (unsigned round = 0; round < 20 * ROUNDS; round++) {
        char text[TEXT], written[SPEC_TEXT], again[SPEC_TEXT];
        struct port_spec spec, other;

        bench->seed = round;
        strcpy(text, one_of(bench, own));
        add_settings(bench, text);
        if (spec_parse(text, port_types, &spec, &bench->err) < 0)
            fail_msg("%s: %s", text, bench->err.text);
        spec_text(&spec, written);
        if (spec_parse(written, port_types, &other, &bench->err) < 0)
            fail_msg("%s became %s: %s", text, written, bench->err.text);
        assert_same_spec(&spec, &other);
        spec_text(&other, again);
        assert_string_equal(written, again);
        spec_clear(&spec);
        spec_clear(&other);
    }
}

static void close_port(struct bench *bench, struct port *port)
{
    list_for_each_safe (node, &port->endpoints) {
        struct endpoint *endpoint = container_of(node, struct endpoint, node);

        endpoint->ops->close(endpoint);
    }
    assert_int_equal(port_close(&bench->control.context, port), 0);
}

static int run(struct bench *bench, const char *format, ...)
{
    char line[256];
    char *reply;
    size_t size;
    FILE *out = open_memstream(&reply, &size);
    va_list arguments;
    int status;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    status = command_run(&bench->caller, line, out, &bench->err);
    fclose(out);
    free(reply);
    return status;
}

/* Some of what people do to a port by VDE's commands. */
static void change(struct bench *bench, unsigned port)
{
    for (unsigned i = below(bench, 8); i > 0; i--) {
        unsigned vid = 40 + below(bench, 3);

        switch (below(bench, 8)) {
        case 0:
            run(bench, "vlan/create %u", vid);
            assert_int_equal(run(bench, "port/setvlan %u %u", port, vid), 0);
            break;
        case 1:
            run(bench, "vlan/create %u", vid);
            assert_int_equal(run(bench, "vlan/addport %u %u", vid, port), 0);
            break;
        case 2:
            run(bench, "vlan/delport %u %u", vid, port);
            break;
        case 3:
            assert_int_equal(run(bench, "port/setuser %u %s", port, ONE_OF(bench, "NONE", "7")), 0);
            break;
        case 4:
            assert_int_equal(run(bench, "port/setgroup %u %s", port, ONE_OF(bench, "NONE", "8")),
                             0);
            break;
        case 5:
            assert_int_equal(run(bench, "port/allocatable %u %u", port, below(bench, 2)), 0);
            break;
        case 6:
            assert_int_equal(run(bench, "port/setdescr %u %s", port, ONE_OF(bench, "", "x, y")), 0);
            break;
        default:
            assert_int_equal(run(bench, "port/setname %u %s", port, ONE_OF(bench, "", "roof")), 0);
        }
    }
}

/* Makes PORT again from its own text. What it says then is the same. */
static void remake(struct bench *bench, struct port *port)
{
    struct context *context = &bench->control.context;
    char text[SPEC_TEXT], again[SPEC_TEXT];
    struct port_config before;
    unsigned number = port->number;
    char *keys = port->type_keys ? strdup(port->type_keys) : NULL;

    port_text(context, port, text);
    assert_int_equal(port_config_copy(&before, &port->config), 0);
    close_port(bench, port);
    if (port_open(context, text, true, &port, &bench->err) < 0)
        fail_msg("%s: %s", text, bench->err.text);
    assert_int_equal(port->number, number);
    assert_true(port_config_equal(&port->config, &before));
    assert_int_equal(port->fdb.limit, port_address_limit(port));
    assert_true(!keys == !port->type_keys && (!keys || !strcmp(keys, port->type_keys)));
    assert_string_equal(port_text(context, port, again), text);
    port_config_clear(&before);
    free(keys);
    close_port(bench, port);
}

static void test_ports_are_made_again(void **state)
{
    static const char *const own[] = {
        "vde",
        "stream",
        "stream,path=%s/a.sock",
        "stream,path=%s/a.sock,server=on",
        "stream,addr=127.0.0.1:0,server=on",
        "stream,addr=127.0.0.1:9",
        "dgram,local=%s/b.sock,remote=%s/c.sock",
        "dgram,local=127.0.0.1:5933,remote=127.0.0.1:5934",
        NULL,
    };
    struct bench *bench = *state;
    unsigned made = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct port *port = NULL;
        const char *first;
        char text[TEXT];

        bench->seed = round;
        first = one_of(bench, own);
        snprintf(text, sizeof(text), first, bench->path, bench->path);
        add_settings(bench, text);
        if (strstr(text, "server=on") && !strstr(text, ",port=") && !strstr(text, ",name="))
            strcat(text, ",port=5"); /* see test_listeners() */
        if (port_open(&bench->control.context, text, true, &port, &bench->err) < 0)
            fail_msg("%s: %s", text, bench->err.text);
        change(bench, port->number);
        remake(bench, port);
        made++;
    }
    assert_int_equal(made, ROUNDS);
    assert_true(list_empty(&bench->control.context.acceptors) == false); /* ctl and stream stay */
}

/* A port that no type made, as port/create and clients do. */
static void test_port_of_no_type(void **state)
{
    struct bench *bench = *state;
    char text[SPEC_TEXT];

    lab_port(bench->lab, 3);
    assert_string_equal(port_text(&bench->control.context, lab_port(bench->lab, 3), text),
                        "vde,port=3,allocatable=on");
    assert_int_equal(run(bench, "port/allocatable 3 0"), 0);
    assert_string_equal(port_text(&bench->control.context, lab_port(bench->lab, 3), text),
                        "vde,port=3");
    remake(bench, lab_port(bench->lab, 3));
}

/* One that gives each client a port says the text of itself. */
static void test_listeners(void **state)
{
    struct bench *bench = *state;
    struct context *context = &bench->control.context;

    for (unsigned round = 0; round < 2; round++) {
        struct acceptor *acceptor;
        struct port *port = NULL;
        char text[TEXT], said[TEXT];

        snprintf(text, sizeof(text),
                 "stream,max-clients=3,server=on,path=%s/a.sock,trunk=20+10,vlan=none,up=on,"
                 "description=a,,b",
                 bench->path);
        for (unsigned again = 0; again < 2; again++) {
            assert_int_equal(port_open(context, text, true, &port, &bench->err), 0);
            assert_null(port);
            acceptor = container_of(context->acceptors.prev, struct acceptor, node);
            snprintf(said, sizeof(said), "%s", acceptor->spec);
            acceptor->remove(acceptor);
            if (again)
                assert_string_equal(said, text);
            strcpy(text, said);
        }
        snprintf(said, sizeof(said),
                 "stream,path=%s/a.sock,server=on,max-clients=3,vlan=none,trunk=10+20,"
                 "description=a,,b",
                 bench->path);
        assert_string_equal(text, said);
    }
}

/* A key that is not shown would be decided, and never seen. */
static void test_every_key_is_shown(void **state)
{
    const struct field *shown = port_view_list[0].element;

    (void)state;
    for (const struct port_key *key = common_keys; key->name; key++) {
        const struct field *field = shown;

        while (field->name && strcmp(field->name, key->name))
            field++;
        if (!field->name)
            fail_msg("port/print does not show %s", key->name);
    }
}

static void test_every_key_says_what_it_is(void **state)
{
    unsigned common = 0;

    (void)state;
    while (common_keys[common].name)
        common++;
    for (unsigned i = 0; port_types[i]; i++) {
        unsigned own = 0;

        for (const struct port_key *key = port_types[i]->keys; key->name; key++, own++) {
            assert_true(*key->values && *key->help);
            assert_null(key_find(common_keys, key->name));
            assert_true(key->type != KEY_SWITCH || key->standard);
        }
        assert_true(own + common < SPEC_PAIRS); /* spec.c lists them, with a NULL behind */
    }
}

/* What is free for the taking without allocatable=. */
static void test_default_of_allocatable(void **state)
{
    static const struct {
        const char *text;
        bool allocatable;
    } specs[] = {
        {"vde", true},
        {"vde,vlan=10", true},
        {"vde,port=3", false},
        {"vde,name=web", false},
        {"vde,port=3,allocatable=on", true},
        {"tap,ifname=tap0", true},
        {"tap,ifname=tap0,vlan=0", false},
        {"tap,ifname=tap0,vlan=10", false},
        {"uplink,ifname=eth0", false},
    };
    struct bench *bench = *state;

    for (unsigned i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
        struct port_spec spec;

        assert_int_equal(spec_parse(specs[i].text, port_types, &spec, &bench->err), 0);
        if (spec.config.allocatable != specs[i].allocatable)
            fail_msg("%s", specs[i].text);
        spec_clear(&spec);
    }
}

static void test_earlier_names(void **state)
{
    struct bench *bench = *state;
    struct port_spec spec;

    assert_int_equal(spec_parse("stream,most=3", port_types, &spec, &bench->err), -EINVAL);
    assert_non_null(strstr(bench->err.text, "(did you mean \"max-clients\"?)"));
    assert_int_equal(spec_parse("vde,learn=3", port_types, &spec, &bench->err), -EINVAL);
    assert_non_null(strstr(bench->err.text, "(did you mean \"max-addresses\"?)"));
    assert_int_equal(spec_parse_settings("descr=x", lab_port(bench->lab, 1), &spec, &bench->err),
                     -EINVAL);
    assert_non_null(strstr(bench->err.text, "(did you mean \"description\"?)"));
}

/* The name of a TAP is the one that it has now: the kernel chose it, or somebody changed it. The last test, since it leaves
 * the network. */
static void test_taps_say_their_present_names(void **state)
{
    struct bench *bench = *state;
    struct context *context = &bench->control.context;
    struct ifreq renamed = {.ifr_name = "vsw0", .ifr_newname = "a,b"};
    char text[SPEC_TEXT];
    struct port *port;
    int fd;

    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        skip();
    if (access("/dev/net/tun", R_OK | W_OK) < 0)
        skip();
    assert_int_equal(port_open(context, "tap,ifname=vsw%d", true, &port, &bench->err), 0);
    assert_string_equal(port_text(context, port, text), "tap,ifname=vsw0,port=1,allocatable=on");
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(ioctl(fd, SIOCSIFNAME, &renamed), 0);
    close(fd);
    assert_string_equal(port_text(context, port, text), "tap,ifname=a,,b,port=1,allocatable=on");
    close_port(bench, port);
    assert_int_equal(port_open(context, text, true, &port, &bench->err), 0);
    close_port(bench, port);
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(test_texts_of_all_types),
        WITH_BENCH(test_ports_are_made_again),
        WITH_BENCH(test_port_of_no_type),
        WITH_BENCH(test_listeners),
        cmocka_unit_test(test_every_key_is_shown),
        cmocka_unit_test(test_every_key_says_what_it_is),
        WITH_BENCH(test_default_of_allocatable),
        WITH_BENCH(test_earlier_names),
        WITH_BENCH(test_taps_say_their_present_names),
    };

    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
