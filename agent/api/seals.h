/* Seals as pages see them, and what is found wrong with them and with stamps. */
#ifndef AGENT_API_SEALS_H
#define AGENT_API_SEALS_H

#include "agent/api/key.h"
#include "module/formats/seal_stamp.h"

/* A seal, checked now against the configured roots and the revocation lists at hand. New reference. */
json_t *seal_json(const struct key *key, const struct seal *seal, const struct octets *der);

/* "valid", "invalid", "expired", "not-yet-valid", "untrusted", "revoked"; *reason = English, "" when valid. */
const char *seal_verdict(const struct key *key, const struct seal *seal, const char **reason);

/* stamp_check() against the configured roots, the most telling one; then the revocation lists at hand: a certificate that was revoked
 * before the stamp's time is STAMP_FAULT_SIGNER_REVOKED or STAMP_FAULT_MAKER_REVOKED. */
enum stamp_fault stamp_judge(const struct key *key, const struct stamp *stamp,
                             const struct octets *data_hash);

#endif
