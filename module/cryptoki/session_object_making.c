/* Making session objects: what the program gave, what the mechanism made, what the standard adds. */
#include "module/cryptoki/session_object_parts.h"
#include "module/cryptoki/sessions.h"

#include <string.h>

/* ---- defaults that are the token's choice (footnote 9) ---- */

/* What a key does if its template names no usage at all; a template that names one wants no others. */
static unsigned usages_of(const struct session_object *object, const CK_ATTRIBUTE_TYPE **out) {
    static const CK_ATTRIBUTE_TYPE cipher[] = {CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP,
                                               CKA_UNWRAP,  CKA_SIGN,    CKA_VERIFY};
    static const CK_ATTRIBUTE_TYPE mac[] = {CKA_SIGN, CKA_VERIFY};
    static const CK_ATTRIBUTE_TYPE rsa_public[] = {CKA_VERIFY, CKA_VERIFY_RECOVER, CKA_ENCRYPT,
                                                   CKA_WRAP};
    static const CK_ATTRIBUTE_TYPE rsa_private[] = {CKA_SIGN, CKA_SIGN_RECOVER, CKA_DECRYPT,
                                                    CKA_UNWRAP};
    static const CK_ATTRIBUTE_TYPE ec_public[] = {CKA_VERIFY, CKA_ENCRYPT};
    static const CK_ATTRIBUTE_TYPE ec_private[] = {CKA_SIGN, CKA_DECRYPT};
    const bool is_sm2 = object->key_type == CKK_SM2;
    switch (object->kind) {
    case DESCRIBED_SECRET:
        *out = cipher;
        if (object->key_type == CKK_AES || object->key_type == CKK_SM4) {
            return sizeof(cipher) / sizeof(cipher[0]);
        }
        *out = mac;
        return sizeof(mac) / sizeof(mac[0]);
    case DESCRIBED_RSA_PUBLIC:
        *out = rsa_public;
        return sizeof(rsa_public) / sizeof(rsa_public[0]);
    case DESCRIBED_RSA_PRIVATE:
        *out = rsa_private;
        return sizeof(rsa_private) / sizeof(rsa_private[0]);
    case DESCRIBED_EC_PUBLIC:
        *out = ec_public;
        return is_sm2 ? 2 : 1;
    case DESCRIBED_EC_PRIVATE:
        *out = ec_private;
        return is_sm2 ? 2 : 1;
    default:
        *out = NULL;
        return 0;
    }
}

static bool names_a_usage(struct template t) {
    static const CK_ATTRIBUTE_TYPE all[] = {CKA_ENCRYPT, CKA_DECRYPT,      CKA_SIGN,
                                            CKA_VERIFY,  CKA_SIGN_RECOVER, CKA_VERIFY_RECOVER,
                                            CKA_WRAP,    CKA_UNWRAP,       CKA_DERIVE};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        bool given;
        if (template_bool(t, all[i], false, &given) == CKR_OK && given) {
            return true;
        }
    }
    return false;
}

static CK_RV put_usages(struct session_object *object, struct template t) {
    const CK_ATTRIBUTE_TYPE *usages;
    unsigned count = usages_of(object, &usages);
    CK_RV rv = CKR_OK;
    for (unsigned i = 0; i < count && rv == CKR_OK && !names_a_usage(t); i++) {
        if (template_find(t, usages[i]) == NULL) {
            rv = session_object_put_bool(object, usages[i], true);
        }
    }
    return rv;
}

static CK_RV put_bool_unless_there(struct session_object *object, CK_ATTRIBUTE_TYPE type,
                                   bool value) {
    return session_object_attribute(object, type) != NULL
               ? CKR_OK
               : session_object_put_bool(object, type, value);
}

