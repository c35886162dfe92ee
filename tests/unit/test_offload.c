/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_offload.c - frames that need offload: which are admitted, which endpoints get them as they
 * are, and how they are completed for others
 *
 * naive.h defines what a completed frame must look like; lab_run() checks conservation after each
 * batch.
 */
#include "naive.h"

#include "core/offload.h"

#include <errno.h>
#include <string.h>

enum { OFFLOAD_ALL = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_ECN | OFFLOAD_USO };
enum { CTAG = 0x8100, STAG = 0x88a8, FIN = 0x01, PSH = 0x08, ACK = 0x10, URG = 0x20, CWR = 0x80 };

/* Too large for the stack of a test. */
static struct offload_frame made, other, expected;

static const struct recipe tcp4 = {.gso = GSO_TCP4,
                                   .needs_csum = true,
                                   .ip_id = 0xfffe,
                                   .tcp_flags = ACK,
                                   .sequence = 0xfffffc00,
                                   .gso_size = 1448,
                                   .payload = 10000};
static const struct recipe tcp6 = {.gso = GSO_TCP6,
                                   .needs_csum = true,
                                   .tcp_flags = ACK | PSH,
                                   .sequence = 77,
                                   .gso_size = 1440,
                                   .payload = 9999};
static const struct recipe udp4 = {
    .gso = GSO_UDP, .needs_csum = true, .ip_id = 9, .gso_size = 1201, .payload = 8000};
static const struct recipe udp6 = {
    .gso = GSO_UDP, .ipv6 = true, .needs_csum = true, .gso_size = 1200, .payload = 8001};

/* --- helpers --- */

/* The frame is in memory of exactly its size, so that the sanitizer detects a read beyond its
 * end. */
static enum drop_reason check(const struct offload_frame *frame, struct offload *found)
{
    uint8_t *bytes = test_malloc(frame->length ? frame->length : 1);
    struct frame parsed;
    enum drop_reason reason;

    memcpy(bytes, frame->bytes, frame->length);
    frame_init(&parsed, bytes, frame->length);
    parsed.stripped_tag = frame->stripped_tag;
    parsed.offload = frame->offload;
    assert_int_not_equal(frame_parse(&parsed), DROP_RUNT);
    reason = offload_parse(&parsed);
    if (found)
        *found = parsed.offload;
    test_free(bytes);
    return reason;
}

static enum drop_reason check_recipe(struct recipe recipe)
{
    recipe_make(&recipe, &made);
    return check(&made, NULL);
}

static void send_one(struct lab *lab, struct fake *from, const struct offload_frame *frame)
{
    lab_put_offload(lab, frame);
    lab_run(lab, from);
}

/* The next frames that FAKE received are those that SENT becomes when completed, in order. */
static void assert_completed(struct fake *fake, const struct offload_frame *sent)
{
    struct wire wire = {0};
    struct offload left;
    const uint8_t *should, *is;
    uint32_t should_length, length;
    size_t at = 0;

    naive_complete(sent->bytes, sent->length, &sent->offload, &wire);
    while ((should = wire_next(&wire, &at, &should_length))) {
        is = wire_next_offload(&fake->sent, &fake->read, &length, &left);
        assert_non_null(is);
        assert_false(offload_any(&left));
        assert_int_equal(length, should_length);
        assert_memory_equal(is, should, length);
    }
    wire_clear(&wire);
}

/* The next frame that FAKE received is SENT, unchanged. */
static void assert_unchanged(struct fake *fake, const struct offload_frame *sent)
{
    struct offload left;
    uint32_t length;
    const uint8_t *is = wire_next_offload(&fake->sent, &fake->read, &length, &left);

    assert_non_null(is);
    assert_int_equal(length, sent->length);
    assert_memory_equal(is, sent->bytes, length);
    assert_int_equal(left.gso, sent->offload.gso);
    assert_int_equal(left.needs_csum, sent->offload.needs_csum);
    assert_int_equal(left.ecn, sent->offload.ecn);
    assert_int_equal(left.csum_start, sent->offload.csum_start);
    assert_int_equal(left.csum_offset, sent->offload.csum_offset);
    if (left.gso != GSO_NONE) {
        assert_int_equal(left.gso_size, sent->offload.gso_size);
        assert_int_equal(left.headers, naive_headers(sent->bytes, length, &sent->offload));
    }
}

static struct fake *attach_offload(struct lab *lab, unsigned port, unsigned offloads)
{
    struct fake *fake = lab_attach(lab, port);

    fake->endpoint.offloads = offloads;
    return fake;
}

