/* The GM driver's containers: their key pairs and certificates. */
#include "module/token/gm_internal.h"

#include "module/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SM2_BITS = 256, RSA_BITS = 2048, ENVELOPE_VERSION = 1 };

/* A container's two pairs are described by one command: what it said is kept until something is sent that changes it. */
static enum token_error container_info(struct token *token, const char *name,
                                       struct gm_container_info *info) {
    struct gm_state *gm = gm_of(token);
    if (name[0] != '\0' && strcmp(gm->described, name) == 0) {
        *info = gm->info;
        return TOKEN_OK;
    }
    struct gm_data data;
    gm_data_start(&data, token);
    wire_put_bytes(&data.w, gm_of(token)->application, GM_ID_SIZE);
    wire_put_bytes(&data.w, name, strlen(name));
    enum token_error err = gm_send(token, INS_GET_CONTAINER_INFO, 0, 0, &data, 11);
    if (err != TOKEN_OK) {
        return err;
    }
    struct wire_reader r = gm_response(token);
    info->type = wire_u8(&r);
    info->sign_bits = wire_u32(&r);
    info->enc_bits = wire_u32(&r);
    info->sign_certificate = wire_u8(&r) != 0;
    info->enc_certificate = wire_u8(&r) != 0;
    if (!wire_ended(&r) || info->type > GM_CONTAINER_ECC) {
        return TOKEN_DEVICE;
    }
    snprintf(gm->described, sizeof(gm->described), "%s", name);
    gm->info = *info;
    return TOKEN_OK;
}

/* The names of all containers, NUL separated, an empty one at the end. The caller frees it. */
static enum token_error container_names(struct token *token, char **out) {
    *out = NULL;
    enum token_error err = gm_application(token);
    if (err != TOKEN_OK) {
        return err;
    }
    struct gm_data data;
    gm_data_start(&data, token);
    wire_put_bytes(&data.w, gm_of(token)->application, GM_ID_SIZE);
    err = gm_send(token, INS_ENUM_CONTAINER, 0, 0, &data, APDU_MAX_DATA);
    if (err != TOKEN_OK) {
        return err;
    }
    struct wire_reader r = gm_response(token);
    char *names = calloc(1, r.len + 2);
    if (names == NULL) {
        return TOKEN_MEMORY;
    }
    bool bad = false;
    char name[GM_CONTAINER_NAME_MAX + 1];
    char *to = names;
    while (gm_next_name(&r, name, GM_CONTAINER_NAME_MAX, &bad) != NULL) {
        size_t len = strlen(name) + 1;
        memcpy(to, name, len);
        to += len;
    }
    if (bad) {
        free(names);
        return TOKEN_DEVICE;
    }
    *out = names;
    return TOKEN_OK;
}

static enum token_error add_place(struct token_key_list *list, const char *container,
                                  enum token_usage usage) {
    struct token_key *items = realloc(list->items, (list->count + 1) * sizeof(*items));
    if (items == NULL) {
        return TOKEN_MEMORY;
    }
    list->items = items;
    struct token_key *key = &items[list->count++];
    *key = (struct token_key){.usage = usage};
    snprintf(key->container, sizeof(key->container), "%s", container);
    return TOKEN_OK;
}

enum token_error gm_list_keys(struct token *token, struct token_key_list *list) {
    *list = (struct token_key_list){NULL, 0};
    gm_of(token)->described[0] = '\0';
    char *names;
    enum token_error err = container_names(token, &names);
    for (const char *name = names; err == TOKEN_OK && *name != '\0'; name += strlen(name) + 1) {
        err = add_place(list, name, USAGE_SIGN);
        if (err == TOKEN_OK) {
            err = add_place(list, name, USAGE_ENC);
        }
    }
    free(names);
    if (err != TOKEN_OK) {
        free(list->items);
        *list = (struct token_key_list){NULL, 0};
    }
    return err;
}

