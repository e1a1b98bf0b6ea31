/* Key pairs on the card: generated there, or out of an envelope. */
#include "module/cryptoki/errors.h"
#include "module/cryptoki/key_creation.h"
#include "module/cryptoki/sessions.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t exponent_65537[] = {0x01, 0x00, 0x01};

enum { SUFFIX_ROOM = 8 };

/* What a template for a key of this class may demand; other usages are not refused, and not granted either. */
static CK_RV check_key_template(struct template t, CK_OBJECT_CLASS object_class,
                                enum key_family family) {
    CK_RV rv = template_check(t);
    if (rv == CKR_OK) {
        rv = template_requires_ulong(t, CKA_CLASS, object_class);
    }
    if (rv == CKR_OK) {
        rv = template_requires_bool(t, CKA_TOKEN, true);
    }
    CK_ULONG given = 0;
    if (rv == CKR_OK && template_find(t, CKA_KEY_TYPE) != NULL) {
        rv = template_ulong(t, CKA_KEY_TYPE, 0, &given);
        rv = rv == CKR_OK && !key_type_fits(family, given) ? CKR_TEMPLATE_INCONSISTENT : rv;
    }
    if (rv == CKR_OK && object_class == CKO_PRIVATE_KEY) {
        rv = template_requires_bool(t, CKA_PRIVATE, true);
        rv = rv == CKR_OK ? template_requires_bool(t, CKA_SENSITIVE, true) : rv;
        rv = rv == CKR_OK ? template_requires_bool(t, CKA_EXTRACTABLE, false) : rv;
    }
    return rv;
}

/* The kind of key on this card that the template asks for. */
static CK_RV choose_kind(const struct token *token, enum key_family family, struct template t,
                         const struct token_key_kind **out) {
    static const enum token_algorithm algorithms[] = {
        [FAMILY_RSA] = ALGORITHM_RSA, [FAMILY_EC] = ALGORITHM_EC, [FAMILY_SM2] = ALGORITHM_SM2};
    struct pair_wish wish;
    bool has_any = false;
    *out = NULL;
    CK_RV rv = pair_wish_read(family, t, &wish);
    if (rv != CKR_OK) {
        return rv;
    }
    if (family == FAMILY_RSA && template_requires(t, CKA_PUBLIC_EXPONENT, exponent_65537,
                                                  sizeof(exponent_65537)) != CKR_OK) {
        return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    for (size_t i = 0; i < token->facts.kind_count; i++) {
        const struct token_key_kind *kind = &token->facts.kinds[i];
        if (kind->algorithm == algorithms[family] && kind->is_generated) {
            has_any = true;
            *out = kind->bits == wish.bits ? kind : *out;
        }
    }
    return *out != NULL           ? CKR_OK
           : !has_any             ? CKR_MECHANISM_INVALID /* not with CKA_TOKEN, on this card */
           : family == FAMILY_RSA ? CKR_KEY_SIZE_RANGE
                                  : CKR_CURVE_NOT_SUPPORTED;
}

/* CKA_ID of either template; CKR_TEMPLATE_INCONSISTENT if they differ. */
static CK_RV common_id(struct template public_template, struct template private_template,
                       const CK_ATTRIBUTE **out) {
    const CK_ATTRIBUTE *id = template_find(private_template, CKA_ID);
    const CK_ATTRIBUTE *other = template_find(public_template, CKA_ID);
    if (id == NULL || id->ulValueLen == 0) {
        id = other;
        other = NULL;
    }
    *out = id != NULL && id->ulValueLen > 0 ? id : NULL;
    if (*out == NULL) {
        return CKR_OK;
    }
    if ((*out)->ulValueLen > ATTRIBUTE_ID_MAX) {
        return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    if (other != NULL && other->ulValueLen > 0 &&
        (other->ulValueLen != id->ulValueLen ||
         memcmp(other->pValue, id->pValue, id->ulValueLen) != 0)) {
        return CKR_TEMPLATE_INCONSISTENT;
    }
    return CKR_OK;
}

static bool container_exists(const struct token_object *keys, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i].key->key.container, name) == 0) {
            return true;
        }
    }
    return false;
}

