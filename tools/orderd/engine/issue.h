/* Issuing at the moment of download (R212): store what will be signed, then sign, then store what was signed. A crash between any two of
 * these is mended by the next request with the same key. */
#ifndef TOOLS_ORDERD_ENGINE_ISSUE_H
#define TOOLS_ORDERD_ENGINE_ISSUE_H

#include "tools/orderd/engine/registry.h"
#include "tools/orderd/engine/task.h"

struct issuance {
    char id[ID_SIZE];
    char state[16]; /* PREPARED, ISSUED, CONFIRMED, REVOKED */
    char sign_certificate[ID_SIZE];
    char enc_certificate[ID_SIZE];
    char seal[SEAL_ID_SIZE]; /* "" when the old certificate had none */
    char proof_nonce[SECRET_SIZE];
};

/* Certify the public key of a PKCS#10 (`csr`, DER, SM2). `continuity` is the old key's DER SM2Signature over CONTINUITY_PREFIX, the
 * task's nonce, ":" and the hex SHA-256 of the request. The same public key again gives the same answer, whatever happened in
 * between; another one revokes what the earlier got. *out is {signCertificate, encryptCertificate, envelopedKey, chain, seal?, sealId?,
 * nonce}. */
enum order_error issue_request(const struct engine *engine, struct db *db,
                               const struct caller *caller, const char *task,
                               const struct octets *csr, const struct octets *continuity,
                               json_t **out);

/* The issuance of this task that is not revoked; ORDER_NOT_FOUND when there is none. */
enum order_error issuance_live(struct db *db, const char *task, struct issuance *out);

/* Revoke what an unconfirmed issuance made; in the caller's transaction. */
enum order_error issuance_revoke(const struct engine *engine, struct db *db,
                                 const struct order *order, const struct issuance *issuance);

#endif
