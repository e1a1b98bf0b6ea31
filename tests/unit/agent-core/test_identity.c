/* The TLS identity: what it can and cannot sign, who can read it, when it is renewed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/identity/identity.h"

#define DAY ((time_t)86400)

static char directory[64];

static int setup(void **state) {
    (void)state;
    strcpy(directory, "/tmp/openukey-identity-XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int teardown(void **state) {
    (void)state;
    DIR *dir = opendir(directory);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char path[400];
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        unlink(path);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return rmdir(directory);
}

static char *read_text(const char *path) {
    static char text[8192];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = 0;
    fclose(file);
    return strdup(text);
}

static int openssl_verify(const char *ca, const char *leaf) {
    char command[3 * PATH_MAX];
    snprintf(command, sizeof(command),
             "openssl verify -x509_strict -purpose sslserver -CAfile '%s' '%s' >/dev/null 2>&1", ca,
             leaf);
    return system(command);
}

static void openssl_accepts_the_leaf_for_localhost_only(void **state) {
    (void)state;
    struct identity identity;
    char command[3 * PATH_MAX];
    assert_int_equal(identity_ensure(directory, "OpenUKey agent", time(NULL), &identity),
                     IDENTITY_OK);
    assert_int_equal(openssl_verify(identity.ca, identity.certificate), 0);
    static const struct {
        const char *option;
        bool accepted;
    } names[] = {{"-verify_hostname localhost", true},
                 {"-verify_ip 127.0.0.1", true},
                 {"-verify_ip ::1", true},
                 {"-verify_hostname evil.test", false},
                 {"-verify_ip 127.0.0.2", false},
                 {"-verify_hostname a.localhost", false}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(command, sizeof(command), "openssl verify -CAfile '%s' %s '%s' >/dev/null 2>&1",
                 identity.ca, names[i].option, identity.certificate);
        assert_int_equal(system(command) == 0, names[i].accepted);
    }
}

static void the_ca_is_constrained_critically_to_this_machine(void **state) {
    (void)state;
    struct identity identity;
    char command[2 * PATH_MAX], text[8192];
    assert_int_equal(identity_ensure(directory, "OpenUKey agent", time(NULL), &identity),
                     IDENTITY_OK);
    snprintf(command, sizeof(command), "openssl x509 -in '%s' -noout -text", identity.ca);
    FILE *pipe = popen(command, "r");
    text[fread(text, 1, sizeof(text) - 1, pipe)] = 0;
    pclose(pipe);
    const char *constraints = strstr(text, "X509v3 Name Constraints: critical");
    assert_non_null(constraints);
    assert_non_null(strstr(constraints, "Permitted:"));
    assert_non_null(strstr(constraints, "DNS:localhost"));
    assert_non_null(strstr(constraints, "IP:127.0.0.1/255.255.255.255"));
    assert_non_null(
        strstr(constraints, "IP:0:0:0:0:0:0:0:1/FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF"));
    assert_non_null(strstr(text, "CA:TRUE, pathlen:0"));
    assert_non_null(strstr(text, "prime256v1"));
}

/* A CA made like ours whose key we still have: even that could not speak for evil.test. */
static void openssl_refuses_evil_test_under_such_constraints(void **state) {
    (void)state;
    char script[6000];
    snprintf(script, sizeof(script),
             "cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
             "-keyout k -out c -days 9 "
             "-subj /CN=x -addext 'nameConstraints=critical,permitted;DNS:localhost' "
             "-addext 'basicConstraints=critical,CA:TRUE' 2>/dev/null && "
             "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout lk -out "
             "r -subj /CN=y 2>/dev/null && "
             "echo 'subjectAltName=DNS:evil.test' >e && "
             "openssl x509 -req -in r -CA c -CAkey k -days 5 -extfile e -out l 2>/dev/null && "
             "! openssl verify -CAfile c l >/dev/null 2>&1",
             directory);
    assert_int_equal(system(script), 0);
}

