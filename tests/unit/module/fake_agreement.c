/* Key agreement of the fake card, written from apdu.h and GB/T 32918.3. */
#include "fake_agreement.h"

#include "openukey/apdu.h"
#include "sm2_exchange.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { POINT = 4 + 64, HANDLE = 0x1234, KEY_ID = 7, ID_MAX = 64 };

struct fake_agreement {
    EVP_PKEY *ephemeral;
    char id[ID_MAX + 1];
    bool has_key;
    uint8_t key[16];
};

static struct fake_agreement agreement;

static void put_le(uint8_t *out, size_t *len, uint32_t value, size_t width) {
    for (size_t i = 0; i < width; i++) {
        out[(*len)++] = (uint8_t)(value >> (8 * i));
    }
}

static void put_point(uint8_t *out, size_t *len, const struct sm2_point *point) {
    put_le(out, len, 256, 4);
    memcpy(out + *len, point->x, 32);
    memcpy(out + *len + 32, point->y, 32);
    *len += 64;
}

static const uint8_t *take_point(const uint8_t *data, struct sm2_point *point) {
    memcpy(point->x, data + 4, 32);
    memcpy(point->y, data + 36, 32);
    return data + POINT;
}

static const uint8_t *take_id(const uint8_t *data, char id[ID_MAX + 1]) {
    size_t len = data[0] < ID_MAX ? data[0] : ID_MAX;
    memcpy(id, data + 4, len);
    id[len] = '\0';
    return data + 4 + data[0];
}

static void new_ephemeral(void) {
    EVP_PKEY_free(agreement.ephemeral);
    sm2_key_generate(NULL, &agreement.ephemeral);
}

static uint16_t export_key(const uint8_t *data, uint8_t *out, size_t *out_len) {
    struct sm2_point to;
    struct sm2_cipher cipher;
    struct octets der = {NULL, 0};
    EVP_PKEY *pkey = NULL;
    if (!agreement.has_key || data[0] != KEY_ID) {
        return SW_NO_SESSION_KEY;
    }
    take_point(data + 2, &to);
    bool good = sm2_key_from_point(NULL, &to, &pkey) == FORMATS_OK &&
                sm2_encrypt(NULL, pkey, agreement.key, 16, &der) == FORMATS_OK &&
                sm2_cipher_parse(der.data, der.len, &cipher) == FORMATS_OK;
    if (good) {
        put_point(out, out_len, &cipher.c1);
        memcpy(out + *out_len, cipher.c3, 32);
        *out_len += 32;
        put_le(out, out_len, 16, 4);
        memcpy(out + *out_len, cipher.cipher, 16);
        *out_len += 16;
    }
    octets_free(&der);
    EVP_PKEY_free(pkey);
    return good ? SW_OK : SW_WRONG_DATA;
}

uint16_t fake_agreement_command(uint8_t ins, const uint8_t *data, size_t len, uint8_t *out,
                                size_t *out_len) {
    struct sm2_exchange x = {.is_initiator = ins == INS_AGREEMENT_KEY};
    char peer_id[ID_MAX + 1];
    (void)len;
    switch (ins) {
    case INS_AGREEMENT_DATA:
        take_id(data + 4, agreement.id);
        new_ephemeral();
        sm2_exchange_own(&x, fake_card.sm2_enc, agreement.ephemeral);
        put_point(out, out_len, &x.own_ephemeral);
        put_le(out, out_len, HANDLE, 4);
        return SW_OK;
    case INS_AGREEMENT_DATA_AND_KEY:
        data = take_id(take_point(take_point(data + 4, &x.peer), &x.peer_ephemeral), peer_id);
        take_id(data, agreement.id);
        new_ephemeral();
        break;
    case INS_AGREEMENT_KEY:
        if (agreement.ephemeral == NULL || data[0] != (HANDLE & 0xFF)) {
            return SW_NO_SESSION_KEY;
        }
        take_id(take_point(take_point(data + 4, &x.peer), &x.peer_ephemeral), peer_id);
        break;
    case INS_ECC_EXPORT_SESSION_KEY_EX:
        return export_key(data, out, out_len);
    default:
        agreement.has_key = false;
        return SW_OK;
    }
    sm2_exchange_own(&x, fake_card.sm2_enc, agreement.ephemeral);
    x.own_id = agreement.id;
    x.peer_id = peer_id;
    if (!sm2_exchange_key(&x, agreement.key)) {
        return SW_WRONG_DATA;
    }
    agreement.has_key = true;
    if (ins == INS_AGREEMENT_DATA_AND_KEY) {
        put_point(out, out_len, &x.own_ephemeral);
    }
    put_le(out, out_len, KEY_ID, 4);
    fake_agreement_free();
    return SW_OK;
}

void fake_agreement_free(void) {
    EVP_PKEY_free(agreement.ephemeral);
    agreement.ephemeral = NULL;
}

unsigned fake_agreement_keys(void) {
    return agreement.has_key;
}
