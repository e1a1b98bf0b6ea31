/* RSA, SM2, key agreement, session keys, SM4, MAC, digests. */
#include "tests/unit/firmware-sim/gm_commands.h"

#include "tests/unit/firmware-sim/openssl_sm.h"
#include "tests/unit/firmware-sim/testing.h"

#define KEY "0123456789abcdef"
static const char text[] = "thirty-two bytes, two SM4 blocks"; /* 32 */

static void ids_sm2(struct world *w, struct request *r) {
    world_ids(w, &r->data, w->sm2);
}

static void ids_rsa(struct world *w, struct request *r) {
    world_ids(w, &r->data, w->rsa);
}

/* --- RSA --- */

static void bits_2048(struct world *w, struct request *r) {
    (void)w;
    field_u16(&r->data, 2048);
}

static void rsa_parts_work(struct world *w, const struct request *r) {
    struct field f = {.len = 0};
    uint8_t block[256] = {0, 1, 2, 3};
    (void)r;
    /* the same key through EXT_RSA_OPERATION, private then public, gives the block back */
    uint8_t parts[1156];
    memcpy(parts, w->bench.out, sizeof parts);
    field_u32(&f, 2048);
    field_put(&f, parts, sizeof parts);
    field_u32(&f, 256);
    field_put(&f, block, sizeof block);
    assert_int_equal(bench_gm(&w->bench, INS_EXT_RSA_OPERATION, 1, 0, f.bytes, f.len), SW_OK);
    EVP_PKEY *key = openssl_rsa_public(parts, parts + 256);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
    f.len = 0;
    field_u32(&f, 2048);
    field_put(&f, parts, 260);
    field_u32(&f, 256);
    field_put(&f, w->bench.out, 256);
    assert_int_equal(bench_gm(&w->bench, INS_EXT_RSA_OPERATION, 0, 0, f.bytes, f.len), SW_OK);
    assert_memory_equal(w->bench.out, block, 256);
}

static void gen_rsa(struct world *w, struct request *r) {
    world_ids(w, &r->data, w->empty);
    field_u16(&r->data, 2048);
}

static void import_rsa(struct world *w, struct request *r) {
    r->data = w->rsa_envelope;
}

static void rsa_sign(struct world *w, struct request *r) {
    ids_rsa(w, r);
    r->p1 = 1;
    r->p2 = GM_HASH_SHA256;
    field_text(&r->data, text);
}

static void rsa_signature_verifies(struct world *w, const struct request *r) {
    uint8_t digest[32];
    (void)r;
    assert_int_equal(EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL), 1);
    assert_true(openssl_rsa_verify(w->rsa_sign, EVP_sha256(), digest, 32, w->bench.out));
}

static void rsa_sign_digest(struct world *w, struct request *r) {
    uint8_t digest[32];
    ids_rsa(w, r);
    r->p1 = 2;
    r->p2 = GM_HASH_SHA256;
    assert_int_equal(EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL), 1);
    field_put(&r->data, digest, sizeof digest);
}

static void rsa_verify(struct world *w, struct request *r) {
    uint8_t digest[32], sig[256];
    assert_int_equal(EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL), 1);
    openssl_rsa_sign(w->rsa_enc, EVP_sha256(), digest, 32, sig);
    r->p1 = 1;
    r->p2 = GM_HASH_SHA256;
    field_rsa(&r->data, w->rsa_enc);
    field_u32(&r->data, (uint32_t)strlen(text));
    field_text(&r->data, text);
    field_u32(&r->data, 256);
    field_put(&r->data, sig, sizeof sig);
}

static void rsa_export_session(struct world *w, struct request *r) {
    ids_rsa(w, r);
    field_u32(&r->data, GM_SM4_ECB);
    field_rsa(&r->data, w->rsa_enc);
}

/* The session key of that id enciphers as key does. */
static void assert_session(struct world *w, uint16_t container, uint32_t id, const uint8_t *key) {
    struct field f;
    uint8_t want[32];
    world_cipher_init(w, &f, (uint16_t)id, GM_SM4_ECB, 0);
    field_u16(&(struct field){.len = 0}, 0);
    struct field ids;
    world_ids(w, &ids, container);
    memcpy(f.bytes, ids.bytes, ids.len);
    assert_int_equal(bench_gm(&w->bench, INS_ENCRYPT_INIT, 0, 0, f.bytes, f.len), SW_OK);
    field_u16(&ids, (uint16_t)id);
    field_text(&ids, text);
    assert_int_equal(bench_gm(&w->bench, INS_ENCRYPT, 0, 0, ids.bytes, ids.len), SW_OK);
    openssl_sm4_ecb(key, (const uint8_t *)text, 32, want, true);
    assert_int_equal(w->bench.out_len, 32);
    assert_memory_equal(w->bench.out, want, 32);
}

