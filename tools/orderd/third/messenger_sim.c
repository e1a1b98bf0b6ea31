/* See messenger.h. */
#include "tools/orderd/third/messenger.h"

#include <stddef.h>

static bool keep(void *context, struct db *db, const struct message *message) {
    (void)context;
    return db_run(db, NULL,
                  "INSERT INTO sim_deliveries (id, medium, recipient, subject, body, created) "
                  "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING",
                  "ttttti", message->id, message->medium, message->recipient, message->subject,
                  message->body, message->now_ms) == DB_OK;
}

const struct messenger messenger_sim = {.name = "sim", .context = NULL, .send = keep};
