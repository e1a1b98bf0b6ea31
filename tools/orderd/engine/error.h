/* How the engine refuses: one enum, mapped to problem documents by api/problem.c and to nothing else. */
#ifndef TOOLS_ORDERD_ENGINE_ERROR_H
#define TOOLS_ORDERD_ENGINE_ERROR_H

enum order_error {
    ORDER_OK = 0,
    /* the service's own trouble */
    ORDER_STORE_FAILED,    /* the database refused or cannot be reached */
    ORDER_STORE_BUSY,      /* another writer was too slow; ask again */
    ORDER_INTERNAL,        /* out of memory, random or crypto failed, a row breaks an invariant */
    ORDER_CA_FAILED,       /* the CA or the seal maker could not do its part; ask again */
    ORDER_PROVIDER_FAILED, /* a third party cannot be reached; ask again */
    /* the request */
    ORDER_BAD_REQUEST,    /* a member is missing or not of its form */
    ORDER_FIELDS_INVALID, /* `fields` names them */
    ORDER_IDEMPOTENCY_NEEDED,
    ORDER_IDEMPOTENCY_REUSED, /* the same key with another request */
    ORDER_VERSION_NEEDED,     /* If-Match is absent */
    ORDER_VERSION_CONFLICT,   /* If-Match names another version than the order has */
    ORDER_CONFLICT,           /* a concurrent change won */
    ORDER_NOT_FOUND,
    ORDER_WRONG_STATE, /* the order's state does not allow this */
    ORDER_TOO_MANY,    /* too many open challenges or attempts; later */
    ORDER_LIST_FULL,   /* no more of these can be kept */
    ORDER_FORBIDDEN,   /* whoever is logged in may not do this */
    /* logging in */
    ORDER_SESSION_NEEDED,    /* no bearer token came */
    ORDER_SESSION_INVALID,   /* unknown or ended */
    ORDER_NONCE_INVALID,     /* unknown, used or expired */
    ORDER_ASSERTION_INVALID, /* not a GM SignedData over the canonical object expected */
    ORDER_ORIGIN_REFUSED,    /* signed for a page that may not use this service */
    ORDER_PASSWORD_WRONG,    /* or there is no such account */
    ORDER_ACCOUNT_EXISTS,
    ORDER_CODE_WRONG, /* a one-time code: wrong, expired, used, or too many tries */
    ORDER_CODE_TOO_SOON,
    ORDER_HANDOVER_REFUSED, /* not signed by the platform, for another service, over, or used */
    /* the certificate */
    ORDER_CERTIFICATE_UNKNOWN,
    ORDER_CERTIFICATE_UNTRUSTED,
    ORDER_CERTIFICATE_HELD,
    ORDER_CERTIFICATE_REVOKED,
    ORDER_CERTIFICATE_SUPERSEDED,
    ORDER_CERTIFICATE_EXPIRED, /* by more days than any business takes */
    ORDER_CERTIFICATE_NOT_FOR_SIGNING,
    /* the order */
    ORDER_KIND_UNKNOWN,
    ORDER_RENEWAL_TOO_EARLY,
    ORDER_RENEWAL_TOO_LATE,
    ORDER_OPEN_EXISTS,   /* `order` names it */
    ORDER_NAME_MISMATCH, /* the credential is registered under another name (R031) */
    ORDER_NOT_OFFERED, /* the portal's rules do not allow this business for this certificate or subject */
    ORDER_METHOD_NOT_OFFERED, /* this order is confirmed, or its holder checked, in other ways */
    ORDER_DOCUMENT_REFUSED,   /* `errors` says why */
    ORDER_NOT_SEEN,           /* a reviewer has not looked at every document */
    ORDER_REASON_NEEDED, /* a refusal needs a reason, a parcel its number, a payment its transaction */
    ORDER_PAYER_MISMATCH, /* R131: the money came from somebody else */
    ORDER_STATEMENT_INVALID,
    ORDER_SIGNER_MISMATCH,
    ORDER_CHANNEL_UNKNOWN,
    ORDER_CALLBACK_REFUSED,
    ORDER_PAYMENT_MISMATCH, /* the provider reports another amount or payment */
    /* the task */
    ORDER_WRONG_TOKEN,     /* serial or certificate is not this order's */
    ORDER_TASK_NOT_LEASED, /* no live claim on this task */
    ORDER_CSR_INVALID,     /* the PKCS#10 is malformed, not SM2, or its signature does not verify */
    ORDER_CSR_KEY_REUSED,  /* the key of the certificate that is to be renewed */
    ORDER_CONTINUITY_INVALID,
    ORDER_PROOF_INVALID,
    ORDER_STEP_UNKNOWN,      /* not a step of this task */
    ORDER_STEP_OUT_OF_ORDER, /* one before it has not been reported */
    ORDER_UNLOCK_UNKNOWN,    /* the service keeps no unlock key for this key */
    ORDER_CHALLENGE_USED,  /* a newer challenge of the key, or another task, has taken its place */
    ORDER_CHALLENGE_STALE, /* its answer was given, and is over */
    ORDER_UNLOCK_TRIES,    /* as many answers were given as there may be: the task has failed */
    ORDER_NOTHING_TO_RECOVER, /* the KMC keeps no such key */
    ORDER_RECOVERY_REFUSED,   /* the KMC does not give it out, or gave it to another recipient */
    ORDER_TOKEN_STATE,        /* the key's state or policy does not allow this */
    ORDER_ERRORS              /* how many there are */
};

#endif
