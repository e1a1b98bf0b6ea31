/* What was promised or given to one public key of a task: the rows of the table issuances. */
#ifndef TOOLS_ORDERD_ENGINE_ISSUANCE_H
#define TOOLS_ORDERD_ENGINE_ISSUANCE_H

#include "module/formats/octets.h"
#include "tools/orderd/engine/order.h"
#include "tools/orderd/engine/registry.h"
#include "tools/orderd/engine/session.h"

struct issuance {
    char id[ID_SIZE];
    char state[16]; /* PREPARED, ISSUED, CONFIRMED, REVOKED */
    char sign_certificate[ID_SIZE];
    char enc_certificate[ID_SIZE];
    char seal[SEAL_ID_SIZE]; /* "" when the old certificate had none */
    char proof_nonce[SECRET_SIZE];
};

/* The issuance of this task that is not revoked; ORDER_NOT_FOUND when there is none. */
enum order_error issuance_live(struct db *db, const char *task, struct issuance *out);

/* Revoke what an unconfirmed issuance made; in the caller's transaction. */
enum order_error issuance_revoke(const struct engine *engine, struct db *db,
                                 const struct order *order, const struct issuance *issuance);

/* The issuance of this public key (SHA-256 hex of its SubjectPublicKeyInfo), revoked or not, and the request that was certified:
 * *csr is the caller's. ORDER_NOT_FOUND when the key is new. */
enum order_error issuance_of_key(struct db *db, const char *task, const char *public_key,
                                 struct issuance *out, struct octets *csr);

#endif
