/* Prepared through commands alone. */
#include "tests/unit/firmware-sim/gm_world.h"

#include "firmware-sim/applets/gm/objects.h"
#include "tests/unit/firmware-sim/openssl_sm.h"
#include "tests/unit/firmware-sim/testing.h"

#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdlib.h>

void world_ids(const struct world *w, struct field *f, uint16_t container) {
    f->len = 0;
    field_u16(f, w->app);
    field_u16(f, container);
}

void field_point(struct field *f, const struct sm2_point *point) {
    field_u32(f, 256);
    field_put(f, point, sizeof *point);
}

void field_rsa(struct field *f, EVP_PKEY *key) {
    BIGNUM *n = NULL, *e = NULL;
    uint8_t bytes[260];
    assert_int_equal(EVP_PKEY_get_bn_param(key, "n", &n), 1);
    assert_int_equal(EVP_PKEY_get_bn_param(key, "e", &e), 1);
    assert_int_equal(BN_bn2binpad(n, bytes, 256), 256);
    assert_int_equal(BN_bn2binpad(e, bytes + 256, 4), 4);
    field_u32(f, 2048);
    field_put(f, bytes, sizeof bytes);
    BN_free(n);
    BN_free(e);
}

void field_sm2_cipher(struct field *f, const struct sm2_point *pub, const void *plain, size_t len) {
    struct sm2_point c1;
    uint8_t c3[32], c2[256];
    assert_true(len <= sizeof c2);
    openssl_sm2_encrypt(pub, plain, len, &c1, c3, c2);
    field_point(f, &c1);
    field_put(f, c3, sizeof c3);
    field_u32(f, (uint32_t)len);
    field_put(f, c2, len);
}

void rsa_envelope_make(struct field *f, const struct world *w, EVP_PKEY *pair) {
    uint8_t sym[16], wrap[256], der[1300], *end = der;
    int len = i2d_PrivateKey(pair, NULL);
    assert_in_range(len, 1000, 1232);
    memset(der, 0, sizeof der);
    assert_int_equal(i2d_PrivateKey(pair, &end), len);
    size_t padded = ((size_t)len + 15) / 16 * 16;
    assert_int_equal(RAND_bytes(sym, sizeof sym), 1);
    openssl_rsa_encrypt(w->rsa_sign, sym, sizeof sym, wrap);
    openssl_sm4_ecb(sym, der, padded, der, true);
    world_ids(w, f, w->rsa);
    field_u32(f, GM_SM4_ECB);
    field_u32(f, sizeof wrap);
    field_put(f, wrap, sizeof wrap);
    field_u32(f, 2048);
    field_u32(f, (uint32_t)padded);
    field_put(f, der, padded);
}

uint16_t world_session(struct world *w, uint16_t container, const char *key) {
    struct field f;
    world_ids(w, &f, container);
    field_u32(&f, GM_SM4_ECB);
    field_u16(&f, 16);
    field_put(&f, key, 16);
    assert_int_equal(bench_gm(&w->bench, INS_IMPORT_SYMM_KEY, 0, 0, f.bytes, f.len), SW_OK);
    return bench_u16(&w->bench, 0);
}

void world_cipher_init(const struct world *w, struct field *f, uint16_t session, uint32_t alg,
                       unsigned pad) {
    uint8_t iv[32] = {0};
    memset(iv, 0x11, 16);
    world_ids(w, f, w->sm2);
    field_u16(f, session);
    field_u32(f, alg);
    if (bench_is_b()) {
        field_u16(f, 16);
        field_put(f, iv, 16);
    } else {
        field_put(f, iv, sizeof iv);
        field_u32(f, 16);
    }
    field_u32(f, pad);
    field_u32(f, 0);
}

