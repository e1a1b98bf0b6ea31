/* What a card application must be able to do for the rest of the module: one table of functions per kind of card.
 *
 * Adding a card is one file with such a table and one line in token_drivers (driver.c); docs/how-to/add-a-card.md builds
 * one. All functions are called inside a transaction, from one thread at a time. They work on what the card holds;
 * caching, PIN memory, retries after a foreign reset and Cryptoki's view are the callers' business. A function marked
 * "optional" may be NULL: the card has no such thing, and the caller answers TOKEN_UNSUPPORTED or what the comment says. */
#ifndef OPENUKEY_TOKEN_DRIVER_H
#define OPENUKEY_TOKEN_DRIVER_H

#include "module/formats/sm2_envelope.h"
#include "module/token/card.h"

enum token_usage { USAGE_ENC = 0, USAGE_SIGN = 1 };
enum token_algorithm {
    ALGORITHM_RSA,
    ALGORITHM_SM2,
    ALGORITHM_EC /* bits 256: P-256, 384: P-384 */
};
enum token_user { NOBODY, NORMAL_USER, SECURITY_OFFICER };

enum token_limit {
    TOKEN_CONTAINER_MAX = GM_CONTAINER_NAME_MAX,
    TOKEN_FILE_NAME_MAX = GM_FILE_NAME_MAX,
    TOKEN_ID_MAX = 64,
    TOKEN_PIN_MAX = 64,
    TOKEN_RSA_MAX = 512,      /* bytes of the largest modulus */
    TOKEN_EC_POINT_MAX = 97,  /* 04 || X || Y on P-384 */
    TOKEN_OBJECT_ID_MAX = 16, /* DER of a data object's OBJECT IDENTIFIER */
    TOKEN_KINDS_MAX = 12,
    TOKEN_TRIES_UNKNOWN = 0xFF /* in struct token_pin: the card does not tell */
};

/* What a private key does inside the card. */
enum private_operation {
    PRIVATE_RSA_PKCS1_SIGN, /* in: up to modulus - 11 bytes, padded by the card; out: signature */
    PRIVATE_RSA_RAW,        /* in, out: one block of the modulus' size */
    PRIVATE_SM2_SIGN,       /* in: e, 32 bytes; out: r || s */
    PRIVATE_SM2_DECRYPT,    /* in: 04 || X || Y || C3 || C2; out: plaintext */
    PRIVATE_ECDSA, /* in: digest, no longer than the field; out: r || s, each of the field's size */
    PRIVATE_ECDH   /* in: 04 || X || Y; out: the x coordinate of the common point */
};

/* A kind of key that the card works with. */
struct token_key_kind {
    enum token_algorithm algorithm;
    uint32_t bits;
    bool is_generated;   /* generate_key makes it */
    unsigned operations; /* bits 1 << enum private_operation */
};

/* What the card says of itself. Text is NUL-terminated. */
struct token_facts {
    bool initialized;    /* has an application */
    bool has_vendor_ins; /* GM: the vendor instructions of apdu.h */
    bool
        has_lone_certificates; /* read_certificate may find one in a place that has no key, or is not described */
    enum token_user writer; /* whose login lets keys and certificates be made and written */
    char label[GM_LABEL_MAX + 1];
    char manufacturer[65];
    char issuer[65];
    char model[17];
    char serial[GM_SERIAL_MAX + 1];
    char application[GM_APP_NAME_MAX + 1];
    uint8_t hardware[2], firmware[2]; /* major, minor */
    uint32_t total_space, free_space;
    uint32_t change_counter; /* 0: the card has none */
    uint8_t change_tag
        [8]; /* of all changes so far; zeros: the card has none, and nothing is kept on disk */
    /* a name or number by which the driver calls a thing on the card is given to no other thing before a reset */
    bool has_lasting_names;
    size_t pin_min, pin_max; /* of the user's PIN */
    struct token_key_kind kinds[TOKEN_KINDS_MAX];
    size_t kind_count;
};

struct token_pin {
    uint8_t max, left; /* or TOKEN_TRIES_UNKNOWN */
    bool is_default;   /* never changed since it was given */
    bool must_change;  /* good for nothing else until it is changed */
    bool is_unset;     /* a value that nobody knows, until the security officer gives one */
};
struct token_pins {
    struct token_pin user, so;
};

/* What a key is for, as bits. */
enum key_use { KEY_SIGNS = 1, KEY_DECRYPTS = 2, KEY_DERIVES = 4, KEY_UNWRAPS = 8 };

/* When the card wants the user's PIN for a private key. */
enum key_pin {
    KEY_PIN_ONCE,   /* a login opens it */
    KEY_PIN_ALWAYS, /* immediately before each use (CKA_ALWAYS_AUTHENTICATE) */
    KEY_PIN_NEVER
};

enum certificate_state { CERTIFICATE_UNKNOWN, CERTIFICATE_ABSENT, CERTIFICATE_PRESENT };

/* What programs see of a place that has fixed names; static. */
struct key_labels {
    const char *private_key, *public_key, *certificate;
};

