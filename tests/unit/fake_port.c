/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake_port.h"

#include "core/egress.h"
#include "core/offload.h"

#include "util/clock.h"
#include "util/vidset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int fake_tx(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count);
static int fake_flush(struct endpoint *endpoint);
static void fake_wait_writable(struct endpoint *endpoint, bool wait);
static void fake_close(struct endpoint *endpoint);
static void record_event(struct observer *observer, const struct event *event);
static void *need(void *memory);

/* Precedes each frame on a wire. */
struct record {
    uint32_t length;
    struct offload offload;
};

static const struct endpoint_ops fake_ops = {
    .type = "fake",
    .module = "fake",
    .tx = fake_tx,
    .flush = fake_flush,
    .wait_writable = fake_wait_writable,
    .close = fake_close,
};

void wire_put(struct wire *wire, const void *bytes, size_t length)
{
    wire_put_offload(wire, bytes, length, &(struct offload){0});
}

void wire_put_offload(struct wire *wire, const void *bytes, size_t length,
                      const struct offload *offload)
{
    struct iovec run = {(void *)(uintptr_t)bytes, length};

    wire_put_desc(
        wire, &(struct tx_desc){
                  .iov = {run}, .iov_count = 1, .length = (uint32_t)length, .offload = *offload});
}

void wire_put_desc(struct wire *wire, const struct tx_desc *desc)
{
    const struct record record = {.length = desc->length, .offload = desc->offload};
    size_t gathered = 0;

    if (wire->used + sizeof(record) + desc->length > wire->room) {
        wire->room = 2 * (wire->used + sizeof(record) + desc->length);
        wire->bytes = need(realloc(wire->bytes, wire->room));
    }
    memcpy(wire->bytes + wire->used, &record, sizeof(record));
    wire->used += sizeof(record);
    for (unsigned i = 0; i < desc->iov_count; i++) {
        gathered += desc->iov[i].iov_len;
        assert_true(gathered <= desc->length);
        memcpy(wire->bytes + wire->used, desc->iov[i].iov_base, desc->iov[i].iov_len);
        wire->used += desc->iov[i].iov_len;
    }
    assert_int_equal(gathered, desc->length);
    wire->frames++;
}

void wire_clear(struct wire *wire)
{
    free(wire->bytes);
    *wire = (struct wire){0};
}

const uint8_t *wire_next(const struct wire *wire, size_t *at, uint32_t *length)
{
    struct offload any;

    return wire_next_offload(wire, at, length, &any);
}

const uint8_t *wire_next_offload(const struct wire *wire, size_t *at, uint32_t *length,
                                 struct offload *offload)
{
    struct record record;
    const uint8_t *bytes;

    if (*at == wire->used)
        return NULL;
    memcpy(&record, wire->bytes + *at, sizeof(record));
    *length = record.length;
    *offload = record.offload;
    bytes = wire->bytes + *at + sizeof(record);
    *at += sizeof(record) + record.length;
    return bytes;
}

const uint8_t *mac_of(unsigned station, uint8_t mac[MAC_BYTES])
{
    const uint8_t own[MAC_BYTES] = {2, 0, 0, 0, (uint8_t)(station >> 8), (uint8_t)station};

    if (station == EVERYONE)
        memset(mac, 0xff, MAC_BYTES);
    else
        memcpy(mac, own, MAC_BYTES);
    return mac;
}

struct sample sample(unsigned to, unsigned from)
{
    struct sample sample = {.length = 60};

    mac_of(to, sample.bytes);
    mac_of(from, sample.bytes + MAC_BYTES);
    sample.bytes[12] = 0x88; /* IEEE 802 local experimental EtherType 1 */
    sample.bytes[13] = 0xb5;
    for (unsigned i = FRAME_HEADER; i < sizeof(sample.bytes); i++)
        sample.bytes[i] = (uint8_t)(i * 7 + to + 3 * from);
    return sample;
}

struct sample tagged(struct sample sample, uint16_t tci)
{
    const uint8_t tag[TAG_BYTES] = {0x81, 0x00, (uint8_t)(tci >> 8), (uint8_t)tci};

    memmove(sample.bytes + FRAME_ADDRESSES + TAG_BYTES, sample.bytes + FRAME_ADDRESSES,
            sizeof(sample.bytes) - FRAME_ADDRESSES - TAG_BYTES);
    memcpy(sample.bytes + FRAME_ADDRESSES, tag, TAG_BYTES);
    sample.length += TAG_BYTES;
    return sample;
}

struct sample sized(struct sample sample, uint32_t length)
{
    assert_true(length <= sizeof(sample.bytes));
    sample.length = length;
    return sample;
}

