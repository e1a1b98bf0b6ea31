/* A token's life: recognition, transactions, login, and healing after what other programs did. */
#include "module/token/token.h"

#include "module/log.h"
#include "module/token/object_memory.h"
#include "module/token/token_objects.h"
#include "module/transport/deadline.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

enum { HEAL_STALE = 1, HEAL_LOGIN = 2 };

static void forget_pin(struct token *token) {
    OPENSSL_cleanse(token->pin, sizeof(token->pin));
    token->pin_len = 0;
    token->login = NOBODY;
    token->must_relogin = false;
}

/* Notes a removal: nothing works on this token any more. */
static enum token_error finish(struct token *token, enum token_error err) {
    token->has_erred |= err == TOKEN_DEVICE || err == TOKEN_TIMEOUT;
    if (err == TOKEN_REMOVED && !token->removed) {
        log_info("token %s removed", token->facts.serial);
        token->removed = true;
        token->in_transaction = false;
        forget_pin(token);
    }
    return err;
}

const struct token_key_kind *token_kind_find(const struct token_facts *facts,
                                             enum token_algorithm algorithm, uint32_t bits) {
    for (size_t i = 0; i < facts->kind_count; i++) {
        if (facts->kinds[i].algorithm == algorithm && facts->kinds[i].bits == bits) {
            return &facts->kinds[i];
        }
    }
    return NULL;
}

static enum token_error try_driver(struct token *token, const struct token_driver *driver) {
    enum token_error err = driver->open(token);
    token->driver = err == TOKEN_OK ? driver : NULL;
    return err;
}

enum token_error token_open(struct connection *connection, OSSL_LIB_CTX *libctx,
                            const struct token_settings *settings, struct token **out) {
    *out = NULL;
    struct token *token = calloc(1, sizeof(*token));
    if (token != NULL) {
        token->objects = token_objects_new();
    }
    if (token == NULL || token->objects == NULL) {
        free(token);
        connection->ops->disconnect(connection);
        return TOKEN_MEMORY;
    }
    token->card.connection = connection;
    token->libctx = libctx;
    token->settings = *settings;
    struct transaction_start start;
    enum token_error err =
        card_from_transport(connection->ops->begin(connection, CARD_BEGIN_TIMEOUT_MS, &start));
    if (err == TOKEN_OK) {
        token->in_transaction = true;
        err = TOKEN_NOT_RECOGNIZED;
    }
    const struct token_driver *likely = token_driver_by_atr(connection->atr, connection->atr_len);
    if (err == TOKEN_NOT_RECOGNIZED && likely != NULL) {
        err = try_driver(token, likely);
    }
    for (size_t i = 0; err == TOKEN_NOT_RECOGNIZED && token_drivers[i] != NULL; i++) {
        if (token_drivers[i] != likely) {
            err = try_driver(token, token_drivers[i]);
        }
    }
    if (err != TOKEN_OK) {
        token_free(token);
        return err;
    }
    log_info("token %s: %s driver", token->facts.serial, token->driver->name);
    object_memory_recall(token);
    *out = token;
    return TOKEN_OK;
}

void token_free(struct token *token) {
    if (token == NULL) {
        return;
    }
    if (token->unsure && token->objects->news && !token->removed && !token->has_written) {
        token_look(token); /* what is remembered must be of a state that the card had */
        object_memory_keep(token);
    }
    if (token->login != NOBODY) {
        token_logout(token);
    }
    token_leave(token);
    if (token->driver != NULL) {
        token->driver->close(token);
    }
    token_objects_free(token->objects);
    token->card.connection->ops->disconnect(token->card.connection);
    OPENSSL_cleanse(token, sizeof(*token));
    free(token);
}

/* Others may have used the card: is it the same one, and are its objects those we know? */
static enum token_error look_again(struct token *token, bool was_reset) {
    token->pins_known = false;
    bool changed = was_reset;
    enum token_error err = TOKEN_OK;
    if (token->driver->look_again != NULL) {
        err = token->driver->look_again(token, &changed);
    }
    token->unsure = false;
    if (err == TOKEN_OK && changed) {
        log_debug("objects may have changed");
        token->is_remembered = false;
        token->has_written = false;
        token->driver->forget(token);
        token_objects_outdate(token->objects);
    }
    return err;
}

