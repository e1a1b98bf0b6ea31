/* A payment provider as the engine sees it. Whether money came is told by the provider's callback alone (R140), see
 * engine/payment.h; the provider's own answers here are only about asking. */
#ifndef TOOLS_ORDERD_THIRD_PAYMENT_H
#define TOOLS_ORDERD_THIRD_PAYMENT_H

#include "tools/orderd/store/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct payment_request {
    const char *id;      /* ours; unique; the callback names it */
    const char *channel; /* "ALIPAY", "WECHAT" */
    const char *title;
    int64_t amount_fen;
    int64_t now_ms;
};

/* What a genuine callback says. */
struct payment_notice {
    char id[33];
    char transaction[65];
    int64_t amount_fen;
};

struct payment_provider {
    const char *name;
    void *context;
    /* True when the provider serves the channel. */
    bool (*serves)(void *context, const char *channel);
    /* Announce a payment, in the engine's transaction `db`; the page a person pays at goes to `url` (`size` bytes). */
    bool (*create)(void *context, struct db *db, const struct payment_request *request, char *url,
                   size_t size);
    /* Check a callback's signature, then read it. False: forged or malformed. */
    bool (*read_callback)(void *context, const char *body, size_t len, const char *signature,
                          struct payment_notice *notice);
    /* Give the money back; idempotent. Called by the outbox worker outside any transaction. */
    bool (*refund)(void *context, struct db *db, const char *id, int64_t amount_fen);
};

#endif
