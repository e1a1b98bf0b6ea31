/* Every PIV command: when it succeeds, in a state that forbids it, and malformed; what is refused changes nothing. */
#include "tests/unit/firmware-sim/piv_bench.h"
#include "tests/unit/firmware-sim/testing.h"

#include <stdlib.h>

enum { PAGES = FACTORY_PAGES + 2 * 16 };
enum kind { SUCCESS, WRONG_STATE, MALFORMED, KINDS };
/* what is done before a row's command */
enum before {
    PIN = 1,
    ADMIN = 2,
    USED = 4,      /* the signature key, after the PIN */
    PIN_GONE = 8,  /* blocked */
    PUK_GONE = 16, /* blocked */
    WITNESS = 32,  /* a witness was asked for */
    CHALLENGE = 64 /* a challenge was asked for */
};

#define BYTES(...)                                                                                 \
    sizeof((uint8_t[]){__VA_ARGS__}), (const uint8_t *)(const uint8_t[]) {                         \
        __VA_ARGS__                                                                                \
    }
#define PIN8     '1', '2', '3', '4', '5', '6', 0xFF, 0xFF
#define BAD8     '9', '9', '9', '9', '9', '9', 0xFF, 0xFF
#define NEW8     '7', '7', '7', '7', '7', '7', '7', 0xFF
#define PUK8     '1', '2', '3', '4', '5', '6', '7', '8'
#define SHORT8   '1', '2', '3', '4', '5', 0xFF, 0xFF, 0xFF
#define HOLE8    '1', '2', '3', '4', '5', '6', 0xFF, '7'
#define EIGHT    1, 2, 3, 4, 5, 6, 7, 8
#define AES16    EIGHT, EIGHT
#define DIGEST32 AES16, AES16
#define DIGEST33 DIGEST32, 9
#define ATR_AID  0xA0, 0x00, 0x00, 0x03, 0x08

struct row {
    enum kind kind;
    unsigned before;
    uint16_t sw;
    size_t len;
    const uint8_t *apdu;
};

