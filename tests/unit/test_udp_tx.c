/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_udp_tx.c - which frames leave as one message: a socket with UDP_GRO receives such a run as
 * one
 */
#include "fake_port.h"

#include "ports/dgram/udp_tx.h"
#include "util/clock.h"
#include "util/os_linux.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct way {
    int in;
    struct udp_tx tx;
};

/* Results of sendmmsg() for messages of several frames, and for a single frame of BAD_LENGTH; 0:
 * success. */
static int run_error, lone_error;
enum { BAD_LENGTH = 77 };

/* Overrides the C library's. */
int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    unsigned fine = 0;

    for (errno = 0; fine < count; fine++) {
        const struct msghdr *message = &messages[fine].msg_hdr;
        bool run = message->msg_controllen > 0;
        bool bad = message->msg_iov[0].iov_len + message->msg_iov[1].iov_len == BAD_LENGTH;

        errno = run ? run_error : bad ? lone_error : 0;
        if (errno)
            break;
    }
    return fine > 0 ? (int)syscall(SYS_sendmmsg, fd, messages, fine, flags) : -1;
}

static int open_way(void **state)
{
    static struct way way;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
    };
    socklen_t length = sizeof(address);
    int yes = 1, out = socket(AF_INET, SOCK_DGRAM, 0);

    way.in = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(way.in, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(way.in, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(setsockopt(way.in, SOL_UDP, UDP_GRO, &yes, sizeof(yes)), 0);
    assert_int_equal(connect(out, (struct sockaddr *)&address, length), 0);
    run_error = lone_error = 0;
    udp_tx_init(&way.tx, out);
    assert_true(way.tx.cuts);
    *state = &way;
    return 0;
}

static int close_way(void **state)
{
    struct way *way = *state;

    close(way->in);
    close(way->tx.fd);
    return 0;
}

/* Sends frames of these LENGTHS, up to a zero, as the core does, which drops the first of those
 * that are refused; and expects messages of these SIZES. Return: the number dropped. */
static unsigned check(struct way *way, const unsigned *lengths, const unsigned *sizes)
{
    static uint8_t bytes[1 << 16];
    struct tx_desc descs[8];
    unsigned count = 0, at = 0, dropped = 0;

    for (; lengths[count] > 0; count++) {
        descs[count] = (struct tx_desc){
            .iov = {{.iov_base = bytes, .iov_len = 12},
                    {.iov_base = bytes + 12, .iov_len = lengths[count] - 12}},
            .iov_count = 2,
            .length = lengths[count],
        };
    }
    while (at < count) {
        int sent = udp_tx(&way->tx, descs + at, count - at, NULL);

        assert_true(sent > 0 || sent == -EPERM);
        dropped += sent < 0;
        at += sent < 0 ? 1 : (unsigned)sent;
    }
    for (; *sizes > 0; sizes++)
        assert_int_equal(recv(way->in, bytes, sizeof(bytes), MSG_DONTWAIT), *sizes);
    assert_int_equal(recv(way->in, bytes, sizeof(bytes), MSG_DONTWAIT), -1);
    return dropped;
}

#define LIST(...) ((const unsigned[]){__VA_ARGS__, 0})

static void test_runs(void **state)
{
    struct way *way = *state;

    check(way, LIST(60), LIST(60));
    check(way, LIST(60, 60, 60), LIST(180));
    check(way, LIST(1514, 1514, 700), LIST(3728)); /* the last one may be shorter */
    check(way, LIST(1514, 700, 1514), LIST(2214, 1514));
    check(way, LIST(60, 1514, 1514), LIST(60, 3028)); /* but not longer */
    check(way, LIST(9014, 9014, 9014, 9014, 9014, 9014, 9014, 9014), LIST(63098, 9014));
}

/* Frames that are at least as long as one that was refused are sent one by one, until that
 * expires. */
static void test_what_was_refused_is_tried_again(void **state)
{
    struct way *way = *state;

    way->tx.cut_below = 1000;
    way->tx.forget = os_now() + 3600 * SECOND;
    check(way, LIST(1000, 1000), LIST(1000, 1000));
    check(way, LIST(999, 999), LIST(1998));
    way->tx.forget = os_now();
    check(way, LIST(1000, 1000), LIST(2000));
}

/* Each frame of a run that was refused gets its own result. */
static void test_frames_of_a_refused_run_go_one_by_one(void **state)
{
    static const int holds[] = {EINVAL, EMSGSIZE}, passes[] = {EPERM, ENOBUFS};
    struct way *way = *state;

    for (unsigned i = 0; i < 2; i++) {
        way->tx.cut_below = FRAME_MAX;
        run_error = holds[i];
        assert_int_equal(check(way, LIST(60, 60, 60, 100, 100), LIST(60, 60, 60, 100, 100)), 0);
        run_error = 0;
        assert_int_equal(check(way, LIST(60, 60, 59, 59), LIST(60, 60, 118)), 0);
        way->tx.cut_below = FRAME_MAX;
        run_error = passes[i];
        assert_int_equal(check(way, LIST(60, 60, 60), LIST(60, 60, 60)), 0);
        run_error = 0;
        assert_int_equal(check(way, LIST(60, 60), LIST(120)), 0);
    }
}

static void test_the_bad_ones_of_a_run_are_dropped_alone(void **state)
{
    struct way *way = *state;

    run_error = lone_error = EPERM;
    assert_int_equal(check(way, LIST(80, 80, 77, 77, 77), LIST(80, 80)), 3);
    assert_int_equal(check(way, LIST(77, 77, 60, 77), LIST(60)), 3);
    run_error = 0;
    assert_int_equal(check(way, LIST(80, 80, 80), LIST(240)), 0);
    assert_int_equal(way->tx.singly, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_runs, open_way, close_way),
        cmocka_unit_test_setup_teardown(test_what_was_refused_is_tried_again, open_way, close_way),
        cmocka_unit_test_setup_teardown(test_frames_of_a_refused_run_go_one_by_one, open_way,
                                        close_way),
        cmocka_unit_test_setup_teardown(test_the_bad_ones_of_a_run_are_dropped_alone, open_way,
                                        close_way),
    };

    return cmocka_run_group_tests_name("udp_tx", tests, NULL, NULL);
}