static void rsa_session_arrives(struct world *w, const struct request *r) {
    uint8_t key[256];
    uint16_t id = bench_u16(&w->bench, 0);
    (void)r;
    assert_int_equal(openssl_rsa_decrypt(w->rsa_enc, w->bench.out + 2, key), 16);
    assert_session(w, w->rsa, id, key);
}

static void rsa_operation(struct world *w, struct request *r) {
    if (bench_is_b()) { /* the raw private operation */
        uint8_t block[256] = {0};
        ids_rsa(w, r);
        r->p1 = GM_KEY_SIGN;
        field_put(&r->data, block, sizeof block);
        return;
    }
    uint16_t id = world_session(w, w->rsa, KEY);
    ids_rsa(w, r);
    field_u16(&r->data, id);
    field_rsa(&r->data, w->rsa_enc);
}

static void rsa_operation_is_done(struct world *w, const struct request *r) {
    uint8_t key[256];
    (void)r;
    if (bench_is_b())
        return;
    assert_int_equal(openssl_rsa_decrypt(w->rsa_enc, w->bench.out, key), 16);
    assert_memory_equal(key, KEY, 16);
}

static void ext_rsa(struct world *w, struct request *r) {
    uint8_t block[256] = {0, 7};
    field_rsa(&r->data, w->rsa_enc);
    field_u32(&r->data, 256);
    field_put(&r->data, block, sizeof block);
}

static void rsa_private_block(struct world *w, struct request *r) {
    uint8_t block[256] = {0, 7};
    ids_rsa(w, r);
    r->p1 = GM_KEY_SIGN;
    field_put(&r->data, block, sizeof block);
}

/* --- SM2 --- */

static void gen_sm2(struct world *w, struct request *r) {
    world_ids(w, &r->data, w->empty);
    field_u32(&r->data, 256);
}

static void import_sm2(struct world *w, struct request *r) {
    r->p1 = GM_IMPORT_RENEW;
    r->data = w->sm2_envelope;
}

static void history_holds_the_old_pair(struct world *w, const struct request *r) {
    struct field f;
    (void)r;
    world_ids(w, &f, w->sm2);
    assert_int_equal(bench_gm(&w->bench, INS_VENDOR_HISTORY, 0, 0, f.bytes, f.len), SW_OK);
    static const uint8_t want[] = {1, GM_KEY_HISTORY, GM_CONTAINER_ECC, 1};
    assert_int_equal(w->bench.out_len, sizeof want);
    assert_memory_equal(w->bench.out, want, sizeof want);
    field_sm2_cipher(&f, &w->enc, "old mail", 8);
    assert_int_equal(bench_gm(&w->bench, INS_VENDOR_SM2_DECRYPT, GM_KEY_HISTORY, 0, f.bytes, f.len),
                     SW_OK);
    assert_memory_equal(w->bench.out + 4, "old mail", 8);
    world_ids(w, &f, w->sm2);
    assert_int_equal(bench_gm(&w->bench, INS_EXPORT_CERTIFICATE, GM_KEY_HISTORY, 0, f.bytes, f.len),
                     SW_OK);
    assert_int_equal(w->bench.out[4], 0xc2);
    assert_int_equal(bench_gm(&w->bench, INS_EXPORT_CERTIFICATE, GM_KEY_ENC, 0, f.bytes, f.len),
                     SW_NO_CERT);
}

static void sign_message(struct world *w, struct request *r) {
    ids_sm2(w, r);
    r->p1 = 1;
    field_u32(&r->data, 16);
    field_text(&r->data, "1234567812345678");
    field_text(&r->data, text);
}

static void digest_of_text(const struct sm2_point *pub, uint8_t e[32]) {
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    openssl_sm2_z(pub, "1234567812345678", e);
    assert_true(EVP_DigestInit_ex(md, EVP_sm3(), NULL) && EVP_DigestUpdate(md, e, 32) &&
                EVP_DigestUpdate(md, text, strlen(text)) && EVP_DigestFinal_ex(md, e, NULL));
    EVP_MD_CTX_free(md);
}

