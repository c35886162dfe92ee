/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_oracle.c - the frame oracle: random switches, random traffic, and a naive model that must
 * agree on every byte
 *
 * Each seed generates a switch (ports, VLANs, endpoints fast and slow, hub or not) and some
 * hundreds of frames, and changes the switch between batches. After each batch the switch and the
 * model (model.h) must have delivered the same bytes to the same endpoints, counted the same drops
 * for the same reasons, and learned the same addresses; lab_run() checks conservation besides.
 *
 *     ORACLE_SEEDS=5000    runs more seeds
 *     ORACLE_SEED=n        runs one, and prints what it does
 */
#include "model.h"

#include "util/clock.h"
#include "util/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 250, STEPS = 80, STATIONS = 12, MAX_LARGE = 9298 };

static const uint16_t vid_pool[] = {1, 2, 10, 77, 2048, 4094};
enum { VID_POOL = sizeof(vid_pool) / sizeof(vid_pool[0]) };

struct oracle {
    uint64_t seed;
    uint64_t random;
    struct lab *lab;
    struct model *model;
    struct fake *fake[MODEL_ENDPOINTS]; /* NULL while not attached */
    struct offload_frame batch[BATCH_FRAMES];
    unsigned count;  /* in the batch */
    unsigned frames; /* made so far */
    unsigned gso;    /* GSO frames delivered as such */
    bool hubs;       /* this seed turns hub mode on and off */
    bool verbose;
};

/* Totals of all seeds: a run without a drop for some reason has not tested that reason. */
struct coverage {
    uint64_t frames;
    uint64_t heard;
    uint64_t gso; /* GSO frames delivered as such */
    uint64_t no_receivers;
    uint64_t moved;
    uint64_t drops[DROP_REASONS];
};

/* For the final message of a run that fails, or that a sanitizer ends: the sanitizer's hook has no
 * argument. */
static const struct oracle *running;
void __asan_on_error(void);
void __ubsan_on_report(void);

