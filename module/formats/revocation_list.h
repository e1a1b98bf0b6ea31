/* Certificate revocation lists (RFC 5280, 5), also those that are signed with SM2. */
#ifndef OPENUKEY_FORMATS_REVOCATION_LIST_H
#define OPENUKEY_FORMATS_REVOCATION_LIST_H

#include "module/formats/octets.h"

#include <openssl/x509.h>

enum revocation_list_size { REVOCATION_LIST_MAX = 8 * 1024 * 1024 };

struct revocation_list;

/* Reads a DER CRL and verifies it with its issuer's certificate. FORMATS_MALFORMED, FORMATS_MISMATCH (another issuer's), FORMATS_SIGNATURE,
 * FORMATS_UNSUPPORTED (a critical extension that narrows it). *out is the caller's (revocation_list_free). */
enum formats_error revocation_list_read(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len,
                                        X509 *issuer, struct revocation_list **out);
void revocation_list_free(struct revocation_list *list);

/* When it was made, and until when it is good (Unix seconds; `next` 0: not stated). */
int64_t revocation_list_made(const struct revocation_list *list);
int64_t revocation_list_next(const struct revocation_list *list);

/* True when it is about certificates of this one's issuer. */
bool revocation_list_covers(const struct revocation_list *list, X509 *certificate);
/* True when the certificate is on it; *when (may be NULL) = since when. */
bool revocation_list_has(const struct revocation_list *list, X509 *certificate, int64_t *when);

#endif
