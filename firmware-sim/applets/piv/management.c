/* The card management key 9B: authentication of whoever administers the card, and its replacement. */
#include "firmware-sim/applets/piv/piv_internal.h"
#include "firmware-sim/crypto/block_cipher.h"
#include "firmware-sim/crypto/equal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

enum { RECORD_SIZE = 2 + MANAGEMENT_KEY_MAX };

/* False if it is no algorithm of a management key. */
static bool find_cipher(uint8_t algorithm, enum block_cipher *cipher) {
    static const struct {
        uint8_t algorithm;
        enum block_cipher cipher;
    } table[] = {{PIV_3DES, BLOCK_3DES},
                 {PIV_AES128, BLOCK_AES128},
                 {PIV_AES192, BLOCK_AES192},
                 {PIV_AES256, BLOCK_AES256}};
    *cipher = BLOCK_3DES;
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].algorithm == algorithm) {
            *cipher = table[i].cipher;
            return true;
        }
    }
    return false;
}

static size_t nonce_size(const struct piv_management_key *key) {
    enum block_cipher cipher;
    find_cipher(key->algorithm, &cipher);
    return block_size(cipher);
}

static enum store_error put(struct store *store, const struct piv_management_key *key) {
    uint8_t raw[RECORD_SIZE];
    struct wire_writer w = wire_writer(raw, sizeof raw);
    wire_put_u8(&w, key->algorithm);
    wire_put_u8(&w, key->changed);
    wire_put(&w, key->key, sizeof key->key);
    enum store_error err = store_put(store, ID_MANAGEMENT, raw, sizeof raw);
    mbedtls_platform_zeroize(raw, sizeof raw);
    return err;
}

void piv_management_put_default(struct store *store) {
    struct piv_management_key key = {.algorithm = PIV_3DES};
    for (size_t i = 0; i < block_key_size(BLOCK_3DES); i++)
        key.key[i] = (uint8_t)(i % 8 + 1);
    put(store, &key);
}

enum store_error piv_management_read(struct piv *piv, struct piv_management_key *key) {
    uint8_t raw[RECORD_SIZE];
    memset(key, 0, sizeof *key);
    enum store_error err = store_read(piv_store(piv), ID_MANAGEMENT, 0, raw, sizeof raw);
    if (err)
        return err;
    key->algorithm = raw[0];
    key->changed = raw[1];
    memcpy(key->key, raw + 2, sizeof key->key);
    mbedtls_platform_zeroize(raw, sizeof raw);
    return STORE_OK;
}

/* One block; false if it fails. */
static bool encrypt(const struct piv_management_key *key, const uint8_t *in, uint8_t *out) {
    enum block_cipher cipher;
    return find_cipher(key->algorithm, &cipher) && block_encrypt(cipher, key->key, in, out);
}

static void put_one(struct wire_writer *out, uint32_t tag, const uint8_t *block, size_t len) {
    tlv_put_head(out, PIV_TAG_AUTHENTICATION, tlv_size(tag, len));
    tlv_put(out, tag, block, len);
}

/* 80 00 or 81 00: the card makes a nonce and gives it, the witness encrypted. */
static uint16_t begin(struct piv *piv, struct call *call, const struct piv_management_key *key,
                      enum piv_handshake handshake) {
    uint8_t block[BLOCK_MAX];
    size_t len = nonce_size(key);
    bool ok = drbg_fill(&piv->card->rng, piv->nonce, sizeof piv->nonce);
    if (handshake == PIV_HANDSHAKE_WITNESS) {
        ok = ok && encrypt(key, piv->nonce, block);
        put_one(&call->out, PIV_TAG_WITNESS, block, len);
    } else {
        put_one(&call->out, PIV_TAG_CHALLENGE, piv->nonce, len);
    }
    if (!ok)
        return SW_INTERNAL;
    piv->handshake = handshake;
    return SW_OK;
}

/* 80 witness, 81 challenge: the host has decrypted the witness, the card now proves that it knows the key. */
static uint16_t finish_mutual(struct piv *piv, struct call *call,
                              const struct piv_management_key *key, struct wire_reader witness,
                              struct wire_reader challenge) {
    uint8_t block[BLOCK_MAX];
    size_t len = nonce_size(key);
    if (witness.left != len || challenge.left != len)
        return SW_WRONG_DATA;
    if (!bytes_equal(witness.p, piv->nonce, len))
        return SW_SECURITY_STATUS;
    if (!encrypt(key, challenge.p, block))
        return SW_INTERNAL;
    put_one(&call->out, PIV_TAG_RESPONSE, block, len);
    piv->management_verified = true;
    return SW_OK;
}