static void oracle_run(struct oracle *oracle, struct coverage *coverage);
static void step(struct oracle *oracle);
static void send_batch(struct oracle *oracle);
static void make_frame(struct oracle *oracle, struct offload_frame *frame);
static void make_ordinary(struct oracle *oracle, struct offload_frame *frame);
static void make_gso(struct oracle *oracle, struct offload_frame *frame);
static void add_offload(struct oracle *oracle, struct offload_frame *frame);
static uint32_t random_length(struct oracle *oracle);
static void make_payload(struct oracle *oracle, struct offload_frame *frame);
static uint16_t random_tci(struct oracle *oracle);
static void compare(struct oracle *oracle, unsigned first);
static void compare_endpoint(struct oracle *oracle, unsigned e, unsigned first);
static void compare_port(struct oracle *oracle, unsigned p, unsigned first);
static void compare_addresses(struct oracle *oracle, unsigned first);
static void toggle_endpoint(struct oracle *oracle);
static void resume(struct oracle *oracle);
static void change_vlans(struct oracle *oracle, unsigned p);
static void change_policy(struct oracle *oracle, unsigned p);
static void drop_early(struct oracle *oracle);
static void create_or_remove_vlan(struct oracle *oracle);
static void pin_or_unpin(struct oracle *oracle);
static void pass_time(struct oracle *oracle);
static void toggle_hub(struct oracle *oracle);
static void remove_port(struct oracle *oracle);
static void need_port(struct oracle *oracle, unsigned p);
static void say(const struct oracle *oracle, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void say_frame(const struct oracle *oracle, unsigned index,
                      const struct offload_frame *frame);
static void cover(struct coverage *coverage, const struct oracle *oracle);
static void check_coverage(const struct coverage *coverage);

/* splitmix64 */
static uint64_t random64(struct oracle *oracle)
{
    uint64_t z = oracle->random += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* 0 to N-1 */
static unsigned below(struct oracle *oracle, unsigned n)
{
    return (unsigned)(random64(oracle) % n);
}

static bool percent(struct oracle *oracle, unsigned chance)
{
    return below(oracle, 100) < chance;
}

static void last_words(void)
{
    if (running)
        print_error("oracle: ORACLE_SEED=%llu, frame %u\n", (unsigned long long)running->seed,
                    running->frames);
}

void __asan_on_error(void)
{
    last_words();
}

void __ubsan_on_report(void)
{
    last_words();
}

static void test_oracle(void **state)
{
    const char *one = getenv("ORACLE_SEED"), *many = getenv("ORACLE_SEEDS");
    uint64_t first = one ? strtoull(one, NULL, 10) : 0;
    uint64_t end = one ? first + 1 : many ? strtoull(many, NULL, 10) : SEEDS;
    struct coverage coverage = {0};

    (void)state;
    for (uint64_t seed = first; seed < end; seed++) {
        struct oracle *oracle = calloc(1, sizeof(*oracle));

        assert_non_null(oracle);
        running = oracle;
        oracle->seed = seed;
        oracle->verbose = one;
        oracle_run(oracle, &coverage);
        running = NULL;
        free(oracle);
    }
    print_message("oracle: %llu frames in, %llu out\n", (unsigned long long)coverage.frames,
                  (unsigned long long)coverage.heard);
    if (!one)
        check_coverage(&coverage);
}

/* Prints the seed after a failure. */
static int teardown(void **state)
{
    (void)state;
    last_words();
    return 0;
}

static void oracle_run(struct oracle *oracle, struct coverage *coverage)
{
    struct switch_config config = switch_defaults();
    struct model *model = oracle->model = model_new();

    oracle->random = oracle->seed * 0x2545f4914f6cdd1d + 1;
    oracle->hubs = oracle->seed % 8 == 7;
    config.ports = MODEL_PORTS - 1;
    config.fdb_capacity = MODEL_ADDRESSES;
    config.fdb_secret = random64(oracle);
    config.loop.block = 0;
    config.queue_frames = model->queue_frames = 1 + below(oracle, 40);
    config.queue_bytes = model->queue_bytes =
        10000 + below(oracle, percent(oracle, 50) ? 20000 : 300000);
    oracle->lab = lab_new_with(&config);
    model->ageing = 10 + below(oracle, 300);
    model->min_persistence = percent(oracle, 75) ? 3 : below(oracle, 10);
    fdb_settings(oracle->lab->sw->fdb)->ageing = model->ageing * SECOND;
    fdb_settings(oracle->lab->sw->fdb)->min_persistence = model->min_persistence * SECOND;
    model_set_time(model, 1000);
    for (unsigned i = 0; i < 6; i++)
        create_or_remove_vlan(oracle);
    for (unsigned i = 0; i < 8; i++)
        toggle_endpoint(oracle);
    for (unsigned p = 0; p < MODEL_PORTS; p++) {
        if (percent(oracle, 70))
            change_vlans(oracle, p);
        if (percent(oracle, 50))
            change_policy(oracle, p);
    }
    for (unsigned i = 0; i < STEPS; i++)
        step(oracle);
    cover(coverage, oracle);
    lab_free(oracle->lab);
    model_free(model);
}

static void step(struct oracle *oracle)
{
    unsigned dice = below(oracle, 100);

    if (dice < 50)
        send_batch(oracle);
    else if (dice < 54)
        change_policy(oracle, below(oracle, MODEL_PORTS));
    else if (dice < 55)
        drop_early(oracle);
    else if (dice < 65)
        pass_time(oracle);
    else if (dice < 73)
        change_vlans(oracle, below(oracle, MODEL_PORTS));
    else if (dice < 81)
        toggle_endpoint(oracle);
    else if (dice < 90)
        resume(oracle);
    else if (dice < 93)
        create_or_remove_vlan(oracle);
    else if (dice < 97)
        pin_or_unpin(oracle);
    else if (dice < 98)
        remove_port(oracle);
    else if (oracle->hubs)
        toggle_hub(oracle);
}

/* --- traffic --- */

static void send_batch(struct oracle *oracle)
{
    unsigned e = below(oracle, MODEL_ENDPOINTS), first = oracle->frames;

    for (unsigned tries = 0; !oracle->fake[e]; tries++) {
        if (tries == MODEL_ENDPOINTS)
            return;
        e = below(oracle, MODEL_ENDPOINTS);
    }
    oracle->count = 1 + (percent(oracle, 30) ? below(oracle, BATCH_FRAMES) : below(oracle, 8));
    say(oracle, "batch of %u in through endpoint %u, port %u", oracle->count, e,
        oracle->model->endpoint[e].port);
    for (unsigned i = 0; i < oracle->count; i++) {
        make_frame(oracle, &oracle->batch[i]);
        say_frame(oracle, oracle->frames, &oracle->batch[i]);
        oracle->frames++;
        lab_put_offload(oracle->lab, &oracle->batch[i]);
    }
    model_batch(oracle->model, e, oracle->batch, oracle->count);
    lab_run(oracle->lab, oracle->fake[e]);
    compare(oracle, first);
}

static void make_frame(struct oracle *oracle, struct offload_frame *frame)
{
    static const uint8_t groups[][6] = {
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {1, 0x80, 0xc2, 0, 0, 0}, {0x33, 0x33, 0, 0, 0, 1}};
    bool gso = percent(oracle, 15);

    frame->stripped_tag = TAG_NONE;
    frame->offload = (struct offload){0};
    if (gso)
        make_gso(oracle, frame);
    else
        make_ordinary(oracle, frame);
    mac_of(1 + below(oracle, STATIONS), frame->bytes);
    mac_of(1 + below(oracle, STATIONS), frame->bytes + 6);
    if (percent(oracle, 25)) {
        memcpy(frame->bytes, groups[below(oracle, 3)], 6);
        if (percent(oracle, 50) && frame->bytes[1] == 0x80) /* reserved, or just not */
            frame->bytes[5] = (uint8_t)below(oracle, 18);
    }
    if (percent(oracle, 3))
        memcpy(frame->bytes + 6, groups[below(oracle, 3)], 6);
    if (percent(oracle, 8))
        frame->stripped_tag = random_tci(oracle);
    add_offload(oracle, frame);
    if (!gso && frame->length >= 100) /* identifies the frame in a dump */
        memcpy(frame->bytes + frame->length - sizeof(oracle->frames), &oracle->frames,
               sizeof(oracle->frames));
}

static void make_ordinary(struct oracle *oracle, struct offload_frame *frame)
{
    unsigned tags = percent(oracle, 45) ? 0 : percent(oracle, 85) ? 1 : 2 + below(oracle, 2);

    memset(frame->bytes, 0, 64);
    make_payload(oracle, frame);
    frame->length = random_length(oracle);
    for (; tags > 0; tags--) {
        uint16_t tci = random_tci(oracle);

        memmove(frame->bytes + 16, frame->bytes + 12, 100);
        frame->bytes[12] = percent(oracle, 90) ? 0x81 : 0x88;
        frame->bytes[13] = frame->bytes[12] == 0x81 ? 0x00 : 0xa8;
        frame->bytes[14] = (uint8_t)(tci >> 8);
        frame->bytes[15] = (uint8_t)tci;
    }
}

/* GSO frames of every kind, mostly short ones of few segments; sizes include the endpoints'
 * limits. */
static void make_gso(struct oracle *oracle, struct offload_frame *frame)
{
    static const uint8_t protocol[] = {0, 43, 60, 60};
    struct recipe recipe = {
        .gso = 1 + below(oracle, GSO_TYPES - 1),
        .ipv6 = percent(oracle, 50),
        .needs_csum = percent(oracle, 80),
        .ip_options = percent(oracle, 80) ? 0 : below(oracle, 11) * 4,
        .ip_id = percent(oracle, 50) ? 0xfffe : 3,
        .extensions = percent(oracle, 70) ? 0 : below(oracle, 5),
        .tcp_options = percent(oracle, 50) ? 12 : below(oracle, 11) * 4,
        .tcp_flags = (uint8_t)random64(oracle),
        .sequence = (uint32_t)random64(oracle),
        .gso_size =
            (uint16_t)(percent(oracle, 60) ? 1 + below(oracle, 200) : 1000 + below(oracle, 500)),
        .noise = oracle->frames,
    };
    unsigned segments = percent(oracle, 95) ? below(oracle, 6) : below(oracle, 100);

    recipe.tags = percent(oracle, 50) ? 0 : percent(oracle, 80) ? 1 : 2;
    for (unsigned i = 0; i < recipe.tags; i++) {
        recipe.tag[i].type = percent(oracle, 85) ? 0x8100 : 0x88a8;
        recipe.tag[i].tci = random_tci(oracle);
    }
    for (unsigned i = 0; i < RECIPE_EXTENSIONS; i++) {
        recipe.extension[i].protocol = protocol[i];
        recipe.extension[i].eights = (uint8_t)below(oracle, 4);
        recipe.extension[i].type = (uint8_t)below(oracle, 6);
        recipe.extension[i].left = (uint8_t)below(oracle, 2);
    }
    if (percent(oracle, 3))
        recipe.gso_size = (uint16_t)(9100 + below(oracle, 120));
    recipe.payload = (uint32_t)recipe.gso_size * segments + below(oracle, recipe.gso_size + 1u);
    if (percent(oracle, 3))
        recipe.payload = 65000 + below(oracle, 500);
    if (recipe.payload > 65500)
        recipe.payload = 65500;
    recipe_make(&recipe, frame);
}

/* Random checksum offsets and GSO metadata, which may be valid by chance. */
static void add_offload(struct oracle *oracle, struct offload_frame *frame)
{
    unsigned dice = below(oracle, 100);
    struct offload *offload = &frame->offload;

    if (dice < 8 && offload->gso == GSO_NONE) {
        leave_checksum(frame, (uint16_t)(12 + below(oracle, 60)), (uint16_t)below(oracle, 30));
    } else if (dice < 10) {
        offload->needs_csum = percent(oracle, 50);
        offload->csum_start = (uint16_t)random64(oracle);
        offload->csum_offset = (uint16_t)(percent(oracle, 50) ? below(oracle, 100) : 16);
    } else if (dice < 12) {
        offload->gso = (uint8_t)below(oracle, 6);
        offload->gso_size =
            (uint16_t)(percent(oracle, 50) ? below(oracle, 3) : 1 + below(oracle, 70));
    } else if (dice < 13) {
        frame->bytes[12 + below(oracle, 60)] ^= (uint8_t)(1 << below(oracle, 8));
    } else if (dice < 14) {
        frame->length = frame->length < 80 ? frame->length : 14 + below(oracle, 66);
    }
}

/* Boundary cases: runts, truncated tags, endpoints' maximum sizes, the largest frame, and
 * giants. */
static uint32_t random_length(struct oracle *oracle)
{
    unsigned dice = below(oracle, 100);

    if (dice < 2)
        return below(oracle, 14);
    if (dice < 8)
        return 12 + below(oracle, 10);
    if (dice < 50)
        return 60 + below(oracle, 10);
    if (dice < 90)
        return 70 + below(oracle, 60);
    if (dice < 96)
        return 1500 + below(oracle, 30);
    if (dice < 98)
        return 9225 + below(oracle, 20);
    return 60 + below(oracle, MAX_LARGE - 60);
}

/* Mostly random, sometimes what stations send when they move, or something similar. */
static void make_payload(struct oracle *oracle, struct offload_frame *frame)
{
    static const uint8_t arp[] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4};
    static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1};
    uint8_t *at = frame->bytes + 12;
    unsigned dice = below(oracle, 100);

    for (unsigned i = 0; i < 100; i++)
        at[i] = (uint8_t)random64(oracle);
    if (dice < 4) {
        at[0] = 0x80;
        at[1] = 0x35;
    } else if (dice < 10) {
        memcpy(at, arp, sizeof(arp));
        if (percent(oracle, 60))
            memcpy(at + 2 + 24, at + 2 + 14, 4);
    } else if (dice < 16) {
        at[0] = 0x86;
        at[1] = 0xdd;
        at[2 + 6] = percent(oracle, 90) ? 58 : 17;
        at[2 + 40] = percent(oracle, 90) ? 136 : 135;
        if (percent(oracle, 90))
            memcpy(at + 2 + 24, all_nodes, sizeof(all_nodes));
    }
}

