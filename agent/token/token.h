/* The plugged keys, through Cryptoki only: our module and those of other makers, their watchers, and what the agent does with a key.
 *
 * A `struct token` is one key from its insertion to its removal: the same key plugged in again is another struct token, so that nothing
 * started on one key goes on with another. Every call on a removed one gives TOKEN_REMOVED. All calls are thread-safe; calls on
 * one token wait for each other, calls on two do not. */
#ifndef AGENT_TOKEN_TOKEN_H
#define AGENT_TOKEN_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "module/formats/certificate.h"
#include "module/formats/octets.h"
#include "module/formats/signature_scheme.h"

enum token_error {
    TOKEN_OK = 0,
    TOKEN_REMOVED,   /* the key has been pulled out, or its session is lost */
    TOKEN_NOT_FOUND, /* no such object on it */
    TOKEN_MISMATCH, /* certificate and key do not belong together, or what is read back is not what was written */
    TOKEN_PIN_WRONG,
    TOKEN_PIN_LENGTH,   /* shorter or longer than the key takes; no try was used */
    TOKEN_PIN_LAST_TRY, /* one try is left: not used */
    TOKEN_PIN_LOCKED,
    TOKEN_PIN_EXPIRED,  /* good for nothing but being changed */
    TOKEN_PIN_UNSET,    /* not initialised: there is no PIN to verify */
    TOKEN_LOGIN_NEEDED, /* not logged in (any more) */
    TOKEN_BUSY,         /* a job holds the key's login */
    TOKEN_FULL,         /* no room on the key */
    TOKEN_UNSUPPORTED,  /* the module or the key cannot do it */
    TOKEN_MEMORY,
    TOKEN_FAILED, /* anything else; the log says what */
};

/* For logs; never NULL. */
const char *token_error_text(enum token_error error);

/* ---- the module and its keys ---- */

enum token_size {
    TOKEN_ID_SIZE = 17, /* 16 hex digits and NUL */
    TOKEN_MAX = 32,     /* keys at once */
    TOKEN_KEY_ID_MAX = 64,
    TOKEN_LABEL_MAX = 128,
    TOKEN_OBJECTS_MAX = 256, /* of one kind on a key */
};

enum token_pin_state {
    TOKEN_PIN_STATE_OK,
    TOKEN_PIN_STATE_LOW,  /* some tries have been used */
    TOKEN_PIN_STATE_LAST, /* one is left */
    TOKEN_PIN_STATE_LOCKED,
    TOKEN_PIN_STATE_UNSET,
};

/* What can be done with a key at all. */
enum token_capability {
    TOKEN_CAN_SIGN = 1,
    TOKEN_CAN_DECRYPT = 2,
    TOKEN_CAN_CHANGE_PIN = 4,
    TOKEN_CAN_STAMP = 8,   /* electronic seals: SM2, and files on the key */
    TOKEN_CAN_JOBS = 16,   /* new certificates and seals: dual certificates, containers */
    TOKEN_CAN_UNLOCK = 32, /* with the answer of the order service */
};

struct token_facts {
    char id[TOKEN_ID_SIZE]; /* first 16 hex digits of SHA-256(manufacturer "|" serial) */
    char label[33];
    char serial[33]; /* whole where the module tells it */
    char manufacturer[65];
    char model[17];
    char reader[129];
    bool is_initialized;
    enum token_pin_state pin_state;
    bool
        must_change; /* the PIN is good for nothing but being changed, as far as the module tells */
    int tries_left;  /* -1: the module does not tell */
    size_t pin_min, pin_max;
    unsigned can;    /* enum token_capability */
    char module[64]; /* the module of another maker that it came through; empty: ours */
};

struct tokens;
struct token;
struct foreign_modules;

struct tokens_option {
    const char *name, *value;
};

struct tokens_options {
    const char *module;                    /* path of the PKCS#11 module */
    const struct foreign_modules *foreign; /* modules of other makers; may be NULL */
    const char *host;                      /* ukey-module-host's path, for these */
    const struct tokens_option
        *settings; /* for the vendor interface's SetOption; ends with a NULL name */
    /* A key was plugged in or pulled out. On the watcher's thread, without locks held; `token` is borrowed. May be NULL. */
    void (*changed)(void *context, struct token *token, bool is_inserted);
    void *context;
};

/* Load the module and start watching; its keys that are plugged in now are known when it returns (no `changed` for them). Those of other
 * makers' modules come when these have started. A key that ours sees too is not listed a second time.
 * -1: the log says why. */
