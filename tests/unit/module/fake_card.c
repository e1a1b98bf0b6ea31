/* A GM card in a few lines, and the transport to it. */
#include "fake_card.h"
#include "fake_agreement.h"

#include "module/formats/sm2.h"
#include "openukey/apdu.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct fake_card fake_card;

enum { RSA_ID = 0x0201, SM2_ID = 0x0302, APP_ID = 0x1100 };

struct response {
    uint8_t *data;
    size_t len;
};

static void put(struct response *r, const void *data, size_t len) {
    memcpy(r->data + r->len, data, len);
    r->len += len;
}

static void put_le(struct response *r, uint32_t value, size_t width) {
    for (size_t i = 0; i < width; i++) {
        r->data[r->len++] = (uint8_t)(value >> (8 * i));
    }
}

static uint32_t get_le(const uint8_t *p, size_t width) {
    uint32_t value = 0;
    for (size_t i = 0; i < width; i++) {
        value |= (uint32_t)p[i] << (8 * i);
    }
    return value;
}

static void pin_key(const char *pin, uint8_t key[20]) {
    uint8_t padded[16] = {0};
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): padded, not terminated */
    memcpy(padded, pin, strlen(pin));
    EVP_Digest(padded, sizeof(padded), key, NULL, EVP_sha1(), NULL);
}

static void sm4(const uint8_t *key, const uint8_t *iv, uint8_t *data, int len, bool encrypt) {
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;
    EVP_CipherInit_ex(ctx, iv != NULL ? EVP_sm4_cbc() : EVP_sm4_ecb(), NULL, key, iv, encrypt);
    EVP_CIPHER_CTX_set_padding(ctx, 0);
    EVP_CipherUpdate(ctx, data, &n, data, len);
    EVP_CIPHER_CTX_free(ctx);
}

static uint16_t wrong_pin(uint8_t *left) {
    *left = (uint8_t)(*left > 0 ? *left - 1 : 0);
    return *left == 0 ? SW_PIN_BLOCKED : (uint16_t)(SW_PIN_WRONG | *left);
}

static uint16_t verify(uint8_t type, const uint8_t *data) {
    struct fake_card *card = &fake_card;
    uint8_t *left = type == GM_PIN_ADMIN ? &card->so_left : &card->user_left;
    bool *verified = type == GM_PIN_ADMIN ? &card->so_verified : &card->user_verified;
    uint8_t key[20], block[16] = {0};
    if (*left == 0) {
        return SW_PIN_BLOCKED;
    }
    if (!card->has_challenge) {
        return SW_REFERENCED_DATA;
    }
    card->has_challenge = false;
    pin_key(type == GM_PIN_ADMIN ? card->so_pin : card->user_pin, key);
    memcpy(block, card->challenge, 8);
    sm4(key, NULL, block, sizeof(block), true);
    if (memcmp(block, data + 2, sizeof(block)) != 0) {
        *verified = false;
        return wrong_pin(left);
    }
    *left = 10;
    *verified = true;
    return SW_OK;
}

/* ChangePIN and UnblockPIN: A || E(new) || MAC. */
static uint16_t new_pin(const uint8_t *command, const uint8_t *data, size_t len, char *old,
                        char *target, uint8_t *left, uint8_t *target_left) {
    struct fake_card *card = &fake_card;
    uint8_t key[20], iv[16] = {0}, mac[32] = {0}, pin[16];
    if (len != 22 || !card->has_challenge) {
        return SW_REFERENCED_DATA;
    }
    card->has_challenge = false;
    pin_key(old, key);
    memcpy(iv, card->challenge, 8);
    memcpy(mac, command, 7);
    memcpy(mac + 7, data, 18);
    mac[25] = 0x80;
    sm4(key, iv, mac, sizeof(mac), true);
    if (memcmp(mac + 16, data + 18, 4) != 0) {
        return wrong_pin(left);
    }
    memcpy(pin, data + 2, sizeof(pin));
    sm4(key, NULL, pin, sizeof(pin), false);
    memset(target, 0, 17);
    memcpy(target, pin, sizeof(pin));
    *target_left = 10;
    return SW_OK;
}

