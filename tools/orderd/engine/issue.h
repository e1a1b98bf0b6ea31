/* Issuing at the moment of download (R212): store what will be signed, then sign, then store what was signed. A crash between any two of
 * these is mended by the next request with the same key. */
#ifndef TOOLS_ORDERD_ENGINE_ISSUE_H
#define TOOLS_ORDERD_ENGINE_ISSUE_H

#include "tools/orderd/engine/task.h"

/* Certify the public key of a PKCS#10 (`csr`, DER, SM2). `continuity`, where the old key continues in the new
 * one (issue_plan.h), is its DER SM2Signature over CONTINUITY_PREFIX, the task's nonce, ":" and the hex SHA-256 of the request. The same public key again gives the same answer, whatever happened in
 * between; another one revokes what the earlier got. *out is {signCertificate, encryptCertificate, envelopedKey, chain, seal?, sealId?,
 * nonce}. */
enum order_error issue_request(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *task,
                               const struct octets *csr, const struct octets *continuity,
                               json_t **out);

#endif
