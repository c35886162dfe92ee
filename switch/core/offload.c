/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/offload.h"

#include <assert.h>
#include <string.h>

/* IP protocol numbers (IANA) and where things stand in the headers: RFC 791, 8200, 9293, 768. */
enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };
enum { HOP_BY_HOP = 0, ROUTING = 43, DESTINATION = 60 };
enum { IPV4_HEADER = 20, IPV4_LENGTH = 2, IPV4_ID = 4, IPV4_FRAGMENT = 6, IPV4_PROTOCOL = 9 };
enum { IPV4_CHECKSUM = 10, IPV4_FROM = 12, IPV4_MORE_OR_OFFSET = 0x3fff };
enum { IPV6_HEADER = 40, IPV6_LENGTH = 4, IPV6_NEXT = 6, IPV6_FROM = 8, IPV6_TO = 24 };
enum { IPV6_ADDRESS = 16, ROUTING_HEADER = 8, ROUTING_TYPE = 2, ROUTING_LEFT = 3 };
enum { TCP_HEADER = 20, TCP_SEQUENCE = 4, TCP_OFFSET = 12, TCP_FLAGS = 13, TCP_CHECKSUM = 16 };
enum { TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_CWR = 0x80 };
enum { UDP_HEADER = 8, UDP_LENGTH = 4, UDP_CHECKSUM = 6 };

/* One frame's segments always fit, whatever they are. */
static_assert((int)SCRATCH_SEGMENTS >= (int)SEGMENTS_MAX, "a frame's segments do not fit");
static_assert((int)SCRATCH_BYTES >= (int)SEGMENTS_MAX * (int)HEADERS_MAX, "nor their headers");
static_assert((int)SCRATCH_SEGMENTS <= UINT16_MAX, "their places are uint16_t");
static_assert((int)SCRATCH_BYTES >= (int)FRAME_MAX, "nor a frame with its checksum at its end");

static enum drop_reason parse_gso_frame(struct frame *frame);
static bool find_headers(struct frame *frame);
static unsigned skip_tags(const struct frame *frame, uint16_t *type);
static unsigned find_ipv4_payload(const struct frame *frame, unsigned at, uint8_t protocol);
static unsigned find_ipv6_payload(const struct frame *frame, unsigned at, uint8_t protocol);

static unsigned segment_frame(struct gso_scratch *scratch, const struct frame *frame);
static unsigned complete_checksum(struct gso_scratch *scratch, const struct frame *frame);
static struct segment *add_segment(struct gso_scratch *scratch, const struct frame *frame,
                                   uint32_t head, uint32_t from, uint32_t length);
static void number_segment(uint8_t *head, const struct offload *offload, unsigned number,
                           uint32_t payload, bool last);
static void adjust_ip(uint8_t *ip, const struct offload *offload, unsigned number, uint32_t length);
static void adjust_tcp(uint8_t *tcp, const struct offload *offload, unsigned number, bool last);
static void seal(const struct segment *segment, uint8_t *head, const struct offload *offload);
static uint64_t sum_addresses(const uint8_t *ip, const struct offload *offload, uint32_t length);
static const uint8_t *final_destination(const uint8_t *ip, const struct offload *offload);
static uint64_t sum(const uint8_t *bytes, size_t length, uint64_t so_far);
static uint16_t fold(uint64_t sum);
static void write_be16(uint8_t *at, uint16_t value);

static bool is_ipv6(const struct offload *offload)
{
    return offload->gso == GSO_TCP6 || (offload->gso == GSO_UDP && offload->ipv6);
}

static bool is_tcp(const struct offload *offload)
{
    return offload->gso == GSO_TCP4 || offload->gso == GSO_TCP6;
}

enum drop_reason offload_parse_metadata(struct frame *frame)
{
    const struct offload *offload = &frame->offload;

    if (offload->ecn && !is_tcp(offload))
        return DROP_BAD_OFFLOAD;
    if (offload->gso != GSO_NONE) {
        enum drop_reason reason = parse_gso_frame(frame);

        if (reason != DROP_NONE || offload->gso != GSO_NONE)
            return reason;
    }
    if (frame->length > FRAME_MAX)
        return DROP_GIANT;
    if (offload->needs_csum &&
        (offload->csum_start < FRAME_HEADER + frame->tag_bytes ||
         (uint32_t)offload->csum_start + offload->csum_offset + 2 > frame->length))
        return DROP_BAD_OFFLOAD;
    return DROP_NONE;
}

