/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"

#include "naive.h"

#include "core/offload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A received frame without its tag, and the tag. */
struct arrival {
    bool alive;
    unsigned vid;
    bool tagged;
    unsigned tci;
    struct offload_frame plain;
};

static void forget_learned(struct model *model, unsigned port);
static void classify(struct model *model, unsigned port, const struct offload_frame *frame,
                     struct arrival *arrival);
static enum drop_reason split_and_check(const struct offload_frame *frame, struct arrival *arrival);
static bool is_reserved(const struct offload_frame *frame);
static enum drop_reason choose_vlan(const struct model_port *port, struct arrival *arrival);
static void learn(struct model *model, unsigned port, const struct arrival *arrival);
static bool announces_move(const struct offload_frame *plain);
static void evict_if_full(struct model *model, unsigned port);
static void forward(struct model *model, unsigned from, const struct offload_frame *frame,
                    const struct arrival *arrival);
static void send_to_port(struct model *model, unsigned port, const struct arrival *arrival);
static bool shows_tag(const struct arrival *arrival);
static void paste_tag(const struct offload_frame *plain, unsigned tci, struct offload_frame *out);
static void offer(struct model *model, struct model_endpoint *endpoint,
                  const struct offload_frame *frame);
static void hand(struct model *model, struct model_endpoint *endpoint, const uint8_t *bytes,
                 uint32_t length, uint32_t longest, const struct offload *left);
static void take(struct model *model, struct model_endpoint *endpoint, const void *bytes,
                 uint32_t length, const struct offload *left);
static struct model_address *find(struct model *model, unsigned vid, const uint8_t *mac);
static struct model_address *unused(struct model *model);
static void copy(struct offload_frame *to, const struct offload_frame *from);

struct model *model_new(void)
{
    struct model *model = calloc(1, sizeof(*model));

    assert_non_null(model);
    model->vlan[0] = true;
    return model;
}

void model_free(struct model *model)
{
    for (unsigned e = 0; e < MODEL_ENDPOINTS; e++) {
        wire_clear(&model->endpoint[e].sent);
        wire_clear(&model->endpoint[e].waiting);
    }
    free(model);
}

