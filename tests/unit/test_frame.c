/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_frame.c - parsing of frames, and the tag of frames on the way out
 */
#include "fake_port.h"

#include <stdlib.h>
#include <string.h>

/* A frame in memory of exactly its size. */
static struct frame frame_of(const struct sample *sample)
{
    uint8_t *bytes = malloc(sample->length ? sample->length : 1);
    struct frame frame;

    assert_non_null(bytes);
    memcpy(bytes, sample->bytes, sample->length);
    frame_init(&frame, bytes, sample->length);
    return frame;
}

static void frame_free(struct frame *frame)
{
    free((void *)(uintptr_t)frame->bytes);
}

static enum drop_reason parse(struct sample sample, struct frame *parsed)
{
    struct frame frame = frame_of(&sample);
    enum drop_reason reason = frame_parse(&frame);

    frame_free(&frame);
    if (parsed)
        *parsed = frame;
    return reason;
}

static void test_lengths(void **state)
{
    struct sample plain = sample(1, 2), tag = tagged(plain, 5);

    (void)state;
    assert_int_equal(parse(sized(plain, 0), NULL), DROP_RUNT);
    assert_int_equal(parse(sized(plain, 13), NULL), DROP_RUNT);
    assert_int_equal(parse(sized(plain, 14), NULL), DROP_NONE);
    assert_int_equal(parse(sized(tag, 13), NULL), DROP_RUNT);
    assert_int_equal(parse(sized(tag, 14), NULL), DROP_BAD_TAG);
    assert_int_equal(parse(sized(tag, 17), NULL), DROP_BAD_TAG);
    assert_int_equal(parse(sized(tag, 18), NULL), DROP_NONE);
}

static void test_untagged(void **state)
{
    struct frame frame;

    (void)state;
    assert_int_equal(parse(sample(1, 2), &frame), DROP_NONE);
    assert_false(frame.tagged);
    assert_int_equal(frame.tag_bytes, 0);
    assert_int_equal(frame.tci, 0);
}

static void test_tag_is_read(void **state)
{
    static const uint16_t tci[] = {0x0000, 0xe000, 0x0001, 0x1001, 0xb123, 0xfffe};
    struct frame frame;

    (void)state;
    for (unsigned i = 0; i < sizeof(tci) / sizeof(tci[0]); i++) {
        assert_int_equal(parse(tagged(sample(1, 2), tci[i]), &frame), DROP_NONE);
        assert_true(frame.tagged);
        assert_int_equal(frame.tag_bytes, TAG_BYTES);
        assert_int_equal(frame.tci, tci[i]);
    }
}

static void test_vid_4095_is_reserved(void **state)
{
    (void)state;
    assert_int_equal(parse(tagged(sample(1, 2), 0x0fff), NULL), DROP_BAD_TAG);
    assert_int_equal(parse(tagged(sample(1, 2), 0xffff), NULL), DROP_BAD_TAG);
}

static void test_other_tags_are_payload(void **state)
{
    struct sample service = tagged(sample(1, 2), 5);
    struct frame frame;

    (void)state;
    service.bytes[12] = 0x88; /* 802.1ad S-tag, 0x88a8 */
    service.bytes[13] = 0xa8;
    assert_int_equal(parse(service, &frame), DROP_NONE);
    assert_false(frame.tagged);
    assert_int_equal(parse(tagged(tagged(sample(1, 2), 7), 5), &frame), DROP_NONE);
    assert_int_equal(frame.tci, 5);
    assert_int_equal(frame.tag_bytes, TAG_BYTES);
}

/* Parsing must not depend on an earlier frame in the same place of the batch. */
static void test_parse_forgets(void **state)
{
    struct sample plain = sample(1, 2);
    struct frame frame = frame_of(&plain);

    (void)state;
    frame.tagged = true;
    frame.tci = 77;
    frame.tag_bytes = TAG_BYTES;
    assert_int_equal(frame_parse(&frame), DROP_NONE);
    assert_false(frame.tagged);
    assert_int_equal(frame.tci, 0);
    assert_int_equal(frame.tag_bytes, 0);
    frame_free(&frame);
}

