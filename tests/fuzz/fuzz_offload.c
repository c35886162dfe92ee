/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_offload.c - any frame with any offload metadata: whether it is admitted, and what it becomes
 *
 * Input: METADATA_BYTES of metadata, then the frame. A frame that passes offload_parse() is
 * completed at once, and sent through a switch whose ports change its tag, to an endpoint with all
 * offload capabilities and one with none.
 */
#include "core/datapath.h"
#include "core/offload.h"
#include "core/switch.h"
#include "util/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS = 3, METADATA_BYTES = 11, ABLE = 1 };

/* Bits of the first byte of the metadata. */
enum { NEEDS_CSUM = 1, ECN = 2, STRIPPED = 4, HUB = 8, SHARE = 16, ACCESS = 32, GROWN = 64 };

/* What the endpoints received of one frame. */
struct heard {
    struct endpoint endpoint;
    unsigned gso, segments;
    uint64_t payload; /* of the segments */
};

static struct worker worker;
static struct gso_scratch completed;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t gather(const struct tx_desc *desc, uint8_t *bytes)
{
    uint32_t length = 0;

    for (unsigned run = 0; run < desc->iov_count; run++) {
        memcpy(bytes + length, desc->iov[run].iov_base, desc->iov[run].iov_len);
        length += (uint32_t)desc->iov[run].iov_len;
    }
    assert(length == desc->length);
    return length;
}

/* The length stated by the IP header at NETWORK is the actual one. */
static void check_ip(const uint8_t *bytes, uint32_t length, unsigned network)
{
    const uint8_t *ip = bytes + network;

    assert(length >= network + 20);
    if (ip[0] >> 4 == 4) {
        uint32_t sum = 0;

        assert(read_be16(ip + 2) == length - network);
        for (unsigned i = 0; i < (ip[0] & 15u) * 4; i += 2)
            sum += read_be16(ip + i);
        assert(sum % 0xffff == 0);
    } else {
        assert(ip[0] >> 4 == 6 && read_be16(ip + 4) == length - network - 40);
    }
}

static int hear(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count)
{
    static uint8_t bytes[GSO_FRAME_MAX + TAG_BYTES];
    struct heard *heard = container_of(endpoint, struct heard, endpoint);

    for (unsigned i = 0; i < count; i++) {
        const struct offload *left = &descs[i].offload;
        uint32_t length = gather(&descs[i], bytes);

        assert((offload_needs(left) & ~endpoint->offloads) == 0);
        assert(descs[i].wire_length <= endpoint->max_frame);
        if (left->gso != GSO_NONE) {
            assert(read_be16(bytes + left->network - 2) == ETHERTYPE_IPV4 ||
                   read_be16(bytes + left->network - 2) == ETHERTYPE_IPV6);
            assert(left->headers < length && left->transport < left->headers);
            assert(!left->needs_csum || left->csum_start == left->transport);
            heard->gso++;
        } else {
            assert(!left->needs_csum || left->csum_start + left->csum_offset + 2u <= length);
            heard->segments++;
            heard->payload += length;
        }
    }
    return (int)count;
}

static void ignore_wait(struct endpoint *endpoint, bool wait)
{
    (void)endpoint, (void)wait;
}

static void leave(struct endpoint *endpoint)
{
    port_detach(endpoint);
}

static const struct endpoint_ops ops = {
    .type = "fuzz", .module = "fuzz", .tx = hear, .wait_writable = ignore_wait, .close = leave};

/* Port 0 sends; its frames leave port 1 tagged and port 2 untagged, or with any tag. */
static void plug_in(struct vswitch *sw, struct heard *heard, unsigned number, bool access)
{
    struct membership member = {.untagged = number == 1 ? VID_NONE : 10,
                                .transparent = number == 2 && !access};
    struct port_config wanted;
    struct port *port = switch_port(sw, number);

    if (!port)
        assert(port_create(sw, (int)number, &port) == 0);
    if (member.transparent)
        member.untagged = 0;
    if (number == 1)
        membership_tag(&member, 10, true);
    wanted = port->config;
    wanted.membership = member;
    assert(port_configure(port, &wanted) == 0);
    membership_clear(&member);
    endpoint_init(&heard->endpoint, &ops, &worker);
    assert(port_attach(port, &heard->endpoint) == 0);
}

/* offload_complete() makes segments of FRAME that have gso_size bytes, and together all of its
 * payload. */
