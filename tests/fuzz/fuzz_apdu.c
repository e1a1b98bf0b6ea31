/* Fuzzes the whole card, byte by byte of its commands, with its state kept across the commands of an input.
 *
 * An input is a list of frames, see enum frame. Every input starts from the same card: byte 0 chooses the application. After
 * each command the card must have answered as a card does; at the end it must power up again. */
#include "firmware-sim/applets/gm/gm.h"
#include "firmware-sim/applets/piv/piv.h"
#include "firmware-sim/crypto/sm4.h"
#include "tests/unit/firmware-sim/flash_ram.h"

#include <mbedtls/des.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha1.h>
#include <openukey/apdu.h>
#include <openukey/piv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first byte of a frame, modulo FRAME_KINDS. A fuzzer does not find a PIN's cryptogram by itself: two frames do that. */
enum frame {
    FRAME_COMMAND, /* len2 little-endian, that many bytes (or what is left): a command APDU */
    FRAME_RESET,
    FRAME_POWER_CYCLE,
    FRAME_LOGIN,          /* user PIN of the first application, or PIV's PIN */
    FRAME_ADMINISTRATION, /* device key and admin PIN, or PIV's management key */
    FRAME_KINDS
};

enum { PAGES = FACTORY_PAGES + 2 * 16, FIRST_APP = 1 };

/* Beside a card: what it was like when it was made. */
struct specimen {
    struct flash_ram ram;
    struct flash flash;
    uint8_t *made;
};

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_mbedtls_rsa_gen_key(mbedtls_rsa_context *ctx,
                               int (*f_rng)(void *, unsigned char *, size_t), void *p_rng,
                               unsigned int nbits, int exponent);

static struct card card;
static struct gm gm;
static struct piv piv;
static struct specimen specimens[2]; /* by enum factory_application */
static uint32_t entropy_counter;
static uint8_t response[APDU_MAX_RESPONSE];
static size_t response_len; /* of the data */

static void must(bool holds, const char *what) {
    if (holds)
        return;
    fprintf(stderr, "fuzz_apdu: %s\n", what);
    abort();
}

static int entropy(void *ctx, unsigned char *out, size_t len) {
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)(entropy_counter++ * 167 + 13);
    return 0;
}

/* Generating RSA keys takes seconds under the sanitizers, and is mbedTLS's: here the card asks in vain. */
int __wrap_mbedtls_rsa_gen_key(mbedtls_rsa_context *ctx,
                               int (*f_rng)(void *, unsigned char *, size_t), void *p_rng,
                               unsigned int nbits, int exponent) {
    (void)ctx, (void)f_rng, (void)p_rng, (void)nbits, (void)exponent;
    return MBEDTLS_ERR_RSA_KEY_GEN_FAILED;
}

/* Copies a text's characters, not its end. */
static void put_text(uint8_t *to, const char *text) {
    while (*text)
        *to++ = (uint8_t)*text++;
}

static uint16_t transmit(const uint8_t *bytes, size_t len) {
    /* exactly so long, so that a read behind the end is seen */
    uint8_t *command = malloc(len ? len : 1);
    if (!command)
        abort();
    if (len)
        memcpy(command, bytes, len);
    size_t n = card_transmit(&card, command, len, response);
    free(command);
    must(n >= 2 && n <= sizeof response, "a response has 2 to APDU_MAX_RESPONSE bytes");
    response_len = n - 2;
    uint16_t sw = (uint16_t)(response[n - 2] << 8 | response[n - 1]);
    must((sw & 0xF000) == 0x6000 || sw == SW_OK, "a status word is 9000 or 6xxx");
    must(sw == SW_OK || sw >> 8 == 0x61 || response_len == 0, "an error has no data");
    must(!card.store.open, "no transaction stays open behind a command");
    return sw;
}

static void power_up(const struct specimen *specimen) {
    uint32_t page;
    entropy_counter = 0;
    must(card_power_up(&card, &specimen->flash, entropy, NULL, &page) == CARD_OK,
         "the card powers up");
}

/* --- logins --- */

