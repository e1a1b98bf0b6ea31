/* New secret keys and key pairs of the session; pairs on the card go to key_on_card.c. */
#include "module/cryptoki/host_keys.h"
#include "module/cryptoki/host_secret.h"
#include "module/cryptoki/key_creation.h"
#include "module/cryptoki/sessions.h"
#include "module/formats/key_names.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <string.h>

enum { SECRET_MAX = 512, EXPONENT_MAX = 8, POINT_MAX = 160, RSA_PARTS = 8 };

/* ---- secret keys ---- */

/* Keys that a mechanism makes on the host are of the session. */
static CK_RV check_is_of_session(const struct session *session, struct template t) {
    bool stays;
    CK_RV rv = template_check(t);
    rv = rv == CKR_OK ? template_bool(t, CKA_TOKEN, false, &stays) : rv;
    return rv != CKR_OK || !stays   ? rv
           : session->is_read_write ? CKR_TEMPLATE_INCONSISTENT
                                    : CKR_SESSION_READ_ONLY;
}

CK_RV secret_key_make(struct session *session, struct template t, enum birth birth,
                      CK_MECHANISM_TYPE mechanism, CK_KEY_TYPE type, const struct key *base,
                      const uint8_t *value, size_t len, CK_OBJECT_HANDLE_PTR out) {
    CK_RV rv = check_is_of_session(session, t);
    if (rv == CKR_OK && type == CK_UNAVAILABLE_INFORMATION) {
        rv = template_ulong(t, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION, &type);
        if (rv == CKR_OK && type == CK_UNAVAILABLE_INFORMATION) {
            rv = CKR_TEMPLATE_INCOMPLETE;
        }
    }
    if (rv != CKR_OK) {
        return rv;
    }
    const CK_ATTRIBUTE material[] = {{CKA_VALUE, (void *)(uintptr_t)value, len}};
    struct key_origin origin = {.birth = birth,
                                .mechanism = mechanism,
                                .object_class = CKO_SECRET_KEY,
                                .key_type = type,
                                .material = material,
                                .material_count = 1};
    if (base != NULL) {
        bool is_on_card = base->entry != NULL;
        origin.base_always_sensitive =
            is_on_card || session_object_is(base->object, CKA_ALWAYS_SENSITIVE);
        origin.base_never_extractable =
            is_on_card || session_object_is(base->object, CKA_NEVER_EXTRACTABLE);
    }
    return session_object_make_key(session, t, &origin, out);
}

