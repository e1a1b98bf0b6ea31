/* A payment provider that is played: it keeps its own book (table sim_payments), shows a page to pay at, and calls the service back over
 * HTTPS with an HMAC, as real ones do. */
#ifndef TOOLS_ORDERD_THIRD_PAYMENT_SIM_H
#define TOOLS_ORDERD_THIRD_PAYMENT_SIM_H

#include "tools/orderd/engine/error.h"
#include "tools/orderd/third/payment.h"

/* Outbox topic: the provider's own notice to the merchant. Payload {id}. */
#define TOPIC_SIM_CALLBACK "sim-pay.callback"

/* The header that carries the HMAC-SHA256 of the body, in hex. */
#define SIM_SIGNATURE_HEADER "OpenUKey-Signature"

enum payment_sim_size { SIM_SECRET_SIZE = 32, SIM_SIGNATURE_SIZE = 65, SIM_BODY_SIZE = 512 };

struct payment_sim {
    unsigned char secret[SIM_SECRET_SIZE]; /* shared by provider and service */
    const char *public_url;                /* where its pages are */
};

/* What the page shows. */
struct payment_sim_view {
    char title[128];
    char channel[16];
    char state[16]; /* WAITING, SETTLED, REFUNDED */
    int64_t amount_fen;
};

/* Read the secret from the file, or make it (mode 0600). False when neither works. */
bool payment_sim_open(struct payment_sim *sim, const char *secret_file, const char *public_url);

/* The provider that the engine sees; `sim` must outlive it. */
struct payment_provider payment_sim_provider(struct payment_sim *sim);

enum order_error payment_sim_show(struct db *db, const char *id, struct payment_sim_view *out);

/* A person pays: the book is changed and the notice put into the outbox, together. Paying again sends the notice again. */
enum order_error payment_sim_settle(struct db *db, const char *id, int64_t now_ms);

/* The notice and its signature. */
enum order_error payment_sim_notice(const struct payment_sim *sim, struct db *db, const char *id,
                                    char body[SIM_BODY_SIZE], char signature[SIM_SIGNATURE_SIZE]);

/* HMAC-SHA256 in hex. */
bool payment_sim_sign(const struct payment_sim *sim, const char *body, size_t len,
                      char signature[SIM_SIGNATURE_SIZE]);

#endif
