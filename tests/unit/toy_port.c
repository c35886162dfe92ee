/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "toy_port.h"

#include "core/egress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int toy_rx(struct endpoint *endpoint, struct batch *batch);
static void toy_rx_done(struct endpoint *endpoint, const struct batch *batch);
static int toy_tx(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count);
static void toy_wait_writable(struct endpoint *endpoint, bool wait);
static void toy_lost(struct endpoint *endpoint, int error);
static void toy_end(struct endpoint *endpoint);
static void on_announced(struct ev_loop *loop, ev_io *watcher, int events);
static void on_kicked(struct ev_loop *loop, ev_io *watcher, int events);
static void drop_every_tenth(struct batch_hook *hook, struct batch *batch, uint64_t now);

static const struct endpoint_ops toy_ops = {
    .type = "toy",
    .module = "toy",
    .rx = toy_rx,
    .rx_done = toy_rx_done,
    .tx = toy_tx,
    .wait_writable = toy_wait_writable,
    .lost = toy_lost,
    .close = toy_end,
};

struct toy *toy_open(struct context *context, struct port *port, int *lost)
{
    struct toy *toy = calloc(1, sizeof(*toy));

    assert_non_null(toy);
    endpoint_init(&toy->endpoint, &toy_ops, &context->io->core);
    toy->context = context;
    toy->room = TOY_SLOTS;
    toy->lost = lost;
    ev_io_init(&toy->announced, on_announced, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), EV_READ);
    ev_io_init(&toy->kicked, on_kicked, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), EV_READ);
    assert_int_equal(port_attach(port, &toy->endpoint), 0);
    ev_io_start(context->loop, &toy->announced);
    return toy;
}

void toy_close(struct toy *toy)
{
    toy->endpoint.ops->close(&toy->endpoint);
}

void toy_put(struct toy *toy, const struct sample *sample)
{
    assert_true(toy->in.put - toy->in.taken < TOY_SLOTS);
    toy->in.slot[toy->in.put++ % TOY_SLOTS] = *sample;
}

void toy_announce(struct toy *toy)
{
    assert_int_equal(eventfd_write(toy->announced.fd, 1), 0);
}

bool toy_take(struct toy *toy, struct sample *sample)
{
    if (toy->out.taken == toy->out.put)
        return false;
    *sample = toy->out.slot[toy->out.taken++ % TOY_SLOTS];
    return true;
}

void toy_kick(struct toy *toy)
{
    assert_int_equal(eventfd_write(toy->kicked.fd, 1), 0);
}

void toy_hook_init(struct toy_hook *hook, uint8_t reason)
{
    *hook = (struct toy_hook){.hook = {.ingress = drop_every_tenth}, .reason = reason};
}

static int toy_rx(struct endpoint *endpoint, struct batch *batch)
{
    struct toy *toy = container_of(endpoint, struct toy, endpoint);
    unsigned there = toy->in.put - toy->in.taken;
    unsigned count = there < BATCH_FRAMES ? there : BATCH_FRAMES;

    toy->rx_calls++;
    if (there > TOY_SLOTS)
        return -EPROTO; /* the guest lies */
    for (unsigned i = 0; i < count; i++) {
        const struct sample *slot = &toy->in.slot[(toy->in.taken + i) % TOY_SLOTS];

        frame_init(&batch->frame[i], slot->bytes, slot->length);
    }
    if (count < there)
        endpoint_wake_again(endpoint);
    return (int)count;
}

static void toy_rx_done(struct endpoint *endpoint, const struct batch *batch)
{
    struct toy *toy = container_of(endpoint, struct toy, endpoint);

    for (unsigned i = 0; i < batch->count; i++)
        memset(&toy->in.slot[toy->in.taken++ % TOY_SLOTS], 0xee, sizeof(struct sample));
}

static int toy_tx(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count)
{
    struct toy *toy = container_of(endpoint, struct toy, endpoint);
    unsigned taken = 0;

    if (toy->tx_error) {
        endpoint_fail(endpoint, toy->tx_error);
        return -toy->tx_error;
    }
    for (; taken < count && toy->out.put - toy->out.taken < toy->room; taken++) {
        struct sample *slot = &toy->out.slot[toy->out.put++ % TOY_SLOTS];

        slot->length = 0;
        for (unsigned i = 0; i < descs[taken].iov_count; i++) {
            const struct iovec *iov = &descs[taken].iov[i];

            memcpy(slot->bytes + slot->length, iov->iov_base, iov->iov_len);
            slot->length += (uint32_t)iov->iov_len;
        }
    }
    return taken > 0 ? (int)taken : -EAGAIN;
}

static void toy_wait_writable(struct endpoint *endpoint, bool wait)
{
    struct toy *toy = container_of(endpoint, struct toy, endpoint);

    if (wait)
        ev_io_start(toy->context->loop, &toy->kicked);
    else
        ev_io_stop(toy->context->loop, &toy->kicked);
}

static void toy_lost(struct endpoint *endpoint, int error)
{
    *container_of(endpoint, struct toy, endpoint)->lost = error;
    toy_end(endpoint);
}

static void toy_end(struct endpoint *endpoint)
{
    struct toy *toy = container_of(endpoint, struct toy, endpoint);

    ev_io_stop(toy->context->loop, &toy->announced);
    ev_io_stop(toy->context->loop, &toy->kicked);
    close(toy->announced.fd);
    close(toy->kicked.fd);
    port_detach(endpoint);
    free(toy);
}

static void on_announced(struct ev_loop *loop, ev_io *watcher, int events)
{
    eventfd_t ignored;

    (void)loop, (void)events;
    eventfd_read(watcher->fd, &ignored);
    endpoint_wake(&container_of(watcher, struct toy, announced)->endpoint);
}

/* One kick may stand for room for many: nobody will say so again. */
static void on_kicked(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct toy *toy = container_of(watcher, struct toy, kicked);
    eventfd_t ignored;

    (void)loop, (void)events;
    eventfd_read(watcher->fd, &ignored);
    while (endpoint_writable(&toy->endpoint))
        ;
}

static void drop_every_tenth(struct batch_hook *base, struct batch *batch, uint64_t now)
{
    struct toy_hook *hook = container_of(base, struct toy_hook, hook);

    (void)now;
    for (unsigned i = 0; i < batch->count; i++) {
        if (batch->frame[i].drop == DROP_NONE && ++hook->seen % 10 == 0)
            batch->frame[i].drop = hook->reason;
    }
}
