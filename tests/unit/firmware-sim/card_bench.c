/* Host commands by OpenSSL, card commands by the card. */
#include "tests/unit/firmware-sim/card_bench.h"

#include "tests/unit/firmware-sim/openssl_sm.h"
#include "tests/unit/firmware-sim/testing.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

static int entropy(void *ctx, unsigned char *out, size_t len) {
    struct bench *b = ctx;
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)(b->entropy++ * 167 + 13);
    return 0;
}

enum card_error bench_power_up(struct bench *b, uint32_t *page) {
    flash_ram_power_on(&b->ram);
    b->entropy = 0;
    enum card_error err = card_power_up(&b->card, &b->flash, entropy, b, page);
    b->powered = err == CARD_OK;
    return err;
}

void bench_power_down(struct bench *b) {
    if (b->powered)
        card_power_down(&b->card);
    b->powered = false;
}

void bench_power_cycle(struct bench *b) {
    uint32_t page;
    bench_power_down(b);
    assert_int_equal(bench_power_up(b, &page), CARD_OK);
}

static bool layout_b;

bool bench_is_b(void) {
    return layout_b;
}

void bench_init(struct bench *b, uint32_t pages) {
    bench_init_layout(b, pages, 'A');
}

void bench_init_layout(struct bench *b, uint32_t pages, char layout) {
    static struct store store;
    struct factory factory = {.mac_key = {7}, .serial = "TESTSERIAL", .manufacturer = "Tests"};
    uint32_t page;
    const char name[2] = {layout, 0};
    memset(b, 0, sizeof *b);
    layout_b = layout == 'B';
    factory.layout = (uint8_t)gm_layout_find(name);
    memcpy(b->mac_key, factory.mac_key, sizeof b->mac_key);
    flash_ram_init(&b->ram, pages);
    b->flash = flash_ram_flash(&b->ram);
    assert_int_equal(factory_write(&b->flash, &factory), FACTORY_OK);
    assert_int_equal(store_format(&b->flash, factory.mac_key), STORE_OK);
    assert_int_equal(store_mount(&store, &b->flash, factory.mac_key, &page), STORE_OK);
    assert_true(gm_format(&store, "Test key"));
    gm_init(&b->gm, &b->card);
    assert_true(card_add_applet(&b->card, &b->gm.applet));
    bench_power_cycle(b);
}

void bench_free(struct bench *b) {
    bench_power_down(b);
    assert_false(b->ram.misused);
    flash_ram_free(&b->ram);
}

uint16_t bench_send(struct bench *b, const void *apdu, size_t len) {
    b->sent_len = len < sizeof b->sent ? len : sizeof b->sent;
    memcpy(b->sent, apdu, b->sent_len);
    size_t n = card_transmit(&b->card, apdu, len, b->out);
    assert_in_range(n, 2, APDU_MAX_RESPONSE);
    b->out_len = n - 2;
    b->sw = (uint16_t)(b->out[n - 2] << 8 | b->out[n - 1]);
    if (b->sw != SW_OK && (b->sw & 0xFF00) != SW_MORE_DATA)
        assert_int_equal(b->out_len, 0);
    return b->sw;
}

uint16_t bench_apdu(struct bench *b, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2,
                    const void *data, size_t len) {
    uint8_t apdu[APDU_MAX_COMMAND + 64] = {cla, ins, p1, p2, 0};
    size_t n = 5;
    if (len) {
        apdu[n++] = (uint8_t)(len >> 8);
        apdu[n++] = (uint8_t)len;
        memcpy(apdu + n, data, len);
        n += len;
    }
    apdu[n++] = 0;
    apdu[n++] = 0;
    return bench_send(b, apdu, n);
}

uint16_t bench_gm(struct bench *b, uint8_t ins, uint8_t p1, uint8_t p2, const void *data,
                  size_t len) {
    return bench_apdu(b, CLA_GM, ins, p1, p2, data, len);
}

void field_put(struct field *f, const void *data, size_t len) {
    assert_true(f->len + len <= sizeof f->bytes);
    if (len)
        memcpy(f->bytes + f->len, data, len);
    f->len += len;
}