static const struct row rows[] = {
    /* SELECT */
    {SUCCESS, 0, SW_OK, BYTES(0, 0xA4, 4, 0, 5, ATR_AID)},
    {SUCCESS, 0, SW_OK, BYTES(0, 0xA4, 4, 0, 9, ATR_AID, 0, 0, 0x10, 0)},
    {SUCCESS, 0, SW_OK, BYTES(0, 0xA4, 4, 0, 11, ATR_AID, 0, 0, 0x10, 0, 1, 0, 0)},
    {WRONG_STATE, 0, SW_OBJECT_NOT_FOUND, BYTES(0, 0xA4, 4, 0, 7, 0xD2, 0x76, 0, 1, 0x24, 1, 2)},
    {MALFORMED, 0, SW_OBJECT_NOT_FOUND, BYTES(0, 0xA4, 4, 0, 12, ATR_AID, 0, 0, 0x10, 0, 1, 0, 9)},
    {MALFORMED, 0, SW_WRONG_LENGTH, BYTES(0, 0xA4, 4, 0, 4, 0xA0, 0, 0, 3)},
    {MALFORMED, 0, SW_WRONG_LENGTH, BYTES(0, 0xA4, 4, 0)},
    {MALFORMED, 0, SW_WRONG_P1P2, BYTES(0, 0xA4, 0, 0, 5, ATR_AID)},
    {MALFORMED, 0, SW_WRONG_P1P2, BYTES(0, 0xA4, 4, 1, 5, ATR_AID)},
    {MALFORMED, 0, SW_UNKNOWN_CLA, BYTES(0x0C, 0xA4, 4, 0, 5, ATR_AID)},
    /* VERIFY */
    {SUCCESS, 0, SW_OK, BYTES(0, 0x20, 0, 0x80, 8, PIN8)},
    {SUCCESS, PIN, SW_OK, BYTES(0, 0x20, 0, 0x80)},
    {SUCCESS, 0, SW_PIN_WRONG | 3, BYTES(0, 0x20, 0, 0x80)},
    {SUCCESS, PIN, SW_OK, BYTES(0, 0x20, 0xFF, 0x80)},
    {WRONG_STATE, PIN_GONE, SW_PIN_BLOCKED, BYTES(0, 0x20, 0, 0x80, 8, PIN8)},
    {WRONG_STATE, PIN_GONE, SW_PIN_BLOCKED, BYTES(0, 0x20, 0, 0x80)},
    {MALFORMED, 0, SW_WRONG_DATA, BYTES(0, 0x20, 0, 0x80, 8, SHORT8)},
    {MALFORMED, 0, SW_WRONG_DATA, BYTES(0, 0x20, 0, 0x80, 8, HOLE8)},
    {MALFORMED, 0, SW_WRONG_LENGTH, BYTES(0, 0x20, 0, 0x80, 6, '1', '2', '3', '4', '5', '6')},
    {MALFORMED, 0, SW_WRONG_LENGTH, BYTES(0, 0x20, 0, 0x80, 9, PIN8, 0xFF)},
    {MALFORMED, 0, SW_WRONG_LENGTH, BYTES(0, 0x20, 0xFF, 0x80, 8, PIN8)},
    {MALFORMED, 0, SW_WRONG_P1P2, BYTES(0, 0x20, 1, 0x80, 8, PIN8)},
    {MALFORMED, 0, SW_REFERENCE_NOT_FOUND, BYTES(0, 0x20, 0, 0, 8, PIN8)},
    {MALFORMED, 0, SW_REFERENCE_NOT_FOUND, BYTES(0, 0x20, 0, 0x81, 8, PUK8)},
    /* CHANGE REFERENCE DATA */
    {SUCCESS, 0, SW_OK, BYTES(0, 0x24, 0, 0x80, 16, PIN8, NEW8)},
    {SUCCESS, 0, SW_OK, BYTES(0, 0x24, 0, 0x81, 16, PUK8, NEW8)},
    {WRONG_STATE, PIN_GONE, SW_PIN_BLOCKED, BYTES(0, 0x24, 0, 0x80, 16, PIN8, NEW8)},
    {WRONG_STATE, PUK_GONE, SW_PIN_BLOCKED, BYTES(0, 0x24, 0, 0x81, 16, PUK8, NEW8)},
    {MALFORMED, 0, SW_WRONG_DATA, BYTES(0, 0x24, 0, 0x80, 16, PIN8, SHORT8)},
    {MALFORMED, 0, SW_WRONG_DATA, BYTES(0, 0x24, 0, 0x80, 16, HOLE8, NEW8)},
    {MALFORMED, 0, SW_WRONG_LENGTH, BYTES(0, 0x24, 0, 0x80, 8, PIN8)},
    {MALFORMED, 0, SW_WRONG_P1P2, BYTES(0, 0x24, 1, 0x80, 16, PIN8, NEW8)},
    {MALFORMED, 0, SW_REFERENCE_NOT_FOUND, BYTES(0, 0x24, 0, 0x9B, 16, PIN8, NEW8)},
    /* RESET RETRY COUNTER */
    {SUCCESS, PIN_GONE, SW_OK, BYTES(0, 0x2C, 0, 0x80, 16, PUK8, NEW8)},
    {WRONG_STATE, PUK_GONE, SW_PIN_BLOCKED, BYTES(0, 0x2C, 0, 0x80, 16, PUK8, NEW8)},
    {MALFORMED, 0, SW_WRONG_DATA, BYTES(0, 0x2C, 0, 0x80, 16, PUK8, SHORT8)},
    {MALFORMED, 0, SW_WRONG_LENGTH, BYTES(0, 0x2C, 0, 0x80, 8, PUK8)},
    {MALFORMED, 0, SW_REFERENCE_NOT_FOUND, BYTES(0, 0x2C, 0, 0x81, 16, PUK8, NEW8)},
    {MALFORMED, 0, SW_WRONG_P1P2, BYTES(0, 0x2C, 2, 0x80, 16, PUK8, NEW8)},
    /* GET DATA */
    {SUCCESS, 0, SW_OK, BYTES(0, 0xCB, 0x3F, 0xFF, 5, 0x5C, 3, 0x5F, 0xC1, 2, 0)},
    {SUCCESS, 0, SW_OK, BYTES(0, 0xCB, 0x3F, 0xFF, 3, 0x5C, 1, 0x7E, 0)},
    {SUCCESS, PIN, SW_OK, BYTES(0, 0xCB, 0x3F, 0xFF, 5, 0x5C, 3, 0x5F, 0xC1, 9, 0)},
    {WRONG_STATE, 0, SW_SECURITY_STATUS, BYTES(0, 0xCB, 0x3F, 0xFF, 5, 0x5C, 3, 0x5F, 0xC1, 9)},
    {WRONG_STATE, 0, SW_OBJECT_NOT_FOUND, BYTES(0, 0xCB, 0x3F, 0xFF, 5, 0x5C, 3, 0x5F, 0xC1, 6)},
    {WRONG_STATE, 0, SW_OBJECT_NOT_FOUND, BYTES(0, 0xCB, 0x3F, 0xFF, 4, 0x5C, 2, 0x7F, 0x61)},
    {MALFORMED, 0, SW_WRONG_DATA, BYTES(0, 0xCB, 0x3F, 0xFF, 5, 0x5C, 4, 0x5F, 0xC1, 2)},
    {MALFORMED, 0, SW_WRONG_DATA, BYTES(0, 0xCB, 0x3F, 0xFF, 5, 0x5D, 3, 0x5F, 0xC1, 2)},
    {MALFORMED, 0, SW_WRONG_DATA, BYTES(0, 0xCB, 0x3F, 0xFF, 5, 0x5C, 2, 0x5F, 0xC1, 2)},
    {MALFORMED, 0, SW_WRONG_LENGTH, BYTES(0, 0xCB, 0x3F, 0xFF)},
    {MALFORMED, 0, SW_WRONG_P1P2, BYTES(0, 0xCB, 0x3F, 0, 5, 0x5C, 3, 0x5F, 0xC1, 2)},
    {MALFORMED, 0, SW_WRONG_P1P2, BYTES(0, 0xCB, 0, 0xFF, 5, 0x5C, 3, 0x5F, 0xC1, 2)},
    /* PUT DATA */
    {SUCCESS, ADMIN, SW_OK, BYTES(0, 0xDB, 0x3F, 0xFF, 8, 0x5C, 3, 0x5F, 0xC1, 6, 0x53, 1, 9)},
    {SUCCESS, ADMIN, SW_OK, BYTES(0, 0xDB, 0x3F, 0xFF, 7, 0x5C, 3, 0x5F, 0xC1, 2, 0x53, 0)},
    {WRONG_STATE, PIN, SW_SECURITY_STATUS,
     BYTES(0, 0xDB, 0x3F, 0xFF, 8, 0x5C, 3, 0x5F, 0xC1, 6, 0x53, 1, 9)},
    {MALFORMED, ADMIN, SW_WRONG_DATA,
     BYTES(0, 0xDB, 0x3F, 0xFF, 8, 0x5C, 3, 0x5F, 0xC1, 6, 0x53, 2, 9)},
    {MALFORMED, ADMIN, SW_WRONG_DATA,
     BYTES(0, 0xDB, 0x3F, 0xFF, 9, 0x5C, 3, 0x5F, 0xC1, 6, 0x53, 1, 9, 9)},
    {MALFORMED, ADMIN, SW_WRONG_DATA,
     BYTES(0, 0xDB, 0x3F, 0xFF, 8, 0x5C, 3, 0x5F, 0xC2, 6, 0x53, 1, 9)},
    {MALFORMED, ADMIN, SW_WRONG_DATA, BYTES(0, 0xDB, 0x3F, 0xFF, 5, 0x5C, 3, 0x5F, 0xC1, 6)},
    {MALFORMED, ADMIN, SW_NOT_SUPPORTED, BYTES(0, 0xDB, 0x3F, 0xFF, 4, 0x7E, 2, 0x4F, 0)},
    {MALFORMED, ADMIN, SW_WRONG_P1P2, BYTES(0, 0xDB, 0, 0, 8, 0x5C, 3, 0x5F, 0xC1, 6, 0x53, 1, 9)},
    {MALFORMED, ADMIN, SW_WRONG_LENGTH, BYTES(0, 0xDB, 0x3F, 0xFF, 2, 0x5C, 3)},
    /* GENERATE ASYMMETRIC KEY PAIR */
    {SUCCESS, ADMIN, SW_OK, BYTES(0, 0x47, 0, 0x9A, 5, 0xAC, 3, 0x80, 1, 0x11, 0)},
    {SUCCESS, ADMIN, SW_OK,
     BYTES(0, 0x47, 0, 0x95, 11, 0xAC, 9, 0x80, 1, 0x14, 0xAA, 1, 3, 0xAB, 1, 1, 0)},
    {WRONG_STATE, PIN, SW_SECURITY_STATUS, BYTES(0, 0x47, 0, 0x9A, 5, 0xAC, 3, 0x80, 1, 0x11)},
    {MALFORMED, ADMIN, SW_WRONG_DATA, BYTES(0, 0x47, 0, 0x9A, 5, 0xAC, 3, 0x80, 1, 0x06)},
    {MALFORMED, ADMIN, SW_WRONG_DATA, BYTES(0, 0x47, 0, 0x9A, 5, 0xAC, 4, 0x80, 1, 0x11)},
    {MALFORMED, ADMIN, SW_WRONG_DATA, BYTES(0, 0x47, 0, 0x9A, 5, 0xAC, 3, 0x81, 1, 0x11)},
    {MALFORMED, ADMIN, SW_WRONG_DATA, BYTES(0, 0x47, 0, 0x9A, 6, 0xAC, 4, 0x80, 2, 0x11, 0)},
    {MALFORMED, ADMIN, SW_WRONG_DATA,
     BYTES(0, 0x47, 0, 0x9A, 8, 0xAC, 6, 0x80, 1, 0x11, 0xAA, 1, 4)},
    {MALFORMED, ADMIN, SW_WRONG_DATA,
     BYTES(0, 0x47, 0, 0x9A, 8, 0xAC, 6, 0x80, 1, 0x11, 0xAB, 1, 2)},
    {MALFORMED, ADMIN, SW_WRONG_DATA, /* the signature key wants the PIN every time */
     BYTES(0, 0x47, 0, 0x9C, 8, 0xAC, 6, 0x80, 1, 0x11, 0xAA, 1, 2)},
    {MALFORMED, ADMIN, SW_WRONG_P1P2, BYTES(0, 0x47, 0, 0x9B, 5, 0xAC, 3, 0x80, 1, 0x11)},
    {MALFORMED, ADMIN, SW_WRONG_P1P2, BYTES(0, 0x47, 0, 0x96, 5, 0xAC, 3, 0x80, 1, 0x11)},
    {MALFORMED, ADMIN, SW_WRONG_P1P2, BYTES(0, 0x47, 1, 0x9A, 5, 0xAC, 3, 0x80, 1, 0x11)},
    {MALFORMED, ADMIN, SW_WRONG_LENGTH, BYTES(0, 0x47, 0, 0x9A)},
    /* GENERAL AUTHENTICATE with a private key */
    {SUCCESS, PIN, SW_OK, BYTES(0, 0x87, 0x11, 0x9A, 38, 0x7C, 36, 0x82, 0, 0x81, 32, DIGEST32, 0)},
    {SUCCESS, PIN, SW_OK, BYTES(0, 0x87, 0x11, 0x9C, 38, 0x7C, 36, 0x81, 32, DIGEST32, 0x82, 0, 0)},
    {SUCCESS, 0, SW_OK, BYTES(0, 0x87, 0x11, 0x9E, 38, 0x7C, 36, 0x82, 0, 0x81, 32, DIGEST32, 0)},
    {SUCCESS, PIN | USED, SW_OK,
     BYTES(0, 0x87, 0x11, 0x9A, 38, 0x7C, 36, 0x82, 0, 0x81, 32, DIGEST32, 0)},
    {WRONG_STATE, 0, SW_SECURITY_STATUS,
     BYTES(0, 0x87, 0x11, 0x9A, 38, 0x7C, 36, 0x82, 0, 0x81, 32, DIGEST32)},
    {WRONG_STATE, 0, SW_SECURITY_STATUS,
     BYTES(0, 0x87, 0x11, 0x9C, 38, 0x7C, 36, 0x82, 0, 0x81, 32, DIGEST32)},
    {WRONG_STATE, PIN | USED, SW_SECURITY_STATUS,
     BYTES(0, 0x87, 0x11, 0x9C, 38, 0x7C, 36, 0x82, 0, 0x81, 32, DIGEST32)},
    {WRONG_STATE, PIN, SW_REFERENCE_NOT_FOUND,
     BYTES(0, 0x87, 0x11, 0x85, 38, 0x7C, 36, 0x82, 0, 0x81, 32, DIGEST32)},
    {MALFORMED, PIN, SW_WRONG_P1P2,
     BYTES(0, 0x87, 0x14, 0x9A, 38, 0x7C, 36, 0x82, 0, 0x81, 32, DIGEST32)},
    {MALFORMED, PIN, SW_WRONG_P1P2,
     BYTES(0, 0x87, 0x11, 0x99, 38, 0x7C, 36, 0x82, 0, 0x81, 32, DIGEST32)},
    {MALFORMED, PIN, SW_WRONG_DATA,
     BYTES(0, 0x87, 0x11, 0x9A, 39, 0x7C, 37, 0x82, 0, 0x81, 33, DIGEST33)},
    {MALFORMED, PIN, SW_WRONG_DATA, BYTES(0, 0x87, 0x11, 0x9A, 6, 0x7C, 4, 0x82, 0, 0x81, 0)},
    {MALFORMED, PIN, SW_WRONG_DATA, BYTES(0, 0x87, 0x11, 0x9A, 36, 0x7C, 34, 0x81, 32, DIGEST32)},
    {MALFORMED, PIN, SW_WRONG_DATA,
     BYTES(0, 0x87, 0x11, 0x9A, 38, 0x7C, 36, 0x82, 0, 0x85, 32, DIGEST32)},
    {MALFORMED, PIN, SW_WRONG_DATA,
     BYTES(0, 0x87, 0x11, 0x9A, 38, 0x7C, 36, 0x82, 0, 0x83, 32, DIGEST32)},
    {MALFORMED, PIN, SW_WRONG_DATA,
     BYTES(0, 0x87, 0x11, 0x9A, 38, 0x7C, 35, 0x82, 0, 0x81, 32, DIGEST32)},
    {MALFORMED, PIN, SW_WRONG_DATA,
     BYTES(0, 0x87, 0x11, 0x9A, 38, 0x7C, 36, 0x82, 0, 0x81, 31, DIGEST32)},
    {MALFORMED, PIN, SW_WRONG_LENGTH, BYTES(0, 0x87, 0x11, 0x9A, 3, 0x7C, 1, 0x82)},
    /* GENERAL AUTHENTICATE with the management key */
    {SUCCESS, 0, SW_OK, BYTES(0, 0x87, 0x03, 0x9B, 4, 0x7C, 2, 0x80, 0, 0)},
    {SUCCESS, 0, SW_OK, BYTES(0, 0x87, 0x00, 0x9B, 4, 0x7C, 2, 0x81, 0, 0)},
    {WRONG_STATE, 0, SW_CONDITIONS,
     BYTES(0, 0x87, 0x03, 0x9B, 22, 0x7C, 20, 0x80, 8, EIGHT, 0x81, 8, EIGHT)},
    {WRONG_STATE, 0, SW_CONDITIONS, BYTES(0, 0x87, 0x03, 0x9B, 12, 0x7C, 10, 0x82, 8, EIGHT)},
    {WRONG_STATE, WITNESS, SW_CONDITIONS, BYTES(0, 0x87, 0x03, 0x9B, 12, 0x7C, 10, 0x82, 8, EIGHT)},
    {WRONG_STATE, CHALLENGE, SW_SECURITY_STATUS,
     BYTES(0, 0x87, 0x03, 0x9B, 12, 0x7C, 10, 0x82, 8, EIGHT)},
    {WRONG_STATE, WITNESS, SW_SECURITY_STATUS,
     BYTES(0, 0x87, 0x03, 0x9B, 22, 0x7C, 20, 0x80, 8, EIGHT, 0x81, 8, EIGHT)},
    {MALFORMED, WITNESS, SW_WRONG_DATA,
     BYTES(0, 0x87, 0x03, 0x9B, 21, 0x7C, 19, 0x80, 8, EIGHT, 0x81, 7, 1, 2, 3, 4, 5, 6, 7)},
    {MALFORMED, CHALLENGE, SW_WRONG_DATA,
     BYTES(0, 0x87, 0x03, 0x9B, 20, 0x7C, 18, 0x82, 16, AES16)},
    {MALFORMED, 0, SW_WRONG_DATA, /* no oracle: the card encrypts only after the witness */
     BYTES(0, 0x87, 0x03, 0x9B, 14, 0x7C, 12, 0x82, 0, 0x81, 8, EIGHT)},
    {MALFORMED, 0, SW_WRONG_DATA, BYTES(0, 0x87, 0x03, 0x9B, 6, 0x7C, 4, 0x80, 0, 0x80, 0)},
    {MALFORMED, 0, SW_WRONG_P1P2, BYTES(0, 0x87, 0x08, 0x9B, 4, 0x7C, 2, 0x80, 0)},
    /* GET METADATA */
    {SUCCESS, 0, SW_OK, BYTES(0, 0xF7, 0, 0x9A, 0)},
    {SUCCESS, 0, SW_OK, BYTES(0, 0xF7, 0, 0x80, 0)},
    {SUCCESS, 0, SW_OK, BYTES(0, 0xF7, 0, 0x81, 0)},
    {SUCCESS, 0, SW_OK, BYTES(0, 0xF7, 0, 0x9B, 0)},
    {WRONG_STATE, 0, SW_REFERENCE_NOT_FOUND, BYTES(0, 0xF7, 0, 0x83)},
    {MALFORMED, 0, SW_WRONG_P1P2, BYTES(0, 0xF7, 0, 0x00)},
    {MALFORMED, 0, SW_WRONG_P1P2, BYTES(0, 0xF7, 1, 0x9A)},
    {MALFORMED, 0, SW_WRONG_LENGTH, BYTES(0, 0xF7, 0, 0x9A, 1, 1)},
    /* GET SERIAL, GET VERSION: no state forbids them; they are answered when all is blocked too */
    {SUCCESS, 0, SW_OK, BYTES(0, 0xF8, 0, 0, 4)},
    {WRONG_STATE, PIN_GONE | PUK_GONE, SW_OK, BYTES(0, 0xF8, 0, 0, 0)},
    {MALFORMED, 0, SW_WRONG_P1P2, BYTES(0, 0xF8, 1, 0)},
    {MALFORMED, 0, SW_WRONG_LENGTH, BYTES(0, 0xF8, 0, 0, 3)},
    {SUCCESS, 0, SW_OK, BYTES(0, 0xFD, 0, 0, 3)},
    {WRONG_STATE, PIN_GONE | PUK_GONE, SW_OK, BYTES(0, 0xFD, 0, 0, 0)},
    {MALFORMED, 0, SW_WRONG_P1P2, BYTES(0, 0xFD, 0, 1)},
    {MALFORMED, 0, SW_WRONG_LENGTH, BYTES(0, 0xFD, 0, 0, 1, 1)},
    /* SET PIN RETRIES */
    {SUCCESS, PIN | ADMIN, SW_OK, BYTES(0, 0xFA, 5, 15)},
    {WRONG_STATE, PIN, SW_SECURITY_STATUS, BYTES(0, 0xFA, 5, 5)},
    {WRONG_STATE, ADMIN, SW_SECURITY_STATUS, BYTES(0, 0xFA, 5, 5)},
    {MALFORMED, PIN | ADMIN, SW_WRONG_P1P2, BYTES(0, 0xFA, 0, 5)},
    {MALFORMED, PIN | ADMIN, SW_WRONG_P1P2, BYTES(0, 0xFA, 5, 16)},
    {MALFORMED, PIN | ADMIN, SW_WRONG_LENGTH, BYTES(0, 0xFA, 5, 5, 1, 1)},
    /* RESET */
    {SUCCESS, PIN_GONE | PUK_GONE, SW_OK, BYTES(0, 0xFB, 0, 0)},
    {WRONG_STATE, 0, SW_CONDITIONS, BYTES(0, 0xFB, 0, 0)},
    {WRONG_STATE, PIN_GONE, SW_CONDITIONS, BYTES(0, 0xFB, 0, 0)},
    {WRONG_STATE, PUK_GONE, SW_CONDITIONS, BYTES(0, 0xFB, 0, 0)},
    {MALFORMED, PIN_GONE | PUK_GONE, SW_WRONG_P1P2, BYTES(0, 0xFB, 0, 1)},
    {MALFORMED, PIN_GONE | PUK_GONE, SW_WRONG_LENGTH, BYTES(0, 0xFB, 0, 0, 1, 1)},
    /* IMPORT KEY */
    {SUCCESS, ADMIN, SW_OK, BYTES(0, 0xFE, 0x11, 0x9D, 34, 6, 32, DIGEST32)},
    {WRONG_STATE, PIN, SW_SECURITY_STATUS, BYTES(0, 0xFE, 0x11, 0x9D, 34, 6, 32, DIGEST32)},
    {MALFORMED, ADMIN, SW_WRONG_DATA, BYTES(0, 0xFE, 0x11, 0x9D, 35, 6, 33, DIGEST33)},
    {MALFORMED, ADMIN, SW_WRONG_DATA, BYTES(0, 0xFE, 0x11, 0x9D, 34, 7, 32, DIGEST32)},
    {MALFORMED, ADMIN, SW_WRONG_DATA, BYTES(0, 0xFE, 0x11, 0x9D, 3, 6, 1, 0)},
    {MALFORMED, ADMIN, SW_WRONG_DATA, BYTES(0, 0xFE, 0x07, 0x9D, 6, 1, 1, 3, 2, 1, 5)},
    {MALFORMED, ADMIN, SW_WRONG_P1P2, BYTES(0, 0xFE, 0x11, 0x9B, 34, 6, 32, DIGEST32)},
    {MALFORMED, ADMIN, SW_WRONG_P1P2, BYTES(0, 0xFE, 0x06, 0x9D, 34, 6, 32, DIGEST32)},
    {MALFORMED, ADMIN, SW_WRONG_LENGTH, BYTES(0, 0xFE, 0x11, 0x9D)},
    /* SET MANAGEMENT KEY */
    {SUCCESS, ADMIN, SW_OK, BYTES(0, 0xFF, 0xFF, 0xFF, 19, 8, 0x9B, 16, AES16)},
    {WRONG_STATE, PIN, SW_SECURITY_STATUS, BYTES(0, 0xFF, 0xFF, 0xFF, 19, 8, 0x9B, 16, AES16)},
    {MALFORMED, ADMIN, SW_WRONG_DATA, BYTES(0, 0xFF, 0xFF, 0xFF, 19, 0x0A, 0x9B, 16, AES16)},
    {MALFORMED, ADMIN, SW_WRONG_DATA, BYTES(0, 0xFF, 0xFF, 0xFF, 19, 8, 0x9A, 16, AES16)},
    {MALFORMED, ADMIN, SW_WRONG_DATA, BYTES(0, 0xFF, 0xFF, 0xFF, 20, 8, 0x9B, 16, AES16, 1)},
    {MALFORMED, ADMIN, SW_WRONG_P1P2, BYTES(0, 0xFF, 0xFF, 0xFE, 19, 8, 0x9B, 16, AES16)},
    {MALFORMED, ADMIN, SW_WRONG_LENGTH, BYTES(0, 0xFF, 0xFF, 0xFF, 2, 8, 0x9B)},
};

