/* Documents that pages have uploaded to have them signed or verified: only their digests are kept. */
#ifndef AGENT_API_DOCUMENTS_H
#define AGENT_API_DOCUMENTS_H

#include "agent/http/http.h"
#include "module/formats/signature_scheme.h"

enum document_limit {
    DOCUMENT_SIZE_MAX = 100 * 1024 * 1024, /* of an uploaded one */
    DOCUMENT_ID_SIZE = 33,                 /* 32 hex digits and NUL */
    DOCUMENT_NAME_MAX = 256,               /* bytes of UTF-8 */
    DOCUMENT_LIFE_S = 1800,
    DOCUMENTS_OF_SESSION = 128, /* one more, and the oldest goes */
    DOCUMENTS_MAX = 2048,
};

enum document_digest { DOCUMENT_SM3, DOCUMENT_SHA256, DOCUMENT_SHA384, DOCUMENT_DIGESTS };

struct document_digests {
    size_t size;
    unsigned char digest[DOCUMENT_DIGESTS][SCHEME_DIGEST_MAX];
};

/* The digest that a scheme signs. */
const unsigned char *document_digest(const struct document_digests *digests,
                                     enum signature_scheme scheme);
/* {sm3, sha256, sha384} in hex. New reference. */
json_t *document_digests_json(const struct document_digests *digests);

/* Digests of bytes at hand. False: memory or the crypto library. */
bool document_digest_bytes(const struct octets *bytes, struct document_digests *digests);

/* True for bytes that are one of our canonical objects (a statement, a login): they are never signed as a document, as their
 * signature would then say something that nobody was shown. */
bool document_is_canonical_object(const void *bytes, size_t len);

struct documents;

struct documents *documents_open(void);
void documents_close(struct documents *documents);
/* The digests of a session's document. False: there is none (any more). */
bool documents_find(struct documents *documents, uint64_t session, const char *id,
                    struct document_digests *digests);

#endif