struct sample announcement(unsigned from)
{
    static const uint8_t request[] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1};
    static const uint8_t address[] = {10, 0, 0, 1};
    struct sample arp = sample(EVERYONE, from);

    memset(arp.bytes + FRAME_ADDRESSES, 0, arp.length - FRAME_ADDRESSES);
    memcpy(arp.bytes + FRAME_ADDRESSES, request, sizeof(request));
    mac_of(from, arp.bytes + FRAME_HEADER + 8);
    memcpy(arp.bytes + FRAME_HEADER + 14, address, sizeof(address));
    memcpy(arp.bytes + FRAME_HEADER + 24, address, sizeof(address));
    return arp;
}

struct lab *lab_new(void)
{
    struct switch_config config = switch_defaults();

    config.ports = 64;
    config.fdb_capacity = 1024;
    return lab_new_with(&config);
}

struct lab *lab_new_with(const struct switch_config *config)
{
    struct lab *lab = need(calloc(1, sizeof(*lab)));

    lab->sw = need(switch_new(config));
    lab->worker = need(calloc(1, sizeof(*lab->worker)));
    worker_init(lab->worker, lab->sw, NULL);
    lab->batch = &lab->worker->batch;
    lab->now = 1000 * SECOND;
    lab->observer.kinds = EVENT_BIT(EVENT_KINDS) - 1;
    lab->observer.notify = record_event;
    observers_add(&lab->sw->observers, &lab->observer);
    return lab;
}

void lab_free(struct lab *lab)
{
    assert_conserved(lab);
    switch_free(lab->sw);
    worker_fini(lab->worker);
    free(lab->worker);
    free(lab);
}

int lab_setup(void **state)
{
    *state = lab_new();
    return 0;
}

int lab_teardown(void **state)
{
    lab_free(*state);
    return 0;
}

struct port *lab_port(struct lab *lab, unsigned number)
{
    struct port *port = switch_port(lab->sw, number);

    if (!port)
        assert_int_equal(port_create(lab->sw, (int)number, &port), 0);
    return port;
}

struct fake *lab_attach(struct lab *lab, unsigned number)
{
    struct fake *fake = need(calloc(1, sizeof(*fake)));

    endpoint_init(&fake->endpoint, &fake_ops, lab->worker);
    fake->room = UNLIMITED;
    fake->at_once = UNLIMITED;
    fake->mtu = UNLIMITED;
    assert_int_equal(port_attach(lab_port(lab, number), &fake->endpoint), 0);
    return fake;
}

void lab_detach(struct fake *fake)
{
    fake->endpoint.ops->close(&fake->endpoint);
}

int lab_set_membership(struct lab *lab, unsigned number, const struct membership *membership)
{
    struct port_config wanted = lab_port(lab, number)->config;

    wanted.membership = *membership;
    return port_configure(lab_port(lab, number), &wanted);
}

void lab_vlans(struct lab *lab, unsigned number, unsigned untagged, const char *list)
{
    struct vidset set = {0};
    struct membership membership = {.untagged = (uint16_t)untagged, .tagged = &set};

    if (list)
        assert_true(vidset_parse(list, &set));
    for (unsigned vid = VID_MIN; vid <= VID_MAX; vid++) {
        if (membership_has(&membership, vid) && !vlan_exists(&lab->sw->vlans, vid))
            assert_int_equal(vlan_create(&lab->sw->vlans, vid), 0);
    }
    if (!list)
        membership.tagged = NULL;
    assert_int_equal(lab_set_membership(lab, number, &membership), 0);
}

void lab_transparent(struct lab *lab, unsigned number)
{
    const struct membership membership = {.transparent = true};

    assert_int_equal(lab_set_membership(lab, number, &membership), 0);
}

/* Each frame is in memory of exactly its size, so that the sanitizer detects a read beyond its
 * end. */
void lab_put(struct lab *lab, const struct sample *sample)
{
    uint32_t there = sample->length < FRAME_MAX ? sample->length : FRAME_MAX;
    uint8_t *bytes = need(malloc(there ? there : 1));

    assert_true(lab->batch->count < BATCH_FRAMES);
    memcpy(bytes, sample->bytes, there);
    frame_init(&lab->batch->frame[lab->batch->count++], bytes, sample->length);
}

void lab_put_offload(struct lab *lab, const struct offload_frame *made)
{
    struct frame *frame = &lab->batch->frame[lab->batch->count++];
    uint32_t there = made->length < GSO_FRAME_MAX ? made->length : (uint32_t)GSO_FRAME_MAX;
    uint8_t *bytes = need(malloc(there ? there : 1));

    assert_true(lab->batch->count <= BATCH_FRAMES);
    memcpy(bytes, made->bytes, there);
    frame_init(frame, bytes, made->length);
    frame->stripped_tag = made->stripped_tag;
    frame->offload = made->offload;
}

void lab_run(struct lab *lab, struct fake *from)
{
    lab->batch->port = from->endpoint.port;
    lab->batch->from = &from->endpoint;
    datapath_run(lab->worker, lab->batch, lab->now);
    for (unsigned i = 0; i < lab->batch->count; i++)
        free((void *)(uintptr_t)lab->batch->frame[i].bytes);
    lab->batch->count = 0;
    defer_run(&lab->worker->deferred);
    assert_conserved(lab);
}

