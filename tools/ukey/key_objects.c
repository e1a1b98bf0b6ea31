/* The key's objects: pairs made and used, certificates and files written and read back. */
#include "module/formats/sm2.h"
#include "tools/ukey/key.h"
#include "tools/ukey/key_call.h"
#include "tools/ukey/text.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

enum { RSA_BITS = 2048, ATTRIBUTE_MAX = 65536 };

/* DER OBJECT IDENTIFIER 1.2.156.10197.1.301 */
static const CK_BYTE sm2_curve[] = {0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D};

/* Cryptoki's prototypes take data without const; it is not written to. */
static CK_BYTE_PTR in(const void *data) {
    CK_BYTE_PTR bytes;
    memcpy(&bytes, &data, sizeof bytes);
    return bytes;
}

static CK_ATTRIBUTE text_attribute(CK_ATTRIBUTE_TYPE type, const char *text) {
    return (CK_ATTRIBUTE){type, in(text), strlen(text)};
}

/* --- reading --- */

static bool read_attribute(struct key *key, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                           struct octets *out) {
    *out = (struct octets){NULL, 0};
    CK_ATTRIBUTE attribute = {type, NULL, 0};
    CK_FUNCTION_LIST *f = key->functions;
    CK_RV rv = f->C_GetAttributeValue(key->session, object, &attribute, 1);
    if (rv == CKR_OK && (attribute.ulValueLen == 0 || attribute.ulValueLen > ATTRIBUTE_MAX))
        rv = CKR_ATTRIBUTE_VALUE_INVALID;
    if (rv != CKR_OK)
        return key_call(rv, "C_GetAttributeValue");
    attribute.pValue = malloc(attribute.ulValueLen);
    if (attribute.pValue == NULL)
        return key_call(CKR_HOST_MEMORY, "C_GetAttributeValue");
    rv = f->C_GetAttributeValue(key->session, object, &attribute, 1);
    *out = (struct octets){attribute.pValue, attribute.ulValueLen};
    if (rv == CKR_OK)
        return true;
    octets_free(out);
    return key_call(rv, "C_GetAttributeValue");
}

/* The one object that matches; complains about `what` when there is none or more. */
static bool find_one(struct key *key, CK_ATTRIBUTE *template, CK_ULONG count, const char *what,
                     CK_OBJECT_HANDLE *object) {
    CK_OBJECT_HANDLE found[2];
    CK_ULONG n = 0;
    CK_FUNCTION_LIST *f = key->functions;
    if (!key_call(f->C_FindObjectsInit(key->session, template, count), "C_FindObjectsInit"))
        return false;
    CK_RV rv = f->C_FindObjects(key->session, found, 2, &n);
    f->C_FindObjectsFinal(key->session);
    if (!key_call(rv, "C_FindObjects"))
        return false;
    if (n != 1) {
        text_complain(TEXT_NOT_AS_WRITTEN, what, NULL, NULL);
        return false;
    }
    *object = found[0];
    return true;
}

/* --- pairs --- */

static bool sm2_spki(struct key *key, CK_OBJECT_HANDLE object, struct octets *spki) {
    struct octets point = {NULL, 0};
    struct sm2_point parts;
    bool done = false;
    /* DER OCTET STRING of 04 || X || Y */
    if (read_attribute(key, object, CKA_EC_POINT, &point)) {
        if (point.len == 67 && point.data[0] == 0x04 && point.data[1] == 65 &&
            point.data[2] == 0x04) {
            memcpy(parts.x, point.data + 3, SM2_SCALAR);
            memcpy(parts.y, point.data + 3 + SM2_SCALAR, SM2_SCALAR);
            done = sm2_point_to_spki(&parts, spki) == FORMATS_OK;
        }
        if (!done)
            text_complain(TEXT_NOT_AS_WRITTEN, "CKA_EC_POINT", NULL, NULL);
    }
    octets_free(&point);
    return done;
}

