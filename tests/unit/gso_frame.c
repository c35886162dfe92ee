/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "gso_frame.h"

#include <string.h>

static unsigned put_tags(const struct recipe *recipe, uint8_t *bytes);
static unsigned put_ipv4(const struct recipe *recipe, uint8_t *ip, uint32_t length);
static unsigned put_ipv6(const struct recipe *recipe, uint8_t *ip, uint32_t length);
static void put_tcp(const struct recipe *recipe, uint8_t *tcp);
static void put_udp(uint8_t *udp, uint32_t length);
static uint16_t pseudo_sum(const struct recipe *recipe, const uint8_t *ip, uint8_t protocol,
                           uint32_t length);
static const uint8_t *final_destination(const struct recipe *recipe, const uint8_t *ip);
static uint32_t add_words(const uint8_t *bytes, unsigned length, uint32_t sum);
static void put16(uint8_t *at, unsigned value);

static bool over_ipv6(const struct recipe *recipe)
{
    return recipe->gso == GSO_TCP6 || (recipe->gso == GSO_UDP && recipe->ipv6);
}

static unsigned transport_bytes(const struct recipe *recipe)
{
    return recipe->gso == GSO_UDP ? 8 : 20 + recipe->tcp_options;
}

static unsigned network_bytes(const struct recipe *recipe)
{
    unsigned bytes = 40;

    if (!over_ipv6(recipe))
        return 20 + recipe->ip_options;
    for (unsigned i = 0; i < recipe->extensions; i++)
        bytes += 8 + recipe->extension[i].eights * 8u;
    return bytes;
}

void recipe_make(const struct recipe *recipe, struct offload_frame *made)
{
    uint32_t behind_ip = transport_bytes(recipe) + recipe->payload;
    uint8_t protocol = recipe->gso == GSO_UDP ? 17 : 6;
    unsigned network, transport, headers;

    made->stripped_tag = TAG_NONE;
    made->offload = (struct offload){
        .gso = (uint8_t)recipe->gso,
        .gso_size = recipe->gso_size,
        .ecn = recipe->gso != GSO_UDP && (recipe->tcp_flags & 0x80),
        .needs_csum = recipe->needs_csum,
    };
    memcpy(made->bytes, "\xff\xff\xff\xff\xff\xff\2\0\0\0\0\2", 12);
    network = 12 + put_tags(recipe, made->bytes + 12);
    put16(made->bytes + network, over_ipv6(recipe) ? 0x86dd : 0x0800);
    network += 2;
    transport = network + (over_ipv6(recipe) ? put_ipv6(recipe, made->bytes + network, behind_ip)
                                             : put_ipv4(recipe, made->bytes + network, behind_ip));
    if (recipe->gso == GSO_UDP)
        put_udp(made->bytes + transport, behind_ip);
    else
        put_tcp(recipe, made->bytes + transport);
    headers = transport + transport_bytes(recipe);
    for (uint32_t i = 0; i < recipe->payload; i++)
        made->bytes[headers + i] = (uint8_t)((i + recipe->noise) * 2654435761u >> 24);
    made->length = headers + recipe->payload;
    if (!recipe->needs_csum)
        return;
    made->offload.csum_start = (uint16_t)transport;
    made->offload.csum_offset = recipe->gso == GSO_UDP ? 6 : 16;
    put16(made->bytes + transport + made->offload.csum_offset,
          pseudo_sum(recipe, made->bytes + network, protocol, behind_ip));
}

unsigned recipe_headers(const struct recipe *recipe)
{
    return 14 + 4 * recipe->tags + network_bytes(recipe) + transport_bytes(recipe);
}

void leave_checksum(struct offload_frame *made, uint16_t start, uint16_t offset)
{
    made->offload.needs_csum = true;
    made->offload.csum_start = start;
    made->offload.csum_offset = offset;
}

static unsigned put_tags(const struct recipe *recipe, uint8_t *bytes)
{
    for (unsigned i = 0; i < recipe->tags; i++) {
        put16(bytes + 4 * i, recipe->tag[i].type);
        put16(bytes + 4 * i + 2, recipe->tag[i].tci);
    }
    return 4 * recipe->tags;
}

