/*
 * taprelay.c - the upper bound of throughput between two TAPs: every frame goes to the other one
 *
 *   taprelay IFNAME IFNAME
 *
 * Creates both TAPs with every offload that the kernel has, so that a TCP GSO frame of
 * 64 KiB is read and written in one piece, needing its checksum, and copies frames from
 * one to the other: one read() and one write() per frame, as the TAP driver requires.
 * It does not even look at the virtio_net_hdr before each frame, which the other TAP
 * understands.
 *
 * It prints "ready" and runs until it is killed; the TAPs are deleted with it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define OFFLOADS  (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)
#define FRAME_MAX (sizeof(struct virtio_net_hdr_v1) + 65536 + 64)
#define TURN      64 /* frames, before the other TAP gets its turn */

static int open_tap(const char *ifname);
static int offer_offloads(int fd);
static void carry(int from, int to);

int main(int argc, char **argv)
{
    struct pollfd taps[2];

    if (argc != 3) {
        fputs("usage: taprelay IFNAME IFNAME\n", stderr);
        return 2;
    }
    for (int i = 0; i < 2; i++) {
        taps[i] = (struct pollfd){.fd = open_tap(argv[1 + i]), .events = POLLIN};
        if (taps[i].fd < 0) {
            fprintf(stderr, "taprelay: %s: %s\n", argv[1 + i], strerror(-taps[i].fd));
            return 1;
        }
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        if (poll(taps, 2, -1) < 0)
            continue;
        for (int i = 0; i < 2; i++)
            if (taps[i].revents)
                carry(taps[i].fd, taps[1 - i].fd);
    }
}

static int open_tap(const char *ifname)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    const int header = sizeof(struct virtio_net_hdr_v1);
    int fd, rc = 0;

    if (strlen(ifname) >= sizeof(request.ifr_name))
        return -ENAMETOOLONG;
    strcpy(request.ifr_name, ifname);
    fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) < 0)
        rc = -errno;
    else
        rc = offer_offloads(fd);
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

/* UDP segmentation came later than the rest. */
static int offer_offloads(int fd)
{
    if (ioctl(fd, TUNSETOFFLOAD, OFFLOADS | TUN_F_USO4 | TUN_F_USO6) < 0 &&
        ioctl(fd, TUNSETOFFLOAD, OFFLOADS) < 0)
        return -errno;
    return 0;
}

/* A frame that the other TAP does not accept, because it is down or its queue is full, is lost. */
static void carry(int from, int to)
{
    static unsigned char frame[FRAME_MAX];

    for (int i = 0; i < TURN; i++) {
        ssize_t length = read(from, frame, sizeof(frame));

        if (length < 0)
            return;
        if (write(to, frame, (size_t)length) < 0)
            continue;
    }
}
