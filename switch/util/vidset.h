/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vidset.h - a set of VLAN IDs, and its text form 10+20-29
 *
 * IEEE 802.1Q-2018 table 9-2: a VID has 12 bits, 0 means "no VLAN, priority only" and 4095 is reserved.
 */
#ifndef VSW_UTIL_VIDSET_H
#define VSW_UTIL_VIDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VID_COUNT = 4096,
    VID_MIN = 1,        /* the smallest that a tag can carry as a VLAN */
    VID_MAX = 4094,     /* the largest */
    VID_NONE = 4095,    /* as an untagged VLAN: "drop untagged frames", in VDE as here */
    VIDSET_TEXT = 20480 /* enough for the longest text form */
};

struct vidset {
    uint64_t bits[VID_COUNT / 64];
};

static inline bool vidset_has(const struct vidset *set, unsigned vid)
{
    return set->bits[vid / 64] >> (vid % 64) & 1;
}

static inline void vidset_add(struct vidset *set, unsigned vid)
{
    set->bits[vid / 64] |= UINT64_C(1) << (vid % 64);
}

static inline void vidset_remove(struct vidset *set, unsigned vid)
{
    set->bits[vid / 64] &= ~(UINT64_C(1) << (vid % 64));
}

/* vidset_next() - the smallest member from VID up
 *
 * Return: VID_COUNT when there is none.
 */
unsigned vidset_next(const struct vidset *set, unsigned vid);

static inline bool vidset_empty(const struct vidset *set)
{
    return vidset_next(set, 0) == VID_COUNT;
}

/* vidset_parse() - reads 10+20-29 (VIDs 1 to 4094, ranges ascending) into SET, which it clears first
 *
 * Return: false if TEXT is anything else; SET is then unspecified.
 */
bool vidset_parse(const char *text, struct vidset *set);

/* vidset_format() - writes SET to TEXT in the form that vidset_parse() reads; the empty set is "" */
void vidset_format(const struct vidset *set, char *text, size_t size);

#endif