/* An ordinary frame with LENGTH bytes of payload whose checksum from START on is left to
 * offload. */
static void make_needs_csum(uint32_t length, uint16_t start, uint16_t offset)
{
    struct sample plain = sized(sample(EVERYONE, 2), length);

    made.length = length;
    made.stripped_tag = TAG_NONE;
    made.offload = (struct offload){0};
    memcpy(made.bytes, plain.bytes, length);
    leave_checksum(&made, start, offset);
}

/* --- admission --- */

static void test_sound_gso_frames(void **state)
{
    const struct recipe sound[] = {tcp4, tcp6, udp4, udp6};

    (void)state;
    for (unsigned i = 0; i < sizeof(sound) / sizeof(sound[0]); i++) {
        struct recipe recipe = sound[i];
        struct offload found;

        recipe_make(&recipe, &made);
        assert_int_equal(check(&made, &found), DROP_NONE);
        assert_int_equal(found.network, 14);
        assert_int_equal(found.transport, found.csum_start);
        assert_int_equal(found.headers, recipe_headers(&recipe));
        recipe.needs_csum = false; /* the checksum may be complete already */
        assert_int_equal(check_recipe(recipe), DROP_NONE);
    }
}

static void test_size_0(void **state)
{
    struct recipe recipe = tcp4;

    (void)state;
    recipe.gso_size = 0;
    assert_int_equal(check_recipe(recipe), DROP_BAD_OFFLOAD);
}

/* ECN requires TCP: virtio_net_hdr cannot express anything else. */
static void test_ecn_without_tcp(void **state)
{
    (void)state;
    make_needs_csum(100, 14, 0);
    made.offload.ecn = true;
    assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
    recipe_make(&udp4, &made);
    made.offload.ecn = true;
    assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
    recipe_make(&tcp4, &made);
    made.offload.ecn = true;
    assert_int_equal(check(&made, NULL), DROP_NONE);
}

static void test_needs_csum_beyond_the_frame(void **state)
{
    (void)state;
    make_needs_csum(100, 14, 0);
    assert_int_equal(check(&made, NULL), DROP_NONE);
    make_needs_csum(100, 13, 1);
    assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
    make_needs_csum(100, 0, 40);
    assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
    make_needs_csum(100, 80, 18);
    assert_int_equal(check(&made, NULL), DROP_NONE);
    make_needs_csum(100, 80, 19);
    assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
    make_needs_csum(100, 98, 0);
    assert_int_equal(check(&made, NULL), DROP_NONE);
    make_needs_csum(100, 99, 0);
    assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
    make_needs_csum(100, 100, 0);
    assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
    make_needs_csum(100, 65535, 65535); /* whose sum has 17 bits */
    assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
    make_needs_csum(100, 40, 65500);
    assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
}

/* A tag in the bytes is not payload: the switch may remove it. */
static void test_needs_csum_in_the_tag(void **state)
{
    (void)state;
    make_needs_csum(100, 17, 10);
    memcpy(made.bytes + 12, "\x81\x00\x00\x05", 4);
    assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
    made.offload.csum_start = 18;
    assert_int_equal(check(&made, NULL), DROP_NONE);
}

static void test_needs_csum_elsewhere_than_the_transport(void **state)
{
    (void)state;
    recipe_make(&tcp4, &made);
    made.offload.csum_start += 2;
    assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
    recipe_make(&tcp4, &made);
    made.offload.csum_offset = 6;
    assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
    recipe_make(&udp6, &made);
    made.offload.csum_offset = 16;
    assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
}

static void test_kinds_that_do_not_agree(void **state)
{
    const struct recipe *recipe[] = {&tcp4, &tcp6, &udp4, &udp6};
    const unsigned own[] = {GSO_TCP4, GSO_TCP6, GSO_UDP, GSO_UDP};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned claim = GSO_TCP4; claim < 256; claim++) {
            recipe_make(recipe[i], &made);
            made.offload.gso = (uint8_t)claim;
            assert_int_equal(check(&made, NULL), claim == own[i] ? DROP_NONE : DROP_BAD_OFFLOAD);
        }
    }
}