/* ---- remote unlock, from apdu.h alone ---- */

static void hmac_sm3(const uint8_t *key, size_t key_len, const void *a, size_t a_len, const void *b,
                     size_t b_len, const void *c, size_t c_len, uint8_t out[32]) {
    uint8_t bytes[512];
    memcpy(bytes, a, a_len);
    memcpy(bytes + a_len, b, b_len);
    if (c_len > 0) {
        memcpy(bytes + a_len + b_len, c, c_len);
    }
    HMAC(EVP_sm3(), key, (int)key_len, bytes, a_len + b_len + c_len, out, NULL);
}

void fake_card_unlock_response(const uint8_t *unlock_key, uint8_t response[32]) {
    static const char label[] = "OpenUKey unlock"; /* with its NUL */
    hmac_sm3(unlock_key, 16, label, sizeof(label), fake_card.unlock_case, fake_card.unlock_case_len,
             NULL, 0, response);
}

static uint16_t unlock_challenge(const uint8_t *data, size_t len, struct response *r) {
    struct fake_card *card = &fake_card;
    if (!card->has_unlock_key) {
        return SW_NO_KEY;
    }
    if (card->unlock_left == 0) {
        return SW_PIN_BLOCKED;
    }
    if (len < 4 || data[2] != len - 3) {
        return SW_WRONG_DATA;
    }
    memcpy(card->unlock_case, "00112233445566778899AABBCCDDEEFF", 32);
    RAND_bytes(card->unlock_case + 32, 16);
    memcpy(card->unlock_case + 48, data + 2, len - 2);
    card->unlock_case_len = 48 + len - 2;
    card->has_unlock_challenge = true;
    put(r, card->unlock_case, 48);
    put(r, &card->unlock_left, 1);
    return SW_OK;
}

static uint16_t unlock(const uint8_t *command, const uint8_t *data, size_t len) {
    struct fake_card *card = &fake_card;
    uint8_t k[32], mac[32], head[4 + sizeof(card->unlock_case)], pin[16];
    if (!card->has_unlock_challenge) {
        return SW_REFERENCED_DATA;
    }
    card->has_unlock_challenge = false;
    if (card->unlock_left == 0) {
        return SW_PIN_BLOCKED;
    }
    card->unlock_left--;
    fake_card_unlock_response(card->unlock_key, k);
    memcpy(head, command, 4);
    memcpy(head + 4, card->unlock_case, card->unlock_case_len);
    hmac_sm3(k + 16, 16, head, 4 + card->unlock_case_len, data, len - 16, NULL, 0, mac);
    if (len != 2 + 1 + 16 + 16 || memcmp(mac, data + len - 16, 16) != 0) {
        return (uint16_t)(SW_PIN_WRONG | card->unlock_left);
    }
    memcpy(pin, data + 3, sizeof(pin));
    sm4(k, NULL, pin, sizeof(pin), false);
    memset(card->user_pin, 0, sizeof(card->user_pin));
    memcpy(card->user_pin, pin, sizeof(pin));
    card->must_change = (data[2] & 1) != 0;
    card->user_left = card->unlock_left = 10;
    card->user_verified = false;
    return SW_OK;
}

/* DevAuth, and the unlock key that comes under the device key. */
static uint16_t device_command(const uint8_t *command, const uint8_t *data) {
    static const uint8_t device_key[17] = "1234567812345678";
    struct fake_card *card = &fake_card;
    uint8_t block[16] = {0};
    if (!card->has_challenge) {
        return SW_REFERENCED_DATA;
    }
    card->has_challenge = false;
    if (command[1] == INS_DEV_AUTH) {
        memcpy(block, card->challenge, 8);
        sm4(device_key, NULL, block, sizeof(block), true);
        card->device_verified = memcmp(block, data, sizeof(block)) == 0;
        return card->device_verified ? SW_OK : SW_PIN_WRONG | 9;
    }
    if (!card->device_verified) {
        return SW_SECURITY_STATUS;
    }
    memcpy(card->unlock_key, data, sizeof(card->unlock_key));
    sm4(device_key, NULL, card->unlock_key, sizeof(card->unlock_key), false);
    card->has_unlock_key = true;
    card->unlock_left = 10;
    return SW_OK;
}

