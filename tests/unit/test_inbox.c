/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_inbox.c - lines from input, however it is split
 */
#include "control/session/inbox.h"
#include "fake_port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct talk {
    struct inbox box;
    int out, in;
};

static int begin(void **state)
{
    static struct talk talk;
    int ends[2];

    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    talk.in = ends[0];
    talk.out = ends[1];
    assert_true(inbox_init(&talk.box));
    *state = &talk;
    return 0;
}

static int end(void **state)
{
    struct talk *talk = *state;

    inbox_free(&talk->box);
    close(talk->in);
    close(talk->out);
    return 0;
}

static void say(struct talk *talk, const char *bytes, size_t length)
{
    assert_int_equal(write(talk->out, bytes, length), length);
    assert_int_equal(inbox_read(&talk->box, talk->in), length);
}

#define SAY(talk, text) say(talk, text, sizeof(text) - 1)

static void hear(struct talk *talk, const char *expected)
{
    char *line;

    assert_true(inbox_has_line(&talk->box));
    assert_int_equal(inbox_take(&talk->box, &line), INBOX_LINE);
    assert_string_equal(line, expected);
}

static void hear_other(struct talk *talk, enum inbox_line expected)
{
    char *line;

    assert_true(inbox_has_line(&talk->box));
    assert_int_equal(inbox_take(&talk->box, &line), expected);
}

static void test_lines(void **state)
{
    struct talk *talk = *state;

    assert_false(inbox_has_line(&talk->box) || inbox_has_half(&talk->box));
    SAY(talk, "one\ntwo\r\n\n\r\rthr");
    hear(talk, "one");
    hear(talk, "two");
    hear(talk, "");
    assert_true(inbox_has_half(&talk->box));
    SAY(talk, "ee\nfour");
    hear(talk, "\r\rthree");
    assert_false(inbox_has_line(&talk->box));
    inbox_end(&talk->box);
    assert_false(inbox_is_over(&talk->box));
    hear(talk, "four");
    assert_true(inbox_is_over(&talk->box));
    assert_int_equal(inbox_read(&talk->box, talk->in), -EAGAIN);
}

static void test_half_a_line(void **state)
{
    struct talk *talk = *state;

    inbox_half_is_whole(&talk->box); /* there is none */
    SAY(talk, "ab");
    assert_false(inbox_has_line(&talk->box));
    inbox_half_is_whole(&talk->box);
    assert_false(inbox_has_half(&talk->box));
    SAY(talk, "c"); /* so it was incomplete */
    assert_false(inbox_has_line(&talk->box));
    inbox_half_is_whole(&talk->box);
    hear(talk, "abc");
    SAY(talk, "d");
    assert_true(inbox_has_half(&talk->box)); /* that applied to the other one */
}

static void test_what_is_no_line(void **state)
{
    struct talk *talk = *state;

    SAY(talk, "a\0b\nc\n");
    hear_other(talk, INBOX_NUL);
    hear(talk, "c");
}

/* The longest line fills the inbox; longer ones are discarded, and reported once. */
static void test_long_lines(void **state)
{
    struct talk *talk = *state;
    char *text = malloc(INBOX_BYTES + 1);

    memset(text, 'x', INBOX_BYTES);
    text[INBOX_BYTES - 1] = '\n';
    say(talk, text, INBOX_BYTES);
    assert_true(inbox_is_full(&talk->box));
    text[INBOX_BYTES - 1] = '\0';
    hear(talk, text);

    text[INBOX_BYTES - 1] = 'x';
    say(talk, text, INBOX_BYTES);
    hear_other(talk, INBOX_TOO_LONG);
    assert_false(inbox_is_full(&talk->box));
    say(talk, text, INBOX_BYTES);
    hear_other(talk, INBOX_NOTHING);
    SAY(talk, "end");
    assert_false(inbox_has_half(&talk->box) || inbox_has_line(&talk->box));
    SAY(talk, " of it\nshort\n");
    hear_other(talk, INBOX_NOTHING);
    hear(talk, "short");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, begin, end),
        cmocka_unit_test_setup_teardown(test_half_a_line, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_no_line, begin, end),
        cmocka_unit_test_setup_teardown(test_long_lines, begin, end),
    };

    return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}
