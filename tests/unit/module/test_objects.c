/* Objects as programs see them: attributes, search, what it costs, certificates, data, the attribute file. */
#include "session_fixture.h"

#include "module/formats/sm2.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static CK_RV get(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out, CK_ULONG *len) {
    CK_ATTRIBUTE a = {type, out, *len};
    CK_RV rv = C_GetAttributeValue(session, object, &a, 1);
    *len = a.ulValueLen;
    return rv;
}

static CK_ULONG get_ulong(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_ULONG value = 0, len = sizeof(value);
    assert_rv(get(object, type, &value, &len), CKR_OK);
    return value;
}

static bool get_bool(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_BBOOL value = 2;
    CK_ULONG len = sizeof(value);
    assert_rv(get(object, type, &value, &len), CKR_OK);
    return value == CK_TRUE;
}

/* A self-signed certificate of the card's SM2 signing key. */
static struct octets certificate_of(EVP_PKEY *key) {
    X509 *x509 = X509_new();
    X509_NAME *name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"test", -1, -1, 0);
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 4711);
    X509_set_subject_name(x509, name);
    X509_set_issuer_name(x509, name);
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
    X509_set_pubkey(x509, key);
    assert_true(X509_sign(x509, key, EVP_sm3()) > 0);
    unsigned char *der = NULL;
    int len = i2d_X509(x509, &der);
    struct octets out;
    assert_int_equal(octets_copy(&out, der, (size_t)len), FORMATS_OK);
    OPENSSL_free(der);
    X509_NAME_free(name);
    X509_free(x509);
    return out;
}

static CK_RV create_certificate(const struct octets *der, CK_BYTE *id, CK_ULONG id_len,
                                CK_OBJECT_HANDLE *out) {
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)},
                               {CKA_TOKEN, &yes, sizeof(yes)},
                               {CKA_VALUE, der->data, der->len},
                               {CKA_ID, id, id_len}};
    return C_CreateObject(session, template, id != NULL ? 4 : 3, out);
}

static void a_container_shows_as_pairs_with_their_own_ids(void **state) {
    (void)state;
    fixture_login();
    assert_int_equal(fixture_count(CKO_PRIVATE_KEY), 3);
    assert_int_equal(fixture_count(CKO_PUBLIC_KEY), 3);
    assert_int_equal(fixture_count(CKO_CERTIFICATE), 0);
    CK_OBJECT_HANDLE sign = fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_SIGN);
    CK_OBJECT_HANDLE decrypt = fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_DECRYPT);
    CK_BYTE a[64], b[64];
    CK_ULONG a_len = sizeof(a), b_len = sizeof(b);
    assert_rv(get(sign, CKA_ID, a, &a_len), CKR_OK);
    assert_rv(get(decrypt, CKA_ID, b, &b_len), CKR_OK);
    /* SHA-1("sm2" || 00 || 01) */
    static const CK_BYTE expected[20] = {0};
    CK_BYTE digest[20];
    EVP_Digest("sm2\0\1", 5, digest, NULL, EVP_sha1(), NULL);
    assert_int_equal(a_len, 20);
    assert_memory_equal(a, digest, 20);
    assert_memory_not_equal(a, expected, 20);
    assert_memory_not_equal(a, b, 20);
    assert_true(get_bool(sign, CKA_LOCAL));
    assert_false(get_bool(decrypt, CKA_LOCAL));
    assert_false(get_bool(sign, CKA_EXTRACTABLE));
    assert_int_equal(get_ulong(sign, CKA_KEY_TYPE), CKK_SM2);
}