int tokens_open(const struct tokens_options *options, struct tokens **tokens);
/* Ends the watcher and the module. References to tokens must have been given back. NULL is harmless. */
void tokens_close(struct tokens *tokens);
/* Look at the slots now (a call has seen something odd), or ask whoever is looking to look once more. */
void tokens_rescan(struct tokens *tokens);

/* The plugged keys in order of insertion; `list` has room for TOKEN_MAX. Each needs token_release(). */
size_t tokens_list(struct tokens *tokens, struct token **list);
/* The plugged key with that id, or NULL. Needs token_release(). */
struct token *tokens_find(struct tokens *tokens, const char *id);
struct token *token_keep(struct token *token);
void token_release(struct token *token);

const char *token_id(const struct token *token);
/* False for good once the key has been pulled out. Asks nobody. */
bool token_is_present(const struct token *token);
/* Whether that can be done with it at all. Asks nobody. */
bool token_can(const struct token *token, enum token_capability capability);
/* True while our login stands, as far as we know. */
bool token_is_logged_in(struct token *token);
/* What it says of itself now. While another call is busy with the key for long, what it said last. */
enum token_error token_read_facts(struct token *token, struct token_facts *facts);

/* ---- PIN: Cryptoki's login is process-wide; who may use it is access/'s business ---- */

/* Verify the PIN and be logged in. Somebody who is logged in is logged out first, and stays so when the PIN is wrong (the caller
 * forgets their authorisation). Does not use the last try unless `may_use_last`. *tries_left (may be NULL) is set as in
 * token_facts. */
enum token_error token_login(struct token *token, const char *pin, size_t pin_len,
                             bool may_use_last, int *tries_left);
/* Change the PIN and be logged in with the new one. Whoever is logged in is logged out first; the last try is not used. *tries_left as
 * above. */
enum token_error token_change_pin(struct token *token, const char *old_pin, size_t old_len,
                                  const char *new_pin, size_t new_len, int *tries_left);
/* Log out, at once or when the job that holds the login gives it back. */
void token_logout(struct token *token);
/* A job needs the login to stay: token_login() is TOKEN_BUSY until token_hold_end(). TOKEN_LOGIN_NEEDED when it `needs_login` and there
 * is none, TOKEN_BUSY when another job holds it. */
enum token_error token_hold(struct token *token, bool needs_login);
void token_hold_end(struct token *token);

/* ---- unlocking, with the answer of a service that keeps the key's unlock key (vendor interface) ---- */

enum { TOKEN_CHALLENGE = 16, TOKEN_CASE_MAX = 32, TOKEN_UNLOCK_RESPONSE = 32 };

struct token_unlock {
    char serial[32]; /* zero-padded */
    unsigned char challenge[TOKEN_CHALLENGE];
    unsigned char number[TOKEN_CASE_MAX]; /* the service's case */
    size_t number_len;
};

/* Begin for the service's case `number` (1 to TOKEN_CASE_MAX bytes). The challenge is good for one token_unlock_finish(); the next
 * beginning forgets it. TOKEN_UNSUPPORTED: the key has no unlock key; TOKEN_PIN_LOCKED: its tries are used up. */
enum token_error token_unlock_begin(struct token *token, const char *number,
                                    struct token_unlock *unlock);
/* Set the new PIN with the service's answer. Then the key is logged in with it, unless it must be changed first. The job that holds
 * the key may do that. TOKEN_PIN_WRONG: it is not this challenge's answer. */
enum token_error token_unlock_finish(struct token *token, const struct token_unlock *unlock,
                                     const unsigned char response[TOKEN_UNLOCK_RESPONSE],
                                     const char *pin, size_t pin_len, bool must_change);

/* ---- reading ---- */

struct token_key_id {
    unsigned char bytes[TOKEN_KEY_ID_MAX];
    size_t len;
};

struct token_certificate {
    struct certificate *certificate;
    struct token_key_id key_id;
    char label[TOKEN_LABEL_MAX];
    bool has_key;    /* a key pair with this CKA_ID is on the key */
    bool is_pending; /* a job that has not ended wrote it (key_read_certificates) */
};

struct token_certificates {
    size_t count;
    struct token_certificate *list;
};

/* All certificates that can be parsed, in the module's order. token_certificates_free() also after an error. */
enum token_error token_read_certificates(struct token *token, struct token_certificates *out);
void token_certificates_free(struct token_certificates *certificates);

struct token_file {
    char name[TOKEN_LABEL_MAX];
    struct octets content;
};

struct token_files {
    size_t count;
    struct token_file *list;
};

