/* The PIV driver's PIN, PUK and management key. The security officer's PIN is either: six to eight characters are the PUK,
 * which gives a blocked user a new PIN; 32, 48 or 64 hex digits are the management key, with which keys and
 * certificates are made. */
#include "module/token/piv_internal.h"

#include "module/token/tlv.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

enum { PADDING = 0xFF, P1_CLEAR = 0xFF, KEY_MAX = 32, BLOCK_MAX = 16, TRIES_OF_MOST_CARDS = 3 };

/* Cards differ in whether they take letters: the card decides. */
static bool pad_pin(const uint8_t *pin, size_t len, uint8_t out[PIV_PIN_SIZE]) {
    if (len < PIV_PIN_MIN || len > PIV_PIN_SIZE || memchr(pin, PADDING, len) != NULL) {
        return false;
    }
    memset(out, PADDING, PIV_PIN_SIZE);
    memcpy(out, pin, len);
    return true;
}

/* ---- management key ---- */

struct management_key {
    uint8_t bytes[KEY_MAX];
    size_t len;
};

static int hex_digit(uint8_t c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool read_key(const uint8_t *hex, size_t len, struct management_key *key) {
    *key = (struct management_key){.len = len / 2};
    if (len != 32 && len != 48 && len != 64) {
        return false;
    }
    for (size_t i = 0; i < key->len; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            OPENSSL_cleanse(key, sizeof(*key));
            return false;
        }
        key->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static const struct management_algorithm {
    uint8_t number;
    size_t key, block;
    const char *cipher;
} management_algorithms[] = {
    {PIV_3DES, 24, 8, "DES-EDE3-ECB"},
    {PIV_AES128, 16, 16, "AES-128-ECB"},
    {PIV_AES192, 24, 16, "AES-192-ECB"},
    {PIV_AES256, 32, 16, "AES-256-ECB"},
};
enum { MANAGEMENT_ALGORITHMS = sizeof(management_algorithms) / sizeof(management_algorithms[0]) };

static enum token_error one_block(OSSL_LIB_CTX *libctx,
                                  const struct management_algorithm *algorithm,
                                  const struct management_key *key, bool encrypts,
                                  const uint8_t *in, uint8_t *out) {
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, algorithm->cipher, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    bool done = cipher != NULL && ctx != NULL &&
                EVP_CipherInit_ex2(ctx, cipher, key->bytes, NULL, encrypts, NULL) == 1 &&
                EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
                EVP_CipherUpdate(ctx, out, &n, in, (int)algorithm->block) == 1 &&
                n == (int)algorithm->block;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return done ? TOKEN_OK : TOKEN_MEMORY;
}

/* One half of the handshake: the elements, then the answer's element `wanted` of a block. */
static enum token_error handshake(struct token *token, const struct management_algorithm *algorithm,
                                  const uint8_t *elements, size_t len, uint32_t wanted,
                                  uint8_t *out) {
    uint8_t bytes[64];
    struct wire_writer w = {.data = bytes, .size = sizeof(bytes), .order = BIG_ENDIAN_FIELDS};
    struct wire_reader value;
    tlv_put(&w, PIV_TAG_AUTHENTICATION, elements, len);
    enum token_error err = piv_send(token, PIV_GENERAL_AUTHENTICATE, algorithm->number,
                                    PIV_MANAGEMENT, bytes, w.len, true);
    if (err == TOKEN_OK) {
        err = piv_parse_authentication(token->card.response, token->card.response_len, wanted,
                                       &value);
    }
    if (err == TOKEN_OK && value.len != algorithm->block) {
        err = TOKEN_DEVICE;
    }
    if (err == TOKEN_OK) {
        memcpy(out, value.data, value.len);
    }
    return err;
}

/* Mutual authentication (SP 800-73-4 part 2, appendix A.1): the card's witness is opened, our challenge must come back
 * encrypted, so that a card that does not know the key is noticed. */
static enum token_error authenticate_with(struct token *token,
                                          const struct management_algorithm *algorithm,
                                          const struct management_key *key) {
    static const uint8_t ask_witness[] = {PIV_TAG_WITNESS, 0};
    uint8_t witness[BLOCK_MAX], opened[BLOCK_MAX], challenge[BLOCK_MAX], expected[BLOCK_MAX];
    uint8_t answer[BLOCK_MAX], elements[2 * (2 + BLOCK_MAX)];
    struct wire_writer w = {.data = elements, .size = sizeof(elements), .order = BIG_ENDIAN_FIELDS};
    if (RAND_bytes_ex(token->libctx, challenge, sizeof(challenge), 0) != 1) {
        return TOKEN_MEMORY;
    }
    enum token_error err =
        handshake(token, algorithm, ask_witness, sizeof(ask_witness), PIV_TAG_WITNESS, witness);
    if (err == TOKEN_OK) {
        err = one_block(token->libctx, algorithm, key, false, witness, opened);
    }
    if (err == TOKEN_OK) {
        err = one_block(token->libctx, algorithm, key, true, challenge, expected);
    }
    if (err == TOKEN_OK) {
        tlv_put(&w, PIV_TAG_WITNESS, opened, algorithm->block);
        tlv_put(&w, PIV_TAG_CHALLENGE, challenge, algorithm->block);
        err = handshake(token, algorithm, elements, w.len, PIV_TAG_RESPONSE, answer);
        /* the card refuses a wrong witness in one way or another */
        bool refused = err == TOKEN_NOT_LOGGED_IN || err == TOKEN_BAD_DATA;
        err = refused ? TOKEN_PIN_WRONG : err;
    }
    if (err == TOKEN_OK && CRYPTO_memcmp(answer, expected, algorithm->block) != 0) {
        err = TOKEN_PIN_WRONG;
    }
    OPENSSL_cleanse(opened, sizeof(opened));
    OPENSSL_cleanse(elements, sizeof(elements));
    return err;
}

static enum token_error authenticate(struct token *token, const struct management_key *key) {
    uint8_t told = 0;
    enum token_error err = piv_get_metadata(token, PIV_MANAGEMENT);
    if (err == TOKEN_OK) {
        err = piv_parse_management(token->card.response, token->card.response_len, &told);
    }
    if (err != TOKEN_OK && err != TOKEN_UNSUPPORTED && err != TOKEN_NOT_FOUND) {
        return err;
    }
    err = TOKEN_PIN_WRONG;
    for (size_t i = 0; i < MANAGEMENT_ALGORITHMS; i++) {
        const struct management_algorithm *algorithm = &management_algorithms[i];
        if (algorithm->key != key->len || (told != 0 && told != algorithm->number)) {
            continue;
        }
        err = authenticate_with(token, algorithm, key);
        if (err != TOKEN_UNSUPPORTED && err != TOKEN_NOT_FOUND) {
            break; /* it was the card's algorithm */
        }
    }
    if (err == TOKEN_OK) {
        piv_of(token)->management_verified = true;
    }
    return err == TOKEN_UNSUPPORTED || err == TOKEN_NOT_FOUND ? TOKEN_PIN_WRONG : err;
}

static enum token_error set_management_key(struct token *token, const struct management_key *old,
                                           const struct management_key *new_key) {
    uint8_t told = 0, bytes[3 + KEY_MAX];
    struct wire_writer w = {.data = bytes, .size = sizeof(bytes), .order = BIG_ENDIAN_FIELDS};
    enum token_error err = authenticate(token, old);
    if (err == TOKEN_OK) {
        err = piv_get_metadata(token, PIV_MANAGEMENT);
    }
    if (err == TOKEN_OK) {
        err = piv_parse_management(token->card.response, token->card.response_len, &told);
    } else if (err == TOKEN_UNSUPPORTED) {
        told = PIV_3DES; /* before metadata there was no other */
        err = TOKEN_OK;
    }
    if (err != TOKEN_OK) {
        return err;
    }
    const struct management_algorithm *algorithm = NULL;
    for (size_t i = 0; i < MANAGEMENT_ALGORITHMS; i++) {
        const struct management_algorithm *a = &management_algorithms[i];
        if (a->key == new_key->len && (algorithm == NULL || a->number == told)) {
            algorithm = a; /* of two with one length, the one that the card has now */
        }
    }
    if (algorithm == NULL) {
        return TOKEN_PIN_LENGTH;
    }
    wire_put_u8(&w, algorithm->number);
    wire_put_u8(&w, PIV_MANAGEMENT);
    wire_put_u8(&w, (uint8_t)new_key->len);
    wire_put_bytes(&w, new_key->bytes, new_key->len);
    err = piv_send(token, PIV_SET_MANAGEMENT_KEY, 0xFF, 0xFF, bytes, w.len, false);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return err;
}

/* ---- PIN and PUK ---- */

/* Two values of eight bytes: CHANGE REFERENCE DATA, RESET RETRY COUNTER. */
static enum token_error send_two(struct token *token, uint8_t ins, uint8_t reference,
                                 const uint8_t *first, size_t first_len, const uint8_t *second,
                                 size_t second_len) {
    uint8_t bytes[2 * PIV_PIN_SIZE];
    if (!pad_pin(first, first_len, bytes)) {
        return TOKEN_PIN_WRONG;
    }
    enum token_error err = TOKEN_PIN_LENGTH;
    if (pad_pin(second, second_len, bytes + PIV_PIN_SIZE)) {
        err = piv_send(token, ins, 0, reference, bytes, sizeof(bytes), false);
    }
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return err;
}

enum token_error piv_verify_pin(struct token *token, enum token_user user, const uint8_t *pin,
                                size_t len) {
    uint8_t padded[PIV_PIN_SIZE];
    struct management_key key;
    enum token_error err;
    if (user == SECURITY_OFFICER && read_key(pin, len, &key)) {
        err = authenticate(token, &key);
        OPENSSL_cleanse(&key, sizeof(key));
        return err;
    }
    if (user == SECURITY_OFFICER) {
        /* a PUK is proved by changing it into itself: there is no command that only compares it */
        return len < PIV_PIN_MIN || len > PIV_PIN_SIZE
                   ? TOKEN_PIN_LENGTH
                   : send_two(token, PIV_CHANGE_REFERENCE_DATA, PIV_PUK, pin, len, pin, len);
    }
    if (!pad_pin(pin, len, padded)) {
        return TOKEN_PIN_LENGTH;
    }
    err = piv_send(token, PIV_VERIFY, 0, PIV_PIN, padded, sizeof(padded), false);
    OPENSSL_cleanse(padded, sizeof(padded));
    return err;
}

enum token_error piv_change_pin(struct token *token, enum token_user user, const uint8_t *old_pin,
                                size_t old_len, const uint8_t *new_pin, size_t new_len) {
    struct management_key old_key, new_key;
    if (user == SECURITY_OFFICER && read_key(old_pin, old_len, &old_key)) {
        enum token_error err = read_key(new_pin, new_len, &new_key)
                                   ? set_management_key(token, &old_key, &new_key)
                                   : TOKEN_PIN_LENGTH;
        OPENSSL_cleanse(&old_key, sizeof(old_key));
        OPENSSL_cleanse(&new_key, sizeof(new_key));
        return err;
    }
    return send_two(token, PIV_CHANGE_REFERENCE_DATA, user == SECURITY_OFFICER ? PIV_PUK : PIV_PIN,
                    old_pin, old_len, new_pin, new_len);
}

enum token_error piv_reset_user_pin(struct token *token, const uint8_t *so_pin, size_t so_len,
                                    const uint8_t *new_pin, size_t new_len, bool must_change) {
    if (must_change) {
        return TOKEN_UNSUPPORTED;
    }
    if (so_len > PIV_PIN_SIZE) {
        return TOKEN_FORBIDDEN; /* the management key has no say in PINs */
    }
    return send_two(token, PIV_RESET_RETRY_COUNTER, PIV_PIN, so_pin, so_len, new_pin, new_len);
}

/* Without GET METADATA: VERIFY without data tells the tries of a PIN that is not verified. */
static enum token_error ask_tries(struct token *token, struct token_pin *pin) {
    enum token_error err = piv_send(token, PIV_VERIFY, 0, PIV_PIN, NULL, 0, false);
    uint16_t sw = token->card.sw;
    *pin = (struct token_pin){.max = TOKEN_TRIES_UNKNOWN, .left = TOKEN_TRIES_UNKNOWN};
    if ((sw & 0xFFF0) == SW_PIN_WRONG || sw == SW_PIN_BLOCKED) {
        pin->left = sw == SW_PIN_BLOCKED ? 0 : sw & 0x0F;
        pin->max = pin->left > TRIES_OF_MOST_CARDS ? pin->left : TRIES_OF_MOST_CARDS;
        return TOKEN_OK;
    }
    return err;
}

static enum token_error read_tries(struct token *token, uint8_t reference, struct token_pin *pin) {
    *pin = (struct token_pin){.max = TOKEN_TRIES_UNKNOWN, .left = TOKEN_TRIES_UNKNOWN};
    enum token_error err = piv_get_metadata(token, reference);
    if (err == TOKEN_OK) {
        return piv_parse_tries(token->card.response, token->card.response_len, pin);
    }
    if (err != TOKEN_UNSUPPORTED && err != TOKEN_NOT_FOUND) {
        return err;
    }
    return reference == PIV_PIN ? ask_tries(token, pin) : TOKEN_OK;
}

enum token_error piv_read_pins(struct token *token, struct token_pins *pins) {
    *pins = (struct token_pins){.user = {0}};
    enum token_error err = read_tries(token, PIV_PIN, &pins->user);
    return err != TOKEN_OK ? err : read_tries(token, PIV_PUK, &pins->so);
}

/* The PIN is forgotten by command; what cannot be (older cards, the management key) by reset. */
enum token_error piv_logout(struct token *token) {
    struct piv_state *piv = piv_of(token);
    if (!piv->selected) {
        return TOKEN_OK;
    }
    enum token_error err = piv_send(token, PIV_VERIFY, P1_CLEAR, PIV_PIN, NULL, 0, false);
    if ((err == TOKEN_OK && !piv->management_verified) || err == TOKEN_REMOVED ||
        err == TOKEN_TIMEOUT || token->card.connection == NULL) {
        return err;
    }
    const struct transport_ops *ops = token->card.connection->ops;
    err = card_from_transport(ops->reset(token->card.connection, CARD_TIMEOUT_MS));
    piv->selected = false;
    piv->management_verified = false;
    return err;
}
