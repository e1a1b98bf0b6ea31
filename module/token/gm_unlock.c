/* The GM driver's remote unlock: a new user PIN under a key that a service hands out for one use (apdu.h, "Remote
 * unlock"). */
#include "module/token/gm_internal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

_Static_assert((int)UNLOCK_CHALLENGE_SIZE == (int)GM_UNLOCK_CHALLENGE_SIZE &&
                   (int)UNLOCK_ORDER_MAX == (int)GM_UNLOCK_ORDER_MAX,
               "the card's sizes");

enum { FLAG_MUST_CHANGE = 1 };

enum token_error gm_unlock_begin(struct token *token, struct token_unlock *unlock) {
    if (!token->facts.has_vendor_ins) {
        return TOKEN_UNSUPPORTED;
    }
    if (unlock->order_len == 0 || unlock->order_len > sizeof(unlock->order)) {
        return TOKEN_ARGUMENT;
    }
    enum token_error err = gm_application(token);
    if (err != TOKEN_OK) {
        return err;
    }
    struct gm_data data;
    gm_data_start(&data, token);
    wire_put_bytes(&data.w, gm_of(token)->application, GM_ID_SIZE);
    wire_put_u8(&data.w, (uint8_t)unlock->order_len);
    wire_put_bytes(&data.w, unlock->order, unlock->order_len);
    err = gm_send(token, INS_VENDOR_UNLOCK_CHALLENGE, 0, 0, &data,
                  sizeof(unlock->serial) + sizeof(unlock->challenge) + 1);
    if (err != TOKEN_OK) {
        return err;
    }
    struct wire_reader r = gm_response(token);
    wire_bytes(&r, (uint8_t *)unlock->serial, sizeof(unlock->serial));
    wire_bytes(&r, unlock->challenge, sizeof(unlock->challenge));
    unlock->tries_left = wire_u8(&r);
    return wire_ended(&r) ? TOKEN_OK : TOKEN_DEVICE;
}

/* HMAC-SM3(K[16..31], header || case || A || flags || E), first 16 bytes. */
static enum token_error unlock_mac(struct token *token, const struct token_unlock *unlock,
                                   const uint8_t *key, const uint8_t *data, size_t len,
                                   uint8_t mac[GM_UNLOCK_MAC_SIZE]) {
    static const uint8_t header[4] = {CLA_GM, INS_VENDOR_UNLOCK, 0, 0};
    static char sm3[] = "SM3";
    const uint8_t order_len = (uint8_t)unlock->order_len;
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sm3, 0),
                                 OSSL_PARAM_construct_end()};
    uint8_t out[SM3_SIZE];
    size_t out_len = 0;
    EVP_MAC *hmac = EVP_MAC_fetch(token->libctx, "HMAC", NULL);
    EVP_MAC_CTX *ctx = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
    bool good = ctx != NULL &&
                EVP_MAC_init(ctx, key, UNLOCK_RESPONSE_SIZE - GM_SM4_BLOCK, params) == 1 &&
                EVP_MAC_update(ctx, header, sizeof(header)) == 1 &&
                EVP_MAC_update(ctx, (const uint8_t *)unlock->serial, sizeof(unlock->serial)) == 1 &&
                EVP_MAC_update(ctx, unlock->challenge, sizeof(unlock->challenge)) == 1 &&
                EVP_MAC_update(ctx, &order_len, 1) == 1 &&
                EVP_MAC_update(ctx, unlock->order, unlock->order_len) == 1 &&
                EVP_MAC_update(ctx, data, len) == 1 &&
                EVP_MAC_final(ctx, out, &out_len, sizeof(out)) == 1 && out_len == sizeof(out);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(hmac);
    if (good) {
        memcpy(mac, out, GM_UNLOCK_MAC_SIZE);
    }
    return good ? TOKEN_OK : TOKEN_MEMORY;
}

enum token_error gm_unlock_finish(struct token *token, const struct token_unlock *unlock,
                                  const uint8_t response[UNLOCK_RESPONSE_SIZE],
                                  const uint8_t *new_pin, size_t new_len, bool must_change) {
    enum { E_AT = GM_ID_SIZE + 1, DATA_LEN = E_AT + GM_PIN_MAX };
    uint8_t bytes[DATA_LEN + GM_UNLOCK_MAC_SIZE] = {0};
    if (!token->facts.has_vendor_ins) {
        return TOKEN_UNSUPPORTED;
    }
    if (new_len < GM_PIN_MIN || new_len > GM_PIN_MAX || memchr(new_pin, 0, new_len) != NULL) {
        return TOKEN_PIN_LENGTH;
    }
    if (unlock->order_len == 0 || unlock->order_len > sizeof(unlock->order)) {
        return TOKEN_ARGUMENT;
    }
    enum token_error err = gm_application(token);
    if (err == TOKEN_OK) {
        memcpy(bytes, gm_of(token)->application, GM_ID_SIZE);
        bytes[GM_ID_SIZE] = must_change ? FLAG_MUST_CHANGE : 0;
        memcpy(bytes + E_AT, new_pin, new_len);
        err = gm_sm4_encrypt(token->libctx, response, NULL, bytes + E_AT, GM_PIN_MAX);
    }
    if (err == TOKEN_OK) {
        err = unlock_mac(token, unlock, response + GM_SM4_BLOCK, bytes, DATA_LEN, bytes + DATA_LEN);
    }
    if (err == TOKEN_OK) {
        struct gm_data data;
        gm_data_start(&data, token);
        wire_put_bytes(&data.w, bytes, sizeof(bytes));
        err = gm_send(token, INS_VENDOR_UNLOCK, 0, 0, &data, 0);
    }
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return err;
}

enum token_error gm_set_unlock_key(struct token *token, const uint8_t key[UNLOCK_KEY_SIZE]) {
    uint8_t data[UNLOCK_KEY_SIZE + GM_MAC_SIZE];
    if (!token->facts.has_vendor_ins) {
        return TOKEN_UNSUPPORTED;
    }
    enum token_error err = gm_authenticate_device(token);
    if (err == TOKEN_OK) {
        memcpy(data, key, UNLOCK_KEY_SIZE);
        err = gm_sm4_encrypt(token->libctx, gm_factory_device_key, NULL, data, UNLOCK_KEY_SIZE);
    }
    if (err == TOKEN_OK) {
        err = gm_send_with_mac(token, INS_VENDOR_SET_UNLOCK_KEY, 0, 0, gm_factory_device_key, data,
                               UNLOCK_KEY_SIZE);
    }
    OPENSSL_cleanse(data, sizeof(data));
    return err;
}