static struct piv_bench bench;
static uint8_t *image;

static int setup(void **state) {
    (void)state;
    piv_bench_init(&bench, PAGES);
    piv_bench_manage(&bench);
    assert_int_equal(piv_bench_generate(&bench, PIV_AUTHENTICATION, PIV_P256), SW_OK);
    assert_int_equal(piv_bench_generate(&bench, PIV_SIGNATURE, PIV_P256), SW_OK);
    assert_int_equal(piv_bench_generate(&bench, PIV_CARD_AUTHENTICATION, PIV_P256), SW_OK);
    assert_int_equal(piv_bench_put(&bench, PIV_OBJECT_PRINTED, "printed", 7), SW_OK);
    piv_bench_power_down(&bench);
    image = malloc(flash_ram_size(&bench.ram));
    assert_non_null(image);
    memcpy(image, bench.ram.bytes, flash_ram_size(&bench.ram));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    free(image);
    piv_bench_free(&bench);
    return 0;
}

static void block(uint8_t ins, uint8_t reference, const char bad[8]) {
    uint8_t data[16];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i < 8 ? bad[i] : PIV_OTHER_PIN[i - 8]);
    for (int left = 2; left >= 0; left--)
        assert_int_equal(
            piv_bench_apdu(&bench, ins, 0, reference, data, ins == PIV_VERIFY ? 8 : 16),
            SW_PIN_WRONG | left);
}