void model_batch(struct model *model, unsigned from, const struct offload_frame *frames,
                 unsigned count)
{
    struct arrival *arrival = malloc(BATCH_FRAMES * sizeof(*arrival));
    unsigned port = model->endpoint[from].port;

    assert_non_null(arrival);
    for (unsigned i = 0; i < count; i++)
        classify(model, port, &frames[i], &arrival[i]);
    for (unsigned i = 0; i < count && !model->hub; i++) {
        if (arrival[i].alive)
            learn(model, port, &arrival[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        if (arrival[i].alive)
            forward(model, port, &frames[i], &arrival[i]);
    }
    free(arrival);
}

void model_resume(struct model *model, unsigned e, unsigned room)
{
    struct model_endpoint *endpoint = &model->endpoint[e];

    endpoint->room = room;
    for (unsigned i = 0; i < 64 && endpoint->waiting_frames > 0 && endpoint->room > 0; i++) {
        uint32_t length;
        struct offload left;
        const uint8_t *bytes =
            wire_next_offload(&endpoint->waiting, &endpoint->waiting_at, &length, &left);

        endpoint->waiting_frames--;
        endpoint->waiting_bytes -= length;
        take(model, endpoint, bytes, length, &left);
    }
}

void model_create_port(struct model *model, unsigned port, unsigned limit, bool untrusted_edge)
{
    model->port[port] = (struct model_port){
        .exists = true,
        .limit = limit,
        .untrusted_edge = untrusted_edge,
        .policy = {.up = true, .offload = true, .reserved = RESERVED_FORWARD},
    };
}

void model_remove_port(struct model *model, unsigned port)
{
    model->port[port].exists = false;
    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        if (model->address[a].port == port)
            model->address[a].known = false;
    }
}

void model_attach(struct model *model, unsigned e, unsigned port, uint32_t max_frame,
                  unsigned offloads, unsigned room)
{
    model->endpoint[e] = (struct model_endpoint){
        .attached = true, .port = port, .max_frame = max_frame, .offloads = offloads, .room = room};
}

void model_detach(struct model *model, unsigned e)
{
    struct model_endpoint *endpoint = &model->endpoint[e];

    model->port[endpoint->port].drops[DROP_DETACHED] += endpoint->waiting_frames;
    wire_clear(&endpoint->sent);
    wire_clear(&endpoint->waiting);
    endpoint->attached = false;
    if (!model_port_active(model, endpoint->port))
        forget_learned(model, endpoint->port);
}

void model_set_policy(struct model *model, unsigned port, const struct model_policy *policy)
{
    bool down = model->port[port].policy.up && !policy->up;

    if (down)
        forget_learned(model, port);
    for (unsigned e = 0; e < MODEL_ENDPOINTS && down; e++) {
        struct model_endpoint *endpoint = &model->endpoint[e];

        if (!endpoint->attached || endpoint->port != port)
            continue;
        model->port[port].drops[DROP_DOWN_OUT] += endpoint->waiting_frames;
        wire_clear(&endpoint->waiting);
        endpoint->waiting_at = endpoint->waiting_bytes = endpoint->waiting_frames = 0;
    }
    model->port[port].policy = *policy;
}

bool model_set_vlans(struct model *model, unsigned p, unsigned untagged, bool transparent,
                     const bool tagged[MODEL_VIDS])
{
    struct model_port *port = &model->port[p];

    for (unsigned vid = 0; vid < MODEL_VIDS && !transparent; vid++) {
        if ((tagged[vid] || (vid == untagged && vid != MODEL_NO_VLAN)) && !model->vlan[vid])
            return false;
    }
    port->untagged = transparent ? 0 : untagged;
    port->transparent = transparent;
    for (unsigned vid = 0; vid < MODEL_VIDS; vid++)
        port->tagged[vid] = tagged[vid] && !transparent;
    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        if (model->address[a].port == p && !model_member(port, model->address[a].vid))
            model->address[a].known = false;
    }
    return true;
}

int model_remove_vlan(struct model *model, unsigned vid)
{
    if (vid == 0)
        return -EADDRINUSE;
    if (!model->vlan[vid])
        return -ENXIO;
    for (unsigned p = 0; p < MODEL_PORTS; p++) {
        const struct model_port *port = &model->port[p];

        if (port->exists && !port->transparent && model_member(port, vid))
            return -EADDRINUSE;
    }
    model->vlan[vid] = false;
    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        if (model->address[a].vid == vid && !model->address[a].pinned)
            model->address[a].known = false;
    }
    return 0;
}

void model_pin(struct model *model, unsigned port, unsigned vid, const uint8_t *mac)
{
    struct model_address *address = find(model, vid, mac);

    if (!address)
        address = unused(model);
    *address = (struct model_address){.known = true, .pinned = true, .vid = vid, .port = port};
    memcpy(address->mac, mac, 6);
}

bool model_unpin(struct model *model, unsigned vid, const uint8_t *mac)
{
    struct model_address *address = find(model, vid, mac);

    if (address)
        address->known = false;
    return address;
}

void model_set_time(struct model *model, unsigned now)
{
    model->now = now;
    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        if (!model->address[a].pinned && model->address[a].seen + model->ageing <= now)
            model->address[a].known = false;
    }
}

void model_set_hub(struct model *model, bool hub)
{
    model->hub = hub;
    for (unsigned a = 0; a < MODEL_ADDRESSES && hub; a++) {
        if (!model->address[a].pinned)
            model->address[a].known = false;
    }
}

bool model_port_active(const struct model *model, unsigned port)
{
    for (unsigned e = 0; e < MODEL_ENDPOINTS; e++) {
        if (model->endpoint[e].attached && model->endpoint[e].port == port)
            return true;
    }
    return false;
}

bool model_member(const struct model_port *port, unsigned vid)
{
    if (vid == MODEL_NO_VLAN)
        return false;
    return port->transparent || port->untagged == vid || port->tagged[vid];
}

