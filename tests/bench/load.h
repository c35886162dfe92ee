/*
 * load.h - frames offered to a switch, and what came out of it
 *
 * One load has one sender and up to LOAD_RECEIVERS receivers, each a client of
 * its own. The sender runs in the caller's thread, all receivers share a second
 * thread: with the switch that makes three threads, of which the two here are
 * cheap, so that two cores are enough to see the switch's limit.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "client.h"

#include <stdbool.h>
#include <stdint.h>

#define LOAD_RECEIVERS 64
#define LOAD_PROCESSES 4

/* The first five bytes of a receiver's address. The last one is its number, from 0. */
#define LOAD_RECEIVER_MAC 2, 0, 0, 0, 1

enum load_target {
    LOAD_UNICAST,   /* to the first receiver, whose address the switch knows */
    LOAD_BROADCAST, /* to all */
    LOAD_UNKNOWN,   /* to an address that no switch has seen: flooded like a broadcast */
};

struct load_plan {
    int size;  /* bytes a frame, without FCS */
    int batch; /* frames a system call of the sender, 1..CLIENT_BATCH */
    int receivers;
    enum load_target target;
    double seconds;
    double rate;     /* frames/s, or 0 for as fast as the switch accepts them */
    int burst_us;    /* a paced sender wakes this often */
    int rx_sleep_us; /* receivers look this often instead of being woken; 0: woken */
    int sender_core; /* -1: any */
    int receiver_core;
    int processes; /* whose CPU time is measured: the switch and its helpers */
    int pid[LOAD_PROCESSES];
};

struct load_result {
    double seconds; /* from the first frame sent to the last one received */
    uint64_t sent;
    uint64_t received[LOAD_RECEIVERS];
    uint64_t misordered;             /* frames that arrived after a later one, or twice */
    uint64_t cpu_ns[LOAD_PROCESSES]; /* CPU time of those processes for those frames */
    uint64_t load_ns;                /* and of this one */
};

struct latency_result {
    double median_us; /* of the round trip */
    double p99_us;
    int lost;
};

/*
 * load_learn() - let the switch learn the addresses of sender and receivers
 * Return: 0, or -ETIMEDOUT when frames do not get through in either direction.
 */
int load_learn(const struct client *sender, const struct client *receivers, int n);

/*
 * load_run() - offer the load of @plan, wait until the last frame has left the switch
 * Return: 0, or -errno.
 */
int load_run(const struct load_plan *plan, const struct client *sender,
             const struct client *receivers, struct load_result *result);

/*
 * load_latency() - send one frame there and back @count times
 * Both clients are attached by datagrams and run in this one thread: apart from it only the switch
 * is ever runnable.
 * Return: 0, or -errno.
 */
int load_latency(const struct client *a, const struct client *b, int size, int count,
                 struct latency_result *result);

#endif
