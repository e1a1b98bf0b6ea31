/* Fuzzes what the drivers make of a card's answers: the input is a script of answers, the program a client that asks for
 * everything. First byte: which card; then answers, each with its length in two bytes. A script that ends goes on with 6F00. */
#include "module/token/key_use.h"
#include "module/token/object_memory.h"

#include <stdlib.h>
#include <string.h>

enum { FORM_PIV = 1, FORM_SHORT = 2, FORM_LAYOUT_A = 4, FORM_LAYOUT_B = 8, COMMANDS_MAX = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    struct connection base;
    const uint8_t *script;
    size_t left;
    unsigned commands;
} card;

/* the driver under test stands alone: the other one would answer what the script does not mean */
static const struct token_driver *only;
const struct token_driver *const token_drivers[] = {NULL};

const struct token_driver *token_driver_by_atr(const uint8_t *atr, size_t len) {
    (void)atr, (void)len;
    return only;
}

static enum transport_error transmit(struct connection *connection, const uint8_t *command,
                                     size_t command_len, uint8_t *response, size_t size,
                                     size_t *response_len, uint32_t timeout_ms) {
    (void)connection, (void)command, (void)command_len, (void)timeout_ms;
    size_t len = 0;
    if (++card.commands > COMMANDS_MAX) {
        return TRANSPORT_REMOVED;
    }
    if (card.left >= 2) {
        len = (size_t)card.script[0] << 8 | card.script[1];
        card.script += 2;
        card.left -= 2;
        len = len < card.left ? len : card.left;
        if (len > size) {
            return TRANSPORT_IO;
        }
        memcpy(response, card.script, len);
        card.script += len;
        card.left -= len;
    }
    if (len < 2) { /* the transports give no shorter answer */
        response[0] = 0x6F;
        response[1] = 0x00;
        len = 2;
    }
    *response_len = len;
    return TRANSPORT_OK;
}

static enum transport_error begin(struct connection *connection, uint32_t timeout_ms,
                                  struct transaction_start *start) {
    (void)connection, (void)timeout_ms;
    *start = (struct transaction_start){.maybe_used = (card.commands & 1) != 0};
    return TRANSPORT_OK;
}

static enum transport_error end(struct connection *connection) {
    (void)connection;
    return TRANSPORT_OK;
}

static enum transport_error reset(struct connection *connection, uint32_t timeout_ms) {
    (void)connection, (void)timeout_ms;
    return TRANSPORT_OK;
}

static void disconnect(struct connection *connection) {
    (void)connection;
}

static const struct transport_ops ops = {.name = "script",
                                         .begin = begin,
                                         .end = end,
                                         .transmit = transmit,
                                         .reset = reset,
                                         .disconnect = disconnect};

static void use_key(struct token *token, struct key_entry *entry) {
    static const uint8_t in[TOKEN_RSA_MAX] = {0, 1};
    uint8_t out[APDU_MAX_DATA];
    size_t len;
    const struct token_public_key *public_key;
    const struct octets *certificate;
    token_object_certificate(token, entry, &certificate);
    token_object_public_key(token, entry, &public_key);
    size_t size = entry->key.bits / 8;
    for (int operation = PRIVATE_RSA_PKCS1_SIGN; operation <= PRIVATE_ECDH; operation++) {
        size_t in_len = operation == PRIVATE_ECDH      ? 1 + 2 * size
                        : operation == PRIVATE_RSA_RAW ? size
                                                       : 32;
        if (in_len <= sizeof(in)) {
            token_private_operation(token, &entry->key, (enum private_operation)operation, in,
                                    in_len, out, sizeof(out), &len);
        }
    }
    token_use_key(token, entry,
                  entry->key.algorithm == ALGORITHM_SM2 ? PRIVATE_SM2_SIGN : PRIVATE_ECDSA, in, 32,
                  out, sizeof(out), &len);
}

static void use_objects(struct token *token) {
    struct token_object *objects;
    size_t count;
    if (token_objects_list(token, OBJECT_OF_KEY | OBJECT_DATA, NULL, &objects, &count) !=
        TOKEN_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct token_object now; /* an entry lives until the list is read anew */
        if (token_object_find(token, objects[i].handle, &now) != TOKEN_OK) {
            continue;
        }
        const struct octets *value;
        if (now.kind == OBJECT_DATA) {
            token_object_file_value(token, now.file, &value);
        } else if (now.kind == OBJECT_PRIVATE_KEY) {
            use_key(token, now.key);
        }
    }
    free(objects);
}

static void administer(struct token *token) {
    static const uint8_t pin[] = "123456", so[] = "12345678";
    static const uint8_t management[] = "010203040506070801020304050607080102030405060708";
    struct token_pins pins;
    uint8_t random[16];
    char container[TOKEN_CONTAINER_MAX + 1] = "new";
    const struct token_key_wish wish = {.label = "new", .algorithm = ALGORITHM_EC, .bits = 256};
    token_read_facts(token);
    token_read_pins(token, &pins);
    token_random(token, random, sizeof(random));
    token_change_pin(token, NORMAL_USER, pin, 6, so, 8);
    token_logout(token);
    token_login(token, SECURITY_OFFICER, so, 8);
    token_reset_user_pin(token, pin, 6, false);
    token_logout(token);
    if (only == &piv_driver) {
        token_login(token, SECURITY_OFFICER, management, sizeof(management) - 1);
    }
    token_choose_place(token, &wish, container);
    token_generate_key(token, container, only == &piv_driver ? ALGORITHM_EC : ALGORITHM_SM2, 256);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t pin[] = "123456";
    struct token *token;
    if (size < 1) {
        return 0;
    }
    struct token_settings settings = {.short_apdus = (data[0] & FORM_SHORT) != 0, .cache_dir = ""};
    settings.gm_layout = (data[0] & FORM_LAYOUT_A) != 0   ? "A"
                         : (data[0] & FORM_LAYOUT_B) != 0 ? "B"
                                                          : NULL;
    only = (data[0] & FORM_PIV) != 0 ? &piv_driver : &gm_driver;
    card.base.ops = &ops;
    card.script = data + 1;
    card.left = size - 1;
    card.commands = 0;
    if (token_open(&card.base, NULL, &settings, &token) != TOKEN_OK) {
        return 0;
    }
    token_login(token, NORMAL_USER, pin, sizeof(pin) - 1);
    token_leave(token);
    use_objects(token);
    token_leave(token);
    administer(token);
    use_objects(token);
    token_free(token);
    return 0;
}