/* IN with tag TCI leaves as OUT, in at most RUNS iovecs. */
static void check_packet(struct sample in, int tci, struct sample out, unsigned runs)
{
    struct frame frame = frame_of(&in);
    struct tx_desc desc;
    struct wire wire = {0};
    const uint8_t *bytes;
    uint32_t length = 0;
    size_t at = 0;

    assert_int_equal(frame_parse(&frame), DROP_NONE);
    tx_desc_make(&desc, &frame, tci);
    assert_true(desc.iov_count <= runs);
    wire_put_desc(&wire, &desc);
    bytes = wire_next(&wire, &at, &length);
    assert_int_equal(length, out.length);
    assert_memory_equal(bytes, out.bytes, length);
    wire_clear(&wire);
    frame_free(&frame);
}

static void test_packet_as_it_came_is_one_run(void **state)
{
    struct sample plain = sample(1, 2);

    (void)state;
    check_packet(plain, TAG_NONE, plain, 1);
    check_packet(tagged(plain, 0xa00a), 0xa00a, tagged(plain, 0xa00a), 1);
    check_packet(tagged(plain, 0), 0, tagged(plain, 0), 1);
}

static void test_packet_tag_changes(void **state)
{
    struct sample plain = sample(1, 2);

    (void)state;
    check_packet(plain, 10, tagged(plain, 10), 3);
    check_packet(plain, 0, tagged(plain, 0), 3);
    check_packet(plain, 0xfffe, tagged(plain, 0xfffe), 3);
    check_packet(tagged(plain, 0xa00a), TAG_NONE, plain, 2);
    check_packet(tagged(plain, 0), TAG_NONE, plain, 2);
    check_packet(tagged(plain, 0xa00a), 0xa00b, tagged(plain, 0xa00b), 3);
    check_packet(tagged(plain, 0x600a), 0x000a, tagged(plain, 0x000a), 3);
}

static void test_packet_extremes(void **state)
{
    struct sample plain = sample(1, 2);

    (void)state;
    check_packet(sized(plain, 14), 9, tagged(sized(plain, 14), 9), 3);
    check_packet(tagged(sized(plain, 14), 9), TAG_NONE, sized(plain, 14), 2);
    check_packet(sized(plain, FRAME_MAX), 9, tagged(sized(plain, FRAME_MAX), 9), 3);
}

static void test_packet_touches_the_outer_tag_only(void **state)
{
    struct sample inner = tagged(sample(1, 2), 7);

    (void)state;
    check_packet(tagged(inner, 5), TAG_NONE, inner, 2);
    check_packet(tagged(inner, 5), 6, tagged(inner, 6), 3);
}

static bool announces(struct sample sample)
{
    struct frame frame = frame_of(&sample);
    bool announced;

    assert_int_equal(frame_parse(&frame), DROP_NONE);
    announced = frame_announces_move(&frame);
    frame_free(&frame);
    return announced;
}

static void test_rarp_announces(void **state)
{
    struct sample rarp = sample(EVERYONE, 2);

    (void)state;
    assert_false(announces(rarp));
    rarp.bytes[12] = 0x80;
    rarp.bytes[13] = 0x35;
    assert_true(announces(rarp));
    assert_true(announces(tagged(rarp, 0x2005)));
}

static void test_gratuitous_arp_announces(void **state)
{
    struct sample arp = announcement(2), reply = arp, asks = arp, other = arp;

    (void)state;
    assert_true(announces(arp));
    assert_true(announces(tagged(arp, 5)));
    reply.bytes[FRAME_HEADER + 7] = 2;
    assert_true(announces(reply));
    asks.bytes[FRAME_HEADER + 27] = 99; /* target address: another station's */
    assert_false(announces(asks));
    other.bytes[FRAME_HEADER + 2] = 0x86; /* protocol: not IPv4 */
    assert_false(announces(other));
}

