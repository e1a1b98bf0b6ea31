/* Asymmetric keys: their slots and records, generation, import, and what may be said of them. */
#include "firmware-sim/applets/piv/piv_internal.h"

#include <mbedtls/platform_util.h>
#include <stddef.h>
#include <string.h>

enum { TOUCH_NEVER = 1 };

bool piv_is_slot(uint8_t reference) {
    return reference == PIV_AUTHENTICATION || reference == PIV_SIGNATURE ||
           reference == PIV_KEY_MANAGEMENT || reference == PIV_CARD_AUTHENTICATION ||
           (reference >= PIV_RETIRED_FIRST && reference <= PIV_RETIRED_LAST);
}

size_t piv_rsa_modulus(uint8_t algorithm) {
    switch (algorithm) {
    case PIV_RSA2048:
        return 256;
    case PIV_RSA3072:
        return 384;
    case PIV_RSA4096:
        return 512;
    default:
        return 0;
    }
}

bool piv_ec_curve(uint8_t algorithm, enum ec_curve *curve) {
    *curve = algorithm == PIV_P384 ? EC_P384 : EC_P256;
    return algorithm == PIV_P256 || algorithm == PIV_P384;
}

bool piv_algorithm_works(struct piv *piv, uint8_t algorithm) {
    static const struct {
        uint8_t algorithm;
        enum known_algorithm known;
    } table[] = {{PIV_P256, KNOWN_P256},
                 {PIV_P384, KNOWN_P384},
                 {PIV_RSA2048, KNOWN_RSA2048},
                 {PIV_RSA3072, KNOWN_RSA3072},
                 {PIV_RSA4096, KNOWN_RSA4096}};
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].algorithm == algorithm)
            return card_algorithm_works(piv->card, table[i].known);
    return true;
}

/* The exponent of every RSA key here. */
static const uint8_t exponent[RSA_EXPONENT] = {0, 1, 0, 1};

/* Before anything else is put into a new key. */
static void put_exponent(struct piv_key *key) {
    size_t len, modulus = piv_rsa_modulus(key->algorithm);
    if (modulus)
        memcpy(key->rsa + rsa_part(modulus, RSA_E, &len), exponent, sizeof exponent);
}

/* A record is the key as it lies in memory, as far as the algorithm fills it. */
static uint32_t record_size(uint8_t algorithm) {
    enum ec_curve curve;
    const struct piv_key *key = NULL;
    size_t modulus = piv_rsa_modulus(algorithm);
    size_t content = piv_ec_curve(algorithm, &curve) ? sizeof key->ec
                     : modulus                       ? rsa_parts_size(modulus)
                                                     : 0;
    return (uint32_t)(offsetof(struct piv_key, rsa) + content);
}

enum store_error piv_key_read(struct piv *piv, uint8_t slot, struct piv_key *key) {
    uint32_t id = ID_KEY + slot, len;
    memset(key, 0, sizeof *key);
    enum store_error err = store_read(piv_store(piv), id, 0, &key->algorithm, 1);
    if (!err)
        err = store_length(piv_store(piv), id, &len);
    if (!err && len != record_size(key->algorithm))
        err = STORE_NOT_FOUND;
    if (!err)
        err = store_read(piv_store(piv), id, 0, key, len);
    if (err)
        mbedtls_platform_zeroize(key, sizeof *key);
    return err;
}

/* Puts the key into its slot, committed; what was there before leaves the flash. */
static uint16_t store_key(struct piv *piv, uint8_t slot, const struct piv_key *key) {
    bool replaces = store_exists(piv_store(piv), ID_KEY + slot);
    store_begin(piv_store(piv));
    store_put(piv_store(piv), ID_KEY + slot, key, record_size(key->algorithm));
    return piv_commit(piv, replaces ? STORE_SECRET_GONE : STORE_PLAIN);
}

void piv_put_public_key(struct wire_writer *out, uint32_t tag, const struct piv_key *key) {
    const uint8_t *e = exponent + 1; /* without its leading zero */
    enum { E_SIZE = RSA_EXPONENT - 1 };
    enum ec_curve curve;
    size_t modulus = piv_rsa_modulus(key->algorithm);
    if (piv_ec_curve(key->algorithm, &curve)) {
        tlv_put_head(out, tag, tlv_size(PIV_TAG_POINT, ec_point_size(curve)));
        tlv_put(out, PIV_TAG_POINT, key->ec.point, ec_point_size(curve));
        return;
    }
    tlv_put_head(out, tag, tlv_size(PIV_TAG_MODULUS, modulus) + tlv_size(PIV_TAG_EXPONENT, E_SIZE));
    tlv_put(out, PIV_TAG_MODULUS, key->rsa, modulus);
    tlv_put(out, PIV_TAG_EXPONENT, e, E_SIZE);
}

