/* PSS encoding, PKCS#1 v1.5 and OAEP decoding. */
#include "module/cryptoki/rsa_padding.h"

#include "module/cryptoki/host.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

enum { BLOCK_MAX = RSA_BLOCK_MAX, PKCS1_MIN_PADDING = 8 };

/* MGF1 (B.2.1), xored onto data. */
static CK_RV mgf1_xor(OSSL_LIB_CTX *libctx, const char *digest, const uint8_t *seed,
                      size_t seed_len, uint8_t *data, size_t len) {
    CK_RV rv = CKR_OK;
    uint8_t mask[EVP_MAX_MD_SIZE];
    for (uint32_t counter = 0; len > 0 && rv == CKR_OK; counter++) {
        const uint8_t c[4] = {(uint8_t)(counter >> 24), (uint8_t)(counter >> 16),
                              (uint8_t)(counter >> 8), (uint8_t)counter};
        size_t mask_len = 0;
        EVP_MD_CTX *md = host_digest_new(libctx, digest);
        rv = md == NULL ? CKR_FUNCTION_FAILED : host_digest_update(md, seed, seed_len);
        if (rv == CKR_OK) {
            rv = host_digest_update(md, c, sizeof(c));
        }
        if (rv == CKR_OK) {
            rv = host_digest_final(md, mask, &mask_len);
        }
        host_digest_free(md);
        for (size_t i = 0; rv == CKR_OK && i < mask_len && len > 0; i++, len--) {
            *data++ ^= mask[i];
        }
    }
    OPENSSL_cleanse(mask, sizeof(mask));
    return rv;
}

static CK_RV hash_parts(OSSL_LIB_CTX *libctx, const char *digest, const uint8_t *const parts[],
                        const size_t lens[], size_t count, uint8_t *out) {
    size_t len;
    EVP_MD_CTX *md = host_digest_new(libctx, digest);
    CK_RV rv = md == NULL ? CKR_FUNCTION_FAILED : CKR_OK;
    for (size_t i = 0; i < count && rv == CKR_OK; i++) {
        rv = host_digest_update(md, parts[i], lens[i]);
    }
    if (rv == CKR_OK) {
        rv = host_digest_final(md, out, &len);
    }
    host_digest_free(md);
    return rv;
}

CK_RV rsa_pss_encode(OSSL_LIB_CTX *libctx, const char *digest, const char *mgf_digest,
                     size_t salt_len, const uint8_t *hash, size_t hash_len, size_t modulus_bits,
                     uint8_t *block) {
    size_t h_len = host_digest_size(digest);
    size_t k = (modulus_bits + 7) / 8, em_bits = modulus_bits - 1, em_len = (em_bits + 7) / 8;
    if (hash_len != h_len || h_len == 0) {
        return CKR_DATA_LEN_RANGE;
    }
    if (k > BLOCK_MAX || h_len + 2 > em_len || salt_len > em_len - h_len - 2) {
        return CKR_KEY_SIZE_RANGE;
    }
    uint8_t salt[BLOCK_MAX];
    uint8_t h[EVP_MAX_MD_SIZE];
    if (salt_len > 0 && RAND_bytes_ex(libctx, salt, salt_len, 0) != 1) {
        return CKR_FUNCTION_FAILED;
    }
    static const uint8_t zeros[8];
    const uint8_t *const parts[] = {zeros, hash, salt};
    const size_t lens[] = {sizeof(zeros), hash_len, salt_len};
    CK_RV rv = hash_parts(libctx, digest, parts, lens, 3, h);
    if (rv != CKR_OK) {
        return rv;
    }
    block[0] = 0; /* stays so when the encoded message is a byte shorter than the modulus */
    uint8_t *em = block + k - em_len;
    size_t db_len = em_len - h_len - 1;
    memset(em, 0, db_len);
    em[db_len - salt_len - 1] = 0x01;
    memcpy(em + db_len - salt_len, salt, salt_len);
    rv = mgf1_xor(libctx, mgf_digest, h, h_len, em, db_len);
    em[0] &= (uint8_t)(0xFF >> (8 * em_len - em_bits));
    memcpy(em + db_len, h, h_len);
    em[em_len - 1] = 0xBC;
    return rv;
}

