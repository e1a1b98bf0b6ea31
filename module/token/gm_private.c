/* The GM driver's private key operations. */
#include "module/token/gm_internal.h"

#include <openssl/crypto.h>
#include <string.h>

enum { SM2_BITS = 256, SM2_SIGNATURE = 4 + 2 * SM2_COORD_SIZE };

static enum token_error take(struct wire_reader *r, size_t len, uint8_t *out, size_t out_size,
                             size_t *out_len) {
    const uint8_t *bytes = wire_view(r, len);
    if (bytes == NULL || !wire_ended(r) || len > out_size) {
        return TOKEN_DEVICE;
    }
    memcpy(out, bytes, len);
    *out_len = len;
    return TOKEN_OK;
}

static enum token_error sm2_decrypt_card(struct token *token, const struct token_key *key,
                                         struct gm_data *data, const uint8_t *in, size_t in_len,
                                         uint8_t *out, size_t out_size, size_t *out_len) {
    struct sm2_cipher cipher;
    if (sm2_cipher_from_raw(in, in_len, &cipher) != FORMATS_OK) {
        return TOKEN_DECRYPT_FAILED;
    }
    wire_put_u32(&data->w, SM2_BITS);
    wire_put_bytes(&data->w, cipher.c1.x, SM2_COORD_SIZE);
    wire_put_bytes(&data->w, cipher.c1.y, SM2_COORD_SIZE);
    wire_put_bytes(&data->w, cipher.c3, sizeof(cipher.c3));
    wire_put_u32(&data->w, (uint32_t)cipher.cipher_len);
    wire_put_bytes(&data->w, cipher.cipher, cipher.cipher_len);
    enum token_error err = gm_send(token, INS_VENDOR_SM2_DECRYPT, key->usage == USAGE_SIGN, 0, data,
                                   4 + cipher.cipher_len);
    if (err != TOKEN_OK) {
        return err == TOKEN_BAD_DATA ? TOKEN_DECRYPT_FAILED : err;
    }
    struct wire_reader r = gm_response(token);
    uint32_t len = wire_u32(&r);
    return len == cipher.cipher_len ? take(&r, len, out, out_size, out_len) : TOKEN_DEVICE;
}

enum token_error gm_private_operation(struct token *token, const struct token_key *key,
                                      enum private_operation operation, const uint8_t *in,
                                      size_t in_len, uint8_t *out, size_t out_size,
                                      size_t *out_len) {
    *out_len = 0;
    bool is_sm2 = operation == PRIVATE_SM2_SIGN || operation == PRIVATE_SM2_DECRYPT;
    if (is_sm2 != (key->algorithm == ALGORITHM_SM2)) {
        return TOKEN_ARGUMENT;
    }
    bool has_vendor_ins = token->facts.has_vendor_ins;
    if (!has_vendor_ins && (operation == PRIVATE_SM2_DECRYPT ||
                            (operation == PRIVATE_RSA_RAW && !gm_of(token)->layout->has_raw_rsa))) {
        return TOKEN_UNSUPPORTED;
    }
    struct gm_data data;
    enum token_error err = gm_container(token, key->container, &data);
    if (err != TOKEN_OK) {
        return err;
    }
    struct wire_reader r;
    switch (operation) {
    case PRIVATE_RSA_PKCS1_SIGN:
        wire_put_bytes(&data.w, in, in_len);
        err = gm_send(token, INS_RSA_SIGN, 2, GM_HASH_NONE, &data, RSA2048_SIZE);
        r = gm_response(token);
        err = err != TOKEN_OK ? err : take(&r, RSA2048_SIZE, out, out_size, out_len);
        break;
    case PRIVATE_RSA_RAW:
        wire_put_bytes(&data.w, in, in_len);
        err = gm_send(token, has_vendor_ins ? INS_VENDOR_RSA_PRIVATE : INS_RSA_OPERATION,
                      key->usage == USAGE_SIGN, 0, &data, RSA2048_SIZE);
        r = gm_response(token);
        err = err != TOKEN_OK ? err : take(&r, RSA2048_SIZE, out, out_size, out_len);
        break;
    case PRIVATE_SM2_SIGN:
        wire_put_bytes(&data.w, in, in_len);
        err = gm_send(token, INS_ECC_SIGN, 2, 0, &data, SM2_SIGNATURE);
        r = gm_response(token);
        if (err == TOKEN_OK && wire_u32(&r) != SM2_BITS) {
            err = TOKEN_DEVICE;
        }
        err = err != TOKEN_OK ? err : take(&r, (size_t)2 * SM2_COORD_SIZE, out, out_size, out_len);
        break;
    case PRIVATE_SM2_DECRYPT:
        err = sm2_decrypt_card(token, key, &data, in, in_len, out, out_size, out_len);
        break;
    default:
        err = TOKEN_UNSUPPORTED;
        break;
    }
    OPENSSL_cleanse(token->card.response, sizeof(token->card.response));
    return err;
}