void field_text(struct field *f, const char *text) {
    field_put(f, text, strlen(text));
}

void field_padded(struct field *f, const char *text, size_t size) {
    static const uint8_t zeros[64];
    field_text(f, text);
    field_put(f, zeros, size - strlen(text));
}

void field_u8(struct field *f, unsigned v) {
    uint8_t b = (uint8_t)v;
    field_put(f, &b, 1);
}

static void field_integer(struct field *f, uint32_t v, unsigned size) {
    for (unsigned i = 0; i < size; i++)
        field_u8(f, v >> 8 * (layout_b ? size - 1 - i : i) & 0xff);
}

void field_u16(struct field *f, unsigned v) {
    field_integer(f, v, 2);
}

void field_u32(struct field *f, uint32_t v) {
    field_integer(f, v, 4);
}

static uint32_t answer_integer(const struct bench *b, size_t at, unsigned size) {
    uint32_t v = 0;
    assert_true(at + size <= b->out_len);
    for (unsigned i = 0; i < size; i++)
        v |= (uint32_t)b->out[at + i] << 8 * (layout_b ? size - 1 - i : i);
    return v;
}

uint16_t bench_u16(const struct bench *b, size_t at) {
    return (uint16_t)answer_integer(b, at, 2);
}

uint32_t bench_u32(const struct bench *b, size_t at) {
    return answer_integer(b, at, 4);
}

uint8_t bench_p1(uint16_t app) {
    return (uint8_t)(layout_b ? app >> 8 : app);
}

uint8_t bench_p2(uint16_t app) {
    return (uint8_t)(layout_b ? app : app >> 8);
}

uint16_t bench_random(struct bench *b, size_t len) {
    uint8_t apdu[7] = {CLA_GM, INS_GEN_RANDOM, 0, 0, 0, (uint8_t)(len >> 8), (uint8_t)len};
    return bench_send(b, apdu, sizeof apdu);
}

/* A: challenge8 || 0*8; B: 80 00 || challenge8 || 00 80 || 0*4. And the IV of MACs. */
static void challenge(struct bench *b, uint8_t block[16], uint8_t iv[16]) {
    assert_int_equal(bench_random(b, GM_CHALLENGE_SIZE), SW_OK);
    memset(block, 0, 16);
    memset(iv, 0, 16);
    memcpy(iv, b->out, GM_CHALLENGE_SIZE);
    memcpy(block + (layout_b ? 2 : 0), b->out, GM_CHALLENGE_SIZE);
    if (layout_b)
        block[0] = block[11] = 0x80;
}

static void pin_pad(const char *pin, uint8_t padded[16]) {
    size_t len = strnlen(pin, 16);
    memset(padded, 0, 16);
    for (size_t i = 0; i < len; i++)
        padded[i] = (uint8_t)pin[i];
}

static void pin_key(const char *pin, uint8_t key[20]) {
    uint8_t padded[16];
    pin_pad(pin, padded);
    SHA1(padded, layout_b ? strnlen(pin, 16) : sizeof padded, key);
}

uint16_t bench_dev_auth(struct bench *b, const char *key) {
    uint8_t block[16], iv[16];
    challenge(b, block, iv);
    openssl_sm4_ecb((const uint8_t *)key, block, sizeof block, block, true);
    return bench_gm(b, INS_DEV_AUTH, 0, layout_b ? 0 : 2, block, sizeof block);
}

uint16_t bench_create_app(struct bench *b, const char *name, uint32_t file_rights) {
    struct field f = {.len = 0};
    field_padded(&f, name, layout_b ? 48 : 32);
    field_padded(&f, ADMIN_PIN, 16);
    field_u32(&f, ADMIN_TRIES);
    field_padded(&f, USER_PIN, 16);
    field_u32(&f, USER_TRIES);
    field_u32(&f, file_rights);
    field_u8(&f, 16);
    field_u8(&f, 32);
    field_u16(&f, 60);
    return bench_gm(b, INS_CREATE_APPLICATION, 0, 0, f.bytes, f.len);
}

