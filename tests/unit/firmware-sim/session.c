/* Format, application, PIN, keys, signatures, file, power cycle. */
#include "tests/unit/firmware-sim/session.h"

#include "firmware-sim/crypto/rsa.h"
#include "firmware-sim/crypto/sm2.h"
#include "firmware-sim/crypto/sm4.h"

#include <mbedtls/rsa.h>
#include <mbedtls/sha1.h>
#include <openukey/apdu.h>
#include <string.h>

static const struct session *session;
static struct card *card;
static uint8_t command[512], response[APDU_MAX_RESPONSE];
static size_t command_len, response_len; /* of the data fields */
static uint16_t app, container;
static struct sm2_point sm2_key;
static uint8_t modulus[RSA_MODULUS];

/* --- commands --- */

static void begin(uint8_t ins, uint8_t p1, uint8_t p2) {
    const uint8_t header[] = {CLA_GM, ins, p1, p2, 0, 0, 0};
    memcpy(command, header, sizeof header);
    command_len = 0;
}

static void put(const void *data, size_t len) {
    memcpy(command + 7 + command_len, data, len);
    command_len += len;
}

static void put_number(uint32_t v, size_t size) {
    uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    put(b, size);
}

/* Copies a text's characters, not its end. */
static void put_text(uint8_t *to, const char *text) {
    while (*text)
        *to++ = (uint8_t)*text++;
}

static void put_padded(const char *text, size_t size) {
    memset(command + 7 + command_len, 0, size);
    put_text(command + 7 + command_len, text);
    command_len += size;
}

static uint16_t transmit(size_t len) {
    size_t n = card_transmit(card, command, len, response);
    response_len = n - 2;
    return (uint16_t)(response[n - 2] << 8 | response[n - 1]);
}

static uint16_t send(void) {
    command[5] = (uint8_t)(command_len >> 8);
    command[6] = (uint8_t)command_len;
    return transmit(command_len ? 7 + command_len : 4);
}

/* Reads with Le and without data. */
static uint16_t ask(uint16_t le) {
    command[5] = (uint8_t)(le >> 8);
    command[6] = (uint8_t)le;
    return transmit(7);
}

static bool power_up(void) {
    uint32_t page;
    return card_power_up(card, session->flash, session->entropy, session->entropy_ctx, &page) ==
           CARD_OK;
}

/* E_key(challenge8 || 0*8) */
static bool put_response_to_challenge(uint8_t ins, uint8_t p2, const uint8_t key[SM4_KEY],
                                      bool of_app) {
    uint8_t block[SM4_BLOCK] = {0};
    begin(INS_GEN_RANDOM, 0, 0);
    if (ask(GM_CHALLENGE_SIZE) != SW_OK)
        return false;
    memcpy(block, response, GM_CHALLENGE_SIZE);
    sm4_ecb_encrypt(key, block, sizeof block, block);
    begin(ins, 0, p2);
    if (of_app)
        put_number(app, 2);
    put(block, sizeof block);
    return true;
}

static uint16_t verify_pin(const char *pin) {
    uint8_t padded[GM_PIN_MAX] = {0}, key[20];
    put_text(padded, pin);
    if (mbedtls_sha1_ret(padded, sizeof padded, key) != 0 ||
        !put_response_to_challenge(INS_VERIFY_PIN, GM_PIN_USER, key, true))
        return 0;
    return send();
}

/* --- steps --- */

static bool powers_up(void) {
    return power_up();
}

static bool tells_what_it_is(void) {
    begin(INS_GET_DEV_INFO, 0, 0);
    return ask(GM_DEVINFO_SIZE) == SW_OK && response_len == GM_DEVINFO_SIZE &&
           memcmp(response + DEVINFO_VENDOR_MAGIC, "OUK1", 4) == 0;
}

static bool makes_an_application(void) {
    if (!put_response_to_challenge(INS_DEV_AUTH, 2, (const uint8_t *)"1234567812345678", false) ||
        send() != SW_OK)
        return false;
    begin(INS_CREATE_APPLICATION, 0, 0);
    put_padded("APP", GM_APP_NAME_MAX);
    put_padded("admin-pin", GM_PIN_MAX);
    put_number(5, 4);
    put_padded("123456", GM_PIN_MAX);
    put_number(5, 4);
    put_number(GM_USER, 4);
    put_number(16, 1);
    put_number(32, 1);
    put_number(60, 2);
    return send() == SW_OK;
}

static bool opens_the_application(void) {
    begin(INS_OPEN_APPLICATION, 0, 0);
    put("APP", 3);
    if (send() != SW_OK || response_len < 10)
        return false;
    app = (uint16_t)(response[8] | response[9] << 8);
    return true;
}

static bool makes_no_container_without_a_pin(void) {
    begin(INS_CREATE_CONTAINER, 0, 0);
    put_number(app, 2);
    put("C", 1);
    return send() == SW_SECURITY_STATUS;
}

static bool counts_a_wrong_pin(void) {
    return verify_pin("654321") == (SW_PIN_WRONG | 4);
}

static bool takes_the_right_pin(void) {
    return verify_pin("123456") == SW_OK;
}

static bool makes_a_container(void) {
    begin(INS_CREATE_CONTAINER, 0, 0);
    put_number(app, 2);
    put("C", 1);
    if (send() != SW_OK)
        return false;
    container = (uint16_t)(response[0] | response[1] << 8);
    return true;
}

static bool generates_an_sm2_pair(void) {
    begin(INS_GEN_ECC_KEY_PAIR, 0, 0);
    put_number(app, 2);
    put_number(container, 2);
    put_number(256, 4);
    if (send() != SW_OK || response_len != sizeof sm2_key)
        return false;
    memcpy(&sm2_key, response, sizeof sm2_key);
    return true;
}

