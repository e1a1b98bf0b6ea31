/* Ciphers and MACs with keys of the session: the standards' own vectors, in one piece and in every way of cutting it. */
#include "session_fixture.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 512 };

struct cipher_case {
    const char *source;
    CK_MECHANISM_TYPE type;
    CK_KEY_TYPE key_type;
    const char *key, *iv, *aad, *plain, *cipher; /* hex; of GCM the tag is at the end */
    unsigned tag_bits, counter_bits;
};

#define SP800_38A                                                                                  \
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"                             \
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
#define KEY128 "2b7e151628aed2a6abf7158809cf4f3c"
#define KEY256 "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
#define IV0    "000102030405060708090a0b0c0d0e0f"
#define GCM_P                                                                                      \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"                             \
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define GCM_A "feedfacedeadbeeffeedfacedeadbeefabaddad2"

static const struct cipher_case cases[] = {
    {"SP 800-38A F.1.1", CKM_AES_ECB, CKK_AES, KEY128, NULL, NULL, SP800_38A,
     "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"
     "43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4",
     0, 0},
    {"SP 800-38A F.2.1", CKM_AES_CBC, CKK_AES, KEY128, IV0, NULL, SP800_38A,
     "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
     "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
     0, 0},
    {"SP 800-38A F.2.5", CKM_AES_CBC, CKK_AES, KEY256, IV0, NULL, SP800_38A,
     "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
     "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
     0, 0},
    {"SP 800-38A F.5.1", CKM_AES_CTR, CKK_AES, KEY128, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", NULL,
     SP800_38A,
     "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
     "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
     0, 128},
    {"GCM specification, test case 4", CKM_AES_GCM, CKK_AES, "feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", GCM_A, GCM_P,
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
     "5bc94fbc3221a5db94fae95ae7121a47",
     128, 0},
    {"GCM specification, test case 6: an IV of 60 bytes", CKM_AES_GCM, CKK_AES,
     "feffe9928665731c6d6a8f9467308308",
     "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728"
     "c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b",
     GCM_A, GCM_P,
     "8ce24998625615b603a033aca13fb894be9112a5c3a211a8ba262a3cca7e2ca7"
     "01e4a9a4fba43c90ccdcb281d48c7c6fd62875d2aca417034c34aee5"
     "619cc5aefffe0bfa462af43c1699d050",
     128, 0},
    {"GCM specification, test case 2, tag cut to 12 bytes", CKM_AES_GCM, CKK_AES,
     "00000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b2",
     96, 0},
    {"RFC 3394, 4.1", CKM_AES_KEY_WRAP, CKK_AES, IV0, NULL, NULL,
     "00112233445566778899aabbccddeeff", "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5", 0, 0},
    {"RFC 3394, 4.6", CKM_AES_KEY_WRAP, CKK_AES,
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", NULL, NULL,
     "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
     "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21", 0, 0},
    {"RFC 5649, 6, 20 octets", CKM_AES_KEY_WRAP_KWP, CKK_AES,
     "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8", NULL, NULL,
     "c37b7e6492584340bed12207808941155068f738",
     "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a", 0, 0},
    {"RFC 5649, 6, 7 octets", CKM_AES_KEY_WRAP_KWP, CKK_AES,
     "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8", NULL, NULL, "466f7250617369",
     "afbeb0f07dfbf5419200f2ccb50bb24f", 0, 0},
    {"GB/T 32907, A.1", CKM_SM4_ECB, CKK_SM4, "0123456789abcdeffedcba9876543210", NULL, NULL,
     "0123456789abcdeffedcba9876543210", "681edf34d206965e86b3e94f536e4246", 0, 0},
    {"draft-ribose-cfrg-sm4, A.2.4", CKM_SM4_CBC, CKK_SM4, "0123456789abcdeffedcba9876543210", IV0,
     NULL, "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffffaaaaaaaabbbbbbbb",
     "78ebb11cc40b0a48312aaeb2040244cb4cb7016951909226979b0d15dc6a8f6d", 0, 0},
    {"draft-ribose-cfrg-sm4, A.2.10", CKM_OPENUKEY_SM4_CTR, CKK_SM4,
     "0123456789abcdeffedcba9876543210", IV0, NULL,
     "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
     "eeeeeeeeeeeeeeeeffffffffffffffffaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb",
     "ac3236cb970cc20791364c395a1342d1a3cbc1878c6f30cd074cce385cdd70c7"
     "f234bc0e24c11980fd1286310ce37b926e02fcd0faa0baf38b2933851d824514",
     0, 128},
};
enum { CASES = sizeof(cases) / sizeof(cases[0]) };