static void start(unsigned before) {
    static const uint8_t digest[32] = {1}, witness[] = {0x7C, 2, 0x80, 0},
                         challenge[] = {0x7C, 2, 0x81, 0};
    piv_bench_power_down(&bench);
    memcpy(bench.ram.bytes, image, flash_ram_size(&bench.ram));
    piv_bench_power_cycle(&bench);
    if (before & PIN_GONE)
        block(PIV_VERIFY, PIV_PIN, "99999999");
    if (before & PUK_GONE)
        block(PIV_CHANGE_REFERENCE_DATA, PIV_PUK, "99999999");
    if (before & ADMIN)
        piv_bench_manage(&bench);
    if (before & PIN)
        assert_int_equal(piv_bench_verify(&bench, PIV_TEST_PIN), SW_OK);
    if (before & USED)
        assert_int_equal(
            piv_bench_use(&bench, PIV_SIGNATURE, PIV_P256, PIV_TAG_CHALLENGE, digest, 32), SW_OK);
    if (before & WITNESS)
        piv_bench_apdu(&bench, PIV_GENERAL_AUTHENTICATE, PIV_3DES, PIV_MANAGEMENT, witness, 4);
    if (before & CHALLENGE)
        piv_bench_apdu(&bench, PIV_GENERAL_AUTHENTICATE, PIV_3DES, PIV_MANAGEMENT, challenge, 4);
}

