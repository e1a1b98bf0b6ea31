/* See reload.h. */
#include "agent/reload.h"

#include <stdlib.h>

#include "agent/access/pairing_store.h"
#include "agent/audit/audit.h"
#include "agent/clock.h"

struct standing {
    char origin[ORIGIN_TEXT_SIZE];
    enum origin_class class;
};

static void read_config(struct agent *agent, const char *path, struct agent_config **reloaded) {
    char complaint[600];
    struct agent_config *config = NULL;
    if (agent_config_read(path, &config, complaint, sizeof(complaint)) != 0) {
        log_error("agent", "not reloaded: %s", complaint);
        pairing_store_reload(agent->pairings, *reloaded != NULL ? *reloaded : agent->config);
        return;
    }
    log_set_level(config->log_level);
    clock_start_at(config->clock);
    pairing_store_reload(agent->pairings, config);
    agent_config_free(*reloaded);
    *reloaded = config;
}

static void end_sessions(struct agent *agent, const char *origin, const char *why) {
    log_info("access", "%s: %s, its sessions have ended", origin, why);
    access_origin_end(agent->access, origin);
}

void agent_reload(struct agent *agent, const char *config_path, struct agent_config **reloaded) {
    char complaint[600], revoked[ORIGIN_TEXT_SIZE];
    struct standing *standing = calloc(ACCESS_MAX_SESSIONS, sizeof(*standing));
    size_t count = 0;
    while (standing != NULL && count < ACCESS_MAX_SESSIONS &&
           access_origin_at(agent->access, count, standing[count].origin)) {
        standing[count].class = pairing_store_class(agent->pairings, standing[count].origin);
        count++;
    }
    if (policy_reload(agent->policy, complaint, sizeof(complaint)) != 0) {
        log_error("agent", "the policy stays what it was: %s", complaint);
    }
    read_config(agent, config_path, reloaded);
    for (size_t i = 0; i < count; i++) {
        enum origin_class now = pairing_store_class(agent->pairings, standing[i].origin);
        if (now == ORIGIN_REFUSED) {
            end_sessions(agent, standing[i].origin, "refused");
        } else if (standing[i].class == ORIGIN_PAIRED && now != ORIGIN_PAIRED) {
            end_sessions(agent, standing[i].origin, "no longer paired");
        }
        struct policy_rules rules;
        policy_rules(agent->policy, standing[i].origin, &rules);
        if ((rules.actions & POLICY_READ) == 0) {
            events_close_origin(agent->events, standing[i].origin);
        }
    }
    while (pairing_store_next_revoked(agent->pairings, revoked)) {
        end_sessions(agent, revoked, "revoked");
        audit_append(agent->audit, "revoked", json_pack("{s:s}", "origin", revoked));
    }
    free(standing);
    audit_append(agent->audit, "reload", json_object());
    log_info("agent", "reloaded");
}