static void attribute_rules_of_get_are_kept(void **state) {
    (void)state;
    fixture_login();
    CK_OBJECT_HANDLE key = fixture_find(CKO_PRIVATE_KEY, "rsa");
    CK_BYTE small[2], modulus[256];
    CK_ULONG bits;
    CK_ATTRIBUTE template[] = {{CKA_PRIVATE_EXPONENT, modulus, sizeof(modulus)},
                               {CKA_MODULUS, NULL, 0},
                               {CKA_MODULUS, small, sizeof(small)},
                               {CKA_CERTIFICATE_TYPE, small, sizeof(small)},
                               {CKA_MODULUS_BITS, &bits, sizeof(bits)}};
    CK_RV rv = C_GetAttributeValue(session, key, template, 5);
    assert_true(rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_BUFFER_TOO_SMALL ||
                rv == CKR_ATTRIBUTE_TYPE_INVALID);
    assert_int_equal(template[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(template[1].ulValueLen, 256);
    assert_int_equal(template[2].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(template[3].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    assert_int_equal(bits, 2048); /* the others were processed */
    assert_rv(C_GetAttributeValue(session, 12345, template, 1), CKR_OBJECT_HANDLE_INVALID);
}

static void public_key_info_is_what_openssl_says(void **state) {
    (void)state;
    CK_BYTE info[600], point[67];
    CK_ULONG len = sizeof(info), point_len = sizeof(point);
    unsigned char *der = NULL;
    assert_rv(get(fixture_find(CKO_PUBLIC_KEY, "rsa"), CKA_PUBLIC_KEY_INFO, info, &len), CKR_OK);
    int der_len = i2d_PUBKEY(fake_card.rsa, &der);
    assert_int_equal(len, der_len);
    assert_memory_equal(info, der, len);
    OPENSSL_free(der);

    CK_OBJECT_HANDLE sm2 = fixture_find_usage(CKO_PUBLIC_KEY, "sm2", CKA_VERIFY);
    len = sizeof(info);
    assert_rv(get(sm2, CKA_PUBLIC_KEY_INFO, info, &len), CKR_OK);
    EVP_PKEY *key = NULL;
    assert_int_equal(sm2_key_from_spki(NULL, info, len, &key), FORMATS_OK);
    assert_int_equal(EVP_PKEY_eq(key, fake_card.sm2_sign), 1);
    EVP_PKEY_free(key);
    assert_rv(get(sm2, CKA_EC_POINT, point, &point_len), CKR_OK);
    assert_int_equal(point_len, 67);
    assert_memory_equal(point, "\x04\x41\x04", 3);
}

static void search_reads_only_what_it_needs(void **state) {
    (void)state;
    fixture_login();
    unsigned before = fake_card.commands;
    assert_int_not_equal(fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_SIGN), CK_INVALID_HANDLE);
    /* EnumContainer, GetContainerInfo of this one, ReadFile of the attribute file */
    assert_int_equal(fake_card.commands - before, 3);
    assert_int_equal(fake_card_count(INS_EXPORT_CERTIFICATE), 0);
    assert_int_equal(fake_card_count(INS_EXPORT_PUBLIC_KEY), 0);
    assert_int_equal(fake_card_count(INS_ENUM_FILES), 0);
    before = fake_card.commands;
    assert_int_equal(fixture_count(CKO_PUBLIC_KEY), 3);
    assert_int_equal(fake_card.commands - before, 1); /* GetContainerInfo of the other one */
    assert_int_equal(fixture_count(CKO_PUBLIC_KEY), 3);
    assert_int_equal(fake_card.commands - before, 1); /* from memory */
}

static void a_further_signature_costs_one_command(void **state) {
    (void)state;
    CK_MECHANISM mechanism = {CKM_SM2_SM3, NULL, 0};
    CK_BYTE data[] = "x", signature[64];
    fixture_login();
    CK_OBJECT_HANDLE key = fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_SIGN);
    unsigned before = 0;
    for (int i = 0; i < 2; i++) {
        CK_ULONG len = sizeof(signature);
        before = fake_card.commands;
        assert_rv(C_SignInit(session, &mechanism, key), CKR_OK);
        assert_rv(C_Sign(session, data, 1, signature, &len), CKR_OK);
    }
    assert_int_equal(fake_card.commands - before, 1);
}

static void a_change_by_another_program_is_seen(void **state) {
    (void)state;
    struct octets der = certificate_of(fake_card.sm2_sign);
    assert_int_equal(fixture_count(CKO_CERTIFICATE), 0);
    CK_OBJECT_HANDLE key = fixture_find(CKO_PUBLIC_KEY, "rsa");
    memcpy(fake_card.certificate, der.data, der.len);
    fake_card.certificate_len = der.len;
    fake_card.change_counter++;
    fake_card.maybe_used = true;
    assert_int_equal(fixture_count(CKO_CERTIFICATE), 1);
    assert_int_equal(fixture_find(CKO_PUBLIC_KEY, "rsa"), key); /* handles stay */
    octets_free(&der);
}

static void a_certificate_goes_to_its_key(void **state) {
    (void)state;
    struct octets der = certificate_of(fake_card.sm2_sign), foreign = {NULL, 0};
    CK_OBJECT_HANDLE object;
    assert_rv(create_certificate(&der, NULL, 0, &object), CKR_USER_NOT_LOGGED_IN);
    fixture_login();
    EVP_PKEY *other = NULL;
    assert_int_equal(sm2_key_generate(NULL, &other), FORMATS_OK);
    foreign = certificate_of(other);
    CK_BYTE wrong_id[] = {1, 2, 3}, id[64], value[2000];
    CK_ULONG id_len = sizeof(id), len = sizeof(value);
    assert_rv(create_certificate(&foreign, NULL, 0, &object), CKR_TEMPLATE_INCONSISTENT);
    assert_rv(create_certificate(&der, wrong_id, 3, &object), CKR_TEMPLATE_INCONSISTENT);
    assert_rv(get(fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_SIGN), CKA_ID, id, &id_len),
              CKR_OK);
    assert_rv(create_certificate(&der, id, id_len, &object), CKR_OK);
    assert_rv(get(object, CKA_VALUE, value, &len), CKR_OK);
    assert_int_equal(len, der.len);
    assert_memory_equal(value, der.data, der.len);
    len = sizeof(value);
    assert_rv(get(object, CKA_SERIAL_NUMBER, value, &len), CKR_OK);
    assert_memory_equal(value, "\x02\x02\x12\x67", 4);
    assert_rv(C_DestroyObject(session, object), CKR_ACTION_PROHIBITED);
    der.data[der.len - 1] ^= 1;
    der.len--;
    assert_rv(create_certificate(&der, NULL, 0, &object), CKR_ATTRIBUTE_VALUE_INVALID);
    EVP_PKEY_free(other);
    octets_free(&der);
    octets_free(&foreign);
}

static CK_RV create_data(const char *name, CK_BYTE *value, CK_ULONG len, bool private,
                         CK_OBJECT_HANDLE *out) {
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_BBOOL yes = CK_TRUE, is_private = private ? CK_TRUE : CK_FALSE;
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)},
                               {CKA_TOKEN, &yes, sizeof(yes)},
                               {CKA_PRIVATE, &is_private, sizeof(is_private)},
                               {CKA_LABEL, (void *)(uintptr_t)name, strlen(name)},
                               {CKA_VALUE, value, len}};
    return C_CreateObject(session, template, 5, out);
}