static void every_command_answers_as_the_standard_says(void **state) {
    unsigned count[256][KINDS] = {0}, commands = 0;
    uint8_t old[32], now[32];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        start(row->before);
        piv_bench_digest(&bench, old);
        if (piv_bench_send(&bench, row->apdu, row->len) != row->sw)
            fail_msg("row %zu, INS %02X: %04X, not %04X", i, row->apdu[1], bench.sw, row->sw);
        piv_bench_digest(&bench, now);
        if (row->kind != SUCCESS)
            assert_memory_equal(old, now, 32);
        count[row->apdu[1]][row->kind]++;
    }
    for (unsigned i = 0; i < bench.piv.applet.count; i++, commands++) {
        const unsigned *c = count[bench.piv.applet.commands[i].ins];
        assert_true(c[SUCCESS] && c[WRONG_STATE] && c[MALFORMED]);
    }
    print_message(
        "%zu cases, %u commands, each with a success, a wrong state and a malformed one\n",
        sizeof rows / sizeof rows[0], commands);
}

static void what_is_not_there_is_an_unknown_instruction(void **state) {
    (void)state;
    start(PIN | ADMIN);
    const uint8_t absent[] = {0x00, 0x22, 0x2A, 0xF6, 0xF9 /* attest */, 0xFC, 0x84};
    for (size_t i = 0; i < sizeof absent; i++)
        assert_int_equal(piv_bench_apdu(&bench, absent[i], 0, 0x9A, NULL, 0), SW_UNKNOWN_INS);
}