/* The policies that a host asks for: the rules of 9C and 9E (SP 800-73-4 part 1, table 4b) are the card's and stay; there is
 * nothing to touch. False if they cannot be had. */
static bool take_policies(struct wire_reader *in, uint8_t slot, uint8_t *pin_policy) {
    uint32_t tag;
    struct wire_reader value;
    uint8_t wanted = PIV_POLICY_DEFAULT, touch = 0, fixed = PIV_POLICY_DEFAULT;
    while (tlv_next(in, &tag, &value)) {
        if ((tag != PIV_TAG_PIN_POLICY && tag != PIV_TAG_TOUCH_POLICY) || value.left != 1)
            return false;
        *(tag == PIV_TAG_PIN_POLICY ? &wanted : &touch) = wire_u8(&value);
    }
    if (slot == PIV_SIGNATURE)
        fixed = PIV_POLICY_ALWAYS;
    if (slot == PIV_CARD_AUTHENTICATION)
        fixed = PIV_POLICY_NEVER;
    *pin_policy = fixed ? fixed : wanted ? wanted : PIV_POLICY_ONCE;
    return wire_done(in) && wanted <= PIV_POLICY_ALWAYS && touch <= TOUCH_NEVER &&
           (!fixed || !wanted || wanted == fixed);
}

static uint16_t generate(struct piv *piv, struct piv_key *key) {
    enum ec_curve curve;
    if (piv_ec_curve(key->algorithm, &curve))
        return ec_generate(&piv->card->rng, curve, key->ec.d, key->ec.point) == EC_OK
                   ? SW_OK
                   : SW_KEYGEN_FAILED;
    size_t modulus = piv_rsa_modulus(key->algorithm);
    if (modulus == 0)
        return SW_WRONG_DATA;
    return rsa_parts_generate(&piv->card->rng, key->rsa, modulus) == RSA_OK ? SW_OK
                                                                            : SW_KEYGEN_FAILED;
}

/* SP 800-73-4 part 2, 3.3.2 */
uint16_t piv_generate_key_pair(struct applet *applet, struct call *call) {
    struct piv *piv = piv_of(applet);
    uint8_t slot = call->apdu->p2;
    struct piv_key key = {.origin = PIV_GENERATED};
    struct wire_reader control = tlv_take(&call->in, PIV_TAG_CONTROL);
    struct wire_reader algorithm = tlv_take(&control, PIV_TAG_ALGORITHM);
    if (!piv_is_slot(slot))
        return SW_WRONG_P1P2;
    if (!wire_done(&call->in) || algorithm.left != 1 ||
        !take_policies(&control, slot, &key.pin_policy))
        return SW_WRONG_DATA;
    key.algorithm = wire_u8(&algorithm);
    uint16_t sw = piv_algorithm_works(piv, key.algorithm) ? generate(piv, &key) : SW_INTERNAL;
    if (sw == SW_OK)
        sw = store_key(piv, slot, &key);
    if (sw == SW_OK)
        piv_put_public_key(&call->out, PIV_TAG_PUBLIC_KEY, &key);
    mbedtls_platform_zeroize(&key, sizeof key);
    return sw;
}

/* Puts value at the end of a number of len bytes; false if it does not fit. */
static bool take_number(struct wire_reader value, uint8_t *number, size_t len) {
    while (value.left && *value.p == 0)
        wire_u8(&value);
    if (value.left == 0 || value.left > len)
        return false;
    memset(number, 0, len - value.left);
    wire_copy(&value, number + len - value.left, value.left);
    return true;
}

