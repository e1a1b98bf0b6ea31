/* The PIV application as a host and a card see it: NIST SP 800-73-4 part 2 (commands, objects, key references), SP 800-78-5
 * (algorithms), and of the extensions that yubico-piv-tool speaks those that this card has. Own notes in docs/piv.md.
 * Status words not named here are in openukey/apdu.h. Numbers on the wire are big-endian. */
#ifndef OPENUKEY_PIV_H
#define OPENUKEY_PIV_H

/* A0 00 00 03 08 00 00 10 00 01 00: authority (RID), then the application and its version (PIX). SP 800-73-4 part 1, 2.2 */
enum piv_aid { PIV_RID_SIZE = 5, PIV_PIX_SIZE = 6, PIV_AID_SIZE = 11 };
#define PIV_AID "\xA0\x00\x00\x03\x08\x00\x00\x10\x00\x01\x00"

enum piv_ins {
    PIV_VERIFY = 0x20,
    PIV_CHANGE_REFERENCE_DATA = 0x24,
    PIV_RESET_RETRY_COUNTER = 0x2C,
    PIV_GENERATE_KEY_PAIR = 0x47,
    PIV_GENERAL_AUTHENTICATE = 0x87,
    PIV_SELECT = 0xA4,
    PIV_GET_DATA = 0xCB,
    PIV_PUT_DATA = 0xDB,
    /* extensions */
    PIV_GET_METADATA = 0xF7, /* P2 = key reference */
    PIV_GET_SERIAL = 0xF8,   /* -> 4 bytes */
    PIV_SET_PIN_RETRIES =
        0xFA,               /* P1 = tries of the PIN, P2 = of the PUK; both become the factory's */
    PIV_RESET = 0xFB,       /* PIN and PUK blocked: as it left the factory */
    PIV_GET_VERSION = 0xFD, /* -> 3 bytes */
    PIV_IMPORT_KEY = 0xFE,  /* P1 = algorithm, P2 = slot */
    PIV_SET_MANAGEMENT_KEY = 0xFF /* P1 = P2 = FF; algorithm, 9B, length, key */
};

/* Key references (SP 800-73-4 part 1, table 4b). Retired key management keys are 82 to 95. */
enum piv_reference {
    PIV_PIN = 0x80,
    PIV_PUK = 0x81,
    PIV_RETIRED_FIRST = 0x82,
    PIV_RETIRED_LAST = 0x95,
    PIV_AUTHENTICATION = 0x9A,
    PIV_MANAGEMENT = 0x9B,
    PIV_SIGNATURE = 0x9C,
    PIV_KEY_MANAGEMENT = 0x9D,
    PIV_CARD_AUTHENTICATION = 0x9E
};

/* SP 800-78-5 table 9; RSA 4096 as the extensions have it. */
enum piv_algorithm {
    PIV_3DES_OLD = 0x00, /* another name of the next */
    PIV_3DES = 0x03,
    PIV_RSA3072 = 0x05,
    PIV_RSA2048 = 0x07,
    PIV_AES128 = 0x08,
    PIV_AES192 = 0x0A,
    PIV_AES256 = 0x0C,
    PIV_P256 = 0x11,
    PIV_P384 = 0x14,
    PIV_RSA4096 = 0x16
};

enum piv_pin_policy {
    PIV_POLICY_DEFAULT = 0, /* of the slot: 9C always, 9E never, else once */
    PIV_POLICY_NEVER = 1,
    PIV_POLICY_ONCE = 2,
    PIV_POLICY_ALWAYS = 3
};

enum piv_size {
    PIV_PIN_SIZE = 8, /* padded with FF */
    PIV_PIN_MIN = 6,
    PIV_OBJECT_SIZE_MAX = 4096
};

enum piv_tag {
    PIV_TAG_AUTHENTICATION = 0x7C, /* of GENERAL AUTHENTICATE; in it: */
    PIV_TAG_WITNESS = 0x80,
    PIV_TAG_CHALLENGE = 0x81,
    PIV_TAG_RESPONSE = 0x82,
    PIV_TAG_EXPONENTIATION = 0x85,
    PIV_TAG_CONTROL = 0xAC, /* of GENERATE KEY PAIR; in it: */
    PIV_TAG_ALGORITHM = 0x80,
    PIV_TAG_PIN_POLICY = 0xAA,
    PIV_TAG_TOUCH_POLICY = 0xAB,
    PIV_TAG_PUBLIC_KEY = 0x7F49, /* in it: */
    PIV_TAG_MODULUS = 0x81,
    PIV_TAG_EXPONENT = 0x82,
    PIV_TAG_POINT = 0x86,
    PIV_TAG_LIST = 0x5C, /* of GET DATA and PUT DATA */
    PIV_TAG_DATA = 0x53
};

/* Data objects (SP 800-73-4 part 1, table 3). */
enum piv_object {
    PIV_OBJECT_DISCOVERY = 0x7E,
    PIV_OBJECT_BIOMETRIC_GROUP = 0x7F61,
    PIV_OBJECT_FIRST = 0x5FC101,
    PIV_OBJECT_CERT_9E = 0x5FC101,
    PIV_OBJECT_CHUID = 0x5FC102,
    PIV_OBJECT_FINGERPRINTS = 0x5FC103,
    PIV_OBJECT_CERT_9A = 0x5FC105,
    PIV_OBJECT_SECURITY = 0x5FC106,
    PIV_OBJECT_CCC = 0x5FC107,
    PIV_OBJECT_FACE = 0x5FC108,
    PIV_OBJECT_PRINTED = 0x5FC109,
    PIV_OBJECT_CERT_9C = 0x5FC10A,
    PIV_OBJECT_CERT_9D = 0x5FC10B,
    PIV_OBJECT_KEY_HISTORY = 0x5FC10C,
    PIV_OBJECT_CERT_82 = 0x5FC10D, /* to 5FC120 for 95 */
    PIV_OBJECT_IRIS = 0x5FC121,
    PIV_OBJECT_SM_SIGNER = 0x5FC122,
    PIV_OBJECT_LAST = 0x5FC123,         /* pairing code reference data */
    PIV_OBJECT_VENDOR_FIRST = 0x5FFF00, /* what hosts keep for themselves */
    PIV_OBJECT_VENDOR_LAST = 0x5FFF1F
};

/* Status words that the GM application does not have, or has under another name. */
enum piv_sw { SW_OBJECT_NOT_FOUND = 0x6A82, SW_REFERENCE_NOT_FOUND = 0x6A88 };

#endif