/* An SM2 signing key does not decrypt, an encryption key does not sign; an RSA signing key does both where the card can. */
static unsigned uses_of(const struct token *token, const struct token_key *key) {
    bool is_rsa = key->algorithm == ALGORITHM_RSA;
    unsigned uses = key->usage == USAGE_SIGN ? KEY_SIGNS : 0;
    const struct token_key_kind *kind = token_kind_find(&token->facts, key->algorithm, key->bits);
    unsigned opens = 1U << PRIVATE_RSA_RAW | 1U << PRIVATE_SM2_DECRYPT;
    if ((key->usage == USAGE_ENC || is_rsa) && kind != NULL && (kind->operations & opens) != 0) {
        uses |= KEY_DECRYPTS;
    }
    if (key->usage == USAGE_ENC && !is_rsa) {
        uses |= KEY_DERIVES;
    }
    if (key->usage == USAGE_SIGN && !is_rsa) {
        uses |= KEY_UNWRAPS; /* the envelope of the container's encryption pair */
    }
    return uses;
}

enum token_error gm_describe_key(struct token *token, struct token_key *key) {
    struct gm_container_info info;
    enum token_error err = gm_application(token);
    if (err == TOKEN_OK) {
        err = container_info(token, key->container, &info);
    }
    if (err != TOKEN_OK) {
        return err;
    }
    bool signs = key->usage == USAGE_SIGN;
    key->bits = signs ? info.sign_bits : info.enc_bits;
    if (key->bits == 0 || info.type == GM_CONTAINER_EMPTY) {
        return TOKEN_NOT_FOUND;
    }
    bool certified = signs ? info.sign_certificate : info.enc_certificate;
    key->algorithm = info.type == GM_CONTAINER_RSA ? ALGORITHM_RSA : ALGORITHM_SM2;
    key->certificate = certified ? CERTIFICATE_PRESENT : CERTIFICATE_ABSENT;
    key->has_sibling = info.sign_bits != 0 && info.enc_bits != 0;
    key->is_local = signs;
    key->pin = KEY_PIN_ONCE;
    key->uses = uses_of(token, key);
    key->is_described = true;
    return TOKEN_OK;
}

/* Four bytes that makers write in either order; an RSA exponent is odd, which tells. */
static uint32_t read_exponent(const uint8_t e[4]) {
    uint32_t big = (uint32_t)e[0] << 24 | (uint32_t)e[1] << 16 | (uint32_t)e[2] << 8 | e[3];
    uint32_t little = (uint32_t)e[3] << 24 | (uint32_t)e[2] << 16 | (uint32_t)e[1] << 8 | e[0];
    return (big & 1) != 0 && ((little & 1) == 0 || big <= little) ? big : little;
}

enum token_error gm_read_public_key(struct token *token, const struct token_key *key,
                                    struct token_public_key *out) {
    *out = (struct token_public_key){.algorithm = key->algorithm, .bits = key->bits};
    struct gm_data data;
    enum token_error err = gm_container(token, key->container, &data);
    if (err == TOKEN_OK) {
        err = gm_send(token, INS_EXPORT_PUBLIC_KEY, key->usage == USAGE_SIGN, 0, &data,
                      APDU_MAX_DATA);
    }
    if (err != TOKEN_OK) {
        return err;
    }
    struct wire_reader r = gm_response(token);
    if (key->algorithm == ALGORITHM_SM2) {
        uint32_t bits = wire_u32(&r);
        wire_bytes(&r, out->point.x, SM2_COORD_SIZE);
        wire_bytes(&r, out->point.y, SM2_COORD_SIZE);
        return wire_ended(&r) && bits == SM2_BITS ? TOKEN_OK : TOKEN_DEVICE;
    }
    uint8_t exponent[4];
    out->modulus_len = wire_u16(&r) / 8;
    wire_bytes(&r, exponent, sizeof(exponent));
    out->exponent = read_exponent(exponent);
    if (out->modulus_len != RSA2048_SIZE) {
        return TOKEN_DEVICE;
    }
    wire_bytes(&r, out->modulus, out->modulus_len);
    return wire_ended(&r) && (out->modulus[0] & 0x80) != 0 && out->exponent >= 3 ? TOKEN_OK
                                                                                 : TOKEN_DEVICE;
}

