/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_command.c - the command table: how lines find commands, their arguments, and that replies
 * can be rendered in other forms than text without the commands' knowledge
 */
#include "control/control.h"
#include "control/interpreter.h"
#include "fake_port.h"
#include "ports/io/wake.h"
#include "ports/listen/switch_dir.h"
#include "ports/ports.h"
#include "util/user_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The parts of a daemon that commands use, around the lab's switch. */
struct bench {
    struct lab *lab;
    struct control control;
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
    control_init(&bench->control);
    bench->control.context.sw = bench->lab->sw;
    bench->control.context.loop = ev_loop_new(0);
    bench->control.context.io = io_worker_new(bench->lab->sw, bench->control.context.loop);
    bench->control.context.dir = &bench->dir;
    bench->control.context.log = &bench->log;
    bench->control.names = user_names_new();
    bench->control.vde = (struct vde_settings){.hash_size = 128, .priority = 0x8000};
    bench->control.mgmt_path = "/tmp/sw/mgmt";
    strcpy(bench->dir.sockets.path, "/tmp/sw");
    events_start(&bench->control.events, bench->lab->sw, &bench->control.context.io->core.deferred);
    bench->caller = (struct caller){.control = &bench->control, .trusted = true};
    *state = bench;
    return 0;
}

static int bench_teardown(void **state)
{
    struct bench *bench = *state;
    void *lab = bench->lab;

    user_names_free(bench->control.names);
    free(bench->reply);
    lab_teardown(&lab);
    io_worker_free(bench->control.context.io);
    ev_loop_destroy(bench->control.context.loop);
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
    struct bench *bench = *state;
    const struct commands *all = &bench->control.commands;

    assert_string_equal(command_find(all, "helpme")->path, "help");
    assert_string_equal(command_find(all, "showinfoX")->path, "showinfo");
    assert_string_equal(command_find(all, "port/setvlan 1 2")->path, "port/setvlan");
    assert_string_equal(command_find(all, "port/setname 1 x")->path, "port/setname");
    assert_string_equal(command_find(all, "port/set 1 vlan=2")->path, "port/set");
    assert_null(command_find(all, "port"));
    assert_null(command_find(all, "port/"));
    assert_null(command_find(all, "showinf"));
}

/* Each argument has a name of its own, which reads as one word on a line; and one at most takes the keys. */
static void assert_names(const struct command *command)
{
    unsigned collectors = 0;

    for (const struct parameter *one = command->parameters; one && one->name; one++) {
        assert_non_null(one->shown);
        assert_int_equal(strspn(one->name, "abcdefghijklmnopqrstuvwxyz"), strlen(one->name));
        for (const struct parameter *other = command->parameters; other != one; other++)
            assert_string_not_equal(one->name, other->name);
        collectors += one->type == ARGUMENT_SPEC || one->type == ARGUMENT_KEYS;
    }
    assert_true(collectors <= 1);
}

/* Every command is found by its own path, and has a help text of one line that VDE's clients can
 * parse. */
