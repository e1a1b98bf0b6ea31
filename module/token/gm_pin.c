/* The GM driver's PIN commands and their cryptography (see apdu.h): the PIN itself never crosses the wire. */
#include "module/token/gm_internal.h"

#include "module/log.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

enum {
    SM4_BLOCK = GM_SM4_BLOCK,
    USER_RETRY = 10,
    ADMIN_RETRY = 10,
    DEFAULT_CONTAINERS = 16,
    DEFAULT_FILES = 32
};

const uint8_t gm_factory_device_key[SM4_BLOCK + 1] = "1234567812345678";
static const char application_name[] = "OPENUKEY";

/* PIN key: SHA-1 of the PIN, zero-padded to 16 bytes or not, first 16 bytes. */
static enum token_error pin_key(struct token *token, const uint8_t *pin, size_t len,
                                uint8_t key[SM4_BLOCK]) {
    uint8_t padded[GM_PIN_MAX] = {0};
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (len < GM_PIN_MIN || len > GM_PIN_MAX || memchr(pin, 0, len) != NULL) {
        return TOKEN_PIN_LENGTH;
    }
    memcpy(padded, pin, len);
    size_t hashed = gm_of(token)->layout->pin_is_padded ? sizeof(padded) : len;
    EVP_MD *sha1 = EVP_MD_fetch(token->libctx, "SHA1", NULL);
    int ok = sha1 != NULL && EVP_Digest(padded, hashed, digest, NULL, sha1, NULL);
    EVP_MD_free(sha1);
    if (ok) {
        memcpy(key, digest, SM4_BLOCK);
    }
    OPENSSL_cleanse(padded, sizeof(padded));
    OPENSSL_cleanse(digest, sizeof(digest));
    return ok ? TOKEN_OK : TOKEN_MEMORY;
}

