/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_events.c - events: noted inside a stage, told behind the batch, lost when there are too many; categories that come
 * and go
 */
#include "control/daemon/ageing.h"
#include "control/daemon/report.h"
#include "control/events.h"
#include "fake_port.h"
#include "util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct listener {
    struct subscriber subscriber;
    char heard[1 << 16];
    size_t used;
    unsigned lines;
    unsigned missed;
};

struct bench {
    struct lab *lab;
    struct defer_queue queue;
    struct events events;
    struct listener one, other;
};

static void hear(struct subscriber *subscriber, const char *line, size_t length)
{
    struct listener *listener = container_of(subscriber, struct listener, subscriber);

    assert_int_equal(strlen(line), length);
    listener->lines++;
    if (listener->used + length < sizeof(listener->heard)) {
        memcpy(listener->heard + listener->used, line, length);
        listener->used += length;
    }
}

static void miss(struct subscriber *subscriber, unsigned count)
{
    container_of(subscriber, struct listener, subscriber)->missed += count;
}

static int bench_setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    void *lab = NULL;

    assert_int_equal(lab_setup(&lab), 0);
    bench->lab = lab;
    defer_queue_init(&bench->queue, NULL);
    events_start(&bench->events, bench->lab->sw, &bench->queue);
    subscriber_init(&bench->one.subscriber, hear, miss);
    subscriber_init(&bench->other.subscriber, hear, miss);
    *state = bench;
    return 0;
}

static int bench_teardown(void **state)
{
    struct bench *bench = *state;
    void *lab = bench->lab;

    events_stop(&bench->events);
    assert_null(bench->events.notes);
    lab_teardown(&lab);
    free(bench);
    return 0;
}

/* Subscribes LISTENER to the category PATH, besides what it hears already, or ends that. */
static void want(struct bench *bench, struct listener *listener, const char *path, bool on)
{
    struct category_mask wanted = listener->subscriber.wanted;

    list_for_each (node, &bench->events.sets) {
        const struct category_set *set = container_of(node, struct category_set, node);

        for (unsigned i = 0; i < set->count; i++) {
            if (!strcmp(set->categories[i].path, path))
                category_mask_set(&wanted, set->first + i, on);
        }
    }
    assert_int_equal(events_set(&bench->events, &listener->subscriber, &wanted), 0);
}

#define assert_told(listener, text)                                                                \
    do {                                                                                           \
        assert_string_equal((listener)->heard, text);                                              \
        memset((listener)->heard, 0, sizeof((listener)->heard));                                   \
        (listener)->used = 0;                                                                      \
    } while (0)

/* What is told does not depend on anything that was there when it happened. */
static void test_events_are_told_behind_the_batch(void **state)
{
    struct bench *bench = *state;
    struct fake *fake;

    want(bench, &bench->one, "hash/+", true);
    want(bench, &bench->one, "port/+", true);
    want(bench, &bench->one, "port/-", true);
    want(bench, &bench->one, "port/descr", true);
    fake = lab_attach(bench->lab, 7);
    endpoint_describe(&fake->endpoint, "a\nguest", 7);
    lab_send(bench->lab, fake, sample(EVERYONE, 0x1234));
    lab_detach(fake);
    assert_int_equal(port_remove(switch_port(bench->lab->sw, 7)), 0);
    assert_told(&bench->one, "");
    defer_run(&bench->queue);
    assert_told(&bench->one, "3021 port/+ 07\n"
                             "3023 port/descr Port 07 FD  0 -> \"a\\x0aguest\"\n"
                             "3011 hash/+ 02:00:00:00:12:34 VLAN 00:00 Port 7\n"
                             "3022 port/- 07\n");
    defer_run(&bench->queue);
    assert_told(&bench->one, "");
}

static void test_moves_name_both_ports(void **state)
{
    struct bench *bench = *state;
    struct fake *a = lab_attach(bench->lab, 1), *b = lab_attach(bench->lab, 2);

    want(bench, &bench->one, "hash/move", true);
    lab_send(bench->lab, a, sample(EVERYONE, 5));
    bench->lab->now += 4 * SECOND;
    lab_send(bench->lab, b, sample(EVERYONE, 5));
    defer_run(&bench->queue);
    assert_told(&bench->one, "3013 hash/move 02:00:00:00:00:05 VLAN 00:00 Port 2 from 1\n");
}