static void test_every_command_is_reachable(void **state)
{
    struct bench *bench = *state;
    char syntax[COMMAND_SYNTAX];

    list_for_each (node, &bench->control.commands.sets) {
        const struct command *command = container_of(node, struct command_set, node)->commands;

        for (; command->path; command++) {
            if (command->run)
                assert_ptr_equal(command_find(&bench->control.commands, command->path), command);
            assert_names(command);
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

/* ---- by name ---- */

/* Calls COMMAND as a program does: without any line. Return: its status. */
static int call(struct bench *bench, const char *path, const struct given given[], unsigned count)
{
    const struct command *command = command_find(&bench->control.commands, path);
    struct reply reply;
    size_t size;
    FILE *out;
    int status;

    free(bench->reply);
    bench->reply = NULL;
    out = open_memstream(&bench->reply, &size);
    reply_begin(&reply, &text_rendering, command->result, out);
    status = command_call(&bench->caller, command, given, count, &reply, &bench->err);
    fclose(out);
    return status;
}

#define CALL(bench, path, ...)                                                                     \
    call(bench, path, (const struct given[]){__VA_ARGS__},                                         \
         sizeof((const struct given[]){__VA_ARGS__}) / sizeof(struct given))

static void test_arguments_by_name(void **state)
{
    struct bench *bench = *state;
    struct port *port = lab_port(bench->lab, 3);

    strcpy(port->config.name, "web");
    vlan_create(&bench->lab->sw->vlans, 10);
    assert_int_equal(CALL(bench, "port/setvlan", {"vlan", "10"}, {"port", "web"}), 0);
    assert_int_equal(port->config.membership.untagged, 10);
    assert_int_equal(CALL(bench, "port/setvlan", {NULL, "web"}, {"vlan", "0"}), 0);
    assert_int_equal(port->config.membership.untagged, 0);
    assert_int_equal(CALL(bench, "port/setvlan", {NULL, "web"}, {NULL, "10"}), 0);
    assert_int_equal(port->config.membership.untagged, 10);
    assert_int_equal(CALL(bench, "port/setdescr", {"port", "3"}, {"description", " a,b = c "}), 0);
    assert_string_equal(port->config.description, " a,b = c ");
    assert_int_equal(CALL(bench, "hash/flush", {"port", "web"}), 0);
}

static void test_wrong_names(void **state)
{
    struct bench *bench = *state;

    lab_port(bench->lab, 3);
    assert_int_equal(CALL(bench, "port/setvlan", {"port", "3"}, {"vlam", "0"}), -EINVAL);
    assert_string_equal(bench->err.text, "unknown argument \"vlam\"; known are: port, vlan");
    assert_int_equal(CALL(bench, "logout", {"port", "3"}), -EINVAL);
    assert_string_equal(bench->err.text, "unknown argument \"port\"; known are: none");
    assert_int_equal(CALL(bench, "port/setvlan", {"port", "3"}, {"port", "3"}), -EINVAL);
    assert_string_equal(bench->err.text, "argument \"port\" is given twice");
    assert_int_equal(CALL(bench, "port/setvlan", {NULL, "3"}, {"port", "3"}), -EINVAL);
    assert_string_equal(bench->err.text, "argument \"port\" is given twice");
    assert_int_equal(CALL(bench, "port/setvlan", {"port", "3"}, {NULL, "0"}), -EINVAL);
    assert_string_equal(bench->err.text, "\"0\" is not NAME=VALUE, as those before it are");
    assert_int_equal(CALL(bench, "port/setvlan", {"port", "3"}), -EINVAL);
    assert_string_equal(bench->err.text, "vlan is missing");
    assert_int_equal(CALL(bench, "port/setvlan", {"port", "3"}, {"vlan", ""}), -EINVAL);
    assert_string_equal(bench->err.text, "vlan is missing");
    assert_int_equal(CALL(bench, "port/setvlan", {"vlan", "x"}, {"port", "3"}), -EINVAL);
    assert_string_equal(bench->err.text, "vlan \"x\" is not a number from 0 to 4095");
    assert_int_equal(CALL(bench, "port/setvlan", {NULL, "3"}, {NULL, "0"}, {NULL, "1"}), -EINVAL);
    assert_string_equal(bench->err.text, "\"1\" is too much");
}

static void test_names_on_the_console(void **state)
{
    struct bench *bench = *state;
    struct port *port = lab_port(bench->lab, 3);

    port->for_guests = false; /* no listeners are there to be renamed */
    assert_int_equal(run(bench, "vlan/create vlan=10"), 0);
    assert_int_equal(run(bench, "port/setvlan \t vlan=10  port=3 "), 0);
    assert_int_equal(port->config.membership.untagged, 10);
    assert_int_equal(run(bench, "port/setdescr port=3 description=two  words, a=b  "), 0);
    assert_string_equal(port->config.description, "two  words, a=b");
    assert_int_equal(run(bench, "port/setdescr description=port=4 port=3"), -EINVAL);
    assert_string_equal(bench->err.text, "port is missing");
    assert_int_equal(run(bench, "port/setname port=3 name=web"), 0);
    assert_int_equal(run(bench, "port/setname port=web name="), 0);
    assert_string_equal(port->config.name, "");
    assert_int_equal(run(bench, "port/setvlan port=3 10"), -EINVAL);
    assert_string_equal(bench->err.text, "\"10\" is not NAME=VALUE, as those before it are");

    /* What is no parameter's name is a value, as it always was. */
    assert_int_equal(run(bench, "port/setvlan vlam=3 port=10"), -EINVAL);
    assert_string_equal(bench->err.text, "\"vlam=3\" is neither the number nor the name of a port");
    assert_int_equal(run(bench, "port/setdescr 3 port=4"), 0);
    assert_string_equal(port->config.description, "port=4");
    assert_int_equal(run(bench, "logout port=3"), 0);
}

static void test_keys_are_collected(void **state)
{
    struct bench *bench = *state;
    struct port *port = lab_port(bench->lab, 3);

    port->for_guests = false; /* no listeners are there to be renamed */
    assert_int_equal(run(bench, "port/set port=3 vlan=20 up=off name=web"), 0);
    assert_int_equal(port->config.membership.untagged, 20);
    assert_false(port->config.up);
    assert_string_equal(port->config.name, "web");
    assert_int_equal(run(bench, "port/set 3 vlan=21,up=on"), 0);
    assert_int_equal(port->config.membership.untagged, 21);
    assert_int_equal(run(bench, "port/set port=3 keys=vlan=22,isolated=on up=off"), 0);
    assert_int_equal(port->config.membership.untagged, 22);
    assert_true(port->config.isolated);
    assert_false(port->config.up);
    assert_int_equal(CALL(bench, "port/set", {"port", "3"}, {"name", ""}, {"trunk", "5+6"}), 0);
    assert_string_equal(port->config.name, "");
    assert_true(membership_has_tagged(&port->config.membership, 6));

    /* What a key is, port_change() knows. */
    assert_int_equal(run(bench, "port/set port=3 vlam=20"), -EINVAL);
    assert_non_null(strstr(bench->err.text, "unknown key \"vlam\""));
    assert_int_equal(CALL(bench, "port/set", {"port", "3"}, {"up=on,vlan", "1"}), -EINVAL);
    assert_non_null(strstr(bench->err.text, "unknown argument \"up=on,vlan\""));
    assert_int_equal(CALL(bench, "port/set", {"port", "3"}), -EINVAL);
    assert_string_equal(bench->err.text, "keys is missing");
}

/* Commas in values are doubled: each value stays one. */
static void test_collected_values_are_kept_whole(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(CALL(bench, "port/set", {NULL, "3"}, {"vlan", "1,up=off"}), -ENXIO);
    lab_port(bench->lab, 3);
    assert_int_equal(CALL(bench, "port/set", {NULL, "3"}, {"vlan", "1,up=off"}), -EINVAL);
    assert_non_null(strstr(bench->err.text, "vlan=1,up=off is not a VLAN"));
    assert_true(lab_port(bench->lab, 3)->config.up);
    assert_int_equal(CALL(bench, "port/add", {"spec", "vde"}, {"vlan", "1,up=off"}), -EINVAL);
    assert_non_null(strstr(bench->err.text, "vlan=1,up=off is not a VLAN"));
    assert_int_equal(CALL(bench, "port/add", {"vlan", "1"}, {"up", "off"}), -EINVAL);
    assert_string_equal(bench->err.text, "spec is missing");
    assert_int_equal(run(bench, "port/add spec=vde port=5 vlan=30"), 0);
    assert_int_equal(lab_port(bench->lab, 5)->config.membership.untagged, 30);
}

static void test_more_words_than_a_line_may_have(void **state)
{
    struct bench *bench = *state;
    char line[16 + 8 * GIVEN_MAX] = "port/set port=3";

    lab_port(bench->lab, 3);
    for (unsigned i = 0; i < GIVEN_MAX; i++)
        strcat(line, " up=on");
    assert_int_equal(run(bench, line), -EINVAL);
    assert_string_equal(bench->err.text,
                        "\"up=on up=on\" is not NAME=VALUE, as those before it are");
}

/* ---- tables that come and go ---- */

static int say_hello(struct call *call)
{
    reply_text(call->reply, call->argument[0].given ? call->argument[0].text : "world");
    return 0;
}

static const struct command hello_commands[] = {
    {"hello", "HELLO MENU"},
    {"hello/say", "greet", PARAMETERS({"name", "NAME", ARGUMENT_WORD, .optional = true}),
     RESULT({"greeting", FIELD_TEXT, "hello %s\n"}), .extension = true, .run = say_hello},
    {0},
};

static void test_commands_come_and_go(void **state)
{
    struct bench *bench = *state;
    struct command_set set = {.commands = hello_commands};
    const char *at;

    assert_int_equal(run(bench, "hello/say"), -ENOSYS);
    assert_int_equal(commands_register(&bench->control.commands, &set, &bench->err), 0);
    expect(bench, "hello/say name=you", "0000 DATA END WITH '.'\nhello you\n.\n1000 Success\n");
    run(bench, "help");
    at = strstr(bench->reply, "\nlisten/del ");
    assert_non_null(at); /* ours come last, as they were registered */
    assert_non_null(strstr(at, "\nhello/say          [NAME]          greet\n.\n"));
    commands_unregister(&set);
    assert_int_equal(run(bench, "hello/say"), -ENOSYS);
    run(bench, "help");
    assert_null(strstr(bench->reply, "hello"));
    assert_int_equal(commands_register(&bench->control.commands, &set, &bench->err), 0);
    assert_int_equal(run(bench, "hello/say"), 0);
}

/* VDE's commands are found even in a longer word: what begins like one could never be called. */
static void test_commands_that_cannot_be_registered(void **state)
{
    struct bench *bench = *state;
    static const struct parameter many[] = {
        {"a", "A"}, {"b", "B"}, {"c", "C"}, {"d", "D"}, {"e", "E"},
        {"f", "F"}, {"g", "G"}, {"h", "H"}, {"i", "I"}, {0},
    };
    const struct command hidden[] = {hello_commands[1], {"helpful", "no", .run = say_hello}, {0}};
    const struct command wide[] = {{"wide", "no", many, .run = say_hello}, {0}};
    struct command_set set = {.commands = hidden};

    assert_int_equal(commands_register(&bench->control.commands, &set, &bench->err), -EEXIST);
    assert_string_equal(bench->err.text, "helpful means the command help");
    assert_int_equal(run(bench, "hello/say"), -ENOSYS);
    set.commands = wide;
    assert_int_equal(commands_register(&bench->control.commands, &set, &bench->err), -EINVAL);
    assert_string_equal(bench->err.text, "wide has more than 8 parameters");
    assert_int_equal(run(bench, "wide"), -ENOSYS);
}

/* ---- replies that break their promise ---- */

static int wrong_type(struct call *call)
{
    reply_number(call->reply, 1);
    return 0;
}

static int too_few(struct call *call)
{
    (void)call;
    return 0;
}

static int too_many(struct call *call)
{
    reply_text(call->reply, "a");
    reply_text(call->reply, "b");
    return 0;
}

static int endless_list(struct call *call)
{
    reply_list(call->reply);
    reply_item(call->reply);
    reply_text(call->reply, "a");
    return 0;
}

static int item_of_no_list(struct call *call)
{
    reply_text(call->reply, "a");
    reply_item(call->reply);
    reply_text(call->reply, "b");
    return 0;
}

static int half_a_record_and_another(struct call *call)
{
    reply_list(call->reply);
    reply_item(call->reply);
    reply_item(call->reply);
    reply_text(call->reply, "a");
    reply_list_end(call->reply);
    return 0;
}

static int unbegun_list(struct call *call)
{
    reply_list_end(call->reply);
    return 0;
}

static int deep_list(struct call *call)
{
    for (int i = 0; i < 2 * REPLY_DEPTH; i++)
        reply_list(call->reply);
    assert_false(reply_item(call->reply));
    for (int i = 0; i < 2 * REPLY_DEPTH; i++)
        reply_list_end(call->reply);
    return 0;
}

static int half_a_record(struct call *call)
{
    reply_list(call->reply);
    reply_item(call->reply);
    reply_list_end(call->reply);
    return 0;
}

static int wrong_failure(struct call *call)
{
    reply_number(call->reply, 1);
    return -ENOENT;
}

/* A wrong reply is an error of its own. Frames go on. */
static void test_wrong_replies(void **state)
{
    static const struct field text[] = {{"text", FIELD_TEXT, "%s\n"}, {0}};
    static const struct field list[] = {{"list", FIELD_LIST, .element = text}, {0}};
    static const struct command wrong[] = {
        {"wrong/type", "", .result = text, .run = wrong_type},
        {"wrong/few", "", .result = text, .run = too_few},
        {"wrong/many", "", .result = text, .run = too_many},
        {"wrong/none", "", .run = too_many},
        {"wrong/endless", "", .result = list, .run = endless_list},
        {"wrong/item", "", .result = text, .run = item_of_no_list},
        {"wrong/skipped", "", .result = list, .run = half_a_record_and_another},
        {"wrong/unbegun", "", .result = text, .run = unbegun_list},
        {"wrong/deep", "", .result = list, .run = deep_list},
        {"wrong/half", "", .result = list, .run = half_a_record},
        {"wrong/failure", "", .result = text, .run = wrong_failure},
        {0},
    };
    struct bench *bench = *state;
    struct command_set set = {.commands = wrong};

    bench->log.fd = -1;
    assert_int_equal(commands_register(&bench->control.commands, &set, &bench->err), 0);
    for (const struct command *command = wrong; command->path; command++)
        assert_int_equal(run(bench, command->path), -EPROTO);
    expect(bench, "wrong/type",
           "0000 DATA END WITH '.'\n.\n1071 Protocol error: the reply does not have the shape that "
           "wrong/type declares\n");
    expect(bench, "wrong/many",
           "0000 DATA END WITH '.'\na\n.\n1071 Protocol error: the reply does not have the shape "
           "that wrong/many declares\n");
    assert_true(bench->control.wrong_replies.said + bench->control.wrong_replies.unsaid > 10);
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
    struct given given[GIVEN_MAX];
    unsigned count = arguments_split(command->parameters, text, given);
    struct reply reply;
    size_t size;
    FILE *out;

    free(bench->reply);
    bench->reply = NULL;
    out = open_memstream(&bench->reply, &size);
    reply_begin(&reply, &json_rendering, command->result, out);
    command_call(&bench->caller, command, given, count, &reply, &bench->err);
    fclose(out);
    free(text);
    return bench->reply;
}

static void test_another_rendering(void **state)
{
    struct bench *bench = *state;

    lab_vlans(bench->lab, 2, 10, "20-22");
    assert_string_equal(
        render(bench, command_find(&bench->control.commands, "vlan/allprint"), "20"),
        "\"vlans\":[|\"vlan\":20,\"members\":[|\"port\":2,\"tagged\":true,"
        "\"active\":false,\"forwarding\":true,],],");
    assert_string_equal(render(bench, command_find(&bench->control.commands, "port/showinfo"), ""),
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
    list_for_each (node, &bench->control.commands.sets) {
        const struct command *command = container_of(node, struct command_set, node)->commands;

        for (; command->path; command++) {
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
        WITH_BENCH(test_lookup_is_by_prefix_in_order),
        WITH_BENCH(test_every_command_is_reachable),
        WITH_BENCH(test_malformed_numbers),
        WITH_BENCH(test_what_is_told_first),
        WITH_BENCH(test_ports_by_name),
        WITH_BENCH(test_text_arguments),
        WITH_BENCH(test_owners_commands),
        WITH_BENCH(test_no_value_looks_like_the_prompt),
        WITH_BENCH(test_arguments_by_name),
        WITH_BENCH(test_wrong_names),
        WITH_BENCH(test_names_on_the_console),
        WITH_BENCH(test_keys_are_collected),
        WITH_BENCH(test_collected_values_are_kept_whole),
        WITH_BENCH(test_more_words_than_a_line_may_have),
        WITH_BENCH(test_commands_come_and_go),
        WITH_BENCH(test_commands_that_cannot_be_registered),
        WITH_BENCH(test_wrong_replies),
        WITH_BENCH(test_another_rendering),
        WITH_BENCH(test_every_result_fits_its_shape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
