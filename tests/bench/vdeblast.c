/*
 * vdeblast.c - a load generator for anything that speaks VDE, and for streams and datagrams
 *
 *   vdeblast blast   -s DIR [...]   send for some seconds, print what arrived
 *   vdeblast latency -s DIR [...]   one frame back and forth, many times
 *   vdeblast hold    -s DIR -n N    attach N clients, print "ready", wait for the end of stdin
 *
 * The result is one JSON object on stdout. Exit status: 0, 1 when the switch could
 * not be used, 2 for a wrong command line.
 */
#define _GNU_SOURCE
#include "client.h"
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct options {
    const char *dir;
    const char *sender, *receivers; /* how they are attached */
    int silent;
    int sndbuf;
    int count;
    double warmup;
    struct load_plan plan;
};

struct mode {
    const char *name;
    int (*run)(const struct options *options);
};

static int run_blast(const struct options *options);
static int run_latency(const struct options *options);
static int run_hold(const struct options *options);
static int parse_options(struct options *options, int argc, char **argv);
static int attach_and_learn(const struct options *options, int receivers, struct client **clients);
static int attach(const struct options *options, struct client *clients, int first, int n,
                  const char *way);
static void print_blast(const struct load_plan *plan, const struct load_result *result);
static void raise_file_limit(void);
static int usage(void);

static const struct mode modes[] = {
    {"blast", run_blast},
    {"latency", run_latency},
    {"hold", run_hold},
};

int main(int argc, char **argv)
{
    struct options options = {
        .count = 10000,
        .warmup = 0.2,
        .plan = {.size = 60,
                 .batch = 32,
                 .receivers = 1,
                 .seconds = 1,
                 .burst_us = 200,
                 .sender_core = -1,
                 .receiver_core = -1},
    };

    if (argc < 2 || parse_options(&options, argc - 1, argv + 1) < 0)
        return usage();
    raise_file_limit();
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(argv[1], modes[i].name) == 0)
            return modes[i].run(&options);
    return usage();
}

static int run_blast(const struct options *options)
{
    struct load_plan plan = options->plan;
    struct load_result result;
    struct client *clients; /* the receivers, the sender, the silent ones */
    int rc = attach_and_learn(options, plan.receivers, &clients);

    if (rc < 0)
        return 1;
    if (options->warmup > 0) {
        plan.seconds = options->warmup;
        rc = load_run(&plan, &clients[plan.receivers], clients, &result);
        plan.seconds = options->plan.seconds;
    }
    if (rc == 0)
        rc = load_run(&plan, &clients[plan.receivers], clients, &result);
    if (rc < 0) {
        fprintf(stderr, "vdeblast: sending: %s\n", strerror(-rc));
        return 1;
    }
    print_blast(&plan, &result);
    return 0;
}

static int run_latency(const struct options *options)
{
    struct latency_result result;
    struct client *clients;
    int rc = attach_and_learn(options, 1, &clients);

    if (rc < 0)
        return 1;
    rc = load_latency(&clients[1], &clients[0], options->plan.size, options->count / 10 + 1,
                      &result);
    if (rc == 0)
        rc = load_latency(&clients[1], &clients[0], options->plan.size, options->count, &result);
    if (rc < 0) {
        fprintf(stderr, "vdeblast: no frame came back: %s\n", strerror(-rc));
        return 1;
    }
    printf("{\"median_us\": %.2f, \"p99_us\": %.2f, \"lost\": %d}\n", result.median_us,
           result.p99_us, result.lost);
    return 0;
}

static int run_hold(const struct options *options)
{
    struct client *clients = calloc((size_t)options->silent, sizeof(*clients));
    char byte;

    if (!clients || attach(options, clients, 0, options->silent, options->dir) < 0)
        return 1;
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    return 0;
}

static int attach_and_learn(const struct options *options, int receivers, struct client **clients)
{
    int rc;

    *clients = calloc((size_t)(receivers + 1 + options->silent), sizeof(**clients));
    if (!*clients || attach(options, *clients, 0, receivers, options->receivers) < 0 ||
        attach(options, *clients, receivers, 1, options->sender) < 0 ||
        attach(options, *clients, receivers + 1, options->silent, options->dir) < 0)
        return -1;
    rc = load_learn(&(*clients)[receivers], *clients, receivers);
    if (rc < 0)
        fprintf(stderr, "vdeblast: frames do not get through: %s\n", strerror(-rc));
    return rc;
}

/* The clients are never freed: they stay attached for as long as the process runs. */
static int attach(const struct options *options, struct client *clients, int first, int n,
                  const char *way)
{
    for (int i = first; i < first + n; i++) {
        int rc = client_attach(&clients[i], way, i, options->sndbuf);

        if (rc < 0) {
            fprintf(stderr, "vdeblast: client %d: %s: %s\n", i, way, strerror(-rc));
            return rc;
        }
    }
    return 0;
}

