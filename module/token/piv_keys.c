/* The PIV driver's slots: their keys and certificates. A key is known by GET METADATA where the card has it, else by the
 * certificate beside it. Ids and labels are those that users of OpenSC and ykcs11 know. */
#include "module/token/piv_internal.h"

#include "module/log.h"
#include "module/token/tlv.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { NAMED_SLOTS = PIV_SLOTS - PIV_RETIRED, P1_DATA = 0x3F, P2_DATA = 0xFF };

#define RETIRED(n, hex)                                                                            \
    {                                                                                              \
        hex, PIV_RETIRED_FIRST + (n)-1, PIV_OBJECT_CERT_82 + (n)-1, {                              \
            "Retired KEY MAN " #n, "Retired KEY MAN " #n,                                          \
                "Retired Certificate for Key Management " #n                                       \
        }                                                                                          \
    }

const struct piv_slot piv_slots[PIV_SLOTS] = {
    {"9A",
     PIV_AUTHENTICATION,
     PIV_OBJECT_CERT_9A,
     {"PIV AUTH key", "PIV AUTH pubkey", "Certificate for PIV Authentication"}},
    {"9C",
     PIV_SIGNATURE,
     PIV_OBJECT_CERT_9C,
     {"SIGN key", "SIGN pubkey", "Certificate for Digital Signature"}},
    {"9D",
     PIV_KEY_MANAGEMENT,
     PIV_OBJECT_CERT_9D,
     {"KEY MAN key", "KEY MAN pubkey", "Certificate for Key Management"}},
    {"9E",
     PIV_CARD_AUTHENTICATION,
     PIV_OBJECT_FIRST, /* 5FC101 */
     {"CARD AUTH key", "CARD AUTH pubkey", "Certificate for Card Authentication"}},
    RETIRED(1, "82"),
    RETIRED(2, "83"),
    RETIRED(3, "84"),
    RETIRED(4, "85"),
    RETIRED(5, "86"),
    RETIRED(6, "87"),
    RETIRED(7, "88"),
    RETIRED(8, "89"),
    RETIRED(9, "8A"),
    RETIRED(10, "8B"),
    RETIRED(11, "8C"),
    RETIRED(12, "8D"),
    RETIRED(13, "8E"),
    RETIRED(14, "8F"),
    RETIRED(15, "90"),
    RETIRED(16, "91"),
    RETIRED(17, "92"),
    RETIRED(18, "93"),
    RETIRED(19, "94"),
    RETIRED(20, "95"),
};

size_t piv_slot_find(const char *container) {
    size_t i = 0;
    while (i < PIV_SLOTS && strcmp(piv_slots[i].name, container) != 0) {
        i++;
    }
    return i;
}

enum token_error piv_list_keys(struct token *token, struct token_key_list *list) {
    (void)token;
    *list = (struct token_key_list){calloc(PIV_SLOTS, sizeof(struct token_key)), PIV_SLOTS};
    if (list->items == NULL) {
        list->count = 0;
        return TOKEN_MEMORY;
    }
    for (size_t i = 0; i < PIV_SLOTS; i++) {
        struct token_key *key = &list->items[i];
        key->usage = USAGE_SIGN;
        key->labels = &piv_slots[i].labels;
        key->id[0] = (uint8_t)(i + 1); /* 01 for 9A .. 04 for 9E, 05 for 82 .. 18 for 95 */
        key->id_len = 1;
        memcpy(key->container, piv_slots[i].name, strlen(piv_slots[i].name) + 1);
    }
    return TOKEN_OK;
}

/* ---- reading ---- */

static enum token_error want_certificate(struct token *token, size_t slot) {
    struct piv_slot_state *state = &piv_of(token)->slots[slot];
    if (state->certificate_known) {
        return TOKEN_OK;
    }
    enum token_error err = piv_get_object(token, piv_slots[slot].certificate);
    if (err == TOKEN_OK) {
        err = piv_parse_certificate(token->card.response, token->card.response_len,
                                    &state->certificate);
    }
    if (err == TOKEN_NOT_FOUND) {
        err = TOKEN_OK;
    }
    state->certificate_known = err == TOKEN_OK;
    return err;
}

