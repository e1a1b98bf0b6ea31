/* Every key of the policy file does what it says, and nothing else is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/access/pairing_store.h"
#include "agent/access/policy.h"

static char folder[64], machine[128], configured[128], complaint[600];

static int setup(void **state) {
    (void)state;
    strcpy(folder, "/tmp/openukey-policy-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(machine, sizeof(machine), "%s/machine.json", folder);
    snprintf(configured, sizeof(configured), "%s/configured.json", folder);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    unlink(machine);
    unlink(configured);
    return rmdir(folder);
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, 0644), 0);
}

/* The configured policy, read. NULL: `complaint` says why not. */
static struct policy *policy_of(const char *text) {
    struct policy *policy = NULL;
    write_file(configured, text);
    complaint[0] = 0;
    int result = policy_open(machine, configured, &policy, complaint, sizeof(complaint));
    assert_int_equal(result == 0, policy != NULL);
    assert_int_equal(result == 0, complaint[0] == 0);
    return policy;
}

static struct policy_rules rules_of(struct policy *policy, const char *origin) {
    struct policy_rules rules;
    policy_rules(policy, origin, &rules);
    return rules;
}

static void without_a_policy_persons_decide_and_nothing_special_is_allowed(void **state) {
    (void)state;
    struct policy *policy = NULL;
    assert_int_equal(policy_open(machine, NULL, &policy, complaint, sizeof(complaint)), 0);
    struct policy_rules rules = rules_of(policy, "https://a.cn");
    assert_int_equal(rules.pairing, POLICY_PAIRING_ASK);
    assert_int_equal(rules.actions, POLICY_ACTIONS);
    assert_false(rules.pin_by_page);
    assert_false(rules.raw_sign_ask);
    assert_null(policy_file(policy));
    policy_free(policy);
}

static void pairing_lists_sites_as_paired_and_as_refused(void **state) {
    (void)state;
    struct policy *policy = policy_of("{\"origins\":{\"https://a.cn\":{\"pairing\":\"always\"},"
                                      "\"https://b.cn\":{\"pairing\":\"never\"},"
                                      "\"https://c.cn\":{\"pairing\":\"ask\"}}}");
    assert_non_null(policy);
    assert_int_equal(rules_of(policy, "https://a.cn").pairing, POLICY_PAIRING_ALWAYS);
    assert_int_equal(rules_of(policy, "https://b.cn").pairing, POLICY_PAIRING_NEVER);
    assert_int_equal(rules_of(policy, "https://c.cn").pairing, POLICY_PAIRING_ASK);
    assert_int_equal(rules_of(policy, "https://d.cn").pairing, POLICY_PAIRING_ASK);
    assert_string_equal(policy_file(policy), configured);
    policy_free(policy);
}

static void pairing_never_closes_the_list_also_for_the_configuration_and_for_persons(void **state) {
    (void)state;
    struct policy *policy =
        policy_of("{\"pairing\":\"never\",\"origins\":{\"https://a.cn\":{\"pairing\":\"always\"},"
                  "\"https://c.cn\":{\"pairing\":\"ask\"},\"https://e.cn\":{}}}");
    assert_non_null(policy);
    char allowed[] = "https://b.cn", denied[] = "https://a.cn";
    char *allow[] = {allowed}, *deny[] = {denied};
    struct agent_config config = {
        .state_dir = folder, .allow = allow, .allow_count = 1, .deny = deny, .deny_count = 0};
    struct pairing_store *store = pairing_store_open(&config, policy);
    assert_non_null(store);
    assert_int_equal(pairing_store_class(store, "https://a.cn"), ORIGIN_PAIRED);
    assert_int_equal(pairing_store_class(store, "https://b.cn"), ORIGIN_REFUSED);
    assert_int_equal(pairing_store_class(store, "https://c.cn"), ORIGIN_ELIGIBLE);
    assert_int_equal(pairing_store_class(store, "https://d.cn"), ORIGIN_REFUSED);
    assert_int_equal(pairing_store_class(store, "https://e.cn"), ORIGIN_REFUSED);
    /* the person's own refusal stands beside the policy's consent */
    config.deny_count = 1;
    assert_int_equal(pairing_store_class(store, "https://a.cn"), ORIGIN_REFUSED);
    pairing_store_close(store);
    policy_free(policy);
}