static void data_objects_are_written_read_and_destroyed(void **state) {
    (void)state;
    static CK_BYTE value[4000], back[4000];
    CK_OBJECT_HANDLE object;
    CK_ULONG len = sizeof(back);
    for (size_t i = 0; i < sizeof(value); i++) {
        value[i] = (CK_BYTE)(i * 7);
    }
    assert_rv(create_data("seal.esl", value, sizeof(value), false, &object),
              CKR_USER_NOT_LOGGED_IN);
    fixture_login();
    assert_rv(create_data("seal.esl", value, sizeof(value), false, &object), CKR_OK);
    assert_int_equal(fake_card_count(INS_WRITE_FILE), 2);
    assert_rv(create_data("seal.esl", value, 1, false, &object),
              CKR_TEMPLATE_INCONSISTENT); /* exists */
    assert_rv(create_data("openukey.p11", value, 1, false, &object), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_rv(create_data("a name of thirty-three characters", value, 1, false, &object),
              CKR_ATTRIBUTE_VALUE_INVALID);
    object = fixture_find(CKO_DATA, "seal.esl");
    assert_rv(get(object, CKA_VALUE, back, &len), CKR_OK);
    assert_int_equal(len, sizeof(value));
    assert_memory_equal(back, value, sizeof(value));
    assert_rv(C_DestroyObject(session, object), CKR_OK);
    assert_int_equal(fixture_count(CKO_DATA), 0);
    assert_rv(C_DestroyObject(session, object), CKR_OBJECT_HANDLE_INVALID);
}

static void a_file_made_again_under_its_name_has_its_new_value(void **state) {
    (void)state;
    CK_BYTE before[] = {1, 2, 3, 4}, after[] = {5, 6, 7, 8}, back[8];
    CK_OBJECT_HANDLE old, object;
    CK_ULONG len = sizeof(back);
    fixture_login();
    assert_rv(create_data("seal.esl", before, sizeof(before), false, &old), CKR_OK);
    assert_rv(get(old, CKA_VALUE, back, &len), CKR_OK);
    assert_rv(C_DestroyObject(session, old), CKR_OK);
    assert_rv(create_data("seal.esl", after, sizeof(after), false, &object), CKR_OK);
    len = sizeof(back);
    assert_rv(get(object, CKA_VALUE, back, &len), CKR_OK);
    assert_int_equal(len, sizeof(after));
    assert_memory_equal(back, after, sizeof(after));
    len = sizeof(back);
    assert_rv(get(old, CKA_VALUE, back, &len), CKR_OBJECT_HANDLE_INVALID);
}

static void private_data_needs_login(void **state) {
    (void)state;
    CK_BYTE value[] = "secret";
    CK_OBJECT_HANDLE object;
    fixture_login();
    assert_rv(create_data("mine", value, sizeof(value), true, &object), CKR_OK);
    assert_int_equal(fixture_count(CKO_DATA), 1);
    assert_rv(C_Logout(session), CKR_OK);
    assert_int_equal(fixture_count(CKO_DATA), 0);
}

static void a_file_half_written_is_taken_away(void **state) {
    (void)state;
    static CK_BYTE value[4000];
    CK_OBJECT_HANDLE object;
    fixture_login();
    fake_card.fail_ins = INS_WRITE_FILE;
    fake_card.fail_sw = SW_NO_SPACE;
    fake_card.fail_count = 1;
    assert_rv(create_data("seal.esl", value, sizeof(value), false, &object), CKR_DEVICE_MEMORY);
    assert_int_equal(fixture_count(CKO_DATA), 0);
    assert_rv(create_data("seal.esl", value, sizeof(value), false, &object), CKR_OK);
}

static void labels_and_ids_are_kept_on_the_token(void **state) {
    (void)state;
    CK_BYTE id[] = {0xAB, 0xCD}, back[64];
    CK_UTF8CHAR label[] = "签名证书";
    CK_ATTRIBUTE template[] = {{CKA_LABEL, label, sizeof(label) - 1}, {CKA_ID, id, sizeof(id)}};
    CK_ATTRIBUTE read_only[] = {{CKA_SENSITIVE, id, 1}},
                 unknown[] = {{CKA_CERTIFICATE_TYPE, id, 1}};
    fixture_login();
    CK_OBJECT_HANDLE key = fixture_find(CKO_PRIVATE_KEY, "rsa");
    assert_rv(C_SetAttributeValue(session, key, read_only, 1), CKR_ATTRIBUTE_READ_ONLY);
    assert_rv(C_SetAttributeValue(session, key, unknown, 1), CKR_ATTRIBUTE_TYPE_INVALID);
    assert_rv(C_SetAttributeValue(session, key, template, 2), CKR_OK);
    assert_int_equal(fake_card_count(INS_WRITE_FILE), 1); /* one commit */

    /* another process reads it */
    assert_rv(C_Finalize(NULL), CKR_OK);
    assert_rv(C_Initialize(NULL), CKR_OK);
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    CK_OBJECT_HANDLE public_key = fixture_find(CKO_PUBLIC_KEY, (const char *)label);
    assert_int_not_equal(public_key, CK_INVALID_HANDLE);
    CK_ULONG len = sizeof(back);
    assert_rv(get(public_key, CKA_ID, back, &len), CKR_OK);
    assert_int_equal(len, sizeof(id));
    assert_memory_equal(back, id, sizeof(id));
    assert_int_equal(fixture_count(CKO_DATA), 0); /* the file is no object */
}

static void writing_needs_a_read_write_session(void **state) {
    (void)state;
    CK_BYTE value[] = "v";
    CK_OBJECT_HANDLE object;
    assert_rv(C_CloseSession(session), CKR_OK);
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
    fixture_login();
    assert_rv(create_data("x", value, 1, false, &object), CKR_SESSION_READ_ONLY);
}

static void restart(const char *presentation) {
    CK_INTERFACE *interface;
    CK_UTF8CHAR name[] = "OpenUKey";
    assert_rv(C_Finalize(NULL), CKR_OK);
    assert_rv(C_GetInterface(name, NULL, &interface, 0), CKR_OK);
    const CK_OPENUKEY_FUNCTIONS *vendor = interface->pFunctionList;
    assert_rv(vendor->SetOption("sm2-objects", presentation), CKR_OK);
    assert_rv(C_Initialize(NULL), CKR_OK);
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    fixture_login();
}

static void sm2_objects_show_as_configured(void **state) {
    (void)state;
    CK_BYTE oid[16];
    CK_ULONG len = sizeof(oid);
    struct octets der = certificate_of(fake_card.sm2_sign);
    memcpy(fake_card.certificate, der.data, der.len);
    fake_card.certificate_len = der.len;
    octets_free(&der);
    restart("ec");
    CK_OBJECT_HANDLE key = fixture_find_usage(CKO_PRIVATE_KEY, "sm2", CKA_SIGN);
    assert_int_equal(get_ulong(key, CKA_KEY_TYPE), CKK_EC);
    assert_rv(get(key, CKA_EC_PARAMS, oid, &len), CKR_OK);
    assert_memory_equal(oid, "\x06\x08\x2A\x81\x1C\xCF\x55\x01\x82\x2D", 10);
    CK_MECHANISM mechanism = {CKM_SM2_SM3, NULL, 0};
    assert_rv(C_SignInit(session, &mechanism, key), CKR_OK);
    restart("hidden");
    assert_int_equal(fixture_count(CKO_PRIVATE_KEY), 1);
    assert_int_equal(fixture_count(CKO_PUBLIC_KEY), 1);
    assert_int_equal(fixture_count(CKO_CERTIFICATE), 0);
    restart("vendor");
    assert_int_equal(fixture_count(CKO_PRIVATE_KEY), 3);
    assert_int_equal(fixture_count(CKO_CERTIFICATE), 1);
}

static void a_blank_key_is_a_token_without_objects(void **state) {
    (void)state;
    CK_TOKEN_INFO info;
    CK_UTF8CHAR pin[] = "123456";
    fake_card_remove();
    fake_card.has_application = false;
    fake_card_insert();
    assert_rv(C_GetTokenInfo(0, &info), CKR_OK);
    assert_int_equal(info.flags & CKF_TOKEN_INITIALIZED, 0);
    assert_rv(C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session), CKR_OK);
    assert_int_equal(fixture_count(CKO_PUBLIC_KEY), 0);
    assert_rv(C_Login(session, CKU_USER, pin, 6), CKR_USER_PIN_NOT_INITIALIZED);
}

