/* One card: command framing over a connection, status words. */
#include "module/token/card.h"

#include "module/log.h"

#include <string.h>

const char *token_error_text(enum token_error error) {
    static const char *const texts[] = {
        [TOKEN_OK] = "ok",
        [TOKEN_MEMORY] = "out of memory",
        [TOKEN_ARGUMENT] = "value outside what the token takes",
        [TOKEN_REMOVED] = "token removed",
        [TOKEN_TIMEOUT] = "token did not answer in time",
        [TOKEN_BUSY] = "another program holds the token",
        [TOKEN_DEVICE] = "token answered nonsense or not at all",
        [TOKEN_NOT_RECOGNIZED] = "no driver knows this card",
        [TOKEN_BLANK] = "token is not initialised",
        [TOKEN_UNSUPPORTED] = "token lacks this function",
        [TOKEN_NOT_LOGGED_IN] = "not logged in",
        [TOKEN_PIN_WRONG] = "wrong PIN",
        [TOKEN_PIN_LOCKED] = "PIN locked",
        [TOKEN_PIN_LENGTH] = "PIN too short or too long",
        [TOKEN_PIN_MUST_CHANGE] = "PIN must be changed first",
        [TOKEN_NO_SPACE] = "token is full",
        [TOKEN_WRITE_FAILED] = "token could not write",
        [TOKEN_NOT_FOUND] = "no such object on the token",
        [TOKEN_EXISTS] = "object exists already",
        [TOKEN_FORBIDDEN] = "the token does not allow it",
        [TOKEN_BAD_DATA] = "token refused the data",
        [TOKEN_DECRYPT_FAILED] = "ciphertext does not open",
        [TOKEN_STALE] = "token state changed",
    };
    return (size_t)error < sizeof(texts) / sizeof(texts[0]) && texts[error] != NULL
               ? texts[error]
               : "unknown error";
}

enum token_error card_from_transport(enum transport_error error) {
    switch (error) {
    case TRANSPORT_OK:
        return TOKEN_OK;
    case TRANSPORT_MEMORY:
        return TOKEN_MEMORY;
    case TRANSPORT_NO_READER:
    case TRANSPORT_REMOVED:
        return TOKEN_REMOVED;
    case TRANSPORT_TIMEOUT:
        return TOKEN_TIMEOUT;
    case TRANSPORT_BUSY:
        return TOKEN_BUSY;
    case TRANSPORT_IO:
        break;
    }
    return TOKEN_DEVICE;
}

enum {
    SHORT_DATA_MAX = 255,
    SHORT_LE_MAX = 256,
    CLA_CHAINING = 0x10,
    INS_GET_RESPONSE = 0xC0,
    SW_WRONG_LE = 0x6C00
};

/* One APDU and its answer, which is appended to the response so far. */
static enum token_error exchange(struct card *card, struct wire_writer *apdu, uint8_t ins,
                                 uint32_t timeout_ms) {
    uint8_t *to = card->response + card->response_len;
    size_t room = sizeof(card->response) - card->response_len, len = 0;
    uint8_t head[4] = {0}; /* what may be shown of a command */
    memcpy(head, apdu->data, apdu->len < sizeof(head) ? apdu->len : sizeof(head));
    card->sw = 0;
    enum transport_error err =
        apdu->failed ? TRANSPORT_IO
                     : card->connection->ops->transmit(card->connection, apdu->data, apdu->len, to,
                                                       room, &len, timeout_ms);
    explicit_bzero(apdu->data, apdu->len);
    card->commands++;
    if (err != TRANSPORT_OK || len < 2) {
        log_info("command %02X: %s", ins, transport_error_text(err));
        log_spy("  %02X %02X %02X %02X: %s", head[0], head[1], head[2], head[3],
                transport_error_text(err));
        return err != TRANSPORT_OK ? card_from_transport(err) : TOKEN_DEVICE;
    }
    card->sw = (uint16_t)(to[len - 2] << 8 | to[len - 1]);
    card->response_len += len - 2;
    log_debug("command %02X: %zu bytes there, %zu back, status %04X", ins, apdu->len, len - 2,
              card->sw);
    log_spy("  %02X %02X %02X %02X: %zu bytes there, %zu back, status %04X", head[0], head[1],
            head[2], head[3], apdu->len, len - 2, card->sw);
    return TOKEN_OK;
}

