/* The table of known answers, and those of digests, ciphers and the random generator. */
#include "firmware-sim/crypto/block_cipher.h"
#include "firmware-sim/crypto/known_answers_internal.h"
#include "firmware-sim/crypto/sm3.h"
#include "firmware-sim/crypto/sm4.h"

#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>
#include <string.h>

static uint8_t digit(char c) {
    return (uint8_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

void known_unhex(const char *hex, uint8_t *out, size_t len) {
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
}

bool known_is(const uint8_t *bytes, size_t len, const char *hex) {
    uint8_t diff = 0;
    for (size_t i = 0; i < len; i++)
        diff = (uint8_t)(diff | (bytes[i] ^ (digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]))));
    return diff == 0;
}

/* --- digests --- */

static bool sm3_holds(struct drbg *rng) {
    uint8_t digest[SM3_SIZE];
    struct sm3 h;
    (void)rng;
    sm3("abc", 3, digest);
    bool ok = known_is(digest, sizeof digest,
                       "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
    sm3_init(&h);
    for (unsigned i = 0; i < 16; i++)
        sm3_update(&h, "abcd", 4);
    sm3_final(&h, digest);
    return ok && known_is(digest, sizeof digest,
                          "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732");
}

static bool hmac_sm3_holds(struct drbg *rng) {
    uint8_t key[16], mac[SM3_SIZE];
    struct hmac_sm3 h;
    (void)rng;
    known_unhex("000102030405060708090a0b0c0d0e0f", key, sizeof key);
    hmac_sm3_init(&h, key, sizeof key);
    hmac_sm3_update(&h, "abc", 3);
    hmac_sm3_final(&h, mac);
    return known_is(mac, sizeof mac,
                    "83fd35b3ff6211428a38c070431ad42c23a86eaca25a5ea81a1ded4704a12c7c");
}

static bool sha_holds(struct drbg *rng) {
    static const unsigned char abc[] = {'a', 'b', 'c'};
    uint8_t one[20], two[32];
    (void)rng;
    return mbedtls_sha1_ret(abc, sizeof abc, one) == 0 &&
           mbedtls_sha256_ret(abc, sizeof abc, two, 0) == 0 &&
           known_is(one, sizeof one, "a9993e364706816aba3e25717850c26c9cd0d89d") &&
           known_is(two, sizeof two,
                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* --- ciphers --- */

static bool sm4_holds(struct drbg *rng) {
    uint8_t key[SM4_KEY], block[SM4_BLOCK];
    (void)rng;
    known_unhex("0123456789abcdeffedcba9876543210", key, sizeof key);
    sm4_ecb_encrypt(key, key, sizeof block, block);
    bool ok = known_is(block, sizeof block, "681edf34d206965e86b3e94f536e4246");
    sm4_ecb_decrypt(key, block, sizeof block, block);
    return ok && memcmp(block, key, sizeof block) == 0;
}

/* Appendix C of FIPS 197: key 00 01 02 .., plaintext 00 11 22 .. */
static bool aes_block(enum block_cipher cipher, const char *answer) {
    uint8_t key[BLOCK_KEY_MAX], block[BLOCK_MAX];
    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    for (unsigned i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)(i * 0x11);
    return block_encrypt(cipher, key, block, block) && known_is(block, sizeof block, answer);
}

static bool aes_holds(struct drbg *rng) {
    (void)rng;
    return aes_block(BLOCK_AES128, "69c4e0d86a7b0430d8cdb78070b4c55a") &&
           aes_block(BLOCK_AES192, "dda97ca4864cdfe06eaf70a0ec0d7191") &&
           aes_block(BLOCK_AES256, "8ea2b7ca516745bfeafc49904b496089");
}

/* CAVP TECBMMT3, encrypt, count 0. */
static bool tdea_holds(struct drbg *rng) {
    uint8_t key[24], block[8];
    (void)rng;
    known_unhex("a2b5bc67da13dc92cd9d344aa238544a0e1fa79ef76810cd", key, sizeof key);
    known_unhex("329d86bdf1bc5af4", block, sizeof block);
    return block_encrypt(BLOCK_3DES, key, block, block) &&
           known_is(block, sizeof block, "d946c2756d78633f");
}

/* Entropy and nonce 00 01 .. 2F: the second 32 bytes of the generator's stream. */
static int counting(void *ctx, unsigned char *out, size_t len) {
    uint8_t *next = ctx;
    for (size_t i = 0; i < len; i++)
        out[i] = (*next)++;
    return 0;
}

static bool ctr_drbg_holds(struct drbg *rng) {
    uint8_t next = 0, out[32];
    mbedtls_ctr_drbg_context ctr;
    (void)rng;
    mbedtls_ctr_drbg_init(&ctr);
    mbedtls_ctr_drbg_set_entropy_len(&ctr, 32);
    bool ok = mbedtls_ctr_drbg_set_nonce_len(&ctr, 16) == 0 &&
              mbedtls_ctr_drbg_seed(&ctr, counting, &next, NULL, 0) == 0 &&
              mbedtls_ctr_drbg_random(&ctr, out, sizeof out) == 0 &&
              mbedtls_ctr_drbg_random(&ctr, out, sizeof out) == 0 &&
              known_is(out, sizeof out,
                       "cd2bfce345059c65ae9093fca53f83a29ccdb02695abeb52213a65ab2494bdde");
    mbedtls_ctr_drbg_free(&ctr);
    return ok;
}

const struct known_answer known_answers[] = {
    {"SM3 of GB/T 32905 annex A", KNOWN_AT_POWER_UP, sm3_holds},
    {"HMAC-SM3", KNOWN_AT_POWER_UP, hmac_sm3_holds},
    {"SM4 of GB/T 32907 annex A", KNOWN_AT_POWER_UP, sm4_holds},
    {"SHA-1 and SHA-256 of FIPS 180-4", KNOWN_AT_POWER_UP, sha_holds},
    {"AES-128, AES-192 and AES-256 of FIPS 197 appendix C", KNOWN_AT_POWER_UP, aes_holds},
    {"3DES of CAVP TECBMMT3", KNOWN_AT_POWER_UP, tdea_holds},
    {"CTR_DRBG of SP 800-90A", KNOWN_AT_POWER_UP, ctr_drbg_holds},
    {"HMAC_DRBG of RFC 6979 annex A.2.5", KNOWN_AT_POWER_UP, known_hmac_drbg},
    {"SM2 signature of GB/T 32918.5 annex A", KNOWN_AT_POWER_UP, known_sm2_signature},
    {"SM2 verification of GB/T 32918.5 annex A", KNOWN_SM2_VERIFICATION, known_sm2_verification},
    {"SM2 key exchange of GB/T 32918.5 annex B", KNOWN_SM2_EXCHANGE, known_sm2_exchange},
    {"SM2 decryption of GB/T 32918.5 annex C", KNOWN_SM2_ENCRYPTION, known_sm2_decryption},
    {"ECDSA P-256 of CAVP SigGen 186-3", KNOWN_P256, known_p256},
    {"ECDSA P-384 of CAVP SigGen 186-3", KNOWN_P384, known_p384},
    {"RSA-2048 of CAVP SigGen15", KNOWN_RSA2048, known_rsa2048},
    {"RSA-3072 of CAVP SigGen15", KNOWN_RSA3072, known_rsa3072},
    {"RSA-4096 of CAVP SigGen15", KNOWN_RSA4096, known_rsa4096},
};
const unsigned known_answer_count = sizeof known_answers / sizeof known_answers[0];

const struct known_answer *known_answers_check(const struct known_answer *rows, unsigned count,
                                               enum known_algorithm algorithm, struct drbg *rng) {
    for (unsigned i = 0; i < count; i++)
        if ((rows[i].algorithm == algorithm || algorithm == KNOWN_ALL) && !rows[i].holds(rng))
            return &rows[i];
    return NULL;
}