static void test_headers_that_lie(void **state)
{
    static const struct {
        const struct recipe *recipe;
        unsigned at;
        uint8_t value;
    } lies[] = {
        {&tcp4, 13, 6},    /* ARP */
        {&tcp4, 14, 0x65}, /* version 6 */
        {&tcp4, 14, 0x44}, /* a header of 16 bytes */
        {&tcp4, 20, 0x20}, /* more fragments */
        {&tcp4, 21, 1},    /* a fragment further on */
        {&tcp4, 20, 0x1f}, /* and very far on */
        {&tcp4, 23, 17},   /* UDP */
        {&udp4, 23, 6},    /* TCP */
        {&tcp4, 46, 0x40}, /* a TCP header of 16 bytes */
        {&tcp6, 14, 0x45}, /* version 4 */
        {&tcp6, 20, 17},   /* UDP */
        {&tcp6, 20, 44},   /* a fragment */
        {&tcp6, 20, 59},   /* nothing more */
        {&tcp6, 20, 50},   /* ESP */
        {&tcp6, 66, 0x4f}, /* a TCP header of 16 bytes */
        {&udp6, 20, 58},   /* ICMPv6 */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        recipe_make(lies[i].recipe, &made);
        made.bytes[lies[i].at] = lies[i].value;
        assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
    }
    recipe_make(&tcp4, &made);
    made.bytes[20] = 0x80; /* the reserved bit is no fragment */
    assert_int_equal(check(&made, NULL), DROP_NONE);
}

/* A GSO frame truncated anywhere in its headers is dropped; truncated after them it is an ordinary
 * frame. */
static void test_cut_at_every_length(void **state)
{
    struct recipe cut[] = {tcp4, tcp6, udp4, udp6, tcp6};

    (void)state;
    cut[0].ip_options = 12;
    cut[0].tcp_options = 20;
    cut[4].extensions = 2;
    cut[4].extension[0].protocol = 0;
    cut[4].extension[0].eights = 2;
    cut[4].extension[1].protocol = 60;
    cut[4].tags = 2;
    cut[4].tag[0].type = STAG;
    cut[4].tag[1].type = CTAG;
    for (unsigned i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
        unsigned headers = recipe_headers(&cut[i]);

        recipe_make(&cut[i], &made);
        for (made.length = 14; made.length < headers; made.length++)
            assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
        assert_int_equal(check(&made, NULL), DROP_NONE);
    }
}

static void test_ipv6_extension_headers(void **state)
{
    struct recipe recipe = tcp6;

    (void)state;
    recipe.extensions = 3;
    recipe.extension[0].protocol = 0;
    recipe.extension[1].protocol = 43;
    recipe.extension[1].eights = 2;
    recipe.extension[2].protocol = 60;
    recipe.extension[2].eights = 1;
    assert_int_equal(check_recipe(recipe), DROP_NONE);
    recipe.extension[1].protocol = 44; /* fragments are not supported */
    assert_int_equal(check_recipe(recipe), DROP_BAD_OFFLOAD);
    recipe.extension[1].protocol = 51; /* authenticated data cannot be segmented */
    assert_int_equal(check_recipe(recipe), DROP_BAD_OFFLOAD);
    recipe.extension[1].protocol = 43;
    recipe.extension[1].eights = 255; /* beyond HEADERS_MAX */
    assert_int_equal(check_recipe(recipe), DROP_BAD_OFFLOAD);
}

/* A chain of options that extends to the end of the frame. */
static void test_ipv6_extension_headers_without_end(void **state)
{
    (void)state;
    recipe_make(&tcp6, &made);
    memset(made.bytes + 54, 0, made.length - 54);
    made.bytes[20] = 0;
    made.offload.needs_csum = false;
    assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
    for (made.length = 54; made.length < 200; made.length++)
        assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
    made.length = GSO_FRAME_MAX;
    memset(made.bytes + 54, 60, made.length - 54); /* each 488 bytes long */
    made.bytes[20] = 60;
    assert_int_equal(check(&made, NULL), DROP_BAD_OFFLOAD);
}

static void test_headers_up_to_the_limit(void **state)
{
    struct recipe recipe = tcp6;

    (void)state;
    recipe.extensions = 1;
    recipe.extension[0].protocol = 60;
    recipe.extension[0].eights = (HEADERS_MAX - 14 - 40 - 8 - 20) / 8;
    recipe.tcp_options = (HEADERS_MAX - 14 - 40 - 8 - 20) % 8 / 4 * 4;
    assert_in_range(recipe_headers(&recipe), HEADERS_MAX - 3, HEADERS_MAX);
    assert_int_equal(check_recipe(recipe), DROP_NONE);
    recipe.tcp_options += 4;
    assert_int_equal(check_recipe(recipe), DROP_BAD_OFFLOAD);
}