uint16_t bench_open_app(struct bench *b, const char *name, uint16_t *id) {
    uint16_t sw = bench_gm(b, INS_OPEN_APPLICATION, 0, 0, name, strlen(name));
    if (sw == SW_OK)
        *id = bench_u16(b, 8);
    return sw;
}

uint16_t bench_verify(struct bench *b, uint16_t app, enum gm_pin_type type, const char *pin) {
    struct field f = {.len = 0};
    uint8_t block[16], iv[16], key[20];
    challenge(b, block, iv);
    pin_key(pin, key);
    openssl_sm4_ecb(key, block, sizeof block, block, true);
    field_u16(&f, app);
    field_put(&f, block, sizeof block);
    return bench_gm(b, INS_VERIFY_PIN, 0, (uint8_t)type, f.bytes, f.len);
}

/* Sends front || E_key(plain) || mac4. */
static uint16_t mac_command(struct bench *b, uint8_t ins, uint8_t p1, uint8_t p2,
                            const struct field *front, const uint8_t key[16],
                            const uint8_t plain[16]) {
    struct field f = *front;
    uint8_t block[16], iv[16], message[64] = {0}, cbc[64];
    challenge(b, block, iv);
    openssl_sm4_ecb(key, plain, 16, block, true);
    field_put(&f, block, sizeof block);
    const uint8_t lc = (uint8_t)(f.len + (layout_b ? 0 : GM_MAC_SIZE));
    const uint8_t header[7] = {CLA_GM_MAC, ins, p1, p2, 0, 0, lc};
    memcpy(message, header, sizeof header);
    memcpy(message + sizeof header, f.bytes, f.len);
    message[sizeof header + f.len] = 0x80;
    size_t total = (sizeof header + f.len) / 16 * 16 + 16;
    openssl_sm4_cbc_encrypt(key, iv, message, total, cbc);
    field_put(&f, cbc + total - 16, GM_MAC_SIZE);
    return bench_apdu(b, CLA_GM_MAC, ins, p1, p2, f.bytes, f.len);
}

static uint16_t pin_command(struct bench *b, uint8_t ins, uint8_t p1, uint8_t p2, uint16_t app,
                            const char *auth, const char *new) {
    struct field f = {.len = 0};
    uint8_t key[20], padded[16];
    pin_key(auth, key);
    pin_pad(new, padded);
    field_u16(&f, app);
    return mac_command(b, ins, p1, p2, &f, key, padded);
}

uint16_t bench_change_pin(struct bench *b, uint16_t app, enum gm_pin_type type, const char *old,
                          const char *new) {
    return pin_command(b, INS_CHANGE_PIN, 0, (uint8_t)type, app, old, new);
}

uint16_t bench_unblock(struct bench *b, uint16_t app, const char *admin, const char *new) {
    return pin_command(b, INS_UNBLOCK_PIN, 0, 0, app, admin, new);
}

uint16_t bench_unblock_must_change(struct bench *b, uint16_t app, const char *admin,
                                   const char *new) {
    return pin_command(b, INS_UNBLOCK_PIN, 1, 0, app, admin, new);
}

uint16_t bench_set_key(struct bench *b, uint8_t ins, const char *device_key, const char *new) {
    const struct field none = {.len = 0};
    uint8_t p2 = ins == INS_CHANGE_DEV_AUTH_KEY && !layout_b ? 2 : 0;
    return mac_command(b, ins, 0, p2, &none, (const uint8_t *)device_key, (const uint8_t *)new);
}

uint16_t bench_unlock_challenge(struct bench *b, uint16_t app, const char *order) {
    struct field f = {.len = 0};
    field_u16(&f, app);
    field_u8(&f, (unsigned)strlen(order));
    field_text(&f, order);
    return bench_gm(b, INS_VENDOR_UNLOCK_CHALLENGE, 0, 0, f.bytes, f.len);
}

static void hmac_sm3_of(const uint8_t *key, const struct field *f, uint8_t out[32]) {
    size_t n;
    assert_non_null(
        EVP_Q_mac(NULL, "HMAC", NULL, "SM3", NULL, key, 16, f->bytes, f->len, out, 32, &n));
}

