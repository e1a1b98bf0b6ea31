/* What a key says of itself: Cryptoki's token information, with the vendor interface's facts where there are any. */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "agent/token/plugged.h"

/* The id that pages see: tells nothing of the serial, and is the same on every plug-in. */
static bool make_id(struct token_facts *facts) {
    char text[sizeof facts->manufacturer + sizeof facts->serial + 1];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    int text_len = snprintf(text, sizeof text, "%s|%s", facts->manufacturer, facts->serial);
    if (EVP_Digest(text, (size_t)text_len, digest, &len, EVP_sha256(), NULL) != 1 || len < 8)
        return false;
    octets_to_hex(digest, (TOKEN_ID_SIZE - 1) / 2, facts->id);
    return true;
}

static void pin_from_flags(struct token_facts *facts, CK_FLAGS flags) {
    facts->tries_left = -1;
    if (!facts->is_initialized || !(flags & CKF_USER_PIN_INITIALIZED))
        facts->pin_state = TOKEN_PIN_STATE_UNSET;
    else if (flags & CKF_USER_PIN_LOCKED)
        facts->pin_state = TOKEN_PIN_STATE_LOCKED;
    else if (flags & CKF_USER_PIN_FINAL_TRY)
        facts->pin_state = TOKEN_PIN_STATE_LAST;
    else if (flags & CKF_USER_PIN_COUNT_LOW)
        facts->pin_state = TOKEN_PIN_STATE_LOW;
    else
        facts->pin_state = TOKEN_PIN_STATE_OK;
    if (facts->pin_state == TOKEN_PIN_STATE_LOCKED)
        facts->tries_left = 0;
    if (facts->pin_state == TOKEN_PIN_STATE_LAST)
        facts->tries_left = 1;
}

static void pin_from_counters(struct token_facts *facts, const CK_OPENUKEY_DEVICE_INFO *device) {
    if (facts->pin_state == TOKEN_PIN_STATE_UNSET ||
        device->userTries == CK_UNAVAILABLE_INFORMATION || device->userTries > 255)
        return;
    facts->tries_left = (int)device->userTries;
    if (device->userTries == 0)
        facts->pin_state = TOKEN_PIN_STATE_LOCKED;
    else if (device->userTries == 1)
        facts->pin_state = TOKEN_PIN_STATE_LAST;
    else if (device->userTries < device->userMax)
        facts->pin_state = TOKEN_PIN_STATE_LOW;
    else
        facts->pin_state = TOKEN_PIN_STATE_OK;
}

static void copy(char *to, size_t size, const char *from, size_t from_size) {
    size_t len = strnlen(from, from_size);
    if (len >= size)
        len = size - 1;
    memcpy(to, from, len);
    to[len] = '\0';
}

enum token_error facts_read(const struct cryptoki *cryptoki, CK_SLOT_ID slot,
                            struct token_facts *facts) {
    CK_TOKEN_INFO info;
    CK_SLOT_INFO slot_info;
    *facts = (struct token_facts){0};
    CK_RV rv = cryptoki->functions->C_GetTokenInfo(slot, &info);
    if (rv != CKR_OK)
        return cryptoki_error(rv, "C_GetTokenInfo");
    cryptoki_text(info.label, sizeof info.label, facts->label, sizeof facts->label);
    cryptoki_text(info.manufacturerID, sizeof info.manufacturerID, facts->manufacturer,
                  sizeof facts->manufacturer);
    cryptoki_text(info.model, sizeof info.model, facts->model, sizeof facts->model);
    cryptoki_text(info.serialNumber, sizeof info.serialNumber, facts->serial, sizeof facts->serial);
    if (cryptoki->functions->C_GetSlotInfo(slot, &slot_info) == CKR_OK)
        cryptoki_text(slot_info.slotDescription, sizeof slot_info.slotDescription, facts->reader,
                      sizeof facts->reader);
    facts->is_initialized = (info.flags & CKF_TOKEN_INITIALIZED) != 0;
    facts->pin_min = info.ulMinPinLen;
    facts->pin_max = info.ulMaxPinLen;
    pin_from_flags(facts, info.flags);
    if (cryptoki->vendor) {
        CK_OPENUKEY_DEVICE_INFO device = {0};
        rv = cryptoki->vendor->GetDeviceInfo(slot, &device);
        if (rv != CKR_OK)
            return cryptoki_error(rv, "GetDeviceInfo");
        copy(facts->serial, sizeof facts->serial, device.serial, sizeof device.serial);
        copy(facts->manufacturer, sizeof facts->manufacturer, device.manufacturer,
             sizeof device.manufacturer);
        if (device.readerName[0])
            copy(facts->reader, sizeof facts->reader, device.readerName, sizeof device.readerName);
        pin_from_counters(facts, &device);
        facts->must_change = (device.flags & CKF_OPENUKEY_USER_PIN_MUST_CHANGE) != 0;
    }
    return make_id(facts) ? TOKEN_OK : TOKEN_FAILED;
}

unsigned capabilities_read(const struct cryptoki *cryptoki, CK_SLOT_ID slot) {
    CK_MECHANISM_TYPE types[FOREIGN_MECHANISMS_MAX];
    CK_ULONG count = FOREIGN_MECHANISMS_MAX;
    unsigned can = TOKEN_CAN_CHANGE_PIN;
    bool has_pairs = false;
    if (cryptoki->functions->C_GetMechanismList(slot, types, &count) != CKR_OK)
        return can;
    for (CK_ULONG i = 0; i < count; i++) {
        if (types[i] == CKM_RSA_PKCS)
            can |= TOKEN_CAN_SIGN | TOKEN_CAN_DECRYPT;
        else if (types[i] == CKM_ECDSA)
            can |= TOKEN_CAN_SIGN;
        else if (types[i] == CKM_OPENUKEY_SM2_ENVELOPED_KEY)
            has_pairs = true;
    }
    /* containers with two pairs, files and unlocking are our module's alone, on keys that take a pair made by the KMC */
    if (has_pairs && cryptoki->vendor)
        can |= TOKEN_CAN_SIGN | TOKEN_CAN_DECRYPT | TOKEN_CAN_STAMP | TOKEN_CAN_JOBS |
               TOKEN_CAN_UNLOCK;
    return can;
}
