/* The card command set, as a host and a card see it on the wire: instructions, layouts, status words.
 * Object model: GM/T 0016 (device, application, container, file). Own notes in docs/card-commands.md.
 *
 * Framing: CLA INS P1 P2 00 LcHi LcLo data [LeHi LeLo]; without data CLA INS P1 P2 00 LeHi LeLo. Lc and Le are
 * big-endian; short lengths do as well. A host of short lengths sends a long data field as a chain: parts with bit 10 of CLA
 * set, the last one without it; and fetches a long answer with 00 C0 00 00 Le as long as 61xx says that more is there.
 * Integers inside the data field follow the layout profile: little-endian in profile "A" (our default), big-endian in "B".
 * Where the profiles differ otherwise, the comment says A: and B:.
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
    APDU_MAX_DATA = 2048,          /* largest command or response data field of the GM application, certificates apart; also in DevInfo */
    APDU_MAX_BODY = 4224,          /* what one extended APDU, or a chain of commands, or a response in parts may carry in all */
    APDU_MAX_COMMAND = 7 + APDU_MAX_BODY + 2, /* header, extended Lc, data, extended Le */
    APDU_MAX_RESPONSE = APDU_MAX_BODY + 2,
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
    GM_HISTORY_MAX = 8, /* retired encryption pairs per container */
    GM_SESSION_KEYS_MAX = 8,
    GM_UNLOCK_CHALLENGE_SIZE = 16,
    GM_UNLOCK_ORDER_MAX = 32,
    GM_UNLOCK_MAC_SIZE = 16,
    GM_CHALLENGE_SIZE = 8, /* the bytes of the last GenRandom that bind a PIN command */
    GM_MAC_SIZE = 4,
    SM2_COORD_SIZE = 32,
    RSA2048_SIZE = 256
};

