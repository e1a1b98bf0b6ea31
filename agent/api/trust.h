/* What is known of a certificate: its chain to a configured root, and whether its issuer has revoked it. Revocation lists are fetched
 * from the configured services, through the proxy only, in the background; what is not known (yet) is said to be unknown. */
#ifndef AGENT_API_TRUST_H
#define AGENT_API_TRUST_H

#include <jansson.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

struct key;
struct trust;

/* Starts the fetcher. NULL: memory or threads are out. `key` is borrowed: its agent, its anchors. */
struct trust *trust_open(const struct key *key);
/* Ends it; a request under way must have been ended (proxy_stop). NULL is harmless. */
void trust_close(struct trust *trust);

enum trust_chain {
    TRUST_CHAIN_UNKNOWN, /* no roots are configured */
    TRUST_CHAIN_TRUSTED,
    TRUST_CHAIN_UNTRUSTED,
    TRUST_CHAIN_EXPIRED, /* one of its certificates, at that time */
    TRUST_CHAIN_NOT_YET_VALID,
};

/* "unknown", "trusted", "untrusted", "expired", "not-yet-valid". */
const char *trust_chain_name(enum trust_chain chain);

/* The best that any configured root says of the certificate at that time; `others` (may be NULL) are more intermediates. */
enum trust_chain trust_chain_of(const struct key *key, X509 *certificate, STACK_OF(X509) *others,
                                int64_t at);

enum trust_revocation { TRUST_REVOCATION_UNKNOWN, TRUST_REVOCATION_GOOD, TRUST_REVOCATION_REVOKED };

struct trust_status {
    enum trust_revocation revocation;
    int64_t checked; /* when the list was made; with good and revoked */
    int64_t revoked; /* since when; with revoked */
};

/* What the list at hand says of the certificate; asks for a newer one when it is old. */
void trust_status_of(struct trust *trust, X509 *certificate, struct trust_status *status);

/* {"chain": name, "revocation": {"state", "checked"?, "revoked"?}} of a certificate now (its chain as of the last minute), for JSON answers.
 * New reference. */
json_t *trust_json(const struct key *key, X509 *certificate);

#endif
