/* What the CA knows: subjects, keys, certificates and seals, as stored. */
#ifndef TOOLS_ORDERD_ENGINE_REGISTRY_H
#define TOOLS_ORDERD_ENGINE_REGISTRY_H

#include "module/formats/octets.h"
#include "tools/orderd/engine/engine.h"
#include "tools/orderd/engine/identifier.h"

enum registry_size { SUBJECT_NAME_SIZE = 257, STATE_NAME_SIZE = 16, SEAL_ID_SIZE = 65 };

struct subject_record {
    char id[ID_SIZE];
    char type[8]; /* ORG, PERSON */
    char name[SUBJECT_NAME_SIZE];
    char credential_type[32];
    char credential_no[64];
};

struct certificate_record {
    char id[ID_SIZE];
    char sha256
        [DIGEST_HEX_SIZE]; /* what the API calls the certificate's id; "" until it is signed */
    char serial[41];
    char subject[ID_SIZE];
    char subject_dn[512];
    char algorithm[8];
    char usage[8];               /* SIGN, ENC, BOTH */
    char state[STATE_NAME_SIZE]; /* PENDING, VALID, HELD, REVOKED, SUPERSEDED, EXPIRED */
    char token[65];
    char pair[ID_SIZE];
    char order[ID_SIZE]; /* internal id of the order that made it, or "" */
    int64_t not_before;  /* Unix seconds */
    int64_t not_after;
};

struct seal_record {
    char id[SEAL_ID_SIZE];
    int64_t not_before; /* Unix seconds */
    int64_t not_after;
    struct octets der; /* owned: octets_free */
};

/* Find the subject with this credential, or write it; out->id tells which it is. `out` comes filled in but for the id.
 * ORDER_NAME_MISMATCH when the credential is registered under another name (R031). In the caller's transaction. */
enum order_error registry_subject_ensure(const struct engine *engine, struct db *db,
                                         struct subject_record *out);

/* The subject with this credential; ORDER_NOT_FOUND when there is none. */
enum order_error registry_subject_find(const struct engine *engine, struct db *db,
                                       const char *credential_type, const char *credential_no,
                                       struct subject_record *out);

/* ORDER_NOT_FOUND when there is no such row. */
enum order_error registry_subject(const struct engine *engine, struct db *db, const char *id,
                                  struct subject_record *out);
enum order_error registry_certificate(struct db *db, const char *id,
                                      struct certificate_record *out);
enum order_error registry_certificate_by_sha256(struct db *db, const char *sha256,
                                                struct certificate_record *out);

/* The DER of a certificate that has been signed; ORDER_NOT_FOUND otherwise. *out is the caller's. */
enum order_error registry_certificate_der(struct db *db, const char *id, struct octets *out);

/* The VALID or PENDING seal that is bound to this certificate. */
enum order_error registry_seal_of(struct db *db, const char *certificate, struct seal_record *out);

/* Set a certificate's state if it is in `from`; ORDER_CONFLICT when it is not. */
enum order_error registry_certificate_move(struct db *db, const char *id, const char *from,
                                           const char *to, int64_t now_ms);

/* Whether a business may be done with this certificate now: ORDER_OK, or which of the ORDER_CERTIFICATE_* forbids it. A certificate
 * that has expired by no more days than the renewal window takes is allowed (order-domain.md 3, KEY_LOGIN). */
enum order_error registry_certificate_usable(const struct engine *engine,
                                             const struct certificate_record *record);

/* Check that a certificate (DER) chains to the CA's root, at `now`, or at its own end when it has expired. */
enum order_error registry_check_chain(const struct engine *engine, const struct octets *der);

#endif