/* Instructions. P1 = P2 = 0 unless stated. Response data is shown after "->". */
enum apdu_ins {
    INS_SET_LABEL = 0x02,          /* label 1..32 */
    INS_GET_DEV_INFO = 0x04,       /* -> DevInfo 288, offsets below */
    INS_DEV_AUTH = 0x10,           /* P2 = alg (SM4 is A: 2, B: 0); E_authkey(challenge block) 16 */
    INS_CHANGE_DEV_AUTH_KEY = 0x12, /* after DevAuth: CLA 84, P2 = alg; E_authkey(new key 16) || mac4 */
    INS_GET_PIN_INFO = 0x14,       /* P2 = PIN type; A -> max1, left1, default1 (bit 0: never changed, bit 1: must be changed) */
    INS_CHANGE_PIN = 0x16,         /* CLA 84, P2 = PIN type; A || E_oldpin(new PIN, zero-padded to 16) || mac4 */
    INS_VERIFY_PIN = 0x18,         /* P2 = PIN type; A || E_pin(challenge block) 16 */
    INS_UNBLOCK_PIN = 0x1A,        /* CLA 84, P1 1: the new PIN must be changed; A || E_adminpin(new user PIN, zero-padded to 16) || mac4 */
    INS_CLEAR_SECURE_STATE = 0x1C, /* A */
    INS_CREATE_APPLICATION = 0x20, /* after DevAuth: name (A: 32, B: 48), adminPin16, adminRetry4, userPin16, userRetry4,
                                      fileRights4, containers1, certs1, files2; a retry | GM_RETRY_MUST_CHANGE: that PIN
                                      must be changed before it is good for anything else */
    INS_ENUM_APPLICATION = 0x22,   /* -> names, NUL separated, double NUL at the end */
    INS_DELETE_APPLICATION = 0x24, /* after DevAuth: name */
    INS_OPEN_APPLICATION = 0x26,   /* name -> rights4, maxContainers1, maxCerts1, maxFiles2, A */
    INS_CLOSE_APPLICATION = 0x28,  /* A */
    INS_CREATE_FILE = 0x30,        /* P1P2 = A; name (A: 32, B: 40), size4, readRights4, writeRights4 */
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
    INS_IMPORT_CERTIFICATE = 0x4C, /* A, C, usage1 (enum gm_key_usage), len4, certificate of up to GM_CERT_MAX; the key must exist */
    INS_EXPORT_CERTIFICATE = 0x4E, /* P1 usage; A, C -> len4, certificate */
    INS_GEN_RANDOM = 0x50,         /* Le = n -> n bytes; the first 8 of the last ones are the challenge */
    INS_GEN_EXT_RSA_KEY = 0x52,    /* bits2 -> n256, e4, d256, p128, q128, dp128, dq128, qinv128; kept nowhere */
    INS_GEN_RSA_KEY_PAIR = 0x54,   /* A, C, bits2 -> modulus256, e4 (big-endian 00010001); the signing pair */
    INS_IMPORT_RSA_KEY_PAIR = 0x56, /* P1 enum gm_import; A, C, symAlg4 (0x401), wrapLen4, wrap (the SM4 key, PKCS#1 v1.5 to the
                                       signing key), bits4, encLen4, enc (RSAPrivateKey of PKCS#1 in DER, padded to blocks with
                                       any bytes, SM4-ECB); the encryption pair */
    INS_RSA_SIGN = 0x58,           /* P1 1 message, 2 DigestInfo or raw digest data; P2 hash (0 none, 1 SM3, 2 SHA1, 3 SHA256);
                                      A, C, data -> signature256 (PKCS#1 v1.5). P1 2 and P2 0: data <= 245 is padded as it is */
    INS_RSA_EXPORT_SESSION_KEY = 0x5A, /* A, C, alg4, bits4, n256, e4 -> keyId2, ciphertext256 (PKCS#1 v1.5); the key is new */
    INS_RSA_OPERATION = 0x5C,      /* A: A, C, keyId2, bits4, n256, e4 -> ciphertext256 (an existing session key)
                                      B: P1 usage; A, C, block256 -> block256 (as INS_VENDOR_RSA_PRIVATE) */
    INS_RSA_VERIFY = 0x5E,         /* P1 P2 as INS_RSA_SIGN; bits4, n256, e4, len4, data, sigLen4 (256), signature */
    INS_EXT_RSA_OPERATION = 0x60,  /* P1 0: bits4, n256, e4, len4 (256), block; P1 1: bits4, the parts as GEN_EXT_RSA_KEY gives
                                      them, len4 (256), block -> block256 */
    INS_GEN_ECC_KEY_PAIR = 0x70,   /* A, C, bits4 (256) -> X, Y; the signing pair */
    INS_IMPORT_ECC_KEY_PAIR = 0x72, /* P1 enum gm_import; A: A, C, version4 (1), symAlg4 (0x401), c1bits4, c1X, c1Y, hash32, cipherLen4, cipher,
                                       bits4, pubX, pubY, encPriLen4 (64), encPri64; the encryption pair, opened with the signing key
                                       B: A, C, version4, symAlg4, bits4, encPriLen4 (64), encPri64, pubX, pubY, c1bits4, c1X, c1Y,
                                       hash32, cipherLen4, cipher */
    INS_ECC_SIGN = 0x74,           /* P1 1: A, C, idLen4, id, message; P1 2: A, C, digest32 -> bits4, r, s */
    INS_ECC_VERIFY = 0x76,         /* bits4, X, Y, len4, digest, r, s */
    INS_ECC_EXPORT_SESSION_KEY = 0x78, /* A, C, bits4, X, Y, alg4 -> A: bits4, X, Y, hash32, len4 (16), cipher16, keyId2
                                      B: keyId2 first; the key is new */
    INS_EXT_ECC_ENCRYPT = 0x7A,    /* bits4, X, Y, len4, plain -> A: 04, X, Y, hash32, cipher; B: bits4, X, Y, hash32, len4, cipher */
    INS_EXT_ECC_DECRYPT = 0x7C,    /* bits4, d, X, Y, hash32, len4, cipher -> len4, plain */
    INS_EXT_ECC_SIGN = 0x7E,       /* bits4, d, len4 (32), digest -> A: r, s; B: bits4, r, s */
    INS_EXT_ECC_VERIFY = 0x7F,     /* as INS_ECC_VERIFY */
    INS_ECC_EXPORT_SESSION_KEY_EX = 0x80, /* A, C, keyId2, bits4, X, Y -> bits4, X, Y, hash32, len4 (16), cipher16 (an existing
                                      session key) */
    INS_AGREEMENT_DATA = 0x82,     /* A, C, alg4, idLen4, id -> bits4, X, Y (ephemeral), handle4; with the encryption pair, as
                                      GB/T 32918.3; the handle is used up by 86 */
    INS_AGREEMENT_DATA_AND_KEY = 0x84, /* A, C, alg4, bits4, X, Y, tBits4, tX, tY (initiator's), sidLen4, sid (initiator's),
                                      idLen4, id (own) -> bits4, tX, tY, keyId4 */
    INS_AGREEMENT_KEY = 0x86,      /* A, C, handle4, bits4, X, Y, tBits4, tX, tY (responder's), idLen4, id (responder's) -> keyId4 */
    INS_EXPORT_PUBLIC_KEY = 0x88,  /* P1 usage; A, C -> ECC: bits4, X, Y; RSA: bits2, e4, n */
    INS_IMPORT_SESSION_KEY = 0xA0, /* P1 usage (0: the encryption pair); A, C, alg4, len4, then ECC: bits4, X, Y, hash32, cipherLen4
                                      (16), cipher; RSA: ciphertext256 -> keyId2 */
    INS_IMPORT_SYMM_KEY = 0xA2,    /* A, C, alg4, keyLen2 (16), key -> keyId2 */
    INS_ENCRYPT_INIT = 0xA4,       /* A, C, keyId2, alg4 (0x401, 0x402), A: iv32, ivLen4, pad4, feed4; B: ivLen2, iv, pad4, feed4.
                                      ivLen 16, or 0 for ECB; pad 0 none, 1 PKCS#5; feed is not looked at */
    INS_ENCRYPT = 0xA6,            /* A, C, keyId2, data -> data; ends the operation */
    INS_ENCRYPT_UPDATE = 0xA8,     /* A, C, keyId2, data -> the blocks that are whole */
    INS_ENCRYPT_FINAL = 0xAA,      /* A, C, keyId2, data or none -> what remains; ends the operation */
    INS_DECRYPT_INIT = 0xAC,
    INS_DECRYPT = 0xAE,
    INS_DECRYPT_UPDATE = 0xB0,     /* with padding, the last whole block waits for INS_DECRYPT_FINAL */
    INS_DECRYPT_FINAL = 0xB2,
    INS_DIGEST_INIT = 0xB4,        /* P2 hash (1 SM3, 2 SHA1, 3 SHA256); none, or for SM3: bits4, X, Y, idLen4, id (Z goes first) */
    INS_DIGEST = 0xB6,             /* data -> len4, digest; ends the operation */
    INS_DIGEST_UPDATE = 0xB8,      /* data */
    INS_DIGEST_FINAL = 0xBA,       /* data or none -> len4, digest */
    INS_MAC_INIT = 0xBC,           /* as INS_ENCRYPT_INIT, alg 0x410 or 0x402; CBC-MAC with an IV */
    INS_MAC = 0xBE,                /* A, C, keyId2, data -> mac16; ends the operation */
    INS_MAC_UPDATE = 0xC0,         /* A, C, keyId2, data */
    INS_MAC_FINAL = 0xC2,          /* A, C, keyId2, data or none -> mac16 */
    INS_DESTROY_SESSION_KEY = 0xC4, /* A, C, keyId2 */

