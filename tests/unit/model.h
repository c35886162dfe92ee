/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * model.h - a deliberately naive VLAN bridge, to compare the switch with
 *
 * It is written from the rules (docs, IEEE 802.1Q, VDE), not from the switch: plain arrays, linear
 * searches, literal numbers, and frames as byte strings whose tags are removed and inserted by
 * copying. It shares with the switch only the names of drop reasons and of offload metadata. Where
 * both agree, both are right, or the rules are wrong.
 *
 * Times are whole seconds, so that it need not know how coarsely the switch keeps its entries in
 * order of age.
 */
#ifndef VSW_TESTS_MODEL_H
#define VSW_TESTS_MODEL_H

#include "fake_port.h"

enum {
    MODEL_PORTS = 8,
    MODEL_ENDPOINTS = 20,
    MODEL_VIDS = 4096,
    MODEL_ADDRESSES = 512,
    MODEL_NO_VLAN = 4095
};

struct model_policy {
    bool up, isolated, offload;
    enum reserved_policy reserved;
};

struct model_port {
    bool exists;
    unsigned untagged;
    bool transparent;
    bool tagged[MODEL_VIDS];
    bool untrusted_edge;
    struct model_policy policy;
    unsigned limit; /* of learned addresses */
    uint64_t in_frames, in_bytes, out_frames, out_bytes;
    uint64_t drops[DROP_REASONS];
};

struct model_endpoint {
    bool attached;
    unsigned port;
    uint32_t max_frame;
    unsigned offloads;
    unsigned room;       /* frames that it accepts at present */
    struct wire sent;    /* frames that it accepted */
    struct wire waiting; /* its queue, from waiting_at on */
    size_t waiting_at;
    unsigned waiting_frames;
    size_t waiting_bytes;
};

struct model_address {
    bool known;
    bool pinned;
    unsigned vid;
    uint8_t mac[6];
    unsigned port;
    unsigned seen;  /* s */
    unsigned moved; /* s, when its order was last updated */
    unsigned order; /* in order of use: the smallest is the oldest */
};

struct model {
    bool hub;
    bool vlan[MODEL_VIDS];
    unsigned ageing;          /* s */
    unsigned min_persistence; /* s */
    unsigned queue_frames;
    size_t queue_bytes;
    unsigned now;   /* s */
    unsigned order; /* highest one so far */
    uint64_t resolved, no_receivers;
    struct model_port port[MODEL_PORTS];
    struct model_endpoint endpoint[MODEL_ENDPOINTS];
    struct model_address address[MODEL_ADDRESSES];
};

struct model *model_new(void);
void model_free(struct model *model);

/* model_batch() - receives COUNT frames from endpoint FROM */
void model_batch(struct model *model, unsigned from, const struct offload_frame *frames,
                 unsigned count);

/* model_resume() - endpoint E accepts ROOM more frames, queued ones first, at most 64 of them */
void model_resume(struct model *model, unsigned e, unsigned room);

void model_create_port(struct model *model, unsigned port, unsigned limit, bool untrusted_edge);
void model_remove_port(struct model *model, unsigned port);
void model_attach(struct model *model, unsigned e, unsigned port, uint32_t max_frame,
                  unsigned offloads, unsigned room);
void model_detach(struct model *model, unsigned e);

/* model_set_vlans() - Return: false if not all the VLANs exist, with nothing changed */
bool model_set_vlans(struct model *model, unsigned port, unsigned untagged, bool transparent,
                     const bool tagged[MODEL_VIDS]);

void model_set_policy(struct model *model, unsigned port, const struct model_policy *policy);

/* model_remove_vlan() - Return: 0, -ENXIO or -EADDRINUSE */
int model_remove_vlan(struct model *model, unsigned vid);

void model_pin(struct model *model, unsigned port, unsigned vid, const uint8_t *mac);
bool model_unpin(struct model *model, unsigned vid, const uint8_t *mac);

/* model_set_time() - sets the time to NOW, and ages addresses */
void model_set_time(struct model *model, unsigned now);
void model_set_hub(struct model *model, bool hub);

bool model_port_active(const struct model *model, unsigned port);
bool model_member(const struct model_port *port, unsigned vid);

#endif