CK_RV key_generate(struct session *session, CK_MECHANISM_PTR given, struct template t,
                   CK_OBJECT_HANDLE_PTR out) {
    const struct mechanism *mechanism;
    struct mechanism_parameters parameters;
    uint8_t value[SECRET_MAX];
    CK_ULONG len;
    if (out == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    *out = CK_INVALID_HANDLE;
    CK_RV rv = mechanism_for(session_token(session), given, CKF_GENERATE, &mechanism, &parameters);
    rv = rv == CKR_OK ? template_check(t) : rv;
    if (rv != CKR_OK) {
        return rv;
    }
    bool has_one_size = mechanism->min_key == mechanism->max_key;
    rv = template_ulong(t, CKA_VALUE_LEN, has_one_size ? mechanism->min_key : 0, &len);
    if (rv == CKR_OK && len == 0 && template_find(t, CKA_VALUE_LEN) == NULL) {
        rv = CKR_TEMPLATE_INCOMPLETE;
    } else if (rv == CKR_OK && (len < mechanism->min_key || len > mechanism->max_key ||
                                (mechanism->family == FAMILY_AES && len % 8 != 0))) {
        rv = CKR_KEY_SIZE_RANGE;
    }
    if (rv == CKR_OK) {
        rv = host_random(session->module->libctx, value, len);
    }
    if (rv == CKR_OK) {
        CK_KEY_TYPE type = mechanism->family == FAMILY_AES   ? CKK_AES
                           : mechanism->family == FAMILY_SM4 ? CKK_SM4
                                                             : CKK_GENERIC_SECRET;
        rv = secret_key_make(session, t, BORN_GENERATED, mechanism->type, type, NULL, value, len,
                             out);
    }
    OPENSSL_cleanse(value, sizeof(value));
    return rv;
}

/* ---- key pairs of the session ---- */

/* Curves by CKA_EC_PARAMS: OBJECT IDENTIFIER in DER. */
static const struct {
    const char *name;
    CK_ULONG bits;
    enum key_family family;
    uint8_t len;
    uint8_t oid[10];
} curves[] = {
    {"P-256", 256, FAMILY_EC, 10, {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07}},
    {"P-384", 384, FAMILY_EC, 7, {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22}},
    {"P-521", 521, FAMILY_EC, 7, {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23}},
    {"SM2", 256, FAMILY_SM2, 10, {0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D}},
};
enum { CURVES = sizeof(curves) / sizeof(curves[0]), SM2_CURVE = CURVES - 1 };

/* A curve's name as PrintableString will do as well (3.2, 6.3.3). */
static bool is_curve(const CK_ATTRIBUTE *params, size_t i) {
    static const char *const names[CURVES] = {"secp256r1", "secp384r1", "secp521r1", "sm2"};
    const uint8_t *at = params->pValue;
    size_t len = params->ulValueLen;
    return (len == curves[i].len && memcmp(at, curves[i].oid, len) == 0) ||
           (len == 2 + strlen(names[i]) && at[0] == 0x13 && at[1] == len - 2 &&
            memcmp(at + 2, names[i], len - 2) == 0);
}

CK_RV pair_wish_read(enum key_family family, struct template t, struct pair_wish *out) {
    *out = (struct pair_wish){0, NULL};
    if (family == FAMILY_RSA) {
        CK_RV rv = template_ulong(t, CKA_MODULUS_BITS, 0, &out->bits);
        return rv == CKR_OK && out->bits == 0 ? CKR_TEMPLATE_INCOMPLETE : rv;
    }
    const CK_ATTRIBUTE *params = template_find(t, CKA_EC_PARAMS);
    if (params == NULL) {
        if (family == FAMILY_SM2) { /* there is only one */
            *out = (struct pair_wish){curves[SM2_CURVE].bits, curves[SM2_CURVE].name};
            return CKR_OK;
        }
        return CKR_TEMPLATE_INCOMPLETE;
    }
    for (size_t i = 0; i < CURVES; i++) {
        if (curves[i].family == family && is_curve(params, i)) {
            *out = (struct pair_wish){curves[i].bits, curves[i].name};
            return CKR_OK;
        }
    }
    return CKR_CURVE_NOT_SUPPORTED;
}

static CK_RV generate_rsa(OSSL_LIB_CTX *libctx, CK_ULONG bits, struct template t, EVP_PKEY **out) {
    const CK_ATTRIBUTE *exponent = template_find(t, CKA_PUBLIC_EXPONENT);
    static const uint8_t f4[] = {1, 0, 1};
    const bool given = exponent != NULL && exponent->ulValueLen > 0;
    if (given && exponent->ulValueLen > EXPONENT_MAX) {
        return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    BIGNUM *e = BN_bin2bn(given ? exponent->pValue : f4,
                          given ? (int)exponent->ulValueLen : (int)sizeof(f4), NULL);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, KEY_NAME_RSA, NULL);
    CK_RV rv = CKR_FUNCTION_FAILED;
    if (e != NULL && (!BN_is_odd(e) || BN_is_one(e))) {
        rv = CKR_ATTRIBUTE_VALUE_INVALID;
    } else if (ctx != NULL && e != NULL && EVP_PKEY_keygen_init(ctx) == 1 &&
               EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)bits) == 1 &&
               EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) == 1 &&
               EVP_PKEY_generate(ctx, out) == 1) {
        rv = CKR_OK;
    }
    EVP_PKEY_CTX_free(ctx);
    BN_free(e);
    return rv;
}

static CK_RV generate(OSSL_LIB_CTX *libctx, const struct mechanism *mechanism,
                      const struct pair_wish *wish, struct template t, EVP_PKEY **out) {
    *out = NULL;
    if (!host_is_alive()) {
        return CKR_FUNCTION_FAILED;
    }
    if (mechanism->family == FAMILY_RSA) {
        return generate_rsa(libctx, wish->bits, t, out);
    }
    *out = mechanism->family == FAMILY_SM2 ? EVP_PKEY_Q_keygen(libctx, NULL, "SM2")
                                           : host_generate_ec(libctx, wish->curve);
    return *out != NULL ? CKR_OK : CKR_FUNCTION_FAILED;
}

