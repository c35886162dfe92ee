/*
 * load.c - sender, receivers and the clocks around them
 *
 * A run is: note the switch's CPU time, send, wait until the receivers and the
 * switch have been quiet for a while, note the CPU time again. The switch sleeps
 * at both notes, so the difference belongs to the frames of this run alone, to
 * the nanosecond; the CPU clock of a process is the sum of sum_exec_runtime of
 * its threads, which is also what /proc/PID/task/N/schedstat shows. (Compared once,
 * on Linux 6.18, around runs of vswitchd, vde_switch and the relay: the two clocks
 * agreed to the nanosecond, and a run's share was 99.6 to 99.9 % of a process'
 * whole CPU time, whose rest went into attaching and learning.)
 *
 * Frames carry a sequence number after the header, counted from 1 in each run.
 */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <poll.h>
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
#define ETHERTYPE_EXPERIMENTAL 0x88b5
#define QUIET_MS               60 /* nothing received and no CPU used for so long: the run is over */
#define DRAIN_MAX_MS           5000
#define LEARN_ATTEMPTS         20
#define RECEIVE_TIMEOUT_MS     20
#define PING_TIMEOUT_MS        1000

struct mmsg_ring {
    struct mmsghdr messages[LOAD_BATCH];
    struct iovec iov[LOAD_BATCH];
    unsigned char frames[LOAD_BATCH][LOAD_FRAME_MAX];
};