static void pin_and_puk_count_down_and_unblock_each_other_as_they_may(void **state) {
    (void)state;
    start(0);
    assert_int_equal(piv_bench_verify(&bench, PIV_OTHER_PIN), SW_PIN_WRONG | 2);
    assert_int_equal(piv_bench_verify(&bench, PIV_TEST_PIN), SW_OK);
    assert_int_equal(piv_bench_apdu(&bench, PIV_VERIFY, 0xFF, PIV_PIN, NULL, 0), SW_OK);
    assert_int_equal(piv_bench_apdu(&bench, PIV_VERIFY, 0, PIV_PIN, NULL, 0), SW_PIN_WRONG | 3);
    block(PIV_VERIFY, PIV_PIN, PIV_OTHER_PIN);
    assert_int_equal(piv_bench_verify(&bench, PIV_TEST_PIN), SW_PIN_BLOCKED);
    assert_int_equal(
        piv_bench_apdu(&bench, PIV_RESET_RETRY_COUNTER, 0, PIV_PIN, "0000000088888888", 16),
        SW_PIN_WRONG | 2);
    assert_int_equal(
        piv_bench_apdu(&bench, PIV_RESET_RETRY_COUNTER, 0, PIV_PIN, "1234567888888888", 16), SW_OK);
    assert_int_equal(piv_bench_verify(&bench, PIV_TEST_PIN), SW_PIN_WRONG | 2);
    assert_int_equal(piv_bench_verify(&bench, "88888888"), SW_OK);
    /* the unblocking gave the PUK its try back */
    block(PIV_RESET_RETRY_COUNTER, PIV_PIN, PIV_OTHER_PIN);
    assert_int_equal(
        piv_bench_apdu(&bench, PIV_RESET_RETRY_COUNTER, 0, PIV_PIN, "1234567888888888", 16),
        SW_PIN_BLOCKED);
    assert_int_equal(piv_bench_verify(&bench, "88888888"), SW_OK);
}