static void forget_learned(struct model *model, unsigned port)
{
    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        if (model->address[a].port == port && !model->address[a].pinned)
            model->address[a].known = false;
    }
}

/* Checks whether the frame is admitted, and finds its VLAN. */
static void classify(struct model *model, unsigned p, const struct offload_frame *frame,
                     struct arrival *arrival)
{
    struct model_port *port = &model->port[p];
    enum drop_reason reason = frame->length < 14 ? DROP_RUNT : split_and_check(frame, arrival);
    bool sound = reason == DROP_NONE || reason == DROP_BAD_TAG;

    if (sound && !port->policy.up)
        reason = DROP_DOWN_IN;
    else if (sound && port->policy.reserved != RESERVED_FORWARD && is_reserved(frame))
        reason = port->policy.reserved == RESERVED_DROP ? DROP_RESERVED_IN : DROP_CONSUMED;
    else if (sound && model->hub)
        reason = DROP_NONE;
    else if (reason == DROP_NONE)
        reason = choose_vlan(port, arrival);
    arrival->alive = reason == DROP_NONE;
    if (arrival->alive) {
        port->in_frames++;
        port->in_bytes += frame->length;
    } else {
        port->drops[reason]++;
    }
}

/* Return: DROP_NONE; DROP_BAD_TAG, which a hub ignores; or a reason to drop the frame in any
 * mode. */
static enum drop_reason split_and_check(const struct offload_frame *frame, struct arrival *arrival)
{
    bool tag = frame->bytes[12] == 0x81 && frame->bytes[13] == 0x00;
    bool stripped = frame->stripped_tag != TAG_NONE, cut = tag && frame->length < 18;
    bool inside = tag && !stripped && !cut;
    struct offload offload = frame->offload;
    enum drop_reason reason = naive_check(frame->bytes, frame->length, inside ? 4 : 0, &offload);

    if (reason != DROP_NONE)
        return reason;
    arrival->tagged = stripped || inside;
    arrival->tci = stripped ? (unsigned)frame->stripped_tag
                   : inside ? frame->bytes[14] * 256u + frame->bytes[15]
                            : 0;
    copy(&arrival->plain, frame);
    arrival->plain.offload = offload;
    if (inside) {
        memmove(arrival->plain.bytes + 12, arrival->plain.bytes + 16, frame->length - 16);
        arrival->plain.length -= 4;
        arrival->plain.offload.csum_start -= 4;
    }
    return (cut && !stripped) || arrival->tci % 4096 == 4095 ? DROP_BAD_TAG : DROP_NONE;
}

/* 01:80:c2:00:00:00 to 0f */
static bool is_reserved(const struct offload_frame *frame)
{
    static const uint8_t first[6] = {0x01, 0x80, 0xc2, 0, 0, 0};

    return memcmp(frame->bytes, first, 5) == 0 && frame->bytes[5] < 16;
}

static enum drop_reason choose_vlan(const struct model_port *port, struct arrival *arrival)
{
    arrival->vid = arrival->tci % 4096;
    if (arrival->vid != 0)
        return model_member(port, arrival->vid) ? DROP_NONE : DROP_NOT_MEMBER;
    if (port->untagged == MODEL_NO_VLAN)
        return DROP_UNTAGGED;
    arrival->vid = port->untagged;
    return DROP_NONE;
}

static void learn(struct model *model, unsigned port, const struct arrival *arrival)
{
    const uint8_t *mac = arrival->plain.bytes + 6;
    struct model_address *address = find(model, arrival->vid, mac);

    if (mac[0] % 2 == 1 || (address && address->pinned))
        return;
    if (address && address->port == port) {
        address->seen = model->now;
        if (address->moved < model->now)
            address->order = ++model->order;
        address->moved = model->now;
        return;
    }
    if (address && model->now - address->seen < model->min_persistence &&
        !announces_move(&arrival->plain))
        return;
    evict_if_full(model, port);
    if (!address)
        address = unused(model);
    *address = (struct model_address){
        .known = true,
        .vid = arrival->vid,
        .port = port,
        .seen = model->now,
        .moved = model->now,
        .order = ++model->order,
    };
    memcpy(address->mac, mac, 6);
}