static void a_second_search_waits_for_the_first_to_end(void **state) {
    (void)state;
    CK_OBJECT_HANDLE found[8];
    CK_ULONG count;
    assert_rv(C_FindObjectsInit(session, NULL, 0), CKR_OK);
    assert_rv(C_FindObjectsInit(session, NULL, 0), CKR_OPERATION_ACTIVE);
    assert_rv(C_FindObjects(session, found, 2, &count), CKR_OK);
    assert_int_equal(count, 2);
    assert_rv(C_FindObjects(session, found, 8, &count), CKR_OK);
    assert_int_equal(count, 4); /* three public keys and three profiles in all */
    assert_rv(C_FindObjects(session, found, 8, &count), CKR_OK);
    assert_int_equal(count, 0);
    assert_rv(C_FindObjectsFinal(session), CKR_OK);
    assert_rv(C_FindObjects(session, found, 8, &count), CKR_OPERATION_NOT_INITIALIZED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_container_shows_as_pairs_with_their_own_ids),
        TEST(attribute_rules_of_get_are_kept),
        TEST(public_key_info_is_what_openssl_says),
        TEST(search_reads_only_what_it_needs),
        TEST(a_further_signature_costs_one_command),
        TEST(a_change_by_another_program_is_seen),
        TEST(a_certificate_goes_to_its_key),
        TEST(data_objects_are_written_read_and_destroyed),
        TEST(a_file_made_again_under_its_name_has_its_new_value),
        TEST(private_data_needs_login),
        TEST(a_file_half_written_is_taken_away),
        TEST(labels_and_ids_are_kept_on_the_token),
        TEST(writing_needs_a_read_write_session),
        TEST(sm2_objects_show_as_configured),
        TEST(a_blank_key_is_a_token_without_objects),
        TEST(a_second_search_waits_for_the_first_to_end),
    };
    int failed = cmocka_run_group_tests_name("objects", tests, NULL, NULL);
    fake_card_free();
    return failed;
}