enum token_error token_enter(struct token *token) {
    if (token->removed) {
        return TOKEN_REMOVED;
    }
    if (token->in_transaction) {
        return TOKEN_OK;
    }
    struct connection *connection = token->card.connection;
    struct transaction_start start;
    enum token_error err =
        card_from_transport(connection->ops->begin(connection, CARD_BEGIN_TIMEOUT_MS, &start));
    if (err != TOKEN_OK) {
        return finish(token, err);
    }
    token->in_transaction = true;
    token->entered_ms = monotonic_ms();
    if (start.was_reset) {
        log_info("token %s was reset by another program", token->facts.serial);
        token->driver->forget(token);
        token->must_relogin = token->login != NOBODY;
    }
    if (start.maybe_used) {
        token->unsure = true;
        token->pins_known = false;
    }
    if (start.was_reset || (start.maybe_used && !token->facts.has_lasting_names)) {
        err = look_again(token, start.was_reset);
    }
    return finish(token, err);
}

enum token_error token_look(struct token *token) {
    enum token_error err = token_enter(token);
    return err == TOKEN_OK && token->unsure ? finish(token, look_again(token, false)) : err;
}

void token_leave(struct token *token) {
    object_memory_keep(token);
    if (token->in_transaction) {
        token->in_transaction = false;
        token->card.connection->ops->end(token->card.connection);
    }
}

/* Gives the remembered PIN to the card again, unless that could lock it. */
static enum token_error login_again(struct token *token) {
    struct token_pins pins;
    const uint8_t *pin = token->pin;
    enum token_error err =
        token->pin_len > 0 ? token->driver->read_pins(token, &pins) : TOKEN_NOT_LOGGED_IN;
    if (err == TOKEN_OK) {
        const struct token_pin *state = token->login == SECURITY_OFFICER ? &pins.so : &pins.user;
        err = state->left > 1 ? token->driver->verify_pin(token, token->login, pin, token->pin_len)
                              : TOKEN_NOT_LOGGED_IN;
    }
    if (err == TOKEN_OK) {
        log_info("login restored after another program's use");
        token->must_relogin = false;
        return TOKEN_OK;
    }
    if (err == TOKEN_PIN_WRONG || err == TOKEN_PIN_LOCKED || err == TOKEN_NOT_LOGGED_IN ||
        err == TOKEN_BLANK) {
        log_warn("the login was lost and could not be restored: %s", token_error_text(err));
        forget_pin(token);
        return TOKEN_NOT_LOGGED_IN;
    }
    return err;
}

static enum token_error prepare(struct token *token) {
    enum token_error err = token_enter(token);
    return err == TOKEN_OK && token->must_relogin ? login_again(token) : err;
}

/* True if the command may be given once more, for each cause once. Another program is the cause of either: what it did
 * besides is looked into first. */
static bool heals(struct token *token, enum token_error err, unsigned *healed) {
    if (err == TOKEN_STALE && (*healed & HEAL_STALE) == 0) {
        *healed |= HEAL_STALE;
        token->driver->forget(token);
        return token_look(token) == TOKEN_OK;
    }
    if (err == TOKEN_NOT_LOGGED_IN && token->login != NOBODY && (*healed & HEAL_LOGIN) == 0) {
        *healed |= HEAL_LOGIN;
        token->must_relogin = true;
        return token_look(token) == TOKEN_OK;
    }
    return false;
}

#define RETURN_HEALED(token, expression)                                                           \
    unsigned healed = 0;                                                                           \
    enum token_error err;                                                                          \
    do {                                                                                           \
        err = prepare(token);                                                                      \
        if (err == TOKEN_OK) {                                                                     \
            err = (expression);                                                                    \
        }                                                                                          \
    } while (heals(token, err, &healed));                                                          \
    return finish(token, err)

/* What a card need not be able to do. */
#define OPTIONAL(name, arguments)                                                                  \
    (token->driver->name != NULL ? token->driver->name arguments : TOKEN_UNSUPPORTED)

/* PIN commands: stale state is healed, a lost login is not theirs to restore. */
#define RUN_UNLOGGED(token, err, expression)                                                       \
    for (int attempt = 0; attempt < 2; attempt++) {                                                \
        (err) = token_enter(token);                                                                \
        if ((err) == TOKEN_OK) {                                                                   \
            (err) = (expression);                                                                  \
        }                                                                                          \
        if ((err) != TOKEN_STALE) {                                                                \
            break;                                                                                 \
        }                                                                                          \
        (token)->driver->forget(token);                                                            \
    }                                                                                              \
    finish(token, err)

enum token_error token_read_facts(struct token *token) {
    enum token_error err = token_enter(token);
    if (err != TOKEN_OK || (token->unsure && token->driver->look_again != NULL)) {
        return err != TOKEN_OK ? err : token_look(token);
    }
    RUN_UNLOGGED(token, err, token->driver->read_facts(token));
    return err;
}

