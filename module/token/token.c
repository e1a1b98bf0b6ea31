/* A token's life: recognition, transactions, login, and healing after what other programs did. */
#include "module/token/token.h"

#include "module/log.h"
#include "module/token/token_objects.h"

#include <openssl/crypto.h>
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
    if (err == TOKEN_REMOVED && !token->removed) {
        log_info("token %s removed", token->facts.serial);
        token->removed = true;
        token->in_transaction = false;
        forget_pin(token);
    }
    return err;
}

enum token_error token_open(struct connection *connection, OSSL_LIB_CTX *libctx,
                            struct token **out) {
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
    struct transaction_start start;
    enum token_error err =
        card_from_transport(connection->ops->begin(connection, CARD_BEGIN_TIMEOUT_MS, &start));
    if (err == TOKEN_OK) {
        token->in_transaction = true;
        err = TOKEN_NOT_RECOGNIZED;
    }
    for (size_t i = 0; err == TOKEN_NOT_RECOGNIZED && token_drivers[i] != NULL; i++) {
        err = token_drivers[i]->open(token);
        token->driver = err == TOKEN_OK ? token_drivers[i] : NULL;
    }
    if (err != TOKEN_OK) {
        token_free(token);
        return err;
    }
    log_info("token %s: %s driver", token->facts.serial, token->driver->name);
    *out = token;
    return TOKEN_OK;
}

void token_free(struct token *token) {
    if (token == NULL) {
        return;
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
static enum token_error look_again(struct token *token) {
    char serial[sizeof(token->facts.serial)];
    memcpy(serial, token->facts.serial, sizeof(serial));
    uint32_t counter = token->facts.change_counter;
    token->pins_known = false;
    enum token_error err = token->driver->read_facts(token);
    if (err != TOKEN_OK) {
        return err;
    }
    if (strcmp(serial, token->facts.serial) != 0) {
        return TOKEN_REMOVED;
    }
    token->unsure = false;
    if (counter == 0 || counter != token->facts.change_counter) {
        log_debug("objects may have changed");
        token->driver->forget(token);
        token_objects_outdate(token->objects);
    }
    return TOKEN_OK;
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
        err = look_again(token);
    }
    return finish(token, err);
}

enum token_error token_look(struct token *token) {
    enum token_error err = token_enter(token);
    return err == TOKEN_OK && token->unsure ? finish(token, look_again(token)) : err;
}

void token_leave(struct token *token) {
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
    if (err != TOKEN_OK || token->unsure) {
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

enum token_error token_logout(struct token *token) {
    forget_pin(token);
    enum token_error err = TOKEN_OK;
    RUN_UNLOGGED(token, err, token->driver->logout(token));
    return err;
}

enum token_error token_change_pin(struct token *token, enum token_user user, const uint8_t *old_pin,
                                  size_t old_len, const uint8_t *new_pin, size_t new_len) {
    enum token_error err = TOKEN_OK;
    RUN_UNLOGGED(token, err,
                 token->driver->change_pin(token, user, old_pin, old_len, new_pin, new_len));
    token->pins_known = false;
    if (err == TOKEN_OK && token->login == user) {
        remember_pin(token, user, new_pin, new_len);
    }
    return err;
}

enum token_error token_reset_user_pin(struct token *token, const uint8_t *new_pin, size_t new_len) {
    if (token->login != SECURITY_OFFICER) {
        return TOKEN_NOT_LOGGED_IN;
    }
    enum token_error err = TOKEN_OK;
    RUN_UNLOGGED(
        token, err,
        token->driver->reset_user_pin(token, token->pin, token->pin_len, new_pin, new_len));
    token->pins_known = false;
    return err;
}

enum token_error token_initialize(struct token *token, const uint8_t *so_pin, size_t so_len,
                                  const char *label) {
    enum token_error err = TOKEN_OK;
    RUN_UNLOGGED(token, err, token->driver->initialize(token, so_pin, so_len, label));
    token->pins_known = false;
    token_objects_outdate(token->objects);
    return err;
}

enum token_error token_list_keys(struct token *token, struct token_key_list *list) {
    RETURN_HEALED(token, token->driver->list_keys(token, list));
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
    RETURN_HEALED(token, token->driver->write_certificate(token, key, der, len));
}

enum token_error token_generate_key(struct token *token, const char *container,
                                    enum token_algorithm algorithm) {
    RETURN_HEALED(token, token->driver->generate_key(token, container, algorithm));
}

enum token_error token_import_envelope(struct token *token, const char *container,
                                       const struct sm2_envelope *envelope) {
    RETURN_HEALED(token, token->driver->import_envelope(token, container, envelope));
}

enum token_error token_delete_container(struct token *token, const char *container) {
    RETURN_HEALED(token, token->driver->delete_container(token, container));
}

enum token_error token_retire_signing_key(struct token *token, const char *container) {
    RETURN_HEALED(token, token->driver->retire_signing_key(token, container));
}

enum token_error token_private_operation(struct token *token, const struct token_key *key,
                                         enum private_operation operation, const uint8_t *in,
                                         size_t in_len, uint8_t *out, size_t out_size,
                                         size_t *out_len) {
    RETURN_HEALED(token, token->driver->private_operation(token, key, operation, in, in_len, out,
                                                          out_size, out_len));
}

enum token_error token_list_files(struct token *token, struct token_file_list *list) {
    RETURN_HEALED(token, token->driver->list_files(token, list));
}

enum token_error token_read_file(struct token *token, const struct token_file *file,
                                 struct octets *out) {
    RETURN_HEALED(token, token->driver->read_file(token, file, out));
}

static enum token_error read_named(struct token *token, const char *name, struct token_file *file,
                                   struct octets *out) {
    enum token_error err = token->driver->file_info(token, name, file);
    return err != TOKEN_OK ? err : token->driver->read_file(token, file, out);
}

enum token_error token_read_named_file(struct token *token, const char *name,
                                       struct token_file *file, struct octets *out) {
    *out = (struct octets){NULL, 0};
    RETURN_HEALED(token, read_named(token, name, file, out));
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
    RETURN_HEALED(token, create_and_write(token, file, data, len));
}

enum token_error token_write_file(struct token *token, const char *name, const uint8_t *data,
                                  size_t len) {
    RETURN_HEALED(token, token->driver->write_file(token, name, data, len));
}

enum token_error token_delete_file(struct token *token, const char *name) {
    RETURN_HEALED(token, token->driver->delete_file(token, name));
}

enum token_error token_random(struct token *token, uint8_t *out, size_t len) {
    RETURN_HEALED(token, token->driver->random(token, out, len));
}
