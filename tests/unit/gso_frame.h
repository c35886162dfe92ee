/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * gso_frame.h - super-frames by recipe: any headers that TCP and UDP super-frames may have
 */
#ifndef VSW_TESTS_GSO_FRAME_H
#define VSW_TESTS_GSO_FRAME_H

#include "core/frame.h"

/* A frame as an endpoint that receives unfinished ones would hand it in. */
struct unfinished {
    uint32_t length;
    int stripped_tag;
    struct offload offload;
    uint8_t bytes[GSO_FRAME_MAX + 64];
};

enum { RECIPE_TAGS = 2, RECIPE_EXTENSIONS = 4 };

struct recipe {
    enum gso_type gso;
    bool ipv6; /* of GSO_UDP */
    bool open; /* no checksum yet: offload.partial */
    unsigned tags;
    struct {
        uint16_t type, tci;
    } tag[RECIPE_TAGS];
    unsigned ip_options; /* bytes, by fours */
    uint16_t ip_id;
    unsigned extensions;
    struct {
        uint8_t protocol, eights; /* eight bytes and this many times eight */
        uint8_t type, left;       /* of a routing header (43): segments still to be visited */
    } extension[RECIPE_EXTENSIONS];
    unsigned tcp_options; /* bytes, by fours */
    uint8_t tcp_flags;
    uint32_t sequence;
    uint16_t size;
    uint32_t payload;
    unsigned noise; /* payloads differ by it */
};

/* recipe_make() - cooks RECIPE: from 02:..:02 to the broadcast address, checksums open where they may be */
void recipe_make(const struct recipe *recipe, struct unfinished *made);

/* recipe_headers() - where the payload begins */
unsigned recipe_headers(const struct recipe *recipe);

/* open_checksum() - leaves the checksum of the bytes from START on to be filled in, OFFSET bytes behind */
void open_checksum(struct unfinished *made, uint16_t start, uint16_t offset);

#endif
