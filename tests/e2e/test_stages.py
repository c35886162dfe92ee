"""Between receiving a batch and sending it there is neither a system call nor an allocation, whoever observes the switch."""

import re
import time

import lan
from console import Console
from frames import BROADCAST, arp, frame, host
from lab import settle
from lan import Lan
from switch import preloaded, wait_for
from vdeclient import VdeClient

# Stands before the C library. Armed by the recvmmsg() that brings frames, disarmed by the sendmmsg() that takes them on;
# what is called in between, and each allocation, is noted. The sanitizer tells of allocations.
WATCH = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int armed;
static unsigned stages, filters, allocations;
static char noted[4096];

static void note(const char *name)
{
    if (armed && strlen(noted) + strlen(name) + 2 < sizeof(noted))
        strcat(strcat(noted, " "), name);
}

#define NEXT(name) ((__typeof__(&name))next(#name))
static void *next(const char *name)
{
    static struct { const char *name; void *found; } known[32];
    int i = 0;

    while (known[i].name && known[i].name != name)
        i++;
    if (!known[i].name) {
        known[i].found = dlsym(RTLD_NEXT, name);
        known[i].name = name;
    }
    return known[i].found;
}

static void on_malloc(const volatile void *at, size_t size) { (void)at, (void)size; allocations++; note("malloc"); }
static void on_free(const volatile void *at) { if (at) note("free"); }

__attribute__((constructor)) static void begin(void)
{
    int (*install)(void *, void *) = (int (*)(void *, void *))dlsym(RTLD_DEFAULT, "__sanitizer_install_malloc_and_free_hooks");

    if (install) /* not in what starts the switch */
        install((void *)on_malloc, (void *)on_free);
}

__attribute__((destructor)) static void end(void)
{
    FILE *out = fopen(getenv("VSW_STAGES"), "w");

    fprintf(out, "stages %u filters %u allocations %u noted%s\n", stages, filters, allocations, noted);
    fclose(out);
}

int recvmmsg(int fd, struct mmsghdr *message, unsigned count, int flags, struct timespec *timeout)
{
    int got = NEXT(recvmmsg)(fd, message, count, flags, timeout);

    armed = got > 0;
    stages += got > 0;
    return got;
}

int sendmmsg(int fd, struct mmsghdr *message, unsigned count, int flags)
{
    armed = 0;
    return NEXT(sendmmsg)(fd, message, count, flags);
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    note("setsockopt");
    filters += level == SOL_SOCKET && option == 26; /* SO_ATTACH_FILTER */
    return NEXT(setsockopt)(fd, level, option, value, size);
}

#define WATCHED(type, name, parameters, arguments)                                                 \
    type name parameters                                                                           \
    {                                                                                              \
        note(#name);                                                                               \
        return NEXT(name) arguments;                                                               \
    }
WATCHED(ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size))
WATCHED(ssize_t, writev, (int fd, const struct iovec *iov, int count), (fd, iov, count))
WATCHED(ssize_t, read, (int fd, void *bytes, size_t size), (fd, bytes, size))
WATCHED(ssize_t, send, (int fd, const void *bytes, size_t size, int flags), (fd, bytes, size, flags))
WATCHED(ssize_t, recv, (int fd, void *bytes, size_t size, int flags), (fd, bytes, size, flags))
WATCHED(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
WATCHED(int, getsockopt, (int fd, int level, int option, void *value, socklen_t *size), (fd, level, option, value, size))
"""

FRAMES = 40


def test_observers_wait_until_the_batch_is_sent(stack, tmp_path):
    """A session that hears every event, the log, ageing, and the filter of an uplink: none works inside a stage."""
    report = tmp_path / "stages"
    env = {**preloaded(tmp_path, WATCH), "VSW_STAGES": str(report)}
    switch = Lan(stack).switch("uplink,ifname=eth0,port=9", env=env)
    alice, bob = (stack.enter_context(VdeClient(switch.dir)) for _ in range(2))
    session = stack.enter_context(Console(switch.dir / "mgmt"))
    session.ok("debug/add")
    time.sleep(0.2)  # the filter, which two new ports have opened, is narrow again
    for number in range(FRAMES):
        alice.send(frame(BROADCAST, host(100 + number)))
        bob.send(frame(BROADCAST, host(200 + number)))
    settle(switch, alice, bob)
    # Half of them announce that they moved, which is an event and a line in the log.
    for number in range(0, FRAMES, 2):
        bob.send(arp(host(100 + number), 1, "10.0.0.1", "10.0.0.1"))
    wait_for(lambda: len(lan.addresses_behind(switch, bob.port)) == FRAMES + FRAMES // 2, message="the moves")
    assert switch.wait_said("MAC .* moved from")
    events = " ".join(session.next_events(2 * FRAMES + FRAMES // 2))
    switch.assert_balanced()
    switch.stop()
    said = re.fullmatch(r"stages (\d+) filters (\d+) allocations (\d+) noted(.*)\n", report.read_text())
    assert said[4] == ""
    assert int(said[1]) >= 3 and int(said[2]) >= 3 and int(said[3]) > 20, "what is watched for happens, elsewhere"
    assert events.count("hash/+") >= 2 * FRAMES and "hash/move" in events
