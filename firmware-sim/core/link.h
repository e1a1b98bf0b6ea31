/* Long data fields for hosts of short lengths: command chaining (ISO/IEC 7816-4 clause 5.3.3) and answers in parts
 * (GET RESPONSE, clause 11.7.1). One buffer serves both: a chain is used up when its last part runs, and only then there can
 * be an answer to keep. */
#ifndef FIRMWARE_CORE_LINK_H
#define FIRMWARE_CORE_LINK_H

#include "firmware-sim/core/command.h"

#include <openukey/apdu.h>

struct link {
    bool chaining;            /* buffer holds len bytes of a chain that is not complete */
    uint8_t cla, ins, p1, p2; /* of that chain */
    size_t len, sent; /* otherwise: buffer holds an answer, of which sent bytes are fetched */
    uint8_t buffer[APDU_MAX_BODY];
};

/* Forgets a chain or an answer. */
void link_reset(struct link *link);

/* GET RESPONSE is interindustry class 00; C0 of class 80 is another command. */
bool link_is_get_response(const struct apdu *apdu);
/* Le bytes of the answer that is kept, then SW_OK or SW_MORE_DATA. SW_CONDITIONS if there is none, SW_CHAIN_BROKEN (and the
 * chain is dropped) inside a chain; SW_WRONG_P1P2 and SW_WRONG_LENGTH leave the answer as it is. */
uint16_t link_get_response(struct link *link, const struct apdu *apdu, struct wire_writer *out);

/* Takes a command of the applet. *whole: it may run; the last part of a chain then has the chain's data, which lives in
 * the link until link_answer. Otherwise the status word says what became of a part: SW_OK, or the chain is dropped with
 * SW_UNKNOWN_CLA, SW_UNKNOWN_INS, SW_NOT_SUPPORTED (at the first part), SW_WRONG_LENGTH (an empty part, or more than
 * APDU_MAX_BODY in all), SW_CHAIN_BROKEN (a part of another command; that is not run either). An answer kept for fetching
 * is forgotten. */
uint16_t link_collect(struct link *link, const struct applet *applet, struct apdu *apdu,
                      bool *whole);

/* What to answer to a command that ran with status sw: keeps what is longer than the host can take now. Without Le the host
 * takes 256 bytes if its lengths are short, else all. */
uint16_t link_answer(struct link *link, const struct apdu *apdu, uint16_t sw,
                     struct wire_writer *out);

#endif
