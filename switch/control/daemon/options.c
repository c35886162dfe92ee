/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/daemon/options.h"

#include "control/daemon/daemon.h"
#include "ports/ports.h"
#include "util/clock.h"
#include "util/default_dir.h"
#include "util/text.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Options without a short form. */
enum {
    OPT_MACADDR = 256,
    OPT_PRIORITY,
    OPT_HASHSIZE,
    OPT_DIRMODE,
    OPT_MGMTMODE,
    OPT_MGMTGROUP,
    OPT_NOSTDIN,
    OPT_PORT,
    OPT_FDB_SIZE,
    OPT_LEARN_LIMIT,
    OPT_LOOP_BLOCK,
};

/* Besides those that are short for ports of a type: see struct port_option. */
static const char own_short_options[] = ":hvn:xFs:m:g:dp:f:M:D:";

static const struct option own_long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {"numports", required_argument, NULL, 'n'},
    {"hub", no_argument, NULL, 'x'},
    {"fstp", no_argument, NULL, 'F'},
    {"macaddr", required_argument, NULL, OPT_MACADDR},
    {"priority", required_argument, NULL, OPT_PRIORITY},
    {"hashsize", required_argument, NULL, OPT_HASHSIZE},
    {"sock", required_argument, NULL, 's'},
    {"vdesock", required_argument, NULL, 's'},
    {"unix", required_argument, NULL, 's'},
    {"mod", required_argument, NULL, 'm'},
    {"mode", required_argument, NULL, 'm'},
    {"dirmode", required_argument, NULL, OPT_DIRMODE},
    {"group", required_argument, NULL, 'g'},
    {"daemon", no_argument, NULL, 'd'},
    {"pidfile", required_argument, NULL, 'p'},
    {"rcfile", required_argument, NULL, 'f'},
    {"mgmt", required_argument, NULL, 'M'},
    {"mgmtmode", required_argument, NULL, OPT_MGMTMODE},
    {"mgmtgroup", required_argument, NULL, OPT_MGMTGROUP},
    {"nostdin", no_argument, NULL, OPT_NOSTDIN},
    {"debugclients", required_argument, NULL, 'D'},
    {"port", required_argument, NULL, OPT_PORT},
    {"fdb-size", required_argument, NULL, OPT_FDB_SIZE},
    {"learn-limit", required_argument, NULL, OPT_LEARN_LIMIT},
    {"loop-block", required_argument, NULL, OPT_LOOP_BLOCK},
};

enum { OWN_OPTIONS = sizeof(own_long_options) / sizeof(own_long_options[0]), TYPE_OPTIONS = 8 };

/* All of them, as getopt_long() wants them. */
struct option_list {
    char letters[sizeof(own_short_options) + 2 * TYPE_OPTIONS];
    struct option option[OWN_OPTIONS + TYPE_OPTIONS + 1];
};

static void list_options(struct option_list *list);
static void complain(const struct options *options, const struct option_list *list, int verdict,
                     int letter, const char *word);
static void set_defaults(struct options *options, char *argv0);
static void set_default_dir(struct options *options);
static int read_option(struct options *options, int option, const char *argument,
                       struct error *err);
static int read_number(const char *option, const char *argument, unsigned long least,
                       unsigned long most, unsigned long *number, struct error *err);
static int read_tuning(const char *option, const char *argument, unsigned long most,
                       unsigned long *number, struct error *err);
static int read_mode(const char *option, const char *argument, int *mode, struct error *err);
static int read_group(const char *name, gid_t *group, struct error *err);
static int add_port(struct options *options, const char *given, char *spec, bool optional,
                    struct error *err);
static int add_short_port(struct options *options, int letter, const char *argument,
                          struct error *err);
static bool print_port_help(const char *spec);
static void print_key(const struct port_key *key);
static void print_ports_help(void);
static void print_common_keys(void);
static void print_help(const struct options *options);
static void print_qemu_help(void);
static void print_version(void);

enum options_verdict options_read(struct options *options, int argc, char *argv[])
{
    struct option_list list;
    struct error err;
    int option;

    list_options(&list);
    set_defaults(options, argv[0]);
    opterr = 0;
    while (optopt = 0,
           (option = getopt_long_only(argc, argv, list.letters, list.option, NULL)) != -1) {
        switch (option) {
        case 'h':
            print_help(options);
            return options->as_vde_switch ? OPTIONS_EXIT_FAILURE : OPTIONS_EXIT_OK;
        case 'v':
            print_version();
            return OPTIONS_EXIT_OK;
        case '?':
        case ':':
            complain(options, &list, option, optopt, argv[optind - 1]);
            /* vde_switch starts all the same. */
            if (options->as_vde_switch)
                continue;
            return OPTIONS_EXIT_FAILURE;
        default:
            if (option == OPT_PORT && print_port_help(optarg))
                return OPTIONS_EXIT_OK;
            if (read_option(options, option, optarg, &err) == 0)
                continue;
            fprintf(stderr, "%s: %s\n", options->program, err.text);
            if (options->as_vde_switch)
                print_help(options);
            return OPTIONS_EXIT_FAILURE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument \"%s\": every option begins with -\n",
                options->program, argv[optind]);
        if (options->as_vde_switch)
            print_help(options);
        return OPTIONS_EXIT_FAILURE;
    }
    return OPTIONS_RUN;
}