unsigned offload_needs(const struct offload *offload)
{
    static const uint8_t gso[] = {
        [GSO_NONE] = 0,
        [GSO_TCP4] = OFFLOAD_TSO4,
        [GSO_TCP6] = OFFLOAD_TSO6,
        [GSO_UDP] = OFFLOAD_USO,
    };
    static_assert(sizeof(gso) == GSO_TYPES, "a kind of GSO frame needs no capability");

    return (offload->needs_csum ? OFFLOAD_CSUM : 0u) | gso[offload->gso] |
           (offload->ecn ? OFFLOAD_ECN : 0u);
}

unsigned offload_complete(struct gso_scratch *scratch, unsigned index, const struct frame *frame,
                          const struct segment **segments)
{
    struct gso_result *entry = &scratch->frame[index];

    if (!(scratch->known & UINT64_C(1) << index)) {
        entry->first = (uint16_t)scratch->segments;
        entry->count =
            (uint16_t)(frame->offload.gso != GSO_NONE ? segment_frame(scratch, frame)
                                                      : complete_checksum(scratch, frame));
        if (entry->count == 0)
            return 0;
        scratch->known |= UINT64_C(1) << index;
    }
    *segments = &scratch->segment[entry->first];
    return entry->count;
}

static enum drop_reason parse_gso_frame(struct frame *frame)
{
    struct offload *offload = &frame->offload;
    uint32_t payload;

    if (frame->length > GSO_FRAME_MAX)
        return DROP_GIANT;
    if (offload->gso >= GSO_TYPES || offload->gso_size == 0 || !find_headers(frame))
        return DROP_BAD_OFFLOAD;
    if (offload->needs_csum &&
        (offload->csum_start != offload->transport ||
         offload->csum_offset != (is_tcp(offload) ? TCP_CHECKSUM : UDP_CHECKSUM)))
        return DROP_BAD_OFFLOAD;
    payload = frame->length - offload->headers;
    if (payload <= offload->gso_size) {
        offload->gso = GSO_NONE;
        offload->ecn = false;
        return DROP_NONE;
    }
    if ((payload + offload->gso_size - 1) / offload->gso_size > SEGMENTS_MAX)
        return DROP_BAD_OFFLOAD;
    return (uint32_t)offload->headers + offload->gso_size > FRAME_MAX ? DROP_GIANT : DROP_NONE;
}

/* Return: false if these are not the headers of what the frame claims to be. */
static bool find_headers(struct frame *frame)
{
    struct offload *offload = &frame->offload;
    uint8_t protocol = is_tcp(offload) ? PROTOCOL_TCP : PROTOCOL_UDP;
    uint16_t type;
    unsigned network = skip_tags(frame, &type), transport, length;

    offload->ipv6 = type == ETHERTYPE_IPV6;
    if (type != (is_ipv6(offload) ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4))
        return false;
    transport = is_ipv6(offload) ? find_ipv6_payload(frame, network, protocol)
                                 : find_ipv4_payload(frame, network, protocol);
    if (transport == 0 || transport + (is_tcp(offload) ? TCP_HEADER : UDP_HEADER) > frame->length)
        return false;
    length = is_tcp(offload) ? (frame->bytes[transport + TCP_OFFSET] >> 4) * 4u : UDP_HEADER;
    if (length < UDP_HEADER || (is_tcp(offload) && length < TCP_HEADER) ||
        transport + length > frame->length || transport + length > HEADERS_MAX)
        return false;
    offload->network = (uint16_t)network;
    offload->transport = (uint16_t)transport;
    offload->headers = (uint16_t)(transport + length);
    return true;
}

/* Where the network header begins, behind the tag that the switch knows and any that it does not look at. */
static unsigned skip_tags(const struct frame *frame, uint16_t *type)
{
    unsigned at = FRAME_HEADER + frame->tag_bytes;

    *type = read_be16(frame->bytes + at - 2);
    while ((*type == ETHERTYPE_CTAG || *type == ETHERTYPE_STAG) && at + TAG_BYTES < frame->length) {
        at += TAG_BYTES;
        *type = read_be16(frame->bytes + at - 2);
    }
    return at;
}

/* Return: where the payload of the IPv4 header at AT begins, 0 if it is not a whole packet of PROTOCOL. */
static unsigned find_ipv4_payload(const struct frame *frame, unsigned at, uint8_t protocol)
{
    const uint8_t *ip = frame->bytes + at;
    unsigned length;

    if (at + IPV4_HEADER > frame->length || ip[0] >> 4 != 4)
        return 0;
    length = (ip[0] & 0x0f) * 4u;
    if (length < IPV4_HEADER || at + length > frame->length || ip[IPV4_PROTOCOL] != protocol ||
        (read_be16(ip + IPV4_FRAGMENT) & IPV4_MORE_OR_OFFSET) != 0)
        return 0;
    return at + length;
}

