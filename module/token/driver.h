/* What a card application must be able to do for the rest of the module: one table of functions per kind of card.
 *
 * Adding a card is one file with such a table and one line in token_drivers (driver.c). All functions are called inside
 * a transaction, from one thread at a time. They work on what the card holds; caching, PIN memory, retries after a
 * foreign reset and Cryptoki's view are the callers' business. */
#ifndef OPENUKEY_TOKEN_DRIVER_H
#define OPENUKEY_TOKEN_DRIVER_H

#include "module/formats/sm2_envelope.h"
#include "module/token/card.h"

enum token_usage { USAGE_ENC = 0, USAGE_SIGN = 1 };
enum token_algorithm { ALGORITHM_RSA, ALGORITHM_SM2 };
enum token_user { NOBODY, NORMAL_USER, SECURITY_OFFICER };

enum token_limit {
    TOKEN_CONTAINER_MAX = GM_CONTAINER_NAME_MAX,
    TOKEN_FILE_NAME_MAX = GM_FILE_NAME_MAX
};

/* What the card says of itself. Text is NUL-terminated. */
struct token_facts {
    bool initialized;    /* has an application */
    bool has_vendor_ins; /* raw RSA, SM2 decrypt, retire */
    char label[GM_LABEL_MAX + 1];
    char manufacturer[65];
    char issuer[65];
    char model[17];
    char serial[GM_SERIAL_MAX + 1];
    char application[GM_APP_NAME_MAX + 1];
    uint8_t hardware[2], firmware[2]; /* major, minor */
    uint32_t total_space, free_space;
    uint32_t change_counter; /* 0: the card has none */
    /* a name or number by which the driver calls a thing on the card is given to no other thing before a reset */
    bool has_lasting_names;
    size_t pin_min, pin_max;
};

struct token_pin {
    uint8_t max, left;
    bool is_default; /* never changed since it was given */
};
struct token_pins {
    struct token_pin user, so;
};

/* A key pair on the card. */
struct token_key {
    char container[TOKEN_CONTAINER_MAX + 1];
    enum token_usage usage;
    enum token_algorithm algorithm;
    uint32_t bits;
    bool has_certificate;
    bool has_sibling; /* the container's other pair is there too */
};
struct token_key_list {
    struct token_key *items;
    size_t count;
};

/* RSA: modulus with its length, exponent. SM2: x, y. */
struct token_public_key {
    enum token_algorithm algorithm;
    uint8_t modulus[RSA2048_SIZE];
    size_t modulus_len;
    uint32_t exponent;
    struct sm2_point point;
};

/* A file; its content is an object's value. */
struct token_file {
    char name[TOKEN_FILE_NAME_MAX + 1];
    uint32_t size;
    bool is_private; /* cannot be read without login */
};
struct token_file_list {
    struct token_file *items;
    size_t count;
};

/* What a private key does inside the card. */
enum private_operation {
    PRIVATE_RSA_PKCS1_SIGN, /* in: up to modulus - 11 bytes, padded by the card; out: signature */
    PRIVATE_RSA_RAW,        /* in, out: one block of the modulus' size */
    PRIVATE_SM2_SIGN,       /* in: e, 32 bytes; out: r || s */
    PRIVATE_SM2_DECRYPT     /* in: 04 || X || Y || C3 || C2; out: plaintext */
};

struct token;

struct token_driver {
    const char *name;

    /* Recognises the card and reads its facts; TOKEN_NOT_RECOGNIZED lets the next driver try. Sets token->driver_state,
     * which close() frees. */
    enum token_error (*open)(struct token *token);
    void (*close)(struct token *token);

    /* The card was reset or used by others: names of open things are worthless from now on. */
    void (*forget)(struct token *token);

    enum token_error (*read_facts)(struct token *token);
    enum token_error (*read_pins)(struct token *token, struct token_pins *pins);

    enum token_error (*verify_pin)(struct token *token, enum token_user user, const uint8_t *pin,
                                   size_t len);
    enum token_error (*change_pin)(struct token *token, enum token_user user,
                                   const uint8_t *old_pin, size_t old_len, const uint8_t *new_pin,
                                   size_t new_len);
    /* The security officer gives the user a PIN; clears a lock. */
    enum token_error (*reset_user_pin)(struct token *token, const uint8_t *so_pin, size_t so_len,
                                       const uint8_t *new_pin, size_t new_len);
    enum token_error (*logout)(struct token *token);

    /* Makes the application anew with this security officer's PIN; everything in it is gone. On a card that has one,
     * so_pin must be right. `label` is text without padding. */
    enum token_error (*initialize)(struct token *token, const uint8_t *so_pin, size_t so_len,
                                   const char *label);

    /* *list is the caller's (free). Pairs only: a container without a key is not listed. */
    enum token_error (*list_keys)(struct token *token, struct token_key_list *list);
    enum token_error (*read_public_key)(struct token *token, const struct token_key *key,
                                        struct token_public_key *out);
    enum token_error (*read_certificate)(struct token *token, const struct token_key *key,
                                         struct octets *out);
    enum token_error (*write_certificate)(struct token *token, const struct token_key *key,
                                          const uint8_t *der, size_t len);

    /* New container of this name with a signing pair. Containers that an interrupted generation left empty are removed. */
    enum token_error (*generate_key)(struct token *token, const char *container,
                                     enum token_algorithm algorithm);
    /* The container's encryption pair comes out of the envelope, opened by its signing key. */
    enum token_error (*import_envelope)(struct token *token, const char *container,
                                        const struct sm2_envelope *envelope);
    enum token_error (*delete_container)(struct token *token, const char *container);
    enum token_error (*retire_signing_key)(struct token *token, const char *container);

    enum token_error (*private_operation)(struct token *token, const struct token_key *key,
                                          enum private_operation operation, const uint8_t *in,
                                          size_t in_len, uint8_t *out, size_t out_size,
                                          size_t *out_len);

    /* *list is the caller's (free). */
    enum token_error (*list_files)(struct token *token, struct token_file_list *list);
    enum token_error (*file_info)(struct token *token, const char *name, struct token_file *out);
    enum token_error (*read_file)(struct token *token, const struct token_file *file,
                                  struct octets *out);
    enum token_error (*create_file)(struct token *token, const struct token_file *file);
    /* Writes from offset 0; what fits one command is one commit. */
    enum token_error (*write_file)(struct token *token, const char *name, const uint8_t *data,
                                   size_t len);
    enum token_error (*delete_file)(struct token *token, const char *name);

    enum token_error (*random)(struct token *token, uint8_t *out, size_t len);
};

/* All drivers, in the order in which they look at an unknown card; NULL at the end. */
extern const struct token_driver *const token_drivers[];

extern const struct token_driver gm_driver;

#endif
