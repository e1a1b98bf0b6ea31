/* A driver for a card with one P-256 key: the example of docs/how-to/add-a-card.md. */
#include "module/token/token.h"

#include <stdlib.h>
#include <string.h>

/* The card's commands: 00 A4 04 00 "TOYCARD" selects, 00 20 00 01 PIN verifies, 00 CA 00 01 gives the public key,
 * 04 || X || Y, 00 2A 00 01 digest signs: r || s. */
enum {
    SELECT = 0xA4,
    VERIFY = 0x20,
    PUBLIC_KEY = 0xCA,
    SIGN = 0x2A,
    POINT_SIZE = 65,
    RS_SIZE = 64
};

static enum token_error send(struct token *token, uint8_t ins, uint8_t p1, uint8_t p2,
                             const uint8_t *data, size_t len, size_t le) {
    return card_send(&token->card,
                     &(struct card_command){
                         .ins = ins, .p1 = p1, .p2 = p2, .data = data, .data_len = len, .le = le});
}

static enum token_error toy_open(struct token *token) {
    static const uint8_t name[] = {'T', 'O', 'Y', 'C', 'A', 'R', 'D'};
    token->card.framing = CARD_SHORT;
    enum token_error err = send(token, SELECT, 4, 0, name, sizeof(name), 0);
    if (err != TOKEN_OK) {
        return token->card.sw != 0 ? TOKEN_NOT_RECOGNIZED : err; /* let the next driver try */
    }
    struct token_facts *facts = &token->facts;
    *facts = (struct token_facts){.initialized = true,
                                  .has_lasting_names = true, /* key 1 stays key 1 */
                                  .writer = SECURITY_OFFICER,
                                  .label = "Toy",
                                  .serial = "1",
                                  .pin_min = 4,
                                  .pin_max = 8};
    facts->kinds[0] = (struct token_key_kind){
        .algorithm = ALGORITHM_EC, .bits = 256, .operations = 1U << PRIVATE_ECDSA};
    facts->kind_count = 1;
    return TOKEN_OK;
}

static void toy_nothing(struct token *token) {
    (void)token; /* no state in the host, no names on the card */
}

static enum token_error toy_facts(struct token *token) {
    (void)token; /* they never change */
    return TOKEN_OK;
}

static enum token_error toy_pins(struct token *token, struct token_pins *pins) {
    (void)token;
    pins->user = pins->so =
        (struct token_pin){.max = TOKEN_TRIES_UNKNOWN, .left = TOKEN_TRIES_UNKNOWN};
    return TOKEN_OK;
}

static enum token_error toy_verify(struct token *token, enum token_user user, const uint8_t *pin,
                                   size_t len) {
    return user == NORMAL_USER ? send(token, VERIFY, 0, 1, pin, len, 0) : TOKEN_UNSUPPORTED;
}

static enum token_error toy_list(struct token *token, struct token_key_list *list) {
    (void)token;
    *list = (struct token_key_list){calloc(1, sizeof(struct token_key)), 1};
    if (list->items == NULL) {
        return TOKEN_MEMORY;
    }
    list->items[0] = (struct token_key){.container = "key 1", .usage = USAGE_SIGN};
    return TOKEN_OK;
}

static enum token_error toy_describe(struct token *token, struct token_key *key) {
    (void)token; /* a card with several keys would be asked here */
    key->algorithm = ALGORITHM_EC;
    key->bits = 256;
    key->uses = KEY_SIGNS;
    key->certificate = CERTIFICATE_ABSENT;
    key->is_described = true;
    return TOKEN_OK;
}

static enum token_error toy_public_key(struct token *token, const struct token_key *key,
                                       struct token_public_key *out) {
    enum token_error err = send(token, PUBLIC_KEY, 0, 1, NULL, 0, POINT_SIZE);
    if (err == TOKEN_OK && token->card.response_len != POINT_SIZE) {
        err = TOKEN_DEVICE; /* nothing is used before its length was looked at */
    }
    if (err == TOKEN_OK) {
        *out = (struct token_public_key){
            .algorithm = key->algorithm, .bits = key->bits, .ec_point_len = POINT_SIZE};
        memcpy(out->ec_point, token->card.response, POINT_SIZE);
    }
    return err;
}

static enum token_error toy_certificate(struct token *token, const struct token_key *key,
                                        struct octets *out) {
    (void)token, (void)key;
    *out = (struct octets){NULL, 0};
    return TOKEN_NOT_FOUND;
}

static enum token_error toy_private(struct token *token, const struct token_key *key,
                                    enum private_operation operation, const uint8_t *in,
                                    size_t in_len, uint8_t *out, size_t out_size, size_t *out_len) {
    (void)key;
    *out_len = 0;
    if (operation != PRIVATE_ECDSA || out_size < RS_SIZE) {
        return TOKEN_UNSUPPORTED;
    }
    enum token_error err = send(token, SIGN, 0, 1, in, in_len, RS_SIZE);
    if (err == TOKEN_OK && token->card.response_len != RS_SIZE) {
        err = TOKEN_DEVICE;
    }
    if (err == TOKEN_OK) {
        memcpy(out, token->card.response, RS_SIZE);
        *out_len = RS_SIZE;
    }
    return err;
}

const struct token_driver toy_driver = {
    .name = "Toy",
    .open = toy_open,
    .close = toy_nothing,
    .forget = toy_nothing,
    .read_facts = toy_facts,
    .read_pins = toy_pins,
    .verify_pin = toy_verify,
    .list_keys = toy_list,
    .describe_key = toy_describe,
    .read_public_key = toy_public_key,
    .read_certificate = toy_certificate,
    .private_operation = toy_private,
};
