/* The command line of browser trust: which databases, what to do, what to say. */
#include "agent/trust_command.h"
#include "agent/clock.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/config.h"
#include "agent/identity/identity.h"
#include "agent/identity/trust.h"

enum { DONE = 0, NOT_DONE = 1, USAGE = 2 };

#define MAX_DATABASES 32

struct request {
    enum trust_state (*act)(const char *ca, const char *nssdb);
    enum trust_state wanted;
    const char *config;
    const char *databases[MAX_DATABASES];
    size_t database_count;
};

static bool parse(int argc, char **argv, struct request *request) {
    static const struct {
        const char *word;
        enum trust_state (*act)(const char *ca, const char *nssdb);
        enum trust_state wanted;
    } actions[] = {{"install", trust_install, TRUST_INSTALLED},
                   {"status", trust_status, TRUST_INSTALLED},
                   {"remove", trust_remove, TRUST_MISSING}};
    for (size_t i = 0; argc > 0 && i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(argv[0], actions[i].word) == 0) {
            request->act = actions[i].act;
            request->wanted = actions[i].wanted;
        }
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc && request->config == NULL) {
            request->config = argv[++i];
        } else if (strcmp(argv[i], "--nssdb") == 0 && i + 1 < argc &&
                   request->database_count < MAX_DATABASES) {
            request->databases[request->database_count++] = argv[++i];
        } else {
            return false;
        }
    }
    return request->act != NULL;
}

static const char *describe(enum trust_state state) {
    switch (state) {
    case TRUST_INSTALLED:
        return "trusted";
    case TRUST_MISSING:
        return "not trusted";
    case TRUST_NO_DATABASE:
        return "no database";
    case TRUST_ERROR:
        return "failed (is certutil, package libnss3-tools, installed?)";
    }
    return "unknown";
}

int trust_command(int argc, char **argv) {
    struct request request = {0};
    struct agent_config *config = NULL;
    struct identity identity;
    char complaint[512], folder[PATH_MAX], standard[PATH_MAX];
    int result = DONE;
    if (!parse(argc, argv, &request)) {
        return USAGE;
    }
    if (agent_config_read(request.config, &config, complaint, sizeof(complaint)) != 0) {
        fprintf(stderr, "ukey-agent: %s\n", complaint);
        return NOT_DONE;
    }
    mkdir(config->state_dir, 0700);
    int len = snprintf(folder, sizeof(folder), "%s/tls", config->state_dir);
    agent_config_free(config);
    enum identity_error error =
        len < (int)sizeof(folder)
            ? identity_ensure(folder, "OpenUKey agent", clock_now(), &identity)
            : IDENTITY_ERROR_DIRECTORY;
    if (error != IDENTITY_OK) {
        fprintf(stderr, "ukey-agent: %s: %s\n", folder, identity_error_text(error));
        return NOT_DONE;
    }
    if (request.database_count == 0) {
        if (trust_default_nssdb(standard, sizeof(standard)) != 0) {
            fputs("ukey-agent: there is no home folder: name a database with --nssdb\n", stderr);
            return NOT_DONE;
        }
        request.databases[request.database_count++] = standard;
    }
    for (size_t i = 0; i < request.database_count; i++) {
        enum trust_state state = request.act(identity.ca, request.databases[i]);
        printf("%s: %s\n", request.databases[i], describe(state));
        bool removed = request.wanted == TRUST_MISSING && state == TRUST_NO_DATABASE;
        if (state != request.wanted && !removed) {
            result = NOT_DONE;
        }
    }
    return result;
}
