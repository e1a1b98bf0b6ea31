/* Creating and destroying token objects. */
#include "module/cryptoki/attributes.h"
#include "module/cryptoki/errors.h"
#include "module/cryptoki/host_keys.h"
#include "module/cryptoki/key_creation.h"
#include "module/cryptoki/sessions.h"
#include "module/cryptoki/templates.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* What writing to the token needs: a read-write session and the user's login. */
static CK_RV may_write(struct session *session) {
    struct token *token = session_token(session);
    if (!session->is_read_write) {
        return CKR_SESSION_READ_ONLY;
    }
    if (token->login != token->facts.writer) {
        return CKR_USER_NOT_LOGGED_IN;
    }
    return rv_from_token(token_look(token));
}

/* True if the certificate carries this pair's public key. */
static CK_RV certifies(struct session *session, EVP_PKEY *certified, struct key_entry *entry,
                       bool *out) {
    const struct token_public_key *public_key;
    *out = false;
    CK_RV rv = rv_from_token(token_object_public_key(session_token(session), entry, &public_key));
    if (rv != CKR_OK) {
        return rv;
    }
    if (public_key->algorithm == ALGORITHM_SM2) {
        struct sm2_point point;
        *out = sm2_key_point(certified, &point) == FORMATS_OK &&
               memcmp(&point, &public_key->point, sizeof(point)) == 0;
        return CKR_OK;
    }
    EVP_PKEY *ours = host_public_key(session->module->libctx, public_key);
    const char *type = public_key->algorithm == ALGORITHM_EC ? "EC" : "RSA";
    *out = ours != NULL && EVP_PKEY_is_a(certified, type) && EVP_PKEY_eq(ours, certified) == 1;
    EVP_PKEY_free(ours);
    return CKR_OK;
}

/* The pair that the certificate belongs to: by CKA_ID first, then any. CKR_TEMPLATE_INCONSISTENT: none, or CKA_ID is
 * another pair's. */
static CK_RV certified_key(struct session *session, EVP_PKEY *certified, const CK_ATTRIBUTE *id,
                           struct token_key *out) {
    struct token_object *keys;
    size_t count;
    CK_RV rv = rv_from_token(
        token_objects_list(session_token(session), OBJECT_PUBLIC_KEY, NULL, &keys, &count));
    bool found = false;
    for (size_t i = 0; i < count && rv == CKR_OK && !found; i++) {
        struct key_entry *entry = keys[i].key;
        bool id_agrees =
            id == NULL || (id->ulValueLen == entry->attributes.id_len &&
                           memcmp(id->pValue, entry->attributes.id, id->ulValueLen) == 0);
        if (id_agrees) {
            rv = certifies(session, certified, entry, &found);
        }
        if (found) {
            *out = entry->key;
        }
    }
    free(keys);
    return rv == CKR_OK && !found ? CKR_TEMPLATE_INCONSISTENT : rv;
}

static CK_RV give_label(struct session *session, struct key_entry *entry, struct template t) {
    char label[ATTRIBUTE_LABEL_MAX + 1];
    if (!token_objects_keep_attributes(session_token(session)) ||
        !template_text(t, CKA_LABEL, label, ATTRIBUTE_LABEL_MAX) ||
        strcmp(label, entry->attributes.label) == 0) {
        return CKR_OK;
    }
    return rv_from_token(
        token_objects_set_attributes(session_token(session), entry, NULL, 0, label));
}

static CK_RV create_certificate(struct session *session, struct template t,
                                CK_OBJECT_HANDLE_PTR out) {
    struct token *token = session_token(session);
    const CK_ATTRIBUTE *value = template_find(t, CKA_VALUE);
    if (value == NULL || value->ulValueLen == 0) {
        return CKR_TEMPLATE_INCOMPLETE;
    }
    CK_RV rv = template_requires_ulong(t, CKA_CERTIFICATE_TYPE, CKC_X_509);
    if (rv != CKR_OK) {
        return rv;
    }
    const unsigned char *at = value->pValue;
    struct token_key key;
    X509 *x509 = X509_new_ex(session->module->libctx, NULL);
    bool parsed = x509 != NULL && d2i_X509(&x509, &at, (long)value->ulValueLen) != NULL &&
                  at == (const unsigned char *)value->pValue + value->ulValueLen;
    EVP_PKEY *certified = parsed ? X509_get0_pubkey(x509) : NULL;
    if (certified == NULL) {
        rv = CKR_ATTRIBUTE_VALUE_INVALID;
    } else {
        rv = certified_key(session, certified, template_find(t, CKA_ID), &key);
    }
    if (rv == CKR_OK) {
        rv = rv_from_token(token_write_certificate(token, &key, value->pValue, value->ulValueLen));
        rv = rv == CKR_DATA_LEN_RANGE ? CKR_DEVICE_MEMORY : rv;
    }
    struct key_entry *entry = NULL;
    if (rv == CKR_OK) {
        token_objects_changed(token, key.container);
        rv = rv_from_token(token_objects_find_key(token, key.container, key.usage, &entry));
    }
    if (rv == CKR_OK) {
        rv = give_label(session, entry, t);
        *out = entry->certificate_handle;
    }
    X509_free(x509);
    return rv;
}

