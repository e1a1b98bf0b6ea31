/* A token in a slot, from its insertion to its removal: its card, driver, login, transactions and objects.
 *
 * One thread at a time. Functions that talk to the card begin a transaction when none is open; it stays open, so that a
 * call's commands are never mixed with another program's, until token_leave().
 *
 * Login survives what other programs do: after a foreign reset or logout the PIN, kept here while logged in, is given
 * to the card again, once, and never when only one try is left. */
#ifndef OPENUKEY_TOKEN_TOKEN_H
#define OPENUKEY_TOKEN_TOKEN_H

#include "module/token/driver.h"

#include <openssl/types.h>

struct token_object_list;

/* What a person may set (docs/module.md). */
struct token_settings {
    const char *gm_layout; /* name of the GM layout; NULL: as the card looks */
    bool short_apdus;      /* even if the card takes extended ones */
    const char
        *cache_dir; /* where public objects are remembered, "" : nowhere; outlives the token */
};

struct token {
    struct card card;
    const struct token_driver *driver;
    void *driver_state;
    OSSL_LIB_CTX *libctx; /* the module's */
    struct token_settings settings;
    struct token_facts facts;

    enum token_user
        login; /* of this process; the card's own state may be less, never counts as more */
    uint8_t pin[TOKEN_PIN_MAX];
    size_t pin_len;

    struct token_pins pins;
    bool pins_known;

    bool in_transaction;
    uint64_t entered_ms;    /* when the transaction began (deadline.h) */
    bool unsure;            /* others may have used the card since we last looked at it */
    bool must_relogin;      /* the card forgot our login */
    bool use_is_authorized; /* the PIN was given for one use of a key that wants it each time */
    bool removed;
    bool
        is_remembered; /* objects and facts.application are those of the file, read for this state of the card */
    bool has_erred;   /* an answer made no sense or did not come: nothing of it goes to disk */
    bool has_written; /* what we know is newer than facts.change_counter */

    struct token_object_list *objects;
};

/* Recognises the card behind a new connection, which the token owns from now on, also on failure.
 * A card without application is a token too (facts.initialized false). *out is the caller's (token_free). */
enum token_error token_open(struct connection *connection, OSSL_LIB_CTX *libctx,
                            const struct token_settings *settings, struct token **out);

/* Logs out on the card if logged in, ends the transaction and the connection, cleanses. */
void token_free(struct token *token);

/* Begins a transaction if none is open and learns what happened since the last one: a reset is looked into at once. That
 * others may have used the card otherwise is noted (`unsure`), if the card's names last (facts.has_lasting_names). */
enum token_error token_enter(struct token *token);
/* token_enter(), and if others may have used the card, looks whether it is still the same and its objects those that we
 * know. Before changes, and before a listing that must be true now. */
enum token_error token_look(struct token *token);
/* Ends the transaction if one is open. */
void token_leave(struct token *token);

/* Facts that may change (space, counter), read anew. */
enum token_error token_read_facts(struct token *token);
enum token_error token_read_pins(struct token *token, struct token_pins *pins);

enum token_error token_login(struct token *token, enum token_user user, const uint8_t *pin,
                             size_t len);
/* Forgets the PIN first, then tells the card. */
enum token_error token_logout(struct token *token);
enum token_error token_change_pin(struct token *token, enum token_user user, const uint8_t *old_pin,
                                  size_t old_len, const uint8_t *new_pin, size_t new_len);
/* Needs the security officer's login. */
/* The user's PIN for one use of a key that wants it each time; the user is logged in. */
enum token_error token_authorize_use(struct token *token, const uint8_t *pin, size_t len);
enum token_error token_reset_user_pin(struct token *token, const uint8_t *new_pin, size_t new_len,
                                      bool must_change);
/* The driver's functions of these names. A successful unlock logs the user out. */
enum token_error token_unlock_begin(struct token *token, struct token_unlock *unlock);
enum token_error token_unlock_finish(struct token *token, const struct token_unlock *unlock,
                                     const uint8_t response[UNLOCK_RESPONSE_SIZE],
                                     const uint8_t *new_pin, size_t new_len, bool must_change);
enum token_error token_set_unlock_key(struct token *token, const uint8_t key[UNLOCK_KEY_SIZE]);
enum token_error token_initialize(struct token *token, const uint8_t *so_pin, size_t so_len,
                                  const char *label);

/* The driver's functions of the same names, healed: if the card lost our login or open names, once more after
 * restoring them. */
enum token_error token_list_keys(struct token *token, struct token_key_list *list);
enum token_error token_describe_key(struct token *token, struct token_key *key);
enum token_error token_read_public_key(struct token *token, const struct token_key *key,
                                       struct token_public_key *out);
enum token_error token_read_certificate(struct token *token, const struct token_key *key,
                                        struct octets *out);
enum token_error token_write_certificate(struct token *token, const struct token_key *key,
                                         const uint8_t *der, size_t len);
/* TOKEN_UNSUPPORTED: the card keeps certificates as long as their keys. */
enum token_error token_delete_certificate(struct token *token, const struct token_key *key);
/* The place for a new key; TOKEN_UNSUPPORTED: any name makes one. */
enum token_error token_choose_place(struct token *token, const struct token_key_wish *wish,
                                    char container[TOKEN_CONTAINER_MAX + 1]);
enum token_error token_generate_key(struct token *token, const char *container,
                                    enum token_algorithm algorithm, uint32_t bits);
enum token_error token_import_envelope(struct token *token, const char *container,
                                       const struct sm2_envelope *envelope);
enum token_error token_import_rsa(struct token *token, const char *container,
                                  const struct octets *wrapped, const struct octets *encrypted);
enum token_error token_delete_container(struct token *token, const char *container);
enum token_error token_retire_signing_key(struct token *token, const char *container);
enum token_error token_agree(struct token *token, const struct token_key *key,
                             enum agreement_step step, struct token_agreement *agreement);
enum token_error token_private_operation(struct token *token, const struct token_key *key,
                                         enum private_operation operation, const uint8_t *in,
                                         size_t in_len, uint8_t *out, size_t out_size,
                                         size_t *out_len);
enum token_error token_list_files(struct token *token, struct token_file_list *list);
enum token_error token_read_file(struct token *token, const struct token_file *file,
                                 struct octets *out);
/* A file by its name, probably of this size; TOKEN_NOT_FOUND when there is none. */
enum token_error token_read_named_file(struct token *token, const char *name, uint32_t likely_size,
                                       struct octets *out);
/* Creates with exactly this size and writes; a file that could not be written whole is deleted again. */
enum token_error token_create_file(struct token *token, const struct token_file *file,
                                   const uint8_t *data, size_t len);
enum token_error token_write_file(struct token *token, const char *name, const uint8_t *data,
                                  size_t len);
enum token_error token_delete_file(struct token *token, const char *name);
enum token_error token_random(struct token *token, uint8_t *out, size_t len);

#endif
