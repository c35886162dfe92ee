/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * text.h - strict parsing of user input, safe printing of text from peers
 */
#ifndef VSW_UTIL_TEXT_H
#define VSW_UTIL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "xx:xx:xx:xx:xx:xx" and its NUL */
enum { MAC_TEXT = 18 };

/* text_copy() - copies FROM to the SIZE bytes at TO, truncating it if necessary; always
 * NUL-terminates */
void text_copy(char *to, size_t size, const char *from);

/* text_append() - writes behind TEXT, printf style, as much as its SIZE bytes have room for */
void text_append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* text_to_number() - parses all of TEXT as an unsigned decimal number
 *
 * No sign, no blanks, no other base: "010" is ten.
 * Return: false if TEXT is anything else or the number exceeds MAX; *NUMBER is then unchanged.
 */
bool text_to_number(const char *text, unsigned long max, unsigned long *number);

/* text_to_hex() - as text_to_number(), for 0x and up to eight hexadecimal digits; a failure may
 * change *NUMBER */
bool text_to_hex(const char *text, unsigned long max, unsigned long *number);

/* text_to_mac() - parses xx:xx:xx:xx:xx:xx, also separated by dots or dashes, one or two digits
 * each
 * Return: false if TEXT is anything else; MAC is then unspecified.
 */
bool text_to_mac(const char *text, uint8_t mac[6]);

/* text_from_mac() - formats MAC as xx:xx:xx:xx:xx:xx. Return: TEXT. */
const char *text_from_mac(const uint8_t mac[6], char text[MAC_TEXT]);

/* text_is_harmless() - whether the character at AT may stand in a line for a terminal or a log
 * @left: characters from AT to the end of the text, at least one
 *
 * Printable ASCII may, except a $ that a blank or the end follows: it would look like the console's
 * prompt.
 */
bool text_is_harmless(const char *at, size_t left);

/* text_escape() - escapes text from a peer for a terminal, a log or a reply
 * @out:    receives printable ASCII only, always NUL-terminated: a byte below 0x20 or from 0x7f up
 *          becomes \xHH, a backslash becomes \\, and a $ that a blank or the end follows \x24 (see
 *          text_is_harmless())
 * @size:   bytes at OUT; text that does not fit is cut between two escapes
 * @said:   the text, LENGTH bytes, not NUL-terminated
 *
 * Return: false if it was cut.
 */
bool text_escape(char *out, size_t size, const void *said, size_t length);

/* text_escaped() - as text_escape(), never cut, in a new string. Return: the caller's to free, or
 * NULL if out of memory. */
char *text_escaped(const void *said, size_t length);

/* text_nearest() - the candidate that TEXT is most likely a misspelling of
 * @candidates: NULL-terminated
 *
 * Return: one of CANDIDATES at an edit distance of at most two, or NULL.
 */
const char *text_nearest(const char *text, const char *const *candidates);

#endif