/* The mechanism of a case; what it points to is static. */
static CK_MECHANISM mechanism_of(const struct cipher_case *c) {
    static uint8_t iv[64], aad[64];
    static CK_GCM_PARAMS gcm;
    static CK_AES_CTR_PARAMS ctr;
    size_t iv_len = c->iv != NULL ? fixture_hex(c->iv, iv) : 0;
    if (c->tag_bits > 0) {
        gcm = (CK_GCM_PARAMS){iv, iv_len, 8 * iv_len, aad, fixture_hex(c->aad, aad), c->tag_bits};
        return (CK_MECHANISM){c->type, &gcm, sizeof(gcm)};
    }
    if (c->counter_bits > 0) {
        ctr.ulCounterBits = c->counter_bits;
        memcpy(ctr.cb, iv, sizeof(ctr.cb));
        return (CK_MECHANISM){c->type, &ctr, sizeof(ctr)};
    }
    return (CK_MECHANISM){c->type, iv_len > 0 ? iv : NULL, iv_len};
}

static CK_OBJECT_HANDLE key_of(const struct cipher_case *c) {
    uint8_t key[32];
    size_t len = fixture_hex(c->key, key);
    return fixture_secret_key(c->key_type, key, len);
}

static void every_cipher_gives_its_standards_vectors(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        const struct cipher_case *c = &cases[i];
        uint8_t plain[ROOM], cipher[ROOM], out[ROOM];
        size_t plain_len = fixture_hex(c->plain, plain),
               cipher_len = fixture_hex(c->cipher, cipher);
        CK_OBJECT_HANDLE key = key_of(c);
        CK_MECHANISM mechanism = mechanism_of(c);
        CK_ULONG len = 0;
        print_message("%s\n", c->source);
        assert_rv(C_EncryptInit(session, &mechanism, key), CKR_OK);
        assert_rv(C_Encrypt(session, plain, plain_len, NULL, &len), CKR_OK);
        assert_int_equal(len, cipher_len);
        len = cipher_len - 1;
        assert_rv(C_Encrypt(session, plain, plain_len, out, &len), CKR_BUFFER_TOO_SMALL);
        assert_rv(C_Encrypt(session, plain, plain_len, out, &len), CKR_OK);
        assert_int_equal(len, cipher_len);
        assert_memory_equal(out, cipher, cipher_len);

        assert_rv(C_DecryptInit(session, &mechanism, key), CKR_OK);
        len = plain_len - 1;
        assert_rv(C_Decrypt(session, cipher, cipher_len, out, &len), CKR_BUFFER_TOO_SMALL);
        assert_rv(C_Decrypt(session, cipher, cipher_len, out, &len), CKR_OK);
        assert_int_equal(len, plain_len);
        assert_memory_equal(out, plain, plain_len);
        assert_rv(C_DestroyObject(session, key), CKR_OK);
    }
}

