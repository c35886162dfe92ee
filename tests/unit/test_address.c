/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * test_address.c - socket addresses as users write them
 */
#include "fake_port.h"

#include "ports/listen/address.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static struct address read_any(const char *text, bool any)
{
    struct address address;
    struct error err = {.text = ""};

    if (address_read("local", text, any, &address, &err) < 0)
        fail_msg("\"%s\" was refused: %s", text, err.text);
    return address;
}

static struct address read_one(const char *text)
{
    return read_any(text, false);
}

/* TEXT is parsed and formatted as EXPECTED, which is parsed as the same address. */
static void check(const char *text, bool any, const char *expected)
{
    struct address address = read_any(text, any), again;
    char shown[ADDRESS_TEXT];

    assert_string_equal(address_text(&address, shown), expected);
    again = read_any(shown, any);
    assert_true(address_equal(&address, &again));
    assert_true(address.length > 0 && address.length <= sizeof(address.storage));
}

static void test_good(void **state)
{
    (void)state;
    check("127.0.0.1:5001", false, "127.0.0.1:5001");
    check("255.255.255.255:65535", false, "255.255.255.255:65535");
    check("0.0.0.0:1", false, "0.0.0.0:1");
    check("127.0.0.1:05001", false, "127.0.0.1:5001");
    check("[::1]:5001", false, "[::1]:5001");
    check("[2001:DB8:0:0:0:0:0:1]:1", false, "[2001:db8::1]:1");
    check("[::ffff:192.0.2.1]:1", false, "192.0.2.1:1");
    check("[fe80::1%lo]:1", false, "[fe80::1%lo]:1");
    check("/run/a.sock", false, "/run/a.sock");
    check("/", false, "/");
    check("/a:b,c d", false, "/a:b,c d");
}

static void test_any(void **state)
{
    (void)state;
    check(":5001", true, "[::]:5001");
    check(":0", true, "[::]:0");
    check("127.0.0.1:0", true, "127.0.0.1:0");
    check("[]:7", true, "[::]:7");
}

static void test_bad(void **state)
{
    static const char *const bad[] = {
        "",
        ":",
        ":5001",
        "[]:5001",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:+1",
        "127.0.0.1: 1",
        "127.0.0.1:1 ",
        "127.0.0.1:http",
        "127.0.0.1:0x10",
        "127.0.0.1:99999999999999999999",
        " 127.0.0.1:1",
        "256.0.0.1:1",
        "127.0.0.1.1:1",
        "::1:5001",
        "::1",
        "[::1]",
        "[::1]5001",
        "[::1:5001",
        "::1]:5001",
        "[[::1]]:5001",
        "[:::1]:5001",
        "[::1]::5001",
        "[fe80::1%there-is-none]:1",
        "[",
        "[:1",
        "[]",
        "]:1",
        "localhost:5001",
        "*:5001",
        "[*]:5001",
        "1:5001",
        "127.1:5001",
        "127.0.0.010:5001",
        "0x7f.0.0.1:5001",
        "run/a.sock",
        "./a.sock",
        "@a",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:1",
        "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error err = {.text = ""};
        struct address address;

        if (address_read("local", bad[i], false, &address, &err) != -EINVAL)
            fail_msg("\"%s\" was accepted", bad[i]);
        assert_true(!strncmp(err.text, "local=", 6) && strstr(err.text, bad[i]));
    }
}

static void test_path_lengths(void **state)
{
    char path[200], shown[ADDRESS_TEXT];
    struct error err = {.text = ""};
    struct address address;

    (void)state;
    memset(path, '/', sizeof(path));
    path[107] = '\0';
    address = read_one(path);
    assert_true(address_is_path(&address));
    assert_string_equal(address_text(&address, shown), path);
    strcpy(&path[107], "/");
    assert_int_equal(address_read("local", path, false, &address, &err), -EINVAL);
    assert_string_equal(err.text, "local= has 108 bytes: the path of a socket may have 107");
}