/* The same for IPv6, past the extension headers that every segment may carry. */
static unsigned find_ipv6_payload(const struct frame *frame, unsigned at, uint8_t protocol)
{
    uint8_t next;

    if (at + IPV6_HEADER > frame->length || frame->bytes[at] >> 4 != 6)
        return 0;
    next = frame->bytes[at + IPV6_NEXT];
    at += IPV6_HEADER;
    while (next == HOP_BY_HOP || next == ROUTING || next == DESTINATION) {
        unsigned length;

        if (at + 8 > frame->length)
            return 0;
        next = frame->bytes[at];
        length = (frame->bytes[at + 1] + 1u) * 8;
        at += length;
    }
    return next == protocol && at <= frame->length ? at : 0;
}

static unsigned segment_frame(struct gso_scratch *scratch, const struct frame *frame)
{
    const struct offload *offload = &frame->offload;
    unsigned number = 0;

    for (uint32_t at = offload->headers; at < frame->length; number++) {
        uint32_t left = frame->length - at;
        uint32_t length = left < offload->gso_size ? left : offload->gso_size;
        struct segment *segment = add_segment(scratch, frame, offload->headers, at, length);

        if (!segment)
            return 0;
        number_segment(segment->head, offload, number, length, length == left);
        seal(segment, segment->head, offload);
        at += length;
    }
    return number;
}

/* An ordinary frame whose checksum field holds the sum of the pseudo header so far. */
static unsigned complete_checksum(struct gso_scratch *scratch, const struct frame *frame)
{
    const struct offload *offload = &frame->offload;
    uint32_t field = (uint32_t)offload->csum_start + offload->csum_offset;
    struct segment *segment =
        add_segment(scratch, frame, field + 2, field + 2, frame->length - field - 2);
    uint16_t checksum;

    if (!segment)
        return 0;
    checksum =
        fold(sum(frame->bytes + offload->csum_start, frame->length - offload->csum_start, 0));
    write_be16(segment->head + field, checksum ? checksum : 0xffff);
    return 1;
}

/* A segment with a copy of FRAME's first HEAD bytes, followed by LENGTH of its bytes at FROM. NULL: no room. */
static struct segment *add_segment(struct gso_scratch *scratch, const struct frame *frame,
                                   uint32_t head, uint32_t from, uint32_t length)
{
    struct segment *segment = &scratch->segment[scratch->segments];

    if (scratch->segments == SCRATCH_SEGMENTS || scratch->used + head > SCRATCH_BYTES)
        return NULL;
    *segment = (struct segment){
        .head = scratch->bytes + scratch->used,
        .head_length = head,
        .payload = frame->bytes + from,
        .payload_length = length,
    };
    memcpy(segment->head, frame->bytes, head);
    scratch->segments++;
    scratch->used += head;
    return segment;
}

/* Writes into HEAD what differs between the segments of a frame, but for the transport's checksum. */
static void number_segment(uint8_t *head, const struct offload *offload, unsigned number,
                           uint32_t payload, bool last)
{
    uint32_t transport = offload->headers - offload->transport + payload;

    adjust_ip(head + offload->network, offload, number,
              offload->transport - offload->network + transport);
    if (is_tcp(offload))
        adjust_tcp(head + offload->transport, offload, number, last);
    else
        write_be16(head + offload->transport + UDP_LENGTH, (uint16_t)transport);
}

/* LENGTH: of the IP packet, its header included. Each IPv4 packet has an ID of its own (RFC 6864). */
static void adjust_ip(uint8_t *ip, const struct offload *offload, unsigned number, uint32_t length)
{
    if (is_ipv6(offload)) {
        write_be16(ip + IPV6_LENGTH, (uint16_t)(length - IPV6_HEADER));
        return;
    }
    write_be16(ip + IPV4_LENGTH, (uint16_t)length);
    write_be16(ip + IPV4_ID, (uint16_t)(read_be16(ip + IPV4_ID) + number));
    write_be16(ip + IPV4_CHECKSUM, 0);
    write_be16(ip + IPV4_CHECKSUM, fold(sum(ip, (ip[0] & 0x0fu) * 4, 0)));
}