static uint16_t random_tci(struct oracle *oracle)
{
    unsigned dice = below(oracle, 100);
    unsigned priority = percent(oracle, 50) ? below(oracle, 16) << 12 : 0;

    if (dice < 75)
        return (uint16_t)(priority | vid_pool[below(oracle, VID_POOL)]);
    if (dice < 90)
        return (uint16_t)priority;
    if (dice < 95)
        return (uint16_t)(priority | 4095);
    return (uint16_t)(priority | (3000 + below(oracle, 4)));
}

/* --- comparison --- */

#define ORACLE_FAIL(oracle, first, ...)                                                            \
    do {                                                                                           \
        print_error("ORACLE_SEED=%llu, frames %u to %u: ", (unsigned long long)(oracle)->seed,     \
                    (first), (oracle)->frames - 1);                                                \
        fail_msg(__VA_ARGS__);                                                                     \
    } while (0)

/* Since the last comparison, frames FIRST and later have been received. */
static void compare(struct oracle *oracle, unsigned first)
{
    const struct balance *balance = &oracle->lab->worker->balance;

    for (unsigned e = 0; e < MODEL_ENDPOINTS; e++) {
        if (oracle->fake[e])
            compare_endpoint(oracle, e, first);
    }
    for (unsigned p = 0; p < MODEL_PORTS; p++)
        compare_port(oracle, p, first);
    compare_addresses(oracle, first);
    if (balance->no_receivers != oracle->model->no_receivers)
        ORACLE_FAIL(oracle, first, "%llu no_receivers, should be %llu",
                    (unsigned long long)balance->no_receivers,
                    (unsigned long long)oracle->model->no_receivers);
    if (balance->resolved != oracle->model->resolved)
        ORACLE_FAIL(oracle, first, "%llu resolved, should be %llu",
                    (unsigned long long)balance->resolved,
                    (unsigned long long)oracle->model->resolved);
}

