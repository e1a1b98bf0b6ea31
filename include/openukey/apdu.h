/* The card command set, as a host and a card see it on the wire: instructions, layouts, status words.
 * Object model: GM/T 0016 (device, application, container, file). Own notes in docs/card-commands.md.
 *
 * Framing: CLA INS P1 P2 00 LcHi LcLo data [LeHi LeLo]; without data CLA INS P1 P2 00 LeHi LeLo. Lc and Le are
 * big-endian; integers inside the data field follow the layout profile: little-endian in profile "A" (our default).
 * Notation in the comments: A = application id (2 bytes), C = container id (2 bytes), opaque to the host and sent back
 * as received; nameN = text; fieldN = N bytes. Public key coordinates, r, s and d are 32 bytes, big-endian. */
#ifndef OPENUKEY_APDU_H
#define OPENUKEY_APDU_H

/* tables, kept in columns by hand */
/* clang-format off */

/* Class bytes. CLA_GM_MAC: the last 4 bytes of the data field are a MAC (see PIN cryptography below). */
enum apdu_cla { CLA_GM = 0x80, CLA_GM_MAC = 0x84 };

/* Sizes, in bytes. */
enum apdu_size {
    APDU_MAX_DATA = 2048,          /* largest command or response data field; also in DevInfo */
    APDU_MAX_COMMAND = 7 + 2048 + 2, /* header, extended Lc, data, extended Le */
    APDU_MAX_RESPONSE = 2048 + 2,
    GM_APP_NAME_MAX = 32,
    GM_CONTAINER_NAME_MAX = 64,
    GM_FILE_NAME_MAX = 32,
    GM_FILE_SIZE_MAX = 65536,
    GM_CONTAINERS_MAX = 16, /* per application */
    GM_CERT_MAX = 4096,
    GM_PIN_MIN = 6,
    GM_PIN_MAX = 16,
    GM_LABEL_MAX = 32,
    GM_SERIAL_MAX = 32,
    GM_DEVINFO_SIZE = 288,
    GM_CHALLENGE_SIZE = 8, /* the bytes of the last GenRandom that bind a PIN command */
    GM_MAC_SIZE = 4,
    SM2_COORD_SIZE = 32,
    RSA2048_SIZE = 256
};

