/* Compact JWS: made, read, verified. */
#include "module/formats/jws.h"

#include "module/formats/base64.h"
#include "module/formats/canonical_json.h"
#include "module/formats/der.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { SHA256_SIZE = 32 };

/* ---- making ---- */

/* SHA-256 of a certificate in base64url; NULL: memory. */
static char *thumbprint(OSSL_LIB_CTX *libctx, const unsigned char *der, size_t len) {
    unsigned char digest[SHA256_SIZE];
    return EVP_Q_digest(libctx, "SHA256", NULL, der, len, digest, NULL) == 1
               ? base64url_encode(digest, sizeof digest)
               : NULL;
}

static json_t *header_json(OSSL_LIB_CTX *libctx, const struct signed_facts *facts,
                           const unsigned char *certificate, size_t len) {
    char *der = base64_encode(certificate, len);
    char *print = thumbprint(libctx, certificate, len);
    json_t *header =
        der != NULL && print != NULL
            ? json_pack("{s:s, s:I, s:s*, s:s*, s:s*, s:[s], s:s}", "alg",
                        signature_scheme_facts(facts->scheme)->jws_name, "iat",
                        (json_int_t)facts->signing_time, "nonce", facts->nonce, "origin",
                        facts->origin, "purpose", facts->purpose, "x5c", der, "x5t#S256", print)
            : NULL;
    free(der);
    free(print);
    return header;
}

/* a "." b */
static enum formats_error join(const char *a, const char *b, struct octets *out) {
    size_t a_len = strlen(a), b_len = strlen(b);
    out->len = 0;
    out->data = malloc(a_len + 1 + b_len + 1);
    if (out->data == NULL)
        return FORMATS_MEMORY;
    memcpy(out->data, a, a_len);
    out->data[a_len] = '.';
    memcpy(out->data + a_len + 1, b, b_len);
    out->len = a_len + 1 + b_len;
    out->data[out->len] = '\0';
    return FORMATS_OK;
}

enum formats_error jws_message_begin(OSSL_LIB_CTX *libctx, const struct signed_facts *facts,
                                     const unsigned char *certificate, size_t certificate_len,
                                     const struct octets *payload, struct octets *to_be_signed) {
    struct octets header_bytes = {NULL, 0};
    *to_be_signed = (struct octets){NULL, 0};
    if (signature_scheme_facts(facts->scheme)->jws_name == NULL)
        return FORMATS_UNSUPPORTED;
    if (payload->len > SIGNED_CONTENT_MAX)
        return FORMATS_TOO_LARGE;
    json_t *header = header_json(libctx, facts, certificate, certificate_len);
    enum formats_error error =
        header != NULL ? canonical_json_write(header, &header_bytes) : FORMATS_MEMORY;
    char *first =
        error == FORMATS_OK ? base64url_encode(header_bytes.data, header_bytes.len) : NULL;
    char *second = base64url_encode(payload->len > 0 ? payload->data : (const unsigned char *)"",
                                    payload->len);
    if (error == FORMATS_OK)
        error =
            first != NULL && second != NULL ? join(first, second, to_be_signed) : FORMATS_MEMORY;
    free(first);
    free(second);
    octets_free(&header_bytes);
    json_decref(header);
    return error;
}

enum formats_error jws_message_assemble(OSSL_LIB_CTX *libctx, enum signature_scheme scheme,
                                        const struct octets *to_be_signed,
                                        const struct octets *signature, bool detached,
                                        struct octets *out) {
    struct octets raw = {NULL, 0}, whole = {NULL, 0};
    struct jws_message *message = NULL;
    *out = (struct octets){NULL, 0};
    enum formats_error error = signature_to_raw(scheme, signature->data, signature->len, &raw);
    char *text = error == FORMATS_OK ? base64url_encode(raw.data, raw.len) : NULL;
    if (error == FORMATS_OK)
        error =
            text != NULL ? join((const char *)to_be_signed->data, text, &whole) : FORMATS_MEMORY;
    if (error == FORMATS_OK)
        error = jws_message_parse(libctx, (const char *)whole.data, whole.len, &message);
    if (error == FORMATS_OK)
        error = jws_message_verify(message, NULL);
    if (error == FORMATS_OK && detached) {
        size_t header_len =
            (size_t)(strchr((const char *)whole.data, '.') - (char *)whole.data) + 1;
        memmove(whole.data + header_len, whole.data + to_be_signed->len,
                whole.len - to_be_signed->len + 1);
        whole.len -= to_be_signed->len - header_len;
    }
    if (error == FORMATS_OK) {
        *out = whole;
        whole = (struct octets){NULL, 0};
    }
    jws_message_free(message);
    octets_free(&whole);
    octets_free(&raw);
    free(text);
    return error;
}

