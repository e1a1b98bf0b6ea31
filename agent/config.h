/* The agent's configuration: one JSON file, read strictly (an unknown key or a wrong type is an error). */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/consent/consent.h"
#include "agent/foreign/registry.h"
#include "agent/log.h"

#define AGENT_CONFIG_MAX_PORTS 8

/* One option for the PKCS#11 module (its vendor interface's SetOption, same names as openukey.conf). */
struct agent_module_option {
    char *name;
    char *value;
};

/* How long a service may take, in seconds. */
struct agent_service_times {
    int connect, first_byte, idle, total;
};

/* One order service that pages and jobs may reach. */
struct agent_service {
    char *profile;  /* its name in /v1/service/{profile}/ and in jobs: [a-z0-9-] */
    char *upstream; /* "https://host[:port][/base]", no '/' at the end */
    char *ca;       /* PEM file that verifies the upstream's TLS; NULL: the system's store */
    char *
        root; /* PEM file of the CA root that new certificates must chain to; NULL: jobs are refused */
    json_t *
        task_keys; /* a string (URL path below upstream, "/v1/keys") or a pinned JWK list; NULL: jobs are refused */
    char *crl; /* the issuer's revocation list: a URL path below upstream; NULL: none is fetched */
    char *
        pins; /* "sha256//BASE64;...": the TLS keys that are the service's; NULL: any that verifies */
    char *client_certificate; /* PEM files: the agent shows this at TLS; NULL: it shows none */
    char *client_key;
    struct agent_service_times times;
    json_t *issuers; /* list of issuer names whose keys this service serves; NULL: any */
};

struct agent_config {
    char *state_dir; /* default $XDG_STATE_HOME/openukey/agent (~/.local/state/openukey/agent) */
    uint16_t ports[AGENT_CONFIG_MAX_PORTS]; /* tried in turn; 0 means any free one */
    size_t port_count;
    char *module; /* PKCS#11 module; default ../lib/openukey-pkcs11.so beside the program */
    struct agent_module_option *module_options;
    size_t module_option_count;
    struct foreign_modules foreign; /* further modules, of other makers */
    bool uses_p11_kit;              /* and those of p11-kit's registry; default true */
    char *host;     /* program that they run in; default ukey-module-host beside the agent */
    char *pinentry; /* program; default "pinentry" from PATH */
    struct consent_means
        consent; /* defaults: ukey-consent and ukey-consent-tty beside the agent, no terminal */
    struct agent_service *services;
    size_t service_count;
    char **allow; /* origins that are paired by policy; canonical */
    size_t allow_count;
    char **deny; /* origins that are refused; canonical */
    size_t deny_count;
    char *policy;  /* the policy where the machine has none; NULL: none */
    int dialog_ms; /* how long a dialog waits for its answer */
    int64_t clock; /* Unix seconds that the clock shows at the start; 0: real time */
    enum log_level log_level;
};

#define AGENT_CONFIG_MACHINE_FILE "/etc/openukey/agent.json"

/* Read `path`; NULL means the first that exists of $XDG_CONFIG_HOME/openukey/agent.json (~/.config/openukey/agent.json) and
 * AGENT_CONFIG_MACHINE_FILE, or else the defaults alone. Relative paths in it are taken from its folder. On success *config is to be freed with agent_config_free().
 * On failure returns -1 and writes one line for a person into `error`. */
int agent_config_read(const char *path, struct agent_config **config, char *error,
                      size_t error_size);
void agent_config_free(struct agent_config *config);

/* The service of that profile name, or NULL. */
const struct agent_service *agent_config_service(const struct agent_config *config,
                                                 const char *profile);

#endif