static bool same_work(const struct offload *is, const struct offload *should)
{
    return is->gso == should->gso && is->needs_csum == should->needs_csum &&
           is->ecn == should->ecn && (is->gso == GSO_NONE || is->gso_size == should->gso_size) &&
           (!is->needs_csum ||
            (is->csum_start == should->csum_start && is->csum_offset == should->csum_offset));
}

static void compare_endpoint(struct oracle *oracle, unsigned e, unsigned first)
{
    struct wire *is = &oracle->fake[e]->sent, *should = &oracle->model->endpoint[e].sent;
    size_t at = 0, should_at = 0;

    for (unsigned nth = 0;; nth++) {
        uint32_t length = 0, should_length = 0;
        struct offload left, should_left;
        const uint8_t *bytes = wire_next_offload(is, &at, &length, &left);
        const uint8_t *should_bytes =
            wire_next_offload(should, &should_at, &should_length, &should_left);
        static struct offload_frame dump;

        if (!bytes && !should_bytes)
            break;
        oracle->gso += bytes && left.gso != GSO_NONE;
        if (bytes && should_bytes && length == should_length &&
            !memcmp(bytes, should_bytes, length) && same_work(&left, &should_left))
            continue;
        for (unsigned which = 0; which < 2; which++) {
            dump.length = which ? length : should_length;
            if (!(which ? bytes : should_bytes))
                continue;
            memcpy(dump.bytes, which ? bytes : should_bytes, dump.length);
            dump.offload = which ? left : should_left;
            print_error("%s ", which ? "is    " : "should");
            say_frame(NULL, nth, &dump);
        }
        ORACLE_FAIL(oracle, first, "endpoint %u (port %u), its frame %u: %s", e,
                    oracle->model->endpoint[e].port, nth,
                    !bytes          ? "is missing"
                    : !should_bytes ? "is too many"
                                    : "differs");
    }
    if (oracle->fake[e]->waiting != (oracle->model->endpoint[e].waiting_frames > 0))
        ORACLE_FAIL(oracle, first, "endpoint %u: %u frames wait, and it %s", e,
                    oracle->model->endpoint[e].waiting_frames,
                    oracle->fake[e]->waiting ? "was asked to say when"
                                             : "was not asked to say when");
    is->used = is->frames = 0;
    should->used = should->frames = 0;
}