static void message_signature_verifies(struct world *w, const struct request *r) {
    struct sm2_signature sig;
    uint8_t e[32];
    (void)r;
    digest_of_text(&w->sign, e);
    assert_int_equal(bench_u32(&w->bench, 0), 256);
    memcpy(&sig, w->bench.out + 4, sizeof sig);
    assert_true(openssl_sm2_verify(&w->sign, e, &sig));
}

static void sign_digest(struct world *w, struct request *r) {
    uint8_t e[32];
    ids_sm2(w, r);
    r->p1 = 2;
    digest_of_text(&w->sign, e);
    field_put(&r->data, e, sizeof e);
}

static void verify_sm2(struct world *w, struct request *r) {
    struct sm2_signature sig;
    uint8_t e[32] = {9};
    openssl_sm2_sign(w->enc_d, &w->enc, e, &sig);
    field_point(&r->data, &w->enc);
    field_u32(&r->data, 32);
    field_put(&r->data, e, sizeof e);
    field_put(&r->data, &sig, sizeof sig);
}

static void sm2_export_session(struct world *w, struct request *r) {
    ids_sm2(w, r);
    field_point(&r->data, &w->enc);
    field_u32(&r->data, GM_SM4_CBC);
}

/* Opens bits4, X, Y, hash32, len4, cipher at that place of the answer with the host's key. */
static void open_answer(struct world *w, size_t at, uint8_t *plain, size_t len) {
    struct sm2_point c1;
    const uint8_t *p = w->bench.out + at;
    assert_int_equal(bench_u32(&w->bench, at), 256);
    assert_int_equal(bench_u32(&w->bench, at + 100), len);
    memcpy(&c1, p + 4, sizeof c1);
    assert_true(openssl_sm2_decrypt(w->enc_d, &w->enc, &c1, p + 68, p + 104, len, plain));
}

static void sm2_session_arrives(struct world *w, const struct request *r) {
    uint8_t key[16];
    (void)r;
    uint16_t id = bench_u16(&w->bench, bench_is_b() ? 0 : 120);
    open_answer(w, bench_is_b() ? 2 : 0, key, 16);
    assert_session(w, w->sm2, id, key);
}

static void sm2_export_existing(struct world *w, struct request *r) {
    uint16_t id = world_session(w, w->sm2, KEY);
    ids_sm2(w, r);
    field_u16(&r->data, id);
    field_point(&r->data, &w->enc);
}

static void existing_session_arrives(struct world *w, const struct request *r) {
    uint8_t key[16];
    (void)r;
    open_answer(w, 0, key, 16);
    assert_memory_equal(key, KEY, 16);
}

static void ext_encrypt(struct world *w, struct request *r) {
    field_point(&r->data, &w->enc);
    field_u32(&r->data, (uint32_t)strlen(text));
    field_text(&r->data, text);
}

static void ext_encrypted(struct world *w, const struct request *r) {
    uint8_t plain[32];
    struct sm2_point c1;
    (void)r;
    if (bench_is_b()) {
        open_answer(w, 0, plain, 32);
    } else {
        assert_int_equal(w->bench.out_len, 1 + 64 + 32 + 32);
        assert_int_equal(w->bench.out[0], 4);
        memcpy(&c1, w->bench.out + 1, sizeof c1);
        assert_true(openssl_sm2_decrypt(w->enc_d, &w->enc, &c1, w->bench.out + 65,
                                        w->bench.out + 97, 32, plain));
    }
    assert_memory_equal(plain, text, 32);
}

static void ext_decrypt(struct world *w, struct request *r) {
    struct field cipher = {.len = 0};
    field_sm2_cipher(&cipher, &w->enc, text, 32);
    field_u32(&r->data, 256);
    field_put(&r->data, w->enc_d, 32);
    field_put(&r->data, cipher.bytes + 4, cipher.len - 4);
}

static void text_is_decrypted(struct world *w, const struct request *r) {
    (void)r;
    assert_int_equal(bench_u32(&w->bench, 0), 32);
    assert_memory_equal(w->bench.out + 4, text, 32);
}

static void ext_sign(struct world *w, struct request *r) {
    uint8_t e[32] = {5};
    field_u32(&r->data, 256);
    field_put(&r->data, w->enc_d, 32);
    field_u32(&r->data, 32);
    field_put(&r->data, e, sizeof e);
}

