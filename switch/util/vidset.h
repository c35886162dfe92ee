/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vidset.h - sets of VLAN IDs, and their text form 10+20-29
 *
 * IEEE 802.1Q-2018 table 9-2: a VID has 12 bits, 0 means "no VLAN, priority only" and 4095 is
 * reserved.
 */
#ifndef VSW_UTIL_VIDSET_H
#define VSW_UTIL_VIDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VID_COUNT = 4096,
    VID_MIN = 1,        /* lowest VID that identifies a VLAN in a tag */
    VID_MAX = 4094,     /* highest */
    VID_NONE = 4095,    /* as a port's untagged VLAN: "drop untagged frames", as in VDE */
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

/* vidset_next() - the lowest member that is not below VID
 *
 * Return: VID_COUNT if there is none.
 */
unsigned vidset_next(const struct vidset *set, unsigned vid);

static inline bool vidset_empty(const struct vidset *set)
{
    return vidset_next(set, 0) == VID_COUNT;
}

/* vidset_parse() - parses 10+20-29 (VIDs 1 to 4094, ranges ascending) into SET, replacing its
 * contents
 *
 * Return: false if TEXT is anything else; SET is then unspecified.
 */
bool vidset_parse(const char *text, struct vidset *set);

/* vidset_format() - writes SET to the SIZE bytes at TEXT (VIDSET_TEXT always suffice) in the form
 * that vidset_parse() reads
 *
 * The empty set is "".
 */
void vidset_format(const struct vidset *set, char *text, size_t size);

#endif
