/* The command line of browser trust: which places, what to do, what to say. */
#include "agent/trust_command.h"

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/access/origin.h"
#include "agent/clock.h"
#include "agent/config.h"
#include "agent/identity/identity.h"
#include "agent/identity/machine.h"
#include "agent/identity/places.h"
#include "agent/identity/trust.h"

enum { DONE = 0, NOT_DONE = 1, USAGE = 2 };

#define MAX_GIVEN 32

struct verb {
    const char *word;
    enum trust_state (*in_database)(const char *ca, const char *nssdb);
    machine_act *in_machine;
    enum trust_state wanted;
};

static const struct verb verbs[] = {
    {"install", trust_install, machine_install, TRUST_INSTALLED},
    {"status", trust_status, machine_status, TRUST_INSTALLED},
    {"remove", trust_remove, machine_remove, TRUST_MISSING},
};

struct request {
    const struct verb *verb;
    const char *config, *ca, *root;
    bool is_json, is_machine;
    char next_ca[PATH_MAX]; /* of the agent's next identity; empty: there is none */
    const char *databases[MAX_GIVEN + 1], *sites[MAX_GIVEN + 1];
    json_t *places; /* what was found in each */
    bool all_done;
};

/* ---- reading the arguments ---- */

static bool give(const char **list, const char *value) {
    size_t count = 0;
    while (list[count] != NULL) {
        count++;
    }
    list[count < MAX_GIVEN ? count : 0] = count < MAX_GIVEN ? value : list[0];
    return count < MAX_GIVEN;
}

/* An https site that is not this machine: that one would open the agent to every site (Firefox). */
static bool is_site(const char *text) {
    return origin_is_eligible(text) && strncmp(text, "https://", 8) == 0 &&
           strncmp(text + 8, "localhost", 9) != 0 && strncmp(text + 8, "127.", 4) != 0 &&
           text[8] != '[';
}

static bool parse(int argc, char **argv, struct request *request) {
    for (size_t i = 0; argc > 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(argv[0], verbs[i].word) == 0) {
            request->verb = &verbs[i];
        }
    }
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        const char **single = strcmp(argv[i], "--config") == 0 ? &request->config
                              : strcmp(argv[i], "--ca") == 0   ? &request->ca
                              : strcmp(argv[i], "--root") == 0 ? &request->root
                                                               : NULL;
        const char **list = strcmp(argv[i], "--nssdb") == 0  ? request->databases
                            : strcmp(argv[i], "--site") == 0 ? request->sites
                                                             : NULL;
        if (strcmp(argv[i], "--json") == 0) {
            request->is_json = true;
        } else if (strcmp(argv[i], "--system") == 0) {
            request->is_machine = true;
        } else if (single != NULL && value != NULL && *single == NULL) {
            *single = value;
            i++;
        } else if (list == NULL || value == NULL || !give(list, value)) {
            return false;
        } else {
            i++;
        }
    }
    for (size_t i = 0; request->sites[i] != NULL; i++) {
        if (!is_site(request->sites[i])) {
            fprintf(stderr, "ukey-agent: not a site (https://host): %s\n", request->sites[i]);
            return false;
        }
    }
    return request->verb != NULL &&
           (request->is_machine
                ? request->databases[0] == NULL
                : request->sites[0] == NULL && request->root == NULL && request->ca == NULL);
}

/* ---- saying what was found ---- */

static const char *describe(enum trust_state state) {
    switch (state) {
    case TRUST_INSTALLED:
        return "trusted";
    case TRUST_MISSING:
        return "not trusted";
    case TRUST_NO_DATABASE:
        return "no database";
    case TRUST_LOCKED:
        return "locked (it has a main password: import the CA in the browser's own settings)";
    case TRUST_ERROR:
        return "failed";
    }
    return "unknown";
}

static const char *state_word(enum trust_state state) {
    static const char *const words[] = {[TRUST_INSTALLED] = "trusted",
                                        [TRUST_MISSING] = "missing",
                                        [TRUST_NO_DATABASE] = "no-database",
                                        [TRUST_LOCKED] = "locked",
                                        [TRUST_ERROR] = "failed"};
    return words[state];
}

static void note(struct request *request, const char *reader, const char *path,
                 enum trust_state state) {
    bool is_gone = request->verb->wanted == TRUST_MISSING && state == TRUST_NO_DATABASE;
    request->all_done = request->all_done && (state == request->verb->wanted || is_gone);
    if (request->is_json) {
        json_array_append_new(request->places, json_pack("{s:s,s:s,s:s}", "browser", reader, "path",
                                                         path, "state", state_word(state)));
    } else {
        printf("%s (%s): %s%s\n", path, reader, describe(state),
               state == TRUST_ERROR && !request->is_machine
                   ? " (is certutil, package libnss3-tools, installed?)"
                   : "");
    }
}