static void ext_signed(struct world *w, const struct request *r) {
    struct sm2_signature sig;
    uint8_t e[32] = {5};
    size_t at = bench_is_b() ? 4 : 0;
    (void)r;
    assert_int_equal(w->bench.out_len, at + 64);
    memcpy(&sig, w->bench.out + at, sizeof sig);
    assert_true(openssl_sm2_verify(&w->enc, e, &sig));
}

static void decrypt_sm2(struct world *w, struct request *r) {
    ids_sm2(w, r);
    r->p1 = GM_KEY_ENC;
    field_sm2_cipher(&r->data, &w->enc, text, 32);
}

/* --- agreement: the host is the other side --- */

static uint8_t peer_d[32], peer_r[32];
static struct sm2_point peer, peer_point;

static void make_peer(void) {
    openssl_sm2_keygen(peer_d, &peer);
    openssl_sm2_keygen(peer_r, &peer_point);
}

static void id_field(struct field *f, const char *id) {
    field_u32(f, (uint32_t)strlen(id));
    field_text(f, id);
}

static void agreement_data(struct world *w, struct request *r) {
    ids_sm2(w, r);
    field_u32(&r->data, GM_SM4_ECB);
    id_field(&r->data, "card");
}

static void agreement_respond(struct world *w, struct request *r) {
    make_peer();
    ids_sm2(w, r);
    field_u32(&r->data, GM_SM4_ECB);
    field_point(&r->data, &peer);
    field_point(&r->data, &peer_point);
    id_field(&r->data, "peer");
    id_field(&r->data, "card");
}

static void responder_agrees(struct world *w, const struct request *r) {
    struct sm2_point own;
    uint8_t za[32], zb[32], key[16];
    (void)r;
    memcpy(&own, w->bench.out + 4, sizeof own);
    openssl_sm2_z(&peer, "peer", za);
    openssl_sm2_z(&w->enc, "card", zb);
    openssl_sm2_exchange(peer_d, peer_r, &peer_point, &w->enc, &own, za, zb, key);
    assert_session(w, w->sm2, bench_u32(&w->bench, 68), key);
}

static struct sm2_point own_point;

static void agreement_finish(struct world *w, struct request *r) {
    struct request first = {.cla = CLA_GM};
    agreement_data(w, &first);
    assert_int_equal(
        bench_gm(&w->bench, INS_AGREEMENT_DATA, 0, 0, first.data.bytes, first.data.len), SW_OK);
    memcpy(&own_point, w->bench.out + 4, sizeof own_point);
    make_peer();
    ids_sm2(w, r);
    field_u32(&r->data, bench_u32(&w->bench, 68));
    field_point(&r->data, &peer);
    field_point(&r->data, &peer_point);
    id_field(&r->data, "peer");
}

static void initiator_agrees(struct world *w, const struct request *r) {
    uint8_t za[32], zb[32], key[16];
    openssl_sm2_z(&w->enc, "card", za);
    openssl_sm2_z(&peer, "peer", zb);
    openssl_sm2_exchange(peer_d, peer_r, &peer_point, &w->enc, &own_point, za, zb, key);
    assert_session(w, w->sm2, bench_u32(&w->bench, 0), key);
    /* the handle is used up */
    assert_int_equal(bench_gm(&w->bench, INS_AGREEMENT_KEY, 0, 0, r->data.bytes, r->data.len),
                     SW_NO_SESSION_KEY);
}

/* --- session keys --- */

static void import_session_sm2(struct world *w, struct request *r) {
    ids_sm2(w, r);
    field_u32(&r->data, GM_SM4_ECB);
    field_u32(&r->data, 120);
    field_sm2_cipher(&r->data, &w->enc, KEY, 16);
}

static void session_is_key(struct world *w, const struct request *r) {
    (void)r;
    assert_session(w, w->sm2, bench_u16(&w->bench, 0), (const uint8_t *)KEY);
}

static void import_session_rsa(struct world *w, struct request *r) {
    uint8_t cipher[256];
    openssl_rsa_encrypt(w->rsa_enc, (const uint8_t *)KEY, 16, cipher);
    ids_rsa(w, r);
    field_u32(&r->data, GM_SM4_ECB);
    field_u32(&r->data, sizeof cipher);
    field_put(&r->data, cipher, sizeof cipher);
}