/* How many retired keys there are, by a card without metadata: it must keep a key history object, if there are any
 * (SP 800-73-4 part 1, 3.3.3). */
static enum token_error want_history(struct token *token) {
    struct piv_state *piv = piv_of(token);
    if (piv->history_known) {
        return TOKEN_OK;
    }
    piv->retired = 0;
    enum token_error err = piv_get_object(token, PIV_OBJECT_KEY_HISTORY);
    if (err == TOKEN_OK) {
        err = piv_parse_history(token->card.response, token->card.response_len, &piv->retired);
    }
    if (err == TOKEN_DEVICE && token->card.sw == SW_OK) {
        log_info("the key history object makes no sense: all retired slots are looked at");
        piv->retired = PIV_RETIRED;
        err = TOKEN_OK;
    }
    piv->history_known = err == TOKEN_OK || err == TOKEN_NOT_FOUND;
    return piv->history_known ? TOKEN_OK : err;
}

static enum token_error key_from_metadata(struct token *token, size_t slot) {
    struct piv_slot_state *state = &piv_of(token)->slots[slot];
    struct piv_metadata metadata;
    enum token_error err = piv_get_metadata(token, piv_slots[slot].reference);
    if (err == TOKEN_NOT_FOUND) {
        state->key_known = true;
        state->has_key = false;
        return TOKEN_OK;
    }
    if (err == TOKEN_OK) {
        err = piv_parse_metadata(token->card.response, token->card.response_len, &metadata);
    }
    if (err != TOKEN_OK) {
        return err;
    }
    if (!metadata.has_public_key) {
        return TOKEN_UNSUPPORTED; /* an imported key of an early card: its certificate tells */
    }
    state->algorithm = metadata.algorithm;
    state->pin_policy = metadata.pin_policy;
    state->is_generated = metadata.is_generated;
    state->public_key = metadata.public_key;
    state->has_key = state->key_known = true;
    return TOKEN_OK;
}

static enum token_error key_from_certificate(struct token *token, size_t slot) {
    struct piv_state *piv = piv_of(token);
    struct piv_slot_state *state = &piv->slots[slot];
    if (slot >= NAMED_SLOTS && piv->metadata != PIV_THERE) {
        enum token_error err = want_history(token);
        if (err != TOKEN_OK) {
            return err;
        }
        if (slot - NAMED_SLOTS >= piv->retired) {
            state->key_known = state->certificate_known = true;
            return TOKEN_OK;
        }
    }
    enum token_error err = want_certificate(token, slot);
    if (err != TOKEN_OK) {
        return err;
    }
    state->has_key =
        state->certificate.len > 0 &&
        piv_certified_key(token->libctx, state->certificate.data, state->certificate.len,
                          &state->algorithm, &state->public_key) == TOKEN_OK;
    state->pin_policy = PIV_POLICY_DEFAULT;
    state->is_generated = false;
    state->key_known = true;
    return TOKEN_OK;
}

static enum token_error want_key(struct token *token, size_t slot) {
    if (slot >= PIV_SLOTS) {
        return TOKEN_NOT_FOUND;
    }
    const struct piv_slot_state *state = &piv_of(token)->slots[slot];
    if (state->key_known) {
        return TOKEN_OK;
    }
    enum token_error err = key_from_metadata(token, slot);
    return err == TOKEN_UNSUPPORTED ? key_from_certificate(token, slot) : err;
}

static enum key_pin pin_of(uint8_t reference, uint8_t policy) {
    switch (policy) {
    case PIV_POLICY_NEVER:
        return KEY_PIN_NEVER;
    case PIV_POLICY_ONCE:
        return KEY_PIN_ONCE;
    case PIV_POLICY_ALWAYS:
        return KEY_PIN_ALWAYS;
    default:
        return reference == PIV_SIGNATURE             ? KEY_PIN_ALWAYS
               : reference == PIV_CARD_AUTHENTICATION ? KEY_PIN_NEVER
                                                      : KEY_PIN_ONCE;
    }
}

