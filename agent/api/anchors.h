/* The CA roots of the configured services: what seals and new certificates must chain to. */
#ifndef AGENT_API_ANCHORS_H
#define AGENT_API_ANCHORS_H

#include <openssl/x509.h>

#include "agent/config.h"

/* The certificates of one service's root file: self-signed ones are trusted, others are intermediates. */
struct trust_anchor {
    struct trust_anchor *next;
    const struct agent_service *service;
    X509 *root;
    STACK_OF(X509) *intermediates;
};

/* Read every service's root file (services without one are skipped). The list belongs to the caller: anchors_free(). A file that
 * cannot be read is left out and named in the log. */
struct trust_anchor *anchors_read(const struct agent_config *config);
void anchors_free(struct trust_anchor *anchors);
/* The service's anchor, or NULL. */
const struct trust_anchor *anchors_find(const struct trust_anchor *anchors,
                                        const struct agent_service *service);

#endif
