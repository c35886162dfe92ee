/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * text.h - strict parsing of what users type, safe printing of what peers say
 */
#ifndef VSW_UTIL_TEXT_H
#define VSW_UTIL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "xx:xx:xx:xx:xx:xx" and its NUL */
enum { MAC_TEXT = 18 };

/* text_copy() - copies FROM to the SIZE bytes at TO, cutting it if it must, always NUL-terminated */
void text_copy(char *to, size_t size, const char *from);

/* text_append() - writes behind TEXT, printf style, as much as its SIZE bytes have room for */
void text_append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* text_to_number() - reads all of TEXT as an unsigned decimal number
 *
 * No sign, no blanks, no other base: "010" is ten.
 * Return: false if TEXT is anything else or the number exceeds MAX.
 */
bool text_to_number(const char *text, unsigned long max, unsigned long *number);

/* text_to_hex() - the same in hexadecimal, behind 0x */
bool text_to_hex(const char *text, unsigned long max, unsigned long *number);

/* text_to_mac() - reads xx:xx:xx:xx:xx:xx, or the same with dots or dashes, into 6 bytes; one digit will do for two */
bool text_to_mac(const char *text, uint8_t mac[6]);

/* text_from_mac() - writes MAC as xx:xx:xx:xx:xx:xx to TEXT and returns TEXT */
const char *text_from_mac(const uint8_t mac[6], char text[MAC_TEXT]);

/* text_is_harmless() - may the character at AT, of which LEFT bytes are left, stand in a line for a terminal, a log or a
 * reply? Printable ASCII may, but no $ that a blank or nothing follows: it would look like the console's prompt. */
bool text_is_harmless(const char *at, size_t left);

/* text_escape() - copies what a peer said into something fit for a terminal, a log or a reply
 * @out:  receives printable ASCII only, always NUL-terminated: a byte below 0x20 or from 0x7f up becomes \xHH,
 *        a backslash becomes \\, and a $ that a blank or nothing follows \x24: it would look like the console's prompt
 * @size: of OUT; a text that does not fit is cut between two escapes
 *
 * Return: false if it was cut.
 */
bool text_escape(char *out, size_t size, const void *said, size_t length);

/* text_escaped() - the same, whole, as a new string. Return: NULL if there is no memory. */
char *text_escaped(const void *said, size_t length);

/* text_nearest() - the candidate that TEXT was probably meant to be
 * @candidates: NULL-terminated
 *
 * Return: one of CANDIDATES at an edit distance of at most two, or NULL.
 */
const char *text_nearest(const char *text, const char *const *candidates);

#endif
