/* Host commands of PIV; ciphers are OpenSSL's. */
#include "tests/unit/firmware-sim/piv_bench.h"

#include "firmware-sim/core/tlv.h"
#include "firmware-sim/crypto/sm3.h"
#include "tests/unit/firmware-sim/testing.h"

#include <openssl/evp.h>

static int entropy(void *ctx, unsigned char *out, size_t len) {
    struct piv_bench *b = ctx;
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)(b->entropy++ * 167 + 13);
    return 0;
}

void piv_bench_power_down(struct piv_bench *b) {
    if (b->powered)
        card_power_down(&b->card);
    b->powered = false;
}

void piv_bench_power_cycle(struct piv_bench *b) {
    uint32_t page;
    piv_bench_power_down(b);
    flash_ram_power_on(&b->ram);
    b->entropy = 0;
    assert_int_equal(card_power_up(&b->card, &b->flash, entropy, b, &page), CARD_OK);
    b->powered = true;
}

void piv_bench_init(struct piv_bench *b, uint32_t pages) {
    static struct store store;
    struct factory factory = {.mac_key = {7}, .serial = "TESTSERIAL", .application = FACTORY_PIV};
    uint32_t page;
    memset(b, 0, sizeof *b);
    flash_ram_init(&b->ram, pages);
    b->flash = flash_ram_flash(&b->ram);
    assert_int_equal(factory_write(&b->flash, &factory), FACTORY_OK);
    assert_int_equal(store_format(&b->flash, factory.mac_key), STORE_OK);
    assert_int_equal(store_mount(&store, &b->flash, factory.mac_key, &page), STORE_OK);
    assert_true(piv_format(&store, &factory));
    piv_init(&b->piv, &b->card);
    assert_true(card_add_applet(&b->card, &b->piv.applet));
    piv_bench_power_cycle(b);
}

void piv_bench_free(struct piv_bench *b) {
    piv_bench_power_down(b);
    assert_false(b->ram.misused);
    flash_ram_free(&b->ram);
}

uint16_t piv_bench_send(struct piv_bench *b, const void *apdu, size_t len) {
    size_t n = card_transmit(&b->card, apdu, len, b->out);
    assert_in_range(n, 2, APDU_MAX_RESPONSE);
    b->out_len = n - 2;
    b->sw = (uint16_t)(b->out[n - 2] << 8 | b->out[n - 1]);
    if (b->sw != SW_OK && (b->sw & 0xFF00) != SW_MORE_DATA)
        assert_int_equal(b->out_len, 0);
    return b->sw;
}

uint16_t piv_bench_apdu(struct piv_bench *b, uint8_t ins, uint8_t p1, uint8_t p2, const void *data,
                        size_t len) {
    uint8_t apdu[APDU_MAX_COMMAND + 64] = {0, ins, p1, p2, 0};
    size_t n = 5;
    assert_true(len + 9 <= sizeof apdu);
    if (len) {
        apdu[n++] = (uint8_t)(len >> 8);
        apdu[n++] = (uint8_t)len;
        memcpy(apdu + n, data, len);
        n += len;
    }
    return piv_bench_send(b, apdu, n + 2);
}

uint16_t piv_bench_verify(struct piv_bench *b, const char pin[8]) {
    return piv_bench_apdu(b, PIV_VERIFY, 0, PIV_PIN, pin, 8);
}

void piv_bench_block(uint8_t algorithm, bool encrypt, const uint8_t *key, const uint8_t *in,
                     uint8_t *out) {
    const EVP_CIPHER *cipher = algorithm == PIV_3DES     ? EVP_des_ede3_ecb()
                               : algorithm == PIV_AES128 ? EVP_aes_128_ecb()
                               : algorithm == PIV_AES192 ? EVP_aes_192_ecb()
                                                         : EVP_aes_256_ecb();
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;
    assert_int_equal(EVP_CipherInit_ex(ctx, cipher, NULL, key, NULL, encrypt), 1);
    EVP_CIPHER_CTX_set_padding(ctx, 0);
    assert_int_equal(EVP_CipherUpdate(ctx, out, &len, in, EVP_CIPHER_get_block_size(cipher)), 1);
    EVP_CIPHER_CTX_free(ctx);
}

