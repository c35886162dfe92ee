/*
 * load.c - sender, receivers and the clocks around them
 *
 * A run: read the switch's CPU time, send, wait until the receivers and the switch
 * have been idle for a while, read the CPU time again. The switch sleeps at both
 * readings, so the difference belongs to the frames of this run alone, to the
 * nanosecond; the CPU clock of a process is the sum of sum_exec_runtime of its
 * threads, which is also what /proc/PID/task/N/schedstat shows. (Compared once,
 * on Linux 6.18, around runs of vswitchd, vde_switch and the relay: the two clocks
 * agreed to the nanosecond, and a run's share was 99.6 to 99.9 % of a process'
 * whole CPU time, whose rest went into attaching and learning.)
 *
 * Frames carry a sequence number after the header. It is not reset between runs, so that a late
 * frame (a stalled machine looks idle) is not taken for one of the next run.
 */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADER                 14
#define SMALLEST               60
#define ETHERTYPE_EXPERIMENTAL 0x88b5
#define QUIET_MS               60 /* the run is over after this long without frames or CPU use */
#define DRAIN_MAX_MS           5000
#define LEARN_ATTEMPTS         20
#define RECEIVE_TIMEOUT_MS     20
#define PING_TIMEOUT_MS        1000

struct receivers {
    const struct load_plan *plan;
    const struct client *clients;
    pthread_t thread;
    struct client_batch *batch;
    uint64_t last_sequence[LOAD_RECEIVERS];
    _Atomic uint64_t count[LOAD_RECEIVERS];
    _Atomic uint64_t misordered;
    _Atomic uint64_t last_ns; /* when the latest frame arrived */
    atomic_bool stop;
};

static int receivers_start(struct receivers *receivers, const struct load_plan *plan,
                           const struct client *clients);
static void receivers_stop(struct receivers *receivers);
static uint64_t receivers_total(const struct receivers *receivers);
static int send_flat_out(const struct load_plan *plan, const struct client *sender,
                         struct client_batch *batch, uint64_t *sent);
static int send_paced(const struct load_plan *plan, const struct client *sender,
                      struct client_batch *batch, uint64_t *sent);
static void wait_until_quiet(const struct receivers *receivers);
static void make_frame(unsigned char *frame, const unsigned char *destination,
                       const unsigned char *source);
static void receiver_address(unsigned char *mac, int number);
static void pin_to(int core);
static uint64_t processes_cpu_ns(const struct load_plan *plan, uint64_t *each);
static uint64_t process_cpu_ns(int pid);
static uint64_t clock_ns(clockid_t clock);

static uint64_t earlier; /* frames that were sent in earlier runs */

static const unsigned char sender_mac[6] = {2, 0, 0, 0, 0, 1};
static const unsigned char unknown_mac[6] = {2, 0, 0, 0, 0xff, 1};
static const unsigned char broadcast_mac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

int load_run(const struct load_plan *plan, const struct client *sender,
             const struct client *clients, struct load_result *result)
{
    struct client_batch *batch = calloc(1, sizeof(*batch));
    struct receivers receivers = {0};
    unsigned char destination[6];
    uint64_t start, load_cpu, before[LOAD_PROCESSES];
    int rc;

    if (!batch)
        return -ENOMEM;
    receiver_address(destination, 0);
    if (plan->target == LOAD_BROADCAST)
        memcpy(destination, broadcast_mac, 6);
    else if (plan->target == LOAD_UNKNOWN)
        memcpy(destination, unknown_mac, 6);
    client_batch_prepare(batch, (size_t)plan->size);
    for (int i = 0; i < CLIENT_BATCH; i++)
        make_frame(batch->iov[i].iov_base, destination, sender_mac);

    memset(result, 0, sizeof(*result));
    rc = receivers_start(&receivers, plan, clients);
    if (rc < 0)
        goto out;
    processes_cpu_ns(plan, before);
    load_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    start = clock_ns(CLOCK_MONOTONIC);
    pin_to(plan->sender_core);

    rc = plan->rate > 0 ? send_paced(plan, sender, batch, &result->sent)
                        : send_flat_out(plan, sender, batch, &result->sent);

    load_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - load_cpu;
    wait_until_quiet(&receivers);
    receivers_stop(&receivers);
    processes_cpu_ns(plan, result->cpu_ns);
    for (int i = 0; i < plan->processes; i++)
        result->cpu_ns[i] -= before[i];
    result->load_ns = load_cpu;
    result->seconds = receivers.last_ns > start ? (double)(receivers.last_ns - start) / 1e9 : 0;
    result->misordered = receivers.misordered;
    earlier += result->sent;
    for (int i = 0; i < plan->receivers; i++)
        result->received[i] = receivers.count[i];
out:
    free(batch);
    return rc;
}

