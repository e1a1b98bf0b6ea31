/* Public objects remembered on disk: used for the state of the card that they are of, and never when the file could be
 * another's work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_card.h"
#include "openukey/apdu.h"
#include "session_fixture.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HASH = 32, FILE_MAX = 65536 };

static char folder[] = "/tmp/openukey-memory-XXXXXX";
static char cache[64], file[400];
static CK_MECHANISM rsa_pkcs = {CKM_RSA_PKCS, NULL, 0};

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    fake_card_free();
    return rmdir(folder);
}

static void open_module(void) {
    CK_SLOT_ID slot;
    CK_ULONG count = 1;
    CK_INTERFACE *interface;
    CK_UTF8CHAR name[] = "OpenUKey";
    assert_rv(C_GetInterface(name, NULL, &interface, 0), CKR_OK);
    const CK_OPENUKEY_FUNCTIONS *vendor = interface->pFunctionList;
    const char *const options[][2] = {
        {"pcsc", "off"}, {"usb", "off"}, {"sm2-objects", "auto"}, {"cache", cache}};
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        assert_rv(vendor->SetOption(options[i][0], options[i][1]), CKR_OK);
    }
    assert_rv(C_Initialize(NULL), CKR_OK);
    assert_rv(C_GetSlotList(CK_TRUE, &slot, &count), CKR_OK);
    assert_rv(C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
              CKR_OK);
}

static int setup(void **state) {
    (void)state;
    fake_card_reset();
    memset(fake_card.change_tag, 7, sizeof(fake_card.change_tag));
    setenv("OPENUKEY_CONF", "/nonexistent", 1);
    setenv("OPENUKEY_LOG", "error", 1);
    snprintf(cache, sizeof(cache), "%s/cache", folder);
    file[0] = '\0';
    open_module();
    return 0;
}

static int teardown(void **state) {
    C_Finalize(NULL);
    unlink(file);
    rmdir(cache);
    (void)state;
    return 0;
}

/* The one file in the folder. */
static void find_file(void) {
    DIR *dir = opendir(cache);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.') {
            assert_string_equal(file, "");
            snprintf(file, sizeof(file), "%s/%s", cache, entry->d_name);
        }
    }
    closedir(dir);
    assert_string_not_equal(file, "");
}

static CK_ULONG read_modulus(CK_BYTE modulus[256]) {
    CK_ATTRIBUTE attribute = {CKA_MODULUS, modulus, 256};
    CK_OBJECT_HANDLE key = fixture_find(CKO_PUBLIC_KEY, "rsa");
    assert_int_not_equal(key, CK_INVALID_HANDLE);
    assert_rv(C_GetAttributeValue(session, key, &attribute, 1), CKR_OK);
    return attribute.ulValueLen;
}

/* A program that starts, asks for a public key, and ends: did it have the card list its containers? */
static bool asks_the_card(void) {
    CK_BYTE modulus[256];
    assert_rv(C_Finalize(NULL), CKR_OK);
    unsigned before = fake_card_count(INS_ENUM_CONTAINER);
    open_module();
    assert_int_equal(read_modulus(modulus), 256);
    return fake_card_count(INS_ENUM_CONTAINER) != before;
}

static size_t load(uint8_t bytes[FILE_MAX]) {
    FILE *f = fopen(file, "re");
    assert_non_null(f);
    size_t len = fread(bytes, 1, FILE_MAX, f);
    fclose(f);
    return len;
}