CK_RV rsa_pkcs1_encode(const uint8_t *data, size_t len, uint8_t *block, size_t k) {
    if (len + PKCS1_MIN_PADDING + 3 > k || k > BLOCK_MAX) {
        return CKR_DATA_LEN_RANGE;
    }
    if (len > 0) {
        memmove(block + k - len, data, len);
    }
    memset(block, 0xFF, k - len);
    block[0] = 0x00;
    block[1] = 0x01;
    block[k - len - 1] = 0x00;
    return CKR_OK;
}

/* All ones if equal, else zero. */
static uint32_t ct_equal(uint32_t a, uint32_t b) {
    uint32_t x = a ^ b;
    return ((x | (0U - x)) >> 31) - 1U;
}

/* All ones if a < b (both below 2^31), else zero. */
static uint32_t ct_less(uint32_t a, uint32_t b) {
    return 0U - ((a - b) >> 31);
}

static uint32_t ct_select(uint32_t mask, uint32_t a, uint32_t b) {
    return (mask & a) | (~mask & b);
}

/* Copies block[start..k) to out without showing by the memory accessed where it starts. */
static void ct_copy_tail(const uint8_t *block, size_t k, uint32_t start, uint8_t *out) {
    for (uint32_t i = 0; i < k; i++) {
        uint32_t byte = 0;
        for (uint32_t j = i; j < k; j++) {
            byte |= block[j] & ct_equal(j - i, start);
        }
        out[i] = (uint8_t)byte;
    }
}

CK_RV rsa_pkcs1_decode(const uint8_t *block, size_t k, uint8_t *out, size_t *out_len) {
    *out_len = 0;
    if (k < PKCS1_MIN_PADDING + 3 || k > BLOCK_MAX) {
        return CKR_ENCRYPTED_DATA_INVALID;
    }
    uint32_t good = ct_equal(block[0], 0x00) & ct_equal(block[1], 0x02);
    uint32_t zero_at = 0, found = 0;
    for (uint32_t i = 2; i < k; i++) {
        uint32_t is_zero = ct_equal(block[i], 0);
        zero_at = ct_select(is_zero & ~found, i, zero_at);
        found |= is_zero;
    }
    good &= found & ~ct_less(zero_at, PKCS1_MIN_PADDING + 2);
    uint32_t start = ct_select(good, zero_at + 1, (uint32_t)k);
    ct_copy_tail(block, k, start, out);
    *out_len = k - start;
    return good != 0 ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID;
}

CK_RV rsa_oaep_decode(OSSL_LIB_CTX *libctx, const char *digest, const char *mgf_digest,
                      const uint8_t *label, size_t label_len, const uint8_t *block, size_t k,
                      uint8_t *out, size_t *out_len) {
    *out_len = 0;
    size_t h_len = host_digest_size(digest);
    if (h_len == 0 || k > BLOCK_MAX || k < 2 * h_len + 2) {
        return CKR_ENCRYPTED_DATA_INVALID;
    }
    uint8_t work[BLOCK_MAX], label_hash[EVP_MAX_MD_SIZE];
    uint8_t *seed = work + 1, *db = work + 1 + h_len;
    size_t db_len = k - h_len - 1;
    memcpy(work, block, k);
    CK_RV rv = hash_parts(libctx, digest, (const uint8_t *const[]){label},
                          (const size_t[]){label_len}, 1, label_hash);
    if (rv == CKR_OK) {
        rv = mgf1_xor(libctx, mgf_digest, db, db_len, seed, h_len);
    }
    if (rv == CKR_OK) {
        rv = mgf1_xor(libctx, mgf_digest, seed, h_len, db, db_len);
    }
    if (rv == CKR_OK) {
        uint32_t good =
            ct_equal(work[0], 0) & ct_equal((uint32_t)CRYPTO_memcmp(db, label_hash, h_len), 0);
        uint32_t one_at = 0, found = 0, only_zeros = ~0U;
        for (uint32_t i = (uint32_t)h_len; i < db_len; i++) {
            uint32_t is_one = ct_equal(db[i], 1);
            one_at = ct_select(is_one & ~found, i, one_at);
            found |= is_one;
            only_zeros &= found | ct_equal(db[i], 0);
        }
        good &= found & only_zeros;
        uint32_t start = ct_select(good, one_at + 1, (uint32_t)db_len);
        ct_copy_tail(db, db_len, start, out);
        *out_len = db_len - start;
        rv = good != 0 ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID;
    }
    OPENSSL_cleanse(work, sizeof(work));
    return rv;
}