static void dev_info(struct response *r) {
    memset(r->data, 0, GM_DEVINFO_SIZE);
    memcpy(r->data + DEVINFO_MANUFACTURER, "Fake", 4);
    memcpy(r->data + DEVINFO_LABEL, "Fake key", 8);
    memcpy(r->data + DEVINFO_SERIAL, "00112233445566778899AABBCCDDEEFF", 32);
    r->data[DEVINFO_MAX_CONTAINERS] = 16;
    r->data[DEVINFO_MAX_FILES] = FAKE_FILES;
    r->len = DEVINFO_CHANGE_COUNTER;
    put_le(r, fake_card.change_counter, 4);
    if (fake_card.has_vendor_ins) {
        put(r, "OUK1", 4);
        put(r, fake_card.change_tag, sizeof(fake_card.change_tag));
    }
    r->len = GM_DEVINFO_SIZE;
}

static uint16_t container_info(const uint8_t *name, size_t len, struct response *r) {
    bool is_rsa = len == 3 && memcmp(name, "rsa", 3) == 0;
    if (!is_rsa && (len != 3 || memcmp(name, "sm2", 3) != 0)) {
        return SW_CONTAINER_NAME;
    }
    put_le(r, is_rsa ? GM_CONTAINER_RSA : GM_CONTAINER_ECC, 1);
    put_le(r, is_rsa ? 2048 : 256, 4);
    put_le(r, is_rsa ? 0 : 256, 4);
    put_le(r, !is_rsa && fake_card.certificate_len > 0, 1);
    put_le(r, 0, 1);
    return SW_OK;
}

static uint16_t public_key(uint32_t container, bool sign, struct response *r) {
    struct sm2_point point;
    if (container == RSA_ID) {
        BIGNUM *n = NULL;
        EVP_PKEY_get_bn_param(fake_card.rsa, OSSL_PKEY_PARAM_RSA_N, &n);
        put_le(r, 2048, 2);
        put(r, (const uint8_t[]){0, 1, 0, 1}, 4);
        BN_bn2binpad(n, r->data + r->len, RSA2048_SIZE);
        r->len += RSA2048_SIZE;
        BN_free(n);
        return SW_OK;
    }
    sm2_key_point(sign ? fake_card.sm2_sign : fake_card.sm2_enc, &point);
    put_le(r, 256, 4);
    put(r, point.x, 32);
    put(r, point.y, 32);
    return SW_OK;
}

static uint16_t rsa_raw(const uint8_t *block, size_t len, int padding, struct response *r) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(fake_card.rsa, NULL);
    size_t out_len = RSA2048_SIZE;
    int ok;
    if (padding == RSA_NO_PADDING) {
        ok = EVP_PKEY_decrypt_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1 &&
             EVP_PKEY_decrypt(ctx, r->data + r->len, &out_len, block, len) == 1;
    } else {
        ok = EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1 &&
             EVP_PKEY_sign(ctx, r->data + r->len, &out_len, block, len) == 1;
    }
    EVP_PKEY_CTX_free(ctx);
    r->len += ok ? out_len : 0;
    return ok ? SW_OK : SW_WRONG_DATA;
}

static uint16_t sm2_sign_digest(const uint8_t *digest, struct response *r) {
    uint8_t der[80], raw[64];
    size_t len = sizeof(der);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(fake_card.sm2_sign, NULL);
    int ok = EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, der, &len, digest, 32) == 1 &&
             sm2_signature_from_der(der, len, raw) == FORMATS_OK;
    EVP_PKEY_CTX_free(ctx);
    put_le(r, 256, 4);
    put(r, raw, 64);
    return ok ? SW_OK : SW_SIGN_FAILED;
}