enum token_error token_read_pins(struct token *token, struct token_pins *pins) {
    *pins = (struct token_pins){0};
    enum token_error err = token_enter(token);
    if (err == TOKEN_OK && !token->pins_known) {
        RUN_UNLOGGED(token, err, token->driver->read_pins(token, &token->pins));
        token->pins_known = err == TOKEN_OK;
    }
    if (err == TOKEN_OK) {
        *pins = token->pins;
    }
    return err;
}

static void remember_pin(struct token *token, enum token_user user, const uint8_t *pin,
                         size_t len) {
    forget_pin(token);
    if (len <= sizeof(token->pin)) {
        memcpy(token->pin, pin, len);
        token->pin_len = len;
    }
    token->login = user;
}

enum token_error token_login(struct token *token, enum token_user user, const uint8_t *pin,
                             size_t len) {
    enum token_error err = TOKEN_OK;
    token->pins_known = false;
    RUN_UNLOGGED(token, err, token->driver->verify_pin(token, user, pin, len));
    token->pins_known = false;
    if (err == TOKEN_OK) {
        remember_pin(token, user, pin, len);
    }
    return err;
}

enum token_error token_authorize_use(struct token *token, const uint8_t *pin, size_t len) {
    if (token->login != NORMAL_USER) {
        return TOKEN_NOT_LOGGED_IN;
    }
    enum token_error err = TOKEN_OK;
    token->pins_known = false;
    RUN_UNLOGGED(token, err, token->driver->verify_pin(token, NORMAL_USER, pin, len));
    token->use_is_authorized = err == TOKEN_OK;
    return err;
}

static enum token_error log_out(struct token *token) {
    if (token->driver->logout != NULL) {
        return token->driver->logout(token);
    }
    struct connection *connection = token->card.connection;
    token->driver->forget(token);
    return card_from_transport(connection->ops->reset(connection, CARD_TIMEOUT_MS));
}

enum token_error token_logout(struct token *token) {
    forget_pin(token);
    enum token_error err = TOKEN_OK;
    RUN_UNLOGGED(token, err, log_out(token));
    return err;
}

enum token_error token_change_pin(struct token *token, enum token_user user, const uint8_t *old_pin,
                                  size_t old_len, const uint8_t *new_pin, size_t new_len) {
    enum token_error err = TOKEN_OK;
    RUN_UNLOGGED(token, err,
                 OPTIONAL(change_pin, (token, user, old_pin, old_len, new_pin, new_len)));
    token->pins_known = false;
    if (err == TOKEN_OK && token->login == user) {
        remember_pin(token, user, new_pin, new_len);
    }
    return err;
}

enum token_error token_reset_user_pin(struct token *token, const uint8_t *new_pin, size_t new_len,
                                      bool must_change) {
    if (token->login != SECURITY_OFFICER) {
        return TOKEN_NOT_LOGGED_IN;
    }
    enum token_error err = TOKEN_OK;
    RUN_UNLOGGED(token, err,
                 OPTIONAL(reset_user_pin,
                          (token, token->pin, token->pin_len, new_pin, new_len, must_change)));
    token->pins_known = false;
    return err;
}

enum token_error token_unlock_begin(struct token *token, struct token_unlock *unlock) {
    enum token_error err = TOKEN_OK;
    RUN_UNLOGGED(token, err, OPTIONAL(unlock_begin, (token, unlock)));
    return err;
}

/* Not healed: a challenge that is gone is not made good by asking again. */
enum token_error token_unlock_finish(struct token *token, const struct token_unlock *unlock,
                                     const uint8_t response[UNLOCK_RESPONSE_SIZE],
                                     const uint8_t *new_pin, size_t new_len, bool must_change) {
    enum token_error err = token_enter(token);
    if (err == TOKEN_OK) {
        err = OPTIONAL(unlock_finish, (token, unlock, response, new_pin, new_len, must_change));
    }
    token->pins_known = false;
    if (err == TOKEN_OK && token->login == NORMAL_USER) {
        forget_pin(token);
    }
    return finish(token, err);
}

enum token_error token_set_unlock_key(struct token *token, const uint8_t key[UNLOCK_KEY_SIZE]) {
    enum token_error err = TOKEN_OK;
    RUN_UNLOGGED(token, err, OPTIONAL(set_unlock_key, (token, key)));
    return err;
}

