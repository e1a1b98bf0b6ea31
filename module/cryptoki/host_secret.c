/* Ciphers and MACs on OpenSSL. */
#include "module/cryptoki/host_secret.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = 16,
    KEY_MAX = 32,
    GATHER_MAX = 1 << 30, /* what is kept back for one message */
    WRAP_OVERHEAD = 8
};

struct host_cipher {
    OSSL_LIB_CTX *libctx;
    const struct mechanism *mechanism;
    const struct mechanism_parameters *parameters;
    bool encrypts;
    uint8_t key[KEY_MAX];
    size_t key_len;
    EVP_CIPHER_CTX *ctx; /* NULL for what is gathered */
    uint8_t held[BLOCK];
    size_t held_len;
    uint64_t left; /* bytes until the counter of CTR comes round */
    struct octets gathered;
    size_t room; /* of gathered */
};

/* Everything is kept until the end, then done at once. */
static bool gathers(const struct host_cipher *cipher) {
    enum scheme scheme = cipher->mechanism->scheme;
    return scheme == SCHEME_KEY_WRAP || (scheme == SCHEME_GCM && !cipher->encrypts);
}

static bool is_stream(const struct host_cipher *cipher) {
    return cipher->mechanism->scheme == SCHEME_GCM ||
           strcmp(cipher->mechanism->algorithm, "CTR") == 0;
}