/* ---- the sender ---- */

static int send_batch(const struct client *sender, struct client_batch *batch, int n,
                      uint64_t *sent)
{
    int rc;

    for (int i = 0; i < n; i++) {
        uint64_t sequence = earlier + *sent + 1 + (uint64_t)i;

        memcpy((unsigned char *)batch->iov[i].iov_base + HEADER, &sequence, sizeof(sequence));
    }
    rc = client_send(sender, batch, n);
    if (rc == 0)
        *sent += (uint64_t)n;
    return rc;
}

static int send_flat_out(const struct load_plan *plan, const struct client *sender,
                         struct client_batch *batch, uint64_t *sent)
{
    uint64_t end = clock_ns(CLOCK_MONOTONIC) + (uint64_t)(plan->seconds * 1e9);
    int rc = 0;

    while (rc == 0 && clock_ns(CLOCK_MONOTONIC) < end)
        rc = send_batch(sender, batch, plan->batch, sent);
    return rc;
}

/* The number of frames due is computed from the start of the run, so the next burst makes up for a
 * late wake-up. */
static int send_paced(const struct load_plan *plan, const struct client *sender,
                      struct client_batch *batch, uint64_t *sent)
{
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    uint64_t end = start + (uint64_t)(plan->seconds * 1e9);
    uint64_t wake = start;