/* Numbers of a key as attributes; bytes has room for them all. */
struct material {
    CK_ATTRIBUTE attributes[RSA_PARTS + 1];
    CK_ULONG count;
    uint8_t bytes[(RSA_PARTS + 1) * RSA_BLOCK_MAX];
    size_t used;
};

static bool add(struct material *m, CK_ATTRIBUTE_TYPE type, const void *data, size_t len) {
    if (len > sizeof(m->bytes) - m->used) {
        return false;
    }
    memcpy(m->bytes + m->used, data, len);
    m->attributes[m->count++] = (CK_ATTRIBUTE){type, m->bytes + m->used, len};
    m->used += len;
    return true;
}

/* `size` 0: without leading zeros. */
static bool add_number(struct material *m, CK_ATTRIBUTE_TYPE type, const EVP_PKEY *key,
                       const char *name, size_t size) {
    BIGNUM *number = NULL;
    uint8_t bytes[RSA_BLOCK_MAX];
    int len = -1;
    if (EVP_PKEY_get_bn_param(key, name, &number) == 1 && BN_num_bytes(number) <= RSA_BLOCK_MAX) {
        len = size > 0 ? BN_bn2binpad(number, bytes, (int)size) : BN_bn2bin(number, bytes);
    }
    BN_clear_free(number);
    bool done = len >= 0 && add(m, type, bytes, (size_t)len);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return done;
}

static bool rsa_material(struct material *m, const EVP_PKEY *key, bool is_private) {
    static const struct {
        CK_ATTRIBUTE_TYPE type;
        const char *name;
    } parts[RSA_PARTS] = {{CKA_MODULUS, OSSL_PKEY_PARAM_RSA_N},
                          {CKA_PUBLIC_EXPONENT, OSSL_PKEY_PARAM_RSA_E},
                          {CKA_PRIVATE_EXPONENT, OSSL_PKEY_PARAM_RSA_D},
                          {CKA_PRIME_1, OSSL_PKEY_PARAM_RSA_FACTOR1},
                          {CKA_PRIME_2, OSSL_PKEY_PARAM_RSA_FACTOR2},
                          {CKA_EXPONENT_1, OSSL_PKEY_PARAM_RSA_EXPONENT1},
                          {CKA_EXPONENT_2, OSSL_PKEY_PARAM_RSA_EXPONENT2},
                          {CKA_COEFFICIENT, OSSL_PKEY_PARAM_RSA_COEFFICIENT1}};
    for (size_t i = 0; i < (is_private ? RSA_PARTS : 2); i++) {
        if (!add_number(m, parts[i].type, key, parts[i].name, 0)) {
            return false;
        }
    }
    return true;
}

/* The point as DER OCTET STRING (3.2, 6.3.5), or the scalar; the curve with either. */
static bool ec_material(struct material *m, const EVP_PKEY *key, bool is_private) {
    char name[64] = "";
    bool is_sm2 = sm2_key_is_sm2(key);
    size_t i = SM2_CURVE;
    if (!is_sm2 && EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) == 1) {
        for (i = 0; i < CURVES && OBJ_sn2nid(name) != EC_curve_nist2nid(curves[i].name); i++) {
        }
    }
    if (i == CURVES || !add(m, CKA_EC_PARAMS, curves[i].oid, curves[i].len)) {
        return false;
    }
    size_t field = (curves[i].bits + 7) / 8;
    if (is_private) {
        return add_number(m, CKA_VALUE, key, OSSL_PKEY_PARAM_PRIV_KEY, field);
    }
    uint8_t der[POINT_MAX];
    size_t point_len = 1 + 2 * field, head = point_len < 128 ? 2 : 3, len = 0;
    der[0] = 0x04; /* OCTET STRING */
    der[1] = point_len < 128 ? (uint8_t)point_len : 0x81;
    der[head - 1] = (uint8_t)point_len;
    return EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, der + head,
                                           sizeof(der) - head, &len) == 1 &&
           len == point_len && add(m, CKA_EC_POINT, der, head + point_len);
}