/* All data objects whose label ends with `suffix`. */
enum token_error token_read_files(struct token *token, const char *suffix, struct token_files *out);
void token_files_free(struct token_files *files);
/* One data object's content; TOKEN_NOT_FOUND. */
enum token_error token_read_file(struct token *token, const char *name, struct octets *content);

/* One key pair, found by its label. */
struct token_pair {
    struct token_key_id id;
    struct octets spki; /* DER SubjectPublicKeyInfo */
};

enum token_usage { TOKEN_USE_SIGN, TOKEN_USE_ENCRYPT };

/* The pair of that label (container) and usage; TOKEN_NOT_FOUND. octets_free(&pair->spki). */
enum token_error token_find_pair(struct token *token, const char *label, enum token_usage usage,
                                 struct token_pair *pair);
/* The key pair with that public key, for `usage`; *label (TOKEN_LABEL_MAX) is its container's. TOKEN_NOT_FOUND. octets_free(). */
enum token_error token_find_key(struct token *token, const struct octets *spki,
                                enum token_usage usage, char *label, struct token_pair *pair);
/* True if nothing is on the key but what is labelled `label`. */
enum token_error token_is_empty(struct token *token, const char *label, bool *is_empty);
/* The public key with that CKA_ID; TOKEN_NOT_FOUND. */
enum token_error token_read_public_key(struct token *token, const struct token_key_id *id,
                                       struct octets *spki);

/* ---- using keys; the token must be logged in ---- */

/* A PIN for one use of a private key; NULL, or text NULL: none. */
struct token_pin {
    const char *text;
    size_t len;
};

/* Does this private key want the PIN before each use (CKA_ALWAYS_AUTHENTICATE, as PIV's 9C does)? Then what uses it is
 * TOKEN_LOGIN_NEEDED without `pin`. A wrong one costs a try. */
enum token_error token_key_wants_pin(struct token *token, const struct token_key_id *id,
                                     bool *wants_pin);

/* Signature of the message with the private key of that CKA_ID, by the scheme; *signature = DER for SM2 and ECDSA. */
enum token_error token_sign(struct token *token, const struct token_key_id *id,
                            enum signature_scheme scheme, const void *message, size_t len,
                            const struct token_pin *pin, struct octets *signature);

/* The same over a digest that comes from elsewhere, digest_len bytes of the scheme (SM2: e). */
enum token_error token_sign_digest(struct token *token, const struct token_key_id *id,
                                   enum signature_scheme scheme, const void *digest, size_t len,
                                   const struct token_pin *pin, struct octets *signature);

enum token_decryption {
    TOKEN_DECRYPT_SM2,       /* `cipher` is DER SM2Cipher */
    TOKEN_DECRYPT_RSA_PKCS1, /* v1.5 */
    TOKEN_DECRYPT_OAEP_SHA1, /* MGF1 with the same digest, no label; likewise the next */
    TOKEN_DECRYPT_OAEP_SHA256,
};

/* Decrypts a short text (a content key) with the private key of that CKA_ID. *plain is cleansed by octets_free(). TOKEN_FAILED
 * also when the text is not for this key: the caller says no more than that to anybody. */
enum token_error token_decrypt(struct token *token, const struct token_key_id *id,
                               enum token_decryption how, const void *cipher, size_t len,
                               const struct token_pin *pin, struct octets *plain);

/* ---- writing (jobs); the token must be logged in ---- */

/* A new container named `label` with a signing pair for that scheme made inside: SM2, RSA of 2048 bits, P-256. TOKEN_UNSUPPORTED. */
enum token_error token_generate(struct token *token, const char *label,
                                enum signature_scheme scheme, struct token_pair *pair);
/* The encryption pair of the container of signing key `id`, out of a DER SM2EnvelopedKey. */
enum token_error token_unwrap(struct token *token, const struct token_key_id *id, const char *label,
                              const unsigned char *envelope, size_t len);
/* Write a certificate to the key whose public key it carries. */
enum token_error token_write_certificate(struct token *token, const struct token_key_id *id,
                                         const char *label, const struct certificate *certificate);
/* Write a data object, readable by anyone; one of that name is replaced. */
enum token_error token_write_file(struct token *token, const char *name, const void *content,
                                  size_t len);
/* Delete a data object; one that is not there is no error. */
enum token_error token_delete_file(struct token *token, const char *name);
/* Destroy the signing key of that CKA_ID and its certificate, keeping the encryption pair beside it; one that is not there is no
 * error. */
enum token_error token_retire(struct token *token, const struct token_key_id *id);

#endif