/* RARP; ARP whose sender address is its target; an unsolicited neighbour advertisement to all
 * nodes. */
static bool announces_move(const struct offload_frame *plain)
{
    static const uint8_t arp[8] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4};
    static const uint8_t all_nodes[16] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    const uint8_t *bytes = plain->bytes;

    if (bytes[12] == 0x80 && bytes[13] == 0x35)
        return true;
    if (plain->length >= 42 && memcmp(bytes + 12, arp, 8) == 0)
        return memcmp(bytes + 28, bytes + 38, 4) == 0;
    if (plain->length >= 14 + 40 + 8 && bytes[12] == 0x86 && bytes[13] == 0xdd && bytes[20] == 58)
        return memcmp(bytes + 38, all_nodes, 16) == 0 && bytes[54] == 136 &&
               bytes[58] / 64 % 2 == 0;
    return false;
}

static void evict_if_full(struct model *model, unsigned port)
{
    struct model_address *oldest = NULL;
    unsigned count = 0;

    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        struct model_address *address = &model->address[a];

        if (!address->known || address->pinned || address->port != port)
            continue;
        count++;
        if (!oldest || address->order < oldest->order)
            oldest = address;
    }
    if (count >= model->port[port].limit)
        oldest->known = false;
}

static void forward(struct model *model, unsigned from, const struct offload_frame *frame,
                    const struct arrival *arrival)
{
    bool group = frame->bytes[0] % 2 == 1, heard = false;
    struct model_address *address =
        model->hub || group ? NULL : find(model, arrival->vid, frame->bytes);

    if (address && address->port == from) {
        model->port[from].drops[DROP_SAME_PORT]++;
        return;
    }
    if (address && model->port[address->port].policy.isolated &&
        model->port[from].policy.isolated) {
        model->port[from].drops[DROP_ISOLATED]++;
        return;
    }
    for (unsigned port = 0; port < MODEL_PORTS; port++) {
        bool wanted = address      ? address->port == port
                      : model->hub ? port != 0
                                   : model->port[port].exists &&
                                         model_member(&model->port[port], arrival->vid);

        if (port == from || !wanted)
            continue;
        if (!address && (!model_port_active(model, port) || !model->port[port].policy.up))
            continue;
        if (model->port[port].policy.isolated && model->port[from].policy.isolated)
            continue;
        heard = true;
        if (!model->port[port].policy.up)
            model->port[port].drops[DROP_DOWN_OUT]++;
        else if (is_reserved(frame) && model->port[port].policy.reserved != RESERVED_FORWARD)
            model->port[port].drops[DROP_RESERVED_OUT]++;
        else
            send_to_port(model, port, arrival);
    }
    model->resolved += heard;
    model->no_receivers += !heard;
}

static void send_to_port(struct model *model, unsigned p, const struct arrival *arrival)
{
    static struct offload_frame out;
    struct model_port *port = &model->port[p];
    unsigned tci = arrival->tci / 4096 * 4096 + arrival->vid;
    bool tag = model->hub          ? arrival->tagged
               : port->transparent ? arrival->vid > 0 || arrival->tagged
                                   : arrival->vid != port->untagged;
    bool hidden =
        port->untrusted_edge && !model->hub && (!tag || tci % 4096 == 0) && shows_tag(arrival);

    if (tag)
        paste_tag(&arrival->plain, model->hub ? arrival->tci : tci, &out);
    else
        copy(&out, &arrival->plain);
    for (unsigned e = 0; e < MODEL_ENDPOINTS; e++) {
        if (!model->endpoint[e].attached || model->endpoint[e].port != p)
            continue;
        if (hidden)
            port->drops[DROP_HIDDEN_TAG]++;
        else
            offer(model, &model->endpoint[e], &out);
    }
    if (!model_port_active(model, p))
        port->drops[DROP_NO_ENDPOINT]++;
}