static bool signs_with_sm2(void) {
    struct sm2_signature sig;
    uint8_t digest[SM2_NUMBER];
    memset(digest, 0x5a, sizeof digest);
    begin(INS_ECC_SIGN, 2, 0);
    put_number(app, 2);
    put_number(container, 2);
    put(digest, sizeof digest);
    if (send() != SW_OK || response_len != 4 + sizeof sig)
        return false;
    memcpy(&sig, response + 4, sizeof sig);
    return sm2_verify(&sm2_key, digest, &sig) == SM2_OK;
}

static bool keeps_a_file(void) {
    uint8_t content[200];
    for (unsigned i = 0; i < sizeof content; i++)
        content[i] = (uint8_t)i;
    begin(INS_CREATE_FILE, (uint8_t)app, (uint8_t)(app >> 8));
    put_padded("file", GM_FILE_NAME_MAX);
    put_number(3000, 4);
    put_number(GM_ANYONE, 4);
    put_number(GM_USER, 4);
    if (send() != SW_OK)
        return false;
    begin(INS_WRITE_FILE, 0, 0);
    put_number(app, 2);
    put_number(2000, 2);
    put_number(4, 2);
    put("file", 4);
    put_number(sizeof content, 2);
    put(content, sizeof content);
    if (send() != SW_OK)
        return false;
    begin(INS_READ_FILE, 0, 0);
    put_number(app, 2);
    put_number(2000, 2);
    put_number(4, 2);
    put("file", 4);
    return send() == SW_OK && response_len == 1000 &&
           memcmp(response, content, sizeof content) == 0 && response[sizeof content] == 0;
}

static bool knows_its_key_after_a_power_cycle_but_nobody(void) {
    card_power_down(card);
    if (!power_up() || !opens_the_application() || signs_with_sm2())
        return false;
    return takes_the_right_pin() && signs_with_sm2();
}

static bool generates_an_rsa_pair(void) {
    begin(INS_CREATE_CONTAINER, 0, 0);
    put_number(app, 2);
    put("R", 1);
    if (send() != SW_OK)
        return false;
    container = (uint16_t)(response[0] | response[1] << 8);
    begin(INS_GEN_RSA_KEY_PAIR, 0, 0);
    put_number(app, 2);
    put_number(container, 2);
    put_number(2048, 2);
    if (send() != SW_OK || response_len != RSA_MODULUS + RSA_EXPONENT)
        return false;
    memcpy(modulus, response, sizeof modulus);
    return true;
}

/* The signature, opened with e = 65537, is the padded text. */
static bool signs_with_rsa(void) {
    static const uint8_t text[] = "as it is";
    static const uint8_t exponent[] = {1, 0, 1};
    uint8_t opened[RSA_MODULUS];
    mbedtls_rsa_context rsa;
    begin(INS_RSA_SIGN, 2, GM_HASH_NONE);
    put_number(app, 2);
    put_number(container, 2);
    put(text, sizeof text);
    if (send() != SW_OK || response_len != RSA_MODULUS)
        return false;
    mbedtls_rsa_init(&rsa, MBEDTLS_RSA_PKCS_V15, 0);
    bool ok = mbedtls_rsa_import_raw(&rsa, modulus, sizeof modulus, NULL, 0, NULL, 0, NULL, 0,
                                     exponent, sizeof exponent) == 0 &&
              mbedtls_rsa_complete(&rsa) == 0 && mbedtls_rsa_public(&rsa, response, opened) == 0;
    mbedtls_rsa_free(&rsa);
    return ok && opened[0] == 0 && opened[1] == 1 && opened[2] == 0xff &&
           memcmp(opened + sizeof opened - sizeof text, text, sizeof text) == 0;
}

static bool all_self_tests_pass(void) {
    return card_self_test(card) == NULL;
}

bool session_make_card(const struct flash *flash, struct store *scratch) {
    struct factory factory = {.mac_key = {1, 2, 3}, .serial = "SESSION", .manufacturer = "Tests"};
    uint32_t page;
    return factory_write(flash, &factory) == FACTORY_OK &&
           store_format(flash, factory.mac_key) == STORE_OK &&
           store_mount(scratch, flash, factory.mac_key, &page) == STORE_OK &&
           gm_format(scratch, "Session");
}

const char *session_run(const struct session *what) {
    static const struct {
        const char *name;
        bool (*holds)(void);
    } steps[] = {
        {"a blank card powers up", powers_up},
        {"it tells what it is", tells_what_it_is},
        {"all self-tests pass", all_self_tests_pass},
        {"it makes an application", makes_an_application},
        {"it opens the application", opens_the_application},
        {"it makes no container without a PIN", makes_no_container_without_a_pin},
        {"it counts a wrong PIN", counts_a_wrong_pin},
        {"it takes the right PIN", takes_the_right_pin},
        {"it makes a container", makes_a_container},
        {"it generates an SM2 pair", generates_an_sm2_pair},
        {"it signs with SM2", signs_with_sm2},
        {"it keeps a file", keeps_a_file},
        {"after a power cycle it knows its key but nobody",
         knows_its_key_after_a_power_cycle_but_nobody},
        {"it generates an RSA-2048 pair", generates_an_rsa_pair},
        {"it signs with RSA", signs_with_rsa},
    };
    session = what;
    card = what->card;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (!steps[i].holds())
            return steps[i].name;
        what->passed(steps[i].name);
    }
    card_power_down(card);
    return NULL;
}