static void session_of_rsa_is_key(struct world *w, const struct request *r) {
    (void)r;
    assert_session(w, w->rsa, bench_u16(&w->bench, 0), (const uint8_t *)KEY);
}

static void import_plain(struct world *w, struct request *r) {
    ids_sm2(w, r);
    field_u32(&r->data, GM_SM4_CBC);
    field_u16(&r->data, 16);
    field_text(&r->data, KEY);
}

static void destroy(struct world *w, struct request *r) {
    uint16_t id = world_session(w, w->sm2, KEY);
    ids_sm2(w, r);
    field_u16(&r->data, id);
}

static void cipher_init(struct world *w, struct request *r) {
    uint16_t id = world_session(w, w->sm2, KEY);
    world_cipher_init(w, &r->data, id, GM_SM4_CBC, 1);
}

/* Begun with ins and padding pad; the data field of what follows, with some data. */
static void begun(struct world *w, struct request *r, uint8_t ins, unsigned pad, const void *data,
                  size_t len) {
    struct field f;
    uint16_t id = world_session(w, w->sm2, KEY);
    world_cipher_init(w, &f, id, GM_SM4_CBC, pad);
    assert_int_equal(bench_gm(&w->bench, ins, 0, 0, f.bytes, f.len), SW_OK);
    ids_sm2(w, r);
    field_u16(&r->data, id);
    field_put(&r->data, data, len);
}

static const uint8_t iv[16] = {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                               0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11};

static size_t cbc(uint8_t out[64], bool padded) {
    size_t len;
    openssl_sm4_cbc((const uint8_t *)KEY, iv, padded, (const uint8_t *)text, 32, out, &len, true);
    return len;
}

static void encrypt(struct world *w, struct request *r) {
    begun(w, r, INS_ENCRYPT_INIT, 0, text, 32);
}

static void encrypted(struct world *w, const struct request *r) {
    uint8_t want[64];
    (void)r;
    assert_int_equal(w->bench.out_len, cbc(want, false));
    assert_memory_equal(w->bench.out, want, 32);
}

static void encrypt_final(struct world *w, struct request *r) {
    begun(w, r, INS_ENCRYPT_INIT, 1, text, 32);
    assert_int_equal(bench_gm(&w->bench, INS_ENCRYPT_UPDATE, 0, 0, r->data.bytes, r->data.len),
                     SW_OK);
    r->data.len -= 32;
}

static void last_block_is_padding(struct world *w, const struct request *r) {
    uint8_t want[64];
    (void)r;
    assert_int_equal(cbc(want, true), 48);
    assert_int_equal(w->bench.out_len, 16);
    assert_memory_equal(w->bench.out, want + 32, 16);
}

static void decrypt_all(struct world *w, struct request *r) {
    uint8_t cipher[64];
    size_t len = cbc(cipher, true);
    begun(w, r, INS_DECRYPT_INIT, 1, cipher, len);
}

static void decrypted(struct world *w, const struct request *r) {
    (void)r;
    assert_memory_equal(w->bench.out, text, w->bench.out_len);
}

static void decrypt_final(struct world *w, struct request *r) {
    decrypt_all(w, r);
    assert_int_equal(bench_gm(&w->bench, INS_DECRYPT_UPDATE, 0, 0, r->data.bytes, r->data.len),
                     SW_OK);
    assert_int_equal(w->bench.out_len, 32);
    assert_memory_equal(w->bench.out, text, 32);
    r->data.len = 6;
}

static void mac_all(struct world *w, struct request *r) {
    begun(w, r, INS_MAC_INIT, 0, text, 32);
}

static void mac_is_the_last_block(struct world *w, const struct request *r) {
    uint8_t want[64];
    (void)r;
    cbc(want, false);
    assert_memory_equal(w->bench.out, want + 16, 16);
}

static void mac_final(struct world *w, struct request *r) {
    mac_all(w, r);
    assert_int_equal(bench_gm(&w->bench, INS_MAC_UPDATE, 0, 0, r->data.bytes, r->data.len), SW_OK);
    r->data.len -= 32;
}

/* --- digests --- */

static void digest_init(struct world *w, struct request *r) {
    r->p2 = GM_HASH_SM3;
    field_point(&r->data, &w->sign);
    id_field(&r->data, "1234567812345678");
}