static void a_wrong_pin_ends_the_verified_state(void **state) {
    (void)state;
    start(PIN);
    assert_int_equal(piv_bench_verify(&bench, PIV_OTHER_PIN), SW_PIN_WRONG | 2);
    assert_int_equal(piv_bench_get(&bench, PIV_OBJECT_PRINTED), SW_SECURITY_STATUS);
    start(PIN);
    assert_int_equal(
        piv_bench_apdu(&bench, PIV_CHANGE_REFERENCE_DATA, 0, PIV_PIN, "0000000088888888", 16),
        SW_PIN_WRONG | 2);
    assert_int_equal(piv_bench_get(&bench, PIV_OBJECT_PRINTED), SW_SECURITY_STATUS);
}

static void the_pin_always_rule_lets_reads_alone_stand_between(void **state) {
    static const uint8_t digest[32] = {1};
    (void)state;
    start(PIN);
    assert_int_equal(piv_bench_get(&bench, PIV_OBJECT_CHUID), SW_OK);
    assert_int_equal(piv_bench_apdu(&bench, PIV_SELECT, 4, 0, PIV_AID, 5), SW_OK);
    assert_int_equal(piv_bench_use(&bench, PIV_SIGNATURE, PIV_P256, PIV_TAG_CHALLENGE, digest, 32),
                     SW_OK);
    start(PIN); /* the use of another key */
    assert_int_equal(
        piv_bench_use(&bench, PIV_AUTHENTICATION, PIV_P256, PIV_TAG_CHALLENGE, digest, 32), SW_OK);
    assert_int_equal(piv_bench_use(&bench, PIV_SIGNATURE, PIV_P256, PIV_TAG_CHALLENGE, digest, 32),
                     SW_SECURITY_STATUS);
    start(PIN | ADMIN);
    assert_int_equal(piv_bench_put(&bench, PIV_OBJECT_CERT_9C, "c", 1), SW_OK);
    assert_int_equal(piv_bench_use(&bench, PIV_SIGNATURE, PIV_P256, PIV_TAG_CHALLENGE, digest, 32),
                     SW_SECURITY_STATUS);
}