static void list_options(struct option_list *list)
{
    char *letters = stpcpy(list->letters, own_short_options);
    unsigned n = OWN_OPTIONS;

    memcpy(list->option, own_long_options, sizeof(own_long_options));
    for (unsigned i = 0; port_types[i] && n < OWN_OPTIONS + TYPE_OPTIONS; i++) {
        const struct port_option *option = port_types[i]->option;

        if (!option)
            continue;
        letters += sprintf(letters, "%c:", option->letter);
        list->option[n++] = (struct option){option->name, required_argument, NULL, option->letter};
    }
    list->option[n] = (struct option){0};
}

/* VERDICT is getopt's: ':' if an argument is missing, '?' if there is no such option. LETTER is the short option that it
 * stopped at, one of several in a word perhaps, or 0 if the trouble is with the long option WORD. */
static void complain(const struct options *options, const struct option_list *list, int verdict,
                     int letter, const char *word)
{
    const char *names[OWN_OPTIONS + TYPE_OPTIONS + 1];
    char cluster[] = {'-', (char)letter, '\0'};
    const char *nearest;
    unsigned n = 0;

    for (; list->option[n].name; n++)
        names[n] = list->option[n].name;
    names[n] = NULL;
    nearest = text_nearest(word + strspn(word, "-"), names);
    if (letter > 0 && letter < OPT_MACADDR && !strchr(list->letters, letter)) {
        word = cluster;
        nearest = NULL;
    }
    if (verdict == ':')
        fprintf(stderr, "%s: %s needs an argument; --help lists the options\n", options->program,
                word);
    else if (letter >= OPT_MACADDR || (letter > 0 && word != cluster))
        fprintf(stderr, "%s: %s takes no argument\n", options->program, word);
    else
        fprintf(stderr, "%s: unknown or ambiguous option %s%s%s%s; --help lists the options\n",
                options->program, word, nearest ? " (did you mean --" : "", nearest ? nearest : "",
                nearest ? "?)" : "");
}

static void set_defaults(struct options *options, char *argv0)
{
    memset(options, 0, sizeof(*options));
    options->program = argv0 ? basename(argv0) : "vswitchd";
    options->as_vde_switch = !strcmp(options->program, "vde_switch");
    options->config = switch_defaults();
    options->vde = (struct vde_settings){.hash_size = 128, .gc_interval = 2, .priority = 0x8000};
    options->has_console = !options->as_vde_switch;
    if (options->as_vde_switch)
        options->config.ports = 32;
    options->dir.mode = MODE_UNSET;
    options->dir.dirmode = MODE_UNSET;
    options->dir.group = (gid_t)-1;
    options->dir.mgmtmode = MODE_UNSET;
    options->dir.mgmtgroup = (gid_t)-1;
    set_default_dir(options);
}

static void set_default_dir(struct options *options)
{
    options->dir.path = options->default_dir;
    options->dir.must_own = true;
    if (options->as_vde_switch)
        text_copy(options->default_dir, sizeof(options->default_dir),
                  geteuid() == 0 ? "/var/run/vde.ctl" : "/tmp/vde.ctl");
    else
        default_dir(options->default_dir, sizeof(options->default_dir));
}