/* Feeds `in` in parts of the given size, in place when asked; what comes out is in `out`. */
static CK_RV in_parts(bool encrypts, const uint8_t *in, size_t in_len, size_t part, uint8_t *out,
                      size_t *out_len) {
    CK_RV rv = CKR_OK;
    *out_len = 0;
    for (size_t at = 0; at < in_len && rv == CKR_OK; at += part) {
        CK_ULONG n = in_len - at < part ? in_len - at : part, asked = 0, len = ROOM - *out_len;
        uint8_t chunk[ROOM];
        memcpy(chunk, in + at, n);
        rv = encrypts ? C_EncryptUpdate(session, chunk, n, NULL, &asked)
                      : C_DecryptUpdate(session, chunk, n, NULL, &asked);
        assert_rv(rv, CKR_OK);
        if (asked > 0) { /* too small a buffer takes nothing in */
            CK_ULONG small = asked - 1;
            assert_rv(encrypts ? C_EncryptUpdate(session, chunk, n, out, &small)
                               : C_DecryptUpdate(session, chunk, n, out, &small),
                      CKR_BUFFER_TOO_SMALL);
            assert_int_equal(small, asked);
        }
        rv = encrypts ? C_EncryptUpdate(session, chunk, n, out + *out_len, &len)
                      : C_DecryptUpdate(session, chunk, n, out + *out_len, &len);
        assert_int_equal(len, asked);
        *out_len += len;
    }
    CK_ULONG len = ROOM - *out_len;
    if (rv == CKR_OK) {
        rv = encrypts ? C_EncryptFinal(session, out + *out_len, &len)
                      : C_DecryptFinal(session, out + *out_len, &len);
    }
    *out_len += rv == CKR_OK ? len : 0;
    return rv;
}

static void parts_of_any_size_give_the_same(void **state) {
    (void)state;
    static const size_t parts[] = {1, 7, 15, 16, 17, 31, 33};
    for (size_t i = 0; i < CASES; i++) {
        const struct cipher_case *c = &cases[i];
        uint8_t plain[ROOM], cipher[ROOM], out[ROOM];
        size_t plain_len = fixture_hex(c->plain, plain),
               cipher_len = fixture_hex(c->cipher, cipher);
        CK_OBJECT_HANDLE key = key_of(c);
        CK_MECHANISM mechanism = mechanism_of(c);
        for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++) {
            size_t len;
            assert_rv(C_EncryptInit(session, &mechanism, key), CKR_OK);
            assert_rv(in_parts(true, plain, plain_len, parts[k], out, &len), CKR_OK);
            assert_int_equal(len, cipher_len);
            assert_memory_equal(out, cipher, cipher_len);
            assert_rv(C_DecryptInit(session, &mechanism, key), CKR_OK);
            assert_rv(in_parts(false, cipher, cipher_len, parts[k], out, &len), CKR_OK);
            assert_int_equal(len, plain_len);
            assert_memory_equal(out, plain, plain_len);
        }
        assert_rv(C_DestroyObject(session, key), CKR_OK);
    }
}

static void padded_cbc_agrees_with_openssl_at_every_length(void **state) {
    (void)state;
    static const struct {
        CK_MECHANISM_TYPE type;
        CK_KEY_TYPE key_type;
        const char *name;
        size_t key_len;
    } modes[] = {{CKM_AES_CBC_PAD, CKK_AES, "AES-192-CBC", 24},
                 {CKM_OPENUKEY_SM4_CBC_PAD, CKK_SM4, "SM4-CBC", 16}};
    uint8_t secret[24], iv[16], plain[70];
    memset(secret, 0x5A, sizeof(secret));
    memset(iv, 0x33, sizeof(iv));
    memset(plain, 0xC7, sizeof(plain));
    for (size_t m = 0; m < 2; m++) {
        CK_MECHANISM mechanism = {modes[m].type, iv, sizeof(iv)};
        CK_OBJECT_HANDLE key = fixture_secret_key(modes[m].key_type, secret, modes[m].key_len);
        EVP_CIPHER *type = EVP_CIPHER_fetch(NULL, modes[m].name, NULL);
        for (size_t n = 0; n <= sizeof(plain); n++) {
            uint8_t expected[ROOM], out[ROOM], back[ROOM];
            int head = 0, tail = 0;
            EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
            EVP_EncryptInit_ex2(ctx, type, secret, iv, NULL);
            EVP_EncryptUpdate(ctx, expected, &head, plain, (int)n);
            EVP_EncryptFinal_ex(ctx, expected + head, &tail);
            EVP_CIPHER_CTX_free(ctx);
            CK_ULONG len = ROOM;
            size_t back_len;
            assert_rv(C_EncryptInit(session, &mechanism, key), CKR_OK);
            assert_rv(C_Encrypt(session, plain, n, out, &len), CKR_OK);
            assert_int_equal(len, head + tail);
            assert_memory_equal(out, expected, len);
            assert_rv(C_DecryptInit(session, &mechanism, key), CKR_OK);
            assert_rv(in_parts(false, out, len, 5, back, &back_len), CKR_OK);
            assert_int_equal(back_len, n);
            assert_memory_equal(back, plain, n);
            /* a buffer of exactly the right size is enough, whatever a length query says */
            CK_ULONG exact = n;
            assert_rv(C_DecryptInit(session, &mechanism, key), CKR_OK);
            assert_rv(C_Decrypt(session, out, len, back, &exact), CKR_OK);
            assert_int_equal(exact, n);
        }
        EVP_CIPHER_free(type);
    }
}