static void test_too_many_segments(void **state)
{
    struct recipe recipe = udp4;

    (void)state;
    recipe.gso_size = 3;
    recipe.payload = 3 * SEGMENTS_MAX;
    assert_int_equal(check_recipe(recipe), DROP_NONE);
    recipe.payload++;
    assert_int_equal(check_recipe(recipe), DROP_BAD_OFFLOAD);
}

static void test_segments_and_gso_frames_that_are_too_long(void **state)
{
    struct recipe recipe = tcp4;

    (void)state;
    recipe.gso_size = (uint16_t)(FRAME_MAX - recipe_headers(&recipe));
    recipe.payload = 30000;
    assert_int_equal(check_recipe(recipe), DROP_NONE);
    recipe.gso_size++;
    assert_int_equal(check_recipe(recipe), DROP_GIANT);
    recipe.gso_size = 65535; /* one segment, but longer than an ordinary frame may be */
    assert_int_equal(check_recipe(recipe), DROP_GIANT);
    recipe = tcp4;
    recipe.payload = GSO_FRAME_MAX - recipe_headers(&recipe);
    assert_int_equal(check_recipe(recipe), DROP_NONE);
    recipe.payload++;
    assert_int_equal(check_recipe(recipe), DROP_GIANT);
    make_needs_csum(FRAME_MAX, 20, 2);
    assert_int_equal(check(&made, NULL), DROP_NONE);
    made.length++;
    assert_int_equal(check(&made, NULL), DROP_GIANT);
}

static void test_one_segment_is_an_ordinary_frame(void **state)
{
    struct lab *lab = *state;
    struct fake *from = lab_attach(lab, 1), *checksums = attach_offload(lab, 2, OFFLOAD_CSUM);
    struct fake *nothing = lab_attach(lab, 3);
    struct recipe recipe = tcp4;
    struct offload found;

    recipe.tcp_flags = ACK | CWR;
    recipe.payload = recipe.gso_size;
    recipe_make(&recipe, &made);
    assert_int_equal(check(&made, &found), DROP_NONE);
    assert_int_equal(found.gso, GSO_NONE);
    assert_false(found.ecn);
    assert_true(found.needs_csum);
    send_one(lab, from, &made);
    made.offload.gso = GSO_NONE;
    made.offload.ecn = false;
    assert_unchanged(checksums, &made);
    assert_completed(nothing, &made);
    recipe.payload = 0;
    recipe_make(&recipe, &made);
    send_one(lab, from, &made);
    made.offload.gso = GSO_NONE;
    assert_completed(nothing, &made);
    recipe.needs_csum = false;
    recipe_make(&recipe, &made);
    made.offload.gso = GSO_TCP4;
    send_one(lab, from, &made); /* then it needs no offload */
    assert_int_equal(unread(nothing), 1);
    recipe.payload = recipe.gso_size + 1u;
    recipe_make(&recipe, &made);
    assert_int_equal(check(&made, &found), DROP_NONE);
    assert_int_equal(found.gso, GSO_TCP4);
}

static void test_bad_ones_are_counted(void **state)
{
    struct lab *lab = *state;
    struct fake *from = lab_attach(lab, 1), *to = lab_attach(lab, 2);

    recipe_make(&tcp4, &made);
    made.offload.gso_size = 0;
    lab_put_offload(lab, &made);
    recipe_make(&tcp4, &made);
    lab_put_offload(lab, &made);
    lab_run(lab, from);
    assert_completed(to, &made);
    assert_silent(to);
    assert_int_equal(from->endpoint.counters.drops[DROP_BAD_OFFLOAD], 1);
    assert_int_equal(from->endpoint.counters.in_frames, 1);
    assert_int_equal(from->endpoint.counters.in_bytes, made.length);
}

/* --- completion --- */

static void test_segments_byte_for_byte(void **state)
{
    static const uint8_t flags[] = {ACK, ACK | FIN | PSH, ACK | CWR | PSH, ACK | URG, 0xff};
    struct lab *lab = *state;
    struct fake *from = lab_attach(lab, 1), *to = lab_attach(lab, 2);
    const struct recipe *base[] = {&tcp4, &tcp6, &udp4, &udp6};

    for (unsigned round = 0; round < 400; round++) {
        struct recipe recipe = *base[round % 4];

        recipe.needs_csum = round % 3 != 0;
        recipe.tcp_flags = flags[round % 5];
        recipe.tcp_options = round % 11 * 4;
        recipe.ip_options = round % 7 * 4;
        recipe.extensions = round % 4;
        recipe.extension[0].eights = round % 5;
        recipe.extension[1].protocol = 43;
        recipe.extension[1].eights = round / 4 % 5; /* a route, perhaps with segments left */
        recipe.extension[1].type = round / 20 % 5;
        recipe.extension[1].left = round % 2;
        recipe.extension[2].protocol = 60;
        recipe.payload = 1 + round * 997 % 60000;
        recipe.gso_size = (uint16_t)(64 + round * 31 % 9000);
        recipe.noise = round;
        recipe_make(&recipe, &made);
        if (recipe.payload <= recipe.gso_size)
            continue;
        send_one(lab, from, &made);
        assert_completed(to, &made);
        assert_silent(to);
    }
}