static void compare_count(const struct oracle *oracle, unsigned first, unsigned p, const char *name,
                          uint64_t is, uint64_t should)
{
    if (is != should)
        ORACLE_FAIL(oracle, first, "port %u: %s is %llu, should be %llu", p, name,
                    (unsigned long long)is, (unsigned long long)should);
}

static void compare_port(struct oracle *oracle, unsigned p, unsigned first)
{
    const struct port *is = switch_port(oracle->lab->sw, p);
    const struct model_port *should = &oracle->model->port[p];

    assert_int_equal(is != NULL, should->exists);
    if (!is)
        return;
    compare_count(oracle, first, p, "in_frames", is->counters.in_frames, should->in_frames);
    compare_count(oracle, first, p, "in_bytes", is->counters.in_bytes, should->in_bytes);
    compare_count(oracle, first, p, "out_frames", is->counters.out_frames, should->out_frames);
    compare_count(oracle, first, p, "out_bytes", is->counters.out_bytes, should->out_bytes);
    for (unsigned reason = 0; reason < DROP_REASONS; reason++)
        compare_count(oracle, first, p, oracle->lab->sw->drops.kind[reason]->name,
                      is->counters.drops[reason], should->drops[reason]);
}

static void compare_addresses(struct oracle *oracle, unsigned first)
{
    unsigned known = 0;

    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        const struct model_address *should = &oracle->model->address[a];
        const struct fdb_entry *is;
        char text[MAC_TEXT];

        if (!should->known)
            continue;
        known++;
        is = fdb_find(oracle->lab->sw->fdb, should->vid, should->mac);
        text_from_mac(should->mac, text);
        if (!is)
            ORACLE_FAIL(oracle, first, "station %s in VLAN %u: unknown, should be behind port %u",
                        text, should->vid, should->port);
        compare_count(oracle, first, should->port, text,
                      container_of(is->owner, struct port, fdb)->number, should->port);
        compare_count(oracle, first, should->port, "pinned", is->is_static, should->pinned);
    }
    compare_count(oracle, first, 0, "number of addresses", fdb_count(oracle->lab->sw->fdb), known);
}