    prctl(PR_SET_TIMERSLACK, 1UL);
    while (wake < end) {
        struct timespec at;
        uint64_t due;

        wake += (uint64_t)plan->burst_us * 1000;
        at.tv_sec = (time_t)(wake / 1000000000);
        at.tv_nsec = (long)(wake % 1000000000);
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        due = (uint64_t)((double)(wake - start) * plan->rate / 1e9);
        while (*sent < due) {
            uint64_t n = due - *sent;
            int rc =
                send_batch(sender, batch, n < (uint64_t)plan->batch ? (int)n : plan->batch, sent);

            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

/* ---- the receivers ---- */

/* Result of one receive call. */
struct arrivals {
    uint64_t last_sequence;
    uint64_t count;
    uint64_t misordered;
};

static void note_frame(void *context, const unsigned char *frame, size_t length)
{
    struct arrivals *arrivals = context;
    uint64_t sequence;

    if (length < HEADER + sizeof(sequence) || memcmp(frame + 6, sender_mac, 6) != 0)
        return; /* a frame of the switch's own, such as a spanning tree hello */
    memcpy(&sequence, frame + HEADER, sizeof(sequence));
    if (sequence <= earlier)
        return;
    if (sequence <= arrivals->last_sequence)
        arrivals->misordered++;
    else
        arrivals->last_sequence = sequence;
    arrivals->count++;
}

static int receive_from(struct receivers *receivers, int which, bool wait)
{
    struct arrivals arrivals = {.last_sequence = receivers->last_sequence[which]};
    int n =
        client_receive(&receivers->clients[which], receivers->batch, wait, note_frame, &arrivals);

    if (n <= 0)
        return n;
    receivers->last_sequence[which] = arrivals.last_sequence;
    if (arrivals.misordered)
        atomic_fetch_add(&receivers->misordered, arrivals.misordered);
    atomic_fetch_add_explicit(&receivers->count[which], arrivals.count, memory_order_relaxed);
    atomic_store_explicit(&receivers->last_ns, clock_ns(CLOCK_MONOTONIC), memory_order_relaxed);
    return n;
}

static void receive_sleeping(struct receivers *receivers)
{
    struct timespec nap = {.tv_nsec = receivers->plan->rx_sleep_us * 1000L};

    prctl(PR_SET_TIMERSLACK, 1UL);
    while (!atomic_load(&receivers->stop)) {
        for (int i = 0; i < receivers->plan->receivers; i++)
            while (receive_from(receivers, i, false) >= CLIENT_BATCH)
                ;
        clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    }
}

static void receive_woken(struct receivers *receivers)
{
    struct epoll_event events[LOAD_RECEIVERS];
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    for (int i = 0; i < receivers->plan->receivers; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};

        epoll_ctl(epoll, EPOLL_CTL_ADD, receivers->clients[i].data, &event);
    }
    while (!atomic_load(&receivers->stop)) {
        int n = epoll_wait(epoll, events, LOAD_RECEIVERS, RECEIVE_TIMEOUT_MS);

        for (int i = 0; i < n; i++)
            receive_from(receivers, (int)events[i].data.u32, false);
    }
    close(epoll);
}

static void receive_blocking(struct receivers *receivers)
{
    client_timeout(&receivers->clients[0], RECEIVE_TIMEOUT_MS);
    while (!atomic_load(&receivers->stop))
        receive_from(receivers, 0, true);
}

static void *receivers_main(void *argument)
{
    struct receivers *receivers = argument;

    pin_to(receivers->plan->receiver_core);
    if (receivers->plan->rx_sleep_us > 0)
        receive_sleeping(receivers);
    else if (receivers->plan->receivers == 1)
        receive_blocking(receivers);
    else
        receive_woken(receivers);
    return NULL;
}

static int receivers_start(struct receivers *receivers, const struct load_plan *plan,
                           const struct client *clients)
{
    int rc;

    receivers->plan = plan;
    receivers->clients = clients;
    receivers->batch = calloc(1, sizeof(*receivers->batch));
    if (!receivers->batch)
        return -ENOMEM;
    client_batch_prepare(receivers->batch, CLIENT_FRAME_MAX);
    rc = pthread_create(&receivers->thread, NULL, receivers_main, receivers);
    if (rc)
        free(receivers->batch);
    return -rc;
}

static void receivers_stop(struct receivers *receivers)
{
    atomic_store(&receivers->stop, true);
    pthread_join(receivers->thread, NULL);
    free(receivers->batch);
}

static uint64_t receivers_total(const struct receivers *receivers)
{
    uint64_t total = 0;

    for (int i = 0; i < receivers->plan->receivers; i++)
        total += atomic_load_explicit(&receivers->count[i], memory_order_relaxed);
    return total;
}

static void wait_until_quiet(const struct receivers *receivers)
{
    const struct timespec step = {.tv_nsec = 10000000};
    uint64_t last_total = 0, last_cpu = 0;
    int quiet_ms = 0;

    for (int ms = 0; ms < DRAIN_MAX_MS && quiet_ms < QUIET_MS; ms += 10) {
        uint64_t total, cpu, each[LOAD_PROCESSES];

        nanosleep(&step, NULL);
        total = receivers_total(receivers);
        cpu = processes_cpu_ns(receivers->plan, each);
        quiet_ms = total == last_total && cpu == last_cpu ? quiet_ms + 10 : 0;
        last_total = total;
        last_cpu = cpu;
    }
}

/* ---- learning and latency ---- */

struct awaited {
    const unsigned char *source;
    bool seen;
};

static void look_for(void *context, const unsigned char *frame, size_t length)
{
    struct awaited *awaited = context;

    awaited->seen = awaited->seen || (length >= 12 && memcmp(frame + 6, awaited->source, 6) == 0);
}

static bool send_and_see(const struct client *from, const struct client *to, int n,
                         struct client_batch *batch, const unsigned char *destination,
                         const unsigned char *source)
{
    bool seen = true;

    client_batch_prepare(batch, SMALLEST);
    make_frame(batch->iov[0].iov_base, destination, source);
    if (client_send(from, batch, 1) < 0)
        return false;
    client_batch_prepare(batch, CLIENT_FRAME_MAX);
    for (int i = 0; i < n; i++) {
        struct awaited awaited = {.source = source};

        while (!awaited.seen && client_receive(&to[i], batch, true, look_for, &awaited) >= 0)
            ;
        seen = seen && awaited.seen;
    }
    return seen;
}

static void discard_pending(const struct client *client, struct client_batch *batch)
{
    struct awaited nothing = {.seen = true};

    while (client_receive(client, batch, false, look_for, &nothing) >= 0)
        ;
}

int load_learn(const struct client *sender, const struct client *receivers, int n)
{
    struct client_batch *batch = calloc(1, sizeof(*batch));
    bool learnt = false;

    if (!batch)
        return -ENOMEM;
    client_timeout(sender, 100);
    for (int i = 0; i < n; i++)
        client_timeout(&receivers[i], 100);
    for (int attempt = 0; attempt < LEARN_ATTEMPTS && !learnt; attempt++) {
        learnt = send_and_see(sender, receivers, n, batch, broadcast_mac, sender_mac);
        for (int i = 0; i < n && learnt; i++) {
            unsigned char mac[6];

            receiver_address(mac, i);
            learnt = send_and_see(&receivers[i], sender, 1, batch, sender_mac, mac);
        }
    }
    for (int i = 0; i < n; i++)
        discard_pending(&receivers[i], batch);
    discard_pending(sender, batch);
    free(batch);
    return learnt ? 0 : -ETIMEDOUT;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

int load_latency(const struct client *a, const struct client *b, int size, int count,
                 struct latency_result *result)
{
    unsigned char there[CLIENT_FRAME_MAX] = {0}, back[CLIENT_FRAME_MAX] = {0},
                  buffer[CLIENT_FRAME_MAX], mac[6];
    uint64_t *times = calloc((size_t)count, sizeof(*times));
    int done = 0;

    if (!times)
        return -ENOMEM;
    receiver_address(mac, 0);
    make_frame(there, mac, sender_mac);
    make_frame(back, sender_mac, mac);
    client_timeout(a, PING_TIMEOUT_MS);
    client_timeout(b, PING_TIMEOUT_MS);
    memset(result, 0, sizeof(*result));
    while (done < count && result->lost < 5) {
        uint64_t start = clock_ns(CLOCK_MONOTONIC);

        if (send(a->data, there, (size_t)size, 0) < 0 ||
            recv(b->data, buffer, sizeof(buffer), 0) < 0 ||
            send(b->data, back, (size_t)size, 0) < 0 ||
            recv(a->data, buffer, sizeof(buffer), 0) < 0)
            result->lost++;
        else
            times[done++] = clock_ns(CLOCK_MONOTONIC) - start;
    }
    if (done > 0) {
        qsort(times, (size_t)done, sizeof(*times), compare_u64);
        result->median_us = (double)times[done / 2] / 1e3;
        result->p99_us = (double)times[(size_t)done * 99 / 100] / 1e3;
    }
    free(times);
    return done > 0 ? 0 : -ETIMEDOUT;
}

/* ---- small things ---- */

static void make_frame(unsigned char *frame, const unsigned char *destination,
                       const unsigned char *source)
{
    memcpy(frame, destination, 6);
    memcpy(frame + 6, source, 6);
    frame[12] = ETHERTYPE_EXPERIMENTAL >> 8;
    frame[13] = ETHERTYPE_EXPERIMENTAL & 0xff;
}

static void receiver_address(unsigned char *mac, int number)
{
    const unsigned char address[6] = {LOAD_RECEIVER_MAC, (unsigned char)number};

    memcpy(mac, address, sizeof(address));
}

static void pin_to(int core)
{
    cpu_set_t cores;

    if (core < 0)
        return;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    sched_setaffinity(0, sizeof(cores), &cores);
}

/* Return: the sum of EACH. */
static uint64_t processes_cpu_ns(const struct load_plan *plan, uint64_t *each)
{
    uint64_t sum = 0;

    for (int i = 0; i < plan->processes; i++)
        sum += each[i] = process_cpu_ns(plan->pid[i]);
    return sum;
}

static uint64_t process_cpu_ns(int pid)
{
    clockid_t clock;

    if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0)
        return 0;
    return clock_ns(clock);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
