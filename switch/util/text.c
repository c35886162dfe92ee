/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned edit_distance(const char *a, const char *b);

void text_copy(char *to, size_t size, const char *from)
{
    size_t length = strnlen(from, size - 1);

    memcpy(to, from, length);
    to[length] = '\0';
}

void text_append(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;

    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

bool text_to_number(const char *text, unsigned long max, unsigned long *number)
{
    unsigned long value = 0, digit;

    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        digit = (unsigned long)(*text - '0');
        if (digit > max || value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return true;
}

bool text_to_hex(const char *text, unsigned long max, unsigned long *number)
{
    const char *digits = text + 2;

    if (text[0] != '0' || (text[1] != 'x' && text[1] != 'X') || !*digits || strlen(digits) > 8 ||
        digits[strspn(digits, "0123456789abcdefABCDEF")])
        return false;
    *number = strtoul(digits, NULL, 16);
    return *number <= max;
}

bool text_to_mac(const char *text, uint8_t mac[6])
{
    char separator = text[strspn(text, "0123456789abcdefABCDEF")];

    if (separator != ':' && separator != '.' && separator != '-')
        return false;
    for (int i = 0; i < 6; i++) {
        size_t digits = strspn(text, "0123456789abcdefABCDEF");

        if (digits < 1 || digits > 2 || text[digits] != (i < 5 ? separator : '\0'))
            return false;
        mac[i] = (uint8_t)strtoul(text, NULL, 16);
        text += digits + 1;
    }
    return true;
}

const char *text_from_mac(const uint8_t mac[6], char text[MAC_TEXT])
{
    snprintf(text, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
             mac[4], mac[5]);
    return text;
}

bool text_is_harmless(const char *at, size_t left)
{
    bool ends_prompt = *at == '$' && (left == 1 || at[1] == ' ');

    return *at >= 0x20 && *at < 0x7f && !ends_prompt;
}

bool text_escape(char *out, size_t size, const void *said, size_t length)
{
    const char *from = said;
    size_t used = 0;

    for (size_t i = 0; i < length; i++) {
        char piece[5];
        int n;

        if (from[i] == '\\')
            n = snprintf(piece, sizeof(piece), "\\\\");
        else if (!text_is_harmless(from + i, length - i))
            n = snprintf(piece, sizeof(piece), "\\x%02x", (unsigned char)from[i]);
        else
            n = snprintf(piece, sizeof(piece), "%c", from[i]);
        if (used + (size_t)n >= size) {
            out[used] = '\0';
            return false;
        }
        memcpy(out + used, piece, (size_t)n);
        used += (size_t)n;
    }
    out[used] = '\0';
    return true;
}

char *text_escaped(const void *said, size_t length)
{
    enum { WIDEST = 4 };
    char *text = malloc(length * WIDEST + 1);

    if (text)
        text_escape(text, length * WIDEST + 1, said, length);
    return text;
}

const char *text_nearest(const char *text, const char *const *candidates)
{
    const char *nearest = NULL;
    unsigned best = 3;

    for (; *candidates; candidates++) {
        unsigned distance = edit_distance(text, *candidates);

        /* "x" is two edits away from every two-letter word: such a guess would mislead. */
        if (distance < best && distance < strlen(*candidates)) {
            best = distance;
            nearest = *candidates;
        }
    }
    return nearest;
}

/* Optimal string alignment distance: insertion, deletion, substitution and transposition of
 * neighbours cost one each. */
static unsigned edit_distance(const char *a, const char *b)
{
    enum { LONGEST = 32 };
    unsigned row[3][LONGEST + 1];
    size_t la = strlen(a), lb = strlen(b);

    if (la > LONGEST || lb > LONGEST)
        return LONGEST;
    for (unsigned j = 0; j <= lb; j++)
        row[0][j] = j;
    for (unsigned i = 1; i <= la; i++) {
        unsigned *now = row[i % 3], *before = row[(i - 1) % 3], *earlier = row[(i + 1) % 3];

        now[0] = i;
        for (unsigned j = 1; j <= lb; j++) {
            unsigned cost = before[j - 1] + (a[i - 1] != b[j - 1]);

            if (before[j] + 1 < cost)
                cost = before[j] + 1;
            if (now[j - 1] + 1 < cost)
                cost = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                earlier[j - 2] + 1 < cost)
                cost = earlier[j - 2] + 1;
            now[j] = cost;
        }
    }
    return row[la % 3][lb];
}
