/* What may be asked of a service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/proxy/proxy.h"

static void plain_paths_may_pass(void **state) {
    (void)state;
    static const char *const good[] = {"/v1/orders",
                                       "/v1/orders/R2026-0001:submit",
                                       "/v1/tasks:claim",
                                       "/v1/orders?state=open&page=2",
                                       "/",
                                       "/a/%E4%BD%A0",
                                       "/v1/x?next=/a?b",
                                       "/a;b=c,d",
                                       "/v1/x?q=%20a",
                                       "/ca/root.crt",
                                       "/..."};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!proxy_path_is_safe(good[i])) {
            fail_msg("refused: %s", good[i]);
        }
    }
}

static void everything_odd_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "v1/orders",
                                      "//evil.test/x",
                                      "/v1//x",
                                      "/v1/../x",
                                      "/..",
                                      "/.",
                                      "/v1/.",
                                      "/v1/x/",
                                      "/%2e%2e/x",
                                      "/%2E./x",
                                      "/.%2e/x",
                                      "/a%2fb",
                                      "/a%2Fb",
                                      "/a%5cb",
                                      "/a\\b",
                                      "/a@b",
                                      "/a%40b",
                                      "/@evil.test/",
                                      "/a%00b",
                                      "/a%0d%0aX:%20y",
                                      "/a\r\nHost: evil.test",
                                      "/a b",
                                      "/a%",
                                      "/a%4",
                                      "/a%zz",
                                      "/a#b",
                                      "/a%252e%252e/b",
                                      "/a%25%32%65",
                                      "/x?q=%0d%0a",
                                      "/x?q=%00",
                                      "/x?q=a b",
                                      "/x?q=%g1",
                                      "/x?u=a@b",
                                      "/x?q=a#b",
                                      "/x?q=\x7f",
                                      "/a\xC3\xA4",
                                      "/a<b>",
                                      "/a\"b",
                                      "/a%ff",
                                      "/a[0]",
                                      "/a|b",
                                      "/a^b",
                                      "/a`b",
                                      "/a{b}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (proxy_path_is_safe(bad[i])) {
            fail_msg("let pass: %s", bad[i]);
        }
    }
}

static void a_path_that_is_too_long_is_refused(void **state) {
    (void)state;
    char path[5000] = "/";
    memset(path + 1, 'a', sizeof(path) - 2);
    assert_false(proxy_path_is_safe(path));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_paths_may_pass),
        cmocka_unit_test(everything_odd_is_refused),
        cmocka_unit_test(a_path_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
