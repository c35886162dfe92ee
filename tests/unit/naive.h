/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * naive.h - checksums and segments as the standards describe them, for the switch's own to be compared with
 *
 * Written from RFC 1071, 791, 8200, 9293 and 768, byte by byte and with numbers spelled out; each segment is a whole
 * frame, made anew. It shares nothing with core/offload.c but the names.
 */
#ifndef VSW_TESTS_NAIVE_H
#define VSW_TESTS_NAIVE_H

#include "fake_port.h"

/* naive_check() - may the frame come in? Turns a super-frame of one segment into an ordinary frame.
 * @tag: how many bytes of a tag, which the switch knows about, stand in front of the type (0 or 4) */
enum drop_reason naive_check(const uint8_t *bytes, uint32_t length, unsigned tag,
                             struct offload *offload);

/* naive_headers() - where the payload of a sound super-frame begins */
unsigned naive_headers(const uint8_t *bytes, uint32_t length, const struct offload *offload);

/* naive_finish() - puts what a sound frame becomes to the end of WIRE */
void naive_finish(const uint8_t *bytes, uint32_t length, const struct offload *offload,
                  struct wire *wire);

#endif