/* No control characters; and a long path is cut between two escapes. */
static void test_text_is_harmless(void **state)
{
    char path[108] = "/\x1b[2J\n", shown[ADDRESS_TEXT];
    struct address address = read_one(path);

    (void)state;
    assert_string_equal(address_text(&address, shown), "/\\x1b[2J\\x0a");
    memset(path + 1, '\x1b', 106);
    address = read_one(path);
    assert_true(strlen(address_text(&address, shown)) < ADDRESS_TEXT);
}

/* As the kernel returns senders' addresses: without a name, abstract, cut where it ends. */
static void test_senders(void **state)
{
    struct address named = read_one("/run/a"), none = {.length = sizeof(sa_family_t)}, abstract;
    char shown[ADDRESS_TEXT];

    (void)state;
    none.any.sa_family = AF_UNIX;
    assert_string_equal(address_text(&none, shown), "");
    assert_false(address_equal(&none, &named));
    abstract = named;
    abstract.local.sun_path[0] = '\0';
    assert_false(address_equal(&abstract, &named));
    named.length = offsetof(struct sockaddr_un, sun_path) + sizeof("/run/a");
    assert_string_equal(address_text(&named, shown), "/run/a");
    none.any.sa_family = AF_UNSPEC;
    assert_false(address_equal(&none, &named));
}

static void check_equal(const char *one, const char *other, bool equal)
{
    struct address a = read_one(one), b = read_one(other);

    if (address_equal(&a, &b) != equal || address_equal(&b, &a) != equal)
        fail_msg("%s and %s", one, other);
}

/* unix(7): an abstract name begins with a NUL, its length is the address's, and any bytes are
 * allowed. */
static struct address make_abstract(const char *name, size_t length)
{
    struct address made = {.length =
                               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)};

    made.local.sun_family = AF_UNIX;
    memcpy(made.local.sun_path + 1, name, length);
    return made;
}

static void test_abstract_names(void **state)
{
    struct address one = make_abstract("a\0b", 3), same = one, other = make_abstract("a\0c", 3),
                   shorter = make_abstract("a", 1);
    char shown[ADDRESS_TEXT], longest[107];

    (void)state;
    assert_string_equal(address_text(&one, shown), "@a\\x00b");
    assert_true(address_equal(&one, &same));
    assert_false(address_equal(&one, &other));
    assert_false(address_equal(&one, &shorter));
    memset(longest, 1, sizeof(longest));
    other = make_abstract(longest, sizeof(longest));
    assert_true(strlen(address_text(&other, shown)) < ADDRESS_TEXT);
}

static void test_equal(void **state)
{
    (void)state;
    check_equal("127.0.0.1:1", "127.0.0.1:1", true);
    check_equal("127.0.0.1:1", "127.0.0.1:2", false);
    check_equal("127.0.0.1:1", "127.0.0.2:1", false);
    check_equal("127.0.0.1:1", "[::ffff:127.0.0.1]:1", true);
    check_equal("[::1]:1", "[0:0::1]:1", true);
    check_equal("[::1]:1", "[::1]:2", false);
    check_equal("[::1]:1", "[::2]:1", false);
    check_equal("[fe80::1%lo]:1", "[fe80::1]:1", true); /* one has no scope */
    check_equal("/a", "/a", true);
    check_equal("/a", "/ab", false);
    check_equal("/a", "127.0.0.1:1", false);
}

static void check_kind(const char *text, bool any, bool group)
{
    struct address address = read_one(text);

    if (address_is_any(&address) != any || address_is_group(&address) != group)
        fail_msg("%s", text);
}

static void test_kinds(void **state)
{
    (void)state;
    check_kind("0.0.0.0:1", true, false);
    check_kind("[::]:1", true, false);
    check_kind("127.0.0.1:1", false, false);
    check_kind("[::1]:1", false, false);
    check_kind("223.255.255.255:1", false, false);
    check_kind("224.0.0.0:1", false, true);
    check_kind("239.255.255.255:1", false, true);
    check_kind("240.0.0.0:1", false, false);
    check_kind("[ff02::1]:1", false, true);
    check_kind("[fe80::1]:1", false, false);
    check_kind("/224.0.0.1", false, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_any),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_path_lengths),
        cmocka_unit_test(test_text_is_harmless),
        cmocka_unit_test(test_senders),
        cmocka_unit_test(test_abstract_names),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_kinds),
    };

    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