static void objects_of_up_to_4096_bytes_come_back_as_they_were(void **state) {
    static const size_t sizes[] = {1, 127, 128, 255, 256, 3052, 4096};
    uint8_t content[4097];
    (void)state;
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (uint8_t)(i * 31);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        start(ADMIN);
        assert_int_equal(piv_bench_put(&bench, PIV_OBJECT_CERT_9A, content, sizes[i]), SW_OK);
        piv_bench_power_cycle(&bench);
        assert_int_equal(piv_bench_get(&bench, PIV_OBJECT_CERT_9A), SW_OK);
        assert_memory_equal(bench.out + bench.out_len - sizes[i], content, sizes[i]);
        /* and in parts, for a host of short lengths */
        uint8_t got[4200];
        const uint8_t get[] = {0, 0xCB, 0x3F, 0xFF, 5, 0x5C, 3, 0x5F, 0xC1, 5, 0};
        size_t n = 0, whole = bench.out_len;
        for (piv_bench_send(&bench, get, sizeof get);; piv_bench_send(&bench, "\0\xC0\0\0\0", 5)) {
            memcpy(got + n, bench.out, bench.out_len);
            n += bench.out_len;
            if ((bench.sw & 0xFF00) != SW_MORE_DATA)
                break;
        }
        assert_int_equal(bench.sw, SW_OK);
        assert_int_equal(n, whole);
        assert_memory_equal(got + n - sizes[i], content, sizes[i]);
    }
    start(ADMIN);
    assert_int_equal(piv_bench_put(&bench, PIV_OBJECT_CERT_9A, content, 4097), SW_NO_SPACE);
    assert_int_equal(piv_bench_get(&bench, PIV_OBJECT_CERT_9A), SW_OBJECT_NOT_FOUND);
    assert_int_equal(piv_bench_put(&bench, PIV_OBJECT_CERT_9A, content, 9), SW_OK);
    assert_int_equal(piv_bench_put(&bench, PIV_OBJECT_CERT_9A, NULL, 0), SW_OK);
    assert_int_equal(piv_bench_get(&bench, PIV_OBJECT_CERT_9A), SW_OBJECT_NOT_FOUND);
}

static void reset_makes_the_card_as_it_left_the_factory(void **state) {
    uint8_t fresh[32], now[32];
    struct piv_bench other;
    (void)state;
    piv_bench_init(&other, PAGES);
    piv_bench_digest(&other, fresh);
    piv_bench_free(&other);
    start(PIN_GONE | PUK_GONE);
    assert_int_equal(piv_bench_apdu(&bench, PIV_RESET, 0, 0, NULL, 0), SW_OK);
    piv_bench_digest(&bench, now);
    assert_memory_equal(now, fresh, 32);
}

static void a_card_of_one_application_does_not_know_the_other(void **state) {
    (void)state;
    start(0);
    assert_int_equal(piv_bench_send(&bench, "\x80\x04\0\0\0\0\0", 7), SW_UNKNOWN_CLA);
}

static void garbage_never_changes_the_store(void **state) {
    uint8_t old[32], now[32], apdu[64];
    (void)state;
    start(0);
    piv_bench_digest(&bench, old);
    srand(11);
    for (unsigned i = 0; i < 200000; i++) {
        size_t len = 4 + (size_t)rand() % 40;
        for (size_t k = 0; k < len; k++)
            apdu[k] = (uint8_t)rand();
        apdu[0] = rand() % 8 ? 0 : 0x10;
        apdu[1] = bench.piv.applet.commands[(unsigned)rand() % bench.piv.applet.count].ins;
        if (apdu[1] == PIV_VERIFY || apdu[1] == PIV_CHANGE_REFERENCE_DATA ||
            apdu[1] == PIV_RESET_RETRY_COUNTER)
            continue; /* these count tries */
        if (rand() % 4)
            apdu[3] = (uint8_t)(0x9A + rand() % 5);
        if (len > 5)
            apdu[4] = (uint8_t)(len - 5);
        if (len > 9 && rand() % 2) {
            apdu[5] = apdu[1] == PIV_GENERAL_AUTHENTICATE ? 0x7C : 0x5C;
            apdu[6] = (uint8_t)(len - 7);
        }
        piv_bench_send(&bench, apdu, len);
    }
    piv_bench_digest(&bench, now);
    assert_memory_equal(old, now, 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_answers_as_the_standard_says),
        cmocka_unit_test(what_is_not_there_is_an_unknown_instruction),
        cmocka_unit_test(pin_and_puk_count_down_and_unblock_each_other_as_they_may),
        cmocka_unit_test(a_wrong_pin_ends_the_verified_state),
        cmocka_unit_test(the_pin_always_rule_lets_reads_alone_stand_between),
        cmocka_unit_test(objects_of_up_to_4096_bytes_come_back_as_they_were),
        cmocka_unit_test(reset_makes_the_card_as_it_left_the_factory),
        cmocka_unit_test(a_card_of_one_application_does_not_know_the_other),
        cmocka_unit_test(garbage_never_changes_the_store),
    };
    return cmocka_run_group_tests_name("PIV commands", tests, setup, teardown);
}