static void put_header(struct wire_writer *w, const struct card_command *command, uint8_t cla) {
    wire_put_u8(w, cla);
    wire_put_u8(w, command->ins);
    wire_put_u8(w, command->p1);
    wire_put_u8(w, command->p2);
}

static enum token_error send_extended(struct card *card, const struct card_command *command,
                                      uint32_t timeout_ms) {
    uint8_t bytes[APDU_MAX_COMMAND];
    struct wire_writer w = {.data = bytes, .size = sizeof(bytes), .order = BIG_ENDIAN_FIELDS};
    put_header(&w, command, command->cla);
    wire_put_u8(&w, 0);
    if (command->data_len > 0) {
        wire_put_u16(&w, (uint16_t)command->data_len);
        wire_put_bytes(&w, command->data, command->data_len);
    }
    if (command->le > 0 || command->data_len == 0) {
        wire_put_u16(&w, (uint16_t)command->le);
    }
    return exchange(card, &w, command->ins, timeout_ms);
}

/* `le` 0 asks for nothing; 256 is written as 00. */
static enum token_error send_short(struct card *card, const struct card_command *command,
                                   uint8_t cla, const uint8_t *data, size_t len, size_t le,
                                   uint32_t timeout_ms) {
    uint8_t bytes[4 + 1 + SHORT_DATA_MAX + 1];
    struct wire_writer w = {.data = bytes, .size = sizeof(bytes), .order = BIG_ENDIAN_FIELDS};
    put_header(&w, command, cla);
    if (len > 0) {
        wire_put_u8(&w, (uint8_t)len);
        wire_put_bytes(&w, data, len);
    }
    if (le > 0) {
        wire_put_u8(&w, (uint8_t)le);
    }
    return exchange(card, &w, command->ins, timeout_ms);
}

/* A chain of short commands; the last part asks for the answer. */
static enum token_error send_chain(struct card *card, const struct card_command *command,
                                   uint32_t timeout_ms) {
    const uint8_t *data = command->data;
    size_t left = command->data_len;
    size_t le = command->le < SHORT_LE_MAX ? command->le : SHORT_LE_MAX;
    while (left > SHORT_DATA_MAX) {
        enum token_error err = send_short(card, command, command->cla | CLA_CHAINING, data,
                                          SHORT_DATA_MAX, 0, timeout_ms);
        if (err != TOKEN_OK || card->sw != SW_OK) {
            return err;
        }
        card->response_len = 0;
        data += SHORT_DATA_MAX;
        left -= SHORT_DATA_MAX;
    }
    enum token_error err = send_short(card, command, command->cla, data, left, le, timeout_ms);
    if (err == TOKEN_OK && (card->sw & 0xFF00) == SW_WRONG_LE && card->response_len == 0 &&
        command->data_len <= SHORT_DATA_MAX) {
        le = (card->sw & 0xFF) != 0 ? card->sw & 0xFFU : SHORT_LE_MAX;
        err = send_short(card, command, command->cla, data, left, le, timeout_ms);
    }
    return err;
}

/* The rest of an answer, as long as the card says that there is more. */
static enum token_error fetch_rest(struct card *card, uint32_t timeout_ms) {
    static const struct card_command get_response = {.ins = INS_GET_RESPONSE};
    enum token_error err = TOKEN_OK;
    while (err == TOKEN_OK && (card->sw & 0xFF00) == SW_MORE_DATA) {
        size_t before = card->response_len;
        size_t le = (card->sw & 0xFF) != 0 ? card->sw & 0xFFU : SHORT_LE_MAX;
        err = send_short(card, &get_response, 0, NULL, 0, le, timeout_ms);
        if (err == TOKEN_OK && card->response_len == before && card->sw != SW_OK) {
            break; /* no end of 61xx without data */
        }
    }
    return err;
}

