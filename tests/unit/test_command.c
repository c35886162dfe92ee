/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_command.c - the command table: how lines find commands, their arguments, and that replies
 * can be rendered in other forms than text without the commands' knowledge
 */
#include "control/command.h"
#include "fake_port.h"
#include "ports/io/wake.h"
#include "ports/listen/switch_dir.h"
#include "util/user_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The parts of a daemon that commands use, around the lab's switch. */
struct bench {
    struct lab *lab;
    struct daemon daemon;
    struct switch_dir dir;
    struct log log;
    struct caller caller;
    struct error err;
    char *reply;
};

static int bench_setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    void *lab = NULL;

    assert_int_equal(lab_setup(&lab), 0);
    bench->lab = lab;
    bench->daemon.context.sw = bench->lab->sw;
    bench->daemon.context.loop = ev_loop_new(0);
    bench->daemon.context.io = io_worker_new(bench->lab->sw, bench->daemon.context.loop);
    bench->daemon.context.dir = &bench->dir;
    bench->daemon.context.log = &bench->log;
    list_init(&bench->daemon.context.services);
    list_init(&bench->daemon.context.acceptors);
    bench->daemon.names = user_names_new();
    bench->daemon.vde = (struct vde_settings){.hash_size = 128, .priority = 0x8000};
    bench->daemon.mgmt_path = "/tmp/sw/mgmt";
    strcpy(bench->dir.sockets.path, "/tmp/sw");
    events_start(&bench->daemon.events, bench->lab->sw);
    bench->caller = (struct caller){.daemon = &bench->daemon, .trusted = true};
    *state = bench;
    return 0;
}

static int bench_teardown(void **state)
{
    struct bench *bench = *state;
    void *lab = bench->lab;

    user_names_free(bench->daemon.names);
    free(bench->reply);
    lab_teardown(&lab);
    io_worker_free(bench->daemon.context.io);
    ev_loop_destroy(bench->daemon.context.loop);
    free(bench);
    return 0;
}

/* Runs a console line. Return: its status; BENCH keeps the text of the reply. */
static int run(struct bench *bench, const char *text)
{
    char *line = strdup(text);
    size_t size;
    FILE *out;
    int status;

    free(bench->reply);
    bench->reply = NULL;
    out = open_memstream(&bench->reply, &size);
    status = command_run(&bench->caller, line, out, &bench->err);
    fclose(out);
    free(line);
    return status;
}

static void expect(struct bench *bench, const char *line, const char *reply)
{
    run(bench, line);
    assert_string_equal(bench->reply, reply);
}

static void test_framing(void **state)
{
    struct bench *bench = *state;

    expect(bench, "", "");
    expect(bench, " \t # a comment", "");
    expect(bench, "vlan/create 10", "1000 Success\n");
    expect(bench, "\tvlan/create 10", "1017 File exists\n");
    expect(bench, "ds/showinfo",
           "0000 DATA END WITH '.'\nctl dir /tmp/sw\nstd mode 0000\n.\n1000 Success\n");
    expect(bench, "hash/find 02:00:00:00:00:01",
           "0000 DATA END WITH '.'\n.\n1019 No such device\n");
}

static void test_lookup_is_by_prefix_in_order(void **state)
{
    (void)state;
    assert_string_equal(command_find("helpme")->path, "help");
    assert_string_equal(command_find("showinfoX")->path, "showinfo");
    assert_string_equal(command_find("port/setvlan 1 2")->path, "port/setvlan");
    assert_string_equal(command_find("port/setname 1 x")->path, "port/setname");
    assert_string_equal(command_find("port/set 1 vlan=2")->path, "port/set");
    assert_null(command_find("port"));
    assert_null(command_find("port/"));
    assert_null(command_find("showinf"));
}

/* Every command is found by its own path, and has a help text of one line that VDE's clients can
 * parse. */
static void test_every_command_is_reachable(void **state)
{
    char syntax[COMMAND_SYNTAX];

    (void)state;
    for (unsigned part = 0; command_table[part]; part++) {
        for (const struct command *command = command_table[part]; command->path; command++) {
            if (command->run)
                assert_ptr_equal(command_find(command->path), command);
            assert_null(strstr(command->help, "$ "));
            assert_null(strchr(command->help, '\n'));
            assert_true(strlen(command_syntax(command, syntax)) < COMMAND_SYNTAX - 1);
        }
    }
}

