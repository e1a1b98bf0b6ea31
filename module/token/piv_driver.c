/* The PIV driver: recognising the card, its application, what it says of itself (NIST SP 800-73-4; extensions as
 * yubico-piv-tool asks for them). Nothing is read before it is asked for. */
#include "module/token/piv_internal.h"

#include "module/log.h"
#include "module/token/tlv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SELECT_BY_NAME = 0x04, P1_DATA = 0x3F, P2_DATA = 0xFF };

static enum token_error piv_status(uint8_t ins, uint16_t sw) {
    switch (sw) {
    case SW_OBJECT_NOT_FOUND:
    case SW_REFERENCE_NOT_FOUND:
        return TOKEN_NOT_FOUND;
    case SW_WRONG_P1P2:
        return TOKEN_UNSUPPORTED;
    case SW_UNKNOWN_INS:
    case SW_UNKNOWN_CLA:
        /* every PIV application knows these: it is not PIV that answered */
        return ins == PIV_GENERAL_AUTHENTICATE || ins == PIV_GET_DATA || ins == PIV_VERIFY
                   ? TOKEN_STALE
                   : TOKEN_UNSUPPORTED;
    case SW_REFERENCED_DATA:
        return TOKEN_BAD_DATA;
    default:
        return card_status(sw);
    }
}

static enum token_error send_plain(struct token *token, uint8_t ins, uint8_t p1, uint8_t p2,
                                   const uint8_t *data, size_t len, size_t le) {
    enum token_error err =
        card_send(&token->card, &(struct card_command){.ins = ins,
                                                       .p1 = p1,
                                                       .p2 = p2,
                                                       .data = data,
                                                       .data_len = len,
                                                       .le = le,
                                                       .timeout_ms = ins == PIV_GENERATE_KEY_PAIR
                                                                         ? CARD_KEYGEN_TIMEOUT_MS
                                                                         : CARD_TIMEOUT_MS});
    return token->card.sw != 0 ? piv_status(ins, token->card.sw) : err;
}

static enum token_error select_application(struct token *token) {
    struct piv_state *piv = piv_of(token);
    if (piv->selected) {
        return TOKEN_OK;
    }
    enum token_error err = send_plain(token, PIV_SELECT, SELECT_BY_NAME, 0,
                                      (const uint8_t *)PIV_AID, PIV_AID_SIZE, 256);
    if (err == TOKEN_OK) {
        err = piv_parse_select(token->card.response, token->card.response_len, piv->name);
    }
    piv->selected = err == TOKEN_OK;
    return err;
}

enum token_error piv_send(struct token *token, uint8_t ins, uint8_t p1, uint8_t p2,
                          const uint8_t *data, size_t len, bool answers) {
    enum token_error err = select_application(token);
    if (err == TOKEN_NOT_FOUND || err == TOKEN_UNSUPPORTED) {
        return TOKEN_DEVICE; /* it was there */
    }
    return err != TOKEN_OK ? err
                           : send_plain(token, ins, p1, p2, data, len, answers ? APDU_MAX_BODY : 0);
}

enum token_error piv_get_metadata(struct token *token, uint8_t reference) {
    struct piv_state *piv = piv_of(token);
    if (piv->metadata == PIV_MISSING) {
        return TOKEN_UNSUPPORTED;
    }
    enum token_error err = piv_send(token, PIV_GET_METADATA, 0, reference, NULL, 0, true);
    if (err == TOKEN_OK || err == TOKEN_NOT_FOUND) {
        piv->metadata = PIV_THERE;
    } else if (err == TOKEN_UNSUPPORTED) {
        piv->metadata = PIV_MISSING;
    }
    return err;
}

enum token_error piv_get_object(struct token *token, uint32_t object) {
    uint8_t bytes[8];
    struct wire_writer w = {.data = bytes, .size = sizeof(bytes), .order = BIG_ENDIAN_FIELDS};
    unsigned width = object > 0xFFFF ? 3 : object > 0xFF ? 2 : 1;
    tlv_put_head(&w, PIV_TAG_LIST, width);
    while (width-- > 0) {
        wire_put_u8(&w, (uint8_t)(object >> (8 * width)));
    }
    return piv_send(token, PIV_GET_DATA, P1_DATA, P2_DATA, bytes, w.len, true);
}

void piv_slot_forget(struct piv_slot_state *slot) {
    octets_free(&slot->certificate);
    *slot = (struct piv_slot_state){.key_known = false};
}

void piv_forget(struct token *token) {
    struct piv_state *piv = piv_of(token);
    piv->selected = false;
    piv->management_verified = false;
    piv->history_known = false;
    for (size_t i = 0; i < PIV_SLOTS; i++) {
        piv_slot_forget(&piv->slots[i]);
    }
}