/* Instructions. P1 = P2 = 0 unless stated. Response data is shown after "->". */
enum apdu_ins {
    INS_SET_LABEL = 0x02,          /* label 1..32 */
    INS_GET_DEV_INFO = 0x04,       /* -> DevInfo 288, offsets below */
    INS_DEV_AUTH = 0x10,           /* P2 = alg (2 SM4); E_authkey(challenge8 || 0*8) 16 */
    INS_CHANGE_DEV_AUTH_KEY = 0x12, /* CLA 84, P2 = alg; E_authkey(new key 16) || mac4 */
    INS_GET_PIN_INFO = 0x14,       /* P2 = PIN type; A -> max1, left1, default1 (1: never changed) */
    INS_CHANGE_PIN = 0x16,         /* CLA 84, P2 = PIN type; A || E_oldpin(new PIN, zero-padded to 16) || mac4 */
    INS_VERIFY_PIN = 0x18,         /* P2 = PIN type; A || E_pin(challenge8 || 0*8) 16 */
    INS_UNBLOCK_PIN = 0x1A,        /* CLA 84; A || E_adminpin(new user PIN, zero-padded to 16) || mac4 */
    INS_CLEAR_SECURE_STATE = 0x1C, /* A */
    INS_CREATE_APPLICATION = 0x20, /* after DevAuth: name32, adminPin16, adminRetry4, userPin16, userRetry4,
                                      fileRights4, containers1, certs1, files2 */
    INS_ENUM_APPLICATION = 0x22,   /* -> names, NUL separated, double NUL at the end */
    INS_DELETE_APPLICATION = 0x24, /* after DevAuth: name */
    INS_OPEN_APPLICATION = 0x26,   /* name -> rights4, maxContainers1, maxCerts1, maxFiles2, A */
    INS_CLOSE_APPLICATION = 0x28,  /* A */
    INS_CREATE_FILE = 0x30,        /* P1P2 = A; name32, size4, readRights4, writeRights4 */
    INS_DELETE_FILE = 0x32,        /* P1P2 = A; name */
    INS_ENUM_FILES = 0x34,         /* P1P2 = A -> names as above */
    INS_GET_FILE_INFO = 0x36,      /* P1P2 = A; name -> size4, readRights4, writeRights4 */
    INS_READ_FILE = 0x38,          /* A, offset2, nameLen2, name; Le = count -> data */
    INS_WRITE_FILE = 0x3A,         /* A, offset2, nameLen2, name, dataLen2, data */
    INS_CREATE_CONTAINER = 0x40,   /* A, name -> C */
    INS_OPEN_CONTAINER = 0x42,     /* A, name -> C */
    INS_CLOSE_CONTAINER = 0x44,    /* A, C */
    INS_ENUM_CONTAINER = 0x46,     /* A -> names as above */
    INS_DELETE_CONTAINER = 0x48,   /* A, name */
    INS_GET_CONTAINER_INFO = 0x4A, /* A, name -> type1, signBits4, encBits4, signCert1, encCert1 (bits 0: no key) */
    INS_IMPORT_CERTIFICATE = 0x4C, /* A, C, usage1 (1 sign, 0 enc), len4, certificate; the key must exist */
    INS_EXPORT_CERTIFICATE = 0x4E, /* P1 = usage; A, C -> len4, certificate */
    INS_GEN_RANDOM = 0x50,         /* Le = n -> n bytes; the first 8 of the last ones are the challenge */
    INS_GEN_EXT_RSA_KEY = 0x52,
    INS_GEN_RSA_KEY_PAIR = 0x54,   /* A, C, bits2 -> modulus256, e4 (big-endian 00010001); the signing pair */
    INS_IMPORT_RSA_KEY_PAIR = 0x56,
    INS_RSA_SIGN = 0x58,           /* P1 1 message, 2 DigestInfo or raw digest data; P2 hash (0 none, 1 SM3, 2 SHA1, 3 SHA256);
                                      A, C, data -> signature256 (PKCS#1 v1.5). P1 2 and P2 0: data <= 245 is padded as it is */
    INS_RSA_EXPORT_SESSION_KEY = 0x5A,
    INS_RSA_VERIFY = 0x5E,
    INS_GEN_ECC_KEY_PAIR = 0x70,   /* A, C, bits4 (256) -> X, Y; the signing pair */
    INS_IMPORT_ECC_KEY_PAIR = 0x72, /* A, C, version4 (1), symAlg4 (0x401), c1bits4, c1X, c1Y, hash32, cipherLen4, cipher,
                                       bits4, pubX, pubY, encPriLen4 (64), encPri64; the encryption pair, opened with the signing key */
    INS_ECC_SIGN = 0x74,           /* P1 1: A, C, idLen4, id, message; P1 2: A, C, digest32 -> bits4, r, s */
    INS_ECC_VERIFY = 0x76,         /* bits4, X, Y, len4, digest, r, s */
    INS_ECC_EXPORT_SESSION_KEY = 0x78,
    INS_EXT_ECC_ENCRYPT = 0x7A,
    INS_EXT_ECC_DECRYPT = 0x7C,
    INS_EXT_ECC_SIGN = 0x7E,
    INS_AGREEMENT_DATA = 0x82,
    INS_AGREEMENT_DATA_AND_KEY = 0x84,
    INS_AGREEMENT_KEY = 0x86,
    INS_EXPORT_PUBLIC_KEY = 0x88,  /* P1 1 sign, 0 enc; A, C -> ECC: bits4, X, Y; RSA: bits2, e4, n */
    INS_IMPORT_SESSION_KEY = 0xA0,
    INS_IMPORT_SYMM_KEY = 0xA2,
    INS_ENCRYPT_INIT = 0xA4,
    INS_ENCRYPT = 0xA6,
    INS_ENCRYPT_UPDATE = 0xA8,
    INS_ENCRYPT_FINAL = 0xAA,
    INS_DECRYPT_INIT = 0xAC,
    INS_DECRYPT = 0xAE,
    INS_DECRYPT_UPDATE = 0xB0,
    INS_DECRYPT_FINAL = 0xB2,
    INS_DIGEST_INIT = 0xB4,
    INS_DIGEST = 0xB6,
    INS_DIGEST_UPDATE = 0xB8,
    INS_DIGEST_FINAL = 0xBA,
    INS_MAC_INIT = 0xBC,
    INS_MAC = 0xBE,
    INS_MAC_UPDATE = 0xC0,
    INS_MAC_FINAL = 0xC2,
    INS_DESTROY_SESSION_KEY = 0xC4,

    /* Vendor instructions: what the command set above lacks. */
    INS_VENDOR_RSA_PRIVATE = 0xD0, /* P1 1 sign, 0 enc key; A, C, block256 -> block256 (raw RSA: PSS and OAEP are the host's) */
    INS_VENDOR_SM2_DECRYPT = 0xD2, /* P1 1 sign, 0 enc key; A, C, bits4, X, Y, hash32, len4, cipher -> len4, plain */
    INS_VENDOR_RETIRE_SIGNING_KEY = 0xD4, /* A, C; destroys the container's signing key and certificate, keeps the encryption pair */
    INS_VENDOR_UNLOCK_CHALLENGE = 0xD6, /* reserved: remote unlock */
    INS_VENDOR_UNLOCK = 0xD8            /* reserved: remote unlock */
};