/* E_key(challenge8 || 0*8) behind an APDU's first bytes. */
static uint16_t send_cryptogram(const uint8_t *head, size_t len, const uint8_t key[SM4_KEY]) {
    static const uint8_t get_challenge[] = {CLA_GM, INS_GEN_RANDOM, 0, 0, GM_CHALLENGE_SIZE};
    uint8_t command[32], block[SM4_BLOCK] = {0};
    if (transmit(get_challenge, sizeof get_challenge) != SW_OK)
        return SW_CONDITIONS;
    memcpy(block, response, GM_CHALLENGE_SIZE);
    sm4_ecb_encrypt(key, block, sizeof block, block);
    memcpy(command, head, len);
    memcpy(command + len, block, sizeof block);
    return transmit(command, len + sizeof block);
}

static void verify_gm_pin(enum gm_pin_type type, const char *pin) {
    const uint8_t head[] = {CLA_GM, INS_VERIFY_PIN, 0, (uint8_t)type, 2 + 16, FIRST_APP, 0};
    uint8_t padded[GM_PIN_MAX] = {0}, key[20];
    put_text(padded, pin);
    mbedtls_sha1_ret(padded, sizeof padded, key);
    send_cryptogram(head, sizeof head, key);
}

static void device_auth(void) {
    static const uint8_t head[] = {CLA_GM, INS_DEV_AUTH, 0, 2, 16};
    send_cryptogram(head, sizeof head, (const uint8_t *)"1234567812345678");
}

/* SP 800-73-4 part 2 annex A.1.1, with the well-known key. */
static void management_auth(void) {
    static const uint8_t ask[] = {
        0, PIV_GENERAL_AUTHENTICATE, PIV_3DES, PIV_MANAGEMENT, 4, 0x7C, 2, PIV_TAG_CHALLENGE, 0, 0};
    uint8_t answer[17] = {0,  PIV_GENERAL_AUTHENTICATE, PIV_3DES, PIV_MANAGEMENT, 12, 0x7C,
                          10, PIV_TAG_RESPONSE,         8};
    uint8_t key[24];
    mbedtls_des3_context des;
    if (transmit(ask, sizeof ask) != SW_OK || response_len != 12)
        return;
    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(1 + i % 8);
    mbedtls_des3_init(&des);
    mbedtls_des3_set3key_enc(&des, key);
    mbedtls_des3_crypt_ecb(&des, response + 4, answer + 9);
    mbedtls_des3_free(&des);
    transmit(answer, sizeof answer);
}

static void login(enum factory_application application) {
    static const uint8_t pin[] = {0,   PIV_VERIFY, 0,   PIV_PIN, 8,    '1', '2',
                                  '3', '4',        '5', '6',     0xFF, 0xFF};
    if (application == FACTORY_PIV)
        transmit(pin, sizeof pin);
    else
        verify_gm_pin(GM_PIN_USER, "123456");
}

static void administration(enum factory_application application) {
    if (application == FACTORY_PIV) {
        management_auth();
        return;
    }
    device_auth();
    verify_gm_pin(GM_PIN_ADMIN, "admin-pin");
}

/* --- what every input starts from --- */

static void ok(const void *command, size_t len) {
    must(transmit(command, len) == SW_OK, "the card can be made ready");
}

static void make_gm_ready(void) {
    uint8_t create[5 + 80] = {CLA_GM, INS_CREATE_APPLICATION, 0, 0, 80};
    static const uint8_t open[] = {CLA_GM, INS_OPEN_APPLICATION, 0, 0, 3, 'A', 'P', 'P'};
    static const uint8_t container[] = {CLA_GM, INS_CREATE_CONTAINER, 0, 0, 3, FIRST_APP, 0, 'C'};
    uint8_t generate[] = {CLA_GM, INS_GEN_ECC_KEY_PAIR, 0, 0, 8, FIRST_APP, 0, 0, 0, 0, 1, 0, 0};
    uint8_t file[5 + 44] = {CLA_GM, INS_CREATE_FILE, FIRST_APP, 0, 44, 'f'};
    device_auth();
    put_text(create + 5, "APP");
    put_text(create + 37, "admin-pin");
    create[53] = 15;
    put_text(create + 57, "123456");
    create[73] = 15;
    create[77] = GM_USER;
    create[81] = 16;
    create[82] = 32;
    create[83] = 60;
    ok(create, sizeof create);
    ok(open, sizeof open);
    verify_gm_pin(GM_PIN_USER, "123456");
    ok(container, sizeof container);
    memcpy(generate + 7, response, 2);
    ok(generate, sizeof generate);
    file[37] = 200;
    file[41] = GM_ANYONE;
    file[45] = GM_USER;
    ok(file, sizeof file);
}