/* Each hears what happened while it was a subscriber, whenever that is told. */
static void test_changes_of_mind(void **state)
{
    struct bench *bench = *state;

    want(bench, &bench->one, "port/+", true);
    lab_port(bench->lab, 1);
    want(bench, &bench->other, "port/+", true);
    assert_told(&bench->one, "3021 port/+ 01\n");
    assert_told(&bench->other, "");
    lab_port(bench->lab, 2);
    events_unsubscribe(&bench->events, &bench->one.subscriber);
    lab_port(bench->lab, 3);
    defer_run(&bench->queue);
    assert_told(&bench->one, "3021 port/+ 02\n");
    assert_told(&bench->other, "3021 port/+ 02\n3021 port/+ 03\n");
    events_unsubscribe(&bench->events, &bench->other.subscriber);
    assert_null(bench->events.notes);
    assert_int_equal(bench->events.observer.kinds, 0);
}

static void test_what_does_not_fit_is_told_as_lost(void **state)
{
    struct bench *bench = *state;
    struct fake *fake = lab_attach(bench->lab, 1);

    want(bench, &bench->one, "port/descr", true);
    want(bench, &bench->other, "port/-", true);
    for (unsigned i = 0; i < EVENT_RECORDS + 10; i++)
        endpoint_describe(&fake->endpoint, "x", 1);
    lab_detach(fake);
    defer_run(&bench->queue);
    assert_int_equal(bench->one.lines, EVENT_RECORDS);
    assert_int_equal(bench->one.missed, 10);
    assert_int_equal(bench->other.lines, 0);
    assert_int_equal(bench->other.missed, 1); /* of what it wanted */

    /* Then there is room again. */
    fake = lab_attach(bench->lab, 1);
    lab_detach(fake);
    defer_run(&bench->queue);
    assert_int_equal(bench->other.lines, 1);
    assert_int_equal(bench->other.missed, 1);
}

static void test_descriptions_have_bounds_of_their_own(void **state)
{
    enum { LENGTH = 1000, ROOM = EVENT_TEXTS / (LENGTH + 1) };
    struct bench *bench = *state;
    struct fake *fake = lab_attach(bench->lab, 1);
    char said[LENGTH];

    memset(said, 'x', sizeof(said));
    want(bench, &bench->one, "port/descr", true);
    want(bench, &bench->one, "port/-", true);
    for (unsigned i = 0; i < ROOM + 3; i++)
        endpoint_describe(&fake->endpoint, said, sizeof(said));
    lab_detach(fake);
    defer_run(&bench->queue);
    assert_int_equal(bench->one.missed, 3);
    assert_int_equal(bench->one.lines, ROOM + 1);
}

/* ---- categories that come and go ---- */

static const struct category extra[] = {
    {"extra/+", 0101, "a port, again", EVENT_PORT_CREATED},
    {"extra/-", 0102, "never", CATEGORY_SILENT},
    {0},
};

static void test_categories_come_and_go(void **state)
{
    struct bench *bench = *state;
    struct category_set set = {.categories = extra}, more = {.categories = extra};
    struct error err;
    unsigned first;

    assert_int_equal(categories_register(&bench->events, &set, &err), 0);
    assert_int_equal(categories_register(&bench->events, &more, &err), 0);
    first = set.first;
    assert_int_equal(more.first, first + 2);
    want(bench, &bench->one, "port/+", true);
    category_mask_set(&bench->other.subscriber.wanted, more.first, true);
    events_set(&bench->events, &bench->one.subscriber, &bench->one.subscriber.wanted);
    events_set(&bench->events, &bench->other.subscriber, &bench->other.subscriber.wanted);
    want(bench, &bench->one, "extra/+", true);
    lab_port(bench->lab, 1);
    categories_unregister(&bench->events, &set);
    assert_told(&bench->one, "3021 port/+ 01\n3101 extra/+ 01\n3101 extra/+ 01\n");
    assert_told(&bench->other, "3101 extra/+ 01\n");

    /* Those that stay keep their slots; a newcomer in the gap has no subscribers. */
    lab_port(bench->lab, 2);
    defer_run(&bench->queue);
    assert_told(&bench->one, "3021 port/+ 02\n3101 extra/+ 02\n");
    assert_told(&bench->other, "3101 extra/+ 02\n");
    assert_int_equal(categories_register(&bench->events, &set, &err), 0);
    assert_int_equal(set.first, first);
    lab_port(bench->lab, 3);
    defer_run(&bench->queue);
    assert_told(&bench->one, "3021 port/+ 03\n3101 extra/+ 03\n");
    assert_told(&bench->other, "3101 extra/+ 03\n");

    /* Who wanted nothing else is no subscriber any more. */
    categories_unregister(&bench->events, &more);
    categories_unregister(&bench->events, &set);
    assert_true(list_empty(&bench->other.subscriber.node));
    assert_false(list_empty(&bench->one.subscriber.node));
}