static unsigned put_ipv4(const struct recipe *recipe, uint8_t *ip, uint32_t length)
{
    static const uint8_t rest[] = {0x40, 0, 64, 0, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
    unsigned header = 20 + recipe->ip_options;

    ip[0] = (uint8_t)(0x40 | header / 4);
    ip[1] = 0;
    put16(ip + 2, header + length);
    put16(ip + 4, recipe->ip_id);
    memcpy(ip + 6, rest, sizeof(rest));
    ip[9] = recipe->gso == GSO_UDP ? 17 : 6;
    memset(ip + 20, 1, recipe->ip_options); /* no operation, RFC 791 */
    put16(ip + 10, ~add_words(ip, header, 0) & 0xffff);
    return header;
}

/* Extension headers (RFC 8200 section 4): options are padding, routing headers have arbitrary
 * addresses. */
static unsigned put_ipv6(const struct recipe *recipe, uint8_t *ip, uint32_t length)
{
    uint8_t *next = ip + 6, *at = ip + 40;

    memset(ip, 0, 40);
    ip[0] = 0x60;
    put16(ip + 4, network_bytes(recipe) - 40 + length);
    ip[7] = 64;
    for (unsigned i = 0; i < 32; i++)
        ip[8 + i] = (uint8_t)(i % 16 == 0 ? 0xfd : i % 16 == 15 ? 1 + i / 16 : 0);
    for (unsigned i = 0; i < recipe->extensions; i++) {
        unsigned bytes = 8 + recipe->extension[i].eights * 8u;

        *next = recipe->extension[i].protocol;
        next = at;
        memset(at, 0, bytes);
        at[1] = recipe->extension[i].eights;
        if (recipe->extension[i].protocol == 43) {
            at[2] = recipe->extension[i].type;
            at[3] = recipe->extension[i].left;
            for (unsigned j = 8; j < bytes; j++)
                at[j] = (uint8_t)(j * 13 + i);
        }
        at += bytes;
    }
    *next = recipe->gso == GSO_UDP ? 17 : 6;
    return (unsigned)(at - ip);
}

static void put_tcp(const struct recipe *recipe, uint8_t *tcp)
{
    put16(tcp, 5001);
    put16(tcp + 2, 80);
    put16(tcp + 4, recipe->sequence >> 16);
    put16(tcp + 6, recipe->sequence & 0xffff);
    memset(tcp + 8, 7, 4);
    tcp[12] = (uint8_t)((20 + recipe->tcp_options) / 4 << 4);
    tcp[13] = recipe->tcp_flags;
    put16(tcp + 14, 1000);
    put16(tcp + 16, 0);
    put16(tcp + 18, recipe->tcp_flags & 0x20 ? 3 : 0);
    memset(tcp + 20, 1, recipe->tcp_options);
}

static void put_udp(uint8_t *udp, uint32_t length)
{
    put16(udp, 5001);
    put16(udp + 2, 53);
    put16(udp + 4, length);
    put16(udp + 6, 0);
}

static uint16_t pseudo_sum(const struct recipe *recipe, const uint8_t *ip, uint8_t protocol,
                           uint32_t length)
{
    uint32_t sum = protocol + (length >> 16) + (length & 0xffff);

    if (!over_ipv6(recipe))
        return (uint16_t)add_words(ip + 12, 8, sum);
    return (uint16_t)add_words(ip + 8, 16, add_words(final_destination(recipe, ip), 16, sum));
}

/* RFC 8200 section 8.1: the final destination, not the next hop. The last address of types 0 and 2,
 * the first of type 4 (RFC 8754). */
static const uint8_t *final_destination(const struct recipe *recipe, const uint8_t *ip)
{
    const uint8_t *at = ip + 40, *to = ip + 24;

    for (unsigned i = 0; i < recipe->extensions; i++) {
        unsigned bytes = 8 + recipe->extension[i].eights * 8u, type = recipe->extension[i].type;

        if (recipe->extension[i].protocol == 43 && recipe->extension[i].left > 0 && bytes >= 24 &&
            (type == 0 || type == 2 || type == 4))
            to = type == 4 ? at + 8 : at + bytes - 16;
        at += bytes;
    }
    return to;
}

/* Adds the carries back, so that the sum has 16 bits. */
static uint32_t add_words(const uint8_t *bytes, unsigned length, uint32_t sum)
{
    for (unsigned i = 0; i < length; i += 2)
        sum += read_be16(bytes + i);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}
