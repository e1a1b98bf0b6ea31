/* The command line of the audit journal. */
#include "agent/audit_command.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/audit/audit.h"
#include "agent/config.h"

enum { DONE = 0, NOT_DONE = 1, USAGE = 2 };

struct options {
    bool list, json;
    const char *config;
};

static bool parse(int argc, char **argv, struct options *options) {
    bool verify = argc > 0 && strcmp(argv[0], "verify") == 0;
    options->list = argc > 0 && strcmp(argv[0], "list") == 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc && options->config == NULL) {
            options->config = argv[++i];
        } else if (strcmp(argv[i], "--json") == 0 && options->list) {
            options->json = true;
        } else {
            return false;
        }
    }
    return (verify || options->list);
}

/* "2026-03-01T01:00:00Z  pairing  https://a.cn  answer=given choice=once" */
static void print_entry(void *context, const json_t *entry) {
    const struct options *options = context;
    const char *key;
    json_t *value;
    if (options->json) {
        char *text = json_dumps(entry, JSON_COMPACT);
        puts(text != NULL ? text : "");
        free(text);
        return;
    }
    const char *const columns[] = {"time", "event", "origin"};
    for (size_t i = 0; i < 3; i++) {
        const char *text = json_string_value(json_object_get(entry, columns[i]));
        printf("%s%s", i > 0 ? "  " : "", text != NULL ? text : "-");
    }
    json_object_foreach((json_t *)entry, key, value) {
        bool shown = strcmp(key, "n") == 0 || strcmp(key, "prev") == 0;
        for (size_t i = 0; i < 3; i++) {
            shown = shown || strcmp(key, columns[i]) == 0;
        }
        char *text = shown ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        if (text != NULL) {
            printf("  %s=%s", key, text);
        }
        free(text);
    }
    putchar('\n');
}

static void print_finding(void *context, const char *text) {
    (void)context;
    fprintf(stderr, "ukey-agent: %s\n", text);
}

int audit_command(int argc, char **argv) {
    struct options options = {0};
    struct agent_config *config = NULL;
    struct audit_summary summary;
    char complaint[512], folder[PATH_MAX];
    if (!parse(argc, argv, &options)) {
        return USAGE;
    }
    if (agent_config_read(options.config, &config, complaint, sizeof(complaint)) != 0) {
        fprintf(stderr, "ukey-agent: %s\n", complaint);
        return NOT_DONE;
    }
    int len = snprintf(folder, sizeof(folder), "%s/audit", config->state_dir);
    agent_config_free(config);
    const struct audit_reader reader = {
        .entry = options.list ? print_entry : NULL, .finding = print_finding, .context = &options};
    if (len >= (int)sizeof(folder) || audit_read(folder, &reader, &summary) != 0) {
        fprintf(stderr, "ukey-agent: %s: there is no journal\n", folder);
        return NOT_DONE;
    }
    if (!options.list && summary.findings == 0) {
        printf("lines %lld to %lld: unbroken\n", (long long)summary.first, (long long)summary.last);
    }
    return summary.findings == 0 ? DONE : NOT_DONE;
}
