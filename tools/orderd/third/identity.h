/* Whoever knows whether people are who they say (R060-R073): carriers, banks, faces; as the engine sees them. */
#ifndef TOOLS_ORDERD_THIRD_IDENTITY_H
#define TOOLS_ORDERD_THIRD_IDENTITY_H

#include "tools/orderd/engine/profile.h"
#include "tools/orderd/store/db.h"

enum identity_size { IDENTITY_REF_SIZE = 64, IDENTITY_ITEM_SIZE = 32, IDENTITY_URL_SIZE = 256 };

/* Members that a method does not use are "". */
struct identity_person {
    const char *name;
    const char *number; /* of the identity document, or of the organisation's credential */
    const char *phone;
    const char *bank_card;
    const char *bank_account;
};

enum identity_result {
    IDENTITY_AGREES,
    IDENTITY_WAITS,  /* somebody must do something first */
    IDENTITY_DIFFERS /* an item does not agree; it is named */
};

struct identity_answer {
    enum identity_result result;
    char reference
        [IDENTITY_REF_SIZE]; /* the provider's own number of this check: the evidence (R081) */
    char wrong
        [IDENTITY_ITEM_SIZE]; /* the item that differs: "name", "number", "phone", "bankCard", "bankAccount", "face" */
};

struct identity_provider {
    const char *name;
    void *context;
    /* Phone or bank card: asked and answered. False: cannot be reached now. */
    bool (*check)(void *context, struct db *db, enum verify_method method,
                  const struct identity_person *person, struct identity_answer *out);
    /* 0.01 yuan to the bank account, with this postscript; `id` is ours, the same again is the same transfer. */
    bool (*transfer)(void *context, struct db *db, const char *id,
                     const struct identity_person *person, const char *postscript, int64_t now_ms,
                     struct identity_answer *out);
    /* A page where a face is looked at; `id` is ours. */
    bool (*face_begin)(void *context, struct db *db, const char *id,
                       const struct identity_person *person, int64_t now_ms,
                       char url[IDENTITY_URL_SIZE]);
    /* What came of it. */
    bool (*face_ask)(void *context, struct db *db, const char *id, struct identity_answer *out);
};

/* The played one. Phones and cards agree unless they end with 0000, which differs; names that begin with 错 differ; transfers are in its
 * book (table sim_transfers); faces are decided at /sim/face/ID. `context` is the service's public URL. */
struct identity_provider identity_sim_provider(const char *public_url);

/* The person before the simulated camera: passes or fails. False when there is no such check. */
bool identity_sim_face(struct db *db, const char *id, bool passes);

#endif