static void test_malformed_numbers(void **state)
{
    struct bench *bench = *state;

    lab_port(bench->lab, 1);
    assert_int_equal(run(bench, "vlan/create"), -EINVAL);
    assert_string_equal(bench->err.text, "N is missing");
    assert_int_equal(run(bench, "vlan/create ten"), -EINVAL);
    assert_string_equal(bench->err.text, "N \"ten\" is not a number from 0 to 4095");
    assert_int_equal(run(bench, "vlan/create 10 11"), -EINVAL);
    assert_string_equal(bench->err.text, "\"11\" is too much");
    assert_int_equal(run(bench, "vlan/create -1"), -EINVAL);
    assert_int_equal(run(bench, "vlan/create 0x"), -EINVAL);
    assert_int_equal(run(bench, "vlan/create 0x1g"), -EINVAL);
    assert_int_equal(run(bench, "vlan/create 0x100000001"), -EINVAL);
    assert_int_equal(run(bench, "vlan/create 4096"), -EINVAL);
    assert_int_equal(run(bench, "vlan/create 4095"), -EINVAL);
    assert_int_equal(run(bench, "vlan/create 99999999999999999999"), -EINVAL);
    assert_int_equal(run(bench, "vlan/create 010"), 0); /* decimal */
    assert_true(vlan_exists(&bench->lab->sw->vlans, 10));
    assert_int_equal(run(bench, "vlan/create 0x0b"), 0);
    assert_true(vlan_exists(&bench->lab->sw->vlans, 11));
    assert_int_equal(run(bench, "port/sethub 2"), -EINVAL);
    assert_int_equal(run(bench, "port/allocatable 1 0"), 0);
    assert_false(lab_port(bench->lab, 1)->config.allocatable);
}

/* A malformed argument takes precedence over one that names nothing, whichever comes first. */
static void test_what_is_told_first(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(run(bench, "port/setvlan 7 1"), -ENXIO);
    assert_string_equal(bench->err.text, "there is no port 7");
    assert_int_equal(run(bench, "port/setvlan 7 5000"), -EINVAL);
    assert_string_equal(bench->err.text, "VLAN \"5000\" is not a number from 0 to 4095");
    assert_int_equal(run(bench, "port/setvlan 65 5000"), -EINVAL);
    assert_string_equal(bench->err.text, "port \"65\" is out of range: this switch has 0 to 64");
    assert_int_equal(run(bench, "vlan/addport 9 7"), -ENXIO);
    assert_string_equal(bench->err.text, "there is no VLAN 9; vlan/create makes it");
}

static void test_ports_by_name(void **state)
{
    struct bench *bench = *state;

    strcpy(lab_port(bench->lab, 3)->config.name, "web");
    assert_int_equal(run(bench, "port/allocatable web 0"), 0);
    assert_false(lab_port(bench->lab, 3)->config.allocatable);
    assert_int_equal(run(bench, "port/allocatable 3 1"), 0);
    assert_true(lab_port(bench->lab, 3)->config.allocatable);
    assert_int_equal(run(bench, "port/allocatable db 0"), -ENXIO);
    assert_string_equal(bench->err.text, "no port is called \"db\"");
    assert_int_equal(run(bench, "port/allocatable d:b 0"), -EINVAL);
    assert_int_equal(run(bench, "port/allocatable -3 0"), -EINVAL);
}

static void test_text_arguments(void **state)
{
    struct bench *bench = *state;
    struct port *port = lab_port(bench->lab, 1);

    assert_int_equal(run(bench, "port/setdescr 1  two words  "), 0);
    assert_string_equal(port->config.description, "two words");
    assert_int_equal(run(bench, "port/setdescr 1 \x1b[2J\xff"), 0);
    assert_string_equal(port->config.description, "\x1b[2J\xff");
    assert_int_equal(run(bench, "port/allprint 1"), 0);
    assert_non_null(strstr(bench->reply, " Description: \\x1b[2J\\xff\n"));
    assert_int_equal(run(bench, "port/setdescr 1"), 0);
    assert_null(port->config.description);
}

static void test_owners_commands(void **state)
{
    struct bench *bench = *state;

    bench->caller.trusted = false;
    assert_int_equal(run(bench, "load /dev/null"), -EPERM);
    assert_int_equal(run(bench, "plugin/add /bin/sh"), -EPERM);
    assert_int_equal(run(bench, "tap/list"), -EPERM);
    assert_int_equal(run(bench, "port/add tap,ifname=tap0"), -EPERM);
    assert_string_equal(bench->reply,
                        "0000 DATA END WITH '.'\n.\n1001 Operation not permitted: only the "
                        "switch's own user, or root, may make a tap port with ifname=\n");
    assert_int_equal(run(bench, "vlan/create 5"), 0);
}

