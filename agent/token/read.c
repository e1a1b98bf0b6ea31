/* Reading a key: certificates, files, public keys. */
#include <stdlib.h>
#include <string.h>

#include "agent/log.h"
#include "agent/token/plugged.h"
#include "module/formats/seal.h"
#include "module/formats/sm2.h"

enum { FILE_MAX = SEAL_MAX };

static enum token_error read_key_id(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                                    CK_OBJECT_HANDLE object, struct token_key_id *id) {
    struct octets bytes;
    *id = (struct token_key_id){.len = 0};
    enum token_error error =
        cryptoki_read(cryptoki, session, object, CKA_ID, TOKEN_KEY_ID_MAX, &bytes);
    if (error)
        return error == TOKEN_NOT_FOUND ? TOKEN_OK : error;
    id->len = bytes.len;
    if (bytes.len)
        memcpy(id->bytes, bytes.data, bytes.len);
    octets_free(&bytes);
    return TOKEN_OK;
}

/* Is there a key pair of that CKA_ID? Private keys are hidden before login, so the public half counts too. */
static bool has_key(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                    struct token_key_id *id) {
    static const CK_OBJECT_CLASS classes[] = {CKO_PUBLIC_KEY, CKO_PRIVATE_KEY};
    if (id->len == 0)
        return false;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        CK_OBJECT_CLASS class = classes[i];
        CK_OBJECT_HANDLE object;
        CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_ID, id->bytes, id->len}};
        if (cryptoki_find_one(cryptoki, session, template, 2, &object) == TOKEN_OK)
            return true;
    }
    return false;
}

/* The certificate of these bytes: one that was seen before, or parsed now. NULL: none that we understand. */
static struct certificate *parse(const struct token_certificates *seen, const struct octets *der) {
    struct certificate *certificate = NULL;
    for (size_t i = 0; i < seen->count; i++) {
        if (octets_equal(&seen->list[i].certificate->der, der))
            return certificate_keep(seen->list[i].certificate);
    }
    return certificate_parse(NULL, der->data, der->len, &certificate) == FORMATS_OK ? certificate
                                                                                    : NULL;
}

static enum token_error read_label(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                                   CK_OBJECT_HANDLE object, char label[TOKEN_LABEL_MAX]) {
    struct octets text = {0};
    enum token_error error =
        cryptoki_read(cryptoki, session, object, CKA_LABEL, TOKEN_LABEL_MAX - 1, &text);
    if (text.len)
        memcpy(label, text.data, text.len);
    label[text.len] = '\0';
    octets_free(&text);
    return error == TOKEN_FAILED ? TOKEN_OK : error; /* another maker's may have none */
}

/* Read one certificate object. TOKEN_NOT_FOUND: it is none that we understand. */
static enum token_error read_certificate(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                                         CK_OBJECT_HANDLE object,
                                         const struct token_certificates *seen,
                                         struct token_certificate *out) {
    struct octets value;
    *out = (struct token_certificate){0};
    enum token_error error =
        cryptoki_read(cryptoki, session, object, CKA_VALUE, CERTIFICATE_MAX, &value);
    if (error)
        return error == TOKEN_FAILED ? TOKEN_NOT_FOUND : error;
    out->certificate = parse(seen, &value);
    if (!out->certificate)
        error = TOKEN_NOT_FOUND;
    octets_free(&value);
    if (!error)
        error = read_key_id(cryptoki, session, object, &out->key_id);
    if (!error)
        error = read_label(cryptoki, session, object, out->label);
    if (!error)
        out->has_key = has_key(cryptoki, session, &out->key_id);
    if (error) {
        certificate_free(out->certificate);
        out->certificate = NULL;
    }
    return error;
}

/* Remember what has been read; without memory for that, it is parsed again next time. The token is locked. */
static void remember(struct token *token, const struct token_certificates *read) {
    struct token_certificates now = {0};
    now.list = read->count ? calloc(read->count, sizeof *now.list) : NULL;
    for (; now.list && now.count < read->count; now.count++)
        now.list[now.count].certificate = certificate_keep(read->list[now.count].certificate);
    token_certificates_free(&token->seen);
    token->seen = now;
}

