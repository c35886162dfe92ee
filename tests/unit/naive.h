/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * naive.h - checksums and segments as the standards describe them, to compare the switch's own with
 *
 * Written from RFC 1071, 791, 8200, 9293 and 768, byte by byte and with literal numbers; each
 * segment is a complete frame, newly written. It shares nothing with core/offload.c but the names.
 */
#ifndef VSW_TESTS_NAIVE_H
#define VSW_TESTS_NAIVE_H

#include "fake_port.h"

/* naive_check() - the drop reason for a frame; turns a GSO frame of one segment into an ordinary
 * frame
 * @tag: bytes of a tag known to the switch that precede the EtherType (0 or 4)
 */
enum drop_reason naive_check(const uint8_t *bytes, uint32_t length, unsigned tag,
                             struct offload *offload);

/* naive_headers() - offset of the payload of a valid GSO frame */
unsigned naive_headers(const uint8_t *bytes, uint32_t length, const struct offload *offload);

/* naive_complete() - appends to WIRE the frame or segments that a valid frame becomes */
void naive_complete(const uint8_t *bytes, uint32_t length, const struct offload *offload,
                    struct wire *wire);

#endif