enum token_error token_initialize(struct token *token, const uint8_t *so_pin, size_t so_len,
                                  const char *label) {
    token->has_written = true;
    token->is_remembered = false;
    enum token_error err = TOKEN_OK;
    if (token->driver->initialize == NULL) {
        return TOKEN_UNSUPPORTED;
    }
    RUN_UNLOGGED(token, err, token->driver->initialize(token, so_pin, so_len, label));
    token->pins_known = false;
    token_objects_outdate(token->objects);
    return err;
}

enum token_error token_list_keys(struct token *token, struct token_key_list *list) {
    RETURN_HEALED(token, token->driver->list_keys(token, list));
}

enum token_error token_describe_key(struct token *token, struct token_key *key) {
    RETURN_HEALED(token, token->driver->describe_key(token, key));
}

enum token_error token_read_public_key(struct token *token, const struct token_key *key,
                                       struct token_public_key *out) {
    RETURN_HEALED(token, token->driver->read_public_key(token, key, out));
}

enum token_error token_read_certificate(struct token *token, const struct token_key *key,
                                        struct octets *out) {
    RETURN_HEALED(token, token->driver->read_certificate(token, key, out));
}

enum token_error token_write_certificate(struct token *token, const struct token_key *key,
                                         const uint8_t *der, size_t len) {
    token->has_written = true;
    RETURN_HEALED(token, OPTIONAL(write_certificate, (token, key, der, len)));
}

enum token_error token_delete_certificate(struct token *token, const struct token_key *key) {
    token->has_written = true;
    RETURN_HEALED(token, OPTIONAL(delete_certificate, (token, key)));
}

enum token_error token_choose_place(struct token *token, const struct token_key_wish *wish,
                                    char container[TOKEN_CONTAINER_MAX + 1]) {
    RETURN_HEALED(token, OPTIONAL(choose_place, (token, wish, container)));
}

enum token_error token_generate_key(struct token *token, const char *container,
                                    enum token_algorithm algorithm, uint32_t bits) {
    token->has_written = true;
    RETURN_HEALED(token, OPTIONAL(generate_key, (token, container, algorithm, bits)));
}

enum token_error token_import_envelope(struct token *token, const char *container,
                                       const struct sm2_envelope *envelope) {
    token->has_written = true;
    RETURN_HEALED(token, OPTIONAL(import_envelope, (token, container, envelope)));
}

enum token_error token_import_rsa(struct token *token, const char *container,
                                  const struct octets *wrapped, const struct octets *encrypted) {
    RETURN_HEALED(token, OPTIONAL(import_rsa, (token, container, wrapped, encrypted)));
}

enum token_error token_agree(struct token *token, const struct token_key *key,
                             enum agreement_step step, struct token_agreement *agreement) {
    RETURN_HEALED(token, OPTIONAL(agree, (token, key, step, agreement)));
}

enum token_error token_delete_container(struct token *token, const char *container) {
    token->has_written = true;
    RETURN_HEALED(token, OPTIONAL(delete_container, (token, container)));
}

enum token_error token_retire_signing_key(struct token *token, const char *container) {
    token->has_written = true;
    RETURN_HEALED(token, OPTIONAL(retire_signing_key, (token, container)));
}

/* A key that wants the PIN before each use gets it once more only if this use was authorised and another program came
 * in between. */
static enum token_error use_authorized(struct token *token, const struct token_key *key,
                                       enum private_operation operation, const uint8_t *in,
                                       size_t in_len, uint8_t *out, size_t out_size,
                                       size_t *out_len) {
    enum token_error err =
        token->driver->private_operation(token, key, operation, in, in_len, out, out_size, out_len);
    bool authorized = token->use_is_authorized;
    token->use_is_authorized = false;
    if (err == TOKEN_NOT_LOGGED_IN && authorized) {
        err = login_again(token);
        if (err == TOKEN_OK) {
            err = token->driver->private_operation(token, key, operation, in, in_len, out, out_size,
                                                   out_len);
        }
    }
    return err;
}

static enum token_error private_operation(struct token *token, const struct token_key *key,
                                          enum private_operation operation, const uint8_t *in,
                                          size_t in_len, uint8_t *out, size_t out_size,
                                          size_t *out_len) {
    if (key->pin != KEY_PIN_ALWAYS) {
        RETURN_HEALED(token, token->driver->private_operation(token, key, operation, in, in_len,
                                                              out, out_size, out_len));
    }
    enum token_error err = TOKEN_OK;
    RUN_UNLOGGED(token, err,
                 use_authorized(token, key, operation, in, in_len, out, out_size, out_len));
    return err;
}