static void check_completed(const struct frame *frame)
{
    const struct offload *offload = &frame->offload;
    const struct segment *segments;
    uint32_t payload = 0;
    unsigned count;

    if (!offload_any(offload))
        return;
    gso_scratch_reset(&completed);
    count = offload_complete(&completed, 5, frame, &segments);
    assert(count >= 1);
    if (offload->gso == GSO_NONE) {
        assert(count == 1 && segments->head_length + segments->payload_length == frame->length);
        assert(!memcmp(segments->head, frame->bytes,
                       (size_t)offload->csum_start + offload->csum_offset));
        return;
    }
    assert(count <= SEGMENTS_MAX && offload->headers <= HEADERS_MAX);
    for (unsigned i = 0; i < count; i++) {
        static uint8_t bytes[FRAME_MAX];
        uint32_t length = segments[i].head_length + segments[i].payload_length;

        assert(segments[i].head_length == offload->headers);
        assert(segments[i].payload_length > 0 && segments[i].payload_length <= offload->gso_size);
        assert(segments[i].payload_length == offload->gso_size || i == count - 1);
        assert(segments[i].payload == frame->bytes + offload->headers + payload);
        assert(length <= FRAME_MAX);
        memcpy(bytes, segments[i].head, segments[i].head_length);
        memcpy(bytes + segments[i].head_length, segments[i].payload, segments[i].payload_length);
        check_ip(bytes, length, offload->network);
        payload += segments[i].payload_length;
    }
    assert(payload == frame->length - offload->headers);
}

static void run_switch(const struct frame *frame, uint8_t bits)
{
    struct switch_config config = switch_defaults();
    struct heard heard[PORTS + 1] = {0};
    struct batch *batch = &worker.batch;
    struct vswitch *sw;

    config.ports = PORTS;
    config.fdb_capacity = 8;
    config.hub = bits & HUB;
    sw = switch_new(&config);
    worker_init(&worker, sw, NULL);
    worker.balance = (struct balance){0};
    vlan_create(&sw->vlans, 10);
    for (unsigned i = 0; i < PORTS; i++)
        plug_in(sw, &heard[i], i, bits & ACCESS);
    plug_in(sw, &heard[PORTS], bits & SHARE ? 1 : 2, bits & ACCESS);
    for (unsigned i = 0; i <= PORTS; i++) {
        heard[i].endpoint.offloads = i == ABLE || i == 0 ? ~0u : 0;
        heard[i].endpoint.max_frame = FRAME_MAX + TAG_BYTES;
    }
    batch->port = heard[0].endpoint.port;
    batch->from = &heard[0].endpoint;
    batch->count = 2;
    batch->frame[0] = batch->frame[1] = *frame;
    datapath_run(&worker, batch, SECOND);
    if (batch->frame[0].drop == DROP_NONE && batch->frame[0].offload.gso != GSO_NONE) {
        assert(heard[ABLE].segments == 0);
        assert(heard[2].gso == 0 && heard[PORTS].gso == 0);
    }
    assert(worker.balance.received ==
           worker.balance.resolved + worker.balance.ingress_drops + worker.balance.no_receivers);
    assert(worker.balance.copies ==
           worker.balance.delivered + worker.balance.egress_drops + worker.balance.queued);
    switch_free(sw);
    worker_fini(&worker);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame frame, parsed;
    uint8_t *exact;
    size_t length;

    if (size < METADATA_BYTES)
        return 0;
    length = size - METADATA_BYTES;
    if (data[0] & GROWN) /* by zeroes, so that a short input may be a long frame */
        length += read_be16(data + 9);
    if (length > GSO_FRAME_MAX + 10)
        length = GSO_FRAME_MAX + 10;
    exact = calloc(1, length ? length : 1);
    memcpy(exact, data + METADATA_BYTES,
           size - METADATA_BYTES < length ? size - METADATA_BYTES : length);
    frame_init(&frame, exact, (uint32_t)length);
    if (data[0] & STRIPPED)
        frame.stripped_tag = read_be16(data + 9);
    frame.offload = (struct offload){.needs_csum = data[0] & NEEDS_CSUM,
                                     .ecn = data[0] & ECN,
                                     .gso = data[1],
                                     .csum_start = read_be16(data + 2),
                                     .csum_offset = read_be16(data + 4),
                                     .gso_size = read_be16(data + 6)};
    parsed = frame;
    if (frame_parse(&parsed) != DROP_RUNT && offload_parse(&parsed) == DROP_NONE)
        check_completed(&parsed);
    run_switch(&frame, data[0]);
    free(exact);
    return 0;
}
