/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/vidset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_vid(const char **text, unsigned *vid);

unsigned vidset_next(const struct vidset *set, unsigned vid)
{
    while (vid < VID_COUNT) {
        uint64_t rest = set->bits[vid / 64] >> (vid % 64);

        if (rest)
            return vid + (unsigned)__builtin_ctzll(rest);
        vid = (vid / 64 + 1) * 64;
    }
    return VID_COUNT;
}

bool vidset_parse(const char *text, struct vidset *set)
{
    memset(set, 0, sizeof(*set));
    for (;;) {
        unsigned first, last;

        if (!read_vid(&text, &first))
            return false;
        last = first;
        if (*text == '-') {
            text++;
            if (!read_vid(&text, &last) || last < first)
                return false;
        }
        for (unsigned vid = first; vid <= last; vid++)
            vidset_add(set, vid);
        if (!*text)
            return true;
        if (*text++ != '+')
            return false;
    }
}

void vidset_format(const struct vidset *set, char *text, size_t size)
{
    size_t used = 0;

    *text = '\0';
    for (unsigned vid = vidset_next(set, 0); vid < VID_COUNT && used < size;) {
        unsigned last = vid;
        int n;

        while (last + 1 < VID_COUNT && vidset_has(set, last + 1))
            last++;
        n = snprintf(text + used, size - used, last > vid ? "%s%u-%u" : "%s%u", used ? "+" : "",
                     vid, last);
        used += (size_t)n;
        vid = last + 1 < VID_COUNT ? vidset_next(set, last + 1) : VID_COUNT;
    }
}

static bool read_vid(const char **text, unsigned *vid)
{
    unsigned value = 0;
    const char *at = *text;

    while (*at >= '0' && *at <= '9' && value <= VID_MAX)
        value = value * 10 + (unsigned)(*at++ - '0');
    if (at == *text || value < VID_MIN || value > VID_MAX)
        return false;
    *text = at;
    *vid = value;
    return true;
}