enum token_error token_read_certificates(struct token *token, struct token_certificates *out) {
    const struct cryptoki *cryptoki = &token->owner->cryptoki;
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}};
    CK_OBJECT_HANDLE objects[TOKEN_OBJECTS_MAX];
    CK_SESSION_HANDLE session;
    size_t found = 0;
    *out = (struct token_certificates){0};
    enum token_error error = token_begin(token, false, &session);
    if (error)
        return error;
    error = cryptoki_find(cryptoki, session, template, 1, objects, &found);
    if (!error && found > 0) {
        out->list = calloc(found, sizeof *out->list);
        if (!out->list)
            error = TOKEN_MEMORY;
    }
    for (size_t i = 0; i < found && !error; i++) {
        error =
            read_certificate(cryptoki, session, objects[i], &token->seen, &out->list[out->count]);
        if (!error)
            out->count++;
        else if (error == TOKEN_NOT_FOUND)
            error = TOKEN_OK; /* not one of ours to show */
    }
    if (!error)
        remember(token, out);
    return token_end(token, session, error);
}

void token_certificates_free(struct token_certificates *certificates) {
    for (size_t i = 0; i < certificates->count; i++)
        certificate_free(certificates->list[i].certificate);
    free(certificates->list);
    *certificates = (struct token_certificates){0};
}

static bool ends_with(const struct octets *text, const char *suffix) {
    size_t len = strlen(suffix);
    return text->len > len && memcmp(text->data + text->len - len, suffix, len) == 0;
}

/* Read one data object if its label ends with `suffix`; else TOKEN_NOT_FOUND. */
static enum token_error read_file(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                                  CK_OBJECT_HANDLE object, const char *suffix,
                                  struct token_file *out) {
    struct octets label;
    *out = (struct token_file){0};
    enum token_error error =
        cryptoki_read(cryptoki, session, object, CKA_LABEL, TOKEN_LABEL_MAX - 1, &label);
    if (error)
        return error == TOKEN_FAILED ? TOKEN_NOT_FOUND : error;
    if (!ends_with(&label, suffix) || memchr(label.data, '\0', label.len)) {
        error = TOKEN_NOT_FOUND;
    } else {
        memcpy(out->name, label.data, label.len);
        error = cryptoki_read(cryptoki, session, object, CKA_VALUE, FILE_MAX, &out->content);
    }
    octets_free(&label);
    return error;
}

enum token_error token_read_files(struct token *token, const char *suffix,
                                  struct token_files *out) {
    const struct cryptoki *cryptoki = &token->owner->cryptoki;
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}};
    CK_OBJECT_HANDLE objects[TOKEN_OBJECTS_MAX];
    CK_SESSION_HANDLE session;
    size_t found = 0;
    *out = (struct token_files){0};
    enum token_error error = token_begin(token, false, &session);
    if (error)
        return error;
    error = cryptoki_find(cryptoki, session, template, 1, objects, &found);
    if (!error && found > 0) {
        out->list = calloc(found, sizeof *out->list);
        if (!out->list)
            error = TOKEN_MEMORY;
    }
    for (size_t i = 0; i < found && !error; i++) {
        error = read_file(cryptoki, session, objects[i], suffix, &out->list[out->count]);
        if (!error)
            out->count++;
        else if (error == TOKEN_NOT_FOUND)
            error = TOKEN_OK;
    }
    return token_end(token, session, error);
}

void token_files_free(struct token_files *files) {
    for (size_t i = 0; i < files->count; i++)
        octets_free(&files->list[i].content);
    free(files->list);
    *files = (struct token_files){0};
}

enum token_error token_read_file(struct token *token, const char *name, struct octets *content) {
    const struct cryptoki *cryptoki = &token->owner->cryptoki;
    CK_OBJECT_CLASS class = CKO_DATA;
    char label[TOKEN_LABEL_MAX];
    CK_OBJECT_HANDLE object;
    CK_SESSION_HANDLE session;
    *content = (struct octets){0};
    size_t len = strnlen(name, sizeof label);
    if (len == 0 || len == sizeof label)
        return TOKEN_NOT_FOUND;
    memcpy(label, name, len);
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, label, len}};
    enum token_error error = token_begin(token, false, &session);
    if (error)
        return error;
    error = cryptoki_find_one(cryptoki, session, template, 2, &object);
    if (!error)
        error = cryptoki_read(cryptoki, session, object, CKA_VALUE, FILE_MAX, content);
    return token_end(token, session, error);
}

