/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "naive.h"

#include <stdlib.h>
#include <string.h>

/* Offsets of the headers of a GSO frame. */
struct headers {
    unsigned ip, transport, payload;
    unsigned to; /* IPv6: offset of the address of the final destination */
    bool ipv6, tcp;
};

static bool read_headers(const uint8_t *bytes, uint32_t length, unsigned gso,
                         struct headers *headers);
static unsigned skip_ipv6(const uint8_t *bytes, uint32_t length, unsigned at, unsigned protocol,
                          unsigned *to);
static void segment(const uint8_t *bytes, uint32_t length, const struct offload *offload,
                    struct wire *wire);
static void write_ip(uint8_t *frame, uint32_t length, const struct headers *headers,
                     unsigned number);
static void write_transport(uint8_t *frame, uint32_t length, const struct headers *headers,
                            uint32_t ahead, bool last);
static unsigned checksum(const uint8_t *bytes, uint32_t length, unsigned long sum);
static void put(uint8_t *at, unsigned value);

static unsigned get(const uint8_t *at)
{
    return at[0] * 256u + at[1];
}

enum drop_reason naive_check(const uint8_t *bytes, uint32_t length, unsigned tag,
                             struct offload *offload)
{
    if (offload->ecn && offload->gso != GSO_TCP4 && offload->gso != GSO_TCP6)
        return DROP_BAD_OFFLOAD;
    if (offload->gso != GSO_NONE) {
        struct headers headers;
        uint32_t payload;

        if (length > 65557)
            return DROP_GIANT;
        if (offload->gso_size == 0 || !read_headers(bytes, length, offload->gso, &headers))
            return DROP_BAD_OFFLOAD;
        if (offload->needs_csum && (offload->csum_start != headers.transport ||
                                    offload->csum_offset != (headers.tcp ? 16 : 6)))
            return DROP_BAD_OFFLOAD;
        payload = length - headers.payload;
        if (payload > 1024u * offload->gso_size)
            return DROP_BAD_OFFLOAD;
        if (payload > offload->gso_size)
            return headers.payload + offload->gso_size > 9234u ? DROP_GIANT : DROP_NONE;
        offload->gso = GSO_NONE;
        offload->ecn = false;
    }
    if (length > 9234)
        return DROP_GIANT;
    if (offload->needs_csum && (offload->csum_start < 14 + tag ||
                                offload->csum_start + 0l + offload->csum_offset + 2 > (long)length))
        return DROP_BAD_OFFLOAD;
    return DROP_NONE;
}

unsigned naive_headers(const uint8_t *bytes, uint32_t length, const struct offload *offload)
{
    struct headers headers;

    assert_true(read_headers(bytes, length, offload->gso, &headers));
    return headers.payload;
}

void naive_complete(const uint8_t *bytes, uint32_t length, const struct offload *offload,
                    struct wire *wire)
{
    uint8_t *whole;
    unsigned sum;

    if (offload->gso != GSO_NONE) {
        segment(bytes, length, offload, wire);
        return;
    }
    whole = malloc(length);
    assert_non_null(whole);
    memcpy(whole, bytes, length);
    sum = checksum(bytes + offload->csum_start, length - offload->csum_start, 0);
    put(whole + offload->csum_start + offload->csum_offset, sum == 0 ? 0xffff : sum);
    wire_put(wire, whole, length);
    free(whole);
}

static bool read_headers(const uint8_t *bytes, uint32_t length, unsigned gso,
                         struct headers *headers)
{
    unsigned at = 12, type;

    headers->tcp = gso == GSO_TCP4 || gso == GSO_TCP6;
    for (;;) {
        if (at + 2 > length)
            return false;
        type = get(bytes + at);
        if (type != 0x8100 && type != 0x88a8)
            break;
        at += 4;
    }
    at += 2;
    headers->ip = at;
    headers->ipv6 = type == 0x86dd;
    if ((gso == GSO_TCP4 && type != 0x0800) || (gso == GSO_TCP6 && type != 0x86dd) ||
        (type != 0x0800 && type != 0x86dd) || gso > GSO_UDP)
        return false;
    if (headers->ipv6) {
        at = skip_ipv6(bytes, length, at, headers->tcp ? 6 : 17, &headers->to);
        if (at == 0)
            return false;
    } else {
        if (at + 20 > length || bytes[at] / 16 != 4 || bytes[at] % 16 < 5)
            return false;
        /* of the fragment fields only "don't fragment" and the reserved bit may be set */
        if (bytes[at + 9] != (headers->tcp ? 6 : 17) || get(bytes + at + 6) % 0x4000 != 0)
            return false;
        at += bytes[at] % 16 * 4u;
    }
    headers->transport = at;
    if (at + (headers->tcp ? 20 : 8) > length)
        return false;
    if (headers->tcp && bytes[at + 12] / 16 < 5)
        return false;
    headers->payload = at + (headers->tcp ? bytes[at + 12] / 16 * 4u : 8);
    return headers->payload <= length && headers->payload <= 512;
}

