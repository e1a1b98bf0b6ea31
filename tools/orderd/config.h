/* The order service's configuration file: one strict JSON object; unknown members are refused. */
#ifndef TOOLS_ORDERD_CONFIG_H
#define TOOLS_ORDERD_CONFIG_H

#include "tools/orderd/ca/ca.h"
#include "tools/orderd/engine/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_size { CONFIG_LIST_MAX = 16, CONFIG_ERROR_SIZE = 256 };

struct config {
    char *state;                             /* folder of everything that the service keeps */
    char *database;                          /* postgresql://...; NULL: orders.db in the folder */
    const char *listen[CONFIG_LIST_MAX + 1]; /* ended by NULL */
    char *public_url;                        /* no trailing slash */
    char *tls_certificate;                   /* PEM files; NULL: an own development identity */
    char *tls_key;
    char *
        tls_ca; /* what the simulated provider trusts when it calls back; NULL: the system's, or the own identity's */
    const struct profile *profile;
    enum ca_algorithm ca_algorithm; /* CA_ANY_ALGORITHM: what there is, else SM2 */
    char *ca_name;                  /* stem of the names of a CA that is made; NULL: a demo's */
    char *
        ca_url; /* where certificates say that /ca/... is; no trailing slash; default: the public URL */
    const char *origins[CONFIG_LIST_MAX + 1]; /* ended by NULL; default: the public URL alone */
    int64_t clock;                            /* Unix seconds, 0: real time */
    int task_key_days;                        /* 0: rolled over by hand only */
    bool simulators;
    int log_level; /* enum log_level */
};

/* Read the file; paths in it are relative to its folder. False: `error` says what is wrong. The caller ends *out with
 * config_free, also after an error. */
bool config_read(const char *path, struct config *out, char error[CONFIG_ERROR_SIZE]);
void config_free(struct config *config);

/* "STATE/NAME", the caller frees; NULL when memory is out. */
char *config_state_path(const struct config *config, const char *name);

#endif
