/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * core_cost.c - a frame's way through the core alone, for counting instructions
 *
 *     core_cost BATCH ROUNDS
 *
 * Two ports with one endpoint each, two addresses, 64-byte frames in batches of BATCH, to and fro.
 * The endpoints take every frame at once. core_cost.py has callgrind count what datapath_run()
 * does.
 */
#include "core/datapath.h"
#include "core/switch.h"
#include "util/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { ENDS = 2, FRAME = 64 };

static int take_all(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count)
{
    (void)endpoint, (void)descs;
    return (int)count;
}

static void ignore_wait(struct endpoint *endpoint, bool wait)
{
    (void)endpoint, (void)wait;
}

static const struct endpoint_ops ops = {
    .type = "fake",
    .module = "fake",
    .tx = take_all,
    .wait_writable = ignore_wait,
    .close = port_detach,
};

int main(int argc, char *argv[])
{
    const struct switch_config config = switch_defaults();
    struct vswitch *sw = switch_new(&config);
    struct worker *worker = calloc(1, sizeof(*worker));
    unsigned batch = argc == 3 ? (unsigned)atoi(argv[1]) : 0;
    unsigned rounds = argc == 3 ? (unsigned)atoi(argv[2]) : 0;
    uint8_t bytes[ENDS][FRAME] = {{0x02, [6] = 0x02, [12] = 0x88, 0xb5},
                                  {0x02, [6] = 0x02, [12] = 0x88, 0xb5}};
    struct endpoint endpoint[ENDS];
    struct port *port;

    if (!sw || !worker || batch < 1 || batch > BATCH_FRAMES || rounds < 1)
        return EXIT_FAILURE;
    worker_init(worker, sw, NULL);
    for (unsigned i = 0; i < ENDS; i++) {
        bytes[i][5] = (uint8_t)(2 - i);
        bytes[i][11] = (uint8_t)(1 + i);
        endpoint_init(&endpoint[i], &ops, worker);
        if (port_create(sw, (int)i + 1, &port) < 0 || port_attach(port, &endpoint[i]) < 0)
            return EXIT_FAILURE;
    }
    for (unsigned round = 0; round < rounds; round++) {
        worker->batch.from = &endpoint[round % ENDS];
        worker->batch.port = worker->batch.from->port;
        worker->batch.count = batch;
        for (unsigned i = 0; i < batch; i++)
            frame_init(&worker->batch.frame[i], bytes[round % ENDS], FRAME);
        datapath_run(worker, &worker->batch, 1000 * SECOND + round);
    }
    printf("%llu\n", (unsigned long long)worker->balance.delivered);
    switch_free(sw);
    worker_fini(worker);
    free(worker);
    return EXIT_SUCCESS;
}
