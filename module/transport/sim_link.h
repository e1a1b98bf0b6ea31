/* One stream to a simulated key: frames out, frames in, state kept (include/openukey/simlink.h). */
#ifndef OPENUKEY_TRANSPORT_SIM_LINK_H
#define OPENUKEY_TRANSPORT_SIM_LINK_H

#include "module/transport/transport.h"
#include "openukey/simlink.h"

struct sim_link {
    int fd;              /* non-blocking; -1: closed */
    bool present;        /* as the key last said */
    uint32_t generation; /* grows with every insertion and reset */
    uint32_t removals;   /* SIM_STATE and SIM_EVENT frames that turned `present` off */
    uint8_t atr[TRANSPORT_ATR_MAX];
    size_t atr_len;
    unsigned owed;   /* SIM_STATE answers that nobody waits for (sim_link_post) */
    size_t pending;  /* received bytes in buffer, not yet a whole frame */
    uint8_t *buffer; /* 4 + SIMLINK_MAX_FRAME bytes */
};

/* Connects and says hello. The link is closed on failure. */
enum transport_error sim_link_open(struct sim_link *link, const char *path, uint64_t deadline_ms);

/* Closes; the simulator ends our transaction. Harmless when closed. */
void sim_link_close(struct sim_link *link);

/* Sends one request and waits for its answer; events on the way update the state. The answer's payload is copied to
 * `answer` (at most answer_size bytes, else TRANSPORT_IO); SIM_STATE also updates the state. SIM_ERROR becomes
 * TRANSPORT_REMOVED (no card, power lost), TRANSPORT_BUSY (timeout) or TRANSPORT_IO. TRANSPORT_TIMEOUT and
 * TRANSPORT_IO leave the stream out of step: close it. */
enum transport_error sim_link_request(struct sim_link *link, uint8_t type, const uint8_t *payload,
                                      size_t payload_len, uint8_t expected_type, uint8_t *answer,
                                      size_t answer_size, size_t *answer_len, uint64_t deadline_ms);

/* Sends a request without payload whose answer is SIM_STATE, and does not wait: the answer is taken in by whatever comes next. */
enum transport_error sim_link_post(struct sim_link *link, uint8_t type, uint64_t deadline_ms);

/* Takes in all events that have arrived, without waiting. TRANSPORT_IO: the simulator is gone. */
enum transport_error sim_link_drain(struct sim_link *link);

#endif
