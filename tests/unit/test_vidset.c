/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_vidset.c - sets of VLAN IDs and their text form
 */
#include "fake_port.h"

#include "util/vidset.h"

#include <string.h>

static void test_members(void **state)
{
    struct vidset set = {0};

    (void)state;
    assert_true(vidset_empty(&set));
    vidset_add(&set, 1);
    vidset_add(&set, 63);
    vidset_add(&set, 64);
    vidset_add(&set, 4094);
    assert_false(vidset_empty(&set));
    assert_true(vidset_has(&set, 63));
    assert_true(vidset_has(&set, 4094));
    assert_false(vidset_has(&set, 62));
    vidset_remove(&set, 63);
    assert_false(vidset_has(&set, 63));
    assert_true(vidset_has(&set, 64));
}

static void test_next(void **state)
{
    struct vidset set = {0};

    (void)state;
    assert_int_equal(vidset_next(&set, 0), VID_COUNT);
    vidset_add(&set, 0);
    vidset_add(&set, 63);
    vidset_add(&set, 64);
    vidset_add(&set, 4095);
    assert_int_equal(vidset_next(&set, 0), 0);
    assert_int_equal(vidset_next(&set, 1), 63);
    assert_int_equal(vidset_next(&set, 64), 64);
    assert_int_equal(vidset_next(&set, 65), 4095);
    assert_int_equal(vidset_next(&set, 4095), 4095);
    assert_int_equal(vidset_next(&set, 4096), VID_COUNT);
}

/* TEXT is parsed, and formatted as CANONICAL. */
static void check_text(const char *text, const char *canonical)
{
    static char out[VIDSET_TEXT];
    struct vidset set;

    assert_true(vidset_parse(text, &set));
    vidset_format(&set, out, sizeof(out));
    assert_string_equal(out, canonical);
}

static void test_text(void **state)
{
    (void)state;
    check_text("1", "1");
    check_text("4094", "4094");
    check_text("10+20-29", "10+20-29");
    check_text("20-29+10", "10+20-29");
    check_text("1-4094", "1-4094");
    check_text("5-5", "5");
    check_text("5+6", "5-6");
    check_text("5+5+4-6", "4-6");
    check_text("0010", "10");
    check_text("63-64+127+128", "63-64+127-128");
}

static void test_bad_text(void **state)
{
    static const char *const bad[] = {
        "",      "0",    "4095",     "4096",   "99999999999999999999",
        "+",     "10+",  "+10",      "10++20", "-",
        "10-",   "-10",  "10-20-30", "20-10",  "a",
        "10a",   " 10",  "10 ",      "0-5",    "1-4095",
        "10,20", "0x10", "10-+20",
    };
    struct vidset set;

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (vidset_parse(bad[i], &set))
            fail_msg("\"%s\" was accepted", bad[i]);
    }
}

static void test_parse_clears(void **state)
{
    struct vidset set;

    (void)state;
    memset(&set, 0xff, sizeof(set));
    assert_true(vidset_parse("7", &set));
    assert_int_equal(vidset_next(&set, 0), 7);
    assert_int_equal(vidset_next(&set, 8), VID_COUNT);
}

/* Every second VID and every pair: the sets with the longest text. */
static void test_longest_text_fits(void **state)
{
    static char text[VIDSET_TEXT];
    struct vidset set, again;

    (void)state;
    for (unsigned stride = 2; stride <= 3; stride++) {
        memset(&set, 0, sizeof(set));
        for (unsigned vid = VID_MIN; vid <= VID_MAX; vid++) {
            if (vid % stride)
                vidset_add(&set, vid);
        }
        vidset_format(&set, text, sizeof(text));
        assert_true(vidset_parse(text, &again));
        assert_memory_equal(&set, &again, sizeof(set));
    }
}

static void test_empty_and_short(void **state)
{
    struct vidset set = {0};
    char text[8] = "x";

    (void)state;
    vidset_format(&set, text, sizeof(text));
    assert_string_equal(text, "");
    assert_true(vidset_parse("1000+2000+3000", &set));
    vidset_format(&set, text, sizeof(text));
    assert_true(strlen(text) < sizeof(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_bad_text),
        cmocka_unit_test(test_parse_clears),
        cmocka_unit_test(test_longest_text_fits),
        cmocka_unit_test(test_empty_and_short),
    };

    return cmocka_run_group_tests_name("vidset", tests, NULL, NULL);
}