static uint16_t sm2_decrypt_data(bool sign, const uint8_t *data, struct response *r) {
    struct sm2_cipher cipher = {.cipher = data + 104, .cipher_len = get_le(data + 100, 4)};
    struct octets der = {NULL, 0}, plain = {NULL, 0};
    memcpy(cipher.c1.x, data + 4, 32);
    memcpy(cipher.c1.y, data + 36, 32);
    memcpy(cipher.c3, data + 68, 32);
    bool ok = sm2_cipher_to_der(&cipher, &der) == FORMATS_OK &&
              sm2_decrypt(NULL, sign ? fake_card.sm2_sign : fake_card.sm2_enc, der.data, der.len,
                          &plain) == FORMATS_OK;
    if (ok) {
        put_le(r, (uint32_t)plain.len, 4);
        put(r, plain.data, plain.len);
    }
    octets_free(&der);
    octets_free(&plain);
    return ok ? SW_OK : SW_ASYM_DECRYPT;
}

static struct fake_file *find_file(const uint8_t *name, size_t len) {
    for (size_t i = 0; i < FAKE_FILES; i++) {
        struct fake_file *file = &fake_card.files[i];
        if (file->name[0] != '\0' && strlen(file->name) == len &&
            memcmp(file->name, name, len) == 0) {
            return file;
        }
    }
    return NULL;
}

static uint16_t file_command(uint8_t ins, const uint8_t *data, size_t len, size_t le,
                             struct response *r) {
    struct fake_file *file = NULL;
    switch (ins) {
    case INS_ENUM_FILES:
        for (size_t i = 0; i < FAKE_FILES; i++) {
            if (fake_card.files[i].name[0] != '\0') {
                put(r, fake_card.files[i].name, strlen(fake_card.files[i].name) + 1);
            }
        }
        put(r, "", 1);
        return SW_OK;
    case INS_CREATE_FILE:
        for (size_t i = 0; i < FAKE_FILES && file == NULL; i++) {
            file = fake_card.files[i].name[0] == '\0' ? &fake_card.files[i] : NULL;
        }
        if (!fake_card.user_verified) {
            return SW_SECURITY_STATUS;
        }
        if (file == NULL || get_le(data + 32, 4) > FAKE_FILE_SIZE) {
            return SW_NO_SPACE;
        }
        if (find_file(data, strnlen((const char *)data, 32)) != NULL) {
            return SW_FILE_EXISTS;
        }
        memset(file, 0, sizeof(*file));
        memcpy(file->name, data, 32);
        file->size = get_le(data + 32, 4);
        file->read_rights = get_le(data + 36, 4);
        file->write_rights = get_le(data + 40, 4);
        fake_card.change_counter++;
        return SW_OK;
    case INS_GET_FILE_INFO:
    case INS_DELETE_FILE:
        file = find_file(data, len);
        break;
    default:
        file = find_file(data + 6, get_le(data + 4, 2));
        break;
    }
    if (file == NULL) {
        return SW_FILE_NOT_FOUND;
    }
    if (ins == INS_GET_FILE_INFO) {
        put_le(r, file->size, 4);
        put_le(r, file->read_rights, 4);
        put_le(r, file->write_rights, 4);
        return SW_OK;
    }
    if (ins == INS_READ_FILE) {
        put(r, file->data + get_le(data + 2, 2), le);
        return SW_OK;
    }
    if (!fake_card.user_verified) {
        return SW_SECURITY_STATUS;
    }
    fake_card.change_counter++;
    if (ins == INS_DELETE_FILE) {
        file->name[0] = '\0';
    } else {
        const uint8_t *rest = data + 6 + get_le(data + 4, 2);
        memcpy(file->data + get_le(data + 2, 2), rest + 2, get_le(rest, 2));
    }
    return SW_OK;
}