static void digest_begun(struct world *w, struct request *r) {
    struct request init = {.cla = CLA_GM};
    digest_init(w, &init);
    assert_int_equal(
        bench_gm(&w->bench, INS_DIGEST_INIT, 0, GM_HASH_SM3, init.data.bytes, init.data.len),
        SW_OK);
    field_text(&r->data, text);
}

static void digest_is_sm3_with_z(struct world *w, const struct request *r) {
    uint8_t want[32];
    (void)r;
    digest_of_text(&w->sign, want);
    assert_int_equal(bench_u32(&w->bench, 0), 32);
    assert_memory_equal(w->bench.out + 4, want, 32);
}

static void digest_ends(struct world *w, struct request *r) {
    digest_begun(w, r);
    assert_int_equal(bench_gm(&w->bench, INS_DIGEST_UPDATE, 0, 0, text, 32), SW_OK);
    r->data.len = 0;
}

static void digest_sha256(struct world *w, struct request *r) {
    (void)w;
    r->p2 = GM_HASH_SHA256;
}

static void sha256_follows(struct world *w, const struct request *r) {
    uint8_t want[32];
    (void)r;
    assert_int_equal(bench_gm(&w->bench, INS_DIGEST, 0, 0, text, 32), SW_OK);
    assert_int_equal(EVP_Digest(text, 32, want, NULL, EVP_sha256(), NULL), 1);
    assert_memory_equal(w->bench.out + 4, want, 32);
}

