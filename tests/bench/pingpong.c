/*
 * pingpong.c - requests and responses over one TCP connection, one at a time
 *
 *   pingpong serve PORT              answer, one client after the other, until killed
 *   pingpong ADDRESS PORT SECONDS    ask, and print how long the answers took
 *
 * The result is one JSON object on stdout: {"count":, "p50_us":, "p99_us":}. A client
 * keeps trying to connect for some seconds, since an interface that has just been set
 * up may need a moment. Exit status: 0, 1 when there was no connection or it broke, 2
 * for a wrong command line.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE       64
#define EXCHANGES_MAX (1 << 20)
#define WARM_UP       100 /* exchanges that are not counted: caches, ARP, the congestion window */
#define PATIENCE_MS   5000
#define ATTEMPT_MS    300
#define ANSWER_MS     5000

static int serve(const struct sockaddr_in *address);
static int ask(const struct sockaddr_in *address, double seconds);
static int connect_patiently(const struct sockaddr_in *address);
static int prepare(int fd, int milliseconds);
static int exchange(int fd, uint32_t *took);
static int by_value(const void *a, const void *b);
static uint64_t now_ns(void);

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    if (argc == 3 && strcmp(argv[1], "serve") == 0) {
        address.sin_port = htons((uint16_t)atoi(argv[2]));
        return serve(&address);
    }
    if (argc == 4 && inet_pton(AF_INET, argv[1], &address.sin_addr) == 1) {
        address.sin_port = htons((uint16_t)atoi(argv[2]));
        return ask(&address, atof(argv[3]));
    }
    fputs("usage: pingpong serve PORT | pingpong ADDRESS PORT SECONDS\n", stderr);
    return 2;
}

static int serve(const struct sockaddr_in *address)
{
    const int yes = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
        bind(listener, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
        listen(listener, 8) < 0) {
        perror("pingpong: serve");
        return 1;
    }
    for (;;) {
        char message[MESSAGE];
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
            continue;
        if (prepare(fd, ANSWER_MS) == 0)
            while (recv(fd, message, sizeof(message), MSG_WAITALL) == (ssize_t)sizeof(message) &&
                   send(fd, message, sizeof(message), MSG_NOSIGNAL) == (ssize_t)sizeof(message))
                ;
        close(fd);
    }
}

static int ask(const struct sockaddr_in *address, double seconds)
{
    static uint32_t took[EXCHANGES_MAX];
    int fd = connect_patiently(address), count = 0, rc = 0;
    uint64_t end;

    if (fd < 0) {
        fprintf(stderr, "pingpong: no connection: %s\n", strerror(-fd));
        return 1;
    }
    for (int i = 0; i < WARM_UP && rc == 0; i++)
        rc = exchange(fd, &took[0]);
    end = now_ns() + (uint64_t)(seconds * 1e9);
    while (rc == 0 && count < EXCHANGES_MAX && (count == 0 || now_ns() < end))
        rc = exchange(fd, &took[count++]);
    if (rc < 0) {
        fprintf(stderr, "pingpong: no answer: %s\n", strerror(-rc));
        return 1;
    }
    qsort(took, (size_t)count, sizeof(took[0]), by_value);
    printf("{\"count\": %d, \"p50_us\": %.3f, \"p99_us\": %.3f}\n", count, took[count / 2] / 1e3,
           took[(int64_t)count * 99 / 100] / 1e3);
    return 0;
}

static int connect_patiently(const struct sockaddr_in *address)
{
    const uint64_t end = now_ns() + PATIENCE_MS * 1000000ULL;
    int rc;

    do {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
            return -errno;
        rc = prepare(fd, ATTEMPT_MS);
        if (rc == 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
            return prepare(fd, ANSWER_MS) == 0 ? fd : -EINVAL;
        rc = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
        close(fd);
        usleep(20000);
    } while (now_ns() < end);
    return rc;
}

/* A lost answer must end the program, not hang it; the time also bounds connect(). */
static int prepare(int fd, int milliseconds)
{
    const struct timeval timeout = {milliseconds / 1000, milliseconds % 1000 * 1000};
    const int yes = 1;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
        return -errno;
    return 0;
}

static int exchange(int fd, uint32_t *took)
{
    char message[MESSAGE] = {0};
    const uint64_t start = now_ns();
    ssize_t got;

    if (send(fd, message, sizeof(message), MSG_NOSIGNAL) != (ssize_t)sizeof(message))
        return -errno;
    got = recv(fd, message, sizeof(message), MSG_WAITALL);
    if (got != (ssize_t)sizeof(message))
        return got < 0 ? -errno : -ECONNRESET;
    *took = (uint32_t)(now_ns() - start);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}