static uint16_t key_command(const uint8_t *command, const uint8_t *data, size_t len,
                            struct response *r) {
    uint32_t container = get_le(data + 2, 2);
    bool is_private = command[1] != INS_EXPORT_PUBLIC_KEY && command[1] != INS_EXPORT_CERTIFICATE;
    if (len < 4 || (container != RSA_ID && container != SM2_ID)) {
        return SW_CONTAINER_ID;
    }
    if (is_private && !fake_card.user_verified) {
        return SW_SECURITY_STATUS;
    }
    if (is_private && fake_card.must_change) {
        return SW_PIN_MUST_CHANGE;
    }
    switch (command[1]) {
    case INS_EXPORT_PUBLIC_KEY:
        return public_key(container, command[2] == GM_KEY_SIGN, r);
    case INS_EXPORT_CERTIFICATE:
        if (container != SM2_ID || command[2] != GM_KEY_SIGN || fake_card.certificate_len == 0) {
            return SW_NO_CERT;
        }
        put_le(r, (uint32_t)fake_card.certificate_len, 4);
        put(r, fake_card.certificate, fake_card.certificate_len);
        return SW_OK;
    case INS_IMPORT_CERTIFICATE:
        fake_card.certificate_len = get_le(data + 5, 4);
        memcpy(fake_card.certificate, data + 9, fake_card.certificate_len);
        fake_card.change_counter++;
        return SW_OK;
    case INS_RSA_SIGN:
        return rsa_raw(data + 4, len - 4, RSA_PKCS1_PADDING, r);
    case INS_VENDOR_RSA_PRIVATE:
        return rsa_raw(data + 4, len - 4, RSA_NO_PADDING, r);
    case INS_ECC_SIGN:
        return len == 36 ? sm2_sign_digest(data + 4, r) : SW_WRONG_LENGTH;
    default:
        return sm2_decrypt_data(command[2] == GM_KEY_SIGN, data + 4, r);
    }
}

static uint16_t handle(const uint8_t *command, const uint8_t *data, size_t len, size_t le,
                       struct response *r) {
    struct fake_card *card = &fake_card;
    uint16_t sw;
    switch (command[1]) {
    case INS_GET_DEV_INFO:
        dev_info(r);
        return SW_OK;
    case INS_ENUM_APPLICATION:
        put(r, card->has_application ? "APP\0" : "\0", card->has_application ? 5 : 2);
        return SW_OK;
    case INS_OPEN_APPLICATION:
        card->application_open = true;
        put_le(r, GM_USER, 4);
        put_le(r, 0x00101010, 4);
        put_le(r, APP_ID, 2);
        return SW_OK;
    case INS_DEV_AUTH:
    case INS_VENDOR_SET_UNLOCK_KEY:
        return device_command(command, data);
    case INS_GEN_RANDOM:
        RAND_bytes(r->data, (int)le);
        r->len = le;
        memcpy(card->challenge, r->data, 8);
        card->has_challenge = true;
        return SW_OK;
    default:
        break;
    }
    if (!card->application_open) {
        return SW_APP_NOT_OPEN;
    }
    switch (command[1]) {
    case INS_GET_PIN_INFO:
        put_le(r, 10, 1);
        put_le(r, command[3] == GM_PIN_ADMIN ? card->so_left : card->user_left, 1);
        put_le(r, command[3] == GM_PIN_USER && card->must_change ? 2 : 0, 1);
        return SW_OK;
    case INS_VERIFY_PIN:
        return verify(command[3], data);
    case INS_CHANGE_PIN:
        if (command[3] == GM_PIN_ADMIN) {
            return new_pin(command, data, len, card->so_pin, card->so_pin, &card->so_left,
                           &card->so_left);
        }
        sw = new_pin(command, data, len, card->user_pin, card->user_pin, &card->user_left,
                     &card->user_left);
        card->must_change = card->must_change && sw != SW_OK;
        return sw;
    case INS_UNBLOCK_PIN:
        sw = new_pin(command, data, len, card->so_pin, card->user_pin, &card->so_left,
                     &card->user_left);
        card->must_change = sw == SW_OK ? command[2] == 1 : card->must_change;
        return sw;
    case INS_VENDOR_UNLOCK_CHALLENGE:
        return unlock_challenge(data, len, r);
    case INS_VENDOR_UNLOCK:
        return unlock(command, data, len);
    case INS_CLEAR_SECURE_STATE:
        card->user_verified = card->so_verified = false;
        return SW_OK;
    case INS_ENUM_CONTAINER:
        put(r, "rsa\0sm2\0", 9);
        return SW_OK;
    case INS_GET_CONTAINER_INFO:
        return container_info(data + 2, len - 2, r);
    case INS_OPEN_CONTAINER:
        put_le(r, data[2] == 'r' ? RSA_ID : SM2_ID, 2);
        return SW_OK;
    case INS_EXPORT_PUBLIC_KEY:
    case INS_EXPORT_CERTIFICATE:
    case INS_IMPORT_CERTIFICATE:
    case INS_RSA_SIGN:
    case INS_VENDOR_RSA_PRIVATE:
    case INS_ECC_SIGN:
    case INS_VENDOR_SM2_DECRYPT:
        return key_command(command, data, len, r);
    case INS_AGREEMENT_DATA:
    case INS_AGREEMENT_DATA_AND_KEY:
    case INS_AGREEMENT_KEY:
    case INS_ECC_EXPORT_SESSION_KEY_EX:
    case INS_DESTROY_SESSION_KEY:
        return get_le(data + 2, 2) != SM2_ID ? SW_CONTAINER_ID
               : !card->user_verified
                   ? SW_SECURITY_STATUS
                   : fake_agreement_command(command[1], data + 4, len - 4, r->data, &r->len);
    case INS_ENUM_FILES:
    case INS_CREATE_FILE:
    case INS_GET_FILE_INFO:
    case INS_DELETE_FILE:
    case INS_READ_FILE:
    case INS_WRITE_FILE:
        return file_command(command[1], data, len, le, r);
    default:
        return SW_UNKNOWN_INS;
    }
}

