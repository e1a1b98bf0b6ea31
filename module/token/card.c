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

enum token_error card_transmit(struct card *card, const struct card_command *command) {
    card->response_len = 0;
    card->sw = 0;
    if (card->connection == NULL) {
        return TOKEN_REMOVED;
    }
    if (command->data_len > APDU_MAX_DATA || command->le > APDU_MAX_DATA) {
        return TOKEN_ARGUMENT;
    }
    uint8_t bytes[APDU_MAX_COMMAND];
    struct wire_writer w = {.data = bytes, .size = sizeof(bytes), .order = BIG_ENDIAN_FIELDS};
    wire_put_u8(&w, command->cla);
    wire_put_u8(&w, command->ins);
    wire_put_u8(&w, command->p1);
    wire_put_u8(&w, command->p2);
    wire_put_u8(&w, 0);
    if (command->data_len > 0) {
        wire_put_u16(&w, (uint16_t)command->data_len);
        wire_put_bytes(&w, command->data, command->data_len);
    }
    if (command->le > 0 || command->data_len == 0) {
        wire_put_u16(&w, (uint16_t)command->le);
    }
    size_t len = 0;
    enum transport_error err = card->connection->ops->transmit(
        card->connection, bytes, w.len, card->response, sizeof(card->response), &len,
        command->timeout_ms != 0 ? command->timeout_ms : CARD_TIMEOUT_MS);
    explicit_bzero(bytes, w.len);
    card->commands++;
    if (err != TRANSPORT_OK) {
        log_info("command %02X: %s", command->ins, transport_error_text(err));
        return card_from_transport(err);
    }
    card->sw = (uint16_t)(card->response[len - 2] << 8 | card->response[len - 1]);
    card->response_len = len - 2;
    log_debug("command %02X: %zu bytes there, %zu back, status %04X", command->ins,
              command->data_len, card->response_len, card->sw);
    return TOKEN_OK;
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