/* The private parts 01 02 03 04 05 (RSA) or 06 (curves) at the front of in. */
static bool take_private(struct piv *piv, struct wire_reader *in, struct piv_key *key) {
    enum { RSA_FIRST = 0x01, SCALAR = 0x06 };
    enum ec_curve curve;
    size_t modulus = piv_rsa_modulus(key->algorithm);
    if (piv_ec_curve(key->algorithm, &curve))
        return take_number(tlv_take(in, SCALAR), key->ec.d, ec_number_size(curve)) &&
               ec_public(&piv->card->rng, curve, key->ec.d, key->ec.point) == EC_OK;
    put_exponent(key);
    for (unsigned part = RSA_P; part <= RSA_QINV; part++) {
        size_t len, at = rsa_part(modulus, (enum rsa_part)part, &len);
        if (!take_number(tlv_take(in, RSA_FIRST + part - RSA_P), key->rsa + at, len))
            return false;
    }
    return rsa_parts_complete(&piv->card->rng, key->rsa, modulus) == RSA_OK;
}

uint16_t piv_import_key(struct applet *applet, struct call *call) {
    struct piv *piv = piv_of(applet);
    uint8_t slot = call->apdu->p2;
    struct piv_key key = {.algorithm = call->apdu->p1, .origin = PIV_IMPORTED};
    enum ec_curve curve;
    uint16_t sw = SW_WRONG_DATA;
    if (!piv_is_slot(slot) ||
        (!piv_ec_curve(key.algorithm, &curve) && piv_rsa_modulus(key.algorithm) == 0))
        return SW_WRONG_P1P2;
    if (take_private(piv, &call->in, &key) && take_policies(&call->in, slot, &key.pin_policy))
        sw = store_key(piv, slot, &key);
    mbedtls_platform_zeroize(&key, sizeof key);
    return sw;
}

enum metadata_tag {
    METADATA_ALGORITHM = 0x01,
    METADATA_POLICY = 0x02,
    METADATA_ORIGIN = 0x03,
    METADATA_PUBLIC_KEY = 0x04,
    METADATA_DEFAULT = 0x05,
    METADATA_TRIES = 0x06
};

static void put_byte(struct wire_writer *out, uint32_t tag, uint8_t value) {
    tlv_put(out, tag, &value, 1);
}

static uint16_t reference_metadata(struct piv *piv, struct wire_writer *out,
                                   enum piv_reference reference) {
    enum { KIND_PIN = 0xFF };
    uint8_t tries[2];
    bool changed;
    if (!piv_reference_read(piv, reference, &tries[0], &tries[1], &changed))
        return SW_INTERNAL;
    put_byte(out, METADATA_ALGORITHM, KIND_PIN);
    put_byte(out, METADATA_DEFAULT, !changed);
    tlv_put(out, METADATA_TRIES, tries, sizeof tries);
    return SW_OK;
}

static uint16_t management_metadata(struct piv *piv, struct wire_writer *out) {
    static const uint8_t policy[2] = {PIV_POLICY_DEFAULT, TOUCH_NEVER};
    struct piv_management_key key;
    if (piv_management_read(piv, &key) != STORE_OK)
        return SW_INTERNAL;
    put_byte(out, METADATA_ALGORITHM, key.algorithm);
    tlv_put(out, METADATA_POLICY, policy, sizeof policy);
    put_byte(out, METADATA_DEFAULT, !key.changed);
    mbedtls_platform_zeroize(&key, sizeof key);
    return SW_OK;
}

uint16_t piv_get_metadata(struct applet *applet, struct call *call) {
    struct piv *piv = piv_of(applet);
    uint8_t reference = call->apdu->p2;
    struct piv_key key;
    if (reference == PIV_PIN || reference == PIV_PUK)
        return reference_metadata(piv, &call->out, (enum piv_reference)reference);
    if (reference == PIV_MANAGEMENT)
        return management_metadata(piv, &call->out);
    if (!piv_is_slot(reference))
        return SW_WRONG_P1P2;
    if (piv_key_read(piv, reference, &key) != STORE_OK)
        return SW_REFERENCE_NOT_FOUND;
    uint8_t policy[2] = {key.pin_policy, TOUCH_NEVER};
    put_byte(&call->out, METADATA_ALGORITHM, key.algorithm);
    tlv_put(&call->out, METADATA_POLICY, policy, sizeof policy);
    put_byte(&call->out, METADATA_ORIGIN, key.origin);
    piv_put_public_key(&call->out, METADATA_PUBLIC_KEY, &key);
    mbedtls_platform_zeroize(&key, sizeof key);
    return SW_OK;
}