uint16_t bench_remote_unlock(struct bench *b, uint16_t app, const char *unlock_key,
                             const char *order, const char *new, unsigned flags) {
    struct field label = {.len = 0}, mac = {.len = 0}, f = {.len = 0};
    uint8_t k[32], tag[32], padded[16];
    const uint8_t header[4] = {CLA_GM, INS_VENDOR_UNLOCK, 0, 0};
    assert_int_equal(b->out_len, 32 + 16 + 1);
    /* the service */
    field_put(&label, "OpenUKey unlock", 16);
    field_put(&label, b->out, 48);
    field_u8(&label, (unsigned)strlen(order));
    field_text(&label, order);
    hmac_sm3_of((const uint8_t *)unlock_key, &label, k);
    /* the host */
    pin_pad(new, padded);
    openssl_sm4_ecb(k, padded, 16, padded, true);
    field_u16(&f, app);
    field_u8(&f, flags);
    field_put(&f, padded, 16);
    field_put(&mac, header, 4);
    field_put(&mac, b->out, 48);
    field_u8(&mac, (unsigned)strlen(order));
    field_text(&mac, order);
    field_put(&mac, f.bytes, f.len);
    hmac_sm3_of(k + 16, &mac, tag);
    field_put(&f, tag, 16);
    return bench_gm(b, INS_VENDOR_UNLOCK, 0, 0, f.bytes, f.len);
}

unsigned bench_tries(struct bench *b, uint16_t app, enum gm_pin_type type) {
    struct field f = {.len = 0};
    field_u16(&f, app);
    assert_int_equal(bench_gm(b, INS_GET_PIN_INFO, 0, (uint8_t)type, f.bytes, f.len), SW_OK);
    return b->out[1];
}

uint16_t bench_container(struct bench *b, uint8_t ins, uint16_t app, const char *name,
                         uint16_t *id) {
    struct field f = {.len = 0};
    field_u16(&f, app);
    field_text(&f, name);
    uint16_t sw = bench_gm(b, ins, 0, 0, f.bytes, f.len);
    if (sw == SW_OK && id)
        *id = bench_u16(b, 0);
    return sw;
}

uint16_t bench_gen_sm2(struct bench *b, uint16_t app, uint16_t container, struct sm2_point *pub) {
    struct field f = {.len = 0};
    field_u16(&f, app);
    field_u16(&f, container);
    field_u32(&f, 256);
    uint16_t sw = bench_gm(b, INS_GEN_ECC_KEY_PAIR, 0, 0, f.bytes, f.len);
    if (sw == SW_OK && pub)
        memcpy(pub, b->out, sizeof *pub);
    return sw;
}

uint16_t bench_gen_rsa(struct bench *b, uint16_t app, uint16_t container) {
    struct field f = {.len = 0};
    field_u16(&f, app);
    field_u16(&f, container);
    field_u16(&f, 2048);
    return bench_gm(b, INS_GEN_RSA_KEY_PAIR, 0, 0, f.bytes, f.len);
}

uint16_t bench_sign_digest(struct bench *b, uint16_t app, uint16_t container, const uint8_t e[32],
                           struct sm2_signature *sig) {
    struct field f = {.len = 0};
    field_u16(&f, app);
    field_u16(&f, container);
    field_put(&f, e, 32);
    uint16_t sw = bench_gm(b, INS_ECC_SIGN, 2, 0, f.bytes, f.len);
    if (sw == SW_OK && sig)
        memcpy(sig, b->out + 4, sizeof *sig);
    return sw;
}

uint16_t bench_import_cert(struct bench *b, uint16_t app, uint16_t container,
                           enum gm_key_usage usage, uint8_t fill, size_t len) {
    struct field f = {.len = 0};
    field_u16(&f, app);
    field_u16(&f, container);
    field_u8(&f, usage);
    field_u32(&f, (uint32_t)len);
    for (size_t i = 0; i < len; i++)
        field_u8(&f, fill);
    return bench_gm(b, INS_IMPORT_CERTIFICATE, 0, 0, f.bytes, f.len);
}