static void make_piv_ready(void) {
    static const uint8_t generate[] = {
        0, PIV_GENERATE_KEY_PAIR, 0, PIV_AUTHENTICATION, 5, PIV_TAG_CONTROL,
        3, PIV_TAG_ALGORITHM,     1, PIV_P256,           0};
    management_auth();
    ok(generate, sizeof generate);
}

static void make(struct specimen *specimen, enum factory_application application) {
    struct factory factory = {.mac_key = {1}, .serial = "FUZZ", .application = application};
    uint32_t page;
    flash_ram_init(&specimen->ram, PAGES);
    specimen->flash = flash_ram_flash(&specimen->ram);
    must(factory_write(&specimen->flash, &factory) == FACTORY_OK &&
             store_format(&specimen->flash, factory.mac_key) == STORE_OK &&
             store_mount(&card.store, &specimen->flash, factory.mac_key, &page) == STORE_OK &&
             (application == FACTORY_PIV ? piv_format(&card.store, &factory)
                                         : gm_format(&card.store, "Fuzz")),
         "a card can be made");
    power_up(specimen);
    if (application == FACTORY_PIV)
        make_piv_ready();
    else
        make_gm_ready();
    card_power_down(&card);
    specimen->made = malloc(flash_ram_size(&specimen->ram));
    must(specimen->made != NULL, "memory");
    memcpy(specimen->made, specimen->ram.bytes, flash_ram_size(&specimen->ram));
}

static bool holds(struct drbg *rng) {
    (void)rng;
    return true;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    static const struct known_answer none = {"the self-tests have a test of their own", true,
                                             holds};
    (void)argc, (void)argv;
    card.answers = &none;
    card.answer_count = 1;
    gm_init(&gm, &card);
    piv_init(&piv, &card);
    must(card_add_applet(&card, &gm.applet) && card_add_applet(&card, &piv.applet), "applets");
    make(&specimens[FACTORY_GM], FACTORY_GM);
    make(&specimens[FACTORY_PIV], FACTORY_PIV);
    return 0;
}

/* --- an input --- */

static void open_application(enum factory_application application) {
    static const uint8_t open[] = {CLA_GM, INS_OPEN_APPLICATION, 0, 0, 3, 'A', 'P', 'P'};
    if (application == FACTORY_GM)
        transmit(open, sizeof open);
}

static size_t run_frame(const struct specimen *specimen, enum factory_application application,
                        const uint8_t *data, size_t size) {
    size_t at = 1, len = 0;
    switch ((enum frame)(data[0] % FRAME_KINDS)) {
    case FRAME_COMMAND:
        if (size >= 3) {
            at = 3;
            len = (size_t)data[1] | (size_t)data[2] << 8;
            if (len > size - at)
                len = size - at;
        }
        transmit(data + at, len);
        break;
    case FRAME_RESET:
        card_reset(&card);
        break;
    case FRAME_POWER_CYCLE:
        card_power_down(&card);
        power_up(specimen);
        break;
    case FRAME_LOGIN:
        open_application(application);
        login(application);
        break;
    case FRAME_ADMINISTRATION:
        open_application(application);
        administration(application);
        break;
    case FRAME_KINDS:
        break;
    }
    return at + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    enum factory_application application = data[0] % 2 ? FACTORY_PIV : FACTORY_GM;
    struct specimen *specimen = &specimens[application];
    memcpy(specimen->ram.bytes, specimen->made, flash_ram_size(&specimen->ram));
    power_up(specimen);
    for (size_t at = 1; at < size;)
        at += run_frame(specimen, application, data + at, size - at);
    card_power_down(&card);
    power_up(specimen);
    card_power_down(&card);
    must(!specimen->ram.misused, "no word of the flash is programmed twice");
    return 0;
}