/* --- change --- */

static void toggle_endpoint(struct oracle *oracle)
{
    static const uint32_t max_frames[] = {60, 64, 118, 1514, 1518, FRAME_MAX + TAG_BYTES};
    unsigned offloads = percent(oracle, 40) ? 0 : percent(oracle, 40) ? 0x1f : below(oracle, 0x20);
    unsigned e = below(oracle, MODEL_ENDPOINTS), p = below(oracle, MODEL_PORTS);
    uint32_t max_frame = percent(oracle, 60) ? FRAME_MAX : max_frames[below(oracle, 6)];
    unsigned room = percent(oracle, 70) ? UNLIMITED : below(oracle, 30);

    if (oracle->fake[e]) {
        say(oracle, "endpoint %u leaves port %u", e, oracle->model->endpoint[e].port);
        lab_detach(oracle->fake[e]);
        model_detach(oracle->model, e);
        oracle->fake[e] = NULL;
        return;
    }
    say(oracle, "endpoint %u attaches to port %u: %u bytes, %u frames, offloads %x", e, p,
        max_frame, room, offloads);
    need_port(oracle, p);
    oracle->fake[e] = lab_attach(oracle->lab, p);
    oracle->fake[e]->endpoint.max_frame = max_frame;
    oracle->fake[e]->endpoint.offloads = offloads;
    oracle->fake[e]->room = room;
    oracle->fake[e]->at_once = percent(oracle, 70) ? UNLIMITED : 1 + below(oracle, 5);
    model_attach(oracle->model, e, p, max_frame, offloads, room);
}

static void resume(struct oracle *oracle)
{
    unsigned e = below(oracle, MODEL_ENDPOINTS);
    unsigned room = percent(oracle, 30) ? UNLIMITED : below(oracle, 50);

    if (!oracle->fake[e])
        return;
    if (percent(oracle, 30)) { /* there is room again, but the switch has not been told yet */
        say(oracle, "endpoint %u could take %u frames", e, room);
        oracle->fake[e]->room = oracle->model->endpoint[e].room = room;
        return;
    }
    say(oracle, "endpoint %u accepts %u frames more", e, room);
    fake_resume(oracle->fake[e], room);
    model_resume(oracle->model, e, room);
    compare(oracle, oracle->frames);
}

static void change_vlans(struct oracle *oracle, unsigned p)
{
    static bool tagged[MODEL_VIDS];
    struct vidset set = {0};
    struct membership wanted = {.transparent = percent(oracle, 15)};
    int status, expected;

    memset(tagged, 0, sizeof(tagged));
    if (!wanted.transparent) {
        unsigned many = percent(oracle, 40) ? 0 : percent(oracle, 50) ? 80 : 30;

        wanted.untagged = percent(oracle, 30)   ? 0
                          : percent(oracle, 20) ? MODEL_NO_VLAN
                                                : vid_pool[below(oracle, VID_POOL)];
        for (unsigned i = 0; i < VID_POOL; i++) {
            if (!percent(oracle, many))
                continue;
            tagged[vid_pool[i]] = true;
            vidset_add(&set, vid_pool[i]);
            wanted.tagged = &set;
        }
    }
    need_port(oracle, p);
    expected =
        model_set_vlans(oracle->model, p, wanted.untagged, wanted.transparent, tagged) ? 0 : -ENXIO;
    status = lab_set_membership(oracle->lab, p, &wanted);
    say(oracle, "port %u: untagged %u%s, and some tagged: %d", p, wanted.untagged,
        wanted.transparent ? ", transparent" : "", status);
    assert_int_equal(status, expected);
}

