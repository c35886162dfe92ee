/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_udp_tx.c - which frames leave as one message: a socket that asks for it (UDP_GRO) is given such a run whole
 */
#include "fake_port.h"

#include "ports/dgram/udp_tx.h"
#include "util/clock.h"
#include "util/os_linux.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct way {
    int in;
    struct udp_tx tx;
};

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

/* Sends frames of these LENGTHS, up to a zero, and expects messages of these SIZES. */
static void check(struct way *way, const unsigned *lengths, const unsigned *sizes)
{
    static uint8_t bytes[1 << 16];
    struct packet packets[8];
    int count = 0;

    for (; lengths[count] > 0; count++) {
        packets[count] = (struct packet){
            .iov = {{.iov_base = bytes, .iov_len = 12},
                    {.iov_base = bytes + 12, .iov_len = lengths[count] - 12}},
            .iov_count = 2,
            .length = lengths[count],
        };
    }
    assert_int_equal(udp_tx(&way->tx, packets, (unsigned)count, NULL), count);
    for (; *sizes > 0; sizes++)
        assert_int_equal(recv(way->in, bytes, sizeof(bytes), MSG_DONTWAIT), *sizes);
    assert_int_equal(recv(way->in, bytes, sizeof(bytes), MSG_DONTWAIT), -1);
}

#define LIST(...) ((const unsigned[]){__VA_ARGS__, 0})

static void test_runs(void **state)
{
    struct way *way = *state;

    check(way, LIST(60), LIST(60));
    check(way, LIST(60, 60, 60), LIST(180));
    check(way, LIST(1514, 1514, 700), LIST(3728)); /* the last one may be shorter */
    check(way, LIST(1514, 700, 1514), LIST(2214, 1514));
    check(way, LIST(60, 1514, 1514), LIST(60, 3028)); /* never longer */
    check(way, LIST(9014, 9014, 9014, 9014, 9014, 9014, 9014, 9014), LIST(63098, 9014));
}

/* Frames that are as long as one that was refused go one by one, until that is forgotten. */
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

/* So many of a run that was refused: each has its own answer. */
static void test_some_go_one_by_one(void **state)
{
    struct way *way = *state;

    way->tx.singly = 3;
    check(way, LIST(60, 60, 60, 60, 60), LIST(60, 60, 60, 120));
    check(way, LIST(60, 60), LIST(120));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_runs, open_way, close_way),
        cmocka_unit_test_setup_teardown(test_what_was_refused_is_tried_again, open_way, close_way),
        cmocka_unit_test_setup_teardown(test_some_go_one_by_one, open_way, close_way),
    };

    return cmocka_run_group_tests_name("udp_tx", tests, NULL, NULL);
}