/* Return: 0, or -EINVAL with words in ERR. */
static int read_option(struct options *options, int option, const char *argument, struct error *err)
{
    unsigned long number = 0;
    int status = 0;

    switch (option) {
    case 'n':
        status = read_number("numports", argument, 1, PORT_NUMBER_MAX, &number, err);
        options->config.ports = (unsigned)number;
        return status;
    case 'x':
        options->config.hub = true;
        return 0;
    case 'F':
        options->spanning_tree = true;
        return 0;
    case OPT_MACADDR:
        options->has_mac = text_to_mac(argument, options->config.mac);
        return options->has_mac
                   ? 0
                   : error_set(err, EINVAL, "--macaddr %s: not an address like 00:ff:12:34:56:78",
                               argument);
    case 's':
        options->dir.path = argument;
        options->dir.must_own = false;
        return 0;
    case 'm':
        return read_mode("mode", argument, &options->dir.mode, err);
    case OPT_DIRMODE:
        return read_mode("dirmode", argument, &options->dir.dirmode, err);
    case 'g':
        return read_group(argument, &options->dir.group, err);
    case 'd':
        options->daemon = true;
        return 0;
    case 'p':
        options->pidfile = argument;
        return 0;
    case 'f':
        options->rcfile = argument;
        return 0;
    case 'M':
        options->mgmt = argument;
        options->has_console = true;
        return *argument ? 0
                         : error_set(err, EINVAL, "--mgmt is empty: it takes the path of a socket");
    case OPT_MGMTMODE:
        return read_mode("mgmtmode", argument, &options->dir.mgmtmode, err);
    case OPT_MGMTGROUP:
        return read_group(argument, &options->dir.mgmtgroup, err);
    case OPT_NOSTDIN:
        options->no_stdin = true;
        return 0;
    case OPT_PORT:
        return add_port(options, argument, strdup(argument), false, err);
    case OPT_FDB_SIZE:
        status = read_number("fdb-size", argument, 1, FDB_CAPACITY_MAX, &number, err);
        options->config.fdb_capacity = (unsigned)number;
        return status;
    case OPT_LEARN_LIMIT:
        status = read_number("learn-limit", argument, 0, FDB_CAPACITY_MAX, &number, err);
        options->config.learn_limit = (unsigned)number;
        return status;
    case OPT_LOOP_BLOCK:
        status = read_number("loop-block", argument, 0, 86400, &number, err);
        options->config.loop.block = number * SECOND;
        return status;
    case OPT_PRIORITY:
        status = read_tuning("priority", argument, UINT32_MAX, &number, err);
        options->vde.priority = number & 0xffff;
        return status;
    case OPT_HASHSIZE:
        status = read_tuning("hashsize", argument, FDB_CAPACITY_MAX, &number, err);
        for (options->vde.hash_size = 1; options->vde.hash_size < number;)
            options->vde.hash_size *= 2;
        return status;
    case 'D': /* there is no such bound */
        return 0;
    default:
        return add_short_port(options, option, argument, err);
    }
}

static int read_number(const char *option, const char *argument, unsigned long least,
                       unsigned long most, unsigned long *number, struct error *err)
{
    if (text_to_number(argument, most, number) && *number >= least)
        return 0;
    return error_set(err, EINVAL, "--%s %s: not a number from %lu to %lu", option, argument, least,
                     most);
}

/* VDE takes hexadecimal here. */
static int read_tuning(const char *option, const char *argument, unsigned long most,
                       unsigned long *number, struct error *err)
{
    return text_to_hex(argument, most, number)
               ? 0
               : read_number(option, argument, 0, most, number, err);
}

static int read_mode(const char *option, const char *argument, int *mode, struct error *err)
{
    char *end;
    long value = strtol(argument, &end, 8);

    if (*argument == '\0' || *end != '\0' || value < 0 || value > 07777)
        return error_set(err, EINVAL, "--%s %s: not an octal mode like 0660", option, argument);
    *mode = (int)value;
    return 0;
}

static int read_group(const char *name, gid_t *group, struct error *err)
{
    const struct group *entry = getgrnam(name);

    if (!entry)
        return error_set(err, EINVAL, "there is no group \"%s\" on this system", name);
    *group = entry->gr_gid;
    return 0;
}

static int add_port(struct options *options, const char *given, char *spec, bool optional,
                    struct error *err)
{
    if (!spec)
        return error_no_memory(err);
    if (options->ports == OPTION_PORTS_MAX)
        return error_set(err, E2BIG, "more than %d ports on the command line", OPTION_PORTS_MAX);
    options->port[options->ports].given = given;
    options->port[options->ports].spec = spec;
    options->port[options->ports++].optional = optional;
    return 0;
}

/* -t IF is short for --port tap,ifname=IF. Commas, which the kernel allows in a name, are doubled. */
static int add_short_port(struct options *options, int letter, const char *argument,
                          struct error *err)
{
    for (unsigned i = 0; port_types[i]; i++) {
        const struct port_type *type = port_types[i];
        char *spec;

        if (!type->option || type->option->letter != letter)
            continue;
        spec = malloc(strlen(type->name) + strlen(type->option->key) + 2 * strlen(argument) + 3);
        if (spec)
            spec_add(stpcpy(spec, type->name), type->option->key, argument);
        return add_port(options, argument, spec, true, err);
    }
    return -EINVAL;
}

