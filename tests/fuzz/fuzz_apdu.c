/* Fuzzes the whole card, byte by byte of its commands, with its state kept across the commands of an input.
 *
 * An input is a list of frames, see enum frame. Byte 0 chooses the card that it starts from, see enum kind. After each command
 * the card must have answered as a card does; at the end it must power up again. The same input gets the same answers: with
 * OPENUKEY_FUZZ_TALK in the environment they are printed, a line "command answer" each, for those who make and check seeds. */
#include "firmware-sim/applets/gm/gm.h"
#include "firmware-sim/applets/piv/piv.h"
#include "firmware-sim/crypto/known_answers_internal.h"
#include "firmware-sim/crypto/sm2.h"
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
    FRAME_LOGIN,          /* opens the first application; user PIN, or PIV's PIN */
    FRAME_ADMINISTRATION, /* device key and admin PIN, or PIV's management key */
    FRAME_KINDS
};

/* Byte 0 of an input, modulo KINDS. */
enum kind {
    KIND_GM, /* application APP: container C with both SM2 pairs, R with an RSA pair, E empty, file f, unlock key */
    KIND_PIV, /* 9A P-256, 9C P-384, 9D RSA-2048, and a certificate object */
    KIND_INIT, /* application OPENUKEY and nothing in it: where recordings of PKCS#11 programs begin */
    KINDS
};

enum { PAGES = FACTORY_PAGES + 2 * 24, FIRST_APP = 1 };
enum { FRAMES_MAX = 256 }; /* of an input; more say nothing new and take their time */