static void encryption_in_place_gives_the_same(void **state) {
    (void)state;
    uint8_t secret[16] = {1}, iv[16] = {2}, once[64], place[64 + 16], plain[64];
    CK_MECHANISM mechanism = {CKM_AES_CBC, iv, sizeof(iv)};
    CK_OBJECT_HANDLE key = fixture_secret_key(CKK_AES, secret, sizeof(secret));
    CK_ULONG len = sizeof(once), n = 0;
    memset(plain, 0x77, sizeof(plain));
    assert_rv(C_EncryptInit(session, &mechanism, key), CKR_OK);
    assert_rv(C_Encrypt(session, plain, sizeof(plain), once, &len), CKR_OK);
    /* the second part comes out from where it lies, nine bytes of the first still held */
    memcpy(place, plain, sizeof(plain));
    assert_rv(C_EncryptInit(session, &mechanism, key), CKR_OK);
    n = sizeof(place);
    assert_rv(C_EncryptUpdate(session, place, 9, place, &n), CKR_OK);
    assert_int_equal(n, 0);
    n = sizeof(place) - 9;
    assert_rv(C_EncryptUpdate(session, place + 9, 55, place + 9, &n), CKR_OK);
    assert_int_equal(n, 64);
    assert_memory_equal(place + 9, once, 64);
}