/* What is not as it is wanted for the one CA or the other. */
static enum trust_state worse(const struct request *request, enum trust_state one,
                              enum trust_state other) {
    return one == request->verb->wanted ? other : one;
}

static enum trust_state act_in_database(const struct request *request, const char *ca,
                                        const char *nssdb) {
    enum trust_state state = request->verb->in_database(ca, nssdb);
    return request->next_ca[0] == 0
               ? state
               : worse(request, state, request->verb->in_database(request->next_ca, nssdb));
}

/* ---- a person's browsers, a machine's ---- */

static bool act_for_person(struct request *request, const char *ca) {
    struct places places;
    if (request->databases[0] != NULL) {
        for (size_t i = 0; request->databases[i] != NULL; i++) {
            note(request, "NSS", request->databases[i],
                 act_in_database(request, ca, request->databases[i]));
        }
        return true;
    }
    const char *home = getenv("HOME");
    if (home == NULL || home[0] != '/') {
        fputs("ukey-agent: there is no home folder: name a database with --nssdb\n", stderr);
        return false;
    }
    if (places_find(home, &places) != 0) {
        return false;
    }
    for (size_t i = 0; i < places.count; i++) {
        note(request, places.list[i].browser, places.list[i].path,
             act_in_database(request, ca, places.list[i].path));
    }
    places_free(&places);
    return true;
}

static bool act_for_machine(struct request *request, const char *ca) {
    const struct machine machine = {
        .root = request->root != NULL ? request->root : "", .ca = ca, .sites = request->sites};
    const struct machine next = {
        .root = machine.root, .ca = request->next_ca, .sites = request->sites};
    char path[PATH_MAX];
    if (request->root == NULL && request->verb->in_machine != machine_status && geteuid() != 0) {
        fputs("ukey-agent: only root can change what the whole machine trusts\n", stderr);
        return false;
    }
    for (size_t i = 0; i < MACHINE_PLACES; i++) {
        enum trust_state state = request->verb->in_machine(&machine, i, path);
        if (request->next_ca[0] != 0) {
            state = worse(request, state, request->verb->in_machine(&next, i, path));
        }
        note(request, machine_reader(i), path, state);
    }
    return true;
}

/* ---- whose CA ---- */

static bool find_ca(struct request *request, char ca[PATH_MAX]) {
    struct agent_config *config = NULL;
    char complaint[512], folder[PATH_MAX];
    if (request->ca != NULL) {
        return snprintf(ca, PATH_MAX, "%s", request->ca) < PATH_MAX;
    }
    if (agent_config_read(request->config, &config, complaint, sizeof(complaint)) != 0) {
        fprintf(stderr, "ukey-agent: %s\n", complaint);
        return false;
    }
    clock_start_at(config->clock);
    mkdir(config->state_dir, 0700);
    int len = snprintf(folder, sizeof(folder), "%s/tls", config->state_dir);
    agent_config_free(config);
    struct identity identity;
    enum identity_error error =
        len < (int)sizeof(folder) ? identity_hold(folder, "OpenUKey agent", clock_now(), &identity)
                                  : IDENTITY_ERROR_DIRECTORY;
    if (error != IDENTITY_OK) {
        fprintf(stderr, "ukey-agent: %s: %s\n", folder, identity_error_text(error));
        return false;
    }
    memcpy(ca, identity.ca, sizeof(identity.ca));
    /* while an agent goes over to its next identity, both are to be trusted */
    return snprintf(request->next_ca, sizeof(request->next_ca), "%s/next/ca.pem", folder) <
               (int)sizeof(request->next_ca) &&
           (access(request->next_ca, F_OK) == 0 || (request->next_ca[0] = 0) == 0);
}

int trust_command(int argc, char **argv) {
    struct request request = {.all_done = true};
    char ca[PATH_MAX];
    int result = NOT_DONE;
    if (!parse(argc, argv, &request)) {
        return USAGE;
    }
    request.places = json_array();
    if (find_ca(&request, ca) &&
        (request.is_machine ? act_for_machine(&request, ca) : act_for_person(&request, ca))) {
        result = request.all_done ? DONE : NOT_DONE;
        if (request.is_json) {
            json_t *said = json_pack("{s:s,s:b,s:O}", "ca", ca, "done", request.all_done, "places",
                                     request.places);
            json_dumpf(said, stdout, JSON_INDENT(2));
            putchar('\n');
            json_decref(said);
        }
    }
    json_decref(request.places);
    return result;
}