static CK_RV put_defaults(struct session *session, struct session_object *object,
                          struct template t) {
    const bool is_private_key = (object->kind & DESCRIBED_PRIVATE) != 0;
    const bool is_secret = object->kind == DESCRIBED_SECRET;
    size_t count;
    const struct attribute_rule *rules = attribute_rules(&count);
    CK_RV rv = put_usages(object, t);
    for (size_t i = 0; i < count && rv == CKR_OK; i++) {
        bool wanted = (rules[i].kinds & object->kind) != 0 && (rules[i].flags & RULE_DEFAULT) != 0;
        if (!wanted || session_object_attribute(object, rules[i].type) != NULL) {
            continue;
        }
        rv = rules[i].shape == SHAPE_BOOL    ? session_object_put_bool(object, rules[i].type, false)
             : rules[i].shape == SHAPE_ULONG ? session_object_put_ulong(object, rules[i].type, 0)
                                             : session_object_put(object, rules[i].type, NULL, 0);
    }
    /* a secret key is private to the user who is logged in; a program without login may still have keys of its own */
    bool is_private = is_private_key || (is_secret && session_token(session)->login == NORMAL_USER);
    rv = rv == CKR_OK ? put_bool_unless_there(object, CKA_PRIVATE, is_private) : rv;
    rv = rv == CKR_OK ? put_bool_unless_there(object, CKA_MODIFIABLE, true) : rv;
    rv = rv == CKR_OK ? put_bool_unless_there(object, CKA_COPYABLE, true) : rv;
    rv = rv == CKR_OK ? put_bool_unless_there(object, CKA_DESTROYABLE, true) : rv;
    if (rv == CKR_OK && (is_private_key || is_secret)) {
        rv = put_bool_unless_there(object, CKA_SENSITIVE, is_private_key);
        rv = rv == CKR_OK ? put_bool_unless_there(object, CKA_EXTRACTABLE, is_secret) : rv;
    }
    return rv;
}

/* What only the token knows: where the key comes from, and whether its secret was ever outside. */
static CK_RV put_history(struct session_object *object, const struct key_origin *origin) {
    if ((object->kind & DESCRIBED_KEY) == 0) {
        return CKR_OK;
    }
    const bool generated = origin != NULL && origin->birth == BORN_GENERATED;
    const bool derived = origin != NULL && origin->birth == BORN_DERIVED;
    CK_RV rv = session_object_put_bool(object, CKA_LOCAL, generated);
    rv = rv == CKR_OK
             ? session_object_put_ulong(object, CKA_KEY_GEN_MECHANISM,
                                        generated ? origin->mechanism : CK_UNAVAILABLE_INFORMATION)
             : rv;
    if (rv != CKR_OK || (object->kind & DESCRIBED_PUBLIC) != 0) {
        return rv;
    }
    bool sensitive = session_object_is(object, CKA_SENSITIVE);
    bool extractable = session_object_is(object, CKA_EXTRACTABLE);
    rv = session_object_put_bool(object, CKA_ALWAYS_SENSITIVE,
                                 sensitive &&
                                     (generated || (derived && origin->base_always_sensitive)));
    rv = rv == CKR_OK
             ? session_object_put_bool(
                   object, CKA_NEVER_EXTRACTABLE,
                   !extractable && (generated || (derived && origin->base_never_extractable)))
             : rv;
    return rv;
}

/* ---- what is allowed at all ---- */

static CK_RV may_exist(struct session *session, const struct session_object *object) {
    const enum token_user login = session_token(session)->login;
    if (session_object_is(object, CKA_TOKEN)) {
        return CKR_TEMPLATE_INCONSISTENT; /* not the host's to keep */
    }
    if (session_object_is(object, CKA_PRIVATE) && login != NORMAL_USER) {
        return CKR_USER_NOT_LOGGED_IN;
    }
    if (session_object_is(object, CKA_TRUSTED) && login != SECURITY_OFFICER) {
        return CKR_ATTRIBUTE_READ_ONLY;
    }
    return CKR_OK;
}

/* Frees the object on failure, else the store has it. */
static CK_RV finish(struct session *session, struct session_object *object, CK_RV rv,
                    CK_OBJECT_HANDLE_PTR out) {
    if (rv == CKR_OK) {
        rv = may_exist(session, object);
    }
    if (rv == CKR_OK) {
        rv = session_object_complete(session->module->libctx, object);
    }
    if (rv != CKR_OK) {
        session_object_free(object);
        return rv;
    }
    rv = session_object_keep(session->slot, session->handle, object);
    if (rv == CKR_OK) {
        *out = object->handle;
    }
    return rv;
}