static void store(const uint8_t *bytes, size_t len) {
    FILE *f = fopen(file, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

static void what_was_read_is_remembered_for_this_state_of_the_card(void **state) {
    (void)state;
    CK_BYTE first[256], again[256];
    read_modulus(first);
    assert_false(asks_the_card());
    find_file();
    unsigned before = fake_card.commands;
    read_modulus(again);
    assert_memory_equal(first, again, sizeof(first));
    assert_int_equal(fake_card.commands, before);
    fake_card.change_tag[3]++; /* the counter alone is the same */
    assert_true(asks_the_card());
    assert_false(asks_the_card());
    fake_card.change_counter++;
    assert_true(asks_the_card());
    memset(fake_card.change_tag, 0, sizeof(fake_card.change_tag)); /* a card without a tag */
    assert_true(asks_the_card());
    assert_true(asks_the_card());
}

static void a_file_that_others_could_write_is_not_read(void **state) {
    (void)state;
    struct stat st;
    CK_BYTE modulus[256];
    char elsewhere[64];
    read_modulus(modulus);
    assert_false(asks_the_card());
    find_file();
    assert_int_equal(stat(cache, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(file, 0620), 0);
    assert_true(asks_the_card()); /* and it is written anew */
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(cache, 0770), 0);
    assert_true(asks_the_card());
    assert_true(asks_the_card());
    assert_int_equal(chmod(cache, 0700), 0);
    assert_false(asks_the_card());
    snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", folder);
    assert_int_equal(rename(file, elsewhere), 0);
    assert_int_equal(symlink(elsewhere, file), 0);
    assert_true(asks_the_card());
    unlink(elsewhere);
}

static void a_damaged_file_is_not_used(void **state) {
    (void)state;
    static uint8_t whole[FILE_MAX], bytes[FILE_MAX];
    CK_BYTE modulus[256];
    read_modulus(modulus);
    assert_false(asks_the_card());
    find_file();
    size_t len = load(whole);
    for (size_t at = 0; at < len; at += 41) {
        memcpy(bytes, whole, len);
        bytes[at] ^= 0x10;
        store(bytes, len);
        assert_true(asks_the_card());
        store(whole, at);
        assert_true(asks_the_card());
    }
    store(whole, len);
    assert_false(asks_the_card());
}

static void a_lie_about_a_public_key_is_found_by_the_first_signature(void **state) {
    (void)state;
    static uint8_t bytes[FILE_MAX];
    CK_BYTE modulus[256], data[20] = {1}, signature[256];
    CK_ULONG len = sizeof(signature);
    read_modulus(modulus);
    assert_false(asks_the_card());
    find_file();
    size_t file_len = load(bytes);
    uint8_t *remembered = memmem(bytes, file_len, modulus, sizeof(modulus));
    assert_non_null(remembered);
    remembered[100] ^= 1;
    assert_int_equal(
        EVP_Digest(bytes, file_len - HASH, bytes + file_len - HASH, NULL, EVP_sha256(), NULL), 1);
    store(bytes, file_len);
    assert_false(asks_the_card()); /* it is believed so far */
    fixture_login();
    CK_OBJECT_HANDLE key = fixture_find(CKO_PRIVATE_KEY, "rsa");
    assert_rv(C_SignInit(session, &rsa_pkcs, key), CKR_OK);
    assert_rv(C_Sign(session, data, sizeof(data), signature, &len), CKR_KEY_HANDLE_INVALID);
    key = fixture_find(CKO_PRIVATE_KEY, "rsa");
    len = sizeof(signature);
    assert_rv(C_SignInit(session, &rsa_pkcs, key), CKR_OK);
    assert_rv(C_Sign(session, data, sizeof(data), signature, &len), CKR_OK);
    CK_BYTE now[256];
    read_modulus(now);
    assert_memory_equal(now, modulus, sizeof(now));
}

static void it_can_be_switched_off(void **state) {
    (void)state;
    CK_BYTE modulus[256];
    assert_rv(C_Finalize(NULL), CKR_OK);
    snprintf(cache, sizeof(cache), "off");
    open_module();
    read_modulus(modulus);
    assert_true(asks_the_card());
    snprintf(cache, sizeof(cache), "%s/cache", folder);
    assert_int_equal(access(cache, F_OK), -1);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_was_read_is_remembered_for_this_state_of_the_card),
        T(a_file_that_others_could_write_is_not_read),
        T(a_damaged_file_is_not_used),
        T(a_lie_about_a_public_key_is_found_by_the_first_signature),
        T(it_can_be_switched_off),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