/* The card does the same with every key; what a slot is meant for is the host's to keep to. Signing and card
 * authentication keys sign; the others are used for everything that their algorithm allows. */
static unsigned uses_of(uint8_t reference, enum token_algorithm algorithm) {
    if (reference == PIV_SIGNATURE || reference == PIV_CARD_AUTHENTICATION) {
        return KEY_SIGNS;
    }
    return KEY_SIGNS | (algorithm == ALGORITHM_RSA ? KEY_DECRYPTS : KEY_DERIVES);
}

enum token_error piv_describe_key(struct token *token, struct token_key *key) {
    size_t slot = piv_slot_find(key->container);
    enum token_error err = want_key(token, slot);
    if (err != TOKEN_OK) {
        return err;
    }
    const struct piv_slot_state *state = &piv_of(token)->slots[slot];
    if (state->certificate_known) {
        key->certificate = state->certificate.len > 0 ? CERTIFICATE_PRESENT : CERTIFICATE_ABSENT;
    } else if (slot >= NAMED_SLOTS && !state->has_key) {
        key->certificate = CERTIFICATE_ABSENT; /* not worth twenty commands */
    }
    if (!state->has_key) {
        return TOKEN_NOT_FOUND;
    }
    uint8_t reference = piv_slots[slot].reference;
    key->algorithm = state->public_key.algorithm;
    key->bits = state->public_key.bits;
    key->uses = uses_of(reference, key->algorithm);
    key->pin = pin_of(reference, state->pin_policy);
    key->is_local = state->is_generated;
    key->is_described = true;
    return TOKEN_OK;
}

enum token_error piv_read_public_key(struct token *token, const struct token_key *key,
                                     struct token_public_key *out) {
    *out = (struct token_public_key){.modulus_len = 0};
    size_t slot = piv_slot_find(key->container);
    enum token_error err = want_key(token, slot);
    if (err != TOKEN_OK) {
        return err;
    }
    const struct piv_slot_state *state = &piv_of(token)->slots[slot];
    if (!state->has_key) {
        return TOKEN_NOT_FOUND;
    }
    *out = state->public_key;
    return TOKEN_OK;
}

enum token_error piv_read_certificate(struct token *token, const struct token_key *key,
                                      struct octets *out) {
    *out = (struct octets){NULL, 0};
    size_t slot = piv_slot_find(key->container);
    if (slot >= PIV_SLOTS) {
        return TOKEN_NOT_FOUND;
    }
    enum token_error err = want_certificate(token, slot);
    const struct octets *certificate = &piv_of(token)->slots[slot].certificate;
    if (err != TOKEN_OK || certificate->len == 0) {
        return err != TOKEN_OK ? err : TOKEN_NOT_FOUND;
    }
    return octets_copy(out, certificate->data, certificate->len) == FORMATS_OK ? TOKEN_OK
                                                                               : TOKEN_MEMORY;
}

/* ---- writing ---- */