/* ---- reading ---- */

/* A text member of the header; absent is fine. */
static enum formats_error text_read(const json_t *header, const char *name, char **out) {
    const json_t *value = json_object_get(header, name);
    if (value == NULL)
        return FORMATS_OK;
    const char *text = json_string_value(value);
    if (text == NULL || json_string_length(value) > SIGNED_TEXT_MAX ||
        strlen(text) != json_string_length(value))
        return FORMATS_MALFORMED;
    *out = strdup(text);
    return *out != NULL ? FORMATS_OK : FORMATS_MEMORY;
}

/* x5c: the signer's certificate, then those above it. */
static enum formats_error certificates_read(struct jws_message *message, const json_t *list) {
    size_t i;
    json_t *entry;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return FORMATS_UNSUPPORTED;
    if (json_array_size(list) > SIGNED_CERTIFICATES_MAX)
        return FORMATS_TOO_LARGE;
    json_array_foreach(list, i, entry) {
        struct octets der = {NULL, 0};
        X509 *x509 = NULL;
        if (json_is_string(entry) &&
            base64_decode(json_string_value(entry), json_string_length(entry), &der) == FORMATS_OK)
            x509 = der_x509(message->libctx, der.data, der.len);
        if (x509 != NULL && i == 0) {
            message->signer = x509;
            message->signer_der = der;
            continue;
        }
        octets_free(&der);
        if (x509 == NULL)
            return FORMATS_MALFORMED;
        if (sk_X509_push(message->others, x509) <= 0) {
            X509_free(x509);
            return FORMATS_MEMORY;
        }
    }
    return FORMATS_OK;
}

/* alg is one that we know, and fits the key. */
static enum formats_error scheme_read(struct jws_message *message, const json_t *header) {
    const char *alg = json_string_value(json_object_get(header, "alg"));
    bool is_pss = alg != NULL && strcmp(alg, "PS256") == 0;
    enum formats_error error =
        signature_scheme_of_key(X509_get0_pubkey(message->signer), is_pss, &message->scheme);
    if (error != FORMATS_OK)
        return error;
    const char *name = signature_scheme_facts(message->scheme)->jws_name;
    return alg != NULL && name != NULL && strcmp(alg, name) == 0 ? FORMATS_OK : FORMATS_UNSUPPORTED;
}

static enum formats_error header_read(struct jws_message *message, const json_t *header) {
    const json_t *time = json_object_get(header, "iat");
    const char *print = json_string_value(json_object_get(header, "x5t#S256"));
    if (json_object_get(header, "crit") != NULL || json_object_get(header, "b64") != NULL)
        return FORMATS_UNSUPPORTED;
    enum formats_error error = certificates_read(message, json_object_get(header, "x5c"));
    if (error == FORMATS_OK)
        error = scheme_read(message, header);
    if (error == FORMATS_OK)
        error = text_read(header, "nonce", &message->nonce);
    if (error == FORMATS_OK)
        error = text_read(header, "origin", &message->origin);
    if (error == FORMATS_OK)
        error = text_read(header, "purpose", &message->purpose);
    if (error != FORMATS_OK)
        return error;
    message->has_time = json_is_integer(time);
    message->signing_time = json_integer_value(time);
    if (json_object_get(header, "x5t#S256") == NULL)
        return FORMATS_OK;
    char *own = thumbprint(message->libctx, message->signer_der.data, message->signer_der.len);
    bool agrees = own != NULL && print != NULL && strcmp(own, print) == 0;
    free(own);
    return agrees ? FORMATS_OK : FORMATS_MISMATCH;
}

