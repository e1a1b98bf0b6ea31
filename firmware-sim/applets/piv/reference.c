/* PIN and PUK: verify, change, unblock. The rules are core/pin.h's: a try is spent on flash before the comparison. */
#include "firmware-sim/applets/piv/piv_internal.h"
#include "firmware-sim/crypto/equal.h"

#include <mbedtls/platform_util.h>
#include <string.h>

enum { PADDING = 0xFF, TRIES_MAX = 15 /* what 63Cx can say */, P1_CLEAR = 0xFF };

static struct pin_ref ref_of(enum piv_reference reference) {
    return reference == PIV_PIN ? (struct pin_ref){ID_PIN, ID_PIN_TRIES}
                                : (struct pin_ref){ID_PUK, ID_PUK_TRIES};
}

void piv_references_put_default(struct store *store, uint8_t pin_tries, uint8_t puk_tries) {
    struct pin_record pin = {.secret = "123456\xFF\xFF", .max_tries = pin_tries};
    struct pin_record puk = {.secret = "12345678", .max_tries = puk_tries};
    pin_put(store, ref_of(PIV_PIN), &pin);
    pin_put(store, ref_of(PIV_PUK), &puk);
}

bool piv_reference_read(struct piv *piv, enum piv_reference reference, uint8_t *max, uint8_t *left,
                        bool *changed) {
    struct pin_record record;
    bool ok = pin_read(piv_store(piv), ref_of(reference), &record, left) == PIN_OK;
    *max = record.max_tries;
    *changed = record.changed;
    mbedtls_platform_zeroize(&record, sizeof record);
    return ok;
}

/* Six to eight bytes, then padding. PUKs are held to the same: SP 800-73-4 part 2, 2.4.3 wants eight, hosts send fewer. */
static bool well_formed(const uint8_t value[PIV_PIN_SIZE]) {
    size_t len = 0;
    while (len < PIV_PIN_SIZE && value[len] != PADDING)
        len++;
    for (size_t i = len; i < PIV_PIN_SIZE; i++)
        if (value[i] != PADDING)
            return false;
    return len >= PIV_PIN_MIN;
}

/* Spends a try and compares. SW_OK: equal, *record is the reference's, the try is still to be given back with the caller's
 * commit. */
static uint16_t compare(struct piv *piv, enum piv_reference reference,
                        const uint8_t value[PIV_PIN_SIZE], struct pin_record *record) {
    uint8_t left;
    switch (pin_spend_try(piv_store(piv), ref_of(reference), record, &left)) {
    case PIN_OK:
        break;
    case PIN_BLOCKED:
        return SW_PIN_BLOCKED;
    case PIN_STORE:
    default:
        return SW_WRITE_FAILED;
    }
    if (bytes_equal(record->secret, value, PIV_PIN_SIZE))
        return SW_OK;
    mbedtls_platform_zeroize(record, sizeof *record);
    return (uint16_t)(SW_PIN_WRONG | left);
}

static void forget_pin(struct piv *piv) {
    piv->pin_verified = piv->pin_fresh = false;
}

/* VERIFY without data: is it verified, else how many tries are left? */
static uint16_t status(struct piv *piv) {
    uint8_t max, left;
    bool changed;
    if (!piv_reference_read(piv, PIV_PIN, &max, &left, &changed))
        return SW_INTERNAL;
    if (piv->pin_verified)
        return SW_OK;
    return left ? (uint16_t)(SW_PIN_WRONG | left) : SW_PIN_BLOCKED;
}