static enum token_error put_certificate(struct token *token, const struct token_key *key,
                                        const uint8_t *der, size_t len) {
    enum { CERTIFICATE = 0x70, INFO = 0x71, CHECK = 0xFE, TAIL = 5 };
    size_t slot = piv_slot_find(key->container);
    if (slot >= PIV_SLOTS) {
        return TOKEN_NOT_FOUND;
    }
    uint8_t bytes[APDU_MAX_BODY];
    struct wire_writer w = {.data = bytes, .size = sizeof(bytes), .order = BIG_ENDIAN_FIELDS};
    uint32_t object = piv_slots[slot].certificate;
    const uint8_t tag[3] = {(uint8_t)(object >> 16), (uint8_t)(object >> 8), (uint8_t)object};
    static const uint8_t plain = 0;
    tlv_put(&w, PIV_TAG_LIST, tag, sizeof(tag));
    if (der == NULL) {
        tlv_put_head(&w, PIV_TAG_DATA, 0);
    } else {
        tlv_put_head(&w, PIV_TAG_DATA, tlv_head_size(CERTIFICATE, len) + len + TAIL);
        tlv_put(&w, CERTIFICATE, der, len);
        tlv_put(&w, INFO, &plain, 1);
        tlv_put_head(&w, CHECK, 0);
    }
    if (w.failed) {
        return TOKEN_NO_SPACE;
    }
    struct piv_slot_state *state = &piv_of(token)->slots[slot];
    octets_free(&state->certificate);
    state->certificate_known = false;
    if (piv_of(token)->metadata != PIV_THERE) {
        state->key_known = false; /* it is known by its certificate */
    }
    return piv_send(token, PIV_PUT_DATA, P1_DATA, P2_DATA, bytes, w.len, false);
}

enum token_error piv_write_certificate(struct token *token, const struct token_key *key,
                                       const uint8_t *der, size_t len) {
    return put_certificate(token, key, der, len);
}

enum token_error piv_delete_certificate(struct token *token, const struct token_key *key) {
    return put_certificate(token, key, NULL, 0);
}

/* The slot that the id names, if it is empty; without id the first empty one. A key is never overwritten. */
enum token_error piv_choose_place(struct token *token, const struct token_key_wish *wish,
                                  char container[TOKEN_CONTAINER_MAX + 1]) {
    size_t first = 0, last = PIV_SLOTS - 1;
    if (wish->id != NULL && wish->id_len > 0) {
        if (wish->id_len != 1 || wish->id[0] < 1 || wish->id[0] > PIV_SLOTS) {
            return TOKEN_EXISTS; /* no slot has such an id */
        }
        first = last = wish->id[0] - 1U;
    }
    for (size_t slot = first; slot <= last; slot++) {
        enum token_error err = want_key(token, slot);
        if (err != TOKEN_OK) {
            return err;
        }
        if (!piv_of(token)->slots[slot].has_key) {
            memcpy(container, piv_slots[slot].name, strlen(piv_slots[slot].name) + 1);
            return TOKEN_OK;
        }
    }
    return first == last ? TOKEN_EXISTS : TOKEN_NO_SPACE;
}

static uint8_t algorithm_number(enum token_algorithm algorithm, uint32_t bits) {
    if (algorithm == ALGORITHM_EC) {
        return bits == 256 ? PIV_P256 : bits == 384 ? PIV_P384 : 0;
    }
    return bits == 2048 ? PIV_RSA2048 : bits == 3072 ? PIV_RSA3072 : bits == 4096 ? PIV_RSA4096 : 0;
}

enum token_error piv_generate_key(struct token *token, const char *container,
                                  enum token_algorithm algorithm, uint32_t bits) {
    size_t slot = piv_slot_find(container);
    uint8_t number = algorithm == ALGORITHM_SM2 ? 0 : algorithm_number(algorithm, bits);
    if (slot >= PIV_SLOTS || number == 0) {
        return TOKEN_UNSUPPORTED;
    }
    struct piv_slot_state *state = &piv_of(token)->slots[slot];
    piv_slot_forget(state);
    const uint8_t control[] = {PIV_TAG_CONTROL, 3, PIV_TAG_ALGORITHM, 1, number};
    enum token_error err = piv_send(token, PIV_GENERATE_KEY_PAIR, 0, piv_slots[slot].reference,
                                    control, sizeof(control), true);
    if (err == TOKEN_OK) {
        err = piv_parse_generated(token->card.response, token->card.response_len, number,
                                  &state->public_key);
    }
    if (err == TOKEN_OK) {
        state->algorithm = number;
        state->pin_policy = PIV_POLICY_DEFAULT;
        state->key_known = state->has_key = state->is_generated = true;
    }
    return err;
}

/* ---- private keys ---- */

