/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_text.c - parsing of user input, and escaping of text from peers
 */
#include "fake_port.h"

#include "util/error.h"
#include "util/text.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static void check_number(const char *text, unsigned long max, unsigned long expected)
{
    unsigned long number = ~expected;

    if (!text_to_number(text, max, &number))
        fail_msg("\"%s\" was refused", text);
    assert_int_equal(number, expected);
}

static void check_no_number(const char *text, unsigned long max)
{
    unsigned long number;

    if (text_to_number(text, max, &number))
        fail_msg("\"%s\" was accepted, with %lu at most", text, max);
}

static void test_numbers(void **state)
{
    (void)state;
    check_number("0", 10, 0);
    check_number("0", 0, 0);
    check_number("7", 7, 7);
    check_number("010", 10, 10);
    check_number("00000000000000000000000000000001", 1, 1);
    check_number("4095", 4095, 4095);
    check_number("18446744073709551615", ULONG_MAX, ULONG_MAX);
}

static void test_not_numbers(void **state)
{
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "1a", "0x10", "1.0", "\n"};

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_no_number(bad[i], 1000);
}

static void test_numbers_too_large(void **state)
{
    (void)state;
    check_no_number("4096", 4095);
    check_no_number("11", 10);
    check_no_number("10", 9);
    check_no_number("18446744073709551616", ULONG_MAX);
    check_no_number("99999999999999999999999", ULONG_MAX);
}

/* The maximum may be less than a single digit. */
static void test_numbers_too_large_for_a_small_bound(void **state)
{
    (void)state;
    check_no_number("1", 0);
    check_no_number("2", 1);
    check_no_number("9", 7);
    check_no_number("12", 1);
    check_no_number("05", 3);
}

static void test_macs(void **state)
{
    static const uint8_t expected[6] = {0x00, 0xff, 0x1a, 0xB2, 0x03, 0xc4};
    static const char *const good[] = {
        "00:ff:1a:b2:03:c4",
        "00.ff.1a.b2.03.c4",
        "00-FF-1A-B2-03-C4",
        "0:ff:1a:b2:3:c4",
    };
    static const char *const bad[] = {
        "",
        "0",
        "00",
        "00:",
        "00:ff:1a:b2:03",
        "00:ff:1a:b2:03:",
        "00:ff:1a:b2:03:",
        "00:ff:1a:b2:03:c4:",
        "00:ff:1a:b2:03:c4:05",
        "00:ff:1a:b2:03:c4 ",
        "00:ff.1a:b2:03:c4",
        "000:ff:1a:b2:03:c4",
        "0g:ff:1a:b2:03:c4",
        "00ff1ab203c4",
        "00 ff 1a b2 03 c4",
        "-1:ff:1a:b2:03:c4",
        "0x:ff:1a:b2:03:c4",
    };
    uint8_t mac[6];

    (void)state;
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        memset(mac, 0x55, sizeof(mac));
        assert_true(text_to_mac(good[i], mac));
        assert_memory_equal(mac, expected, sizeof(mac));
    }
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (text_to_mac(bad[i], mac))
            fail_msg("\"%s\" was accepted", bad[i]);
    }
}

static void test_mac_is_written(void **state)
{
    static const uint8_t mac[6] = {0x02, 0xff, 0x00, 0x0a, 0xb0, 0x7c};
    char text[MAC_TEXT];

    (void)state;
    assert_string_equal(text_from_mac(mac, text), "02:ff:00:0a:b0:7c");
}

static void test_escape(void **state)
{
    static const char said[] = "QEMU \x1b[31m\n\\ \x7f\xc3\xa4~";
    char out[64];

    (void)state;
    text_escape(out, sizeof(out), said,
                sizeof(said)); /* the NUL too: it is a byte like any other */
    assert_string_equal(out, "QEMU \\x1b[31m\\x0a\\\\ \\x7f\\xc3\\xa4~\\x00");
    text_escape(out, sizeof(out), "", 0);
    assert_string_equal(out, "");
}

static void test_escape_cuts_between_escapes(void **state)
{
    char out[16];

    (void)state;
    memset(out, 'z', sizeof(out));
    text_escape(out, 6, "ab\n\n", 4);
    assert_string_equal(out, "ab");
    text_escape(out, 7, "ab\n\n", 4);
    assert_string_equal(out, "ab\\x0a");
    text_escape(out, 3, "a\\", 2);
    assert_string_equal(out, "a");
    text_escape(out, 1, "abc", 3);
    assert_string_equal(out, "");
    assert_int_equal(out[7], 'z');
}

static void test_nearest(void **state)
{
    static const char *const words[] = {"vlan", "trunk", "path", "ifname", "up", NULL};
    static const char *const none[] = {NULL};

    (void)state;
    assert_string_equal(text_nearest("vlan", words), "vlan");
    assert_string_equal(text_nearest("vlna", words), "vlan");
    assert_string_equal(text_nearest("tunk", words), "trunk");
    assert_string_equal(text_nearest("trrunk", words), "trunk");
    assert_string_equal(text_nearest("pahts", words), "path");
    assert_string_equal(text_nearest("infame", words), "ifname");
    assert_null(text_nearest("x", words));
    assert_null(text_nearest("", words));
    assert_null(text_nearest("completely", words));
    assert_null(text_nearest("vlan", none));
    assert_null(
        text_nearest("a text that is longer than any word that anyone would have meant", words));
}

static void test_nearest_prefers_the_closer(void **state)
{
    static const char *const words[] = {"port/create", "port/created", "port/print", NULL};

    (void)state;
    assert_string_equal(text_nearest("port/created", words), "port/created");
    assert_string_equal(text_nearest("port/crate", words), "port/create");
}

static void test_error_text(void **state)
{
    struct error err;

    (void)state;
    assert_int_equal(error_set(&err, EINVAL, "vlan=%d", 5000), -EINVAL);
    assert_string_equal(err.text, "vlan=5000");
    assert_int_equal(error_set(NULL, ENOENT, "nobody reads this"), -ENOENT);
}

/* Long words are truncated, never overrun. */
static void test_long_error_text(void **state)
{
    struct error err;
    char word[1024];

    (void)state;
    memset(word, 'w', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    error_set(&err, EINVAL, "%s", word);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_not_numbers),
        cmocka_unit_test(test_numbers_too_large),
        cmocka_unit_test(test_numbers_too_large_for_a_small_bound),
        cmocka_unit_test(test_macs),
        cmocka_unit_test(test_mac_is_written),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_escape_cuts_between_escapes),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_nearest_prefers_the_closer),
        cmocka_unit_test(test_error_text),
        cmocka_unit_test(test_long_error_text),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
