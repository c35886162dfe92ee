/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * segmenter.c - compares the switch's segmentation with the kernel's, byte by byte, for random GSO
 * frames
 *
 *     segmenter COUNT SEED
 *
 * Writes each GSO frame with its virtio_net_hdr into the TAP "whole". Frames received there are
 * redirected to the TAP "pieces", which has no offloads, so the kernel segments them on the way;
 * what is read from there must equal what offload_complete() makes of the same frame.
 * test_segmenter.py creates the TAPs.
 */
#include "core/offload.h"
#include "gso_frame.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* Linux 6.2 */
#endif

/* Frames that the kernel refuses or does not segment, though the switch does; these are not
 * generated:
 * - more than 128 datagrams in a GSO frame of UDP (UDP_MAX_SEGMENTS, include/linux/udp.h): EINVAL.
 * - TCP whose payload fits one segment, but would not if its options were part of it.
 *   virtio_net_hdr_to_skb() counts a TCP header as 20 bytes and takes it for many segments,
 *   tcp_gso_segment() finds one and drops it. To us it is an ordinary frame, as virtio 1.2 section
 *   5.1.6.2 has it: gso_size is that of the payload, without the headers.
 */
enum { UDP_SEGMENTS = 128, LONGEST_PACKET = 65535 };

/* What was generated, to show that the test covered it. */
struct tally {
    unsigned long frames, segments, ordinary;
    unsigned long kind[GSO_TYPES];
};

static void run(int whole, int pieces, unsigned long count, struct tally *tally);
static void make_recipe(struct recipe *recipe);
static void send_to_kernel(int whole, const struct recipe *recipe,
                           const struct offload_frame *made);
static unsigned complete(const struct offload_frame *made, const struct segment **segments);
static void compare(int pieces, const struct recipe *recipe, const struct segment *segments,
                    unsigned count);