uint16_t piv_bench_manage_with(struct piv_bench *b, uint8_t algorithm, const uint8_t *key) {
    static const uint8_t ask[] = {0x7C, 2, PIV_TAG_WITNESS, 0};
    uint8_t size = algorithm == PIV_3DES ? 8 : 16, answer[4 + 2 * 18];
    if (piv_bench_apdu(b, PIV_GENERAL_AUTHENTICATE, algorithm, PIV_MANAGEMENT, ask, sizeof ask) !=
        SW_OK)
        return b->sw;
    assert_int_equal(b->out_len, 4U + size);
    struct wire_writer w = wire_writer(answer, sizeof answer);
    tlv_put_head(&w, 0x7C, (size_t)2 * (2U + size));
    tlv_put_head(&w, PIV_TAG_WITNESS, size);
    piv_bench_block(algorithm, false, key, b->out + 4, wire_room(&w, size));
    tlv_put(&w, PIV_TAG_CHALLENGE,
            "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", size);
    return piv_bench_apdu(b, PIV_GENERAL_AUTHENTICATE, algorithm, PIV_MANAGEMENT, answer, w.len);
}

void piv_bench_manage(struct piv_bench *b) {
    uint8_t key[24];
    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i % 8 + 1);
    assert_int_equal(piv_bench_manage_with(b, PIV_3DES, key), SW_OK);
}

uint16_t piv_bench_generate(struct piv_bench *b, uint8_t slot, uint8_t algorithm) {
    uint8_t control[] = {PIV_TAG_CONTROL, 3, PIV_TAG_ALGORITHM, 1, algorithm};
    return piv_bench_apdu(b, PIV_GENERATE_KEY_PAIR, 0, slot, control, sizeof control);
}

uint16_t piv_bench_use(struct piv_bench *b, uint8_t slot, uint8_t algorithm, uint8_t tag,
                       const void *value, size_t len) {
    uint8_t data[600];
    struct wire_writer w = wire_writer(data, sizeof data);
    tlv_put_head(&w, PIV_TAG_AUTHENTICATION, 2 + tlv_size(tag, len));
    tlv_put(&w, PIV_TAG_RESPONSE, NULL, 0);
    tlv_put(&w, tag, value, len);
    if (piv_bench_apdu(b, PIV_GENERAL_AUTHENTICATE, algorithm, slot, data, w.len) != SW_OK)
        return b->sw;
    struct wire_reader r = wire_reader(b->out, b->out_len);
    struct wire_reader inner = tlv_take(&r, PIV_TAG_AUTHENTICATION);
    struct wire_reader response = tlv_take(&inner, PIV_TAG_RESPONSE);
    assert_true(wire_done(&r) && wire_done(&inner));
    b->out_len = response.left;
    memmove(b->out, response.p, response.left);
    return b->sw;
}

uint16_t piv_bench_put(struct piv_bench *b, uint32_t tag, const void *content, size_t len) {
    uint8_t data[APDU_MAX_BODY + 64];
    struct wire_writer w = wire_writer(data, sizeof data);
    const uint8_t list[3] = {(uint8_t)(tag >> 16), (uint8_t)(tag >> 8), (uint8_t)tag};
    tlv_put(&w, PIV_TAG_LIST, list, sizeof list);
    tlv_put(&w, PIV_TAG_DATA, content, len);
    assert_false(w.bad);
    return piv_bench_apdu(b, PIV_PUT_DATA, 0x3F, 0xFF, data, w.len);
}

uint16_t piv_bench_get(struct piv_bench *b, uint32_t tag) {
    const uint8_t data[5] = {PIV_TAG_LIST, 3, (uint8_t)(tag >> 16), (uint8_t)(tag >> 8),
                             (uint8_t)tag};
    return piv_bench_apdu(b, PIV_GET_DATA, 0x3F, 0xFF, data, sizeof data);
}

void piv_bench_digest(const struct piv_bench *b, uint8_t out[32]) {
    const struct store *s = &b->card.store;
    struct hmac_sm3 h;
    uint8_t content[STORE_OBJECT_MAX];
    uint32_t id = 0, len;
    hmac_sm3_init(&h, (const uint8_t *)"digest", 6);
    for (; store_next(s, id, UINT32_MAX, &id); id++) {
        assert_int_equal(store_length(s, id, &len), STORE_OK);
        assert_int_equal(store_read(s, id, 0, content, len), STORE_OK);
        hmac_sm3_update(&h, (const uint8_t *)&id, sizeof id);
        hmac_sm3_update(&h, content, len);
    }
    hmac_sm3_final(&h, out);
}