/* Beside a card: what it was like when it was made. */
struct specimen {
    const char *application; /* of GM */
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
static struct specimen specimens[KINDS];
static bool talk;
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

/* Generating RSA keys takes seconds under the sanitizers, and is mbedTLS's: here every key of a size is NIST's. */
int __wrap_mbedtls_rsa_gen_key(mbedtls_rsa_context *ctx,
                               int (*f_rng)(void *, unsigned char *, size_t), void *p_rng,
                               unsigned int nbits, int exponent) {
    const struct known_rsa *v = known_rsa_vectors;
    (void)f_rng, (void)p_rng;
    while (v->modulus * 8 != nbits)
        if (++v == known_rsa_vectors + 3)
            return MBEDTLS_ERR_RSA_KEY_GEN_FAILED;
    ctx->len = v->modulus;
    return mbedtls_mpi_lset(&ctx->E, exponent) || mbedtls_mpi_read_string(&ctx->N, 16, v->n) ||
                   mbedtls_mpi_read_string(&ctx->P, 16, v->p) ||
                   mbedtls_mpi_read_string(&ctx->Q, 16, v->q) ||
                   mbedtls_mpi_read_string(&ctx->DP, 16, v->dp) ||
                   mbedtls_mpi_read_string(&ctx->DQ, 16, v->dq) ||
                   mbedtls_mpi_read_string(&ctx->QP, 16, v->qinv)
               ? MBEDTLS_ERR_RSA_KEY_GEN_FAILED
               : 0;
}

/* Copies a text's characters, not its end. */
static void put_text(uint8_t *to, const char *text) {
    while (*text)
        *to++ = (uint8_t)*text++;
}

static void print_hex(const uint8_t *bytes, size_t len, char end) {
    for (size_t i = 0; i < len; i++)
        printf("%02x", bytes[i]);
    putchar(end);
}

static uint16_t transmit(const uint8_t *bytes, size_t len) {
    /* exactly so long, so that a read behind the end is seen */
    uint8_t *command = malloc(len ? len : 1);
    if (!command)
        abort();
    if (len)
        memcpy(command, bytes, len);
    size_t n = card_transmit(&card, command, len, response);
    if (talk) {
        print_hex(command, len, ' ');
        print_hex(response, n, '\n');
        fflush(stdout);
    }
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

static void open_application(const struct specimen *specimen) {
    uint8_t open[5 + GM_APP_NAME_MAX] = {CLA_GM, INS_OPEN_APPLICATION, 0, 0};
    size_t len = strlen(specimen->application);
    open[4] = (uint8_t)len;
    put_text(open + 5, specimen->application);
    transmit(open, 5 + len);
}

static void login(const struct specimen *specimen) {
    static const uint8_t pin[] = {0,   PIV_VERIFY, 0,   PIV_PIN, 8,    '1', '2',
                                  '3', '4',        '5', '6',     0xFF, 0xFF};
    if (!specimen->application) {
        transmit(pin, sizeof pin);
        return;
    }
    open_application(specimen);
    verify_gm_pin(GM_PIN_USER, "123456");
}

static void administration(const struct specimen *specimen) {
    if (!specimen->application) {
        management_auth();
        return;
    }
    open_application(specimen);
    device_auth();
    verify_gm_pin(GM_PIN_ADMIN, "admin-pin");
}

/* --- what every input starts from --- */

static void ok(const void *command, size_t len) {
    uint16_t sw = transmit(command, len);
    must(sw == SW_OK || sw >> 8 == SW_MORE_DATA >> 8, "the card can be made ready");
}

static void create_application(const struct specimen *specimen) {
    uint8_t create[5 + 80] = {CLA_GM, INS_CREATE_APPLICATION, 0, 0, 80};
    device_auth();
    put_text(create + 5, specimen->application);
    put_text(create + 37, "admin-pin");
    create[53] = 15;
    put_text(create + 57, "123456");
    create[73] = 15;
    create[77] = GM_USER;
    create[81] = 16;
    create[82] = 32;
    create[83] = 60;
    ok(create, sizeof create);
    login(specimen);
}

/* A container of that name; its id. */
static const uint8_t *create_container(char name) {
    static uint8_t id[2];
    const uint8_t create[] = {CLA_GM, INS_CREATE_CONTAINER, 0, 0, 3, FIRST_APP, 0, (uint8_t)name};
    ok(create, sizeof create);
    memcpy(id, response, sizeof id);
    return id;
}

static uint8_t *put_number(uint8_t *at, uint32_t value) {
    for (unsigned i = 0; i < 4; i++)
        *at++ = (uint8_t)(value >> 8 * i);
    return at;
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t len) {
    memcpy(at, bytes, len);
    return at + len;
}

/* An encryption pair with d = 7.., under the container's signing key. */
static void import_pair(const uint8_t container[2], const struct sm2_point *sign) {
    static const uint8_t sym[SM4_KEY] = "enveloping key!";
    uint8_t command[512] = {CLA_GM, INS_IMPORT_ECC_KEY_PAIR, 0, 0, 0}, *at = command + 7;
    uint8_t d[SM2_NUMBER], private[64] = {0}, c3[SM2_NUMBER], c2[SM4_KEY];
    struct sm2_point pub, c1;
    memset(d, 7, sizeof d);
    must(sm2_public(&card.rng, d, &pub) == SM2_OK &&
             sm2_encrypt(&card.rng, sign, sym, sizeof sym, &c1, c3, c2) == SM2_OK,
         "an envelope can be made");
    memcpy(private + 32, d, sizeof d);
    sm4_ecb_encrypt(sym, private, sizeof private, private);
    *at++ = FIRST_APP;
    *at++ = 0;
    at = put_bytes(at, container, 2);
    at = put_number(put_number(at, 1), GM_SM4_ECB);
    at = put_bytes(put_number(at, 256), &c1, sizeof c1);
    at = put_bytes(at, c3, sizeof c3);
    at = put_bytes(put_number(at, sizeof c2), c2, sizeof c2);
    at = put_bytes(put_number(at, 256), &pub, sizeof pub);
    at = put_bytes(put_number(at, sizeof private), private, sizeof private);
    size_t len = (size_t)(at - command) - 7;
    command[5] = (uint8_t)(len >> 8);
    command[6] = (uint8_t)len;
    ok(command, 7 + len);
}

static void set_unlock_key(void) {
    static const uint8_t get_challenge[] = {CLA_GM, INS_GEN_RANDOM, 0, 0, GM_CHALLENGE_SIZE};
    const uint8_t *device_key = (const uint8_t *)"1234567812345678";
    uint8_t command[5 + 20] = {CLA_GM_MAC, INS_VENDOR_SET_UNLOCK_KEY, 0, 0, 20};
    uint8_t iv[SM4_BLOCK] = {0}, mac[SM4_BLOCK];
    const uint8_t head[] = {CLA_GM_MAC, INS_VENDOR_SET_UNLOCK_KEY, 0, 0, 0, 0, 20};
    struct sm4_mac ctx;
    ok(get_challenge, sizeof get_challenge);
    memcpy(iv, response, GM_CHALLENGE_SIZE);
    sm4_ecb_encrypt(device_key, (const uint8_t *)"unlock-key-16-by", 16, command + 5);
    sm4_mac_init(&ctx, device_key, iv);
    sm4_mac_update(&ctx, head, sizeof head);
    sm4_mac_update(&ctx, command + 5, 16);
    sm4_mac_final(&ctx, mac);
    memcpy(command + 21, mac, GM_MAC_SIZE);
    ok(command, sizeof command);
}

static void fill_gm(void) {
    uint8_t generate[] = {CLA_GM, INS_GEN_ECC_KEY_PAIR, 0, 0, 8, FIRST_APP, 0, 0, 0, 0, 1, 0, 0};
    uint8_t rsa[] = {CLA_GM, INS_GEN_RSA_KEY_PAIR, 0, 0, 6, FIRST_APP, 0, 0, 0, 0, 8};
    uint8_t file[5 + 44] = {CLA_GM, INS_CREATE_FILE, FIRST_APP, 0, 44, 'f'};
    uint8_t container[2];
    struct sm2_point sign;
    memcpy(container, create_container('C'), sizeof container);
    memcpy(generate + 7, container, sizeof container);
    ok(generate, sizeof generate);
    memcpy(&sign, response, sizeof sign);
    import_pair(container, &sign);
    memcpy(rsa + 7, create_container('R'), 2);
    ok(rsa, sizeof rsa);
    create_container('E');
    file[37] = 200;
    file[41] = GM_ANYONE;
    file[45] = GM_USER;
    ok(file, sizeof file);
    set_unlock_key();
}

static void fill_piv(void) {
    static const struct {
        uint8_t slot, algorithm;
    } keys[] = {{PIV_AUTHENTICATION, PIV_P256},
                {PIV_SIGNATURE, PIV_P384},
                {PIV_KEY_MANAGEMENT, PIV_RSA2048}};
    static const uint8_t put[] = {0,    PIV_PUT_DATA, 0x3F, 0xFF, 12, PIV_TAG_LIST, 3, 0x5F, 0xC1,
                                  0x05, PIV_TAG_DATA, 5,    0x70, 0,  0x71,         1, 0};
    management_auth();
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const uint8_t generate[] = {0, PIV_GENERATE_KEY_PAIR, 0, keys[i].slot,
                                    5, PIV_TAG_CONTROL,       3, PIV_TAG_ALGORITHM,
                                    1, keys[i].algorithm};
        ok(generate, sizeof generate);
    }
    ok(put, sizeof put);
}

static void make(enum kind kind, const char *application) {
    struct specimen *specimen = &specimens[kind];
    struct factory factory = {
        .mac_key = {1}, .serial = "FUZZ", .application = application ? FACTORY_GM : FACTORY_PIV};
    uint32_t page;
    specimen->application = application;
    flash_ram_init(&specimen->ram, PAGES);
    specimen->flash = flash_ram_flash(&specimen->ram);
    must(factory_write(&specimen->flash, &factory) == FACTORY_OK &&
             store_format(&specimen->flash, factory.mac_key) == STORE_OK &&
             store_mount(&card.store, &specimen->flash, factory.mac_key, &page) == STORE_OK &&
             (application ? gm_format(&card.store, "Fuzz") : piv_format(&card.store, &factory)),
         "a card can be made");
    power_up(specimen);
    if (application)
        create_application(specimen);
    if (kind == KIND_GM)
        fill_gm();
    if (kind == KIND_PIV)
        fill_piv();
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
    static const struct known_answer none = {"the self-tests have a test of their own",
                                             KNOWN_AT_POWER_UP, holds};
    (void)argc, (void)argv;
    card.answers = &none;
    card.answer_count = 1;
    gm_init(&gm, &card);
    piv_init(&piv, &card);
    must(card_add_applet(&card, &gm.applet) && card_add_applet(&card, &piv.applet), "applets");
    make(KIND_GM, "APP");
    make(KIND_PIV, NULL);
    make(KIND_INIT, "OPENUKEY");
    talk = getenv("OPENUKEY_FUZZ_TALK") != NULL;
    return 0;
}

/* --- an input --- */

static size_t run_frame(const struct specimen *specimen, const uint8_t *data, size_t size) {
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
        login(specimen);
        break;
    case FRAME_ADMINISTRATION:
        administration(specimen);
        break;
    case FRAME_KINDS:
        break;
    }
    return at + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    struct specimen *specimen = &specimens[data[0] % KINDS];
    memcpy(specimen->ram.bytes, specimen->made, flash_ram_size(&specimen->ram));
    power_up(specimen);
    for (size_t at = 1, frames = 0; at < size && frames < FRAMES_MAX; frames++)
        at += run_frame(specimen, data + at, size - at);
    card_power_down(&card);
    power_up(specimen);
    card_power_down(&card);
    must(!specimen->ram.misused, "no word of the flash is programmed twice");
    return 0;
}
