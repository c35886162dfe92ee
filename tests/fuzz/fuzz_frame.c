/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fuzz_frame.c - any bytes as a frame, to an access, a trunk and a transparent port, as switch and
 * as hub
 *
 * Input: frames, each preceded by a byte that selects the port and one that is its length (0: 64
 * more).
 */
#include "core/datapath.h"
#include "core/switch.h"

#include "util/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { PORTS = 4 };

static struct worker worker;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte of the frame, so that the sanitizer detects those that are not part of it. */
static int swallow(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t bytes[FRAME_MAX + TAG_BYTES];
        uint32_t length = 0;

        for (unsigned run = 0; run < descs[i].iov_count; run++) {
            memcpy(bytes + length, descs[i].iov[run].iov_base, descs[i].iov[run].iov_len);
            length += (uint32_t)descs[i].iov[run].iov_len;
        }
        assert(length == descs[i].length && length <= endpoint->max_frame);
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
    .type = "fuzz", .module = "fuzz", .tx = swallow, .wait_writable = ignore_wait, .close = leave};

static void plug_in(struct vswitch *sw, struct endpoint *endpoint, unsigned number)
{
    struct membership member = {.untagged = number == 1   ? 10
                                            : number == 2 ? VID_NONE
                                                          : 0,
                                .transparent = number == 3};
    struct port_config wanted;
    struct port *port;

    assert(port_create(sw, (int)number, &port) == 0);
    if (number == 2) {
        membership_tag(&member, 10, true);
        membership_tag(&member, 20, true);
    }
    wanted = port->config;
    wanted.membership = member;
    assert(port_configure(port, &wanted) == 0);
    membership_clear(&member);
    endpoint_init(endpoint, &ops, &worker);
    assert(port_attach(port, endpoint) == 0);
}

static void feed(struct endpoint *from, const uint8_t *data, size_t size, uint64_t now)
{
    uint8_t *exact = malloc(size ? size : 1);

    memcpy(exact, data, size);
    worker.batch.port = from->port;
    worker.batch.from = from;
    worker.batch.count = 1;
    frame_init(&worker.batch.frame[0], exact, (uint32_t)size);
    datapath_run(&worker, &worker.batch, now);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct switch_config config = switch_defaults();
    struct endpoint endpoint[PORTS];
    struct vswitch *sw;
    uint64_t now = SECOND;

    config.ports = PORTS;
    config.fdb_capacity = 8;
    config.hub = size > 0 && data[0] & 0x80;
    sw = switch_new(&config);
    worker_init(&worker, sw, NULL);
    worker.balance = (struct balance){0};
    vlan_create(&sw->vlans, 10);
    vlan_create(&sw->vlans, 20);
    for (unsigned i = 0; i < PORTS; i++)
        plug_in(sw, &endpoint[i], i);
    while (size >= 2) {
        size_t length = data[1] ? data[1] : 64;

        if (length > size - 2)
            length = size - 2;
        feed(&endpoint[data[0] % PORTS], data + 2, length, now += SECOND / 4);
        data += 2 + length;
        size -= 2 + length;
    }
    assert(worker.balance.received ==
           worker.balance.resolved + worker.balance.ingress_drops + worker.balance.no_receivers);
    assert(worker.balance.copies ==
           worker.balance.delivered + worker.balance.egress_drops + worker.balance.queued);
    switch_free(sw);
    worker_fini(&worker);
    return 0;
}