static void wait_until_joined(int whole, int pieces);
static ssize_t read_piece(int pieces, uint8_t *bytes, size_t room);
static int open_tap(const char *name, int flags);
static void print_recipe(const struct recipe *recipe);
static void fail(const struct recipe *recipe, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

static uint64_t seed;

/* splitmix64 */
static uint64_t random64(void)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static unsigned below(unsigned n)
{
    return (unsigned)(random64() % n);
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    int whole, pieces;

    if (argc != 3) {
        fprintf(stderr, "usage: segmenter COUNT SEED\n");
        return 2;
    }
    seed = strtoull(argv[2], NULL, 10);
    whole = open_tap("whole", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
    pieces = open_tap("pieces", IFF_TAP | IFF_NO_PI);
    wait_until_joined(whole, pieces);
    run(whole, pieces, strtoul(argv[1], NULL, 10), &tally);
    printf("%lu GSO frames, %lu segments; TCPv4 %lu, TCPv6 %lu, UDP %lu, of one segment %lu\n",
           tally.frames, tally.segments, tally.kind[GSO_TCP4], tally.kind[GSO_TCP6],
           tally.kind[GSO_UDP], tally.ordinary);
    return 0;
}

static void run(int whole, int pieces, unsigned long count, struct tally *tally)
{
    static struct offload_frame made;

    for (; tally->frames < count; tally->frames++) {
        struct recipe recipe;
        const struct segment *segments;
        unsigned pieces_due;

        make_recipe(&recipe);
        recipe_make(&recipe, &made);
        pieces_due = complete(&made, &segments);
        if (pieces_due == 0)
            fail(&recipe, "offload_parse() refuses it");
        send_to_kernel(whole, &recipe, &made);
        compare(pieces, &recipe, segments, pieces_due);
        tally->segments += pieces_due;
        tally->ordinary += pieces_due == 1;
        tally->kind[recipe.gso]++;
    }
}

static void make_recipe(struct recipe *recipe)
{
    static const uint8_t protocol[] = {0, 43, 60};
    static const uint16_t near_wrap[] = {0, 1, 0xff00, 0xffff};
    unsigned most;

    *recipe = (struct recipe){
        .gso = 1 + below(GSO_TYPES - 1),
        .ipv6 = below(2),
        .needs_csum = true,
        .tags = below(10) < 3,
        .tag = {{ETHERTYPE_CTAG, (uint16_t)(random64() % 0xfff)}},
        .ip_options = below(3) ? 0 : below(11) * 4,
        .ip_id = below(2) ? near_wrap[below(4)] : (uint16_t)random64(),
        .extensions = below(2) ? 0 : below(RECIPE_EXTENSIONS + 1),
        .tcp_options = below(11) * 4,
        .tcp_flags = below(2) ? 0x10 : (uint8_t)random64(),
        .sequence = below(2) ? 0xffffff00 : (uint32_t)random64(),
        .gso_size = (uint16_t)(64 + below(below(2) ? 1400 : 8937)),
        .noise = (unsigned)random64(),
    };
    for (unsigned i = 0; i < RECIPE_EXTENSIONS; i++) {
        recipe->extension[i].protocol = i == 0 ? protocol[below(3)] : protocol[1 + below(2)];
        recipe->extension[i].eights = (uint8_t)below(below(5) ? 3 : 10);
        recipe->extension[i].type = (uint8_t)(below(3) * 2);
        recipe->extension[i].left = (uint8_t)below(2);
    }
    if (recipe_headers(recipe) + recipe->gso_size > FRAME_MAX)
        /* the switch drops longer segments */
        recipe->gso_size = (uint16_t)(FRAME_MAX - recipe_headers(recipe));
    most = LONGEST_PACKET - (recipe_headers(recipe) - FRAME_HEADER - recipe->tags * TAG_BYTES);
    if (recipe->gso == GSO_UDP && most > UDP_SEGMENTS * (unsigned)recipe->gso_size)
        most = UDP_SEGMENTS * recipe->gso_size;
    if (below(4) && most > 16 * (unsigned)recipe->gso_size) /* short ones are faster */
        most = 16 * recipe->gso_size;
    recipe->payload = below(20) ? 1 + below(most) : most;
    if (recipe->gso != GSO_UDP && recipe->payload <= recipe->gso_size &&
        recipe->payload + recipe->tcp_options > recipe->gso_size)
        recipe->payload = recipe->gso_size + 1u;
}

static void send_to_kernel(int whole, const struct recipe *recipe, const struct offload_frame *made)
{
    static const uint8_t type[] = {
        [GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
        [GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
        [GSO_UDP] = VIRTIO_NET_HDR_GSO_UDP_L4,
    };
    struct virtio_net_hdr header = {
        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = type[recipe->gso] | (made->offload.ecn ? VIRTIO_NET_HDR_GSO_ECN : 0),
        .gso_size = recipe->gso_size,
        .hdr_len = (uint16_t)recipe_headers(recipe),
        .csum_start = made->offload.csum_start,
        .csum_offset = made->offload.csum_offset,
    };
    struct iovec iov[] = {{&header, sizeof(header)},
                          {(void *)(uintptr_t)made->bytes, made->length}};

    if (writev(whole, iov, 2) < 0)
        fail(recipe, "the kernel refuses it: %s", strerror(errno));
}

/* Return: the number of frames it becomes, 0 if it is not admitted. */
static unsigned complete(const struct offload_frame *made, const struct segment **segments)
{
    static struct gso_scratch scratch;
    struct frame frame;

    frame_init(&frame, made->bytes, made->length);
    frame.offload = made->offload;
    gso_scratch_reset(&scratch);
    if (frame_parse(&frame) != DROP_NONE || offload_parse(&frame) != DROP_NONE)
        return 0;
    return offload_complete(&scratch, 0, &frame, segments);
}

static void compare(int pieces, const struct recipe *recipe, const struct segment *segments,
                    unsigned count)
{
    static uint8_t is[FRAME_MAX + 100], should[FRAME_MAX];

    for (unsigned i = 0; i < count; i++) {
        uint32_t length = segments[i].head_length + segments[i].payload_length;
        ssize_t got = read_piece(pieces, is, sizeof(is));

        if (got < 0)
            fail(recipe, "segment %u of %u does not come: %s", i, count, strerror(errno));
        if ((uint32_t)got != length)
            fail(recipe, "segment %u of %u has %zd bytes, ours %u", i, count, got, length);
        memcpy(should, segments[i].head, segments[i].head_length);
        memcpy(should + segments[i].head_length, segments[i].payload, segments[i].payload_length);
        for (uint32_t at = 0; at < length; at++) {
            if (is[at] != should[at])
                fail(recipe, "segment %u of %u, byte %u: %02x, ours %02x", i, count, at, is[at],
                     should[at]);
        }
    }
    if (read(pieces, is, sizeof(is)) >= 0)
        fail(recipe, "there is a segment more than our %u", count);
}

/* An interface that was just opened drops outgoing frames until the kernel has noticed its carrier
 * (some 0.1 s). */
static void wait_until_joined(int whole, int pieces)
{
    uint8_t plain[sizeof(struct virtio_net_hdr) + 60] = {
        [10] = 2, [16] = 2, [22] = 0x88, [23] = 0xb5};
    struct pollfd poll_fd = {.fd = pieces, .events = POLLIN};
    uint8_t heard[FRAME_MAX];

    do {
        if (write(whole, plain, sizeof(plain)) < 0)
            err(1, "cannot write to the TAP");
    } while (poll(&poll_fd, 1, 50) == 0);
    while (poll(&poll_fd, 1, 200) > 0 && read(pieces, heard, sizeof(heard)) > 0)
        ;
}

/* The kernel segments within write(2); the timeout is for a busy machine. */
static ssize_t read_piece(int pieces, uint8_t *bytes, size_t room)
{
    struct pollfd poll_fd = {.fd = pieces, .events = POLLIN};
    ssize_t got = read(pieces, bytes, room);

    if (got < 0 && errno == EAGAIN && poll(&poll_fd, 1, 20000) > 0)
        got = read(pieces, bytes, room);
    return got;
}

static int open_tap(const char *name, int flags)
{
    struct ifreq request = {.ifr_flags = (short)flags};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETOFFLOAD, 0) < 0) {
        fprintf(stderr, "segmenter: TAP %s: %s\n", name, strerror(errno));
        exit(2);
    }
    return fd;
}

static void print_recipe(const struct recipe *recipe)
{
    fprintf(
        stderr,
        "kind %d%s, %u bytes of payload in segments of %u, flags %02x, %u tags, options: IP %u, "
        "TCP %u; ID %04x, sequence %08x; extensions",
        recipe->gso, recipe->gso == GSO_UDP && recipe->ipv6 ? " over IPv6" : "", recipe->payload,
        recipe->gso_size, recipe->tcp_flags, recipe->tags, recipe->ip_options, recipe->tcp_options,
        recipe->ip_id, recipe->sequence);
    for (unsigned i = 0; i < recipe->extensions; i++)
        fprintf(stderr, " %u (%u)", recipe->extension[i].protocol, recipe->extension[i].eights);
    fprintf(stderr, "\n");
}

static void fail(const struct recipe *recipe, const char *format, ...)
{
    va_list args;

    print_recipe(recipe);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    exit(1);
}