/* Whether removing its tag would put the frame into a VLAN that its sender chose. */
static bool shows_tag(const struct arrival *arrival)
{
    unsigned type = arrival->plain.bytes[12] * 256u + arrival->plain.bytes[13];

    return type == 0x8100 || type == 0x88a8;
}

static void paste_tag(const struct offload_frame *plain, unsigned tci, struct offload_frame *out)
{
    memcpy(out->bytes, plain->bytes, 12);
    out->bytes[12] = 0x81;
    out->bytes[13] = 0x00;
    out->bytes[14] = (uint8_t)(tci / 256);
    out->bytes[15] = (uint8_t)(tci % 256);
    memcpy(out->bytes + 16, plain->bytes + 12, plain->length - 12);
    out->length = plain->length + 4;
    out->offload = plain->offload;
    out->offload.csum_start += 4;
}

/* Delivers the frame as it is if the endpoint has the offload capabilities; else its segments, or
 * with its checksum. */
static void offer(struct model *model, struct model_endpoint *endpoint,
                  const struct offload_frame *frame)
{
    static const unsigned kind[] = {0, OFFLOAD_TSO4, OFFLOAD_TSO6, OFFLOAD_USO};
    const struct offload *left = &frame->offload;
    unsigned needs =
        kind[left->gso] + (left->needs_csum ? OFFLOAD_CSUM : 0) + (left->ecn ? OFFLOAD_ECN : 0);
    unsigned can = model->port[endpoint->port].policy.offload ? endpoint->offloads : 0;
    struct wire completed = {0};
    uint32_t length, longest = frame->length;
    const uint8_t *bytes;
    size_t at = 0;

    if (left->gso != GSO_NONE)
        longest = naive_headers(frame->bytes, frame->length, left) + left->gso_size;
    if ((!left->needs_csum && left->gso == GSO_NONE) || (can & needs) == needs) {
        hand(model, endpoint, frame->bytes, frame->length, longest, left);
        return;
    }
    naive_complete(frame->bytes, frame->length, left, &completed);
    while ((bytes = wire_next(&completed, &at, &length)))
        hand(model, endpoint, bytes, length, length, &(struct offload){0});
    wire_clear(&completed);
}

static void hand(struct model *model, struct model_endpoint *endpoint, const uint8_t *bytes,
                 uint32_t length, uint32_t longest, const struct offload *left)
{
    uint64_t *drops = model->port[endpoint->port].drops;

    if (longest > endpoint->max_frame) {
        drops[DROP_OVERSIZE]++;
    } else if (endpoint->waiting_frames == 0 && endpoint->room > 0) {
        take(model, endpoint, bytes, length, left);
    } else if (endpoint->waiting_frames >= model->queue_frames ||
               endpoint->waiting_bytes + length > model->queue_bytes) {
        drops[DROP_QUEUE_FULL]++;
    } else {
        wire_put_offload(&endpoint->waiting, bytes, length, left);
        endpoint->waiting_frames++;
        endpoint->waiting_bytes += length;
    }
}

static void take(struct model *model, struct model_endpoint *endpoint, const void *bytes,
                 uint32_t length, const struct offload *left)
{
    wire_put_offload(&endpoint->sent, bytes, length, left);
    if (endpoint->room != UNLIMITED)
        endpoint->room--;
    model->port[endpoint->port].out_frames++;
    model->port[endpoint->port].out_bytes += length;
}

static struct model_address *find(struct model *model, unsigned vid, const uint8_t *mac)
{
    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        struct model_address *address = &model->address[a];

        if (address->known && address->vid == vid && memcmp(address->mac, mac, 6) == 0)
            return address;
    }
    return NULL;
}

static struct model_address *unused(struct model *model)
{
    for (unsigned a = 0; a < MODEL_ADDRESSES; a++) {
        if (!model->address[a].known)
            return &model->address[a];
    }
    fail_msg("the model knows too many addresses");
    return NULL;
}

static void copy(struct offload_frame *to, const struct offload_frame *from)
{
    to->length = from->length;
    to->stripped_tag = from->stripped_tag;
    to->offload = from->offload;
    memcpy(to->bytes, from->bytes, from->length);
}
