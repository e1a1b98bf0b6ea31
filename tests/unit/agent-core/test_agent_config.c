/* The configuration is read strictly; remembered pairings survive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/access/pairing_store.h"
#include "agent/api/messages.h"
#include "agent/config.h"

static char folder[64], path[128], complaint[512];
static struct policy *policy;

static int setup(void **state) {
    (void)state;
    strcpy(folder, "/tmp/openukey-config-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof(path), "%s/agent.json", folder);
    return policy_open("/nowhere/policy.json", NULL, &policy, complaint, sizeof(complaint));
}

static int teardown(void **state) {
    (void)state;
    policy_free(policy);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char file[400];
        snprintf(file, sizeof(file), "%s/%s", folder, entry->d_name);
        unlink(file);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return rmdir(folder);
}

static struct agent_config *read_config(const char *text) {
    struct agent_config *config = NULL;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    complaint[0] = 0;
    int result = agent_config_read(path, &config, complaint, sizeof(complaint));
    assert_int_equal(result == 0, config != NULL);
    return config;
}

static void a_full_configuration_is_read(void **state) {
    (void)state;
    struct agent_config *config = read_config(
        "{\"state\":\"st\",\"ports\":[24400,24401],\"module\":\"lib/"
        "m.so\",\"moduleOptions\":{\"socket-dir\":\"keys\",\"pcsc\":\"off\"},"
        "\"pinentry\":\"pinentry-gtk-2\",\"consent\":\"./"
        "c.mjs\",\"tty\":\"/dev/"
        "tty7\",\"ttyType\":\"linux\",\"services\":{\"default\":{\"upstream\":\"https://"
        "localhost:9443/ca\","
        "\"ca\":\"ca.pem\",\"taskKeys\":\"/v1/keys\",\"issuers\":[\"x\"],\"root\":\"/abs/"
        "root.pem\"}},"
        "\"origins\":{\"allow\":[\"https://a.cn\"],\"deny\":[\"https://b.cn\"]},\"log\":\"warn\","
        "\"dialogSeconds\":7,\"policy\":\"p.json\",\"clock\":\"2026-03-01T09:00:00+08:00\"}");
    char expected[200];
    assert_non_null(config);
    snprintf(expected, sizeof(expected), "%s/st", folder);
    assert_string_equal(config->state_dir, expected);
    assert_int_equal(config->port_count, 2);
    assert_int_equal(config->ports[1], 24401);
    snprintf(expected, sizeof(expected), "%s/lib/m.so", folder);
    assert_string_equal(config->module, expected);
    assert_int_equal(config->module_option_count, 2);
    snprintf(expected, sizeof(expected), "%s/keys", folder);
    assert_string_equal(config->module_options[0].value, expected);
    assert_string_equal(config->module_options[1].value, "off");
    assert_string_equal(config->pinentry, "pinentry-gtk-2");
    assert_int_equal(config->clock, 1772326800);
    assert_int_equal(config->dialog_ms, 7000);
    snprintf(expected, sizeof(expected), "%s/p.json", folder);
    assert_string_equal(config->policy, expected);
    snprintf(expected, sizeof(expected), "%s/./c.mjs", folder);
    assert_string_equal(config->consent.program, expected);
    assert_string_equal(config->consent.terminal.device, "/dev/tty7");
    assert_string_equal(config->consent.terminal.type, "linux");
    const struct agent_service *service = agent_config_service(config, "default");
    assert_non_null(service);
    assert_string_equal(service->upstream, "https://localhost:9443/ca");
    assert_string_equal(service->root, "/abs/root.pem");
    assert_null(agent_config_service(config, "other"));
    assert_int_equal(config->log_level, LOG_LEVEL_WARN);
    agent_config_free(config);
}

static void what_is_left_out_has_a_default(void **state) {
    (void)state;
    struct agent_config *config = read_config("{\"state\":\"/st\"}");
    assert_non_null(config);
    assert_int_equal(config->port_count, 4);
    assert_int_equal(config->ports[0], 24317);
    assert_int_equal(config->ports[3], 24320);
    assert_string_equal(config->pinentry, "pinentry");
    assert_non_null(strstr(config->consent.program, "/ukey-consent"));
    assert_non_null(strstr(config->consent.tty_program, "/ukey-consent-tty"));
    assert_null(config->consent.terminal.device);
    assert_non_null(config->consent.terminal.type);
    assert_non_null(strstr(config->module, "/../lib/openukey-pkcs11.so"));
    assert_int_equal(config->log_level, LOG_LEVEL_INFO);
    assert_null(config->policy);
    assert_int_equal(config->clock, 0);
    assert_int_equal(config->dialog_ms, 120000);
    agent_config_free(config);
    setenv("HOME", "/home/somebody", 1);
    unsetenv("XDG_STATE_HOME");
    config = read_config("{}");
    assert_string_equal(config->state_dir, "/home/somebody/.local/state/openukey/agent");
    agent_config_free(config);
    setenv("XDG_STATE_HOME", "/state", 1);
    config = read_config("{}");
    assert_string_equal(config->state_dir, "/state/openukey/agent");
    agent_config_free(config);
    unsetenv("XDG_STATE_HOME");
    unsetenv("HOME");
    assert_null(read_config("{}"));
    assert_non_null(strstr(complaint, "state is missing"));
}

static void every_mistake_is_named(void **state) {
    (void)state;
    static const struct {
        const char *text, *named;
    } mistakes[] = {
        {"{\"state\":\"s\",\"clock\":\"noon\"}", "clock"},
        {"{\"state\":\"s\",\"dialogSeconds\":0}", "dialogSeconds"},
        {"{\"state\":\"s\",\"dialogSeconds\":3601}", "dialogSeconds"},
        {"{\"state\":\"s\",\"dialogSeconds\":\"60\"}", "dialogSeconds"},
        {"{\"state\":\"s\",\"policy\":1}", "policy"},
        {"[]", "object"},
        {"{\"state\":\"s\",\"stat\":1}", "unknown key stat"},
        {"{\"state\":\"s\",\"tty\":\"/dev/tty 1\"}", "tty must be"},
        {"{\"state\":\"s\",\"ttyType\":\"x%0a\"}", "ttyType must be"},
        {"{\"state\":\"s\",\"state\":\"t\"}", "duplicate"},
        {"{\"state\":\"s\"", "line"},
        {"{\"state\":\"\"}", "state"},
        {"{\"state\":7}", "state"},
        {"{\"state\":\"s\",\"ports\":[]}", "ports"},
        {"{\"state\":\"s\",\"ports\":[70000]}", "ports"},
        {"{\"state\":\"s\",\"ports\":\"24317\"}", "ports"},
        {"{\"state\":\"s\",\"moduleOptions\":{\"pcsc\":false}}", "moduleOptions.pcsc"},
        {"{\"state\":\"s\",\"log\":\"loud\"}", "log"},
        {"{\"state\":\"s\",\"services\":{\"a b\":{\"upstream\":\"https://x.cn\"}}}", "services"},
        {"{\"state\":\"s\",\"services\":{\"d\":{}}}", "services.d.upstream"},
        {"{\"state\":\"s\",\"services\":{\"d\":{\"upstream\":\"http://x.cn\"}}}",
         "services.d.upstream"},
        {"{\"state\":\"s\",\"services\":{\"d\":{\"upstream\":\"https://u@x.cn\"}}}",
         "services.d.upstream"},
        {"{\"state\":\"s\",\"services\":{\"d\":{\"upstream\":\"https://x.cn/\"}}}",
         "services.d.upstream"},
        {"{\"state\":\"s\",\"services\":{\"d\":{\"upstream\":\"https://x.cn/a/../b\"}}}",
         "services.d.upstream"},
        {"{\"state\":\"s\",\"services\":{\"d\":{\"upstream\":\"https://x.cn\",\"insecure\":true}}}",
         "services.d.insecure"},
        {"{\"state\":\"s\",\"services\":{\"d\":{\"upstream\":\"https://"
         "x.cn\",\"taskKeys\":\"keys\"}}}",
         "services.d.taskKeys"},
        {"{\"state\":\"s\",\"services\":{\"d\":{\"upstream\":\"https://x.cn\",\"issuers\":[1]}}}",
         "services.d.issuers"},
        {"{\"state\":\"s\",\"services\":{\"d\":{\"upstream\":\"https://"
         "x.cn\",\"pins\":[\"abc\"]}}}",
         "services.d.pins"},
        {"{\"state\":\"s\",\"services\":{\"d\":{\"upstream\":\"https://x.cn\",\"pins\":[]}}}",
         "services.d.pins"},
        {"{\"state\":\"s\",\"services\":{\"d\":{\"upstream\":\"https://"
         "x.cn\",\"clientKey\":\"k\"}}}",
         "services.d.clientCertificate"},
        {"{\"state\":\"s\",\"services\":{\"d\":{\"upstream\":\"https://"
         "x.cn\",\"timeouts\":{\"idle\":0}}}}",
         "services.d.timeouts"},
        {"{\"state\":\"s\",\"services\":{\"d\":{\"upstream\":\"https://"
         "x.cn\",\"timeouts\":{\"odd\":1}}}}",
         "services.d.timeouts"},
        {"{\"state\":\"s\",\"origins\":{\"allow\":[\"http://good.cn\"]}}", "origins.allow"},
        {"{\"state\":\"s\",\"origins\":{\"allow\":[\"https://good.cn/\"]}}", "origins.allow"},
        {"{\"state\":\"s\",\"origins\":{\"deny\":\"https://x.cn\"}}", "origins.deny"},
        {"{\"state\":\"s\",\"origins\":{\"allowed\":[]}}", "unknown key origins.allowed"},
    };
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct agent_config *config = read_config(mistakes[i].text);
        if (config != NULL || strstr(complaint, mistakes[i].named) == NULL ||
            strstr(complaint, path) == NULL) {
            fail_msg("%s gave: %s", mistakes[i].text, complaint);
        }
    }
    struct agent_config *config = NULL;
    assert_int_equal(
        agent_config_read("/nowhere/agent.json", &config, complaint, sizeof(complaint)), -1);
    assert_null(config);
}

static struct agent_config *store_config(void) {
    return read_config("{\"state\":\".\",\"origins\":{\"allow\":[\"https://"
                       "allowed.cn\"],\"deny\":[\"https://denied.cn\"]}}");
}

static void pairings_are_remembered_in_a_private_file(void **state) {
    (void)state;
    struct agent_config *config = store_config();
    struct pairing_store *store = pairing_store_open(config, policy);
    assert_non_null(store);
    assert_int_equal(pairing_store_class(store, "https://a.cn"), ORIGIN_ELIGIBLE);
    assert_int_equal(pairing_store_class(store, "https://allowed.cn"), ORIGIN_PAIRED);
    assert_int_equal(pairing_store_class(store, "https://denied.cn"), ORIGIN_REFUSED);
    assert_int_equal(pairing_store_class(store, "http://a.cn"), ORIGIN_REFUSED);
    assert_int_equal(pairing_store_class(store, "null"), ORIGIN_REFUSED);
    assert_int_equal(pairing_store_class(store, NULL), ORIGIN_REFUSED);
    assert_int_equal(pairing_store_decide(store, "https://a.cn", PAIRING_ALWAYS), 0);
    assert_int_equal(pairing_store_decide(store, "https://denied.cn", PAIRING_ALWAYS), 0);
    pairing_store_close(store);
    store = pairing_store_open(config, policy);
    assert_int_equal(pairing_store_class(store, "https://a.cn"), ORIGIN_PAIRED);
    assert_int_equal(pairing_store_class(store, "https://a.cn:8443"), ORIGIN_ELIGIBLE);
    assert_int_equal(pairing_store_class(store, "https://denied.cn"), ORIGIN_REFUSED);
    pairing_store_close(store);
    char file[200];
    struct stat status;
    snprintf(file, sizeof(file), "%s/pairings.json", folder);
    assert_int_equal(stat(file, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    agent_config_free(config);
}

static void what_a_person_refused_stays_refused_until_it_is_forgotten(void **state) {
    (void)state;
    struct agent_config *config = store_config();
    struct pairing_store *store = pairing_store_open(config, policy);
    struct pairing_store *other = pairing_store_open(config, policy);
    char origin[ORIGIN_TEXT_SIZE];
    assert_int_equal(pairing_store_decide(store, "https://a.cn", PAIRING_NEVER), 0);
    assert_int_equal(pairing_store_decide(store, "https://allowed.cn", PAIRING_NEVER), 0);
    assert_int_equal(pairing_store_class(store, "https://a.cn"), ORIGIN_REFUSED);
    assert_int_equal(pairing_store_class(store, "https://allowed.cn"), ORIGIN_REFUSED);
    /* another program's change starts from the file, and undoes nothing */
    assert_int_equal(pairing_store_decide(other, "https://b.cn", PAIRING_ALWAYS), 0);
    pairing_store_reload(store, config);
    assert_int_equal(pairing_store_class(store, "https://b.cn"), ORIGIN_PAIRED);
    assert_int_equal(pairing_store_class(store, "https://a.cn"), ORIGIN_REFUSED);
    json_t *list = pairing_store_list(store);
    assert_int_equal(json_object_size(list), 3);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(list, "https://a.cn"), "decision")),
        "never");
    json_decref(list);
    assert_int_equal(pairing_store_forget(store, "https://a.cn"), 1);
    assert_int_equal(pairing_store_forget(store, "https://a.cn"), 0);
    assert_int_equal(pairing_store_class(store, "https://a.cn"), ORIGIN_ELIGIBLE);
    /* one that is revoked is neither paired nor refused, and is told once */
    assert_int_equal(pairing_store_decide(other, "https://b.cn", PAIRING_REVOKED), 0);
    pairing_store_reload(store, config);
    assert_int_equal(pairing_store_class(store, "https://b.cn"), ORIGIN_ELIGIBLE);
    assert_true(pairing_store_next_revoked(store, origin));
    assert_string_equal(origin, "https://b.cn");
    assert_false(pairing_store_next_revoked(store, origin));
    pairing_store_close(store);
    pairing_store_close(other);
    agent_config_free(config);
}