static void print_list(const char *name, const uint64_t *values, int n)
{
    printf("\"%s\": [", name);
    for (int i = 0; i < n; i++)
        printf("%s%llu", i ? ", " : "", (unsigned long long)values[i]);
    printf("], ");
}

static void print_blast(const struct load_plan *plan, const struct load_result *result)
{
    printf("{\"seconds\": %.6f, \"sent\": %llu, ", result->seconds,
           (unsigned long long)result->sent);
    print_list("received", result->received, plan->receivers);
    print_list("cpu_ns", result->cpu_ns, plan->processes);
    printf("\"misordered\": %llu, \"load_ns\": %llu}\n", (unsigned long long)result->misordered,
           (unsigned long long)result->load_ns);
}

static int parse_target(struct load_plan *plan, const char *word)
{
    if (strcmp(word, "unicast") == 0)
        plan->target = LOAD_UNICAST;
    else if (strcmp(word, "broadcast") == 0)
        plan->target = LOAD_BROADCAST;
    else if (strcmp(word, "unknown") == 0)
        plan->target = LOAD_UNKNOWN;
    else
        return -1;
    return 0;
}

static int add_process(struct load_plan *plan, int pid)
{
    if (plan->processes == LOAD_PROCESSES)
        return -1;
    plan->pid[plan->processes++] = pid;
    return 0;
}

static int parse_option(struct options *options, int letter)
{
    struct load_plan *plan = &options->plan;

    switch (letter) {
    case 's':
        options->dir = optarg;
        return 0;
    case 'i':
        options->sender = optarg;
        return 0;
    case 'o':
        options->receivers = optarg;
        return 0;
    case 'n':
        options->silent = atoi(optarg);
        return 0;
    case 'S':
        options->sndbuf = atoi(optarg);
        return 0;
    case 'c':
        options->count = atoi(optarg);
        return 0;
    case 'w':
        options->warmup = atof(optarg);
        return 0;
    case 'z':
        plan->size = atoi(optarg);
        return 0;
    case 'b':
        plan->batch = atoi(optarg);
        return 0;
    case 'r':
        plan->receivers = atoi(optarg);
        return 0;
    case 't':
        plan->seconds = atof(optarg);
        return 0;
    case 'R':
        plan->rate = atof(optarg);
        return 0;
    case 'u':
        plan->burst_us = atoi(optarg);
        return 0;
    case 'y':
        plan->rx_sleep_us = atoi(optarg);
        return 0;
    case 'C':
        plan->sender_core = atoi(optarg);
        return 0;
    case 'D':
        plan->receiver_core = atoi(optarg);
        return 0;
    case 'p':
        return add_process(plan, atoi(optarg));
    case 'd':
        return parse_target(plan, optarg);
    default:
        return -1;
    }
}

static int parse_options(struct options *options, int argc, char **argv)
{
    const struct load_plan *plan = &options->plan;
    int letter;

    while ((letter = getopt(argc, argv, "s:i:o:n:S:c:w:z:b:r:t:R:u:y:C:D:p:d:")) != -1)
        if (parse_option(options, letter) < 0)
            return -1;
    if (!options->sender)
        options->sender = options->dir;
    if (!options->receivers)
        options->receivers = options->dir;
    if (!options->dir || options->silent < 0 || options->count < 1 || plan->size < 60 ||
        plan->size > CLIENT_FRAME_MAX || plan->batch < 1 || plan->batch > CLIENT_BATCH ||
        plan->receivers < 1 || plan->receivers > LOAD_RECEIVERS || plan->burst_us < 1)
        return -1;
    return 0;
}

static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int usage(void)
{
    fputs(
        "usage: vdeblast blast|latency|hold -s DIR\n"
        "  -i WAY    blast: how the sender is attached, -o WAY the receivers, if not by VDE at "
        "DIR:\n"
        "            another DIR, stream:PATH, stream:IP:PORT, dgram:LOCAL,REMOTE (both PATH or "
        "IP:PORT)\n"
        "  -n N      silent clients besides those that work (0)\n"
        "  -z BYTES  frame size without FCS, 60..9216 (60)\n"
        "  -r N      receivers (1)         -d unicast|broadcast|unknown  destination (unicast)\n"
        "  -t SEC    duration (1)          -w SEC    warm-up before it, not counted (0.2)\n"
        "  -R RATE   frames/s (as fast as they are taken), in bursts every -u MICROSECONDS (200)\n"
        "  -b N      frames a system call of the sender, at most 64 (32)\n"
        "  -y MICROSECONDS  receivers look that often instead of being woken\n"
        "  -c N      round trips (10000)   -S BYTES  SO_SNDBUF of clients (the system's default)\n"
        "  -p PID    measure that process' CPU time; up to four times\n"
        "  -C CORE   pin the sender        -D CORE   pin the receivers\n",
        stderr);
    return 2;
}