uint16_t bench_create_file(struct bench *b, uint16_t app, const char *name, uint32_t size,
                           uint32_t read, uint32_t write) {
    struct field f = {.len = 0};
    field_padded(&f, name, layout_b ? 40 : 32);
    field_u32(&f, size);
    field_u32(&f, read);
    field_u32(&f, write);
    return bench_gm(b, INS_CREATE_FILE, bench_p1(app), bench_p2(app), f.bytes, f.len);
}

static void file_front(struct field *f, uint16_t app, const char *name, unsigned offset) {
    field_u16(f, app);
    field_u16(f, offset);
    field_u16(f, (unsigned)strlen(name));
    field_text(f, name);
}

uint16_t bench_write_file(struct bench *b, uint16_t app, const char *name, unsigned offset,
                          const void *data, size_t len) {
    struct field f = {.len = 0};
    file_front(&f, app, name, offset);
    field_u16(&f, (unsigned)len);
    field_put(&f, data, len);
    return bench_gm(b, INS_WRITE_FILE, 0, 0, f.bytes, f.len);
}

uint16_t bench_read_file(struct bench *b, uint16_t app, const char *name, unsigned offset,
                         size_t len) {
    uint8_t apdu[128] = {CLA_GM, INS_READ_FILE};
    struct field f = {.len = 0};
    file_front(&f, app, name, offset);
    apdu[6] = (uint8_t)f.len;
    memcpy(apdu + 7, f.bytes, f.len);
    apdu[7 + f.len] = (uint8_t)(len >> 8);
    apdu[8 + f.len] = (uint8_t)len;
    return bench_send(b, apdu, 9 + f.len);
}

void envelope_make(struct field *f, uint16_t app, uint16_t container, const struct sm2_point *sign,
                   const uint8_t d[32], const struct sm2_point *pub) {
    uint8_t sym[16], c3[32], c2[16], private[64] = {0};
    struct sm2_point c1;
    assert_int_equal(RAND_bytes(sym, sizeof sym), 1);
    openssl_sm2_encrypt(sign, sym, sizeof sym, &c1, c3, c2);
    memcpy(private + 32, d, 32);
    openssl_sm4_ecb(sym, private, sizeof private, private, true);
    f->len = 0;
    field_u16(f, app);
    field_u16(f, container);
    field_u32(f, 1);
    field_u32(f, GM_SM4_ECB);
    if (layout_b) {
        field_u32(f, 256);
        field_u32(f, sizeof private);
        field_put(f, private, sizeof private);
        field_put(f, pub, sizeof *pub);
    }
    field_u32(f, 256);
    field_put(f, &c1, sizeof c1);
    field_put(f, c3, sizeof c3);
    field_u32(f, sizeof c2);
    field_put(f, c2, sizeof c2);
    if (layout_b)
        return;
    field_u32(f, 256);
    field_put(f, pub, sizeof *pub);
    field_u32(f, sizeof private);
    field_put(f, private, sizeof private);
}

void bench_ready(struct bench *b, uint16_t *app, uint16_t *container, struct sm2_point *pub) {
    assert_int_equal(bench_dev_auth(b, "1234567812345678"), SW_OK);
    assert_int_equal(bench_create_app(b, "APP", GM_USER), SW_OK);
    assert_int_equal(bench_open_app(b, "APP", app), SW_OK);
    assert_int_equal(bench_verify(b, *app, GM_PIN_USER, USER_PIN), SW_OK);
    assert_int_equal(bench_container(b, INS_CREATE_CONTAINER, *app, "C", container), SW_OK);
    assert_int_equal(bench_gen_sm2(b, *app, *container, pub), SW_OK);
}

void bench_digest(const struct bench *b, uint8_t out[32]) {
    const struct store *s = &b->card.store;
    struct sm3 h;
    uint8_t data[STORE_OBJECT_MAX];
    sm3_init(&h);
    for (uint32_t id = 0, len; store_next(s, id, UINT32_MAX, &id); id++) {
        assert_int_equal(store_length(s, id, &len), STORE_OK);
        assert_int_equal(store_read(s, id, 0, data, len), STORE_OK);
        sm3_update(&h, &id, sizeof id);
        sm3_update(&h, &len, sizeof len);
        sm3_update(&h, data, len);
    }
    sm3_final(&h, out);
}