static void test_short_arp_announces_nothing(void **state)
{
    (void)state;
    assert_true(announces(sized(announcement(2), FRAME_HEADER + 28)));
    assert_false(announces(sized(announcement(2), FRAME_HEADER + 27)));
    assert_false(announces(sized(announcement(2), FRAME_HEADER)));
    assert_false(announces(sized(tagged(announcement(2), 5), FRAME_HEADER + TAG_BYTES)));
}

/* RFC 4861 section 4.4: what a station sends to all nodes when its address moved. */
static struct sample advertisement(uint8_t flags)
{
    static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 0x01};
    struct sample na = sized(sample(EVERYONE, 2), FRAME_HEADER + 40 + 24);
    uint8_t *ip = na.bytes + FRAME_HEADER, *icmp = ip + 40;

    na.bytes[12] = 0x86;
    na.bytes[13] = 0xdd;
    ip[0] = 0x60;
    ip[6] = 58;
    memcpy(ip + 24, all_nodes, sizeof(all_nodes));
    icmp[0] = 136;
    icmp[4] = flags;
    return na;
}

static void test_unsolicited_advertisement_announces(void **state)
{
    struct sample na = advertisement(0x20), unicast = na, other = na, tcp = na;

    (void)state;
    assert_true(announces(na));
    assert_true(announces(tagged(na, 5)));
    assert_true(announces(advertisement(0xa0))); /* a router's */
    unicast.bytes[FRAME_HEADER + 24] = 0xfe;
    assert_false(announces(unicast));
    other.bytes[FRAME_HEADER + 40] = 135; /* a solicitation */
    assert_false(announces(other));
    tcp.bytes[FRAME_HEADER + 6] = 6;
    assert_false(announces(tcp));
}

static void test_solicited_advertisement_does_not(void **state)
{
    (void)state;
    assert_false(announces(advertisement(0x40)));
    assert_false(announces(advertisement(0x60)));
    assert_false(announces(advertisement(0xe0)));
}

static void test_short_advertisement_announces_nothing(void **state)
{
    (void)state;
    assert_false(announces(sized(advertisement(0x20), FRAME_HEADER + 40)));
    assert_false(announces(sized(advertisement(0x20), FRAME_HEADER + 44)));
    assert_false(announces(sized(advertisement(0x20), FRAME_HEADER + 6)));
}

/* Names are unique among the reasons of one direction. */
static void test_every_reason_has_a_name(void **state)
{
    struct drop_table known;

    (void)state;
    drop_table_init(&known);
    for (unsigned reason = 0; reason < DROP_REASONS; reason++) {
        assert_non_null(known.kind[reason]->name);
        for (unsigned other = 0; other < reason; other++) {
            if (known.kind[other]->egress == known.kind[reason]->egress)
                assert_string_not_equal(known.kind[reason]->name, known.kind[other]->name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_untagged),
        cmocka_unit_test(test_tag_is_read),
        cmocka_unit_test(test_vid_4095_is_reserved),
        cmocka_unit_test(test_other_tags_are_payload),
        cmocka_unit_test(test_parse_forgets),
        cmocka_unit_test(test_packet_as_it_came_is_one_run),
        cmocka_unit_test(test_packet_tag_changes),
        cmocka_unit_test(test_packet_extremes),
        cmocka_unit_test(test_packet_touches_the_outer_tag_only),
        cmocka_unit_test(test_rarp_announces),
        cmocka_unit_test(test_gratuitous_arp_announces),
        cmocka_unit_test(test_short_arp_announces_nothing),
        cmocka_unit_test(test_unsolicited_advertisement_announces),
        cmocka_unit_test(test_solicited_advertisement_does_not),
        cmocka_unit_test(test_short_advertisement_announces_nothing),
        cmocka_unit_test(test_every_reason_has_a_name),
    };

    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
