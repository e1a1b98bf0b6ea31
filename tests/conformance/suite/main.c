/* p11-conformance: runs the rules against a module and tells the results. */
#include "tests/conformance/suite/rule_run.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct rule_list *const lists[] = {
    &general_rules,   &slot_rules,   &session_rules,   &login_rules,  &template_rules,
    &attribute_rules, &object_rules, &operation_rules, &digest_rules, &sign_rules,
    &recover_rules,   &dual_rules,   &message_rules,   &key_rules,    &random_rules,
    &removal_rules,   &token_rules};

static const char usage[] =
    "usage: p11-conformance [options] MODULE\n"
    "Checks a PKCS#11 module against the rules of PKCS#11 3.1, each in a process of its own.\n"
    "  --pin PIN --so-pin PIN   PINs of the token (default 123456; officer's PIN: none)\n"
    "  --label LABEL            which token (default: the first)\n"
    "  --remove CMD --insert CMD  shell commands that pull the token and put it back\n"
    "  --initialize             the token may be initialised at the end: all on it is lost\n"
    "  --only TEXT              only rules in whose number, function or words this occurs\n"
    "  --json                   one line of JSON a rule\n"
    "  --list                   the rules, without running them\n"
    "Exit status: 0 no rule failed, 1 some did, 2 wrong usage.\n";

static void print_json_text(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            putchar('\\');
        }
        if ((unsigned char)*text >= 0x20) {
            putchar(*text);
        }
    }
    putchar('"');
}

static const char *const verdicts[] = {"pass", "FAIL", "not applicable"};

static void print(const char *number, const struct rule *rule, const struct outcome *outcome,
                  bool json) {
    if (!json) {
        printf("%-14s %s %s: %s%s%s\n", verdicts[outcome->verdict], number, rule->function,
               rule->text, outcome->words[0] != '\0' ? " -- " : "", outcome->words);
        return;
    }
    static const char *const words[] = {"pass", "fail", "not-applicable"};
    printf("{\"rule\":\"%s\",\"function\":\"%s\",\"text\":", number, rule->function);
    print_json_text(rule->text);
    printf(",\"result\":\"%s\",\"why\":", words[outcome->verdict]);
    print_json_text(outcome->words);
    printf("}\n");
}

/* Rules of one clause are numbered in their order: "5.6.2-3". */
static void number_of(const struct rule *rule, char *out, size_t size) {
    unsigned n = 1;
    for (size_t i = 0; i < COUNT(lists); i++) {
        for (size_t j = 0; j < lists[i]->count; j++) {
            const struct rule *other = &lists[i]->rules[j];
            if (other == rule) {
                snprintf(out, size, "%s-%u", rule->clause, n);
                return;
            }
            n += strcmp(other->clause, rule->clause) == 0;
        }
    }
}

static unsigned totals[3];

static void run_all(const char *only, bool json, bool list) {
    for (size_t i = 0; i < COUNT(lists); i++) {
        for (size_t j = 0; j < lists[i]->count; j++) {
            const struct rule *rule = &lists[i]->rules[j];
            struct outcome outcome = {PASS, ""};
            char number[40];
            number_of(rule, number, sizeof(number));
            if (only != NULL && strstr(number, only) == NULL &&
                strstr(rule->function, only) == NULL && strstr(rule->text, only) == NULL) {
                continue;
            }
            if (list) {
                printf("%s %s: %s\n", number, rule->function, rule->text);
                continue;
            }
            rule_run(rule, &outcome);
            totals[outcome.verdict]++;
            print(number, rule, &outcome, json);
        }
    }
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"pin", required_argument, NULL, 'p'},
                                            {"so-pin", required_argument, NULL, 's'},
                                            {"label", required_argument, NULL, 'l'},
                                            {"remove", required_argument, NULL, 'r'},
                                            {"insert", required_argument, NULL, 'i'},
                                            {"initialize", no_argument, NULL, 'I'},
                                            {"only", required_argument, NULL, 'o'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"list", no_argument, NULL, 'L'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *only = NULL;
    bool json = false, list = false;
    setting.pin = "123456";
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'p':
            setting.pin = optarg;
            break;
        case 's':
            setting.so_pin = optarg;
            break;
        case 'l':
            setting.label = optarg;
            break;
        case 'r':
            setting.remove = optarg;
            break;
        case 'i':
            setting.insert = optarg;
            break;
        case 'I':
            setting.may_initialize = true;
            break;
        case 'o':
            only = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'L':
            list = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind + !list != argc || strlen(setting.pin) >= 60 ||
        (setting.so_pin != NULL && strlen(setting.so_pin) >= 60) ||
        (setting.remove == NULL) != (setting.insert == NULL)) {
        fputs(usage, stderr);
        return 2;
    }
    setting.module = argv[optind];
    run_all(only, json, list);
    if (!json && !list) {
        printf("%u pass, %u fail, %u not applicable\n", totals[PASS], totals[FAIL],
               totals[NOT_APPLICABLE]);
    }
    return totals[FAIL] > 0 ? 1 : 0;
}
