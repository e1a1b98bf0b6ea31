/* What C_GetTokenInfo and the vendor interface's GetDeviceInfo tell of a token. */
#include "module/cryptoki/errors.h"
#include "module/cryptoki/sessions.h"

#include <stdio.h>
#include <string.h>

static CK_FLAGS pin_flags(const struct token_pin *pin, CK_FLAGS low, CK_FLAGS final,
                          CK_FLAGS locked, CK_FLAGS change) {
    CK_FLAGS flags = pin->is_default || pin->must_change ? change : 0;
    if (pin->left == 0) {
        return flags | locked;
    }
    if (pin->left < pin->max) {
        flags |= low;
    }
    return pin->left == 1 ? flags | final : flags;
}

static CK_ULONG tries(uint8_t count) {
    return count == TOKEN_TRIES_UNKNOWN ? CK_UNAVAILABLE_INFORMATION : count;
}

static CK_RV try_to_read_token(struct module *module, struct slot *slot, struct token **token,
                               struct token_pins *pins) {
    *pins = (struct token_pins){.user = {0}};
    CK_RV rv = slot_token(module, slot, token);
    if (rv == CKR_OK) {
        rv = rv_from_token(token_read_facts(*token));
    }
    if (rv == CKR_OK && (*token)->facts.initialized) {
        rv = rv_from_token(token_read_pins(*token, pins));
    }
    return rv;
}

/* Asks for no session, so a token that was changed for another one is no error. */
static CK_RV read_token(struct module *module, struct slot *slot, struct token **token,
                        struct token_pins *pins) {
    CK_RV rv = try_to_read_token(module, slot, token, pins);
    if (rv == CKR_DEVICE_REMOVED) {
        slot_settle(module, slot);
        rv = try_to_read_token(module, slot, token, pins);
    }
    return rv == CKR_DEVICE_REMOVED ? CKR_TOKEN_NOT_PRESENT : rv;
}

CK_RV slot_get_token_info(struct module *module, struct slot *slot, CK_TOKEN_INFO_PTR info) {
    struct token *token;
    struct token_pins pins;
    if (info == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_RV rv = read_token(module, slot, &token, &pins);
    if (rv != CKR_OK) {
        return rv;
    }
    const struct token_facts *facts = &token->facts;
    *info = (CK_TOKEN_INFO){
        .flags = CKF_RNG | CKF_LOGIN_REQUIRED | CKF_RESTORE_KEY_NOT_NEEDED |
                 CKF_DUAL_CRYPTO_OPERATIONS |
                 (module->config.pin_dialog ? CKF_PROTECTED_AUTHENTICATION_PATH : 0),
        .ulMaxSessionCount = CK_EFFECTIVELY_INFINITE,
        .ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE,
        .ulMaxPinLen = facts->pin_max,
        .ulMinPinLen = facts->pin_min,
        .ulTotalPublicMemory = facts->total_space,
        .ulFreePublicMemory = facts->free_space,
        .ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .hardwareVersion = {facts->hardware[0], facts->hardware[1]},
        .firmwareVersion = {facts->firmware[0], facts->firmware[1]},
    };
    if (facts->initialized) {
        info->flags |= CKF_TOKEN_INITIALIZED;
        info->flags |= pins.user.is_unset ? 0 : CKF_USER_PIN_INITIALIZED;
        info->flags |= pin_flags(&pins.user, CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY,
                                 CKF_USER_PIN_LOCKED, CKF_USER_PIN_TO_BE_CHANGED);
        pins.so.is_default = false; /* its owner's choice, made with C_InitToken */
        info->flags |= pin_flags(&pins.so, CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY,
                                 CKF_SO_PIN_LOCKED, CKF_SO_PIN_TO_BE_CHANGED);
    }
    sessions_count(module, slot, &info->ulSessionCount, &info->ulRwSessionCount);
    pad_text(info->label, sizeof(info->label), facts->label);
    pad_text(info->manufacturerID, sizeof(info->manufacturerID), facts->manufacturer);
    pad_text(info->model, sizeof(info->model), facts->model);
    size_t len = strlen(facts->serial);
    size_t skip = len > sizeof(info->serialNumber) ? len - sizeof(info->serialNumber) : 0;
    pad_text(info->serialNumber, sizeof(info->serialNumber), facts->serial + skip);
    memset(info->utcTime, ' ', sizeof(info->utcTime));
    return CKR_OK;
}

CK_RV slot_get_device_info(struct module *module, struct slot *slot,
                           CK_OPENUKEY_DEVICE_INFO *info) {
    struct token *token;
    struct token_pins pins;
    if (info == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    CK_RV rv = read_token(module, slot, &token, &pins);
    if (rv != CKR_OK) {
        return rv;
    }
    const struct token_facts *facts = &token->facts;
    bool initialized = facts->initialized;
    *info = (CK_OPENUKEY_DEVICE_INFO){
        .hardwareVersion = {facts->hardware[0], facts->hardware[1]},
        .firmwareVersion = {facts->firmware[0], facts->firmware[1]},
        .changeCounter = facts->change_counter,
        .userTries = initialized ? tries(pins.user.left) : CK_UNAVAILABLE_INFORMATION,
        .userMax = initialized ? tries(pins.user.max) : CK_UNAVAILABLE_INFORMATION,
        .adminTries = initialized ? tries(pins.so.left) : CK_UNAVAILABLE_INFORMATION,
        .adminMax = initialized ? tries(pins.so.max) : CK_UNAVAILABLE_INFORMATION,
        .userPinDefault = pins.user.is_default ? CK_TRUE : CK_FALSE,
        .flags =
            (initialized ? CKF_OPENUKEY_INITIALIZED : 0) |
            (facts->has_vendor_ins ? CKF_OPENUKEY_VENDOR_INS : 0) |
            (pins.user.must_change ? CKF_OPENUKEY_USER_PIN_MUST_CHANGE : 0) |
            (pins.so.must_change ? CKF_OPENUKEY_ADMIN_PIN_MUST_CHANGE : 0) |
            (strcmp(slot->transport->ops->name, "simulator") == 0 ? CKF_OPENUKEY_SIMULATED : 0),
    };
    snprintf(info->serial, sizeof(info->serial), "%s", facts->serial);
    snprintf(info->manufacturer, sizeof(info->manufacturer), "%s", facts->manufacturer);
    snprintf(info->issuer, sizeof(info->issuer), "%s", facts->issuer);
    snprintf(info->label, sizeof(info->label), "%s", facts->label);
    snprintf(info->readerName, sizeof(info->readerName), "%s", slot->reader);
    return CKR_OK;
}