/* A key pair on the card, named by its place: a GM container and usage, or a PIV slot ("9A", always USAGE_SIGN). */
struct token_key {
    char container[TOKEN_CONTAINER_MAX + 1];
    enum token_usage usage;
    const struct key_labels *labels; /* NULL: the container's name is the label */
    uint8_t id[TOKEN_ID_MAX];        /* CKA_ID of the place; empty: attribute_default_id */
    size_t id_len;

    bool is_described; /* what follows has been read (describe_key) */
    enum token_algorithm algorithm;
    uint32_t bits;
    unsigned uses; /* bits of enum key_use */
    enum key_pin pin;
    bool is_local; /* made in the card, as far as it tells */
    enum certificate_state certificate;
    bool has_sibling; /* the container's other pair is there too */
};
struct token_key_list {
    struct token_key *items;
    size_t count;
};

/* RSA: modulus with its length, exponent. SM2: point. EC: ec_point, uncompressed. */
struct token_public_key {
    enum token_algorithm algorithm;
    uint32_t bits;
    uint8_t modulus[TOKEN_RSA_MAX];
    size_t modulus_len;
    uint32_t exponent;
    struct sm2_point point;
    uint8_t ec_point[TOKEN_EC_POINT_MAX];
    size_t ec_point_len;
};

/* What a key that is to be made should be like. */
struct token_key_wish {
    const char *label; /* "": none */
    const uint8_t *id; /* CKA_ID; NULL: none */
    size_t id_len;
    enum token_algorithm algorithm;
    uint32_t bits;
};

/* A file; its content is an object's value. */
struct token_file {
    char name[TOKEN_FILE_NAME_MAX + 1];
    uint32_t size;
    bool is_private;                        /* cannot be read without login */
    uint8_t object_id[TOKEN_OBJECT_ID_MAX]; /* CKA_OBJECT_ID, DER; empty: none */
    size_t object_id_len;
};
struct token_file_list {
    struct token_file *items;
    size_t count;
};

struct token;

/* SM2 key agreement (GB/T 32918.3) with an encryption pair. */
enum agreement_step { AGREEMENT_BEGIN, AGREEMENT_RESPOND, AGREEMENT_FINISH };
struct token_agreement {
    const uint8_t *own_id, *peer_id; /* BEGIN: own; RESPOND: both; FINISH: peer's */
    size_t own_id_len, peer_id_len;
    struct sm2_point peer, peer_ephemeral; /* RESPOND, FINISH */
    struct sm2_point own_ephemeral;        /* out of BEGIN, RESPOND */
    uint32_t handle;                       /* out of BEGIN, into FINISH */
    uint8_t key[16];                       /* out of RESPOND, FINISH: for SM4 */
};

enum {
    UNLOCK_CHALLENGE_SIZE = 16,
    UNLOCK_ORDER_MAX = 32,
    UNLOCK_RESPONSE_SIZE = 32,
    UNLOCK_KEY_SIZE = 16
};

/* What the service that keeps a key's unlock key is asked with (include/openukey/apdu.h, "Remote unlock"). */
struct token_unlock {
    char serial[GM_SERIAL_MAX]; /* zero-padded */
    uint8_t challenge[UNLOCK_CHALLENGE_SIZE];
    uint8_t order[UNLOCK_ORDER_MAX]; /* the service's case */
    size_t order_len;
    uint8_t tries_left;
};

struct token_driver {
    const char *name;

    /* Recognises the card; TOKEN_NOT_RECOGNIZED lets the next driver try. Sets token->driver_state, which close() frees,
     * and of the facts what it has learnt: at least kinds, writer and initialized. */
    enum token_error (*open)(struct token *token);
    void (*close)(struct token *token);

    /* The card was reset or used by others: names of open things are worthless from now on. */
    void (*forget)(struct token *token);

    /* All facts, those that may change read anew. */
    enum token_error (*read_facts)(struct token *token);
    enum token_error (*read_pins)(struct token *token, struct token_pins *pins);

    /* Optional; others may have used the card: reads the facts; is it the same card (else TOKEN_REMOVED), and have its
     * objects changed? NULL: the card cannot be asked cheaply; objects count as changed after a reset. */
    enum token_error (*look_again)(struct token *token, bool *objects_changed);

    enum token_error (*verify_pin)(struct token *token, enum token_user user, const uint8_t *pin,
                                   size_t len);
    /* Optional. */
    enum token_error (*change_pin)(struct token *token, enum token_user user,
                                   const uint8_t *old_pin, size_t old_len, const uint8_t *new_pin,
                                   size_t new_len);
    /* Optional. The security officer gives the user a PIN; clears a lock. A PIN that must be changed (TOKEN_UNSUPPORTED: the card
     * cannot mark it) opens nothing until the user has set another. */
    enum token_error (*reset_user_pin)(struct token *token, const uint8_t *so_pin, size_t so_len,
                                       const uint8_t *new_pin, size_t new_len, bool must_change);
    /* Optional: the card is reset. */
    enum token_error (*logout)(struct token *token);