static void test_single_bytes(void **state)
{
    struct lab *lab = *state;
    struct fake *from = lab_attach(lab, 1), *to = lab_attach(lab, 2);
    struct recipe recipe = udp4;

    recipe.gso_size = 1;
    recipe.payload = SEGMENTS_MAX;
    recipe_make(&recipe, &made);
    send_one(lab, from, &made);
    assert_int_equal(unread(to), SEGMENTS_MAX);
    assert_completed(to, &made);
}

/* Whatever tag the frame came with, in the bytes or stripped, each segment has the tag that the
 * port requires. */
static void test_tags_on_the_way_out(void **state)
{
    struct lab *lab = *state;
    struct fake *trunk = lab_attach(lab, 1), *access = lab_attach(lab, 2);
    struct fake *far = lab_attach(lab, 3), *able = attach_offload(lab, 3, OFFLOAD_ALL);
    struct fake *able_access = attach_offload(lab, 2, OFFLOAD_ALL);
    const struct recipe *base[] = {&tcp4, &tcp6, &udp4, &udp6};

    lab_vlans(lab, 1, VID_NONE, "10");
    lab_vlans(lab, 2, 10, NULL);
    lab_vlans(lab, 3, VID_NONE, "10");
    for (unsigned i = 0; i < 12; i++) {
        struct recipe plain = *base[i % 4], tag = plain;
        bool stripped = i / 4 == 1;

        if (i / 4 == 2) { /* a service tag after it is skipped */
            plain.tags = 1;
            plain.tag[0].type = STAG;
            plain.tag[0].tci = 7;
        }
        tag.tags = plain.tags + 1;
        tag.tag[1] = plain.tag[0];
        tag.tag[0].type = CTAG;
        tag.tag[0].tci = 0xa00a;
        recipe_make(&plain, &expected);
        recipe_make(&tag, &other);
        recipe_make(stripped ? &plain : &tag, &made);
        made.stripped_tag = stripped ? 0xa00a : TAG_NONE;
        send_one(lab, trunk, &made); /* removed or kept, or restored if it was stripped */
        assert_completed(access, &expected);
        assert_unchanged(able_access, &expected);
        assert_completed(far, &other);
        assert_unchanged(able, &other);
        tag.tag[0].tci = 10;
        recipe_make(&tag, &other);
        send_one(lab, access, &expected); /* added */
        assert_completed(trunk, &other);
        assert_completed(far, &other);
        assert_unchanged(able, &other);
        fake_skip(able_access);
        tag.tag[0].tci = 0x2000;
        recipe_make(&tag, &made);
        tag.tag[0].tci = 0x200a;
        recipe_make(&tag, &other);
        send_one(lab, access, &made); /* a priority tag is replaced by one with a VLAN */
        assert_completed(trunk, &other);
        assert_completed(far, &other);
        assert_unchanged(able, &other);
        assert_silent(access);
        fake_skip(able_access);
    }
}

static void test_checksums_are_completed(void **state)
{
    struct lab *lab = *state;
    struct fake *from = lab_attach(lab, 1), *to = lab_attach(lab, 2);
    struct fake *able = attach_offload(lab, 3, OFFLOAD_CSUM);

    for (unsigned round = 0; round < 300; round++) {
        uint32_t length = 60 + round * 31 % (FRAME_MAX - 60);
        uint16_t start = (uint16_t)(14 + round % 40);

        make_needs_csum(length, start, (uint16_t)(round % (length - start - 1)));
        send_one(lab, from, &made);
        assert_completed(to, &made);
        assert_unchanged(able, &made);
    }
    assert_silent(to);
    assert_silent(able);
}

