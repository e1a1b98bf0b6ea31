/* EnvelopedData, opened with a key that stays on its token: CMS (RFC 5652) for RSA keys, GM/T 0010 for SM2. The content key is
 * decrypted elsewhere; here are reading and what comes after. Nothing protects an envelope's content from change (CBC): who needs
 * that signs it. */
#ifndef OPENUKEY_FORMATS_ENVELOPE_H
#define OPENUKEY_FORMATS_ENVELOPE_H

#include "module/formats/octets.h"

#include <openssl/x509.h>

enum envelope_size {
    ENVELOPE_MAX = 2 * 1024 * 1024,
    ENVELOPE_RECIPIENTS_MAX = 64,
    ENVELOPE_KEY_MAX = 32
};

/* How a recipient's key has the content key. */
enum envelope_way {
    ENVELOPE_SM2, /* DER SM2Cipher */
    ENVELOPE_RSA_PKCS1,
    ENVELOPE_OAEP_SHA1,
    ENVELOPE_OAEP_SHA256,
    ENVELOPE_OTHER /* not one of these */
};

struct envelope;

/* Reads DER ContentInfo of type envelopedData. FORMATS_MALFORMED, FORMATS_UNSUPPORTED (a content cipher that we do not have),
 * FORMATS_TOO_LARGE. *out is the caller's (envelope_free). */
enum formats_error envelope_parse(const unsigned char *der, size_t len, struct envelope **out);
void envelope_free(struct envelope *envelope);

/* The encrypted content key for that certificate; a view. False: it is for others. */
bool envelope_find(const struct envelope *envelope, X509 *certificate, enum envelope_way *way,
                   struct octets *encrypted_key);

/* Bytes of the encrypted content. */
size_t envelope_content_size(const struct envelope *envelope);

/* Decrypts the content. A key of another size is replaced by a random one, so that a bad RSA padding cannot be told from a bad
 * content (Bleichenbacher). FORMATS_KEY when what comes out is not padded right. *plain is the caller's. */
enum formats_error envelope_open(OSSL_LIB_CTX *libctx, const struct envelope *envelope,
                                 const struct octets *content_key, struct octets *plain);

#endif
