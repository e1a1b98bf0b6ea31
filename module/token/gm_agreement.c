/* SM2 key agreement with the GM commands (GB/T 32918.3). The card keeps the agreed key as a session key; it gives it out only
 * enciphered to a public key: to one that is made here for this and thrown away. */
#include "module/token/gm_internal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

enum { SM2_BITS = 256, POINT_SIZE = 4 + 2 * SM2_COORD_SIZE, SESSION_KEY = 16 };

static void put_point(struct gm_data *data, const struct sm2_point *point) {
    wire_put_u32(&data->w, SM2_BITS);
    wire_put_bytes(&data->w, point->x, sizeof(point->x));
    wire_put_bytes(&data->w, point->y, sizeof(point->y));
}

static void put_id(struct gm_data *data, const uint8_t *id, size_t len) {
    wire_put_u32(&data->w, (uint32_t)len);
    wire_put_bytes(&data->w, id, len);
}

static bool take_point(struct wire_reader *r, struct sm2_point *point) {
    bool good = wire_u32(r) == SM2_BITS;
    const uint8_t *x = wire_view(r, sizeof(point->x)), *y = wire_view(r, sizeof(point->y));
    if (x == NULL || y == NULL) {
        return false;
    }
    memcpy(point->x, x, sizeof(point->x));
    memcpy(point->y, y, sizeof(point->y));
    return good;
}

/* Asks for a session key, enciphered to `to`. *der is the caller's. */
static enum token_error export_session_key(struct token *token, const struct token_key *key,
                                           uint16_t id, const struct sm2_point *to,
                                           struct octets *der) {
    struct gm_data data;
    struct sm2_cipher cipher;
    enum token_error err = gm_container(token, key->container, &data);
    if (err == TOKEN_OK) {
        wire_put_u16(&data.w, id);
        put_point(&data, to);
        err = gm_send(token, INS_ECC_EXPORT_SESSION_KEY_EX, 0, 0, &data,
                      POINT_SIZE + SM3_SIZE + 4 + SESSION_KEY);
    }
    if (err != TOKEN_OK) {
        return err;
    }
    struct wire_reader r = gm_response(token);
    bool good = take_point(&r, &cipher.c1);
    const uint8_t *hash = wire_view(&r, SM3_SIZE);
    cipher.cipher_len = wire_u32(&r);
    cipher.cipher = cipher.cipher_len == SESSION_KEY ? wire_view(&r, SESSION_KEY) : NULL;
    if (!good || hash == NULL || cipher.cipher == NULL || !wire_ended(&r)) {
        return TOKEN_DEVICE;
    }
    memcpy(cipher.c3, hash, SM3_SIZE);
    return sm2_cipher_to_der(&cipher, der) == FORMATS_OK ? TOKEN_OK : TOKEN_MEMORY;
}

/* Fetches a session key, and has the card forget it. */
static enum token_error fetch_session_key(struct token *token, const struct token_key *key,
                                          uint16_t id, uint8_t out[SESSION_KEY]) {
    EVP_PKEY *once = NULL;
    struct sm2_point point;
    struct octets der = {NULL, 0}, plain = {NULL, 0};
    struct gm_data data;
    enum token_error err = sm2_key_generate(token->libctx, &once) == FORMATS_OK &&
                                   sm2_key_point(once, &point) == FORMATS_OK
                               ? TOKEN_OK
                               : TOKEN_MEMORY;
    if (err == TOKEN_OK) {
        err = export_session_key(token, key, id, &point, &der);
    }
    if (err == TOKEN_OK &&
        (sm2_decrypt(token->libctx, once, der.data, der.len, &plain) != FORMATS_OK ||
         plain.len != SESSION_KEY)) {
        err = TOKEN_DEVICE;
    }
    if (err == TOKEN_OK) {
        memcpy(out, plain.data, SESSION_KEY);
    }
    if (err != TOKEN_REMOVED && gm_container(token, key->container, &data) == TOKEN_OK) {
        wire_put_u16(&data.w, id);
        gm_send(token, INS_DESTROY_SESSION_KEY, 0, 0, &data, 0);
    }
    octets_free(&plain);
    octets_free(&der);
    EVP_PKEY_free(once);
    return err;
}

enum token_error gm_agree(struct token *token, const struct token_key *key,
                          enum agreement_step step, struct token_agreement *agreement) {
    struct gm_data data;
    uint32_t id = 0;
    bool good = true;
    enum token_error err = gm_container(token, key->container, &data);
    if (err != TOKEN_OK) {
        return err;
    }
    switch (step) {
    case AGREEMENT_BEGIN:
        wire_put_u32(&data.w, GM_SM4_ECB);
        put_id(&data, agreement->own_id, agreement->own_id_len);
        err = gm_send(token, INS_AGREEMENT_DATA, 0, 0, &data, POINT_SIZE + 4);
        break;
    case AGREEMENT_RESPOND:
        wire_put_u32(&data.w, GM_SM4_ECB);
        put_point(&data, &agreement->peer);
        put_point(&data, &agreement->peer_ephemeral);
        put_id(&data, agreement->peer_id, agreement->peer_id_len);
        put_id(&data, agreement->own_id, agreement->own_id_len);
        err = gm_send(token, INS_AGREEMENT_DATA_AND_KEY, 0, 0, &data, POINT_SIZE + 4);
        break;
    case AGREEMENT_FINISH:
        wire_put_u32(&data.w, agreement->handle);
        put_point(&data, &agreement->peer);
        put_point(&data, &agreement->peer_ephemeral);
        put_id(&data, agreement->peer_id, agreement->peer_id_len);
        err = gm_send(token, INS_AGREEMENT_KEY, 0, 0, &data, 4);
        break;
    }
    if (err != TOKEN_OK) {
        return err;
    }
    struct wire_reader r = gm_response(token);
    if (step != AGREEMENT_FINISH) {
        good = take_point(&r, &agreement->own_ephemeral);
    }
    id = wire_u32(&r);
    if (!good || !wire_ended(&r)) {
        return TOKEN_DEVICE;
    }
    if (step == AGREEMENT_BEGIN) {
        agreement->handle = id;
        return TOKEN_OK;
    }
    return id <= UINT16_MAX ? fetch_session_key(token, key, (uint16_t)id, agreement->key)
                            : TOKEN_DEVICE;
}