// clang-format off
#define LEN SW_WRONG_LENGTH
#define DATA SW_WRONG_DATA
const struct row crypto_rows[] = {
    /* name                      ins                        build, send                   answer                   check                     wrong state                                cut   longer changed */
    {"GenExtRSAKey",             INS_GEN_EXT_RSA_KEY,       bits_2048, NULL,              1156,                    rsa_parts_work,           WRONG_NOTHING, SW_OK,                     LEN, LEN, 0, DATA, false},
    {"GenRSAKeyPair",            INS_GEN_RSA_KEY_PAIR,      gen_rsa, NULL,                260,                     NULL,                     WRONG_PIN, SW_SECURITY_STATUS,            LEN, LEN, 4, DATA, false},
    {"ImportRSAKeyPair",         INS_IMPORT_RSA_KEY_PAIR,   import_rsa, NULL,             0,                       NULL,                     WRONG_PIN, SW_SECURITY_STATUS,            DATA, DATA, 8, DATA, false},
    {"RSASignData, message",     INS_RSA_SIGN,              rsa_sign, NULL,               256,                     rsa_signature_verifies,   WRONG_PIN, SW_SECURITY_STATUS,            0, 0, 2, SW_CONTAINER_ID, false},
    {"RSASignData, digest",      INS_RSA_SIGN,              rsa_sign_digest, NULL,        256,                     rsa_signature_verifies,   WRONG_CONTAINER, SW_CONTAINER_ID,         DATA, DATA, 0, 0, false},
    {"RSAExportSessionKey",      INS_RSA_EXPORT_SESSION_KEY, rsa_export_session, NULL,    258,                     rsa_session_arrives,      WRONG_CONTAINER, SW_CONTAINER_ID,         LEN, LEN, 8, DATA, false},
    {"RSA operation 5C",         INS_RSA_OPERATION,         rsa_operation, NULL,          256,                     rsa_operation_is_done,    WRONG_CONTAINER, SW_CONTAINER_ID,         0, 0, 2, SW_CONTAINER_ID, false},
    {"RSAVerify",                INS_RSA_VERIFY,            rsa_verify, NULL,             0,                       NULL,                     WRONG_DATA_BIT, SW_VERIFY_FAILED,         DATA, DATA, 0, DATA, false},
    {"ExtRSA operation",         INS_EXT_RSA_OPERATION,     ext_rsa, NULL,                256,                     NULL,                     WRONG_NOTHING, SW_OK,                     LEN, DATA, 0, DATA, false},
    {"GenECCKeyPair",            INS_GEN_ECC_KEY_PAIR,      gen_sm2, NULL,                64,                      NULL,                     WRONG_PIN, SW_SECURITY_STATUS,            LEN, LEN, 4, DATA, false},
    {"ImportECCKeyPair",         INS_IMPORT_ECC_KEY_PAIR,   import_sm2, NULL,             0,                       history_holds_the_old_pair, WRONG_PIN, SW_SECURITY_STATUS,          LEN, LEN, 4, DATA, false},
    {"ECCSignData, message",     INS_ECC_SIGN,              sign_message, NULL,           68,                      message_signature_verifies, WRONG_PIN, SW_SECURITY_STATUS,          0, 0, 6, DATA, false},
    {"ECCSignData, digest",      INS_ECC_SIGN,              sign_digest, NULL,            68,                      message_signature_verifies, WRONG_CONTAINER, SW_CONTAINER_ID,       DATA, DATA, 0, 0, false},
    {"ECCVerify",                INS_ECC_VERIFY,            verify_sm2, NULL,             0,                       NULL,                     WRONG_DATA_BIT, SW_VERIFY_FAILED,         LEN, LEN, 20, DATA, false},
    {"ECCExportSessionKey",      INS_ECC_EXPORT_SESSION_KEY, sm2_export_session, NULL,    122,                     sm2_session_arrives,      WRONG_CONTAINER, SW_CONTAINER_ID,         LEN, LEN, 20, DATA, false},
    {"ExtECCEncrypt",            INS_EXT_ECC_ENCRYPT,       ext_encrypt, NULL,            -1,                      ext_encrypted,            WRONG_NOTHING, SW_OK,                     DATA, DATA, 20, DATA, false},
    {"ExtECCDecrypt",            INS_EXT_ECC_DECRYPT,       ext_decrypt, NULL,            36,                      text_is_decrypted,        WRONG_DATA_BIT, SW_ASYM_DECRYPT,          DATA, DATA, 0, DATA, false},
    {"ExtECCSign",               INS_EXT_ECC_SIGN,          ext_sign, NULL,               -1,                      ext_signed,               WRONG_NOTHING, SW_OK,                     LEN, LEN, 0, DATA, false},
    {"ExtECCVerify",             INS_EXT_ECC_VERIFY,        verify_sm2, NULL,             0,                       NULL,                     WRONG_DATA_BIT, SW_VERIFY_FAILED,         LEN, LEN, 20, DATA, false},
    {"ECCExportSessionKeyEx",    INS_ECC_EXPORT_SESSION_KEY_EX, sm2_export_existing, NULL, 120,                     existing_session_arrives, WRONG_SESSION, SW_NO_SESSION_KEY,         LEN, LEN, 20, DATA, false},
    {"GenerateAgreementData",    INS_AGREEMENT_DATA,        agreement_data, NULL,         72,                      NULL,                     WRONG_PIN, SW_SECURITY_STATUS,            DATA, DATA, 8, DATA, false},
    {"GenerateAgreementDataAndKey", INS_AGREEMENT_DATA_AND_KEY, agreement_respond, NULL,  72,                      responder_agrees,         WRONG_PIN, SW_SECURITY_STATUS,            DATA, DATA, 20, DATA, false},
    {"GenerateKeyWithECC",       INS_AGREEMENT_KEY,         agreement_finish, NULL,       4,                       initiator_agrees,         WRONG_SESSION, SW_NO_SESSION_KEY,         DATA, DATA, 20, DATA, false},
    {"ImportSessionKey, SM2",    INS_IMPORT_SESSION_KEY,    import_session_sm2, NULL,     2,                       session_is_key,           WRONG_PIN, SW_SECURITY_STATUS,            LEN, DATA, 40, SW_ASYM_DECRYPT, false},
    {"ImportSessionKey, RSA",    INS_IMPORT_SESSION_KEY,    import_session_rsa, NULL,     2,                       session_of_rsa_is_key,    WRONG_PIN, SW_SECURITY_STATUS,            DATA, DATA, 200, SW_ASYM_DECRYPT, false},
    {"ImportSymmKey",            INS_IMPORT_SYMM_KEY,       import_plain, NULL,           2,                       session_is_key,           WRONG_CONTAINER, SW_CONTAINER_ID,         DATA, DATA, 8, DATA, false},
    {"EncryptInit",              INS_ENCRYPT_INIT,          cipher_init, NULL,            0,                       NULL,                     WRONG_SESSION, SW_NO_SESSION_KEY,         DATA, DATA, 6, SW_NOT_SUPPORTED, false},
    {"Encrypt",                  INS_ENCRYPT,               encrypt, NULL,                32,                      encrypted,                WRONG_OPERATION, SW_CONDITIONS,           DATA, DATA, 4, SW_NO_SESSION_KEY, false},
    {"EncryptUpdate",            INS_ENCRYPT_UPDATE,        encrypt, NULL,                32,                      encrypted,                WRONG_OPERATION, SW_CONDITIONS,           0, 0, 4, SW_NO_SESSION_KEY, false},
    {"EncryptFinal",             INS_ENCRYPT_FINAL,         encrypt_final, NULL,          16,                      last_block_is_padding,    WRONG_OPERATION, SW_CONDITIONS,           LEN, 0, 4, SW_NO_SESSION_KEY, false},
    {"DecryptInit",              INS_DECRYPT_INIT,          cipher_init, NULL,            0,                       NULL,                     WRONG_SESSION, SW_NO_SESSION_KEY,         DATA, DATA, 6, SW_NOT_SUPPORTED, false},
    {"Decrypt",                  INS_DECRYPT,               decrypt_all, NULL,            32,                      decrypted,                WRONG_OPERATION, SW_CONDITIONS,           DATA, DATA, 4, SW_NO_SESSION_KEY, false},
    {"DecryptUpdate",            INS_DECRYPT_UPDATE,        decrypt_all, NULL,            32,                      decrypted,                WRONG_SESSION, SW_NO_SESSION_KEY,         0, 0, 4, SW_NO_SESSION_KEY, false},
    {"DecryptFinal",             INS_DECRYPT_FINAL,         decrypt_final, NULL,          0,                       NULL,                     WRONG_OPERATION, SW_CONDITIONS,           LEN, DATA, 4, SW_NO_SESSION_KEY, false},
    {"DigestInit, Z",            INS_DIGEST_INIT,           digest_init, NULL,            0,                       NULL,                     WRONG_NOTHING, SW_OK,                     DATA, DATA, 20, DATA, false},
    {"DigestInit, SHA-256",      INS_DIGEST_INIT,           digest_sha256, NULL,          0,                       sha256_follows,           WRONG_NOTHING, SW_OK,                     0, DATA, 0, 0, false},
    {"Digest",                   INS_DIGEST,                digest_begun, NULL,           36,                      digest_is_sm3_with_z,     WRONG_OPERATION, SW_CONDITIONS,           0, 0, 0, 0, false},
    {"DigestUpdate",             INS_DIGEST_UPDATE,         digest_begun, NULL,           0,                       NULL,                     WRONG_OPERATION, SW_CONDITIONS,           0, 0, 0, 0, false},
    {"DigestFinal",              INS_DIGEST_FINAL,          digest_ends, NULL,            36,                      digest_is_sm3_with_z,     WRONG_OPERATION, SW_CONDITIONS,           0, 0, 0, 0, false},
    {"MacInit",                  INS_MAC_INIT,              cipher_init, NULL,            0,                       NULL,                     WRONG_SESSION, SW_NO_SESSION_KEY,         DATA, DATA, 6, SW_NOT_SUPPORTED, false},
    {"Mac",                      INS_MAC,                   mac_all, NULL,                16,                      mac_is_the_last_block,    WRONG_OPERATION, SW_CONDITIONS,           DATA, DATA, 4, SW_NO_SESSION_KEY, false},
    {"MacUpdate",                INS_MAC_UPDATE,            mac_all, NULL,                0,                       NULL,                     WRONG_OPERATION, SW_CONDITIONS,           0, 0, 4, SW_NO_SESSION_KEY, false},
    {"MacFinal",                 INS_MAC_FINAL,             mac_final, NULL,              16,                      mac_is_the_last_block,    WRONG_OPERATION, SW_CONDITIONS,           LEN, DATA, 4, SW_NO_SESSION_KEY, false},
    {"DestroySessionKey",        INS_DESTROY_SESSION_KEY,   destroy, NULL,                0,                       NULL,                     WRONG_SESSION, SW_NO_SESSION_KEY,         LEN, LEN, 4, SW_NO_SESSION_KEY, false},
    {"vendor: RSA private",      INS_VENDOR_RSA_PRIVATE,    rsa_private_block, NULL,      256,                     NULL,                     WRONG_PIN, SW_SECURITY_STATUS,            LEN, LEN, 0, 0, false},
    {"vendor: SM2 decrypt",      INS_VENDOR_SM2_DECRYPT,    decrypt_sm2, NULL,            36,                      text_is_decrypted,        WRONG_PIN, SW_SECURITY_STATUS,            DATA, DATA, 4, DATA, false},
};
// clang-format on

const unsigned crypto_rows_count = sizeof crypto_rows / sizeof crypto_rows[0];