static CK_RV make(struct session *session, enum described_kind kind, CK_OBJECT_CLASS object_class,
                  CK_KEY_TYPE key_type, struct template t, const struct key_origin *origin,
                  CK_OBJECT_HANDLE_PTR out) {
    CK_RV rv = attribute_rules_check(t, kind, origin == NULL ? BORN_CREATED : origin->birth);
    if (rv != CKR_OK) {
        return rv;
    }
    struct session_object *object = session_object_new(kind, key_type);
    if (object == NULL) {
        return CKR_HOST_MEMORY;
    }
    rv = session_object_put_ulong(object, CKA_CLASS, object_class);
    if (rv == CKR_OK && (kind & DESCRIBED_KEY) != 0) {
        rv = session_object_put_ulong(object, CKA_KEY_TYPE, key_type);
    }
    for (CK_ULONG i = 0; i < t.count && rv == CKR_OK; i++) {
        rv = session_object_put(object, t.items[i].type, t.items[i].pValue, t.items[i].ulValueLen);
    }
    for (CK_ULONG i = 0; origin != NULL && i < origin->material_count && rv == CKR_OK; i++) {
        const CK_ATTRIBUTE *a = &origin->material[i];
        rv = session_object_put(object, a->type, a->pValue, a->ulValueLen);
    }
    rv = rv == CKR_OK ? put_defaults(session, object, t) : rv;
    rv = rv == CKR_OK ? put_history(object, origin) : rv;
    return finish(session, object, rv, out);
}

CK_RV session_object_create(struct session *session, struct template t, CK_OBJECT_HANDLE_PTR out) {
    CK_ULONG object_class, key_type, certificate_type;
    *out = CK_INVALID_HANDLE;
    CK_RV rv = template_check(t);
    if (rv == CKR_OK && template_find(t, CKA_CLASS) == NULL) {
        rv = CKR_TEMPLATE_INCOMPLETE;
    }
    rv = rv == CKR_OK ? template_ulong(t, CKA_CLASS, 0, &object_class) : rv;
    rv = rv == CKR_OK ? template_ulong(t, CKA_KEY_TYPE, 0, &key_type) : rv;
    rv = rv == CKR_OK ? template_ulong(t, CKA_CERTIFICATE_TYPE, CKC_X_509, &certificate_type) : rv;
    if (rv != CKR_OK) {
        return rv;
    }
    bool is_key = object_class == CKO_PUBLIC_KEY || object_class == CKO_PRIVATE_KEY ||
                  object_class == CKO_SECRET_KEY;
    if (is_key && template_find(t, CKA_KEY_TYPE) == NULL) {
        return CKR_TEMPLATE_INCOMPLETE;
    }
    unsigned kind = described_kind_of(object_class, key_type);
    if (kind == 0 || certificate_type != CKC_X_509) {
        return CKR_ATTRIBUTE_VALUE_INVALID; /* a class or type that we do not have */
    }
    return make(session, (enum described_kind)kind, object_class, key_type, t, NULL, out);
}

CK_RV session_object_make_key(struct session *session, struct template t,
                              const struct key_origin *origin, CK_OBJECT_HANDLE_PTR out) {
    *out = CK_INVALID_HANDLE;
    CK_RV rv = template_check(t);
    rv = rv == CKR_OK ? template_requires_ulong(t, CKA_CLASS, origin->object_class) : rv;
    rv = rv == CKR_OK ? template_requires_ulong(t, CKA_KEY_TYPE, origin->key_type) : rv;
    unsigned kind = described_kind_of(origin->object_class, origin->key_type);
    if (rv == CKR_OK && (kind & DESCRIBED_KEY) == 0) {
        rv = CKR_TEMPLATE_INCONSISTENT;
    }
    return rv != CKR_OK ? rv
                        : make(session, (enum described_kind)kind, origin->object_class,
                               origin->key_type, t, origin, out);
}

