/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * model.h - a deliberately naive VLAN bridge, for the switch to be compared with
 *
 * It is written from the rules (docs, IEEE 802.1Q, VDE), not from the switch: plain arrays, linear searches, numbers
 * spelled out, and frames as strings of bytes whose tags are cut out and pasted in by copying. It shares with
 * the switch only the names of the drop reasons and of what may be left to do about a frame. Whatever both do alike is right
 * twice, or wrong in the rules.
 *
 * Times are whole seconds, so that it need not know how coarsely the switch keeps the order of its addresses.
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
    unsigned room;       /* frames that it takes at present */
    struct wire sent;    /* what it took */
    struct wire waiting; /* what it will take, from waiting_at on */
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
    unsigned moved; /* s, when its order was last brought up to date */
    unsigned order; /* of use: the smallest is the oldest */
};

struct model {
    bool hub;
    bool vlan[MODEL_VIDS];
    unsigned ageing;          /* s */
    unsigned min_persistence; /* s */
    unsigned queue_frames;
    size_t queue_bytes;
    unsigned now;   /* s */
    unsigned order; /* given out so far */
    uint64_t resolved, no_receivers;
    struct model_port port[MODEL_PORTS];
    struct model_endpoint endpoint[MODEL_ENDPOINTS];
    struct model_address address[MODEL_ADDRESSES];
};

struct model *model_new(void);
void model_free(struct model *model);

/* model_batch() - COUNT frames come in through endpoint FROM */
void model_batch(struct model *model, unsigned from, const struct unfinished *frames,
                 unsigned count);

/* model_resume() - endpoint E takes ROOM more frames, those that wait first, 64 of them at most */
void model_resume(struct model *model, unsigned e, unsigned room);

void model_create_port(struct model *model, unsigned port, unsigned limit, bool outside);
void model_remove_port(struct model *model, unsigned port);
void model_attach(struct model *model, unsigned e, unsigned port, uint32_t largest, unsigned takes,
                  unsigned room);
void model_detach(struct model *model, unsigned e);

/* model_set_vlans() - Return: whether all the VLANs exist; nothing changes if not */
bool model_set_vlans(struct model *model, unsigned port, unsigned untagged, bool transparent,
                     const bool tagged[MODEL_VIDS]);

void model_set_policy(struct model *model, unsigned port, const struct model_policy *policy);

/* model_remove_vlan() - Return: 0, -ENXIO or -EADDRINUSE */
int model_remove_vlan(struct model *model, unsigned vid);

void model_pin(struct model *model, unsigned port, unsigned vid, const uint8_t *mac);
bool model_unpin(struct model *model, unsigned vid, const uint8_t *mac);

/* model_set_time() - it is NOW, and what has been silent for too long is forgotten */
void model_set_time(struct model *model, unsigned now);
void model_set_hub(struct model *model, bool hub);

bool model_port_active(const struct model *model, unsigned port);
bool model_member(const struct model_port *port, unsigned vid);

#endif
