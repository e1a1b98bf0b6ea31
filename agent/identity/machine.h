/* Making a whole machine trust an agent's CA, and letting sites reach it without a browser's question: for those who manage machines.
 * The system's certificate store, and the policy files of Firefox and of Chromium's kin; what else stands in those files stays. */
#ifndef AGENT_IDENTITY_MACHINE_H
#define AGENT_IDENTITY_MACHINE_H

#include <limits.h>
#include <stddef.h>

#include "agent/identity/trust.h"

struct machine {
    const char *root; /* "" for this machine, or the folder of an image that is being made */
    const char *ca;   /* PEM file; only one that is confined to this machine is taken */
    const char *const *
        sites; /* "https://host[:port]", ended by NULL: let them reach loopback addresses unasked */
};

/* The places: the store, then a policy file for each browser that has them. */
#define MACHINE_PLACES 5

/* What is done in each. */
typedef enum trust_state machine_act(const struct machine *machine, size_t place,
                                     char path[PATH_MAX]);

/* `path` says where, also on failure. "Installed" means the CA is there, and all of `sites`. A policy file that is not JSON is left
 * alone: TRUST_ERROR. For TRUST_MISSING nothing of ours is there any more: the CA, and `sites`. */
machine_act machine_status, machine_install, machine_remove;

/* "Firefox", "Chromium", ...: who reads the place. */
const char *machine_reader(size_t place);

#endif