static void lengths_that_a_mode_cannot_take_are_refused(void **state) {
    (void)state;
    uint8_t secret[16] = {0}, iv[16] = {0}, data[64] = {0}, out[ROOM];
    CK_OBJECT_HANDLE key = fixture_secret_key(CKK_AES, secret, sizeof(secret));
    CK_MECHANISM ecb = {CKM_AES_ECB, NULL, 0}, pad = {CKM_AES_CBC_PAD, iv, 16};
    CK_MECHANISM wrap = {CKM_AES_KEY_WRAP, NULL, 0};
    CK_ULONG len = ROOM;
    assert_rv(C_EncryptInit(session, &ecb, key), CKR_OK);
    assert_rv(C_Encrypt(session, data, 17, out, &len), CKR_DATA_LEN_RANGE);
    assert_rv(C_DecryptInit(session, &ecb, key), CKR_OK);
    assert_rv(C_Decrypt(session, data, 15, out, &len), CKR_ENCRYPTED_DATA_LEN_RANGE);
    assert_rv(C_DecryptInit(session, &pad, key), CKR_OK);
    assert_rv(C_Decrypt(session, data, 0, out, &len), CKR_ENCRYPTED_DATA_LEN_RANGE);
    assert_rv(C_DecryptInit(session, &pad, key), CKR_OK);
    len = ROOM;
    assert_rv(C_Decrypt(session, data, 32, out, &len), CKR_ENCRYPTED_DATA_INVALID);
    assert_rv(C_Decrypt(session, data, 32, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    assert_rv(C_EncryptInit(session, &wrap, key), CKR_OK);
    len = ROOM;
    assert_rv(C_Encrypt(session, data, 15, out, &len), CKR_DATA_LEN_RANGE);
    assert_rv(C_DecryptInit(session, &wrap, key), CKR_OK);
    len = ROOM;
    assert_rv(C_Decrypt(session, data, 24, out, &len), CKR_ENCRYPTED_DATA_INVALID);
}

static void a_counter_that_would_come_round_is_refused(void **state) {
    (void)state;
    uint8_t secret[16] = {0}, data[64] = {0}, out[64];
    CK_AES_CTR_PARAMS params = {.ulCounterBits = 2}; /* four blocks; the counter is at 2 */
    params.cb[15] = 0xF2;
    CK_MECHANISM ctr = {CKM_AES_CTR, &params, sizeof(params)};
    CK_OBJECT_HANDLE key = fixture_secret_key(CKK_AES, secret, sizeof(secret));
    CK_ULONG len = sizeof(out);
    assert_rv(C_EncryptInit(session, &ctr, key), CKR_OK);
    assert_rv(C_Encrypt(session, data, 33, out, &len), CKR_DATA_LEN_RANGE);
    assert_rv(C_EncryptInit(session, &ctr, key), CKR_OK);
    len = sizeof(out);
    assert_rv(C_Encrypt(session, data, 32, out, &len), CKR_OK);
}

static void nothing_of_a_forged_gcm_message_comes_out(void **state) {
    (void)state;
    const struct cipher_case *c = &cases[4];
    uint8_t cipher[ROOM], out[ROOM];
    size_t len = fixture_hex(c->cipher, cipher), out_len;
    CK_OBJECT_HANDLE key = key_of(c);
    CK_MECHANISM mechanism = mechanism_of(c);
    for (size_t at = 0; at < len; at += 9) {
        memset(out, 0xEE, sizeof(out));
        cipher[at] ^= 0x10;
        assert_rv(C_DecryptInit(session, &mechanism, key), CKR_OK);
        assert_rv(in_parts(false, cipher, len, 13, out, &out_len), CKR_ENCRYPTED_DATA_INVALID);
        for (size_t i = 0; i < sizeof(out); i++) {
            assert_int_equal(out[i], 0xEE);
        }
        cipher[at] ^= 0x10;
    }
    assert_rv(C_DecryptInit(session, &mechanism, key), CKR_OK);
    CK_ULONG n = ROOM;
    assert_rv(C_Decrypt(session, cipher, 15, out, &n), CKR_ENCRYPTED_DATA_LEN_RANGE);
}

static const struct mac_case {
    const char *source;
    CK_MECHANISM_TYPE type;
    CK_KEY_TYPE key_type;
    const char *key, *data, *mac;
} macs[] = {
    {"SP 800-38B D.1, example 1", CKM_AES_CMAC, CKK_AES, KEY128, "",
     "bb1d6929e95937287fa37d129b756746"},
    {"SP 800-38B D.1, example 3", CKM_AES_CMAC, CKK_AES, KEY128,
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
     "dfa66747de9ae63030ca32611497c827"},
    {"SP 800-38B D.3, example 12", CKM_AES_CMAC, CKK_AES, KEY256, SP800_38A,
     "e1992190549f6ed5696a2c056c315410"},
    {"RFC 2202, 3, case 2", CKM_SHA_1_HMAC, CKK_GENERIC_SECRET, "4a656665",
     "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {"RFC 4231, 4.3", CKM_SHA224_HMAC, CKK_GENERIC_SECRET, "4a656665",
     "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"},
    {"RFC 4231, 4.3", CKM_SHA256_HMAC, CKK_SHA256_HMAC, "4a656665",
     "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {"RFC 4231, 4.3", CKM_SHA384_HMAC, CKK_GENERIC_SECRET, "4a656665",
     "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
     "8e2240ca5e69e2c78b3239ecfab21649"},
    {"RFC 4231, 4.3", CKM_SHA512_HMAC, CKK_GENERIC_SECRET, "4a656665",
     "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
     "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
};

static void every_mac_gives_its_standards_vectors(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(macs) / sizeof(macs[0]); i++) {
        const struct mac_case *c = &macs[i];
        uint8_t secret[64], data[ROOM], expected[64], out[64];
        size_t secret_len = fixture_hex(c->key, secret), data_len = fixture_hex(c->data, data);
        size_t mac_len = fixture_hex(c->mac, expected);
        CK_OBJECT_HANDLE key = fixture_secret_key(c->key_type, secret, secret_len);
        CK_MECHANISM mechanism = {c->type, NULL, 0};
        CK_ULONG len = 0;
        print_message("%s\n", c->source);
        assert_rv(C_SignInit(session, &mechanism, key), CKR_OK);
        assert_rv(C_Sign(session, data, data_len, NULL, &len), CKR_OK);
        assert_int_equal(len, mac_len);
        assert_rv(C_Sign(session, data, data_len, out, &len), CKR_OK);
        assert_memory_equal(out, expected, mac_len);
        assert_rv(C_VerifyInit(session, &mechanism, key), CKR_OK);
        assert_rv(C_VerifyUpdate(session, data, data_len / 2), CKR_OK);
        assert_rv(C_VerifyUpdate(session, data + data_len / 2, data_len - data_len / 2), CKR_OK);
        assert_rv(C_VerifyFinal(session, out, len), CKR_OK);
        out[0] ^= 1;
        assert_rv(C_VerifyInit(session, &mechanism, key), CKR_OK);
        assert_rv(C_Verify(session, data, data_len, out, len), CKR_SIGNATURE_INVALID);
        assert_rv(C_VerifyInit(session, &mechanism, key), CKR_OK);
        assert_rv(C_Verify(session, data, data_len, out, len - 1), CKR_SIGNATURE_LEN_RANGE);
    }
}

static void a_general_mac_is_cut_to_what_was_asked(void **state) {
    (void)state;
    uint8_t secret[4], data[64], whole[64], cut[64];
    size_t secret_len = fixture_hex("4a656665", secret);
    size_t data_len = fixture_hex("7768617420646f2079612077616e74", data);
    CK_OBJECT_HANDLE key = fixture_secret_key(CKK_GENERIC_SECRET, secret, secret_len);
    CK_MAC_GENERAL_PARAMS size = 10, none = 0, too_long = 33;
    CK_MECHANISM hmac = {CKM_OPENUKEY_SM3_HMAC, NULL, 0};
    CK_MECHANISM general = {CKM_OPENUKEY_SM3_HMAC_GENERAL, &size, sizeof(size)};
    CK_ULONG len = sizeof(whole), cut_len = sizeof(cut);
    assert_rv(C_SignInit(session, &hmac, key), CKR_OK);
    assert_rv(C_Sign(session, data, data_len, whole, &len), CKR_OK);
    assert_int_equal(len, 32);
    assert_rv(C_SignInit(session, &general, key), CKR_OK);
    assert_rv(C_Sign(session, data, data_len, cut, &cut_len), CKR_OK);
    assert_int_equal(cut_len, 10);
    assert_memory_equal(cut, whole, 10);
    assert_rv(C_VerifyInit(session, &general, key), CKR_OK);
    assert_rv(C_Verify(session, data, data_len, cut, cut_len), CKR_OK);
    general.pParameter = &none;
    assert_rv(C_SignInit(session, &general, key), CKR_MECHANISM_PARAM_INVALID);
    general.pParameter = &too_long;
    assert_rv(C_SignInit(session, &general, key), CKR_MECHANISM_PARAM_INVALID);
}

static void keys_of_another_kind_are_refused(void **state) {
    (void)state;
    uint8_t secret[32] = {1};
    CK_MECHANISM ecb = {CKM_AES_ECB, NULL, 0}, hmac = {CKM_SHA256_HMAC, NULL, 0};
    CK_MECHANISM rsa = {CKM_RSA_PKCS, NULL, 0}, cmac = {CKM_AES_CMAC, NULL, 0};
    CK_OBJECT_HANDLE aes = fixture_secret_key(CKK_AES, secret, 32);
    CK_OBJECT_HANDLE generic = fixture_secret_key(CKK_GENERIC_SECRET, secret, 32);
    CK_OBJECT_HANDLE other_mac = fixture_secret_key(CKK_SHA512_HMAC, secret, 32);
    assert_rv(C_EncryptInit(session, &ecb, generic), CKR_KEY_TYPE_INCONSISTENT);
    assert_rv(C_SignInit(session, &hmac, aes), CKR_KEY_TYPE_INCONSISTENT);
    assert_rv(C_SignInit(session, &hmac, other_mac), CKR_KEY_TYPE_INCONSISTENT);
    assert_rv(C_SignInit(session, &cmac, generic), CKR_KEY_TYPE_INCONSISTENT);
    assert_rv(C_SignInit(session, &rsa, aes), CKR_KEY_TYPE_INCONSISTENT);
    assert_rv(C_SignInit(session, &hmac, generic), CKR_OK);
}

static void a_key_does_only_what_its_attributes_allow(void **state) {
    (void)state;
    uint8_t secret[16] = {1};
    CK_MECHANISM ecb = {CKM_AES_ECB, NULL, 0}, cmac = {CKM_AES_CMAC, NULL, 0};
    CK_MECHANISM_TYPE allowed[] = {CKM_AES_CMAC};
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)},
                               {CKA_KEY_TYPE, &type, sizeof(type)},
                               {CKA_VALUE, secret, sizeof(secret)},
                               {CKA_PRIVATE, &no, sizeof(no)},
                               {CKA_ENCRYPT, &yes, sizeof(yes)},
                               {CKA_SIGN, &yes, sizeof(yes)},
                               {CKA_ALLOWED_MECHANISMS, allowed, sizeof(allowed)}};
    assert_rv(C_CreateObject(session, template, 7, &key), CKR_OK);
    assert_rv(C_EncryptInit(session, &ecb, key), CKR_MECHANISM_INVALID);
    assert_rv(C_DecryptInit(session, &ecb, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(C_VerifyInit(session, &cmac, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_rv(C_SignInit(session, &cmac, key), CKR_OK);
}

static void bad_cipher_parameters_are_refused(void **state) {
    (void)state;
    uint8_t secret[16] = {1}, iv[16] = {0};
    CK_GCM_PARAMS odd_tag = {iv, 12, 96, NULL, 0, 100}, no_iv = {NULL, 12, 96, NULL, 0, 128};
    CK_GCM_PARAMS no_aad = {iv, 12, 96, NULL, 4, 128}, short_tag = {iv, 12, 96, NULL, 0, 40};
    CK_AES_CTR_PARAMS no_bits = {.ulCounterBits = 0}, many_bits = {.ulCounterBits = 129};
    CK_MECHANISM bad[] = {
        {CKM_AES_ECB, iv, 16},
        {CKM_AES_CBC, iv, 15},
        {CKM_AES_CBC, NULL, 0},
        {CKM_AES_GCM, &odd_tag, sizeof(odd_tag)},
        {CKM_AES_GCM, &no_iv, sizeof(no_iv)},
        {CKM_AES_GCM, &no_aad, sizeof(no_aad)},
        {CKM_AES_GCM, &short_tag, sizeof(short_tag)},
        {CKM_AES_GCM, &short_tag, 8},
        {CKM_AES_CTR, &no_bits, sizeof(no_bits)},
        {CKM_AES_CTR, &many_bits, sizeof(many_bits)},
        {CKM_AES_KEY_WRAP, iv, 4},
        {CKM_AES_KEY_WRAP_KWP, iv, 8},
    };
    CK_OBJECT_HANDLE key = fixture_secret_key(CKK_AES, secret, sizeof(secret));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_rv(C_EncryptInit(session, &bad[i], key), CKR_MECHANISM_PARAM_INVALID);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_cipher_gives_its_standards_vectors),
        TEST(parts_of_any_size_give_the_same),
        TEST(padded_cbc_agrees_with_openssl_at_every_length),
        TEST(encryption_in_place_gives_the_same),
        TEST(lengths_that_a_mode_cannot_take_are_refused),
        TEST(a_counter_that_would_come_round_is_refused),
        TEST(nothing_of_a_forged_gcm_message_comes_out),
        TEST(every_mac_gives_its_standards_vectors),
        TEST(a_general_mac_is_cut_to_what_was_asked),
        TEST(keys_of_another_kind_are_refused),
        TEST(a_key_does_only_what_its_attributes_allow),
        TEST(bad_cipher_parameters_are_refused),
    };
    int failed = cmocka_run_group_tests_name("secret keys", tests, NULL, NULL);
    fake_card_free();
    return failed;
}
