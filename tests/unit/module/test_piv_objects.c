/* What PKCS#11 programs may do with the objects of a PIV card: certificates come and go, the rest stays. */
#include "fake_piv.h"
#include "session_fixture.h"

#include <openssl/x509.h>
#include <string.h>

static const char certificate_label[] = "Certificate for PIV Authentication";

static void login_officer(void) {
    CK_UTF8CHAR puk[] = "12345678";
    assert_rv(C_Login(session, CKU_SO, puk, 8), CKR_OK);
}

/* C_CreateObject of a certificate of this key. */
static CK_RV write_certificate(EVP_PKEY *key, CK_OBJECT_HANDLE *out) {
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_CERTIFICATE_TYPE type = CKC_X_509;
    CK_BBOOL yes = CK_TRUE;
    X509 *x509 = X509_new();
    uint8_t *der = NULL;
    X509_set_version(x509, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    int len = i2d_X509(x509, &der);
    assert_true(len > 0);
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof(class)},
                               {CKA_CERTIFICATE_TYPE, &type, sizeof(type)},
                               {CKA_TOKEN, &yes, sizeof(yes)},
                               {CKA_VALUE, der, (CK_ULONG)len}};
    CK_RV rv = C_CreateObject(session, template, 4, out);
    OPENSSL_free(der);
    X509_free(x509);
    return rv;
}

static bool is_destroyable(CK_OBJECT_HANDLE object) {
    CK_BBOOL value = 9;
    CK_ATTRIBUTE t = {CKA_DESTROYABLE, &value, sizeof(value)};
    assert_rv(C_GetAttributeValue(session, object, &t, 1), CKR_OK);
    return value == CK_TRUE;
}

static void a_certificate_of_an_ec_key_goes_to_it_and_of_another_nowhere(void **state) {
    (void)state;
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    EVP_PKEY *other = EVP_EC_gen("P-256");
    login_officer();
    assert_rv(write_certificate(other, &made), CKR_TEMPLATE_INCONSISTENT);
    assert_rv(write_certificate(fake_piv.key, &made), CKR_OK);
    assert_int_equal(fixture_find(CKO_CERTIFICATE, certificate_label), made);
    EVP_PKEY_free(other);
}

static void a_destroyed_certificate_is_gone_and_its_key_is_not(void **state) {
    (void)state;
    CK_OBJECT_HANDLE first, second;
    login_officer();
    CK_OBJECT_HANDLE key = fixture_find(CKO_PUBLIC_KEY, "PIV AUTH pubkey");
    assert_rv(write_certificate(fake_piv.key, &first), CKR_OK);
    assert_true(is_destroyable(first));
    assert_rv(C_DestroyObject(session, first), CKR_OK);
    assert_int_equal(fake_piv.objects[0].len, 0);
    assert_int_equal(fixture_count(CKO_CERTIFICATE), 0);
    assert_rv(C_DestroyObject(session, first), CKR_OBJECT_HANDLE_INVALID);
    assert_int_equal(fixture_find(CKO_PUBLIC_KEY, "PIV AUTH pubkey"), key);
    /* the next is another object */
    assert_rv(write_certificate(fake_piv.key, &second), CKR_OK);
    assert_int_not_equal(second, first);
    assert_rv(C_DestroyObject(session, first), CKR_OBJECT_HANDLE_INVALID);
}

static void a_handle_is_not_used_again_when_nobody_looked_between(void **state) {
    (void)state;
    CK_OBJECT_HANDLE first, second;
    login_officer();
    assert_rv(write_certificate(fake_piv.key, &first), CKR_OK);
    assert_rv(C_DestroyObject(session, first), CKR_OK);
    assert_rv(write_certificate(fake_piv.key, &second), CKR_OK);
    assert_int_not_equal(second, first);
}

static void a_certificate_that_the_card_does_not_give_up_stays(void **state) {
    (void)state;
    CK_OBJECT_HANDLE made;
    login_officer();
    assert_rv(write_certificate(fake_piv.key, &made), CKR_OK);
    fake_piv.put_sw = 0x6A81;
    assert_rv(C_DestroyObject(session, made), CKR_FUNCTION_NOT_SUPPORTED);
    assert_int_equal(fixture_find(CKO_CERTIFICATE, certificate_label), made);
    fake_piv.put_sw = 0;
    assert_rv(C_Logout(session), CKR_OK);
    assert_rv(C_DestroyObject(session, made), CKR_USER_NOT_LOGGED_IN);
    fixture_login();
    assert_rv(C_DestroyObject(session, made), CKR_USER_NOT_LOGGED_IN);
    assert_int_equal(fixture_find(CKO_CERTIFICATE, certificate_label), made);
}

static void what_a_piv_card_cannot_delete_is_not_destroyable(void **state) {
    (void)state;
    struct fake_piv_object chuid = {.tag = {0x5F, 0xC1, 0x02}, .data = {0x53, 1, 7}, .len = 3};
    fake_piv.objects[3] = chuid;
    login_officer();
    const CK_OBJECT_HANDLE objects[] = {fixture_find(CKO_PRIVATE_KEY, "PIV AUTH key"),
                                        fixture_find(CKO_PUBLIC_KEY, "PIV AUTH pubkey"),
                                        fixture_find(CKO_DATA, "Card Holder Unique Identifier")};
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        assert_int_not_equal(objects[i], CK_INVALID_HANDLE);
        assert_false(is_destroyable(objects[i]));
        assert_rv(C_DestroyObject(session, objects[i]), CKR_ACTION_PROHIBITED);
    }
}

static int free_card(void **state) {
    (void)state;
    fake_card_free();
    return 0;
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {
        T(a_certificate_of_an_ec_key_goes_to_it_and_of_another_nowhere),
        T(a_destroyed_certificate_is_gone_and_its_key_is_not),
        T(a_handle_is_not_used_again_when_nobody_looked_between),
        T(a_certificate_that_the_card_does_not_give_up_stays),
        T(what_a_piv_card_cannot_delete_is_not_destroyable),
    };
    return cmocka_run_group_tests(tests, NULL, free_card);
}