/* ---- profiles (PKCS #11 Profiles 3.1) ---- */

CK_RV session_objects_add_profiles(struct slot *slot) {
    static const CK_PROFILE_ID kept[] = {CKP_BASELINE_PROVIDER, CKP_EXTENDED_PROVIDER,
                                         CKP_PUBLIC_CERTIFICATES_TOKEN};
    CK_RV rv = CKR_OK;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]) && rv == CKR_OK; i++) {
        struct session_object *object = session_object_new(DESCRIBED_PROFILE, 0);
        if (object == NULL) {
            return CKR_HOST_MEMORY;
        }
        rv = session_object_put_ulong(object, CKA_CLASS, CKO_PROFILE);
        rv = rv == CKR_OK ? session_object_put_ulong(object, CKA_PROFILE_ID, kept[i]) : rv;
        rv = rv == CKR_OK ? session_object_put(object, CKA_LABEL, NULL, 0) : rv;
        rv = rv == CKR_OK ? session_object_put_bool(object, CKA_TOKEN, true) : rv;
        rv = rv == CKR_OK ? session_object_put_bool(object, CKA_PRIVATE, false) : rv;
        rv = rv == CKR_OK ? session_object_put_bool(object, CKA_MODIFIABLE, false) : rv;
        rv = rv == CKR_OK ? session_object_put_bool(object, CKA_COPYABLE, false) : rv;
        rv = rv == CKR_OK ? session_object_put_bool(object, CKA_DESTROYABLE, false) : rv;
        if (rv != CKR_OK) {
            session_object_free(object);
        } else {
            rv = session_object_keep(slot, CK_INVALID_HANDLE, object);
        }
    }
    return rv;
}

/* ---- copies ---- */

/* One attribute of the template for a copy. */
static CK_RV copy_differs(struct session_object *object, const CK_ATTRIBUTE *a) {
    const struct attribute_rule *rule = attribute_rule_find(a->type, object->kind);
    if (rule == NULL) {
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
    if ((rule->flags & (RULE_MODIFIABLE | RULE_COPY)) == 0) {
        return CKR_ATTRIBUTE_READ_ONLY;
    }
    CK_RV rv = session_object_may_become(object, rule, a);
    if (rv == CKR_OK && a->type == CKA_PRIVATE && session_object_is(object, CKA_PRIVATE) &&
        *(const CK_BBOOL *)a->pValue == CK_FALSE) {
        rv = CKR_TEMPLATE_INCONSISTENT; /* a copy does not make public what was private */
    }
    return rv == CKR_OK ? session_object_put(object, a->type, a->pValue, a->ulValueLen) : rv;
}

CK_RV session_object_draft_copy(enum described_kind kind, const CK_ATTRIBUTE *attributes,
                                CK_ULONG count, struct template t, struct session_object **out) {
    CK_ULONG key_type;
    *out = NULL;
    CK_RV rv = template_check(t);
    rv = rv == CKR_OK
             ? template_ulong((struct template){attributes, count}, CKA_KEY_TYPE, 0, &key_type)
             : rv;
    if (rv != CKR_OK) {
        return rv;
    }
    struct session_object *object = session_object_new(kind, key_type);
    rv = object == NULL ? CKR_HOST_MEMORY : CKR_OK;
    for (CK_ULONG i = 0; i < count && rv == CKR_OK; i++) {
        rv = session_object_put(object, attributes[i].type, attributes[i].pValue,
                                attributes[i].ulValueLen);
    }
    for (CK_ULONG i = 0; i < t.count && rv == CKR_OK; i++) {
        rv = copy_differs(object, &t.items[i]);
    }
    if (rv != CKR_OK) {
        session_object_free(object);
        return rv;
    }
    *out = object;
    return CKR_OK;
}

CK_RV session_object_adopt(struct session *session, struct session_object *object,
                           CK_OBJECT_HANDLE_PTR out) {
    *out = CK_INVALID_HANDLE;
    return finish(session, object, CKR_OK, out);
}
