/* OpenSSL in a context of our own, and its digests. */
#include "module/cryptoki/host.h"

#include <openssl/crypto.h>
#include <string.h>

OSSL_LIB_CTX *host_context_new(void) {
    return OSSL_LIB_CTX_new(); /* reads no openssl.cnf; the default provider is its fallback */
}

bool host_is_alive(void) {
    return OPENSSL_init_crypto(0, NULL) == 1; /* 0 after OPENSSL_cleanup() */
}

void host_context_free(OSSL_LIB_CTX *libctx) {
    if (libctx != NULL && host_is_alive()) {
        OSSL_LIB_CTX_free(libctx);
    }
}

void host_digest_free(EVP_MD_CTX *digest) {
    if (digest != NULL && host_is_alive()) {
        EVP_MD_CTX_free(digest);
    }
}

EVP_MD_CTX *host_digest_new(OSSL_LIB_CTX *libctx, const char *name) {
    if (!host_is_alive()) {
        return NULL;
    }
    EVP_MD *md = EVP_MD_fetch(libctx, name, NULL);
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    if (md == NULL || digest == NULL || EVP_DigestInit_ex2(digest, md, NULL) != 1) {
        EVP_MD_CTX_free(digest);
        digest = NULL;
    }
    EVP_MD_free(md);
    return digest;
}

EVP_MD_CTX *host_digest_copy(const EVP_MD_CTX *digest) {
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    if (copy != NULL && EVP_MD_CTX_copy_ex(copy, digest) != 1) {
        EVP_MD_CTX_free(copy);
        copy = NULL;
    }
    return copy;
}

CK_RV host_digest_update(EVP_MD_CTX *digest, const uint8_t *data, size_t len) {
    return len == 0 || EVP_DigestUpdate(digest, data, len) == 1 ? CKR_OK : CKR_FUNCTION_FAILED;
}

CK_RV host_digest_final(EVP_MD_CTX *digest, uint8_t *out, size_t *len) {
    unsigned n = 0;
    if (EVP_DigestFinal_ex(digest, out, &n) != 1) {
        return CKR_FUNCTION_FAILED;
    }
    *len = n;
    return CKR_OK;
}

EVP_MD_CTX *host_sm2_digest_new(OSSL_LIB_CTX *libctx, const struct sm2_point *key,
                                const uint8_t *id, size_t id_len) {
    static const uint8_t nothing[1] = {0}; /* an identity of no bytes is not the default one */
    EVP_MD_CTX *digest = NULL;
    if (host_is_alive()) {
        sm2_message_digest_begin(libctx, key, id != NULL ? id : nothing, id_len, &digest);
    }
    return digest;
}

/* What stands before the hash in DER DigestInfo (RFC 8017, 9.2 note 1). */
static const struct {
    const char *digest;
    uint8_t size;
    uint8_t prefix_len;
    uint8_t prefix[19];
} digest_infos[] = {
    {"SHA1",
     20,
     15,
     {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14}},
    {"SHA224",
     28,
     19,
     {0x30, 0x2D, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04,
      0x05, 0x00, 0x04, 0x1C}},
    {"SHA256",
     32,
     19,
     {0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
      0x05, 0x00, 0x04, 0x20}},
    {"SHA384",
     48,
     19,
     {0x30, 0x41, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02,
      0x05, 0x00, 0x04, 0x30}},
    {"SHA512",
     64,
     19,
     {0x30, 0x51, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03,
      0x05, 0x00, 0x04, 0x40}},
    {"SHA3-224",
     28,
     19,
     {0x30, 0x2D, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x07,
      0x05, 0x00, 0x04, 0x1C}},
    {"SHA3-256",
     32,
     19,
     {0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x08,
      0x05, 0x00, 0x04, 0x20}},
    {"SHA3-384",
     48,
     19,
     {0x30, 0x41, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x09,
      0x05, 0x00, 0x04, 0x30}},
    {"SHA3-512",
     64,
     19,
     {0x30, 0x51, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x0A,
      0x05, 0x00, 0x04, 0x40}},
    {"SM3", 32, 0, {0}}, /* no DigestInfo in use with RSA here */
};
enum { DIGEST_INFOS = sizeof(digest_infos) / sizeof(digest_infos[0]) };

size_t host_digest_size(const char *name) {
    for (size_t i = 0; i < DIGEST_INFOS; i++) {
        if (strcmp(digest_infos[i].digest, name) == 0) {
            return digest_infos[i].size;
        }
    }
    return 0;
}

CK_RV host_digest_info(const char *digest, const uint8_t *hash, size_t hash_len, uint8_t *out,
                       size_t out_size, size_t *out_len) {
    for (size_t i = 0; i < DIGEST_INFOS; i++) {
        size_t prefix_len = digest_infos[i].prefix_len;
        if (strcmp(digest_infos[i].digest, digest) == 0 && prefix_len > 0 &&
            digest_infos[i].size == hash_len && prefix_len + hash_len <= out_size) {
            memcpy(out, digest_infos[i].prefix, prefix_len);
            memcpy(out + prefix_len, hash, hash_len);
            *out_len = prefix_len + hash_len;
            return CKR_OK;
        }
    }
    return CKR_GENERAL_ERROR;
}