    /* Vendor instructions: what the command set above lacks. */
    INS_VENDOR_RSA_PRIVATE = 0xD0, /* P1 usage; A, C, block256 -> block256 (raw RSA: PSS and OAEP are the host's) */
    INS_VENDOR_SM2_DECRYPT = 0xD2, /* P1 usage; A, C, bits4, X, Y, hash32, len4, cipher -> len4, plain */
    INS_VENDOR_RETIRE_SIGNING_KEY = 0xD4, /* A, C; destroys the container's signing key and certificate, keeps every encryption pair */
    INS_VENDOR_UNLOCK_CHALLENGE = 0xD6, /* A, orderLen1 (1..32), order -> serial32, challenge16, left1; see Remote unlock below */
    INS_VENDOR_UNLOCK = 0xD8,      /* A, flags1 (bit 0: the new PIN must be changed), E(new PIN) 16, mac16 */
    INS_VENDOR_SET_UNLOCK_KEY = 0xDA, /* after DevAuth: CLA 84; E_authkey(unlock key 16) || mac4; all its tries again */
    INS_VENDOR_HISTORY = 0xDC      /* A, C -> count1, then for each pair: usage1, type1, cert1 */
};

enum gm_pin_type { GM_PIN_ADMIN = 0, GM_PIN_USER = 1 };
enum gm_container_type { GM_CONTAINER_EMPTY = 0, GM_CONTAINER_RSA = 1, GM_CONTAINER_ECC = 2 };
/* "usage" in the comments above. Retired encryption pairs are GM_KEY_HISTORY .. GM_KEY_HISTORY + GM_HISTORY_MAX - 1, each with
 * its certificate: they decrypt, and are exported, as the encryption pair is. */
enum gm_key_usage { GM_KEY_ENC = 0, GM_KEY_SIGN = 1, GM_KEY_HISTORY = 2, GM_KEY_LAST = 9 };
/* Where an imported encryption pair goes. A pair that is there already changes nothing and succeeds. GM_IMPORT_CURRENT replaces a
 * pair without a certificate and refuses (SW_CONDITIONS) to replace a certified one. */