/* A sum of all ones: its complement, 0, would mean "no checksum" (RFC 768). */
static void test_a_checksum_of_0(void **state)
{
    struct lab *lab = *state;
    struct fake *from = lab_attach(lab, 1), *to = lab_attach(lab, 2);
    const uint8_t *bytes;
    uint32_t length;

    make_needs_csum(62, 14, 6);
    memset(made.bytes + 14, 0, 48);
    memset(made.bytes + 40, 0xff, 2);
    send_one(lab, from, &made);
    bytes = wire_next(&to->sent, &to->read, &length);
    assert_non_null(bytes);
    assert_memory_equal(bytes + 20, "\xff\xff", 2);
    memset(made.bytes + 40, 0, 2); /* a sum of zeroes is 0, its complement is not */
    send_one(lab, from, &made);
    bytes = wire_next(&to->sent, &to->read, &length);
    assert_memory_equal(bytes + 20, "\xff\xff", 2);
}

/* Datagrams and segments whose checksum comes out as 0: UDP sends ffff instead, TCP sends 0. */
static void test_a_segment_checksum_of_0(void **state)
{
    struct lab *lab = *state;
    struct fake *from = lab_attach(lab, 1), *to = lab_attach(lab, 2);
    const struct recipe *base[] = {&udp4, &udp6, &tcp4, &tcp6};

    for (unsigned i = 0; i < 4; i++) {
        struct recipe recipe = *base[i];
        unsigned headers = recipe_headers(&recipe), field = headers - (i < 2 ? 2 : 4);
        const uint8_t *first;
        uint32_t length;
        size_t at;

        recipe.gso_size = 100;
        recipe.payload = 200;
        recipe_make(&recipe, &made);
        memset(made.bytes + headers, 0, 200);
        send_one(lab, from, &made);
        at = to->read;
        first = wire_next(&to->sent, &at, &length);
        /* the payload makes up the difference to all ones */
        memcpy(made.bytes + headers, first + field, 2);
        fake_skip(to);
        send_one(lab, from, &made);
        at = to->read;
        first = wire_next(&to->sent, &at, &length);
        assert_memory_equal(first + field, i < 2 ? "\xff\xff" : "\0\0", 2);
        assert_completed(to, &made);
    }
}

/* --- endpoints with different capabilities --- */

static void test_completed_once_for_all(void **state)
{
    struct lab *lab = *state;
    struct fake *from = lab_attach(lab, 1), *to[12];

    for (unsigned i = 0; i < 12; i++)
        to[i] = lab_attach(lab, 2 + i / 2);
    lab_vlans(lab, 1, 10, NULL);
    for (unsigned p = 2; p < 8; p++)
        lab_vlans(lab, p, p % 2 ? 10 : VID_NONE, p % 2 ? NULL : "10");
    make_needs_csum(200, 20, 6);
    recipe_make(&tcp4, &expected); /* 7 segments */
    recipe_make(&tcp6, &other);    /* 7 segments */
    lab_put_offload(lab, &expected);
    lab_put_offload(lab, &made);
    lab_put_offload(lab, &other);
    lab_run(lab, from);
    assert_int_equal(lab->worker->gso.segments, 7 + 1 + 7);
    for (unsigned i = 2; i < 4; i++) {
        assert_completed(to[i], &expected);
        assert_completed(to[i], &made);
        assert_completed(to[i], &other);
        assert_silent(to[i]);
    }
    for (unsigned i = 0; i < 12; i++)
        assert_int_equal(to[i]->sent.frames, 7 + 1 + 7);
}

static void test_completed_for_no_endpoint(void **state)
{
    struct lab *lab = *state;
    struct fake *from = lab_attach(lab, 1), *to = attach_offload(lab, 2, OFFLOAD_ALL);

    recipe_make(&tcp4, &made);
    send_one(lab, from, &made);
    assert_unchanged(to, &made);
    assert_int_equal(lab->worker->gso.segments, 0);
}

/* More segments, or more bytes of headers, than the GSO scratch memory holds. */
static void fill_table(struct lab *lab, const struct recipe *recipe, unsigned frames)
{
    struct fake *from = lab_attach(lab, 1), *to[3];
    struct recipe own = *recipe;

    for (unsigned i = 0; i < 3; i++)
        to[i] = lab_attach(lab, 2 + i);
    lab_vlans(lab, 3, VID_NONE, "10");
    lab_vlans(lab, 1, 10, NULL);
    lab_vlans(lab, 2, 10, NULL);
    lab_vlans(lab, 4, 10, NULL);
    for (unsigned i = 0; i < frames; i++) {
        own.noise = i;
        recipe_make(&own, &made);
        lab_put_offload(lab, &made);
    }
    lab_run(lab, from);
    for (unsigned i = 0; i < frames; i++) {
        own.noise = i;
        own.tags = 0;
        recipe_make(&own, &made);
        assert_completed(to[0], &made);
        assert_completed(to[2], &made);
        own.tags = 1;
        own.tag[0].type = CTAG;
        own.tag[0].tci = 10;
        recipe_make(&own, &made);
        assert_completed(to[1], &made);
    }
    for (unsigned i = 0; i < 3; i++)
        assert_silent(to[i]);
}