CK_RV pair_key_make(struct session *session, struct template t, enum birth birth,
                    CK_MECHANISM_TYPE mechanism, CK_OBJECT_CLASS object_class, const EVP_PKEY *key,
                    CK_OBJECT_HANDLE_PTR out) {
    struct material m = {.count = 0};
    bool is_private = object_class == CKO_PRIVATE_KEY, is_rsa = EVP_PKEY_is_a(key, "RSA");
    CK_KEY_TYPE type = is_rsa ? CKK_RSA : sm2_key_is_sm2(key) ? CKK_SM2 : CKK_EC;
    CK_ULONG given;
    CK_RV rv = check_is_of_session(session, t);
    rv = rv == CKR_OK ? template_ulong(t, CKA_KEY_TYPE, type, &given) : rv;
    if (rv == CKR_OK && type == CKK_SM2 && given == CKK_EC) {
        type = CKK_EC; /* as some programs call it */
    }
    if (rv == CKR_OK &&
        !(is_rsa ? rsa_material(&m, key, is_private) : ec_material(&m, key, is_private))) {
        rv = CKR_FUNCTION_FAILED;
    }
    if (rv == CKR_OK) {
        const struct key_origin origin = {.birth = birth,
                                          .mechanism = mechanism,
                                          .object_class = object_class,
                                          .key_type = type,
                                          .material = m.attributes,
                                          .material_count = m.count};
        rv = session_object_make_key(session, t, &origin, out);
    }
    OPENSSL_cleanse(&m, sizeof(m));
    return rv;
}

static CK_RV session_pair_generate(struct session *session, const struct mechanism *mechanism,
                                   struct template public_template,
                                   struct template private_template,
                                   CK_OBJECT_HANDLE_PTR public_key,
                                   CK_OBJECT_HANDLE_PTR private_key) {
    struct pair_wish wish;
    EVP_PKEY *pair = NULL;
    CK_RV rv = pair_wish_read(mechanism->family, public_template, &wish);
    if (rv == CKR_OK && (wish.bits < mechanism->min_key || wish.bits > mechanism->max_key)) {
        rv = CKR_KEY_SIZE_RANGE;
    }
    if (rv == CKR_OK) {
        rv = generate(session->module->libctx, mechanism, &wish, public_template, &pair);
    }
    if (rv == CKR_OK) {
        rv = pair_key_make(session, public_template, BORN_GENERATED, mechanism->type,
                           CKO_PUBLIC_KEY, pair, public_key);
    }
    if (rv == CKR_OK) {
        rv = pair_key_make(session, private_template, BORN_GENERATED, mechanism->type,
                           CKO_PRIVATE_KEY, pair, private_key);
        if (rv != CKR_OK) { /* both or none */
            session_object_destroy(session, session_object_find(session, *public_key));
            *public_key = CK_INVALID_HANDLE;
        }
    }
    EVP_PKEY_free(pair);
    return rv;
}

CK_RV key_pair_generate(struct session *session, CK_MECHANISM_PTR given,
                        struct template public_template, struct template private_template,
                        CK_OBJECT_HANDLE_PTR public_key, CK_OBJECT_HANDLE_PTR private_key) {
    const struct mechanism *mechanism;
    struct mechanism_parameters parameters;
    bool public_stays, private_stays;
    if (public_key == NULL || private_key == NULL) {
        return CKR_ARGUMENTS_BAD;
    }
    *public_key = CK_INVALID_HANDLE;
    *private_key = CK_INVALID_HANDLE;
    CK_RV rv = mechanism_for(session_token(session), given, CKF_GENERATE_KEY_PAIR, &mechanism,
                             &parameters);
    rv = rv == CKR_OK ? template_check(public_template) : rv;
    rv = rv == CKR_OK ? template_check(private_template) : rv;
    /* one template may leave it to the other; if neither says, the pair is made where it is safe */
    rv = rv == CKR_OK ? template_bool(private_template, CKA_TOKEN, true, &private_stays) : rv;
    rv =
        rv == CKR_OK ? template_bool(public_template, CKA_TOKEN, private_stays, &public_stays) : rv;
    if (rv != CKR_OK) {
        return rv;
    }
    if (private_stays) {
        return card_pair_generate(session, mechanism, public_template, private_template, public_key,
                                  private_key);
    }
    return public_stays ? CKR_TEMPLATE_INCONSISTENT
                        : session_pair_generate(session, mechanism, public_template,
                                                private_template, public_key, private_key);
}