/* A context of OpenSSL's for this key, mode and IV, at its beginning. */
static CK_RV context_new(const struct host_cipher *cipher, EVP_CIPHER_CTX **out) {
    const struct mechanism *mechanism = cipher->mechanism;
    char name[32];
    if (mechanism->family == FAMILY_SM4) {
        snprintf(name, sizeof(name), "SM4-%s", mechanism->algorithm);
    } else {
        snprintf(name, sizeof(name), "AES-%zu-%s", 8 * cipher->key_len, mechanism->algorithm);
    }
    EVP_CIPHER *type = EVP_CIPHER_fetch(cipher->libctx, name, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const struct mechanism_parameters *p = cipher->parameters;
    size_t iv_len = p->iv_len;
    OSSL_PARAM params[2] = {OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
    if (mechanism->scheme == SCHEME_GCM) {
        params[0] = OSSL_PARAM_construct_size_t(OSSL_CIPHER_PARAM_IVLEN, &iv_len);
    }
    bool done = false;
    if (type != NULL && ctx != NULL) {
        EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
        done = EVP_CipherInit_ex2(ctx, type, NULL, NULL, cipher->encrypts, params) == 1 &&
               EVP_CipherInit_ex2(ctx, NULL, cipher->key, p->iv, cipher->encrypts, NULL) == 1 &&
               EVP_CIPHER_CTX_set_padding(ctx, 0) == 1;
    }
    int n = 0;
    if (done && mechanism->scheme == SCHEME_GCM && p->data_len > 0) {
        done = EVP_CipherUpdate(ctx, NULL, &n, p->data, (int)p->data_len) == 1;
    }
    EVP_CIPHER_free(type);
    if (!done) {
        EVP_CIPHER_CTX_free(ctx);
        return CKR_FUNCTION_FAILED;
    }
    *out = ctx;
    return CKR_OK;
}

/* Bytes until a counter of so many bits, now at the value in the last bytes of the IV, comes round. */
static uint64_t bytes_until_wrap(const struct mechanism_parameters *parameters) {
    unsigned bits = parameters->counter_bits;
    if (bits > 59) {
        return UINT64_MAX; /* more than anybody encrypts; a large start value of a wide counter may come round */
    }
    uint64_t counter = 0;
    for (size_t i = 8; i < BLOCK; i++) {
        counter = counter << 8 | parameters->iv[i];
    }
    uint64_t limit = UINT64_C(1) << bits;
    return (limit - (counter & (limit - 1))) * BLOCK;
}

CK_RV host_cipher_new(OSSL_LIB_CTX *libctx, const struct mechanism *mechanism,
                      const struct mechanism_parameters *parameters, const uint8_t *key,
                      size_t key_len, bool encrypts, struct host_cipher **out) {
    *out = NULL;
    if (!host_is_alive()) {
        return CKR_FUNCTION_FAILED;
    }
    bool good = mechanism->family == FAMILY_SM4 ? key_len == 16
                                                : key_len == 16 || key_len == 24 || key_len == 32;
    if (!good) {
        return CKR_KEY_SIZE_RANGE;
    }
    struct host_cipher *cipher = calloc(1, sizeof(*cipher));
    if (cipher == NULL) {
        return CKR_HOST_MEMORY;
    }
    cipher->libctx = libctx;
    cipher->mechanism = mechanism;
    cipher->parameters = parameters;
    cipher->encrypts = encrypts;
    memcpy(cipher->key, key, key_len);
    cipher->key_len = key_len;
    cipher->left = parameters->counter_bits > 0 ? bytes_until_wrap(parameters) : UINT64_MAX;
    CK_RV rv = gathers(cipher) ? CKR_OK : context_new(cipher, &cipher->ctx);
    if (rv != CKR_OK) {
        host_cipher_free(cipher);
        return rv;
    }
    *out = cipher;
    return CKR_OK;
}

void host_cipher_free(struct host_cipher *cipher) {
    if (cipher == NULL) {
        return;
    }
    if (host_is_alive()) {
        EVP_CIPHER_CTX_free(cipher->ctx);
    }
    octets_free(&cipher->gathered);
    OPENSSL_cleanse(cipher, sizeof(*cipher));
    free(cipher);
}

struct host_cipher *host_cipher_copy(const struct host_cipher *cipher,
                                     const struct mechanism_parameters *parameters) {
    struct host_cipher *copy = calloc(1, sizeof(*copy));
    if (copy == NULL) {
        return NULL;
    }
    *copy = *cipher;
    copy->parameters = parameters;
    copy->ctx = NULL;
    copy->gathered = (struct octets){NULL, 0};
    copy->room = cipher->gathered.len;
    bool done =
        octets_copy(&copy->gathered, cipher->gathered.data, cipher->gathered.len) == FORMATS_OK;
    if (done && cipher->ctx != NULL) {
        copy->ctx = EVP_CIPHER_CTX_new();
        done = copy->ctx != NULL && EVP_CIPHER_CTX_copy(copy->ctx, cipher->ctx) == 1;
    }
    if (!done) {
        host_cipher_free(copy);
        return NULL;
    }
    return copy;
}

void host_cipher_moved(struct host_cipher *cipher, const struct mechanism_parameters *parameters) {
    cipher->parameters = parameters;
}

/* Grows by doubling; what it outgrows is cleansed. */
static CK_RV gather(struct host_cipher *cipher, const uint8_t *in, size_t len) {
    struct octets *gathered = &cipher->gathered;
    if (len > GATHER_MAX - gathered->len) {
        return cipher->encrypts ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE;
    }
    size_t needed = gathered->len + len;
    if (needed > cipher->room) {
        size_t room = needed > 2 * cipher->room ? needed : 2 * cipher->room;
        unsigned char *data = malloc(room);
        if (data == NULL) {
            return CKR_HOST_MEMORY;
        }
        if (gathered->len > 0) {
            memcpy(data, gathered->data, gathered->len);
        }
        size_t kept = gathered->len;
        octets_free(gathered);
        gathered->data = data;
        gathered->len = kept;
        cipher->room = room;
    }
    if (len > 0) {
        memcpy(gathered->data + gathered->len, in, len);
        gathered->len += len;
    }
    return CKR_OK;
}

/* Bytes that stay inside after an update that makes `total` with what is held. */
static size_t kept_back(const struct host_cipher *cipher, size_t total) {
    if (is_stream(cipher)) {
        return 0;
    }
    bool keeps_last = cipher->mechanism->scheme == SCHEME_CIPHER_PAD && !cipher->encrypts;
    return keeps_last && total > 0 ? (total - 1) % BLOCK + 1 : total % BLOCK;
}

size_t host_cipher_update_size(const struct host_cipher *cipher, size_t len) {
    if (gathers(cipher)) {
        return 0;
    }
    size_t total = cipher->held_len + len;
    return total - kept_back(cipher, total);
}

/* OpenSSL counts in int. */
static bool feed(EVP_CIPHER_CTX *ctx, const uint8_t *in, size_t len, uint8_t **out) {
    enum { PART = 1 << 28 };
    while (len > 0) {
        int part = (int)(len < PART ? len : PART), n = 0;
        if (EVP_CipherUpdate(ctx, *out, &n, in, part) != 1) {
            return false;
        }
        in += part;
        len -= (size_t)part;
        *out += n;
    }
    return true;
}

CK_RV host_cipher_update(struct host_cipher *cipher, const uint8_t *in, size_t len, uint8_t *out) {
    if (gathers(cipher)) {
        return gather(cipher, in, len);
    }
    if (len == 0) {
        return CKR_OK;
    }
    if (len > cipher->left) {
        return cipher->encrypts ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE;
    }
    cipher->left -= cipher->left == UINT64_MAX ? 0 : len;
    size_t size = host_cipher_update_size(cipher, len);
    uint8_t *copy = NULL;
    bool overlaps = size > 0 && in < out + size && out < in + len;
    if (overlaps && (in != out || cipher->held_len > 0)) {
        copy = malloc(len);
        if (copy == NULL) {
            return CKR_HOST_MEMORY;
        }
        memcpy(copy, in, len);
        in = copy;
    }
    bool done = true;
    size_t fresh = 0; /* of `in`, what goes through now */
    if (size > 0) {
        fresh = size - cipher->held_len;
        done = feed(cipher->ctx, cipher->held, cipher->held_len, &out) &&
               feed(cipher->ctx, in, fresh, &out);
        cipher->held_len = 0;
    }
    memcpy(cipher->held + cipher->held_len, in + fresh, len - fresh);
    cipher->held_len += len - fresh;
    if (copy != NULL) {
        OPENSSL_cleanse(copy, len);
        free(copy);
    }
    return done ? CKR_OK : CKR_FUNCTION_FAILED;
}

/* What `total` bytes in hand still give at the end, at most. */
static size_t final_bound(const struct host_cipher *cipher, size_t total) {
    size_t tag = cipher->parameters->mac_len;
    switch (cipher->mechanism->scheme) {
    case SCHEME_GCM:
        return cipher->encrypts ? tag : (total > tag ? total - tag : 0);
    case SCHEME_KEY_WRAP:
        return cipher->encrypts ? (total + 7) / 8 * 8 + WRAP_OVERHEAD
                                : (total > WRAP_OVERHEAD ? total - WRAP_OVERHEAD : 0);
    case SCHEME_CIPHER_PAD:
        return BLOCK;
    default:
        return 0;
    }
}

size_t host_cipher_gathered(const struct host_cipher *cipher) {
    return cipher->gathered.len;
}

size_t host_cipher_final_bound(const struct host_cipher *cipher) {
    return final_bound(cipher, cipher->gathered.len);
}

/* All ones if a < b, both below 2^31. */
static uint32_t ct_less(uint32_t a, uint32_t b) {
    return 0U - ((a - b) >> 31);
}

/* The bytes of PKCS#7 padding in a block, 0 if it is none; time does not depend on what is in it. */
static size_t padding_of(const uint8_t block[BLOCK]) {
    uint32_t n = block[BLOCK - 1];
    uint32_t bad = ct_less(n, 1) | ct_less(BLOCK, n);
    for (uint32_t i = 0; i < BLOCK; i++) {
        uint32_t is_padding = ct_less(BLOCK - 1 - i, n);
        bad |= is_padding & (block[i] ^ n);
    }
    uint32_t is_bad = 0U - ((bad | (0U - bad)) >> 31);
    return n & ~is_bad;
}

/* The last block with its padding, by a copy of the context. */
static CK_RV final_padded(const struct host_cipher *cipher, struct octets *out) {
    uint8_t block[BLOCK], *end = block;
    CK_RV rv = CKR_FUNCTION_FAILED;
    if (!cipher->encrypts && cipher->held_len != BLOCK) {
        return CKR_ENCRYPTED_DATA_LEN_RANGE;
    }
    memcpy(block, cipher->held, cipher->held_len);
    size_t missing = BLOCK - cipher->held_len;
    memset(block + cipher->held_len, (int)missing, missing);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx != NULL && EVP_CIPHER_CTX_copy(ctx, cipher->ctx) == 1 &&
        feed(ctx, block, BLOCK, &end)) {
        rv = CKR_OK;
    }
    EVP_CIPHER_CTX_free(ctx);
    size_t padding = rv == CKR_OK && !cipher->encrypts ? padding_of(block) : 0;
    if (rv == CKR_OK && !cipher->encrypts && padding == 0) {
        rv = CKR_ENCRYPTED_DATA_INVALID;
    }
    if (rv == CKR_OK && octets_copy(out, block, BLOCK - padding) != FORMATS_OK) {
        rv = CKR_HOST_MEMORY;
    }
    OPENSSL_cleanse(block, sizeof(block));
    return rv;
}

static CK_RV gcm_tag(const struct host_cipher *cipher, struct octets *out) {
    uint8_t tag[BLOCK];
    size_t len = cipher->parameters->mac_len;
    int n = 0;
    if (EVP_CipherFinal_ex(cipher->ctx, tag, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher->ctx, EVP_CTRL_AEAD_GET_TAG, (int)len, tag) != 1) {
        return CKR_FUNCTION_FAILED;
    }
    return octets_copy(out, tag, len) == FORMATS_OK ? CKR_OK : CKR_HOST_MEMORY;
}

/* What was gathered, at once, from a context at its beginning. */
static CK_RV final_gathered(const struct host_cipher *cipher, struct octets *out) {
    bool is_gcm = cipher->mechanism->scheme == SCHEME_GCM;
    bool is_padded = strcmp(cipher->mechanism->algorithm, "WRAP-PAD") == 0;
    size_t tag = is_gcm ? cipher->parameters->mac_len : 0;
    size_t len = cipher->gathered.len;
    const CK_RV wrong_len = cipher->encrypts ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE;
    if (is_gcm ? len < tag
               : len == 0 || (!is_padded && (len % 8 != 0 || len < 16)) ||
                     (!cipher->encrypts && (len % 8 != 0 || len < (is_padded ? 16 : 24)))) {
        return wrong_len;
    }
    EVP_CIPHER_CTX *ctx = NULL;
    CK_RV rv = context_new(cipher, &ctx);
    if (rv != CKR_OK) {
        return rv;
    }
    /* OpenSSL's key wrap writes up to 16 bytes more than it gives; the longest input is far below INT_MAX */
    size_t room = len + (size_t)2 * BLOCK;
    unsigned char *data = malloc(room);
    int n = 0, last = 0;
    bool done = data != NULL;
    if (done && is_gcm) {
        done = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)tag,
                                   cipher->gathered.data + len - tag) == 1;
    }
    if (done && len > tag) {
        done = EVP_CipherUpdate(ctx, data, &n, cipher->gathered.data, (int)(len - tag)) == 1;
    }
    done = done && EVP_CipherFinal_ex(ctx, data + n, &last) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (done) {
        *out = (struct octets){data, (size_t)n + (size_t)last};
        return CKR_OK;
    }
    if (data != NULL) {
        OPENSSL_cleanse(data, room);
        free(data);
    }
    return data == NULL       ? CKR_HOST_MEMORY
           : cipher->encrypts ? CKR_FUNCTION_FAILED
                              : CKR_ENCRYPTED_DATA_INVALID;
}