static void a_damaged_list_of_pairings_pairs_nobody_and_is_kept(void **state) {
    (void)state;
    struct agent_config *config = store_config();
    char file[200];
    snprintf(file, sizeof(file), "%s/pairings.json", folder);
    FILE *out = fopen(file, "w");
    fputs("{\"version\":1,\"origins\":{\"https://a.cn\":{", out);
    fclose(out);
    struct pairing_store *store = pairing_store_open(config, policy);
    assert_non_null(store);
    assert_int_equal(pairing_store_class(store, "https://a.cn"), ORIGIN_ELIGIBLE);
    pairing_store_close(store);
    snprintf(file, sizeof(file), "%s/pairings.json.damaged", folder);
    assert_int_equal(access(file, F_OK), 0);
    agent_config_free(config);
}

static bool is_chinese(const char *text) {
    for (; *text != 0; text++) {
        if ((unsigned char)*text >= 0xE4 && (unsigned char)*text <= 0xE9) {
            return true;
        }
    }
    return false;
}

static void every_problem_is_complete_in_both_languages(void **state) {
    (void)state;
    for (int i = 0; i < PROBLEM_COUNT; i++) {
        json_t *zh = agent_problem_json((enum agent_problem)i, HTTP_LANGUAGE_ZH, NULL, NULL);
        json_t *en = agent_problem_json((enum agent_problem)i, HTTP_LANGUAGE_EN, NULL,
                                        json_pack("{s:i}", "triesLeft", 3));
        assert_non_null(zh);
        assert_non_null(en);
        static const char *const texts[] = {"title", "detail"};
        for (size_t t = 0; t < 2; t++) {
            const char *chinese = json_string_value(json_object_get(zh, texts[t]));
            const char *english = json_string_value(json_object_get(en, texts[t]));
            assert_non_null(chinese);
            assert_non_null(english);
            assert_true(strcmp(chinese, english) != 0);
            assert_true(is_chinese(chinese));
            assert_false(is_chinese(english));
        }
        assert_int_equal(json_integer_value(json_object_get(en, "triesLeft")), 3);
        assert_true(json_integer_value(json_object_get(en, "status")) >= 400);
        const char *type = json_string_value(json_object_get(en, "type"));
        assert_int_equal(strncmp(type, "urn:openukey:problem:", 21), 0);
        assert_int_equal(strspn(type + 21, "abcdefghijklmnopqrstuvwxyz-"), strlen(type + 21));
        json_decref(zh);
        json_decref(en);
    }
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_full_configuration_is_read),
        WITH_FOLDER(what_is_left_out_has_a_default),
        WITH_FOLDER(every_mistake_is_named),
        WITH_FOLDER(pairings_are_remembered_in_a_private_file),
        WITH_FOLDER(what_a_person_refused_stays_refused_until_it_is_forgotten),
        WITH_FOLDER(a_damaged_list_of_pairings_pairs_nobody_and_is_kept),
        cmocka_unit_test(every_problem_is_complete_in_both_languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