static void print_help(const struct options *options)
{
    printf(
        "Usage: %s [OPTION]...\n"
        "A virtual Ethernet switch: QEMU guests, TAP interfaces and VDE networks plug into it.\n\n"
        "Where and for whom\n"
        "  -s, --sock DIR         the directory that clients are given (%s)\n"
        "  -m, --mode OCTAL       mode of the sockets in it (0600)\n"
        "      --dirmode OCTAL    mode of DIR (02700, or as --mode allows)\n"
        "  -g, --group NAME       group of DIR and of the sockets\n"
        "  -M, --mgmt PATH        where the console listens (DIR/mgmt)\n"
        "      --mgmtmode OCTAL, --mgmtgroup NAME   the same for it, and for sockets of port 0 "
        "(0600)\n",
        options->program, options->default_dir);
    printf("Ports\n"
           "  -n, --numports N       highest port number (%u)\n",
           options->config.ports);
    print_ports_help();
    printf("Switching\n"
           "  -x, --hub              repeat every frame to every port\n"
           "      --macaddr MAC      the switch's own address (00:ff: and four random bytes)\n"
           "      --fdb-size N       addresses that the switch remembers (%d)\n"
           "      --learn-limit N    the same for each port (%d)\n"
           "      --loop-block SEC   how long a port that closes a loop is blocked (10; 0: never)\n"
           "Running\n"
           "  -d, --daemon           go to the background once ready, log to syslog\n"
           "  -p, --pidfile FILE     write the process number to FILE, remove it at exit\n"
           "  -f, --rcfile FILE      run the commands in FILE at start\n"
           "      --nostdin          take no commands on stdin, and do not end with it\n"
           "  -h, --help   -v, --version\n"
           "Accepted for vde_switch: -F --fstp, --priority, --hashsize, -D (no effect in this\n"
           "  version); --vdesock, --unix, --mod as names of -s and -m.\n\n",
           FDB_CAPACITY, FDB_OWNER_LIMIT);
    print_qemu_help();
    printf("console: vdeterm DIR/mgmt     manual: man vswitchd\n");
}

/* "      tap    ifname=                   a TAP interface of this host" */
static void print_ports_help(void)
{
    for (unsigned i = 0; port_types[i]; i++) {
        const struct port_option *option = port_types[i]->option;

        if (option)
            printf("  -%c, --%s %-*s%s\n", option->letter, option->name,
                   (int)(16 - strlen(option->name)), option->argument, option->help);
    }
    printf(
        "      --port SPEC        make a port; SPEC is TYPE,key=value,... (TYPE,help explains):\n");
    for (unsigned i = 0; port_types[i]; i++) {
        char keys[128] = "";

        for (const struct port_key *key = port_types[i]->keys; key->name; key++)
            text_append(keys, sizeof(keys), "%s%s=", *keys ? "," : "", key->name);
        printf("      %-6s %-37s %s\n", port_types[i]->name, keys, port_types[i]->help);
    }
    print_common_keys();
}

static void print_common_keys(void)
{
    enum { INDENT = 25, WIDTH = 92 };
    int column = printf("%*skeys of all types:", INDENT, "");

    for (const struct port_key *key = common_keys; key->name; key++) {
        int length = (int)(strlen(" =") + strlen(key->name) + strlen(key->values));

        if (column + length > WIDTH)
            column = printf("\n%*s", INDENT - 1, "") - 1;
        column += printf(" %s=%s", key->name, key->values);
    }
    printf("\n");
}

/* "QEMU: -netdev ..., or -nic ..." */
static void print_qemu_help(void)
{
    const char *begin = "QEMU: ";
    char text[128];

    port_types_for_qemu(type)
    {
        printf("%s%s", begin, qemu_options(type->qemu, "DIR", text, sizeof(text)));
        begin = ", or ";
    }
    printf("\n");
}

/* --port help, or --port TYPE,help: what there is, for people and for the shell's completion.
 * Return: false if SPEC asks for something else. */
static bool print_port_help(const char *spec)
{
    for (unsigned i = 0; port_types[i]; i++) {
        const struct port_type *type = port_types[i];
        size_t length = strlen(type->name);

        if (!strcmp(spec, "help"))
            printf("%-8s %s\n", type->name, type->help);
        else if (!strncmp(spec, type->name, length) && !strcmp(spec + length, ",help")) {
            printf("%s: %s\n", type->name, type->help);
            for (const struct port_key *key = type->keys; key->name; key++)
                print_key(key);
            printf("As every type:\n");
            for (const struct port_key *key = common_keys; key->name; key++)
                print_key(key);
            return true;
        }
    }
    return !strcmp(spec, "help");
}

static void print_key(const struct port_key *key)
{
    enum { COLUMN = 34 };
    int length = printf("  %s=%s", key->name, key->values);

    printf("%*s%s%s\n", length < COLUMN ? COLUMN - length : 2, "", key->help,
           key->restricted ? " (owner only)" : "");
}

static void print_version(void)
{
    printf("VDE %s\nvswitchd %s, compatible with the version of vde_switch above\n"
           "License GPL-2.0-or-later. There is no warranty.\n",
           VDE_VERSION, VSW_VERSION);
}
