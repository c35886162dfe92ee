/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/plug/vnl.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void what_libvdeplug_takes_is_accepted(void **state)
{
    static const char *const good[] = {"slirp://",
                                       "vde:///run/vsw[3]",
                                       "vxvde://239.1.2.3/vni=7",
                                       "udp://4000->host:4000",
                                       "cmd://ssh host vde_plug vde://",
                                       "vlan://10{vde://}",
                                       "/run/vsw",
                                       "slirp",
                                       "a:/b"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_int_equal(vnl_check(good[i], NULL), 0);
}

static void a_scheme_is_a_word(void **state)
{
    static const char *const bad[] = {"://",        "../x://", "/tmp/x://y", "a b://",
                                      "\x1b[m://x", "a.so://", "{vde://}"};
    char long_one[VNL_SCHEME + 4];
    struct error err;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(vnl_check(bad[i], &err), -EINVAL);
        assert_non_null(strstr(err.text, "no scheme"));
    }
    memset(long_one, 'x', sizeof(long_one));
    strcpy(long_one + VNL_SCHEME, "://");
    assert_int_equal(vnl_check(long_one, NULL), -EINVAL);
    assert_int_equal(vnl_check(long_one + 1, NULL), 0);
}

static void lengths_have_a_limit(void **state)
{
    char text[VNL_MAX + 2];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[VNL_MAX + 1] = '\0';
    assert_int_equal(vnl_check(text, NULL), -EINVAL);
    text[VNL_MAX] = '\0';
    assert_int_equal(vnl_check(text, NULL), 0);
    assert_int_equal(vnl_check("", NULL), -EINVAL);
}

static void directories_are_found(void **state)
{
    static const struct {
        const char *vnl, *path;
    } cases[] = {
        {"vde:///run/vsw", "/run/vsw"},
        {"vde:///run/vsw[3]", "/run/vsw"},
        {"vde:///run/vsw[port/mode=700]", "/run/vsw"},
        {"vde://", ""},
        {"vde://[3]", ""},
        {"vde://here", "here"},
        {"/run/vsw[web]", "/run/vsw"},
        {"vdex:///run/vsw", NULL},
        {"vd:///run/vsw", NULL},
        {"slirp://", NULL},
        {"cmd://vde_plug vde:///run/vsw", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char path[PATH_MAX];

        assert_int_equal(vnl_directory(cases[i].vnl, path), cases[i].path != NULL);
        if (cases[i].path)
            assert_string_equal(path, cases[i].path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_libvdeplug_takes_is_accepted),
        cmocka_unit_test(a_scheme_is_a_word),
        cmocka_unit_test(lengths_have_a_limit),
        cmocka_unit_test(directories_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