/* The header's JSON; NULL: it is none. */
static json_t *header_parse(const char *text, size_t len) {
    struct octets bytes = {NULL, 0};
    json_t *header = NULL;
    if (len <= JWS_HEADER_MAX && base64url_decode(text, len, &bytes) == FORMATS_OK)
        header = json_loadb(bytes.len > 0 ? (const char *)bytes.data : "", bytes.len,
                            JSON_REJECT_DUPLICATES, NULL);
    octets_free(&bytes);
    if (!json_is_object(header)) {
        json_decref(header);
        header = NULL;
    }
    return header;
}

static enum formats_error parts_read(struct jws_message *message, const char *text, size_t len) {
    const char *first = memchr(text, '.', len);
    const char *second =
        first != NULL ? memchr(first + 1, '.', len - (size_t)(first + 1 - text)) : NULL;
    struct octets raw = {NULL, 0};
    if (second == NULL)
        return FORMATS_MALFORMED;
    size_t header_len = (size_t)(first - text), payload_len = (size_t)(second - first - 1);
    json_t *header = header_parse(text, header_len);
    if (header == NULL)
        return FORMATS_MALFORMED;
    enum formats_error error = header_read(message, header);
    json_decref(header);
    message->has_payload = payload_len > 0;
    if (error == FORMATS_OK)
        error = base64url_decode(first + 1, payload_len, &message->payload);
    if (error == FORMATS_OK)
        error = base64url_decode(second + 1, len - (size_t)(second + 1 - text), &raw);
    if (error == FORMATS_OK)
        error = signature_to_der(message->scheme, raw.data, raw.len, &message->signature);
    if (error == FORMATS_OK)
        error = octets_copy(&message->signed_bytes, text, header_len + 1 + payload_len);
    octets_free(&raw);
    return error;
}

enum formats_error jws_message_parse(OSSL_LIB_CTX *libctx, const char *text, size_t len,
                                     struct jws_message **out) {
    *out = NULL;
    if (len > JWS_MAX)
        return FORMATS_TOO_LARGE;
    struct jws_message *message = calloc(1, sizeof *message);
    if (message == NULL)
        return FORMATS_MEMORY;
    message->libctx = libctx;
    message->others = sk_X509_new_null();
    enum formats_error error =
        message->others != NULL ? parts_read(message, text, len) : FORMATS_MEMORY;
    if (error == FORMATS_OK)
        *out = message;
    else
        jws_message_free(message);
    return error;
}

void jws_message_free(struct jws_message *message) {
    if (message == NULL)
        return;
    X509_free(message->signer);
    sk_X509_pop_free(message->others, X509_free);
    octets_free(&message->payload);
    octets_free(&message->signer_der);
    octets_free(&message->signed_bytes);
    octets_free(&message->signature);
    free(message->nonce);
    free(message->origin);
    free(message->purpose);
    free(message);
}

enum formats_error jws_message_verify(const struct jws_message *message,
                                      const struct octets *payload) {
    struct octets whole = message->signed_bytes;
    char *text = NULL;
    if (!message->has_payload && payload == NULL)
        return FORMATS_ARGUMENT;
    if (message->has_payload && payload != NULL && !octets_equal(payload, &message->payload))
        return FORMATS_MISMATCH;
    if (!message->has_payload) {
        char *encoded = base64url_encode(
            payload->len > 0 ? payload->data : (const unsigned char *)"", payload->len);
        size_t encoded_len = encoded != NULL ? strlen(encoded) : 0;
        text = encoded != NULL ? malloc(whole.len + encoded_len + 1) : NULL;
        if (text == NULL) {
            free(encoded);
            return FORMATS_MEMORY;
        }
        memcpy(text, whole.data, whole.len);
        memcpy(text + whole.len, encoded, encoded_len);
        text[whole.len + encoded_len] = '\0';
        whole = (struct octets){(unsigned char *)text, whole.len + encoded_len};
        free(encoded);
    }
    enum formats_error error =
        signature_verify(message->libctx, message->scheme, X509_get0_pubkey(message->signer),
                         whole.data, whole.len, message->signature.data, message->signature.len);
    free(text);
    return error;
}