/* CWR belongs to the first segment, FIN and PSH to the last. */
static void adjust_tcp(uint8_t *tcp, const struct offload *offload, unsigned number, bool last)
{
    uint32_t sequence =
        (uint32_t)read_be16(tcp + TCP_SEQUENCE) << 16 | read_be16(tcp + TCP_SEQUENCE + 2);

    sequence += number * offload->gso_size;
    write_be16(tcp + TCP_SEQUENCE, (uint16_t)(sequence >> 16));
    write_be16(tcp + TCP_SEQUENCE + 2, (uint16_t)sequence);
    if (number > 0)
        tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
    if (!last)
        tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
}

/* The transport's checksum, from nothing: what the GSO frame had in its place is not relied upon. */
static void seal(const struct segment *segment, uint8_t *head, const struct offload *offload)
{
    uint8_t *transport = head + offload->transport;
    uint32_t length = offload->headers - offload->transport;
    uint8_t *field = transport + (is_tcp(offload) ? TCP_CHECKSUM : UDP_CHECKSUM);
    uint64_t total =
        sum_addresses(head + offload->network, offload, length + (uint32_t)segment->payload_length);
    uint16_t checksum;

    write_be16(field, 0);
    total = sum(transport, length, total);
    checksum = fold(sum(segment->payload, segment->payload_length, total));
    /* RFC 768: zero would mean that there is none. */
    write_be16(field, checksum || is_tcp(offload) ? checksum : 0xffff);
}

/* The pseudo header: both addresses, the protocol and LENGTH (RFC 9293 section 3.1, RFC 8200 section 8.1). */
static uint64_t sum_addresses(const uint8_t *ip, const struct offload *offload, uint32_t length)
{
    uint8_t rest[8] = {0, 0, (uint8_t)(length >> 8), (uint8_t)length, 0, 0, 0, 0};

    rest[7] = is_tcp(offload) ? PROTOCOL_TCP : PROTOCOL_UDP;
    if (!is_ipv6(offload))
        return sum(ip + IPV4_FROM, 8, sum(rest, sizeof(rest), 0));
    return sum(ip + IPV6_FROM, IPV6_ADDRESS,
               sum(final_destination(ip, offload), IPV6_ADDRESS, sum(rest, sizeof(rest), 0)));
}

/* The address in the header is but the next stop while a routing header has some left: the last one of types 0 and 2
 * (RFC 8200 section 8.1, RFC 6275), the first of type 4, whose list runs backwards (RFC 8754 section 2). */
static const uint8_t *final_destination(const uint8_t *ip, const struct offload *offload)
{
    const uint8_t *to = ip + IPV6_TO, *end = ip + offload->transport - offload->network;
    uint8_t next = ip[IPV6_NEXT];

    for (const uint8_t *at = ip + IPV6_HEADER; at < end;) {
        unsigned length = (at[1] + 1u) * 8, type = at[ROUTING_TYPE];

        if (next == ROUTING && at[ROUTING_LEFT] > 0 && length >= ROUTING_HEADER + IPV6_ADDRESS) {
            if (type == 0 || type == 2)
                to = at + length - IPV6_ADDRESS;
            else if (type == 4)
                to = at + ROUTING_HEADER;
        }
        next = at[0];
        at += length;
    }
    return to;
}

/* The Internet checksum's sum (RFC 1071), in the order of this machine's bytes; parts must have even lengths, but the
 * last. 32 bits at a time: the upper half of the result has room for all the carries of a frame. */
static uint64_t sum(const uint8_t *bytes, size_t length, uint64_t so_far)
{
    uint64_t even = so_far, odd = 0;
    uint32_t word[2];
    uint16_t half = 0;

    for (; length >= sizeof(word); length -= sizeof(word), bytes += sizeof(word)) {
        memcpy(word, bytes, sizeof(word));
        even += word[0];
        odd += word[1];
    }
    for (; length >= sizeof(half); length -= sizeof(half), bytes += sizeof(half)) {
        memcpy(&half, bytes, sizeof(half));
        even += half;
    }
    if (length > 0) {
        half = 0;
        memcpy(&half, bytes, 1);
        even += half;
    }
    return even + odd;
}

/* Return: the checksum as a number, as write_be16() writes it. */
static uint16_t fold(uint64_t sum)
{
    uint16_t folded;
    uint8_t bytes[2];

    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    folded = (uint16_t)~sum;
    memcpy(bytes, &folded, sizeof(bytes));
    return read_be16(bytes);
}

static void write_be16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}
