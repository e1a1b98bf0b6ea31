/* Whoever carries SMS and mail, as the engine sees it. The engine's id of a message makes repeating harmless. */
#ifndef TOOLS_ORDERD_THIRD_MESSENGER_H
#define TOOLS_ORDERD_THIRD_MESSENGER_H

#include "tools/orderd/store/db.h"

struct message {
    const char *id;        /* unique; the same id again is the same message */
    const char *medium;    /* "SMS", "MAIL" */
    const char *recipient; /* phone or address */
    const char *subject;   /* of mail */
    const char *body;
    int64_t now_ms;
};

struct messenger {
    const char *name;
    void *context;
    /* True when it was taken over. Called by the outbox worker, outside any transaction. */
    bool (*send)(void *context, struct db *db, const struct message *message);
};

/* The played one: it keeps what it was given in its own book (table sim_deliveries), where tests and demonstrations read it. */
extern const struct messenger messenger_sim;

#endif