/* SP 800-73-4 part 2, 3.2.1 */
uint16_t piv_verify(struct applet *applet, struct call *call) {
    struct piv *piv = piv_of(applet);
    const struct apdu *apdu = call->apdu;
    struct pin_record record;
    if (apdu->p1 != 0 && apdu->p1 != P1_CLEAR)
        return SW_WRONG_P1P2;
    if (apdu->p2 != PIV_PIN)
        return SW_REFERENCE_NOT_FOUND;
    if (apdu->p1 == P1_CLEAR) {
        if (apdu->data_len)
            return SW_WRONG_LENGTH;
        forget_pin(piv);
        return SW_OK;
    }
    if (apdu->data_len == 0)
        return status(piv);
    if (apdu->data_len != PIV_PIN_SIZE)
        return SW_WRONG_LENGTH;
    if (!well_formed(apdu->data))
        return SW_WRONG_DATA;
    forget_pin(piv);
    uint16_t sw = compare(piv, PIV_PIN, apdu->data, &record);
    if (sw != SW_OK)
        return sw;
    store_begin(piv_store(piv));
    pin_put_tries(piv_store(piv), ref_of(PIV_PIN), record.max_tries);
    mbedtls_platform_zeroize(&record, sizeof record);
    sw = piv_commit(piv, STORE_PLAIN);
    piv->pin_verified = piv->pin_fresh = sw == SW_OK;
    return sw;
}

/* After a right value of reference auth, target becomes the new one with all its tries. */
static uint16_t replace(struct piv *piv, struct call *call, enum piv_reference auth,
                        enum piv_reference target) {
    const uint8_t *value = wire_take(&call->in, PIV_PIN_SIZE);
    const uint8_t *new_value = wire_take(&call->in, PIV_PIN_SIZE);
    struct pin_record auth_record, record = {0};
    uint8_t tries;
    if (!value || !new_value || !well_formed(value) || !well_formed(new_value))
        return SW_WRONG_DATA;
    if (target == PIV_PIN && auth == PIV_PIN)
        piv->pin_fresh = false;
    uint16_t sw = compare(piv, auth, value, &auth_record);
    if (sw != SW_OK) {
        if (auth == PIV_PIN)
            forget_pin(piv);
        return sw;
    }
    if (pin_read(piv_store(piv), ref_of(target), &record, &tries) != PIN_OK) {
        sw = SW_INTERNAL;
        goto out;
    }
    memcpy(record.secret, new_value, PIV_PIN_SIZE);
    record.changed = 1;
    store_begin(piv_store(piv));
    pin_put(piv_store(piv), ref_of(target), &record);
    if (auth != target)
        pin_put_tries(piv_store(piv), ref_of(auth), auth_record.max_tries);
    sw = piv_commit(piv, STORE_SECRET_GONE);
    if (sw == SW_OK && auth != target)
        forget_pin(piv); /* verified with the old PIN */
out:
    mbedtls_platform_zeroize(&auth_record, sizeof auth_record);
    mbedtls_platform_zeroize(&record, sizeof record);
    return sw;
}

/* SP 800-73-4 part 2, 3.2.2 */
uint16_t piv_change_reference_data(struct applet *applet, struct call *call) {
    enum piv_reference reference = (enum piv_reference)call->apdu->p2;
    if (reference != PIV_PIN && reference != PIV_PUK)
        return SW_REFERENCE_NOT_FOUND;
    return replace(piv_of(applet), call, reference, reference);
}

/* SP 800-73-4 part 2, 3.2.3 */
uint16_t piv_reset_retry_counter(struct applet *applet, struct call *call) {
    if (call->apdu->p2 != PIV_PIN)
        return SW_REFERENCE_NOT_FOUND;
    return replace(piv_of(applet), call, PIV_PUK, PIV_PIN);
}

uint16_t piv_set_pin_retries(struct applet *applet, struct call *call) {
    struct piv *piv = piv_of(applet);
    uint8_t pin_tries = call->apdu->p1, puk_tries = call->apdu->p2;
    if (!piv->management_verified || !piv->pin_verified)
        return SW_SECURITY_STATUS;
    if (pin_tries == 0 || pin_tries > TRIES_MAX || puk_tries == 0 || puk_tries > TRIES_MAX)
        return SW_WRONG_P1P2;
    store_begin(piv_store(piv));
    piv_references_put_default(piv_store(piv), pin_tries, puk_tries);
    uint16_t sw = piv_commit(piv, STORE_SECRET_GONE);
    if (sw == SW_OK)
        forget_pin(piv);
    return sw;
}
