/* The command line of paired and refused sites. */
#include "agent/origins_command.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/access/pairing_store.h"
#include "agent/clock.h"
#include "agent/state_folder.h"

enum { DONE = 0, NOT_DONE = 1, USAGE = 2 };

enum { WAIT_MS = 10000, POLL_MS = 20 };

enum verb { VERB_NONE, VERB_LIST, VERB_REVOKE, VERB_DENY };

struct options {
    enum verb verb;
    bool json;
    const char *config, *origin;
};

static bool parse(int argc, char **argv, struct options *options) {
    static const struct {
        const char *word;
        enum verb verb;
    } verbs[] = {{"list", VERB_LIST}, {"revoke", VERB_REVOKE}, {"deny", VERB_DENY}};
    for (size_t i = 0; argc > 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(argv[0], verbs[i].word) == 0) {
            options->verb = verbs[i].verb;
        }
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc && options->config == NULL) {
            options->config = argv[++i];
        } else if (strcmp(argv[i], "--json") == 0 && options->verb == VERB_LIST) {
            options->json = true;
        } else if (argv[i][0] != '-' && options->origin == NULL) {
            options->origin = argv[i];
        } else {
            return false;
        }
    }
    return options->verb != VERB_NONE && (options->verb == VERB_LIST) == (options->origin == NULL);
}

/* ---- list ---- */

static void print_row(const struct options *options, json_t *rows, const char *origin,
                      const char *decision, const char *by, const char *since) {
    if (options->json) {
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s*}", "origin", origin, "decision",
                                              decision, "by", by, "since", since));
    } else {
        printf("%-8s %-14s %s%s%s\n", decision, by, origin, since != NULL ? "  since " : "",
               since != NULL ? since : "");
    }
}

struct listing {
    const struct options *options;
    json_t *rows;
};

static void print_policy_row(void *context, const char *origin, const struct policy_rules *rules) {
    static const char *const decisions[] = {[POLICY_PAIRING_ASK] = "ask",
                                            [POLICY_PAIRING_ALWAYS] = "always",
                                            [POLICY_PAIRING_NEVER] = "never"};
    const struct listing *listing = context;
    print_row(listing->options, listing->rows, origin, decisions[rules->pairing], "policy", NULL);
}

static int list_origins(const struct options *options, const struct agent_config *config,
                        struct policy *policy, struct pairing_store *store) {
    struct listing listing = {.options = options, .rows = json_array()};
    json_t *decided = pairing_store_list(store), *entry;
    const char *origin;
    policy_each(policy, print_policy_row, &listing);
    for (size_t i = 0; i < config->allow_count; i++) {
        print_row(options, listing.rows, config->allow[i], "always", "configuration", NULL);
    }
    for (size_t i = 0; i < config->deny_count; i++) {
        print_row(options, listing.rows, config->deny[i], "never", "configuration", NULL);
    }
    json_object_foreach(decided, origin, entry) {
        const char *decision = json_string_value(json_object_get(entry, "decision"));
        print_row(options, listing.rows, origin, decision != NULL ? decision : "always", "person",
                  json_string_value(json_object_get(entry, "since")));
    }
    json_decref(decided);
    if (options->json) {
        json_dumpf(listing.rows, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(listing.rows);
    return DONE;
}

/* ---- revoke, deny ---- */

/* The running agent forgets the revoked site once it has ended its sessions: wait for that. */
static bool wait_until_forgotten(const struct agent_config *config, struct pairing_store *store,
                                 const char *origin) {
    for (int waited = 0; waited < WAIT_MS; waited += POLL_MS) {
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
        pairing_store_reload(store, config);
        json_t *decided = pairing_store_list(store);
        bool there = json_object_get(decided, origin) != NULL;
        json_decref(decided);
        if (!there) {
            return true;
        }
    }
    return false;
}

static int revoke_origin(const char *origin, const struct agent_config *config,
                         struct pairing_store *store) {
    pid_t agent = state_folder_owner(config->state_dir);
    int done = agent > 0 ? pairing_store_decide(store, origin, PAIRING_REVOKED)
                         : pairing_store_forget(store, origin);
    if (done < 0) {
        fputs("ukey-agent: the list cannot be written\n", stderr);
        return NOT_DONE;
    }
    if (agent > 0 && (kill(agent, SIGHUP) != 0 || !wait_until_forgotten(config, store, origin))) {
        fprintf(stderr, "ukey-agent: the running agent (process %d) has not answered\n",
                (int)agent);
        return NOT_DONE;
    }
    printf("%s: revoked%s\n", origin, agent > 0 ? ", its sessions have ended" : "");
    if (pairing_store_class(store, origin) == ORIGIN_PAIRED) {
        printf("%s: policy or configuration pair it again: \"origins deny\" refuses it\n", origin);
    }
    return DONE;
}

static int deny_origin(const char *origin, const struct agent_config *config,
                       struct pairing_store *store) {
    if (pairing_store_decide(store, origin, PAIRING_NEVER) != 0) {
        fputs("ukey-agent: the list cannot be written\n", stderr);
        return NOT_DONE;
    }
    pid_t agent = state_folder_owner(config->state_dir);
    if (agent > 0 && kill(agent, SIGHUP) != 0) {
        fprintf(stderr, "ukey-agent: the running agent (process %d) cannot be told\n", (int)agent);
        return NOT_DONE;
    }
    printf("%s: refused from now on\n", origin);
    return DONE;
}

int origins_command(int argc, char **argv) {
    struct options options = {0};
    struct agent_config *config = NULL;
    struct policy *policy = NULL;
    char complaint[600];
    int result = NOT_DONE;
    if (!parse(argc, argv, &options)) {
        return USAGE;
    }
    if (options.origin != NULL && !origin_is_eligible(options.origin)) {
        fprintf(
            stderr,
            "ukey-agent: %s is not an origin as browsers write it, like https://portal.example\n",
            options.origin);
        return USAGE;
    }
    if (agent_config_read(options.config, &config, complaint, sizeof(complaint)) != 0 ||
        policy_open(POLICY_MACHINE_FILE, config->policy, &policy, complaint, sizeof(complaint)) !=
            0) {
        fprintf(stderr, "ukey-agent: %s\n", complaint);
        agent_config_free(config);
        return NOT_DONE;
    }
    clock_start_at(config->clock);
    struct pairing_store *store = pairing_store_open(config, policy);
    if (store == NULL) {
        fputs("ukey-agent: out of memory\n", stderr);
    } else if (options.verb == VERB_LIST) {
        result = list_origins(&options, config, policy, store);
    } else if (options.verb == VERB_REVOKE) {
        result = revoke_origin(options.origin, config, store);
    } else {
        result = deny_origin(options.origin, config, store);
    }
    pairing_store_close(store);
    policy_free(policy);
    agent_config_free(config);
    return result;
}
