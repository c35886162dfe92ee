/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * drop.h - why a frame was not delivered, and the counters that say so
 *
 * Every frame that enters is resolved to egress ports, dropped on the way in for one of the reasons
 * below, or has no receivers. Every copy made of it is delivered to an endpoint, dropped on the way
 * out for one of the reasons, or still in that endpoint's queue. So, between any two batches, for
 * the switch as a whole:
 *
 *     received = resolved  + ingress drops + no receivers
 *     copies   = delivered + egress drops  + queued
 */
#ifndef VSW_CORE_DROP_H
#define VSW_CORE_DROP_H

#include <stdbool.h>
#include <stdint.h>

enum drop_reason {
    DROP_NONE, /* not dropped */

    /* on the way in */
    DROP_RUNT,              /* too short for an Ethernet header */
    DROP_GIANT,             /* longer than the largest frame the switch carries */
    DROP_BAD_TAG,           /* an 802.1Q tag cut short, or of the reserved VID 4095 */
    DROP_UNTAGGED,          /* untagged, and the port admits tagged frames only */
    DROP_NOT_MEMBER,        /* tagged with a VLAN that the port does not belong to */
    DROP_SAME_PORT,         /* its destination is behind the port it came from */
    DROP_LOOP_IN,           /* the port is blocked by loop detection */
    DROP_BAD_OFFLOAD,       /* its offload metadata does not agree with its bytes */
    DROP_DOWN_IN,           /* the port is down (up=off) */
    DROP_RESERVED_IN,       /* to an address that bridges do not forward (reserved=drop) */
    DROP_CONSUMED,          /* the same, kept for the switch itself (reserved=consume) */
    DROP_ISOLATED,          /* from one isolated port to another */
    DROP_MISSED,            /* the kernel had no room for it before we read it */
    DROP_UNEXPECTED_SOURCE, /* from another sender than the port's peer */

    /* on the way out */
    DROP_NO_ENDPOINT,  /* nothing is attached to the port */
    DROP_OVERSIZE,     /* longer than this endpoint takes */
    DROP_QUEUE_FULL,   /* the endpoint is slow and its queue is full */
    DROP_SEND_ERROR,   /* the endpoint refused the frame */
    DROP_REFUSED,      /* the endpoint had taken it, but what is behind refused it or was gone */
    DROP_DETACHED,     /* not sent, or only in part, when the endpoint was detached */
    DROP_LOOP_OUT,     /* the port is blocked by loop detection */
    DROP_DOWN_OUT,     /* the port is down (up=off) */
    DROP_RESERVED_OUT, /* to an address that bridges do not forward */
    DROP_HIDDEN_TAG,   /* without its tag the next one would be taken for the VLAN */

    DROP_REASONS,

    /* room for added ones: numbers from DROP_REASONS up */
    DROP_REASONS_MAX = DROP_REASONS + 15,
};

struct drop_kind {
    /* one word, for replies and metrics; an ingress and an egress reason may share it */
    const char *name;
    bool egress; /* counted on the way out; else on the way in */
};

/* By number; NULL where there is none. */
struct drop_table {
    const struct drop_kind *kind[DROP_REASONS_MAX];
};

/* drop_table_init() - the reasons of enum drop_reason */
void drop_table_init(struct drop_table *table);

/* drop_table_add() - adds KIND, owned by the caller. Return: its number, or -ENOSPC. */
int drop_table_add(struct drop_table *table, const struct drop_kind *kind);

/* drop_table_remove() - removes REASON, whose number may be used again */
void drop_table_remove(struct drop_table *table, unsigned reason);

/* Of one port or one endpoint, since its creation or a reset. Frames that may enter are counted in;
 * out counts what an endpoint took. Bytes are Ethernet bytes without FCS, a tag counted as it is on
 * that side. */
struct counters {
    uint64_t in_frames;
    uint64_t in_bytes;
    uint64_t out_frames;
    uint64_t out_bytes;
    uint64_t drops[DROP_REASONS_MAX];
};

/* The terms of the two equations above. */
struct balance {
    uint64_t received;
    uint64_t resolved;
    uint64_t ingress_drops;
    uint64_t no_receivers;
    uint64_t copies;
    uint64_t delivered;
    uint64_t egress_drops;
    uint64_t queued;
};

#endif