enum gm_pin_type { GM_PIN_ADMIN = 0, GM_PIN_USER = 1 };
enum gm_container_type { GM_CONTAINER_EMPTY = 0, GM_CONTAINER_RSA = 1, GM_CONTAINER_ECC = 2 };
enum gm_key_usage { GM_KEY_ENC = 0, GM_KEY_SIGN = 1 };
enum gm_rights { GM_NEVER = 0x00, GM_ADMIN = 0x01, GM_USER = 0x10, GM_ANYONE = 0xFF };
enum gm_sym_alg { GM_SM1_ECB = 0x101, GM_SM4_ECB = 0x401, GM_SM4_CBC = 0x402, GM_SM4_MAC = 0x410 };
enum gm_hash_alg { GM_HASH_NONE = 0, GM_HASH_SM3 = 1, GM_HASH_SHA1 = 2, GM_HASH_SHA256 = 3 };

/* DevInfo, byte offsets. Text fields are zero-padded. */
enum gm_devinfo {
    DEVINFO_STRUCT_VERSION = 0,
    DEVINFO_SPEC_VERSION = 2,
    DEVINFO_MANUFACTURER = 4, /* 64 */
    DEVINFO_ISSUER = 68,      /* 64 */
    DEVINFO_LABEL = 132,      /* 32 */
    DEVINFO_SERIAL = 164,     /* 32 */
    DEVINFO_HW_VERSION = 196,
    DEVINFO_FW_VERSION = 198,
    DEVINFO_ALG_SYM = 200,
    DEVINFO_ALG_ASYM = 204,
    DEVINFO_ALG_HASH = 208,
    DEVINFO_DEV_AUTH_ALG = 212,
    DEVINFO_TOTAL_SPACE = 216,
    DEVINFO_FREE_SPACE = 220,
    DEVINFO_MAX_APDU_DATA = 224, /* 2 */
    DEVINFO_USER_AUTH = 226,
    DEVINFO_DEVICE_TYPE = 228,
    DEVINFO_MAX_CONTAINERS = 230, /* 1 */
    DEVINFO_MAX_CERTS = 231,      /* 1 */
    DEVINFO_MAX_FILES = 232,      /* 2 */
    DEVINFO_RESERVED = 234,       /* 54; ours: */
    DEVINFO_CHANGE_COUNTER = 234, /* 4; grows with every committed change of public objects; 0 on a card without one */
    DEVINFO_VENDOR_MAGIC = 238    /* 4; "OUK1": the vendor instructions above are understood */
};

/* PIN cryptography.
 * PIN key       = SHA-1(PIN zero-padded to 16 bytes), first 16 bytes; SM4.
 * VERIFY_PIN    = SM4-ECB(PIN key, challenge8 || 0*8). The challenge is used up by any of 10 12 16 18 1A.
 * MAC           = SM4-CBC-MAC(PIN key of the old or admin PIN, IV = challenge8 || 0*8) over
 *                 CLA INS P1 P2 00 LcHi LcLo data-without-MAC, then 0x80 and zeros to the block; first 4 bytes. Lc counts the MAC.
 * Factory device key: "1234567812345678". */

/* Status words. */
enum apdu_sw {
    SW_OK = 0x9000,
    SW_PIN_WRONG = 0x63C0, /* | tries left */
    SW_WRITE_FAILED = 0x6581,
    SW_WRONG_LENGTH = 0x6700,
    SW_KEYGEN_FAILED = 0x6915,
    SW_SECURITY_STATUS = 0x6982,
    SW_PIN_BLOCKED = 0x6983,
    SW_REFERENCED_DATA = 0x6984, /* no challenge, or it was used up */
    SW_CONDITIONS = 0x6985,
    SW_NOT_ALLOWED = 0x6986,
    SW_SM_OBJECT = 0x6988, /* MAC wrong */
    SW_APP_NOT_OPEN = 0x698A,
    SW_WRONG_DATA = 0x6A80,
    SW_NOT_SUPPORTED = 0x6A81,
    SW_NO_SPACE = 0x6A84,
    SW_WRONG_P1P2 = 0x6A86,
    SW_APP_NOT_FOUND = 0x6A88,
    SW_APP_EXISTS = 0x6A89,
    SW_CONTAINER_NAME = 0x6A91, /* no container of this name */
    SW_FILE_EXISTS = 0x6A92,
    SW_FILE_NOT_FOUND = 0x6A93,
    SW_CONTAINER_ID = 0x6A94,
    SW_NO_KEY = 0x6A95,
    SW_NO_CERT = 0x6A96,
    SW_VERIFY_FAILED = 0x6A98,
    SW_ASYM_DECRYPT = 0x6A9B,
    SW_SIGN_FAILED = 0x6A9C,
    SW_WRONG_OFFSET = 0x6B00,
    SW_UNKNOWN_INS = 0x6D00,
    SW_UNKNOWN_CLA = 0x6E00,
    SW_READ_OVERFLOW = 0x6E01,
    SW_CONTAINER_EXISTS = 0x6E02,
    SW_INTERNAL = 0x6F00
};

/* clang-format on */

#endif