/* VDE's clients take "$ " at the end of what they have read for the prompt. */
static void test_no_value_looks_like_the_prompt(void **state)
{
    struct bench *bench = *state;

    strcpy(bench->dir.sockets.path, "/tmp/vde$ \n1000 Success\n$");
    expect(bench, "ds/showinfo",
           "0000 DATA END WITH '.'\nctl dir /tmp/vde\\x24 \\x0a1000 Success\\x0a\\x24\n"
           "std mode 0000\n.\n1000 Success\n");
}

/* ---- another rendering: values with their names ---- */

static void name_of(struct reply *reply, const struct field *field)
{
    fprintf(reply->out, "\"%s\":", field->name);
}

static void json_number(struct reply *reply, const struct field *field, uint64_t value)
{
    name_of(reply, field);
    fprintf(reply->out, "%llu,", (unsigned long long)value);
}

static void json_flag(struct reply *reply, const struct field *field, bool value)
{
    name_of(reply, field);
    fprintf(reply->out, "%s,", value ? "true" : "false");
}

static void json_text(struct reply *reply, const struct field *field, const char *value)
{
    name_of(reply, field);
    fprintf(reply->out, "\"%s\",", value);
}

static void json_none(struct reply *reply, const struct field *field)
{
    name_of(reply, field);
    fprintf(reply->out, "null,");
}

static void json_list(struct reply *reply, const struct field *field)
{
    name_of(reply, field);
    fprintf(reply->out, "[");
}

static void json_item(struct reply *reply, const struct field *field)
{
    (void)field;
    fprintf(reply->out, "|");
}

static void json_list_end(struct reply *reply, const struct field *field)
{
    (void)field;
    fprintf(reply->out, "],");
}

static const struct rendering json_rendering = {
    json_number, json_flag, json_text, json_none, json_list, json_item, json_list_end,
};

/* Return: what COMMAND answers in the other rendering. */
static const char *render(struct bench *bench, const struct command *command, const char *arguments)
{
    char *text = strdup(arguments);
    struct reply reply;
    size_t size;
    FILE *out;

    free(bench->reply);
    bench->reply = NULL;
    out = open_memstream(&bench->reply, &size);
    reply_begin(&reply, &json_rendering, command->result, out);
    command_call(&bench->caller, command, text, &reply, &bench->err);
    fclose(out);
    free(text);
    return bench->reply;
}

static void test_another_rendering(void **state)
{
    struct bench *bench = *state;

    lab_vlans(bench->lab, 2, 10, "20-22");
    assert_string_equal(render(bench, command_find("vlan/allprint"), "20"),
                        "\"vlans\":[|\"vlan\":20,\"members\":[|\"port\":2,\"tagged\":true,"
                        "\"active\":false,\"forwarding\":true,],],");
    assert_string_equal(render(bench, command_find("port/showinfo"), ""),
                        "\"ports\":64,\"hub\":false,\"counters\":true,\"queue\":16384,");
}

/* A result is complete in any rendering: every value in order. */
static void test_every_result_fits_its_shape(void **state)
{
    struct bench *bench = *state;
    uint8_t mac[MAC_BYTES];

    lab_vlans(bench->lab, 1, 10, "20-22");
    lab_attach(bench->lab, 1)->endpoint.description = strdup("guest");
    lab_send(bench->lab, lab_attach(bench->lab, 2), sample(EVERYONE, 2));
    lab_port(bench->lab, 1)->counters.drops[DROP_RUNT]++;
    fdb_add_static(bench->lab->sw->fdb, 10, mac_of(9, mac), &lab_port(bench->lab, 1)->fdb, 0);
    for (unsigned part = 0; command_table[part]; part++) {
        for (const struct command *command = command_table[part]; command->path; command++) {
            const struct field *field = command->result;
            const char *at;

            if (!field || command->parameters == NULL || !command->parameters[0].name ||
                !command->parameters[0].optional)
                continue;
            at = render(bench, command, "");
            for (; field->name; field++) {
                char name[64];

                snprintf(name, sizeof(name), "\"%s\":", field->name);
                at = strstr(at, name);
                if (strncmp(command->path, "debug/", 6)) /* which need a session */
                    assert_non_null(at);
                else
                    break;
            }
        }
    }
}

int main(void)
{
#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        WITH_BENCH(test_framing),
        cmocka_unit_test(test_lookup_is_by_prefix_in_order),
        cmocka_unit_test(test_every_command_is_reachable),
        WITH_BENCH(test_malformed_numbers),
        WITH_BENCH(test_what_is_told_first),
        WITH_BENCH(test_ports_by_name),
        WITH_BENCH(test_text_arguments),
        WITH_BENCH(test_owners_commands),
        WITH_BENCH(test_no_value_looks_like_the_prompt),
        WITH_BENCH(test_another_rendering),
        WITH_BENCH(test_every_result_fits_its_shape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