enum token_error gm_sm4_encrypt(OSSL_LIB_CTX *libctx, const uint8_t key[SM4_BLOCK],
                                const uint8_t *iv, uint8_t *data, size_t len) {
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(libctx, iv != NULL ? "SM4-CBC" : "SM4-ECB", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    int ok = cipher != NULL && ctx != NULL && EVP_EncryptInit_ex2(ctx, cipher, key, iv, NULL) &&
             EVP_CIPHER_CTX_set_padding(ctx, 0) &&
             EVP_EncryptUpdate(ctx, data, &n, data, (int)len) && n == (int)len;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return ok ? TOKEN_OK : TOKEN_MEMORY;
}

enum token_error gm_random(struct token *token, uint8_t *out, size_t len) {
    while (len > 0) {
        size_t step = len < APDU_MAX_DATA ? len : APDU_MAX_DATA;
        enum token_error err = gm_send(token, INS_GEN_RANDOM, 0, 0, NULL, step);
        if (err == TOKEN_OK && token->card.response_len != step) {
            err = TOKEN_DEVICE;
        }
        if (err != TOKEN_OK) {
            return err;
        }
        memcpy(out, token->card.response, step);
        OPENSSL_cleanse(token->card.response, step);
        out += step;
        len -= step;
    }
    return TOKEN_OK;
}

/* challenge8 || 0*8, or with a frame around it, encrypted: what VerifyPIN and DevAuth compare. */
static enum token_error answer_challenge(struct token *token, const uint8_t key[SM4_BLOCK],
                                         uint8_t block[SM4_BLOCK]) {
    memset(block, 0, SM4_BLOCK);
    bool is_framed = gm_of(token)->layout->challenge_is_framed;
    uint8_t *challenge = block + (is_framed ? 2 : 0);
    enum token_error err = gm_random(token, challenge, GM_CHALLENGE_SIZE);
    if (is_framed) {
        block[0] = 0x80;
        challenge[GM_CHALLENGE_SIZE + 1] = 0x80;
    }
    return err != TOKEN_OK ? err : gm_sm4_encrypt(token->libctx, key, NULL, block, SM4_BLOCK);
}

static uint8_t pin_type(enum token_user user) {
    return user == SECURITY_OFFICER ? GM_PIN_ADMIN : GM_PIN_USER;
}

enum token_error gm_verify_pin(struct token *token, enum token_user user, const uint8_t *pin,
                               size_t len) {
    uint8_t key[SM4_BLOCK], block[SM4_BLOCK];
    enum token_error err = gm_application(token);
    if (err == TOKEN_OK) {
        err = pin_key(token, pin, len, key);
    }
    if (err == TOKEN_OK) {
        err = answer_challenge(token, key, block);
    }
    if (err == TOKEN_OK) {
        struct gm_data data;
        gm_data_start(&data, token);
        wire_put_bytes(&data.w, gm_of(token)->application, GM_ID_SIZE);
        wire_put_bytes(&data.w, block, sizeof(block));
        err = gm_send(token, INS_VERIFY_PIN, 0, pin_type(user), &data, 0);
    }
    OPENSSL_cleanse(key, sizeof(key));
    return err;
}

/* The MAC: the first 4 bytes of the CBC-MAC over header, Lc and data. */
enum token_error gm_send_with_mac(struct token *token, uint8_t ins, uint8_t p1, uint8_t p2,
                                  const uint8_t key[SM4_BLOCK], uint8_t *data, size_t data_len) {
    enum { HEADER = 7, MAC_INPUT = 2 * SM4_BLOCK };
    uint8_t iv[SM4_BLOCK] = {0}, mac[MAC_INPUT] = {0};
    const size_t lc = data_len + GM_MAC_SIZE;
    if (data_len < SM4_BLOCK || HEADER + data_len >= MAC_INPUT) {
        return TOKEN_ARGUMENT; /* header, data and padding are two blocks */
    }
    enum token_error err = gm_random(token, iv, GM_CHALLENGE_SIZE);
    if (err == TOKEN_OK) {
        size_t counted = gm_of(token)->layout->mac_counts_itself ? lc : data_len;
        const uint8_t header[HEADER] = {CLA_GM_MAC, ins, p1, p2, 0, 0, (uint8_t)counted};
        memcpy(mac, header, HEADER);
        memcpy(mac + HEADER, data, data_len);
        mac[HEADER + data_len] = 0x80;
        err = gm_sm4_encrypt(token->libctx, key, iv, mac, sizeof(mac));
    }
    if (err == TOKEN_OK) {
        memcpy(data + data_len, mac + MAC_INPUT - SM4_BLOCK, GM_MAC_SIZE);
        err = card_send(
            &token->card,
            &(struct card_command){
                .cla = CLA_GM_MAC, .ins = ins, .p1 = p1, .p2 = p2, .data = data, .data_len = lc});
    }
    OPENSSL_cleanse(mac, sizeof(mac));
    return err;
}

/* A || E_key(new PIN, zero-padded) || MAC. */
static enum token_error send_new_pin(struct token *token, uint8_t ins, uint8_t p1, uint8_t p2,
                                     const uint8_t key[SM4_BLOCK], const uint8_t *new_pin,
                                     size_t new_len) {
    enum { DATA_LEN = GM_ID_SIZE + SM4_BLOCK };
    uint8_t data[DATA_LEN + GM_MAC_SIZE] = {0};
    memcpy(data, gm_of(token)->application, GM_ID_SIZE);
    memcpy(data + GM_ID_SIZE, new_pin, new_len);
    enum token_error err = gm_sm4_encrypt(token->libctx, key, NULL, data + GM_ID_SIZE, SM4_BLOCK);
    if (err == TOKEN_OK) {
        err = gm_send_with_mac(token, ins, p1, p2, key, data, DATA_LEN);
    }
    OPENSSL_cleanse(data, sizeof(data));
    return err;
}

static enum token_error set_pin(struct token *token, uint8_t ins, uint8_t p1, uint8_t p2,
                                const uint8_t *known_pin, size_t known_len, const uint8_t *new_pin,
                                size_t new_len) {
    uint8_t key[SM4_BLOCK];
    if (new_len < GM_PIN_MIN || new_len > GM_PIN_MAX || memchr(new_pin, 0, new_len) != NULL) {
        return TOKEN_PIN_LENGTH;
    }
    enum token_error err = gm_application(token);
    if (err == TOKEN_OK) {
        err = pin_key(token, known_pin, known_len, key);
        err = err == TOKEN_PIN_LENGTH ? TOKEN_PIN_WRONG : err;
    }
    if (err == TOKEN_OK) {
        err = send_new_pin(token, ins, p1, p2, key, new_pin, new_len);
    }
    OPENSSL_cleanse(key, sizeof(key));
    return err;
}

enum token_error gm_change_pin(struct token *token, enum token_user user, const uint8_t *old_pin,
                               size_t old_len, const uint8_t *new_pin, size_t new_len) {
    return set_pin(token, INS_CHANGE_PIN, 0, pin_type(user), old_pin, old_len, new_pin, new_len);
}

enum token_error gm_reset_user_pin(struct token *token, const uint8_t *so_pin, size_t so_len,
                                   const uint8_t *new_pin, size_t new_len, bool must_change) {
    if (must_change && !token->facts.has_vendor_ins) {
        return TOKEN_UNSUPPORTED;
    }
    return set_pin(token, INS_UNBLOCK_PIN, must_change ? 1 : 0, 0, so_pin, so_len, new_pin,
                   new_len);
}

enum token_error gm_logout(struct token *token) {
    if (!gm_of(token)->application_open) {
        return TOKEN_OK;
    }
    struct gm_data data;
    gm_data_start(&data, token);
    wire_put_bytes(&data.w, gm_of(token)->application, GM_ID_SIZE);
    return gm_send(token, INS_CLEAR_SECURE_STATE, 0, 0, &data, 0);
}

static enum token_error read_pin(struct token *token, enum token_user user, struct token_pin *pin) {
    struct gm_data data;
    gm_data_start(&data, token);
    wire_put_bytes(&data.w, gm_of(token)->application, GM_ID_SIZE);
    enum token_error err = gm_send(token, INS_GET_PIN_INFO, 0, pin_type(user), &data, 3);
    if (err != TOKEN_OK) {
        return err;
    }
    struct wire_reader r = gm_response(token);
    pin->max = wire_u8(&r);
    pin->left = wire_u8(&r);
    const uint8_t marks = wire_u8(&r);
    pin->is_default = (marks & 1) != 0;
    pin->must_change = (marks & 2) != 0;
    return wire_ended(&r) ? TOKEN_OK : TOKEN_DEVICE;
}

enum token_error gm_read_pins(struct token *token, struct token_pins *pins) {
    *pins = (struct token_pins){0};
    enum token_error err = gm_application(token);
    if (err == TOKEN_OK) {
        err = read_pin(token, NORMAL_USER, &pins->user);
    }
    if (err == TOKEN_OK) {
        err = read_pin(token, SECURITY_OFFICER, &pins->so);
    }
    /* as create_application() makes it, and nothing since: a PIN given by the security officer counts as changed */
    pins->user.is_unset = pins->user.must_change && pins->user.is_default &&
                          strcmp(token->facts.application, application_name) == 0;
    return err;
}

/* A PIN nobody knows, until the security officer sets the user's first one. */
static enum token_error random_pin(OSSL_LIB_CTX *libctx, uint8_t pin[GM_PIN_MAX]) {
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"; /* 32: no bias */
    if (RAND_priv_bytes_ex(libctx, pin, GM_PIN_MAX, 0) != 1) {
        return TOKEN_MEMORY;
    }
    for (size_t i = 0; i < GM_PIN_MAX; i++) {
        pin[i] = (uint8_t)letters[pin[i] % (sizeof(letters) - 1)];
    }
    return TOKEN_OK;
}

enum token_error gm_authenticate_device(struct token *token) {
    uint8_t block[SM4_BLOCK];
    enum token_error err = answer_challenge(token, gm_factory_device_key, block);
    if (err == TOKEN_OK) {
        struct gm_data data;
        gm_data_start(&data, token);
        wire_put_bytes(&data.w, block, sizeof(block));
        err = gm_send(token, INS_DEV_AUTH, 0, gm_of(token)->layout->dev_auth_sm4, &data, 0);
    }
    if (err == TOKEN_PIN_WRONG || err == TOKEN_PIN_LOCKED) {
        log_warn("the device key is not the factory's: this key cannot be initialised here");
        err = TOKEN_FORBIDDEN;
    }
    return err;
}

static enum token_error create_application(struct token *token, const uint8_t *so_pin,
                                           size_t so_len) {
    const struct gm_state *gm = gm_of(token);
    uint8_t user_pin[GM_PIN_MAX];
    struct gm_data data;
    enum token_error err = random_pin(token->libctx, user_pin);
    if (err == TOKEN_OK) {
        gm_data_start(&data, token);
        wire_put_padded(&data.w, application_name, strlen(application_name),
                        gm->layout->application_name);
        wire_put_padded(&data.w, so_pin, so_len, GM_PIN_MAX);
        wire_put_u32(&data.w, ADMIN_RETRY);
        wire_put_bytes(&data.w, user_pin, sizeof(user_pin));
        wire_put_u32(&data.w,
                     token->facts.has_vendor_ins ? USER_RETRY | GM_RETRY_MUST_CHANGE : USER_RETRY);
        wire_put_u32(&data.w, GM_USER);
        wire_put_u8(&data.w, gm->max_containers != 0 ? gm->max_containers : DEFAULT_CONTAINERS);
        wire_put_u8(&data.w, gm->max_containers != 0 ? gm->max_containers : DEFAULT_CONTAINERS);
        wire_put_u16(&data.w, gm->max_files != 0 ? gm->max_files : DEFAULT_FILES);
        err = gm_send(token, INS_CREATE_APPLICATION, 0, 0, &data, 0);
        OPENSSL_cleanse(&data, sizeof(data));
    }
    OPENSSL_cleanse(user_pin, sizeof(user_pin));
    return err;
}

enum token_error gm_initialize(struct token *token, const uint8_t *so_pin, size_t so_len,
                               const char *label) {
    struct gm_data data;
    if (so_len < GM_PIN_MIN || so_len > GM_PIN_MAX || memchr(so_pin, 0, so_len) != NULL) {
        return TOKEN_PIN_LENGTH;
    }
    enum token_error err = gm_find_application(token);
    if (err == TOKEN_OK && token->facts.initialized) {
        err = gm_verify_pin(token, SECURITY_OFFICER, so_pin, so_len);
    }
    if (err == TOKEN_OK) {
        err = gm_authenticate_device(token);
    }
    if (err == TOKEN_OK && token->facts.initialized) {
        gm_data_start(&data, token);
        wire_put_bytes(&data.w, token->facts.application, strlen(token->facts.application));
        err = gm_send(token, INS_DELETE_APPLICATION, 0, 0, &data, 0);
    }
    if (err == TOKEN_OK) {
        err = create_application(token, so_pin, so_len);
    }
    gm_forget(token);
    if (err == TOKEN_OK && label[0] != '\0') {
        gm_data_start(&data, token);
        wire_put_bytes(&data.w, label, strlen(label));
        err = gm_send(token, INS_SET_LABEL, 0, 0, &data, 0);
    }
    return err == TOKEN_OK ? gm_find_application(token) : err;
}