static void actions_are_the_sites_own_or_everybodys(void **state) {
    (void)state;
    struct policy *policy = policy_of("{\"actions\":[\"read\",\"verify\"],\"origins\":{"
                                      "\"https://a.cn\":{\"actions\":[\"read\",\"pin\",\"sign\"]},"
                                      "\"https://b.cn\":{\"actions\":[]},\"https://c.cn\":{}}}");
    assert_non_null(policy);
    assert_int_equal(rules_of(policy, "https://a.cn").actions,
                     POLICY_READ | POLICY_PIN | POLICY_SIGN);
    assert_int_equal(rules_of(policy, "https://b.cn").actions, 0);
    assert_int_equal(rules_of(policy, "https://c.cn").actions, POLICY_READ | POLICY_VERIFY);
    assert_int_equal(rules_of(policy, "https://d.cn").actions, POLICY_READ | POLICY_VERIFY);
    policy_free(policy);
    static const struct {
        const char *name;
        unsigned action;
    } all[] = {
        {"read", POLICY_READ},       {"pin", POLICY_PIN},       {"change-pin", POLICY_CHANGE_PIN},
        {"sign", POLICY_SIGN},       {"login", POLICY_LOGIN},   {"decrypt", POLICY_DECRYPT},
        {"stamp", POLICY_STAMP},     {"verify", POLICY_VERIFY}, {"jobs", POLICY_JOBS},
        {"service", POLICY_SERVICE},
    };
    unsigned together = 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char text[64];
        snprintf(text, sizeof(text), "{\"actions\":[\"%s\"]}", all[i].name);
        policy = policy_of(text);
        assert_non_null(policy);
        assert_int_equal(rules_of(policy, "https://a.cn").actions, all[i].action);
        together |= all[i].action;
        policy_free(policy);
    }
    assert_int_equal(together, POLICY_ACTIONS);
}

static void pin_and_raw_sign_are_for_named_sites_alone(void **state) {
    (void)state;
    struct policy *policy =
        policy_of("{\"origins\":{\"https://a.cn\":{\"pin\":\"page\",\"raw-sign\":\"ask\"},"
                  "\"https://b.cn\":{\"pin\":\"native\",\"raw-sign\":\"never\"}}}");
    assert_non_null(policy);
    assert_true(rules_of(policy, "https://a.cn").pin_by_page);
    assert_true(rules_of(policy, "https://a.cn").raw_sign_ask);
    const char *const others[] = {"https://b.cn", "https://c.cn", "https://a.cn:8443"};
    for (size_t i = 0; i < 3; i++) {
        assert_false(rules_of(policy, others[i]).pin_by_page);
        assert_false(rules_of(policy, others[i]).raw_sign_ask);
    }
    policy_free(policy);
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *named;
    } wrong[] = {
        {"{\"pairings\":\"ask\"}", "unknown key pairings"},
        {"{\"pin\":\"page\"}", "unknown key pin"},
        {"{\"raw-sign\":\"ask\"}", "unknown key raw-sign"},
        {"{\"pairing\":\"always\"}", "pairing cannot be always"},
        {"{\"pairing\":\"perhaps\"}", "pairing must be one of ask, always, never"},
        {"{\"pairing\":1}", "pairing must be one of"},
        {"{\"actions\":\"read\"}", "actions must be a list"},
        {"{\"actions\":[\"reads\"]}", "unknown action reads"},
        {"{\"actions\":[1]}", "unknown action"},
        {"{\"origins\":[]}", "origins must be an object"},
        {"{\"origins\":{\"https://A.cn\":{}}}", "https://A.cn is not an origin"},
        {"{\"origins\":{\"http://a.cn\":{}}}", "http://a.cn is not an origin"},
        {"{\"origins\":{\"*\":{}}}", "* is not an origin"},
        {"{\"origins\":{\"https://a.cn\":true}}", "https://a.cn: must be an object"},
        {"{\"origins\":{\"https://a.cn\":{\"rawSign\":\"ask\"}}}", "unknown key rawSign"},
        {"{\"origins\":{\"https://a.cn\":{\"pin\":\"typed\"}}}", "pin must be one of native, page"},
        {"{\"origins\":{\"https://a.cn\":{\"raw-sign\":\"always\"}}}",
         "raw-sign must be one of never, ask"},
        {"{\"origins\":{\"https://a.cn\":{\"pairing\":\"yes\"}}}", "https://a.cn: pairing must be"},
        {"{\"origins\":{\"https://a.cn\":{},\"https://a.cn\":{}}}", "configured.json: "},
        {"[]", "must be an object"},
        {"", "configured.json: "},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_null(policy_of(wrong[i].text));
        if (strstr(complaint, wrong[i].named) == NULL || strstr(complaint, configured) == NULL) {
            fail_msg("%s: %s", wrong[i].text, complaint);
        }
    }
}