/* Return: offset of the payload, 0 if there is none. */
static unsigned skip_ipv6(const uint8_t *bytes, uint32_t length, unsigned at, unsigned protocol,
                          unsigned *to)
{
    unsigned next;

    if (at + 40 > length || bytes[at] / 16 != 6)
        return 0;
    next = bytes[at + 6];
    *to = at + 24;
    at += 40;
    while (next == 0 || next == 43 || next == 60) {
        if (at + 8 > length)
            return 0;
        /* a source route that is not finished: the last address of types 0 and 2, the first of type
         * 4 */
        if (next == 43 && bytes[at + 3] > 0 && bytes[at + 1] >= 2) {
            if (bytes[at + 2] == 0 || bytes[at + 2] == 2)
                *to = at + 8u * bytes[at + 1] - 8;
            else if (bytes[at + 2] == 4)
                *to = at + 8;
        }
        next = bytes[at];
        at += 8 + 8u * bytes[at + 1];
    }
    return next == protocol ? at : 0;
}

static void segment(const uint8_t *bytes, uint32_t length, const struct offload *offload,
                    struct wire *wire)
{
    static uint8_t frame[GSO_FRAME_MAX + 64];
    struct headers headers;
    unsigned number = 0;

    assert_true(read_headers(bytes, length, offload->gso, &headers));
    for (uint32_t done = headers.payload; done < length; number++) {
        uint32_t part = length - done > offload->gso_size ? offload->gso_size : length - done;

        memcpy(frame, bytes, headers.payload);
        memcpy(frame + headers.payload, bytes + done, part);
        write_ip(frame, headers.payload + part, &headers, number);
        write_transport(frame, headers.payload + part, &headers, done - headers.payload,
                        done + part == length);
        wire_put(wire, frame, headers.payload + part);
        done += part;
    }
}

static void write_ip(uint8_t *frame, uint32_t length, const struct headers *headers,
                     unsigned number)
{
    uint8_t *ip = frame + headers->ip;

    if (headers->ipv6) {
        put(ip + 4, length - headers->ip - 40);
        return;
    }
    put(ip + 2, length - headers->ip);
    put(ip + 4, get(ip + 4) + number);
    put(ip + 10, 0);
    put(ip + 10, checksum(ip, headers->transport - headers->ip, 0));
}

/* AHEAD: bytes of payload in the segments before this one. */
static void write_transport(uint8_t *frame, uint32_t length, const struct headers *headers,
                            uint32_t ahead, bool last)
{
    uint8_t *transport = frame + headers->transport;
    const uint8_t *from = frame + headers->ip + (headers->ipv6 ? 8 : 12);
    const uint8_t *to = frame + (headers->ipv6 ? headers->to : headers->ip + 16);
    unsigned bytes = length - headers->transport, sum;
    unsigned long pseudo = bytes + (headers->tcp ? 6 : 17);

    for (unsigned i = 0; i < (headers->ipv6 ? 16 : 4); i += 2)
        pseudo += get(from + i) + get(to + i);
    if (headers->tcp) {
        unsigned long sequence = get(transport + 4) * 65536ul + get(transport + 6) + ahead;

        put(transport + 4, sequence / 65536 % 65536);
        put(transport + 6, sequence % 65536);
        if (ahead > 0)
            transport[13] &= 0x7f; /* CWR */
        if (!last)
            transport[13] &= 0xf6; /* PSH, FIN */
        put(transport + 16, 0);
        put(transport + 16, checksum(transport, bytes, pseudo));
    } else {
        put(transport + 4, bytes);
        put(transport + 6, 0);
        sum = checksum(transport, bytes, pseudo);
        put(transport + 6, sum == 0 ? 0xffff : sum);
    }
}

/* The complement of the one's complement sum; an odd byte counts as the upper half of a word. */
static unsigned checksum(const uint8_t *bytes, uint32_t length, unsigned long sum)
{
    for (uint32_t i = 0; i < length; i++)
        sum += i % 2 == 0 ? bytes[i] * 256ul : bytes[i];
    while (sum > 0xffff)
        sum = sum % 65536 + sum / 65536;
    return 0xffff - (unsigned)sum;
}

static void put(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value / 256);
    at[1] = (uint8_t)(value % 256);
}