/* A name for the new container: the label, shortened so that a number fits when it is taken; else a random one. */
static CK_RV container_name(struct session *session, const char *label,
                            char out[TOKEN_CONTAINER_MAX + 1]) {
    struct token_object *keys;
    size_t count;
    uint8_t random[4];
    CK_RV rv = rv_from_token(
        token_objects_list(session_token(session), OBJECT_PRIVATE_KEY, NULL, &keys, &count));
    if (rv != CKR_OK) {
        return rv;
    }
    if (label[0] != '\0') {
        snprintf(out, TOKEN_CONTAINER_MAX + 1, "%s", label);
    } else if (RAND_bytes_ex(session->module->libctx, random, sizeof(random), 0) == 1) {
        snprintf(out, TOKEN_CONTAINER_MAX + 1, "openukey-%02x%02x%02x%02x", random[0], random[1],
                 random[2], random[3]);
    } else {
        rv = CKR_FUNCTION_FAILED;
    }
    size_t stem = strlen(out);
    if (stem > TOKEN_CONTAINER_MAX - SUFFIX_ROOM) {
        stem = TOKEN_CONTAINER_MAX - SUFFIX_ROOM;
        while (stem > 0 && ((unsigned char)out[stem] & 0xC0) == 0x80) {
            stem--;
        }
    }
    for (unsigned n = 2; rv == CKR_OK && container_exists(keys, count, out); n++) {
        snprintf(out + stem, TOKEN_CONTAINER_MAX + 1 - stem, "-%u", n);
    }
    free(keys);
    return rv;
}

/* The template's id and label, where they differ from the defaults. */
static CK_RV give_attributes(struct session *session, struct key_entry *entry,
                             const CK_ATTRIBUTE *id, const char *label) {
    const struct attribute_record *a = &entry->attributes;
    bool new_id =
        id != NULL && (id->ulValueLen != a->id_len || memcmp(id->pValue, a->id, a->id_len) != 0);
    bool new_label = label[0] != '\0' && strcmp(label, a->label) != 0;
    if ((!new_id && !new_label) || !token_objects_keep_attributes(session_token(session))) {
        return CKR_OK;
    }
    return rv_from_token(
        token_objects_set_attributes(session_token(session), entry, new_id ? id->pValue : NULL,
                                     new_id ? id->ulValueLen : 0, new_label ? label : NULL));
}

CK_RV card_pair_imported(struct session *session, const char *container, struct template t,
                         CK_OBJECT_HANDLE_PTR out) {
    struct key_entry *entry = NULL;
    char label[ATTRIBUTE_LABEL_MAX + 1];
    CK_RV rv =
        rv_from_token(token_objects_find_key(session_token(session), container, USAGE_ENC, &entry));
    if (rv == CKR_OK) {
        template_text(t, CKA_LABEL, label, ATTRIBUTE_LABEL_MAX);
        const CK_ATTRIBUTE *id = template_find(t, CKA_ID);
        rv = give_attributes(session, entry, id != NULL && id->ulValueLen > 0 ? id : NULL, label);
    }
    if (rv == CKR_OK) {
        *out = entry->private_handle;
    }
    return rv;
}