CK_RV host_cipher_final(const struct host_cipher *cipher, struct octets *out) {
    *out = (struct octets){NULL, 0};
    if (gathers(cipher)) {
        return final_gathered(cipher, out);
    }
    switch (cipher->mechanism->scheme) {
    case SCHEME_GCM:
        return gcm_tag(cipher, out);
    case SCHEME_CIPHER_PAD:
        return final_padded(cipher, out);
    default:
        if (cipher->held_len > 0) {
            return cipher->encrypts ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE;
        }
        return CKR_OK;
    }
}

size_t host_cipher_once_bound(const struct host_cipher *cipher, size_t len) {
    if (gathers(cipher)) {
        return final_bound(cipher, len);
    }
    return host_cipher_update_size(cipher, len) + final_bound(cipher, 0);
}

CK_RV host_cipher_once(struct host_cipher *cipher, const uint8_t *in, size_t len,
                       struct octets *out) {
    struct octets last = {NULL, 0};
    *out = (struct octets){NULL, 0};
    size_t size = host_cipher_update_size(cipher, len);
    unsigned char *data = malloc(size + BLOCK + 1);
    if (data == NULL) {
        return CKR_HOST_MEMORY;
    }
    CK_RV rv = host_cipher_update(cipher, in, len, data);
    if (rv == CKR_OK) {
        rv = host_cipher_final(cipher, &last);
    }
    if (rv == CKR_OK && size == 0) {
        *out = last; /* also the long ones, of what is gathered */
        last = (struct octets){NULL, 0};
    } else if (rv == CKR_OK) {
        if (last.len > 0) {
            memcpy(data + size, last.data, last.len);
        }
        *out = (struct octets){data, size + last.len};
        data = NULL;
    }
    octets_free(&last);
    if (data != NULL) {
        OPENSSL_cleanse(data, size);
        free(data);
    }
    return rv;
}