enum token_error token_find_pair(struct token *token, const char *label, enum token_usage usage,
                                 struct token_pair *pair) {
    const struct cryptoki *cryptoki = &token->owner->cryptoki;
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_BBOOL verifies = usage == TOKEN_USE_SIGN ? CK_TRUE : CK_FALSE;
    char name[TOKEN_LABEL_MAX];
    CK_OBJECT_HANDLE object;
    CK_SESSION_HANDLE session;
    *pair = (struct token_pair){0};
    size_t len = strnlen(label, sizeof name);
    if (len == 0 || len == sizeof name)
        return TOKEN_NOT_FOUND;
    memcpy(name, label, len);
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class},
                               {CKA_LABEL, name, len},
                               {CKA_VERIFY, &verifies, sizeof verifies}};
    enum token_error error = token_begin(token, false, &session);
    if (error)
        return error;
    error = cryptoki_find_one(cryptoki, session, template, 3, &object);
    if (!error)
        error = read_key_id(cryptoki, session, object, &pair->id);
    if (!error)
        error = token_object_spki(cryptoki, session, object, &pair->spki);
    return token_end(token, session, error);
}

/* ---- a key pair by its public key; whether there is anything ---- */

static enum token_error key_is(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                               CK_OBJECT_HANDLE object, const struct octets *spki, bool *is_it) {
    struct octets there = {0};
    enum token_error error = token_object_spki(cryptoki, session, object, &there);
    *is_it = !error && octets_equal(&there, spki);
    octets_free(&there);
    return error == TOKEN_MEMORY || error == TOKEN_REMOVED ? error : TOKEN_OK;
}

static enum token_error describe_key(const struct cryptoki *cryptoki, CK_SESSION_HANDLE session,
                                     CK_OBJECT_HANDLE object, char *label, struct token_pair *pair,
                                     const struct octets *spki) {
    enum token_error error = read_label(cryptoki, session, object, label);
    if (!error)
        error = read_key_id(cryptoki, session, object, &pair->id);
    if (!error && octets_copy(&pair->spki, spki->data, spki->len) != FORMATS_OK)
        error = TOKEN_MEMORY;
    return error;
}

enum token_error token_find_key(struct token *token, const struct octets *spki,
                                enum token_usage usage, char *label, struct token_pair *pair) {
    const struct cryptoki *cryptoki = &token->owner->cryptoki;
    CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
    CK_BBOOL verifies = usage == TOKEN_USE_SIGN ? CK_TRUE : CK_FALSE;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class},
                               {CKA_VERIFY, &verifies, sizeof verifies}};
    CK_OBJECT_HANDLE objects[TOKEN_OBJECTS_MAX];
    CK_SESSION_HANDLE session;
    size_t found = 0;
    bool is_it = false;
    *pair = (struct token_pair){0};
    label[0] = '\0';
    enum token_error error = token_begin(token, false, &session);
    if (error)
        return error;
    error = cryptoki_find(cryptoki, session, template, 2, objects, &found);
    for (size_t i = 0; i < found && !error && !is_it; i++) {
        error = key_is(cryptoki, session, objects[i], spki, &is_it);
        if (!error && is_it)
            error = describe_key(cryptoki, session, objects[i], label, pair, spki);
    }
    return token_end(token, session, error ? error : is_it ? TOKEN_OK : TOKEN_NOT_FOUND);
}

enum token_error token_is_empty(struct token *token, const char *label, bool *is_empty) {
    static const CK_OBJECT_CLASS classes[] = {CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY,
                                              CKO_DATA};
    const struct cryptoki *cryptoki = &token->owner->cryptoki;
    CK_OBJECT_HANDLE objects[TOKEN_OBJECTS_MAX];
    CK_SESSION_HANDLE session;
    size_t label_len = strlen(label);
    *is_empty = true;
    enum token_error error = token_begin(token, false, &session);
    if (error)
        return error;
    for (size_t i = 0; i < sizeof classes / sizeof *classes && !error; i++) {
        CK_OBJECT_CLASS class = classes[i];
        CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}};
        size_t found = 0;
        error = cryptoki_find(cryptoki, session, template, 1, objects, &found);
        for (size_t j = 0; j < found && !error; j++) {
            struct octets text = {0};
            error =
                cryptoki_read(cryptoki, session, objects[j], CKA_LABEL, TOKEN_LABEL_MAX - 1, &text);
            if (!error && (text.len != label_len || memcmp(text.data, label, label_len) != 0))
                *is_empty = false;
            octets_free(&text);
        }
    }
    return token_end(token, session, error);
}