static void test_table_full_of_segments(void **state)
{
    struct recipe recipe = tcp4;

    recipe.gso_size = 50;
    recipe.payload = 50 * 1000 + 1;
    fill_table(*state, &recipe, 9);
}

static void test_table_full_of_headers(void **state)
{
    struct recipe recipe = tcp6;

    recipe.extensions = 1;
    recipe.extension[0].protocol = 60;
    recipe.extension[0].eights = 50;
    recipe.gso_size = 50;
    recipe.payload = 50 * 1000 + 1;
    assert_true(recipe_headers(&recipe) * 2000 > SCRATCH_BYTES);
    fill_table(*state, &recipe, 5);
}

static void test_capable_and_incapable_on_one_port(void **state)
{
    static const unsigned offloads[] = {0,
                                        OFFLOAD_CSUM,
                                        OFFLOAD_ALL,
                                        OFFLOAD_CSUM | OFFLOAD_TSO4,
                                        OFFLOAD_TSO4,
                                        OFFLOAD_CSUM | OFFLOAD_TSO6 | OFFLOAD_USO,
                                        OFFLOAD_ALL & ~OFFLOAD_CSUM};
    enum { MANY = sizeof(offloads) / sizeof(offloads[0]) };
    struct lab *lab = *state;
    struct fake *from = lab_attach(lab, 1), *to[MANY];
    struct recipe recipe[] = {tcp4, tcp4, tcp6, udp4, udp6, tcp4};
    static const unsigned needs[] = {
        OFFLOAD_TSO4 | OFFLOAD_CSUM, OFFLOAD_TSO4 | OFFLOAD_CSUM | OFFLOAD_ECN,
        OFFLOAD_TSO6 | OFFLOAD_CSUM, OFFLOAD_USO | OFFLOAD_CSUM,
        OFFLOAD_USO | OFFLOAD_CSUM,  OFFLOAD_TSO4};

    recipe[1].tcp_flags |= CWR;
    recipe[5].needs_csum = false;
    for (unsigned i = 0; i < MANY; i++)
        to[i] = attach_offload(lab, 2, offloads[i]);
    for (unsigned r = 0; r < 6; r++) {
        recipe_make(&recipe[r], &made);
        send_one(lab, from, &made);
        for (unsigned i = 0; i < MANY; i++) {
            if (needs[r] & ~offloads[i])
                assert_completed(to[i], &made);
            else
                assert_unchanged(to[i], &made);
            assert_silent(to[i]);
        }
    }
}

/* offload=off on the port: its endpoints get complete frames, whatever their capabilities; takes
 * effect at once. */
static void test_policy_without_offload(void **state)
{
    struct lab *lab = *state;
    struct fake *from = lab_attach(lab, 1), *to = attach_offload(lab, 2, OFFLOAD_ALL);
    struct port_config policy = port_config_defaults();

    recipe_make(&tcp4, &made);
    for (unsigned i = 0; i < 4; i++) {
        policy.offload = i % 2;
        assert_int_equal(port_configure(lab_port(lab, 2), &policy), 0);
        send_one(lab, from, &made);
        if (policy.offload)
            assert_unchanged(to, &made);
        else
            assert_completed(to, &made);
        assert_silent(to);
    }
}

static void test_order_is_kept(void **state)
{
    struct lab *lab = *state;
    struct fake *from = lab_attach(lab, 1), *to = lab_attach(lab, 2);
    struct fake *able = attach_offload(lab, 3, OFFLOAD_ALL);
    struct sample plain = sample(EVERYONE, 2);
    struct recipe recipe = udp4;

    for (unsigned i = 0; i < BATCH_FRAMES; i++) {
        plain.bytes[40] = (uint8_t)i;
        recipe.noise = i;
        recipe_make(&recipe, &made);
        if (i % 3 == 0)
            lab_put_offload(lab, &made);
        else
            lab_put(lab, &plain);
    }
    lab_run(lab, from);
    for (unsigned i = 0; i < BATCH_FRAMES; i++) {
        plain.bytes[40] = (uint8_t)i;
        recipe.noise = i;
        recipe_make(&recipe, &made);
        if (i % 3 == 0) {
            assert_completed(to, &made);
            assert_unchanged(able, &made);
        } else {
            assert_heard(to, plain);
            assert_heard(able, plain);
        }
    }
    assert_silent(to);
    assert_silent(able);
}