enum token_error gm_read_certificate(struct token *token, const struct token_key *key,
                                     struct octets *out) {
    *out = (struct octets){NULL, 0};
    struct gm_data data;
    enum token_error err = gm_container(token, key->container, &data);
    if (err == TOKEN_OK) {
        err = gm_send(token, INS_EXPORT_CERTIFICATE, key->usage == USAGE_SIGN, 0, &data,
                      APDU_MAX_BODY);
    }
    if (err != TOKEN_OK) {
        return err;
    }
    struct wire_reader r = gm_response(token);
    uint32_t len = wire_u32(&r);
    const uint8_t *der = len > 0 ? wire_view(&r, len) : NULL;
    if (der == NULL || !wire_ended(&r)) {
        return TOKEN_DEVICE;
    }
    return octets_copy(out, der, len) == FORMATS_OK ? TOKEN_OK : TOKEN_MEMORY;
}

enum token_error gm_write_certificate(struct token *token, const struct token_key *key,
                                      const uint8_t *der, size_t len) {
    gm_of(token)->described[0] = '\0';
    struct gm_data data;
    enum token_error err = gm_container(token, key->container, &data);
    if (err != TOKEN_OK) {
        return err;
    }
    if (len > GM_CERT_MAX) {
        return TOKEN_ARGUMENT;
    }
    wire_put_u8(&data.w, key->usage == USAGE_SIGN ? GM_KEY_SIGN : GM_KEY_ENC);
    wire_put_u32(&data.w, (uint32_t)len);
    wire_put_bytes(&data.w, der, len);
    return gm_send(token, INS_IMPORT_CERTIFICATE, 0, 0, &data, 0);
}

enum token_error gm_delete_container(struct token *token, const char *container) {
    gm_of(token)->described[0] = '\0';
    enum token_error err = gm_application(token);
    if (err != TOKEN_OK) {
        return err;
    }
    gm_forget_container(token, container);
    struct gm_data data;
    gm_data_start(&data, token);
    wire_put_bytes(&data.w, gm_of(token)->application, GM_ID_SIZE);
    wire_put_bytes(&data.w, container, strlen(container));
    return gm_send(token, INS_DELETE_CONTAINER, 0, 0, &data, 0);
}

/* What a generation cut short by power loss leaves behind takes one of the few places on the card. */
static enum token_error remove_empty_containers(struct token *token) {
    char *names;
    enum token_error err = container_names(token, &names);
    for (const char *name = names; err == TOKEN_OK && *name != '\0'; name += strlen(name) + 1) {
        struct gm_container_info info;
        gm_of(token)->described[0] = '\0';
        err = container_info(token, name, &info);
        if (err == TOKEN_OK && info.sign_bits == 0 && info.enc_bits == 0) {
            log_info("removing empty container %s", name);
            err = gm_delete_container(token, name);
        }
    }
    free(names);
    return err;
}

enum token_error gm_generate_key(struct token *token, const char *container,
                                 enum token_algorithm algorithm, uint32_t bits) {
    gm_of(token)->described[0] = '\0';
    size_t len = strlen(container);
    const struct token_key_kind *kind = token_kind_find(&token->facts, algorithm, bits);
    if (kind == NULL || !kind->is_generated) {
        return TOKEN_UNSUPPORTED;
    }
    if (len == 0 || len > GM_CONTAINER_NAME_MAX) {
        return TOKEN_ARGUMENT;
    }
    enum token_error err = remove_empty_containers(token);
    if (err != TOKEN_OK) {
        return err;
    }
    struct gm_data data;
    gm_data_start(&data, token);
    wire_put_bytes(&data.w, gm_of(token)->application, GM_ID_SIZE);
    wire_put_bytes(&data.w, container, len);
    err = gm_send(token, INS_CREATE_CONTAINER, 0, 0, &data, GM_ID_SIZE);
    if (err == TOKEN_OK && token->card.response_len != GM_ID_SIZE) {
        err = TOKEN_DEVICE;
    }
    if (err != TOKEN_OK) {
        return err;
    }
    gm_remember_container(token, container, token->card.response);
    err = gm_container(token, container, &data);
    if (err == TOKEN_OK && algorithm == ALGORITHM_SM2) {
        wire_put_u32(&data.w, SM2_BITS);
        err = gm_send(token, INS_GEN_ECC_KEY_PAIR, 0, 0, &data, (size_t)2 * SM2_COORD_SIZE);
    } else if (err == TOKEN_OK) {
        wire_put_u16(&data.w, RSA_BITS);
        err = gm_send(token, INS_GEN_RSA_KEY_PAIR, 0, 0, &data, RSA2048_SIZE + 4);
    }
    if (err != TOKEN_OK && err != TOKEN_REMOVED && err != TOKEN_TIMEOUT) {
        gm_delete_container(token, container);
    }
    return err;
}