CK_RV card_pair_generate(struct session *session, const struct mechanism *mechanism,
                         struct template public_template, struct template private_template,
                         CK_OBJECT_HANDLE_PTR public_key, CK_OBJECT_HANDLE_PTR private_key) {
    struct token *token = session_token(session);
    const struct token_key_kind *kind = NULL;
    const CK_ATTRIBUTE *id = NULL;
    CK_RV rv = check_key_template(public_template, CKO_PUBLIC_KEY, mechanism->family);
    rv = rv == CKR_OK ? check_key_template(private_template, CKO_PRIVATE_KEY, mechanism->family)
                      : rv;
    rv = rv == CKR_OK ? choose_kind(token, mechanism->family, public_template, &kind) : rv;
    rv = rv == CKR_OK ? common_id(public_template, private_template, &id) : rv;
    if (rv == CKR_OK && !session->is_read_write) {
        rv = CKR_SESSION_READ_ONLY;
    }
    if (rv == CKR_OK && token->login != token->facts.writer) {
        rv = CKR_USER_NOT_LOGGED_IN;
    }
    char label[ATTRIBUTE_LABEL_MAX + 1] = "", container[TOKEN_CONTAINER_MAX + 1] = "";
    if (rv == CKR_OK) {
        if (!template_text(private_template, CKA_LABEL, label, ATTRIBUTE_LABEL_MAX)) {
            template_text(public_template, CKA_LABEL, label, ATTRIBUTE_LABEL_MAX);
        }
        const struct token_key_wish wish = {.label = label,
                                            .id = id != NULL ? id->pValue : NULL,
                                            .id_len = id != NULL ? id->ulValueLen : 0,
                                            .algorithm = kind->algorithm,
                                            .bits = kind->bits};
        enum token_error err = token_choose_place(token, &wish, container);
        rv = err == TOKEN_UNSUPPORTED ? container_name(session, label, container)
             : err == TOKEN_EXISTS    ? CKR_ATTRIBUTE_VALUE_INVALID /* of CKA_ID */
                                      : rv_from_token(err);
    }
    if (rv == CKR_OK) {
        rv = rv_from_token(token_generate_key(token, container, kind->algorithm, kind->bits));
        rv = rv == CKR_FUNCTION_NOT_SUPPORTED ? CKR_MECHANISM_INVALID : rv;
        token_objects_changed(token, container);
    }
    struct key_entry *entry = NULL;
    if (rv == CKR_OK) {
        rv = rv_from_token(token_objects_find_key(token, container, USAGE_SIGN, &entry));
    }
    if (rv == CKR_OK) {
        rv = give_attributes(session, entry, id, label);
    }
    if (rv == CKR_OK) {
        *public_key = entry->public_handle;
        *private_key = entry->private_handle;
    }
    return rv;
}

CK_RV card_pair_unwrap(struct session *session, const struct mechanism *mechanism,
                       CK_OBJECT_HANDLE unwrapping_key, const uint8_t *wrapped, size_t wrapped_len,
                       struct template t, CK_OBJECT_HANDLE_PTR out) {
    struct token *token = session_token(session);
    struct sm2_envelope envelope;
    struct key key;
    CK_RV rv = check_key_template(t, CKO_PRIVATE_KEY, FAMILY_SM2);
    if (rv == CKR_OK && !session->is_read_write) {
        rv = CKR_SESSION_READ_ONLY;
    }
    if (rv == CKR_OK) {
        rv = rv_from_token(token_look(token));
    }
    if (rv == CKR_OK) {
        rv = key_find_for(session, mechanism, unwrapping_key, CKA_UNWRAP, &key);
        rv = rv == CKR_OK && key.entry == NULL ? CKR_KEY_HANDLE_INVALID : rv;
    }
    if (rv != CKR_OK) {
        return rv;
    }
    char container[TOKEN_CONTAINER_MAX + 1];
    snprintf(container, sizeof(container), "%s", key.entry->key.container);
    if (sm2_envelope_parse(session->module->libctx, wrapped, wrapped_len, &envelope) !=
        FORMATS_OK) {
        return CKR_WRAPPED_KEY_INVALID;
    }
    rv = rv_from_token(token_import_envelope(token, container, &envelope));
    if (rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_DATA_INVALID) {
        return CKR_WRAPPED_KEY_INVALID;
    }
    token_objects_changed(token, container);
    return rv != CKR_OK ? rv : card_pair_imported(session, container, t, out);
}