/* A frame queued for a capable endpoint still needs offload when it leaves, with offsets that match
 * its tag. */
static void test_queue_keeps_what_is_left_to_do(void **state)
{
    struct lab *lab = *state;
    struct fake *from = lab_attach(lab, 1), *able = attach_offload(lab, 2, OFFLOAD_ALL);
    struct fake *unable = lab_attach(lab, 2);
    struct recipe recipe = tcp6;

    lab_vlans(lab, 1, 10, NULL);
    lab_vlans(lab, 2, VID_NONE, "10");
    able->room = unable->room = 0;
    for (unsigned i = 0; i < 3; i++) {
        recipe.noise = i;
        recipe_make(&recipe, &made);
        send_one(lab, from, &made);
    }
    assert_int_equal(able->endpoint.queue.frames, 3);
    assert_int_equal(unable->endpoint.queue.frames, 21);
    fake_resume(able, UNLIMITED);
    fake_resume(unable, UNLIMITED);
    recipe.tags = 1;
    recipe.tag[0].type = CTAG;
    recipe.tag[0].tci = 10;
    for (unsigned i = 0; i < 3; i++) {
        recipe.noise = i;
        recipe_make(&recipe, &made);
        assert_unchanged(able, &made);
        assert_completed(unable, &made);
    }
    assert_silent(able);
    assert_silent(unable);
}

static void test_max_frame_applies_to_segments(void **state)
{
    struct lab *lab = *state;
    struct fake *from = lab_attach(lab, 1), *able = attach_offload(lab, 2, OFFLOAD_ALL);
    struct fake *unable = lab_attach(lab, 3);
    unsigned segment = recipe_headers(&tcp4) + tcp4.gso_size;

    recipe_make(&tcp4, &made);
    able->endpoint.max_frame = unable->endpoint.max_frame = segment;
    send_one(lab, from, &made);
    assert_unchanged(able, &made);
    assert_completed(unable, &made);
    able->endpoint.max_frame = unable->endpoint.max_frame = segment - 1;
    send_one(lab, from, &made);
    assert_silent(able);
    assert_int_equal(able->endpoint.counters.drops[DROP_OVERSIZE], 1);
    assert_int_equal(unread(unable), 1); /* the last one is shorter */
    assert_int_equal(unable->endpoint.counters.drops[DROP_OVERSIZE], 6);
}

int main(void)
{
#define WITH_LAB(test) cmocka_unit_test_setup_teardown(test, lab_setup, lab_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound_gso_frames),
        cmocka_unit_test(test_size_0),
        cmocka_unit_test(test_ecn_without_tcp),
        cmocka_unit_test(test_needs_csum_beyond_the_frame),
        cmocka_unit_test(test_needs_csum_in_the_tag),
        cmocka_unit_test(test_needs_csum_elsewhere_than_the_transport),
        cmocka_unit_test(test_kinds_that_do_not_agree),
        cmocka_unit_test(test_headers_that_lie),
        cmocka_unit_test(test_cut_at_every_length),
        cmocka_unit_test(test_ipv6_extension_headers),
        cmocka_unit_test(test_ipv6_extension_headers_without_end),
        cmocka_unit_test(test_headers_up_to_the_limit),
        cmocka_unit_test(test_too_many_segments),
        cmocka_unit_test(test_segments_and_gso_frames_that_are_too_long),
        WITH_LAB(test_one_segment_is_an_ordinary_frame),
        WITH_LAB(test_bad_ones_are_counted),
        WITH_LAB(test_segments_byte_for_byte),
        WITH_LAB(test_single_bytes),
        WITH_LAB(test_tags_on_the_way_out),
        WITH_LAB(test_checksums_are_completed),
        WITH_LAB(test_a_checksum_of_0),
        WITH_LAB(test_a_segment_checksum_of_0),
        WITH_LAB(test_completed_once_for_all),
        WITH_LAB(test_completed_for_no_endpoint),
        WITH_LAB(test_table_full_of_segments),
        WITH_LAB(test_table_full_of_headers),
        WITH_LAB(test_capable_and_incapable_on_one_port),
        WITH_LAB(test_policy_without_offload),
        WITH_LAB(test_order_is_kept),
        WITH_LAB(test_queue_keeps_what_is_left_to_do),
        WITH_LAB(test_max_frame_applies_to_segments),
    };

    return cmocka_run_group_tests_name("offload", tests, NULL, NULL);
}
