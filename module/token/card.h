/* One card: command framing over a connection, transactions, status words. */
#ifndef OPENUKEY_TOKEN_CARD_H
#define OPENUKEY_TOKEN_CARD_H

#include "module/token/token_error.h"
#include "module/token/wire.h"
#include "module/transport/transport.h"
#include "openukey/apdu.h"

/* Lengths that a card understands (ISO 7816-4, 5.2): extended ones, or short ones with chains of commands and
 * GET RESPONSE. */
enum card_framing {
    CARD_EXTENDED_ALWAYS, /* also for what would fit a short command: the GM command set */
    CARD_TRY_EXTENDED,    /* where short ones do not do; as soon as the card refuses: CARD_SHORT */
    CARD_EXTENDED,        /* tried, and understood */
    CARD_SHORT
};

struct card {
    struct connection *connection; /* owned; NULL after removal */
    enum card_framing framing;
    uint16_t sw;         /* of the last response */
    size_t response_len; /* data only, without the status word */
    uint8_t response[APDU_MAX_RESPONSE];
    unsigned
        commands; /* sent so far, parts of chains and GET RESPONSE counted, for logs and tests */
};

enum { CARD_TIMEOUT_MS = 30000, CARD_KEYGEN_TIMEOUT_MS = 120000, CARD_BEGIN_TIMEOUT_MS = 60000 };

/* A command: `le` 0 asks for no data. */
struct card_command {
    uint8_t cla, ins, p1, p2;
    const uint8_t *data;
    size_t data_len;
    size_t le;
    uint32_t timeout_ms; /* 0: CARD_TIMEOUT_MS */
};

enum token_error card_from_transport(enum transport_error error);

/* Sends a command inside a transaction, in parts if the card wants that; response and sw are set on TOKEN_OK, which tells
 * nothing about sw. The command's bytes are cleansed after sending. */
enum token_error card_transmit(struct card *card, const struct card_command *command);

/* What a status word means; SW_OK is TOKEN_OK. */
enum token_error card_status(uint16_t sw);

/* card_transmit, then card_status. */
enum token_error card_send(struct card *card, const struct card_command *command);

#endif