static void the_machines_policy_rules_and_the_configured_one_is_then_not_read(void **state) {
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    write_file(machine, "{\"origins\":{\"https://a.cn\":{\"pairing\":\"never\"}}}");
    struct policy *policy = policy_of("{\"origins\":{\"https://a.cn\":{\"pairing\":\"always\"}}}");
    assert_non_null(policy);
    assert_string_equal(policy_file(policy), machine);
    assert_int_equal(rules_of(policy, "https://a.cn").pairing, POLICY_PAIRING_NEVER);
    policy_free(policy);
    write_file(machine, "{\"nonsense\":1}");
    assert_null(policy_of("{}"));
    assert_non_null(strstr(complaint, "unknown key nonsense"));
}

static void a_policy_that_others_could_have_written_is_refused(void **state) {
    (void)state;
    struct policy *policy = NULL;
    write_file(configured, "{}");
    assert_int_equal(chmod(configured, 0664), 0);
    assert_int_equal(policy_open(machine, configured, &policy, complaint, sizeof(complaint)), -1);
    assert_non_null(strstr(complaint, "nobody else may write"));
    assert_int_equal(chmod(configured, 0644), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(policy_open(machine, configured, &policy, complaint, sizeof(complaint)), -1);
    assert_non_null(strstr(complaint, "its folder"));
    assert_int_equal(chmod(folder, 0700), 0);
    /* a configured one that is not there is a mistake, not "no policy" */
    unlink(configured);
    assert_int_equal(policy_open(machine, configured, &policy, complaint, sizeof(complaint)), -1);
    if (geteuid() == 0) { /* the machine's belongs to root, whoever runs the agent */
        write_file(machine, "{}");
        assert_int_equal(chown(machine, 65534, 65534), 0);
        assert_int_equal(policy_open(machine, NULL, &policy, complaint, sizeof(complaint)), -1);
        assert_non_null(strstr(complaint, "belongs to root"));
        write_file(configured, "{}");
        assert_int_equal(chown(configured, 65534, 65534), 0);
        unlink(machine);
        assert_int_equal(policy_open(machine, configured, &policy, complaint, sizeof(complaint)),
                         -1);
    }
    assert_null(policy);
}

static void reading_again_takes_what_is_good_and_leaves_what_was(void **state) {
    (void)state;
    struct policy *policy = policy_of("{\"origins\":{\"https://a.cn\":{\"pairing\":\"always\"}}}");
    assert_non_null(policy);
    write_file(configured, "{\"origins\":{\"https://a.cn\":{\"pairing\":\"alway\"}}}");
    assert_int_equal(policy_reload(policy, complaint, sizeof(complaint)), -1);
    assert_int_equal(rules_of(policy, "https://a.cn").pairing, POLICY_PAIRING_ALWAYS);
    write_file(configured, "{\"origins\":{\"https://a.cn\":{\"pairing\":\"never\"}}}");
    assert_int_equal(policy_reload(policy, complaint, sizeof(complaint)), 0);
    assert_int_equal(rules_of(policy, "https://a.cn").pairing, POLICY_PAIRING_NEVER);
    policy_free(policy);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(without_a_policy_persons_decide_and_nothing_special_is_allowed),
        TEST(pairing_lists_sites_as_paired_and_as_refused),
        TEST(pairing_never_closes_the_list_also_for_the_configuration_and_for_persons),
        TEST(actions_are_the_sites_own_or_everybodys),
        TEST(pin_and_raw_sign_are_for_named_sites_alone),
        TEST(what_is_wrong_is_named),
        TEST(the_machines_policy_rules_and_the_configured_one_is_then_not_read),
        TEST(a_policy_that_others_could_have_written_is_refused),
        TEST(reading_again_takes_what_is_good_and_leaves_what_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
