/* Which texts are origins that may be served. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "agent/access/host.h"
#include "agent/access/origin.h"

static void origins_as_browsers_write_them_are_eligible(void **state) {
    (void)state;
    static const char *const good[] = {
        "https://good.cn",        "https://good.cn:8443",   "https://a.b-c.d0.cn",
        "https://xn--fiq228c.cn", "https://localhost:9443", "http://localhost",
        "http://localhost:8080",  "http://127.0.0.1:3000",  "http://[::1]:3000",
        "https://[2001:db8::1]",  "https://192.168.1.20",   "https://portal:8443"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!origin_is_eligible(good[i])) {
            fail_msg("refused: %s", good[i]);
        }
    }
}

static void everything_else_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "null",
                                      "https://",
                                      "https://:8443",
                                      "http://good.cn",
                                      "http://good.cn:443",
                                      "ftp://good.cn",
                                      "file://",
                                      "https://GOOD.cn",
                                      "HTTPS://good.cn",
                                      "https://good.cn/",
                                      "https://good.cn/x",
                                      "https://good.cn?x",
                                      "https://good.cn#x",
                                      "https://user@good.cn",
                                      "https://user:pw@good.cn",
                                      "https://good.cn:443",
                                      "http://localhost:80",
                                      "https://good.cn:0",
                                      "https://good.cn:08443",
                                      "https://good.cn:65536",
                                      "https://good.cn:",
                                      "https://good.cn:84x",
                                      "https://good.cn.",
                                      "https://.good.cn",
                                      "https://good..cn",
                                      "https://-good.cn",
                                      "https://good-.cn",
                                      "https://good.cn ",
                                      " https://good.cn",
                                      "https://good.cn\t",
                                      "https://go od.cn",
                                      "https://g\xC3\xB6od.cn",
                                      "https://good.cn\\evil",
                                      "https://good.cn%2eevil.cn",
                                      "https://127.1",
                                      "https://0177.0.0.1",
                                      "https://127.0.0.01",
                                      "https://256.0.0.1",
                                      "https://1.2.3",
                                      "http://127.0.0.2",
                                      "http://localhost.evil.cn",
                                      "http://127.0.0.1.evil.cn",
                                      "https://[::1",
                                      "https://[]",
                                      "https://[::1]x",
                                      "https://[0:0::1]",
                                      "http://[::2]",
                                      "http://[::ffff:127.0.0.1]",
                                      "https://[::1%25lo]",
                                      "chrome-extension://abc",
                                      "https://good.cn,https://evil.cn",
                                      "https:///good.cn",
                                      "https:good.cn"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (origin_is_eligible(bad[i])) {
            fail_msg("taken for an origin: %s", bad[i]);
        }
    }
    assert_false(origin_is_eligible(NULL));
}

static void a_host_name_that_is_too_long_is_refused(void **state) {
    (void)state;
    char text[600];
    size_t len = (size_t)snprintf(text, sizeof(text), "https://");
    for (int i = 0; i < 100; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "abc.");
    }
    snprintf(text + len, sizeof(text) - len, "cn");
    assert_false(origin_is_eligible(text));
    assert_false(origin_is_eligible(
        "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.cn"));
    assert_true(origin_is_eligible(
        "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.cn"));
}

static void only_three_hosts_with_our_port_are_ours(void **state) {
    (void)state;
    assert_true(host_is_ours("localhost:24317", 24317));
    assert_true(host_is_ours("127.0.0.1:24317", 24317));
    assert_true(host_is_ours("[::1]:24317", 24317));
    static const char *const bad[] = {"",
                                      "localhost",
                                      "localhost:24318",
                                      "localhost.:24317",
                                      "LOCALHOST:24317",
                                      "evil.test:24317",
                                      "evil.test",
                                      "127.0.0.1",
                                      "127.0.0.2:24317",
                                      "127.1:24317",
                                      "[::1]",
                                      "::1:24317",
                                      "localhost:24317 ",
                                      "localhost:024317",
                                      "localhost:24317, evil.test",
                                      "a@localhost:24317",
                                      "0.0.0.0:24317",
                                      "[0:0:0:0:0:0:0:1]:24317"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (host_is_ours(bad[i], 24317)) {
            fail_msg("taken for ours: %s", bad[i]);
        }
    }
    assert_false(host_is_ours(NULL, 24317));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(origins_as_browsers_write_them_are_eligible),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(a_host_name_that_is_too_long_is_refused),
        cmocka_unit_test(only_three_hosts_with_our_port_are_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