/* The number that the maker's extension gives, else the GUID of the card holder unique identifier. */
static enum token_error read_serial(struct token *token) {
    enum { NUMBER = 4 };
    uint8_t guid[PIV_GUID_SIZE];
    struct piv_state *piv = piv_of(token);
    if (piv->serial_known) {
        return TOKEN_OK;
    }
    char serial[sizeof(token->facts.serial)] = "";
    enum token_error err = piv_send(token, PIV_GET_SERIAL, 0, 0, NULL, 0, true);
    if (err == TOKEN_OK && token->card.response_len == NUMBER) {
        const uint8_t *n = token->card.response;
        snprintf(serial, sizeof(serial), "%u",
                 (unsigned)n[0] << 24 | (unsigned)n[1] << 16 | (unsigned)n[2] << 8 | n[3]);
    } else if (err == TOKEN_UNSUPPORTED || err == TOKEN_OK || err == TOKEN_FORBIDDEN ||
               err == TOKEN_NOT_FOUND) {
        err = piv_get_object(token, PIV_OBJECT_CHUID);
        if (err == TOKEN_OK) {
            err = piv_parse_chuid(token->card.response, token->card.response_len, guid);
        }
        for (size_t i = 0; err == TOKEN_OK && i < sizeof(guid); i++) {
            snprintf(serial + 2 * i, 3, "%02x", guid[i]);
        }
        err = err == TOKEN_NOT_FOUND ? TOKEN_OK : err; /* a card without a name */
    }
    if (err != TOKEN_OK) {
        return err;
    }
    memcpy(token->facts.serial, serial, sizeof(serial));
    snprintf(token->facts.label, sizeof(token->facts.label),
             serial[0] != '\0' ? "PIV %.16s" : "PIV", serial);
    piv->serial_known = true;
    return TOKEN_OK;
}

static void set_facts(struct token *token) {
    static const uint16_t rsa[] = {1024, 2048, 3072, 4096}, ec[] = {256, 384};
    struct token_facts *facts = &token->facts;
    facts->initialized = true;
    facts->writer = SECURITY_OFFICER;
    facts->has_lasting_names = true;
    facts->has_lone_certificates = true;
    facts->pin_min = PIV_PIN_MIN;
    facts->pin_max = TOKEN_PIN_MAX; /* the management key in hex */
    snprintf(facts->manufacturer, sizeof(facts->manufacturer), "PIV (NIST SP 800-73-4)");
    snprintf(facts->model, sizeof(facts->model), "%.16s",
             piv_of(token)->name[0] != '\0' ? piv_of(token)->name : "PIV");
    snprintf(facts->application, sizeof(facts->application), "PIV");
    facts->kind_count = 0;
    for (size_t i = 0; i < sizeof(rsa) / sizeof(rsa[0]); i++) {
        facts->kinds[facts->kind_count++] =
            (struct token_key_kind){ALGORITHM_RSA, rsa[i], rsa[i] > 1024, 1U << PRIVATE_RSA_RAW};
    }
    for (size_t i = 0; i < sizeof(ec) / sizeof(ec[0]); i++) {
        facts->kinds[facts->kind_count++] = (struct token_key_kind){
            ALGORITHM_EC, ec[i], true, 1U << PRIVATE_ECDSA | 1U << PRIVATE_ECDH};
    }
}

static enum token_error piv_read_facts(struct token *token) {
    return read_serial(token);
}

static void piv_close(struct token *token) {
    piv_forget(token);
    free(token->driver_state);
    token->driver_state = NULL;
}

static enum token_error piv_open(struct token *token) {
    struct piv_state *piv = calloc(1, sizeof(*piv));
    if (piv == NULL) {
        return TOKEN_MEMORY;
    }
    token->driver_state = piv;
    token->card.framing = token->settings.short_apdus ? CARD_SHORT : CARD_TRY_EXTENDED;
    enum token_error err = select_application(token);
    if (err == TOKEN_OK) {
        set_facts(token);
        return TOKEN_OK;
    }
    if (err != TOKEN_REMOVED && err != TOKEN_TIMEOUT && token->card.sw != 0) {
        err = TOKEN_NOT_RECOGNIZED; /* it answered, but has no such application */
    }
    piv_close(token);
    token->card.framing = CARD_EXTENDED_ALWAYS;
    return err;
}

const struct token_driver piv_driver = {
    .name = "PIV",
    .open = piv_open,
    .close = piv_close,
    .forget = piv_forget,
    .read_facts = piv_read_facts,
    .read_pins = piv_read_pins,
    .verify_pin = piv_verify_pin,
    .change_pin = piv_change_pin,
    .reset_user_pin = piv_reset_user_pin,
    .logout = piv_logout,
    .list_keys = piv_list_keys,
    .describe_key = piv_describe_key,
    .read_public_key = piv_read_public_key,
    .read_certificate = piv_read_certificate,
    .write_certificate = piv_write_certificate,
    .delete_certificate = piv_delete_certificate,
    .choose_place = piv_choose_place,
    .generate_key = piv_generate_key,
    .private_operation = piv_private_operation,
    .list_files = piv_list_files,
    .file_info = piv_file_info,
    .read_file = piv_read_file,
};