/* The three parts of an envelope; layouts have them in different order. */
static void put_cipher(struct wire_writer *w, const struct sm2_envelope *envelope) {
    wire_put_u32(w, SM2_BITS);
    wire_put_bytes(w, envelope->c1.x, SM2_COORD_SIZE);
    wire_put_bytes(w, envelope->c1.y, SM2_COORD_SIZE);
    wire_put_bytes(w, envelope->c3, sizeof(envelope->c3));
    wire_put_u32(w, sizeof(envelope->cipher));
    wire_put_bytes(w, envelope->cipher, sizeof(envelope->cipher));
}

static void put_public(struct wire_writer *w, const struct sm2_envelope *envelope) {
    wire_put_bytes(w, envelope->public_key.x, SM2_COORD_SIZE);
    wire_put_bytes(w, envelope->public_key.y, SM2_COORD_SIZE);
}

static void put_encrypted_private(struct wire_writer *w, const struct sm2_envelope *envelope) {
    wire_put_u32(w, sizeof(envelope->encrypted_private));
    wire_put_bytes(w, envelope->encrypted_private, sizeof(envelope->encrypted_private));
}

enum token_error gm_import_envelope(struct token *token, const char *container,
                                    const struct sm2_envelope *envelope) {
    gm_of(token)->described[0] = '\0';
    struct gm_data data;
    enum token_error err = gm_container(token, container, &data);
    if (err != TOKEN_OK) {
        return err;
    }
    wire_put_u32(&data.w, ENVELOPE_VERSION);
    wire_put_u32(&data.w, envelope->sym_alg);
    if (gm_of(token)->layout->envelope_ends_with_cipher) {
        wire_put_u32(&data.w, SM2_BITS);
        put_encrypted_private(&data.w, envelope);
        put_public(&data.w, envelope);
        put_cipher(&data.w, envelope);
    } else {
        put_cipher(&data.w, envelope);
        wire_put_u32(&data.w, SM2_BITS);
        put_public(&data.w, envelope);
        put_encrypted_private(&data.w, envelope);
    }
    return gm_send(token, INS_IMPORT_ECC_KEY_PAIR, 0, 0, &data, 0);
}

enum token_error gm_import_rsa(struct token *token, const char *container,
                               const struct octets *wrapped, const struct octets *encrypted) {
    gm_of(token)->described[0] = '\0';
    struct gm_data data;
    enum token_error err = gm_container(token, container, &data);
    if (err != TOKEN_OK) {
        return err;
    }
    wire_put_u32(&data.w, GM_SM4_ECB);
    wire_put_u32(&data.w, (uint32_t)wrapped->len);
    wire_put_bytes(&data.w, wrapped->data, wrapped->len);
    wire_put_u32(&data.w, RSA_BITS);
    wire_put_u32(&data.w, (uint32_t)encrypted->len);
    wire_put_bytes(&data.w, encrypted->data, encrypted->len);
    return gm_send(token, INS_IMPORT_RSA_KEY_PAIR, GM_IMPORT_CURRENT, 0, &data, 0);
}

enum token_error gm_retire_signing_key(struct token *token, const char *container) {
    gm_of(token)->described[0] = '\0';
    struct gm_data data;
    if (!token->facts.has_vendor_ins) {
        return TOKEN_UNSUPPORTED;
    }
    enum token_error err = gm_container(token, container, &data);
    return err != TOKEN_OK ? err : gm_send(token, INS_VENDOR_RETIRE_SIGNING_KEY, 0, 0, &data, 0);
}