static EVP_PKEY *rsa_key(const struct octets *modulus, const struct octets *exponent) {
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    BIGNUM *n = BN_bin2bn(modulus->data, (int)modulus->len, NULL);
    BIGNUM *e = BN_bin2bn(exponent->data, (int)exponent->len, NULL);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (n != NULL && e != NULL && bld != NULL && ctx != NULL &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) == 1 &&
        (params = OSSL_PARAM_BLD_to_param(bld)) != NULL && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    EVP_PKEY_CTX_free(ctx);
    BN_free(n);
    BN_free(e);
    return key;
}

static bool rsa_spki(struct key *key, CK_OBJECT_HANDLE object, struct octets *spki) {
    struct octets modulus = {NULL, 0};
    struct octets exponent = {NULL, 0};
    unsigned char *der = NULL;
    bool done = false;
    if (read_attribute(key, object, CKA_MODULUS, &modulus) &&
        read_attribute(key, object, CKA_PUBLIC_EXPONENT, &exponent)) {
        EVP_PKEY *public_key = rsa_key(&modulus, &exponent);
        int len = public_key != NULL ? i2d_PUBKEY(public_key, &der) : -1;
        done = len > 0 && octets_copy(spki, der, (size_t)len) == FORMATS_OK;
        EVP_PKEY_free(public_key);
        if (!done)
            text_complain(TEXT_NOT_AS_WRITTEN, "CKA_MODULUS", NULL, NULL);
    }
    OPENSSL_free(der);
    octets_free(&modulus);
    octets_free(&exponent);
    return done;
}

bool key_generate(struct key *key, const char *name, enum key_algorithm algorithm,
                  CK_OBJECT_HANDLE *private_key, struct octets *spki) {
    CK_BBOOL yes = CK_TRUE;
    CK_ULONG bits = RSA_BITS;
    CK_BYTE exponent[] = {1, 0, 1};
    CK_MECHANISM mechanism = {
        algorithm == KEY_RSA ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_SM2_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_template[4] = {
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_VERIFY, &yes, sizeof yes},
    };
    CK_ULONG public_count = 2;
    if (algorithm == KEY_RSA) {
        public_template[public_count++] = (CK_ATTRIBUTE){CKA_MODULUS_BITS, &bits, sizeof bits};
        public_template[public_count++] =
            (CK_ATTRIBUTE){CKA_PUBLIC_EXPONENT, exponent, sizeof exponent};
    } else {
        public_template[public_count++] =
            (CK_ATTRIBUTE){CKA_EC_PARAMS, in(sm2_curve), sizeof sm2_curve};
    }
    CK_ATTRIBUTE private_template[] = {
        {CKA_TOKEN, &yes, sizeof yes},     {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes}, {CKA_SIGN, &yes, sizeof yes},
        text_attribute(CKA_LABEL, name),
    };
    CK_OBJECT_HANDLE public_key;
    *spki = (struct octets){NULL, 0};
    return key_call(key->functions->C_GenerateKeyPair(
                        key->session, &mechanism, public_template, public_count, private_template,
                        sizeof private_template / sizeof *private_template, &public_key,
                        private_key),
                    "C_GenerateKeyPair") &&
           (algorithm == KEY_RSA ? rsa_spki(key, public_key, spki)
                                 : sm2_spki(key, public_key, spki));
}

bool key_sign(struct key *key, CK_OBJECT_HANDLE private_key, enum key_algorithm algorithm,
              const void *message, size_t len, struct octets *signature) {
    CK_BYTE bytes[512];
    CK_ULONG bytes_len = sizeof bytes;
    CK_MECHANISM mechanism = {algorithm == KEY_RSA ? CKM_SHA256_RSA_PKCS : CKM_SM2_SM3, NULL, 0};
    CK_FUNCTION_LIST *f = key->functions;
    *signature = (struct octets){NULL, 0};
    if (!key_call(f->C_SignInit(key->session, &mechanism, private_key), "C_SignInit") ||
        !key_call(f->C_Sign(key->session, in(message), len, bytes, &bytes_len), "C_Sign"))
        return false;
    enum formats_error error = FORMATS_MALFORMED;
    if (algorithm == KEY_RSA)
        error = octets_copy(signature, bytes, bytes_len);
    else if (bytes_len == SM2_RAW_SIGNATURE)
        error = sm2_signature_to_der(bytes, signature);
    if (error != FORMATS_OK)
        text_complain(TEXT_FORMATS, "C_Sign", formats_error_text(error), NULL);
    return error == FORMATS_OK;
}