/* Mostly one change at a time, which is soon undone. */
static void change_policy(struct oracle *oracle, unsigned p)
{
    struct model_policy policy = {.up = true, .offload = true, .reserved = RESERVED_FORWARD};
    struct port_config wanted;

    if (percent(oracle, 60)) {
        policy.up = percent(oracle, 75);
        policy.isolated = percent(oracle, 75);
        policy.offload = percent(oracle, 80);
        policy.reserved = below(oracle, 3);
    }
    need_port(oracle, p);
    say(oracle, "port %u: up %d, isolated %d, offload %d, reserved %d", p, policy.up,
        policy.isolated, policy.offload, policy.reserved);
    wanted = lab_port(oracle->lab, p)->config;
    wanted.up = policy.up;
    wanted.isolated = policy.isolated;
    wanted.offload = policy.offload;
    wanted.reserved = policy.reserved;
    assert_int_equal(port_configure(lab_port(oracle->lab, p), &wanted), 0);
    model_set_policy(oracle->model, p, &policy);
    compare(oracle, oracle->frames);
}

static void drop_early(struct oracle *oracle)
{
    unsigned e = below(oracle, MODEL_ENDPOINTS), many = 1 + below(oracle, 100);
    enum drop_reason reason = below(oracle, 2) ? DROP_MISSED : DROP_UNEXPECTED_SOURCE;
    unsigned p = oracle->model->endpoint[e].port;

    if (!oracle->fake[e])
        return;
    say(oracle, "endpoint %u: %u frames %s", e, many, oracle->lab->sw->drops.kind[reason]->name);
    port_drop_early(&oracle->fake[e]->endpoint, reason, many);
    oracle->model->port[p].drops[reason] += many;
}

static void create_or_remove_vlan(struct oracle *oracle)
{
    unsigned vid = vid_pool[below(oracle, VID_POOL)];

    if (!oracle->model->vlan[vid]) {
        say(oracle, "create VLAN %u", vid);
        assert_int_equal(vlan_create(&oracle->lab->sw->vlans, vid), 0);
        oracle->model->vlan[vid] = true;
    } else {
        say(oracle, "remove VLAN %u", vid);
        assert_int_equal(switch_remove_vlan(oracle->lab->sw, vid),
                         model_remove_vlan(oracle->model, vid));
    }
}

static void pin_or_unpin(struct oracle *oracle)
{
    unsigned p = below(oracle, MODEL_PORTS);
    unsigned vid = percent(oracle, 30) ? 0 : vid_pool[below(oracle, VID_POOL)];
    struct fdb *fdb = oracle->lab->sw->fdb;
    uint8_t mac[MAC_BYTES];

    mac_of(1 + below(oracle, STATIONS), mac);
    if (percent(oracle, 40)) {
        say(oracle, "forget station %u in VLAN %u", mac[5], vid);
        assert_int_equal(fdb_delete(fdb, vid, mac) == 0, model_unpin(oracle->model, vid, mac));
        return;
    }
    need_port(oracle, p);
    if (!model_member(&oracle->model->port[p], vid))
        return;
    say(oracle, "pin station %u in VLAN %u to port %u", mac[5], vid, p);
    assert_int_equal(
        fdb_add_static(fdb, vid, mac, &lab_port(oracle->lab, p)->fdb, oracle->lab->now), 0);
    model_pin(oracle->model, p, vid, mac);
}

static void pass_time(struct oracle *oracle)
{
    unsigned seconds = percent(oracle, 50)   ? 1
                       : percent(oracle, 70) ? 2 + below(oracle, 4)
                                             : below(oracle, 150);

    say(oracle, "%u s pass", seconds);
    model_set_time(oracle->model, oracle->model->now + seconds);
    oracle->lab->now = oracle->model->now * SECOND;
    fdb_expire(oracle->lab->sw->fdb, oracle->lab->now);
    compare(oracle, oracle->frames);
}

