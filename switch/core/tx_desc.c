/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/tx_desc.h"

static void tx_desc_gather(struct tx_desc *desc, const struct frame *frame, const uint8_t *head,
                           uint32_t length, int tci);
static void tx_desc_add(struct tx_desc *desc, const uint8_t *bytes, size_t length);

void tx_desc_make(struct tx_desc *desc, const struct frame *frame, int tci)
{
    int moved = (tci == TAG_NONE ? 0 : TAG_BYTES) - frame->tag_bytes;
    struct offload *offload = &desc->offload;

    tx_desc_gather(desc, frame, frame->bytes, frame->length, tci);
    desc->wire_length = desc->length;
    *offload = frame->offload;
    if (!offload_any(offload))
        return;
    offload->csum_start = (uint16_t)(offload->csum_start + moved);
    if (offload->gso == GSO_NONE)
        return;
    offload->network = (uint16_t)(offload->network + moved);
    offload->transport = (uint16_t)(offload->transport + moved);
    offload->headers = (uint16_t)(offload->headers + moved);
    desc->wire_length = (uint32_t)offload->headers + offload->gso_size;
}

void tx_desc_make_segment(struct tx_desc *desc, const struct frame *frame,
                          const struct segment *segment, int tci)
{
    desc->offload = (struct offload){0};
    tx_desc_gather(desc, frame, segment->head, segment->head_length, tci);
    if (segment->payload_length > 0)
        tx_desc_add(desc, segment->payload, segment->payload_length);
    desc->wire_length = desc->length;
}

/* Adds the first LENGTH bytes of FRAME, or their copy in HEAD, with TCI instead of the tag that
 * they have. */
static void tx_desc_gather(struct tx_desc *desc, const struct frame *frame, const uint8_t *head,
                           uint32_t length, int tci)
{
    bool as_it_came = tci == TAG_NONE ? frame->tag_bytes == 0
                                      : frame->tag_bytes == TAG_BYTES && tci == frame->tci;

    desc->iov_count = 0;
    desc->length = 0;
    desc->tci = tci;
    desc->destination = head;
    if (as_it_came) {
        tx_desc_add(desc, head, length);
        return;
    }
    tx_desc_add(desc, head, FRAME_ADDRESSES);
    if (tci != TAG_NONE) {
        desc->tag[0] = ETHERTYPE_CTAG >> 8;
        desc->tag[1] = ETHERTYPE_CTAG & 0xff;
        desc->tag[2] = (uint8_t)(tci >> 8);
        desc->tag[3] = (uint8_t)tci;
        tx_desc_add(desc, desc->tag, TAG_BYTES);
    }
    tx_desc_add(desc, head + FRAME_ADDRESSES + frame->tag_bytes,
                length - FRAME_ADDRESSES - frame->tag_bytes);
}

static void tx_desc_add(struct tx_desc *desc, const uint8_t *bytes, size_t length)
{
    /* Endpoints only read what an iovec points to; its type cannot say so. */
    desc->iov[desc->iov_count++] = (struct iovec){(void *)(uintptr_t)bytes, length};
    desc->length += (uint32_t)length;
}
