/* See identity.h. */
#include "tools/orderd/third/identity.h"

#include <stdio.h>
#include <string.h>

static bool ends_with(const char *text, const char *end) {
    size_t len = strlen(text);
    size_t tail = strlen(end);
    return len >= tail && strcmp(text + len - tail, end) == 0;
}

static void judge(struct identity_answer *out, bool agrees, const char *item) {
    if (out->result == IDENTITY_AGREES && !agrees) {
        out->result = IDENTITY_DIFFERS;
        snprintf(out->wrong, sizeof out->wrong, "%s", item);
    }
}

static bool check(void *context, struct db *db, enum verify_method method,
                  const struct identity_person *person, struct identity_answer *out) {
    (void)context;
    (void)db;
    memset(out, 0, sizeof *out);
    snprintf(out->reference, sizeof out->reference, "sim-%s",
             method == METHOD_PHONE ? "carrier" : "bank");
    judge(out, strncmp(person->name, "错", strlen("错")) != 0, "name");
    judge(out, !ends_with(person->number, "0000"), "number");
    judge(out, !ends_with(person->phone, "0000"), "phone");
    judge(out, method != METHOD_BANK_CARD || !ends_with(person->bank_card, "0000"), "bankCard");
    return true;
}

static bool transfer(void *context, struct db *db, const char *id,
                     const struct identity_person *person, const char *postscript, int64_t now_ms,
                     struct identity_answer *out) {
    (void)context;
    memset(out, 0, sizeof *out);
    out->result = IDENTITY_WAITS;
    snprintf(out->reference, sizeof out->reference, "sim-transfer-%.32s", id);
    if (ends_with(person->bank_account, "0000")) {
        out->result = IDENTITY_DIFFERS;
        snprintf(out->wrong, sizeof out->wrong, "bankAccount");
        return true;
    }
    return db_run(db, NULL,
                  "INSERT INTO sim_transfers (id, account_no, name, postscript, created) VALUES "
                  "($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING",
                  "tttti", id, person->bank_account, person->name, postscript, now_ms) == DB_OK;
}

static bool face_begin(void *context, struct db *db, const char *id,
                       const struct identity_person *person, int64_t now_ms,
                       char url[IDENTITY_URL_SIZE]) {
    snprintf(url, IDENTITY_URL_SIZE, "%s/sim/face/%s", (const char *)context, id);
    return db_run(db, NULL,
                  "INSERT INTO sim_faces (id, name, id_no, state, created) VALUES ($1, $2, $3, "
                  "'WAITING', $4) ON CONFLICT (id) DO NOTHING",
                  "ttti", id, person->name, person->number, now_ms) == DB_OK;
}

static bool face_ask(void *context, struct db *db, const char *id, struct identity_answer *out) {
    struct db_rows *rows = NULL;
    (void)context;
    memset(out, 0, sizeof *out);
    snprintf(out->reference, sizeof out->reference, "sim-face-%.32s", id);
    if (db_query(db, &rows, "SELECT state FROM sim_faces WHERE id = $1", "t", id) != DB_OK) {
        return false;
    }
    bool found = db_next(rows) == DB_OK;
    if (found) {
        const char *state = db_text(rows, 0);
        out->result = strcmp(state, "PASSED") == 0    ? IDENTITY_AGREES
                      : strcmp(state, "WAITING") == 0 ? IDENTITY_WAITS
                                                      : IDENTITY_DIFFERS;
        snprintf(out->wrong, sizeof out->wrong, "%s",
                 out->result == IDENTITY_DIFFERS ? "face" : "");
    }
    db_end(rows);
    return found;
}

struct identity_provider identity_sim_provider(const char *public_url) {
    return (struct identity_provider){
        .name = "sim",
        .context = (void *)public_url,
        .check = check,
        .transfer = transfer,
        .face_begin = face_begin,
        .face_ask = face_ask,
    };
}

bool identity_sim_face(struct db *db, const char *id, bool passes) {
    int64_t changed = 0;
    return db_run(db, &changed,
                  "UPDATE sim_faces SET state = $2 WHERE id = $1 AND state = 'WAITING'", "tt", id,
                  passes ? "PASSED" : "FAILED") == DB_OK &&
           changed == 1;
}