static void toggle_hub(struct oracle *oracle)
{
    bool hub = !oracle->model->hub;

    say(oracle, "hub %s", hub ? "on" : "off");
    switch_set_hub(oracle->lab->sw, hub);
    model_set_hub(oracle->model, hub);
}

static void remove_port(struct oracle *oracle)
{
    unsigned p = below(oracle, MODEL_PORTS);

    if (!oracle->model->port[p].exists || model_port_active(oracle->model, p))
        return;
    say(oracle, "remove port %u", p);
    assert_int_equal(port_remove(lab_port(oracle->lab, p)), 0);
    model_remove_port(oracle->model, p);
}

/* Creates port P, sometimes with room for few addresses. */
static void need_port(struct oracle *oracle, unsigned p)
{
    unsigned limit = percent(oracle, 30) ? 1 + below(oracle, 8) : FDB_OWNER_LIMIT;
    bool untrusted_edge = percent(oracle, 25);

    if (oracle->model->port[p].exists)
        return;
    say(oracle, "create port %u, for %u addresses", p, limit);
    lab_port(oracle->lab, p)->fdb.limit = limit;
    lab_port(oracle->lab, p)->untrusted_edge = untrusted_edge;
    model_create_port(oracle->model, p, limit, untrusted_edge);
}

/* --- messages --- */

static void say(const struct oracle *oracle, const char *format, ...)
{
    va_list args;

    if (!oracle->verbose)
        return;
    va_start(args, format);
    vprint_message(format, args);
    va_end(args);
    print_message("\n");
}

/* If ORACLE is NULL it prints in any case. */
static void say_frame(const struct oracle *oracle, unsigned index,
                      const struct offload_frame *frame)
{
    if (oracle && !oracle->verbose)
        return;
    print_message("  frame %u, %u bytes:", index, frame->length);
    for (unsigned i = 0; i < 26 && i < frame->length; i++)
        print_message(i == 6 || i == 12 ? " %02x" : "%02x", frame->bytes[i]);
    if (frame->length >= 100)
        print_message(" .. %02x%02x", frame->bytes[frame->length - 3],
                      frame->bytes[frame->length - 4]);
    if (frame->stripped_tag != TAG_NONE)
        print_message(", tag %04x beside it", (unsigned)frame->stripped_tag);
    if (frame->offload.needs_csum)
        print_message(", checksum open from %u at %u", frame->offload.csum_start,
                      frame->offload.csum_offset);
    if (frame->offload.gso != GSO_NONE)
        print_message(", kind %u of %u each", frame->offload.gso, frame->offload.gso_size);
    print_message("\n");
}

/* --- coverage --- */

static void cover(struct coverage *coverage, const struct oracle *oracle)
{
    coverage->frames += oracle->frames;
    coverage->heard += oracle->lab->worker->balance.delivered;
    coverage->gso += oracle->gso;
    coverage->no_receivers += oracle->lab->worker->balance.no_receivers;
    coverage->moved += lab_count(oracle->lab, EVENT_FDB_MOVED);
    for (unsigned p = 0; p < MODEL_PORTS; p++) {
        for (unsigned reason = 0; reason < DROP_REASONS; reason++)
            coverage->drops[reason] += oracle->model->port[p].drops[reason];
    }
}

static void check_coverage(const struct coverage *coverage)
{
    struct drop_table known;

    drop_table_init(&known);
    assert_true(coverage->frames >= 100000);
    assert_true(coverage->heard > coverage->frames / 2);
    assert_true(coverage->gso > 1000);
    assert_true(coverage->no_receivers > 100);
    assert_true(coverage->moved > 100);
    for (unsigned reason = DROP_RUNT; reason < DROP_REASONS; reason++) {
        if (reason == DROP_LOOP_IN || reason == DROP_LOOP_OUT || reason == DROP_SEND_ERROR ||
            reason == DROP_REFUSED)
            continue;
        if (coverage->drops[reason] < 20)
            fail_msg("only %llu dropped as %s", (unsigned long long)coverage->drops[reason],
                     known.kind[reason]->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_oracle, teardown),
    };

    return cmocka_run_group_tests_name("oracle", tests, NULL, NULL);
}