/* GENERAL AUTHENTICATE: 7C { 82 empty, `tag` in }; the answer's 82. */
static enum token_error use_key(struct token *token, size_t slot, uint32_t tag, const uint8_t *in,
                                size_t len, struct wire_reader *response) {
    const struct piv_slot_state *state = &piv_of(token)->slots[slot];
    uint8_t bytes[TOKEN_RSA_MAX + 32];
    struct wire_writer w = {.data = bytes, .size = sizeof(bytes), .order = BIG_ENDIAN_FIELDS};
    tlv_put_head(&w, PIV_TAG_AUTHENTICATION,
                 tlv_head_size(PIV_TAG_RESPONSE, 0) + tlv_head_size(tag, len) + len);
    tlv_put_head(&w, PIV_TAG_RESPONSE, 0);
    tlv_put(&w, tag, in, len);
    if (w.failed) {
        return TOKEN_ARGUMENT;
    }
    enum token_error err = piv_send(token, PIV_GENERAL_AUTHENTICATE, state->algorithm,
                                    piv_slots[slot].reference, bytes, w.len, true);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return err != TOKEN_OK
               ? err
               : piv_parse_authentication(token->card.response, token->card.response_len,
                                          PIV_TAG_RESPONSE, response);
}

/* An answer of fixed size, which a card may have given without leading zeros. */
static enum token_error take(struct wire_reader response, size_t size, uint8_t *out,
                             size_t out_size, size_t *out_len) {
    if (response.len == 0 || response.len > size || size > out_size) {
        return TOKEN_DEVICE;
    }
    memset(out, 0, size - response.len);
    memcpy(out + size - response.len, response.data, response.len);
    *out_len = size;
    return TOKEN_OK;
}

enum token_error piv_private_operation(struct token *token, const struct token_key *key,
                                       enum private_operation operation, const uint8_t *in,
                                       size_t in_len, uint8_t *out, size_t out_size,
                                       size_t *out_len) {
    size_t slot = piv_slot_find(key->container), size = key->bits / 8;
    struct wire_reader response;
    uint8_t digest[TOKEN_EC_POINT_MAX] = {0};
    *out_len = 0;
    enum token_error err = want_key(token, slot);
    if (err == TOKEN_OK && (!piv_of(token)->slots[slot].has_key ||
                            piv_of(token)->slots[slot].public_key.bits != key->bits ||
                            piv_of(token)->slots[slot].public_key.algorithm != key->algorithm)) {
        err = TOKEN_NOT_FOUND;
    }
    if (err != TOKEN_OK) {
        return err;
    }
    switch (operation) {
    case PRIVATE_RSA_RAW:
        if (in_len != size) {
            return TOKEN_ARGUMENT;
        }
        err = use_key(token, slot, PIV_TAG_CHALLENGE, in, in_len, &response);
        err = err != TOKEN_OK ? err : take(response, size, out, out_size, out_len);
        break;
    case PRIVATE_ECDSA:
        if (in_len > size || 2 * size > out_size) {
            return TOKEN_ARGUMENT;
        }
        if (in_len > 0) {
            memcpy(digest + size - in_len, in, in_len); /* the same number, of the field's length */
        }
        err = use_key(token, slot, PIV_TAG_CHALLENGE, digest, size, &response);
        err = err != TOKEN_OK ? err : piv_parse_signature(response.data, response.len, size, out);
        *out_len = err == TOKEN_OK ? 2 * size : 0;
        break;
    case PRIVATE_ECDH:
        if (in_len != 1 + 2 * size) {
            return TOKEN_ARGUMENT;
        }
        err = use_key(token, slot, PIV_TAG_EXPONENTIATION, in, in_len, &response);
        err = err != TOKEN_OK ? err : take(response, size, out, out_size, out_len);
        break;
    default:
        err = TOKEN_UNSUPPORTED;
        break;
    }
    OPENSSL_cleanse(token->card.response, sizeof(token->card.response));
    return err;
}