/* ---- the transport ---- */

static struct transport fake_transport;

struct fake_connection {
    struct connection base;
    uint32_t events;
};

static bool is_gone(const struct connection *connection) {
    return !fake_card.present ||
           ((const struct fake_connection *)connection)->events != fake_card.events;
}

static enum transport_error fake_transmit(struct connection *connection, const uint8_t *command,
                                          size_t command_len, uint8_t *out, size_t out_size,
                                          size_t *out_len, uint32_t timeout_ms) {
    struct fake_card *card = &fake_card;
    (void)timeout_ms;
    if (card->lose_power_at > 0 && --card->lose_power_at == 0) {
        fake_card_remove();
    }
    if (is_gone(connection)) {
        return TRANSPORT_REMOVED;
    }
    card->log[card->commands++ % FAKE_LOG] = command[1];
    size_t lc = command_len > 7 ? (size_t)command[5] << 8 | command[6] : 0;
    size_t le_at = command_len > 7 ? 7 + lc : 5;
    size_t le = command_len >= le_at + 2 ? (size_t)command[le_at] << 8 | command[le_at + 1] : 0;
    struct response r = {out, 0};
    uint16_t sw;
    if (card->fail_count > 0 && command[1] == card->fail_ins) {
        card->fail_count--;
        sw = card->fail_sw;
    } else {
        sw = handle(command, command + 7, lc, le, &r);
    }
    if (sw != SW_OK) {
        r.len = 0;
    }
    put(&r, (const uint8_t[]){(uint8_t)(sw >> 8), (uint8_t)sw}, 2);
    *out_len = r.len;
    if (card->mangle != NULL) {
        card->mangle(card, out, out_len, out_size);
    }
    return *out_len < 2 ? TRANSPORT_IO : TRANSPORT_OK;
}

static enum transport_error fake_begin(struct connection *connection, uint32_t timeout_ms,
                                       struct transaction_start *start) {
    (void)timeout_ms;
    if (is_gone(connection)) {
        return TRANSPORT_REMOVED;
    }
    *start = (struct transaction_start){fake_card.was_reset, fake_card.maybe_used};
    fake_card.was_reset = false;
    fake_card.maybe_used = false;
    fake_card.in_transaction = true;
    fake_card.transactions++;
    return TRANSPORT_OK;
}

static enum transport_error fake_end(struct connection *connection) {
    (void)connection;
    fake_card.in_transaction = false;
    return TRANSPORT_OK;
}

