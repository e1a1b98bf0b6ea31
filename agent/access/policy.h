/* What an organisation has laid down for the agents of its machines: which sites are paired, and what each may do. Read from
 * /etc/openukey/agent-policy.json, or else from the configuration's `policy`; see openukey-agent-policy(5). */
#ifndef AGENT_ACCESS_POLICY_H
#define AGENT_ACCESS_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#define POLICY_MACHINE_FILE "/etc/openukey/agent-policy.json"

/* Who decides whether a site is paired. */
enum policy_pairing {
    POLICY_PAIRING_ASK,    /* a person */
    POLICY_PAIRING_ALWAYS, /* it is */
    POLICY_PAIRING_NEVER,  /* it is refused */
};

/* What a paired site may do. Bits above those of enum agent_route_tag: a route's tag names what it needs. */
enum policy_action {
    POLICY_READ = 1 << 8, /* tokens, certificates, seals, events */
    POLICY_PIN = 1 << 9,  /* have the PIN verified */
    POLICY_CHANGE_PIN = 1 << 10,
    POLICY_SIGN = 1 << 11,
    POLICY_LOGIN = 1 << 12,
    POLICY_DECRYPT = 1 << 13,
    POLICY_STAMP = 1 << 14,
    POLICY_VERIFY = 1 << 15,
    POLICY_JOBS = 1 << 16,
    POLICY_SERVICE = 1 << 17, /* the proxy */
    POLICY_ACTIONS = POLICY_READ | POLICY_PIN | POLICY_CHANGE_PIN | POLICY_SIGN | POLICY_LOGIN |
                     POLICY_DECRYPT | POLICY_STAMP | POLICY_VERIFY | POLICY_JOBS | POLICY_SERVICE,
};

struct policy_rules {
    enum policy_pairing pairing;
    unsigned actions; /* enum policy_action, or-ed */
    bool pin_by_page; /* `pin = page`: the page may supply the PIN */
    bool
        raw_sign_ask; /* `raw-sign = ask`: hashes may be signed, each after a native confirmation */
};

struct policy;

/* Read the machine's policy or, when there is none, the configured one (NULL: none). Without either, persons decide and every
 * action is allowed. A policy that is there must be good: it belongs to root (the configured one: or to this user), nobody else
 * may write to it or its folder, and every key is known. -1: `error` says in one line what is wrong. */
int policy_open(const char *machine_file, const char *configured_file, struct policy **policy,
                char *error, size_t error_size);
/* Read again; when that fails (-1) the rules stay what they were. */
int policy_reload(struct policy *policy, char *error, size_t error_size);
void policy_free(struct policy *policy);

/* The file that the rules came from, or NULL. Valid until the next policy_reload(). */
const char *policy_file(const struct policy *policy);

/* The rules for a canonical origin. Thread-safe. */
void policy_rules(struct policy *policy, const char *origin, struct policy_rules *rules);
/* Every site that the policy names, in its order. */
void policy_each(struct policy *policy,
                 void (*site)(void *context, const char *origin, const struct policy_rules *rules),
                 void *context);

#endif