bool key_unwrap(struct key *key, CK_OBJECT_HANDLE private_key, const struct octets *envelope) {
    CK_OBJECT_HANDLE made;
    CK_MECHANISM mechanism = {CKM_OPENUKEY_SM2_ENVELOPED_KEY, NULL, 0};
    return key_call(key->functions->C_UnwrapKey(key->session, &mechanism, private_key,
                                                envelope->data, envelope->len, NULL, 0, &made),
                    "C_UnwrapKey");
}

bool key_decrypt(struct key *key, CK_OBJECT_HANDLE private_key, enum key_algorithm algorithm,
                 const struct octets *cipher, struct octets *plain) {
    CK_BYTE bytes[512];
    CK_ULONG len = sizeof bytes;
    CK_MECHANISM mechanism = {algorithm == KEY_RSA ? CKM_RSA_PKCS : CKM_SM2_ENCRYPT, NULL, 0};
    CK_FUNCTION_LIST *f = key->functions;
    *plain = (struct octets){NULL, 0};
    return key_call(f->C_DecryptInit(key->session, &mechanism, private_key), "C_DecryptInit") &&
           key_call(f->C_Decrypt(key->session, cipher->data, cipher->len, bytes, &len),
                    "C_Decrypt") &&
           octets_copy(plain, bytes, len) == FORMATS_OK;
}

/* --- certificates and files --- */

bool key_write_certificate(struct key *key, const char *label, const struct octets *der,
                           const struct octets *subject) {
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_CERTIFICATE_TYPE type = CKC_X_509;
    CK_BBOOL yes = CK_TRUE;
    CK_OBJECT_HANDLE made;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class}, {CKA_CERTIFICATE_TYPE, &type, sizeof type},
        {CKA_TOKEN, &yes, sizeof yes},     {CKA_SUBJECT, subject->data, subject->len},
        {CKA_VALUE, der->data, der->len},  text_attribute(CKA_LABEL, label),
    };
    return key_call(key->functions->C_CreateObject(key->session, template,
                                                   sizeof template / sizeof *template, &made),
                    "C_CreateObject");
}

bool key_find_private(struct key *key, const struct octets *certificate,
                      CK_OBJECT_HANDLE *private_key) {
    CK_OBJECT_CLASS certificate_class = CKO_CERTIFICATE;
    CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY;
    CK_OBJECT_HANDLE object;
    struct octets id;
    CK_ATTRIBUTE wanted[] = {
        {CKA_CLASS, &certificate_class, sizeof certificate_class},
        {CKA_VALUE, certificate->data, certificate->len},
    };
    if (!find_one(key, wanted, 2, "CKO_CERTIFICATE", &object) ||
        !read_attribute(key, object, CKA_ID, &id))
        return false;
    CK_ATTRIBUTE paired[] = {
        {CKA_CLASS, &private_class, sizeof private_class},
        {CKA_ID, id.data, id.len},
    };
    bool found = find_one(key, paired, 2, "CKO_PRIVATE_KEY", private_key);
    octets_free(&id);
    return found;
}

bool key_write_file(struct key *key, const char *name, const struct octets *content) {
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_OBJECT_HANDLE made;
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &no, sizeof no},
        text_attribute(CKA_LABEL, name),
        {CKA_VALUE, content->data, content->len},
    };
    return key_call(key->functions->C_CreateObject(key->session, template,
                                                   sizeof template / sizeof *template, &made),
                    "C_CreateObject");
}

bool key_read_file(struct key *key, const char *name, struct octets *content) {
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_OBJECT_HANDLE object;
    CK_ATTRIBUTE wanted[] = {
        {CKA_CLASS, &class, sizeof class},
        text_attribute(CKA_LABEL, name),
    };
    *content = (struct octets){NULL, 0};
    return find_one(key, wanted, 2, "CKO_DATA", &object) &&
           read_attribute(key, object, CKA_VALUE, content);
}
