/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gso_frame.h - GSO frames from recipes: any headers that GSO frames of TCP and UDP may have
 */
#ifndef VSW_TESTS_GSO_FRAME_H
#define VSW_TESTS_GSO_FRAME_H

#include "core/frame.h"

/* A received frame with its offload metadata. */
struct offload_frame {
    uint32_t length;
    int stripped_tag;
    struct offload offload;
    uint8_t bytes[GSO_FRAME_MAX + 64];
};

enum { RECIPE_TAGS = 2, RECIPE_EXTENSIONS = 4 };

struct recipe {
    enum gso_type gso;
    bool ipv6;       /* of GSO_UDP */
    bool needs_csum; /* the checksum is left to offload */
    unsigned tags;
    struct {
        uint16_t type, tci;
    } tag[RECIPE_TAGS];
    unsigned ip_options; /* bytes, by fours */
    uint16_t ip_id;
    unsigned extensions;
    struct {
        uint8_t protocol, eights; /* its length is 8 + 8 * eights bytes */
        uint8_t type, left;       /* of a routing header (43): segments still to be visited */
    } extension[RECIPE_EXTENSIONS];
    unsigned tcp_options; /* bytes, by fours */
    uint8_t tcp_flags;
    uint32_t sequence;
    uint16_t gso_size;
    uint32_t payload;
    unsigned noise; /* varies the payload */
};

/* recipe_make() - makes the frame of RECIPE, from 02:..:02 to the broadcast address */
void recipe_make(const struct recipe *recipe, struct offload_frame *made);

/* recipe_headers() - offset of the payload */
unsigned recipe_headers(const struct recipe *recipe);

/* leave_checksum() - leaves the checksum of the bytes from START on to offload; it is OFFSET bytes
 * after START */
void leave_checksum(struct offload_frame *made, uint16_t start, uint16_t offset);

#endif