/* ---- MACs ---- */

size_t host_mac_size(const char *algorithm) {
    return strcmp(algorithm, HOST_CMAC) == 0 ? BLOCK : host_digest_size(algorithm);
}

EVP_MAC_CTX *host_mac_new(OSSL_LIB_CTX *libctx, const char *algorithm, const uint8_t *key,
                          size_t key_len) {
    if (!host_is_alive()) {
        return NULL;
    }
    bool is_cmac = strcmp(algorithm, HOST_CMAC) == 0;
    char name[32];
    if (is_cmac) {
        snprintf(name, sizeof(name), "AES-%zu-CBC", 8 * key_len);
    } else {
        snprintf(name, sizeof(name), "%s", algorithm);
    }
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(is_cmac ? OSSL_MAC_PARAM_CIPHER : OSSL_MAC_PARAM_DIGEST,
                                         name, 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(libctx, is_cmac ? "CMAC" : "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    if (ctx != NULL && EVP_MAC_init(ctx, key, key_len, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

void host_mac_free(EVP_MAC_CTX *mac) {
    if (mac != NULL && host_is_alive()) {
        EVP_MAC_CTX_free(mac);
    }
}

EVP_MAC_CTX *host_mac_copy(const EVP_MAC_CTX *mac) {
    return EVP_MAC_CTX_dup(mac);
}

CK_RV host_mac_update(EVP_MAC_CTX *mac, const uint8_t *data, size_t len) {
    return len == 0 || EVP_MAC_update(mac, data, len) == 1 ? CKR_OK : CKR_FUNCTION_FAILED;
}

CK_RV host_mac_final(EVP_MAC_CTX *mac, uint8_t *out, size_t *len) {
    return EVP_MAC_final(mac, out, len, EVP_MAX_MD_SIZE) == 1 ? CKR_OK : CKR_FUNCTION_FAILED;
}

CK_RV host_random(OSSL_LIB_CTX *libctx, uint8_t *out, size_t len) {
    return host_is_alive() && RAND_priv_bytes_ex(libctx, out, len, 0) == 1 ? CKR_OK
                                                                           : CKR_FUNCTION_FAILED;
}