static void nobody_else_can_read_and_no_ca_key_is_left(void **state) {
    (void)state;
    struct identity identity;
    assert_int_equal(identity_ensure(directory, "OpenUKey agent", time(NULL), &identity),
                     IDENTITY_OK);
    DIR *dir = opendir(directory);
    int files = 0, private_keys = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[400];
        struct stat status;
        if (entry->d_name[0] == '.') {
            continue;
        }
        files++;
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        char *text = read_text(path);
        private_keys += strstr(text, "PRIVATE KEY") != NULL;
        free(text);
    }
    closedir(dir);
    assert_int_equal(files, 3);
    assert_int_equal(private_keys, 1);
    FILE *file = fopen(identity.ca, "r");
    X509 *ca = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    file = fopen(identity.key, "r");
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    assert_int_not_equal(X509_check_private_key(ca, key), 1);
    X509_free(ca);
    EVP_PKEY_free(key);
}

static void it_stays_until_30_days_before_its_end(void **state) {
    (void)state;
    struct identity identity;
    time_t now = time(NULL);
    assert_int_equal(identity_ensure(directory, "OpenUKey agent", now, &identity), IDENTITY_OK);
    assert_true(identity.is_new);
    char *first = read_text(identity.certificate);
    assert_int_equal(identity_ensure(directory, "OpenUKey agent",
                                     now + (IDENTITY_LEAF_DAYS - 31) * DAY, &identity),
                     IDENTITY_OK);
    assert_false(identity.is_new);
    char *second = read_text(identity.certificate);
    assert_string_equal(first, second);
    assert_int_equal(identity_ensure(directory, "OpenUKey agent",
                                     now + (IDENTITY_LEAF_DAYS - 29) * DAY, &identity),
                     IDENTITY_OK);
    assert_true(identity.is_new);
    char *third = read_text(identity.certificate);
    assert_string_not_equal(first, third);
    free(first);
    free(second);
    free(third);
}

static void the_leaf_lasts_at_most_825_days(void **state) {
    (void)state;
    struct identity identity;
    assert_int_equal(identity_ensure(directory, "OpenUKey agent", time(NULL), &identity),
                     IDENTITY_OK);
    FILE *file = fopen(identity.certificate, "r");
    X509 *leaf = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    int days = 0, seconds = 0;
    assert_int_equal(
        ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(leaf), X509_get0_notAfter(leaf)), 1);
    assert_true(days <= 825);
    X509_free(leaf);
}

static void a_damaged_or_open_set_is_replaced(void **state) {
    (void)state;
    struct identity identity;
    time_t now = time(NULL);
    assert_int_equal(identity_ensure(directory, "OpenUKey agent", now, &identity), IDENTITY_OK);
    unlink(identity.ca);
    assert_int_equal(identity_ensure(directory, "OpenUKey agent", now, &identity), IDENTITY_OK);
    assert_true(identity.is_new);
    assert_int_equal(openssl_verify(identity.ca, identity.certificate), 0);
    chmod(identity.key, 0644);
    assert_int_equal(identity_ensure(directory, "OpenUKey agent", now, &identity), IDENTITY_OK);
    assert_true(identity.is_new);
    FILE *file = fopen(identity.certificate, "w");
    fputs("not a certificate\n", file);
    fclose(file);
    assert_int_equal(identity_ensure(directory, "OpenUKey agent", now, &identity), IDENTITY_OK);
    assert_true(identity.is_new);
    assert_int_equal(openssl_verify(identity.ca, identity.certificate), 0);
}

static void a_folder_that_others_may_write_is_refused(void **state) {
    (void)state;
    struct identity identity;
    chmod(directory, 0777);
    assert_int_equal(identity_ensure(directory, "OpenUKey agent", time(NULL), &identity),
                     IDENTITY_ERROR_DIRECTORY);
    assert_int_equal(identity_ensure("/nowhere/at/all", "OpenUKey agent", time(NULL), &identity),
                     IDENTITY_ERROR_DIRECTORY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(openssl_accepts_the_leaf_for_localhost_only, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_ca_is_constrained_critically_to_this_machine, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(openssl_refuses_evil_test_under_such_constraints, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nobody_else_can_read_and_no_ca_key_is_left, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(it_stays_until_30_days_before_its_end, setup, teardown),
        cmocka_unit_test_setup_teardown(the_leaf_lasts_at_most_825_days, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_or_open_set_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_others_may_write_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