/* 82 response: the host has encrypted the challenge. */
static uint16_t finish_external(struct piv *piv, const struct piv_management_key *key,
                                struct wire_reader response) {
    uint8_t block[BLOCK_MAX];
    size_t len = nonce_size(key);
    if (response.left != len)
        return SW_WRONG_DATA;
    if (!encrypt(key, piv->nonce, block))
        return SW_INTERNAL;
    piv->management_verified = bytes_equal(response.p, block, len);
    mbedtls_platform_zeroize(block, sizeof block);
    return piv->management_verified ? SW_OK : SW_SECURITY_STATUS;
}

/* What the template has: an element that is there and empty asks for it. */
struct template {
    bool has[3];
    struct wire_reader value[3]; /* by tag from PIV_TAG_WITNESS on */
};

static bool template_read(struct wire_reader in, struct template *t) {
    uint32_t tag;
    struct wire_reader value;
    memset(t, 0, sizeof *t);
    while (tlv_next(&in, &tag, &value)) {
        if (tag < PIV_TAG_WITNESS || tag > PIV_TAG_RESPONSE || t->has[tag - PIV_TAG_WITNESS])
            return false;
        t->has[tag - PIV_TAG_WITNESS] = true;
        t->value[tag - PIV_TAG_WITNESS] = value;
    }
    return wire_done(&in);
}

uint16_t piv_management_authenticate(struct piv *piv, struct call *call, struct wire_reader in) {
    enum { WITNESS, CHALLENGE, RESPONSE };
    struct piv_management_key key;
    struct template t;
    uint8_t algorithm = call->apdu->p1 == PIV_3DES_OLD ? PIV_3DES : call->apdu->p1;
    enum piv_handshake handshake = piv->handshake;
    uint16_t sw = SW_WRONG_DATA;
    piv->handshake = PIV_HANDSHAKE_NONE; /* a nonce serves once, whatever becomes of it */
    if (piv_management_read(piv, &key) != STORE_OK)
        return SW_INTERNAL;
    if (algorithm != key.algorithm) {
        sw = SW_WRONG_P1P2;
    } else if (template_read(in, &t)) {
        bool asks_witness = t.has[WITNESS] && t.value[WITNESS].left == 0;
        bool asks_challenge = t.has[CHALLENGE] && t.value[CHALLENGE].left == 0;
        bool gives_response = t.has[RESPONSE] && t.value[RESPONSE].left != 0;
        if (asks_witness && !t.has[CHALLENGE] && !t.has[RESPONSE])
            sw = begin(piv, call, &key, PIV_HANDSHAKE_WITNESS);
        else if (asks_challenge && !t.has[WITNESS] && !gives_response)
            sw = begin(piv, call, &key, PIV_HANDSHAKE_CHALLENGE);
        else if (t.has[WITNESS] && t.has[CHALLENGE] && !gives_response)
            sw = handshake == PIV_HANDSHAKE_WITNESS
                     ? finish_mutual(piv, call, &key, t.value[WITNESS], t.value[CHALLENGE])
                     : SW_CONDITIONS;
        else if (gives_response && !t.has[WITNESS] && !t.has[CHALLENGE])
            sw = handshake == PIV_HANDSHAKE_CHALLENGE
                     ? finish_external(piv, &key, t.value[RESPONSE])
                     : SW_CONDITIONS;
    }
    mbedtls_platform_zeroize(&key, sizeof key);
    if (piv->handshake == PIV_HANDSHAKE_NONE)
        mbedtls_platform_zeroize(piv->nonce, sizeof piv->nonce);
    return sw;
}

uint16_t piv_set_management_key(struct applet *applet, struct call *call) {
    struct piv *piv = piv_of(applet);
    struct piv_management_key key = {.changed = 1};
    enum block_cipher cipher;
    key.algorithm = wire_u8(&call->in);
    uint8_t reference = wire_u8(&call->in);
    size_t len = wire_u8(&call->in);
    if (call->apdu->p1 != 0xFF || call->apdu->p2 != 0xFF) /* P2 FE would ask for a touch */
        return SW_WRONG_P1P2;
    if (reference != PIV_MANAGEMENT || !find_cipher(key.algorithm, &cipher) ||
        len != block_key_size(cipher) || call->in.left != len)
        return SW_WRONG_DATA;
    wire_copy(&call->in, key.key, len);
    store_begin(piv_store(piv));
    put(piv_store(piv), &key);
    mbedtls_platform_zeroize(&key, sizeof key);
    return piv_commit(piv, STORE_SECRET_GONE);
}