static void test_categories_have_bounds(void **state)
{
    struct bench *bench = *state;
    struct category many[CATEGORIES + 1] = {0};
    struct category_set set = {.categories = many};
    struct error err;

    for (unsigned i = 0; i < CATEGORIES; i++)
        many[i] = (struct category){"many", 0101, "", CATEGORY_SILENT};
    assert_int_equal(categories_register(&bench->events, &set, &err), -ENOSPC);
    many[CATEGORIES - bench->events.own.count].path = NULL;
    assert_int_equal(categories_register(&bench->events, &set, &err), 0);
    categories_unregister(&bench->events, &set);
    many[0].path = "a path that is longer than a line of VDE's has room for";
    assert_int_equal(categories_register(&bench->events, &set, &err), -EINVAL);
}

/* ---- what else is noted first ---- */

static void test_the_log_is_written_behind_the_batch(void **state)
{
    struct bench *bench = *state;
    struct fake *a = lab_attach(bench->lab, 1), *b = lab_attach(bench->lab, 2);
    struct report report;
    struct log log = {.program = "test"};
    struct context context = {.sw = bench->lab->sw, .log = &log};
    char text[512];
    int fds[2];

    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    log.fd = fds[1];
    report_start(&report, &context, &bench->queue);
    strcpy(lab_port(bench->lab, 1)->config.name, "web");
    lab_send(bench->lab, a, sample(EVERYONE, 5));
    bench->lab->now += 4 * SECOND;
    lab_send(bench->lab, b, sample(EVERYONE, 5));
    lab_detach(b);
    assert_int_equal(port_remove(switch_port(bench->lab->sw, 2)), 0);
    assert_int_equal(read(fds[0], text, sizeof(text)), -1);
    defer_run(&bench->queue);
    text[read(fds[0], text, sizeof(text) - 1)] = '\0';
    assert_string_equal(text, "test: MAC 02:00:00:00:00:05 moved from web to port 2\n");

    /* Once. */
    b = lab_attach(bench->lab, 3);
    lab_send(bench->lab, a, sample(EVERYONE, 6));
    bench->lab->now += 4 * SECOND;
    lab_send(bench->lab, b, sample(EVERYONE, 6));
    defer_run(&bench->queue);
    text[read(fds[0], text, sizeof(text) - 1)] = '\0';
    assert_string_equal(text, "test: MAC 02:00:00:00:00:06 moved from web to port 3\n");
    report_stop(&report);
    close(fds[0]);
    close(fds[1]);
}

static void test_the_ageing_timer_starts_behind_the_batch(void **state)
{
    struct bench *bench = *state;
    struct context context = {.sw = bench->lab->sw, .loop = ev_loop_new(0)};
    struct fake *fake = lab_attach(bench->lab, 1);
    struct ageing ageing = {0};

    ageing_start(&ageing, &context, &bench->queue);
    lab_send(bench->lab, fake, sample(EVERYONE, 1));
    assert_false(ev_is_active(&ageing.timer));
    defer_run(&bench->queue);
    assert_true(ev_is_active(&ageing.timer));
    ageing_stop(&ageing);
    ev_loop_destroy(context.loop);
}

int main(void)
{
#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        WITH_BENCH(test_events_are_told_behind_the_batch),
        WITH_BENCH(test_moves_name_both_ports),
        WITH_BENCH(test_changes_of_mind),
        WITH_BENCH(test_what_does_not_fit_is_told_as_lost),
        WITH_BENCH(test_descriptions_have_bounds_of_their_own),
        WITH_BENCH(test_categories_come_and_go),
        WITH_BENCH(test_categories_have_bounds),
        WITH_BENCH(test_the_log_is_written_behind_the_batch),
        WITH_BENCH(test_the_ageing_timer_starts_behind_the_batch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