static void containers(struct world *w) {
    struct bench *b = &w->bench;
    struct field f;
    assert_int_equal(bench_container(b, INS_CREATE_CONTAINER, w->app, "R", &w->rsa), SW_OK);
    assert_int_equal(bench_container(b, INS_CREATE_CONTAINER, w->app, "E", &w->empty), SW_OK);
    openssl_sm2_keygen(w->enc_d, &w->enc);
    envelope_make(&f, w->app, w->sm2, &w->sign, w->enc_d, &w->enc);
    assert_int_equal(bench_gm(b, INS_IMPORT_ECC_KEY_PAIR, 0, 0, f.bytes, f.len), SW_OK);
    assert_int_equal(bench_import_cert(b, w->app, w->sm2, GM_KEY_SIGN, 0xc1, 700), SW_OK);
    assert_int_equal(bench_import_cert(b, w->app, w->sm2, GM_KEY_ENC, 0xc2, 700), SW_OK);
    assert_int_equal(bench_gen_rsa(b, w->app, w->rsa), SW_OK);
    w->rsa_sign = openssl_rsa_public(b->out, b->out + 256);
    w->rsa_enc = openssl_rsa_generate();
    rsa_envelope_make(&f, w, w->rsa_enc);
    assert_int_equal(bench_gm(b, INS_IMPORT_RSA_KEY_PAIR, 0, 0, f.bytes, f.len), SW_OK);
}

void world_make(struct world *w, char layout, uint32_t pages) {
    struct bench *b = &w->bench;
    uint8_t data[FILE_SIZE], d[32];
    struct sm2_point other;
    memset(w, 0, sizeof *w);
    bench_init_layout(b, pages, layout);
    bench_ready(b, &w->app, &w->sm2, &w->sign);
    containers(w);
    assert_int_equal(bench_create_file(b, w->app, "f", FILE_SIZE, GM_ANYONE, GM_USER), SW_OK);
    memset(data, FILE_BYTE, sizeof data);
    assert_int_equal(bench_write_file(b, w->app, "f", 0, data, 1500), SW_OK);
    assert_int_equal(bench_write_file(b, w->app, "f", 1500, data, 1500), SW_OK);
    assert_int_equal(bench_set_key(b, INS_VENDOR_SET_UNLOCK_KEY, DEVICE_KEY, UNLOCK_KEY), SW_OK);

    openssl_sm2_keygen(d, &other);
    envelope_make(&w->sm2_envelope, w->app, w->sm2, &w->sign, d, &other);
    EVP_PKEY *pair = openssl_rsa_generate();
    rsa_envelope_make(&w->rsa_envelope, w, pair);
    EVP_PKEY_free(pair);
    bench_power_down(b);
    w->image = malloc(flash_ram_size(&b->ram));
    assert_non_null(w->image);
    memcpy(w->image, b->ram.bytes, flash_ram_size(&b->ram));
}

void world_free(struct world *w) {
    EVP_PKEY_free(w->rsa_sign);
    EVP_PKEY_free(w->rsa_enc);
    free(w->image);
    bench_free(&w->bench);
}

void world_start(struct world *w) {
    struct bench *b = &w->bench;
    bench_power_down(b);
    memcpy(b->ram.bytes, w->image, flash_ram_size(&b->ram));
    bench_power_cycle(b);
    assert_int_equal(b->ram.writes, 0);
    b->gm.state.device_verified = true;
    for (unsigned app = 0; app < GM_APPS_MAX; app++)
        if (store_exists(&b->card.store, object_id(app, KIND_APP_INFO, 0, 0)))
            b->gm.state.open[app] = b->gm.state.verified[app][GM_PIN_USER] =
                b->gm.state.verified[app][GM_PIN_ADMIN] = true;
    assert_int_equal(bench_random(b, GM_CHALLENGE_SIZE), SW_OK);
}

bool world_command_writes(uint8_t ins) {
    static const uint8_t writing[] = {INS_SET_LABEL,
                                      INS_DEV_AUTH,
                                      INS_CHANGE_DEV_AUTH_KEY,
                                      INS_CHANGE_PIN,
                                      INS_VERIFY_PIN,
                                      INS_UNBLOCK_PIN,
                                      INS_CREATE_APPLICATION,
                                      INS_DELETE_APPLICATION,
                                      INS_CREATE_FILE,
                                      INS_DELETE_FILE,
                                      INS_WRITE_FILE,
                                      INS_CREATE_CONTAINER,
                                      INS_DELETE_CONTAINER,
                                      INS_IMPORT_CERTIFICATE,
                                      INS_GEN_RSA_KEY_PAIR,
                                      INS_IMPORT_RSA_KEY_PAIR,
                                      INS_GEN_ECC_KEY_PAIR,
                                      INS_IMPORT_ECC_KEY_PAIR,
                                      INS_VENDOR_RETIRE_SIGNING_KEY,
                                      INS_VENDOR_UNLOCK,
                                      INS_VENDOR_SET_UNLOCK_KEY};
    return memchr(writing, ins, sizeof writing) != NULL;
}