enum token_error card_transmit(struct card *card, const struct card_command *command) {
    card->response_len = 0;
    card->sw = 0;
    if (card->connection == NULL) {
        return TOKEN_REMOVED;
    }
    if (command->data_len > APDU_MAX_BODY || command->le > APDU_MAX_BODY) {
        return TOKEN_ARGUMENT;
    }
    uint32_t timeout_ms = command->timeout_ms != 0 ? command->timeout_ms : CARD_TIMEOUT_MS;
    if (card->framing == CARD_EXTENDED_ALWAYS) {
        return send_extended(card, command, timeout_ms);
    }
    enum token_error err = TOKEN_OK;
    bool fits_short = command->data_len <= SHORT_DATA_MAX && command->le <= SHORT_LE_MAX;
    bool sent = false;
    if (!fits_short && card->framing != CARD_SHORT) {
        err = send_extended(card, command, timeout_ms);
        sent = card->framing == CARD_EXTENDED ||
               !(err == TOKEN_DEVICE || (err == TOKEN_OK && card->sw == SW_WRONG_LENGTH));
        if (sent && err == TOKEN_OK && card->sw == SW_OK) {
            card->framing = CARD_EXTENDED;
        } else if (!sent) {
            log_info("the card takes short commands only");
            card->framing = CARD_SHORT;
            card->response_len = 0;
        }
    }
    if (!sent) {
        err = send_chain(card, command, timeout_ms);
    }
    return err == TOKEN_OK ? fetch_rest(card, timeout_ms) : err;
}

enum token_error card_status(uint16_t sw) {
    static const struct {
        uint16_t sw;
        enum token_error error;
    } table[] = {
        {SW_OK, TOKEN_OK},
        {SW_WRITE_FAILED, TOKEN_WRITE_FAILED},
        {SW_WRONG_LENGTH, TOKEN_BAD_DATA},
        {SW_KEYGEN_FAILED, TOKEN_DEVICE},
        {SW_SECURITY_STATUS, TOKEN_NOT_LOGGED_IN},
        {SW_PIN_BLOCKED, TOKEN_PIN_LOCKED},
        {SW_PIN_MUST_CHANGE, TOKEN_PIN_MUST_CHANGE},
        {SW_REFERENCED_DATA, TOKEN_STALE}, /* the challenge was used up by another program */
        {SW_CONDITIONS, TOKEN_FORBIDDEN},
        {SW_NOT_ALLOWED, TOKEN_FORBIDDEN},
        {SW_SM_OBJECT, TOKEN_PIN_WRONG}, /* the MAC is made with the PIN */
        {SW_APP_NOT_OPEN, TOKEN_STALE},
        {SW_WRONG_DATA, TOKEN_BAD_DATA},
        {SW_NOT_SUPPORTED, TOKEN_UNSUPPORTED},
        {SW_NO_SPACE, TOKEN_NO_SPACE},
        {SW_WRONG_P1P2, TOKEN_UNSUPPORTED},
        {SW_APP_NOT_FOUND, TOKEN_STALE},
        {SW_APP_EXISTS, TOKEN_EXISTS},
        {SW_CONTAINER_NAME, TOKEN_NOT_FOUND},
        {SW_NO_SESSION_KEY, TOKEN_NOT_FOUND},
        {SW_FILE_EXISTS, TOKEN_EXISTS},
        {SW_FILE_NOT_FOUND, TOKEN_NOT_FOUND},
        {SW_CONTAINER_ID, TOKEN_STALE},
        {SW_NO_KEY, TOKEN_NOT_FOUND},
        {SW_NO_CERT, TOKEN_NOT_FOUND},
        {SW_VERIFY_FAILED, TOKEN_BAD_DATA},
        {SW_ASYM_DECRYPT, TOKEN_DECRYPT_FAILED},
        {SW_SIGN_FAILED, TOKEN_BAD_DATA},
        {SW_WRONG_OFFSET, TOKEN_ARGUMENT},
        {SW_UNKNOWN_INS, TOKEN_UNSUPPORTED},
        {SW_UNKNOWN_CLA, TOKEN_UNSUPPORTED},
        {SW_READ_OVERFLOW, TOKEN_ARGUMENT},
        {SW_CONTAINER_EXISTS, TOKEN_EXISTS},
    };
    if ((sw & 0xFFF0) == SW_PIN_WRONG) {
        return (sw & 0x000F) == 0 ? TOKEN_PIN_LOCKED : TOKEN_PIN_WRONG;
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].sw == sw) {
            return table[i].error;
        }
    }
    return TOKEN_DEVICE;
}

enum token_error card_send(struct card *card, const struct card_command *command) {
    enum token_error err = card_transmit(card, command);
    return err != TOKEN_OK ? err : card_status(card->sw);
}