/* 00 01 FF .. FF 00 data (RFC 8017, 9.2): for cards that do not pad by themselves. */
static enum token_error sign_padded(struct token *token, const struct token_key *key,
                                    const uint8_t *in, size_t in_len, uint8_t *out, size_t out_size,
                                    size_t *out_len) {
    enum { LEAST_PADDING = 11 };
    uint8_t block[TOKEN_RSA_MAX];
    size_t size = key->bits / 8;
    if (size > sizeof(block) || size < LEAST_PADDING || in_len > size - LEAST_PADDING) {
        return TOKEN_ARGUMENT;
    }
    memset(block, 0xFF, size);
    block[0] = 0;
    block[1] = 1;
    block[size - in_len - 1] = 0;
    if (in_len > 0) {
        memcpy(block + size - in_len, in, in_len);
    }
    return private_operation(token, key, PRIVATE_RSA_RAW, block, size, out, out_size, out_len);
}

enum token_error token_private_operation(struct token *token, const struct token_key *key,
                                         enum private_operation operation, const uint8_t *in,
                                         size_t in_len, uint8_t *out, size_t out_size,
                                         size_t *out_len) {
    const struct token_key_kind *kind = token_kind_find(&token->facts, key->algorithm, key->bits);
    *out_len = 0;
    unsigned can = kind != NULL ? kind->operations : 0;
    if ((can & 1U << operation) != 0) {
        return private_operation(token, key, operation, in, in_len, out, out_size, out_len);
    }
    if (operation == PRIVATE_RSA_PKCS1_SIGN && (can & 1U << PRIVATE_RSA_RAW) != 0) {
        return sign_padded(token, key, in, in_len, out, out_size, out_len);
    }
    return TOKEN_UNSUPPORTED;
}

enum token_error token_list_files(struct token *token, struct token_file_list *list) {
    RETURN_HEALED(token, OPTIONAL(list_files, (token, list)));
}

enum token_error token_read_file(struct token *token, const struct token_file *file,
                                 struct octets *out) {
    RETURN_HEALED(token, OPTIONAL(read_file, (token, file, out)));
}

/* Asks for the size only when the likely one is wrong. */
static enum token_error read_named(struct token *token, const char *name, uint32_t likely_size,
                                   struct octets *out) {
    struct token_file file = {.size = likely_size};
    if (token->driver->list_files == NULL || strlen(name) > TOKEN_FILE_NAME_MAX) {
        return TOKEN_NOT_FOUND;
    }
    memcpy(file.name, name, strlen(name));
    enum token_error err = token->driver->read_file(token, &file, out);
    if (err != TOKEN_ARGUMENT && err != TOKEN_DEVICE && err != TOKEN_BAD_DATA) {
        return err;
    }
    err = token->driver->file_info(token, name, &file);
    return err != TOKEN_OK ? err : token->driver->read_file(token, &file, out);
}

enum token_error token_read_named_file(struct token *token, const char *name, uint32_t likely_size,
                                       struct octets *out) {
    *out = (struct octets){NULL, 0};
    RETURN_HEALED(token, read_named(token, name, likely_size, out));
}

static enum token_error create_and_write(struct token *token, const struct token_file *file,
                                         const uint8_t *data, size_t len) {
    enum token_error err = token->driver->create_file(token, file);
    if (err != TOKEN_OK) {
        return err;
    }
    err = token->driver->write_file(token, file->name, data, len);
    if (err != TOKEN_OK && err != TOKEN_REMOVED && err != TOKEN_TIMEOUT) {
        token->driver->delete_file(token, file->name);
    }
    return err;
}

enum token_error token_create_file(struct token *token, const struct token_file *file,
                                   const uint8_t *data, size_t len) {
    token->has_written = true;
    if (token->driver->create_file == NULL) {
        return TOKEN_UNSUPPORTED;
    }
    RETURN_HEALED(token, create_and_write(token, file, data, len));
}

enum token_error token_write_file(struct token *token, const char *name, const uint8_t *data,
                                  size_t len) {
    token->has_written = true;
    RETURN_HEALED(token, OPTIONAL(write_file, (token, name, data, len)));
}

enum token_error token_delete_file(struct token *token, const char *name) {
    token->has_written = true;
    RETURN_HEALED(token, OPTIONAL(delete_file, (token, name)));
}

enum token_error token_random(struct token *token, uint8_t *out, size_t len) {
    if (token->driver->random == NULL) {
        return RAND_bytes_ex(token->libctx, out, len, 0) == 1 ? TOKEN_OK : TOKEN_DEVICE;
    }
    RETURN_HEALED(token, token->driver->random(token, out, len));
}