    /* Optional, all three. Remote unlock: unlock_begin fills what the order does not say; TOKEN_NOT_FOUND: the key has no
     * unlock key. unlock_finish: TOKEN_PIN_WRONG: not this key's response; TOKEN_PIN_LOCKED; TOKEN_STALE: the challenge is
     * gone; TOKEN_BAD_DATA: the new PIN is none. set_unlock_key: TOKEN_FORBIDDEN: the device key is not the factory's. */
    enum token_error (*unlock_begin)(struct token *token, struct token_unlock *unlock);
    enum token_error (*unlock_finish)(struct token *token, const struct token_unlock *unlock,
                                      const uint8_t response[UNLOCK_RESPONSE_SIZE],
                                      const uint8_t *new_pin, size_t new_len, bool must_change);
    enum token_error (*set_unlock_key)(struct token *token, const uint8_t key[UNLOCK_KEY_SIZE]);

    /* Optional. Makes the application anew with this security officer's PIN; everything in it is gone. On a card that has
     * one, so_pin must be right. `label` is text without padding. */
    enum token_error (*initialize)(struct token *token, const uint8_t *so_pin, size_t so_len,
                                   const char *label);

    /* The places where keys are or may be; *list is the caller's (free). Says more of a key than its place, id and labels
     * only when that costs no further command (is_described). */
    enum token_error (*list_keys)(struct token *token, struct token_key_list *list);
    /* Reads the rest of a key; TOKEN_NOT_FOUND: nothing is in this place. */
    enum token_error (*describe_key)(struct token *token, struct token_key *key);
    enum token_error (*read_public_key)(struct token *token, const struct token_key *key,
                                        struct token_public_key *out);
    /* TOKEN_NOT_FOUND: the key has none. */
    enum token_error (*read_certificate)(struct token *token, const struct token_key *key,
                                         struct octets *out);
    /* Optional. */
    enum token_error (*write_certificate)(struct token *token, const struct token_key *key,
                                          const uint8_t *der, size_t len);

    /* Optional. */
    enum token_error (*delete_certificate)(struct token *token, const struct token_key *key);

    /* Optional: the place for a key that is to be made. TOKEN_NO_SPACE: none is free; TOKEN_EXISTS: the id names one that
     * is taken. NULL: any name makes a new place. */
    enum token_error (*choose_place)(struct token *token, const struct token_key_wish *wish,
                                     char container[TOKEN_CONTAINER_MAX + 1]);
    /* Optional. A new pair of this kind, in the place of this name. */
    enum token_error (*generate_key)(struct token *token, const char *container,
                                     enum token_algorithm algorithm, uint32_t bits);
    /* Optional. The container's encryption pair comes out of the envelope, opened by its signing key. */
    enum token_error (*import_envelope)(struct token *token, const char *container,
                                        const struct sm2_envelope *envelope);
    /* Optional. The container's encryption pair is this RSA key, under the container's RSA signing key: `wrapped` is an SM4
     * key (PKCS#1 v1.5), `encrypted` RSAPrivateKey in DER under it (SM4-ECB, padded to blocks). */
    enum token_error (*import_rsa)(struct token *token, const char *container,
                                   const struct octets *wrapped, const struct octets *encrypted);
    /* Optional, both: the keys of a container cannot be deleted; a signing key not without its container. */
    enum token_error (*delete_container)(struct token *token, const char *container);
    enum token_error (*retire_signing_key)(struct token *token, const char *container);

    /* Optional. */
    enum token_error (*agree)(struct token *token, const struct token_key *key,
                              enum agreement_step step, struct token_agreement *agreement);

    enum token_error (*private_operation)(struct token *token, const struct token_key *key,
                                          enum private_operation operation, const uint8_t *in,
                                          size_t in_len, uint8_t *out, size_t out_size,
                                          size_t *out_len);

    /* Files are data objects. Optional, all; list_files NULL: none. file_info and read_file come with list_files; without
     * create_file files cannot be made or written, and CKA_ID and CKA_LABEL of keys are the places'. */
    enum token_error (*list_files)(struct token *token,
                                   struct token_file_list *list); /* *list: free */
    enum token_error (*file_info)(struct token *token, const char *name, struct token_file *out);
    enum token_error (*read_file)(struct token *token, const struct token_file *file,
                                  struct octets *out);
    enum token_error (*create_file)(struct token *token, const struct token_file *file);
    /* Writes from offset 0; what fits one command is one commit. */
    enum token_error (*write_file)(struct token *token, const char *name, const uint8_t *data,
                                   size_t len);
    enum token_error (*delete_file)(struct token *token, const char *name);

    /* Optional: the host's random numbers serve. */
    enum token_error (*random)(struct token *token, uint8_t *out, size_t len);
};

/* All drivers, in the order in which they look at an unknown card; NULL at the end. */
extern const struct token_driver *const token_drivers[];

extern const struct token_driver gm_driver, piv_driver;

/* The driver that probably knows a card with this ATR; NULL: no guess. */
const struct token_driver *token_driver_by_atr(const uint8_t *atr, size_t len);

/* The kind of this algorithm and size; NULL: the card does not have it. */
const struct token_key_kind *token_kind_find(const struct token_facts *facts,
                                             enum token_algorithm algorithm, uint32_t bits);

#endif
