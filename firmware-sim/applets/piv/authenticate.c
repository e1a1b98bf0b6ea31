/* GENERAL AUTHENTICATE (SP 800-73-4 part 2, 3.2.4): the use of every key. */
#include "firmware-sim/applets/piv/piv_internal.h"

#include <mbedtls/platform_util.h>

/* What is done with the private key: 81 a digest to sign or an RSA block, 85 a point to agree with. */
struct request {
    uint32_t tag;
    struct wire_reader value;
};

/* The template of a private key operation: an empty 82 that asks for the response, and one of 81 and 85. */
static bool request_read(struct wire_reader in, struct request *request) {
    bool asks = false;
    uint32_t tag;
    struct wire_reader value;
    *request = (struct request){.tag = 0};
    while (tlv_next(&in, &tag, &value)) {
        if (tag == PIV_TAG_RESPONSE && !asks && value.left == 0) {
            asks = true;
        } else if ((tag == PIV_TAG_CHALLENGE || tag == PIV_TAG_EXPONENTIATION) && !request->tag) {
            request->tag = tag;
            request->value = value;
        } else {
            return false;
        }
    }
    return wire_done(&in) && asks && request->tag;
}

static void put_response(struct wire_writer *out, size_t len) {
    tlv_put_head(out, PIV_TAG_AUTHENTICATION, tlv_size(PIV_TAG_RESPONSE, len));
    tlv_put_head(out, PIV_TAG_RESPONSE, len);
}

/* The raw private operation; padding is the host's. */
static uint16_t use_rsa(struct piv *piv, struct call *call, const struct piv_key *key,
                        const struct request *request) {
    size_t len = piv_rsa_modulus(key->algorithm);
    if (request->tag != PIV_TAG_CHALLENGE || request->value.left != len)
        return SW_WRONG_DATA;
    put_response(&call->out, len);
    uint8_t *out = wire_room(&call->out, len);
    if (!out)
        return SW_INTERNAL;
    switch (rsa_parts_private(&piv->card->rng, key->rsa, len, request->value.p, out)) {
    case RSA_OK:
        return SW_OK;
    case RSA_BAD_INPUT:
        return SW_WRONG_DATA;
    case RSA_FAILED:
    default:
        return SW_INTERNAL;
    }
}

static uint16_t ec_sw(enum ec_error err) {
    switch (err) {
    case EC_OK:
        return SW_OK;
    case EC_BAD_KEY: /* the host's point: our own key was checked when it came */
    case EC_BAD_INPUT:
        return SW_WRONG_DATA;
    case EC_FAILED:
    default:
        return SW_INTERNAL;
    }
}

static uint16_t use_ec(struct piv *piv, struct call *call, const struct piv_key *key,
                       enum ec_curve curve, const struct request *request) {
    uint8_t der[EC_DER_MAX];
    size_t len = ec_number_size(curve);
    if (request->tag == PIV_TAG_EXPONENTIATION) {
        put_response(&call->out, len);
        uint8_t *x = wire_room(&call->out, len);
        if (request->value.left != ec_point_size(curve))
            return SW_WRONG_DATA;
        return x ? ec_sw(ec_agree(&piv->card->rng, curve, key->ec.d, request->value.p, x))
                 : SW_INTERNAL;
    }
    uint16_t sw = ec_sw(ec_sign(&piv->card->rng, curve, key->ec.d, request->value.p,
                                request->value.left, der, &len));
    if (sw == SW_OK) {
        put_response(&call->out, len);
        wire_put(&call->out, der, len);
    }
    return sw;
}

static bool pin_allows(const struct piv *piv, uint8_t policy, bool fresh) {
    switch (policy) {
    case PIV_POLICY_NEVER:
        return true;
    case PIV_POLICY_ONCE:
        return piv->pin_verified;
    default:
        return piv->pin_verified && fresh;
    }
}

static uint16_t use_key(struct piv *piv, struct call *call, struct wire_reader in) {
    struct piv_key key;
    struct request request;
    enum ec_curve curve;
    uint16_t sw;
    bool fresh = piv->pin_fresh;
    piv->pin_fresh = false;
    if (piv_key_read(piv, call->apdu->p2, &key) != STORE_OK)
        return SW_REFERENCE_NOT_FOUND;
    if (key.algorithm != call->apdu->p1)
        sw = SW_WRONG_P1P2;
    else if (!pin_allows(piv, key.pin_policy, fresh))
        sw = SW_SECURITY_STATUS;
    else if (!request_read(in, &request))
        sw = SW_WRONG_DATA;
    else if (piv_ec_curve(key.algorithm, &curve))
        sw = use_ec(piv, call, &key, curve, &request);
    else
        sw = use_rsa(piv, call, &key, &request);
    mbedtls_platform_zeroize(&key, sizeof key);
    return sw;
}

uint16_t piv_general_authenticate(struct applet *applet, struct call *call) {
    struct piv *piv = piv_of(applet);
    uint8_t reference = call->apdu->p2;
    if (reference != PIV_MANAGEMENT && !piv_is_slot(reference))
        return SW_WRONG_P1P2;
    struct wire_reader in = tlv_take(&call->in, PIV_TAG_AUTHENTICATION);
    if (!wire_done(&call->in))
        return SW_WRONG_DATA;
    return reference == PIV_MANAGEMENT ? piv_management_authenticate(piv, call, in)
                                       : use_key(piv, call, in);
}