static enum transport_error fake_connect(struct transport *transport, const char *reader,
                                         uint32_t timeout_ms, struct connection **out) {
    (void)reader;
    (void)timeout_ms;
    struct fake_connection *connection = calloc(1, sizeof(*connection));
    if (!fake_card.present || connection == NULL) {
        free(connection);
        return TRANSPORT_REMOVED;
    }
    connection->base.ops = transport->ops;
    connection->events = fake_card.events;
    *out = &connection->base;
    return TRANSPORT_OK;
}

static void fake_disconnect(struct connection *connection) {
    free(connection);
}

static enum transport_error fake_list(struct transport *transport, struct reader_list *list) {
    (void)transport;
    return reader_list_add(list, "Fake reader", fake_card.present, fake_card.events);
}

struct fake_watch {
    struct transport_watch base;
    int fd;
};

static enum transport_error fake_watch_open(struct transport *transport, bool may_use_threads,
                                            struct transport_watch **out, int *fd) {
    (void)may_use_threads;
    struct fake_watch *watch = calloc(1, sizeof(*watch));
    watch->base.ops = transport->ops;
    watch->fd = *fd = eventfd(0, EFD_CLOEXEC);
    *out = &watch->base;
    return TRANSPORT_OK;
}

static void fake_watch_read(struct transport_watch *watch) {
    (void)watch;
}

static void fake_watch_close(struct transport_watch *watch) {
    close(((struct fake_watch *)watch)->fd);
    free(watch);
}

static void fake_close(struct transport *transport) {
    (void)transport;
}

static enum transport_error fake_reset_card(struct connection *connection, uint32_t timeout_ms) {
    (void)connection;
    (void)timeout_ms;
    return TRANSPORT_OK;
}

static const struct transport_ops fake_ops = {
    .name = "fake",
    .close = fake_close,
    .list = fake_list,
    .watch_open = fake_watch_open,
    .watch_read = fake_watch_read,
    .watch_close = fake_watch_close,
    .connect = fake_connect,
    .disconnect = fake_disconnect,
    .begin = fake_begin,
    .end = fake_end,
    .transmit = fake_transmit,
    .reset = fake_reset_card,
};

enum transport_error sim_transport_open(const char *directory, struct transport **out) {
    (void)directory;
    fake_transport.ops = &fake_ops;
    *out = &fake_transport;
    return TRANSPORT_OK;
}

/* ---- what tests do ---- */

void fake_card_reset(void) {
    EVP_PKEY *rsa = fake_card.rsa, *sm2_sign = fake_card.sm2_sign, *sm2_enc = fake_card.sm2_enc;
    fake_card = (struct fake_card){.present = true,
                                   .events = fake_card.events + 1,
                                   .change_counter = 1,
                                   .has_application = true,
                                   .has_vendor_ins = true,
                                   .user_pin = "123456",
                                   .so_pin = "12345678",
                                   .user_left = 10,
                                   .so_left = 10};
    if (rsa == NULL) {
        rsa = EVP_RSA_gen(2048);
        sm2_key_generate(NULL, &sm2_sign);
        sm2_key_generate(NULL, &sm2_enc);
    }
    fake_card.rsa = rsa;
    fake_card.sm2_sign = sm2_sign;
    fake_card.sm2_enc = sm2_enc;
}

void fake_card_free(void) {
    fake_agreement_free();
    EVP_PKEY_free(fake_card.rsa);
    EVP_PKEY_free(fake_card.sm2_sign);
    EVP_PKEY_free(fake_card.sm2_enc);
}

static void lose_state(void) {
    fake_card.user_verified = fake_card.so_verified = fake_card.application_open =
        fake_card.has_challenge = false;
}

void fake_card_remove(void) {
    fake_card.present = false;
    fake_card.events++;
    lose_state();
}

void fake_card_insert(void) {
    fake_card.present = true;
    fake_card.events++;
}

void fake_card_foreign_reset(void) {
    lose_state();
    fake_card.was_reset = true;
}

unsigned fake_card_count(uint8_t ins) {
    unsigned count = 0;
    for (unsigned i = 0; i < fake_card.commands && i < FAKE_LOG; i++) {
        count += fake_card.log[i] == ins;
    }
    return count;
}