enum gm_import {
    GM_IMPORT_CURRENT = 0,
    GM_IMPORT_RENEW = 1,  /* the present pair and its certificate go into the history first */
    GM_IMPORT_HISTORY = 2 /* into the history itself: a recovered key of earlier days */
};
enum gm_rights { GM_NEVER = 0x00, GM_ADMIN = 0x01, GM_USER = 0x10, GM_ANYONE = 0xFF };
enum { GM_RETRY_MUST_CHANGE = 0x40000000 };
/* SM1 and SSF33 answer SW_NOT_SUPPORTED: their descriptions are not public. */
enum gm_sym_alg { GM_SM1_ECB = 0x101, GM_SSF33_ECB = 0x201, GM_SM4_ECB = 0x401, GM_SM4_CBC = 0x402, GM_SM4_MAC = 0x410 };
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
    DEVINFO_VENDOR_MAGIC = 238,   /* 4; "OUK1": the vendor instructions above are understood */
    DEVINFO_CHANGE_TAG = 242      /* 8; made of all committed changes so far: of two keys, or of two lives of one key after it was
                                     restored from a copy, with one counter but other objects, it is another; zeros: none yet */
};

/* PIN cryptography.
 * PIN key         = SHA-1 (A: of the PIN zero-padded to 16 bytes; B: of the bare PIN), first 16 bytes; SM4.
 * challenge block = A: challenge8 || 0*8; B: 80 00 || challenge8 || 00 80 || 0*4.
 * VERIFY_PIN      = SM4-ECB(PIN key, challenge block). The challenge is used up by any of 10 12 16 18 1A DA.
 * mac4            = SM4-CBC-MAC(PIN key of the old or admin PIN, or device key; IV = challenge8 || 0*8) over
 *                   CLA INS P1 P2 00 LcHi LcLo data-without-MAC, then 0x80 and zeros to the block; first 4 bytes.
 *                   A: Lc as sent, counting the MAC; B: Lc without the MAC.
 * Factory device key: "1234567812345678".
 *
 * A PIN that must be changed (set so by CREATE_APPLICATION, UNBLOCK_PIN or the remote unlock) can be verified and changed;
 * whatever else needs it answers SW_PIN_MUST_CHANGE (keys) or SW_SECURITY_STATUS (files) until CHANGE_PIN has set another.
 *
 * Remote unlock: a service that keeps this key's unlock key (16 bytes, one per serial, set by DA) lets the holder set a new user
 * PIN without learning it. D6 begins; order names the service's case. The service computes and hands out
 *   K = HMAC-SM3(unlock key, "OpenUKey unlock" || 00 || serial32 || challenge16 || orderLen1 || order), 32 bytes.
 * D8 carries E = SM4-ECB(K[0..15], new PIN zero-padded to 16) and, over everything, the first 16 bytes of
 *   HMAC-SM3(K[16..31], 80 D8 00 00 || serial32 || challenge16 || orderLen1 || order || A || flags1 || E).
 * The challenge is good for one D8 in that A, and is forgotten by the next D6 and by power off: so K works once. A try of the
 * unlock key's own (10) is taken before the MAC is compared; at zero only DA, after DevAuth, gives them back. Success gives the
 * user PIN and the unlock key all their tries, and ends a verified state of the user. Errors: SW_NO_KEY without an unlock key,
 * SW_REFERENCED_DATA without a challenge for that A, SW_PIN_WRONG | tries left, SW_PIN_BLOCKED, SW_WRONG_DATA for a new PIN that
 * is none (the try is given back, the challenge is not). */

/* Status words. */
enum apdu_sw {
    SW_OK = 0x9000,
    SW_MORE_DATA = 0x6100, /* | bytes left to fetch with GET RESPONSE; 0: 256 or more */
    SW_PIN_WRONG = 0x63C0, /* | tries left */
    SW_WRITE_FAILED = 0x6581,
    SW_WRONG_LENGTH = 0x6700,
    SW_KEYGEN_FAILED = 0x6915,
    SW_CHAIN_BROKEN = 0x6883, /* another command came before the last of a chain; both are dropped */
    SW_SECURITY_STATUS = 0x6982,
    SW_PIN_BLOCKED = 0x6983,
    SW_REFERENCED_DATA = 0x6984, /* no challenge, or it was used up */
    SW_CONDITIONS = 0x6985,
    SW_NOT_ALLOWED = 0x6986,
    SW_SM_OBJECT = 0x6988, /* MAC wrong */
    SW_PIN_MUST_CHANGE = 0x698B,
    SW_APP_NOT_OPEN = 0x698A,
    SW_WRONG_DATA = 0x6A80,
    SW_NOT_SUPPORTED = 0x6A81, /* a command or an algorithm that this card does not have */
    SW_NO_SPACE = 0x6A84,
    SW_WRONG_P1P2 = 0x6A86,
    SW_APP_NOT_FOUND = 0x6A88,
    SW_APP_EXISTS = 0x6A89,
    SW_NO_SESSION_KEY = 0x6A8C, /* no session key, or agreement, of this id in this container */
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