void lab_send(struct lab *lab, struct fake *from, struct sample sample)
{
    lab_put(lab, &sample);
    lab_run(lab, from);
}

unsigned lab_carry(struct lab *lab, struct fake *from, struct fake *to)
{
    const uint8_t *bytes;
    struct sample sample;
    unsigned carried = 0;

    while (carried < BATCH_FRAMES &&
           (bytes = wire_next(&from->sent, &from->read, &sample.length))) {
        memcpy(sample.bytes, bytes, sample.length);
        lab_put(lab, &sample);
        carried++;
    }
    lab_run(lab, to);
    return carried;
}

void fake_resume(struct fake *fake, unsigned room)
{
    fake->room = room;
    if (fake->waiting)
        endpoint_writable(&fake->endpoint);
}

void fake_skip(struct fake *fake)
{
    fake->read = fake->sent.used;
}

unsigned lab_count(const struct lab *lab, enum event_kind kind)
{
    unsigned count = 0;

    for (unsigned i = 0; i < lab->events; i++)
        count += lab->event[i].kind == kind;
    return count;
}

const struct lab_event *lab_event(const struct lab *lab, enum event_kind kind)
{
    const struct lab_event *last = NULL;

    for (unsigned i = 0; i < lab->events; i++) {
        if (lab->event[i].kind == kind)
            last = &lab->event[i];
    }
    assert_non_null(last);
    return last;
}

struct port *lab_owner(struct lab *lab, unsigned vid, unsigned station)
{
    uint8_t mac[MAC_BYTES];
    const struct fdb_entry *entry = fdb_find(lab->sw->fdb, vid, mac_of(station, mac));

    return entry ? container_of(entry->owner, struct port, fdb) : NULL;
}

unsigned unread(const struct fake *fake)
{
    size_t at = fake->read;
    uint32_t length;
    unsigned frames = 0;

    while (wire_next(&fake->sent, &at, &length))
        frames++;
    return frames;
}

void check_heard(struct fake *fake, struct sample sample, const char *file, int line)
{
    uint32_t length = 0;
    const uint8_t *bytes = wire_next(&fake->sent, &fake->read, &length);

    _assert_true(bytes != NULL, "something was heard", file, line);
    _assert_int_equal(length, sample.length, file, line);
    _assert_memory_equal(bytes, sample.bytes, length, file, line);
}

void check_conserved(const struct lab *lab, const char *file, int line)
{
    const struct vswitch *sw = lab->sw;
    const struct balance *balance = &lab->worker->balance;
    uint64_t queued = 0;

    for (unsigned number = 0; number <= sw->config.ports; number++) {
        if (!sw->port[number])
            continue;
        list_for_each (node, &sw->port[number]->endpoints)
            queued += container_of(node, struct endpoint, node)->queue.frames;
    }
    _assert_int_equal(balance->queued, queued, file, line);
    _assert_int_equal(balance->received,
                      balance->resolved + balance->ingress_drops + balance->no_receivers, file,
                      line);
    _assert_int_equal(balance->copies, balance->delivered + balance->egress_drops + balance->queued,
                      file, line);
}

static int fake_tx(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count)
{
    struct fake *fake = container_of(endpoint, struct fake, endpoint);
    unsigned taken = 0;

    assert_true(count >= 1 && count <= BATCH_FRAMES);
    fake->calls++;
    if (fake->error)
        return fake->error;
    if (fake->room == 0)
        return -EAGAIN;
    if (descs[0].length > fake->mtu)
        return -EMSGSIZE;
    for (; taken < count && taken < fake->at_once && fake->room > 0; taken++) {
        if (descs[taken].length > fake->mtu)
            break;
        assert_int_equal(offload_needs(&descs[taken].offload) & ~fake->endpoint.offloads, 0);
        assert_true(descs[taken].wire_length <= fake->endpoint.max_frame);
        wire_put_desc(&fake->sent, &descs[taken]);
        fake->room -= fake->room != UNLIMITED;
    }
    return (int)taken;
}

static int fake_flush(struct endpoint *endpoint)
{
    return container_of(endpoint, struct fake, endpoint)->holds ? -EAGAIN : 0;
}

static void fake_wait_writable(struct endpoint *endpoint, bool wait)
{
    container_of(endpoint, struct fake, endpoint)->waiting = wait;
}

static void fake_close(struct endpoint *endpoint)
{
    struct fake *fake = container_of(endpoint, struct fake, endpoint);

    port_detach(endpoint);
    wire_clear(&fake->sent);
    free(fake);
}

static void record_event(struct observer *observer, const struct event *event)
{
    struct lab *lab = container_of(observer, struct lab, observer);

    if (lab->events == LAB_EVENTS)
        return;
    lab->event[lab->events++] = (struct lab_event){
        .kind = event->kind,
        .port = event->port,
        .other = event->other,
        .key = event->entry ? event->entry->key : 0,
    };
}

static void *need(void *memory)
{
    assert_non_null(memory);
    return memory;
}