struct receivers {
    const struct load_plan *plan;
    const struct client *clients;
    pthread_t thread;
    struct mmsg_ring *ring;
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
static int send_flat_out(const struct load_plan *plan, int fd, struct mmsg_ring *ring,
                         uint64_t *sent);
static int send_paced(const struct load_plan *plan, int fd, struct mmsg_ring *ring, uint64_t *sent);
static void wait_until_quiet(const struct receivers *receivers, int pid);
static void ring_prepare(struct mmsg_ring *ring, const unsigned char *destination, int size);
static void ring_empty(struct mmsg_ring *ring);
static void make_frame(unsigned char *frame, const unsigned char *destination,
                       const unsigned char *source);
static void receiver_address(unsigned char *mac, int number);
static void pin_to(int core);
static uint64_t process_cpu_ns(int pid);
static uint64_t clock_ns(clockid_t clock);

static const unsigned char sender_mac[6] = {2, 0, 0, 0, 0, 1};
static const unsigned char unknown_mac[6] = {2, 0, 0, 0, 0xff, 1};
static const unsigned char broadcast_mac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

int load_run(const struct load_plan *plan, const struct client *sender,
             const struct client *clients, struct load_result *result)
{
    struct mmsg_ring *ring = calloc(1, sizeof(*ring));
    struct receivers receivers = {0};
    unsigned char destination[6];
    uint64_t start, load_cpu, switch_cpu;
    int rc;

    if (!ring)
        return -ENOMEM;
    receiver_address(destination, 0);
    if (plan->target == LOAD_BROADCAST)
        memcpy(destination, broadcast_mac, 6);
    else if (plan->target == LOAD_UNKNOWN)
        memcpy(destination, unknown_mac, 6);
    ring_prepare(ring, destination, plan->size);

    memset(result, 0, sizeof(*result));
    rc = receivers_start(&receivers, plan, clients);
    if (rc < 0)
        goto out;
    switch_cpu = process_cpu_ns(plan->switch_pid);
    load_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    start = clock_ns(CLOCK_MONOTONIC);
    pin_to(plan->sender_core);

    rc = plan->rate > 0 ? send_paced(plan, sender->data, ring, &result->sent)
                        : send_flat_out(plan, sender->data, ring, &result->sent);

    load_cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - load_cpu;
    wait_until_quiet(&receivers, plan->switch_pid);
    receivers_stop(&receivers);
    result->switch_ns = process_cpu_ns(plan->switch_pid) - switch_cpu;
    result->load_ns = load_cpu;
    result->seconds = receivers.last_ns > start ? (double)(receivers.last_ns - start) / 1e9 : 0;
    result->misordered = receivers.misordered;
    for (int i = 0; i < plan->receivers; i++)
        result->received[i] = receivers.count[i];
out:
    free(ring);
    return rc;
}

/* ---- the sender ---- */

static int send_batch(int fd, struct mmsg_ring *ring, int n, uint64_t *sent)
{
    int done = 0;

    for (int i = 0; i < n; i++) {
        uint64_t sequence = *sent + 1 + (uint64_t)i;

        memcpy(ring->frames[i] + HEADER, &sequence, sizeof(sequence));
    }
    while (done < n) {
        int rc = sendmmsg(fd, ring->messages + done, (unsigned)(n - done), 0);

        if (rc < 0 && errno != EINTR)
            return -errno;
        if (rc > 0)
            done += rc;
    }
    *sent += (uint64_t)n;
    return 0;
}

static int send_flat_out(const struct load_plan *plan, int fd, struct mmsg_ring *ring,
                         uint64_t *sent)
{
    uint64_t end = clock_ns(CLOCK_MONOTONIC) + (uint64_t)(plan->seconds * 1e9);
    int rc = 0;

    while (rc == 0 && clock_ns(CLOCK_MONOTONIC) < end)
        rc = send_batch(fd, ring, plan->batch, sent);
    return rc;
}

/* What is due is computed from the start of the run, so a late wake-up is made good by the next burst. */
static int send_paced(const struct load_plan *plan, int fd, struct mmsg_ring *ring, uint64_t *sent)
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
            int rc = send_batch(fd, ring, n < (uint64_t)plan->batch ? (int)n : plan->batch, sent);

            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

/* ---- the receivers ---- */

static void note_frames(struct receivers *receivers, int which, int n)
{
    uint64_t last = receivers->last_sequence[which];
    uint64_t misordered = 0;
    int counted = 0;

    for (int i = 0; i < n; i++) {
        const unsigned char *frame = receivers->ring->frames[i];
        uint64_t sequence;

        if (receivers->ring->messages[i].msg_len < HEADER + sizeof(sequence) ||
            memcmp(frame + 6, sender_mac, 6) != 0)
            continue; /* a frame of the switch's own, such as a spanning tree hello */
        memcpy(&sequence, frame + HEADER, sizeof(sequence));
        if (sequence <= last)
            misordered++;
        else
            last = sequence;
        counted++;
    }
    receivers->last_sequence[which] = last;
    if (misordered)
        atomic_fetch_add(&receivers->misordered, misordered);
    atomic_fetch_add_explicit(&receivers->count[which], (uint64_t)counted, memory_order_relaxed);
    atomic_store_explicit(&receivers->last_ns, clock_ns(CLOCK_MONOTONIC), memory_order_relaxed);
}

static int receive_from(struct receivers *receivers, int which, int flags)
{
    int n = recvmmsg(receivers->clients[which].data, receivers->ring->messages, LOAD_BATCH, flags,
                     NULL);

    if (n > 0)
        note_frames(receivers, which, n);
    return n;
}

static void receive_sleeping(struct receivers *receivers)
{
    struct timespec nap = {.tv_nsec = receivers->plan->rx_sleep_us * 1000L};

    prctl(PR_SET_TIMERSLACK, 1UL);
    while (!atomic_load(&receivers->stop)) {
        for (int i = 0; i < receivers->plan->receivers; i++)
            while (receive_from(receivers, i, MSG_DONTWAIT) == LOAD_BATCH)
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
            receive_from(receivers, (int)events[i].data.u32, MSG_DONTWAIT);
    }
    close(epoll);
}

static void receive_blocking(struct receivers *receivers)
{
    client_timeout(&receivers->clients[0], RECEIVE_TIMEOUT_MS);
    while (!atomic_load(&receivers->stop))
        receive_from(receivers, 0, MSG_WAITFORONE);
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
    receivers->ring = calloc(1, sizeof(*receivers->ring));
    if (!receivers->ring)
        return -ENOMEM;
    ring_empty(receivers->ring);
    rc = pthread_create(&receivers->thread, NULL, receivers_main, receivers);
    if (rc)
        free(receivers->ring);
    return -rc;
}

static void receivers_stop(struct receivers *receivers)
{
    atomic_store(&receivers->stop, true);
    pthread_join(receivers->thread, NULL);
    free(receivers->ring);
}

static uint64_t receivers_total(const struct receivers *receivers)
{
    uint64_t total = 0;

    for (int i = 0; i < receivers->plan->receivers; i++)
        total += atomic_load_explicit(&receivers->count[i], memory_order_relaxed);
    return total;
}

static void wait_until_quiet(const struct receivers *receivers, int pid)
{
    const struct timespec step = {.tv_nsec = 10000000};
    uint64_t last_total = 0, last_cpu = 0;
    int quiet_ms = 0;

    for (int ms = 0; ms < DRAIN_MAX_MS && quiet_ms < QUIET_MS; ms += 10) {
        uint64_t total, cpu;

        nanosleep(&step, NULL);
        total = receivers_total(receivers);
        cpu = process_cpu_ns(pid);
        quiet_ms = total == last_total && cpu == last_cpu ? quiet_ms + 10 : 0;
        last_total = total;
        last_cpu = cpu;
    }
}

/* ---- learning and latency ---- */

static bool send_and_see(const struct client *from, const struct client *to, int n,
                         const unsigned char *frame)
{
    unsigned char buffer[LOAD_FRAME_MAX];
    bool seen = true;

    if (send(from->data, frame, 60, 0) < 0)
        return false;
    for (int i = 0; i < n; i++) {
        ssize_t got;

        do
            got = recv(to[i].data, buffer, sizeof(buffer), 0);
        while (got >= 0 && (got < 12 || memcmp(buffer + 6, frame + 6, 6) != 0));
        seen = seen && got >= 0;
    }
    return seen;
}

static void discard_pending(const struct client *client)
{
    unsigned char buffer[64];

    while (recv(client->data, buffer, sizeof(buffer), MSG_DONTWAIT | MSG_TRUNC) >= 0)
        ;
}

int load_learn(const struct client *sender, const struct client *receivers, int n)
{
    bool learnt = false;

    client_timeout(sender, 100);
    for (int i = 0; i < n; i++)
        client_timeout(&receivers[i], 100);
    for (int attempt = 0; attempt < LEARN_ATTEMPTS && !learnt; attempt++) {
        unsigned char frame[60] = {0}, mac[6];

        make_frame(frame, broadcast_mac, sender_mac);
        learnt = send_and_see(sender, receivers, n, frame);
        for (int i = 0; i < n && learnt; i++) {
            receiver_address(mac, i);
            make_frame(frame, sender_mac, mac);
            learnt = send_and_see(&receivers[i], sender, 1, frame);
        }
    }
    for (int i = 0; i < n; i++)
        discard_pending(&receivers[i]);
    discard_pending(sender);
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
    unsigned char there[LOAD_FRAME_MAX] = {0}, back[LOAD_FRAME_MAX] = {0}, buffer[LOAD_FRAME_MAX],
                  mac[6];
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

static void ring_prepare(struct mmsg_ring *ring, const unsigned char *destination, int size)
{
    for (int i = 0; i < LOAD_BATCH; i++) {
        make_frame(ring->frames[i], destination, sender_mac);
        ring->iov[i] = (struct iovec){ring->frames[i], (size_t)size};
        ring->messages[i].msg_hdr = (struct msghdr){.msg_iov = &ring->iov[i], .msg_iovlen = 1};
    }
}

static void ring_empty(struct mmsg_ring *ring)
{
    for (int i = 0; i < LOAD_BATCH; i++) {
        ring->iov[i] = (struct iovec){ring->frames[i], LOAD_FRAME_MAX};
        ring->messages[i].msg_hdr = (struct msghdr){.msg_iov = &ring->iov[i], .msg_iovlen = 1};
    }
}

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