static CK_RV create_data(struct session *session, struct template t, CK_OBJECT_HANDLE_PTR out) {
    struct token *token = session_token(session);
    const CK_ATTRIBUTE *label = template_find(t, CKA_LABEL);
    const CK_ATTRIBUTE *value = template_find(t, CKA_VALUE);
    struct token_file file = {.size = 0};
    if (label == NULL || label->ulValueLen == 0 || value == NULL || value->ulValueLen == 0) {
        return CKR_TEMPLATE_INCOMPLETE;
    }
    if (label->ulValueLen > TOKEN_FILE_NAME_MAX || value->ulValueLen > GM_FILE_SIZE_MAX ||
        !template_text(t, CKA_LABEL, file.name, TOKEN_FILE_NAME_MAX) ||
        strcmp(file.name, ATTRIBUTE_FILE_NAME) == 0) {
        return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    CK_RV rv = template_bool(t, CKA_PRIVATE, false, &file.is_private);
    if (rv == CKR_OK) {
        rv = template_requires(t, CKA_OBJECT_ID, NULL, 0);
    }
    const CK_ATTRIBUTE *application = template_find(t, CKA_APPLICATION);
    if (rv == CKR_OK && application != NULL && application->ulValueLen > 0) {
        rv = template_requires(t, CKA_APPLICATION, token->facts.application,
                               strlen(token->facts.application));
    }
    if (rv != CKR_OK) {
        return rv;
    }
    file.size = (uint32_t)value->ulValueLen;
    rv = rv_from_token(token_create_file(token, &file, value->pValue, value->ulValueLen));
    token_objects_files_changed(token);
    struct token_object *objects = NULL;
    size_t count = 0;
    if (rv == CKR_OK) {
        rv = rv_from_token(token_objects_list(token, OBJECT_DATA, NULL, &objects, &count));
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(objects[i].file->file.name, file.name) == 0) {
            *out = objects[i].handle;
        }
    }
    free(objects);
    return rv;
}

CK_RV object_create(struct session *session, CK_ATTRIBUTE_PTR attributes, CK_ULONG count,
                    CK_OBJECT_HANDLE_PTR out) {
    const struct template t = {attributes, count};
    CK_ULONG class;
    bool on_token;
    if (out == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    *out = CK_INVALID_HANDLE;
    CK_RV rv = template_check(t);
    if (rv != CKR_OK) {
        return rv;
    }
    if (template_find(t, CKA_CLASS) == NULL) {
        return CKR_TEMPLATE_INCOMPLETE;
    }
    rv = template_ulong(t, CKA_CLASS, 0, &class);
    if (rv == CKR_OK) {
        rv = template_bool(t, CKA_TOKEN, false, &on_token);
    }
    if (rv != CKR_OK) {
        return rv;
    }
    if (!on_token) {
        return session_object_create(session, t, out);
    }
    if (class != CKO_CERTIFICATE && class != CKO_DATA && class != CKO_PRIVATE_KEY) {
        return CKR_TEMPLATE_INCONSISTENT; /* keys are made on the card */
    }
    rv = may_write(session);
    if (rv != CKR_OK) {
        return rv;
    }
    switch (class) {
    case CKO_CERTIFICATE:
        return create_certificate(session, t, out);
    case CKO_PRIVATE_KEY:
        return key_import(session, t, out);
    default:
        return create_data(session, t, out);
    }
}

static CK_RV retire(struct session *session, const struct token_key *key) {
    struct token *token = session_token(session);
    const struct token_key gone = *key; /* the entry does not outlive what follows */
    enum token_error err = gone.has_sibling ? token_retire_signing_key(token, gone.container)
                                            : token_delete_container(token, gone.container);
    if (err == TOKEN_OK) {
        token_objects_changed(token, gone.container);
    }
    return rv_from_token(err);
}

CK_RV object_retire_key(struct session *session, CK_OBJECT_HANDLE handle) {
    struct token_object object;
    CK_RV rv = may_write(session);
    if (rv == CKR_OK) {
        rv = object_find(session, handle, &object);
    }
    if (rv != CKR_OK) {
        return rv;
    }
    if (object.kind != OBJECT_PRIVATE_KEY || object.key->key.usage != USAGE_SIGN) {
        return CKR_KEY_TYPE_INCONSISTENT;
    }
    return retire(session, &object.key->key);
}

/* The key stays; its certificate's handle is good for nothing any more. */
static CK_RV remove_certificate(struct session *session, struct key_entry *entry) {
    struct token *token = session_token(session);
    const struct token_key key = entry->key;
    enum token_error err = token_delete_certificate(token, &key);
    if (err == TOKEN_OK) {
        token_objects_certificate_gone(token, key.container);
    }
    return rv_from_token(err);
}

/* A file that is made under its name later is another object, with another value. */
static CK_RV remove_file(struct session *session, const struct file_entry *entry) {
    struct token *token = session_token(session);
    char name[TOKEN_FILE_NAME_MAX + 1];
    memcpy(name, entry->file.name, sizeof(name));
    enum token_error err = token_delete_file(token, name);
    if (err == TOKEN_OK) {
        token_objects_file_gone(token, name);
    } else {
        token_objects_files_changed(token);
    }
    return rv_from_token(err);
}

CK_RV object_destroy(struct session *session, CK_OBJECT_HANDLE handle) {
    struct token *token = session_token(session);
    struct token_object object;
    if (is_session_object(handle)) {
        struct session_object *own = session_object_find(session, handle);
        return own == NULL ? CKR_OBJECT_HANDLE_INVALID : session_object_destroy(session, own);
    }
    CK_RV rv = object_find(session, handle, &object);
    if (rv == CKR_OK) {
        rv = may_write(session);
    }
    if (rv != CKR_OK) {
        return rv;
    }
    if (!token_object_is_destroyable(token, &object)) {
        return CKR_ACTION_PROHIBITED;
    }
    if (object.kind == OBJECT_DATA) {
        return remove_file(session, object.file);
    }
    if (object.kind == OBJECT_CERTIFICATE) {
        return remove_certificate(session, object.key);
    }
    bool removable = object.key->key.usage == USAGE_SIGN || !object.key->key.has_sibling;
    return removable ? retire(session, &object.key->key) : CKR_ACTION_PROHIBITED;
}
