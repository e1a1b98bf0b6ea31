/* See world.h. */
#include "tests/unit/orderd/property/world.h"

#include "tools/orderd/engine/answer.h"
#include "tools/orderd/engine/authority.h"
#include "tools/orderd/engine/task_key.h"
#include "tools/orderd/store/migrate.h"

#include <stdlib.h>
#include <string.h>

struct world *world_now;

static const char *const FIRST_DAY = "2026-03-01T10:00:00+08:00";

/* Everything but the schema, children before parents. */
static const char *const tables[] = {
    "first_pins",     "recoveries",    "task_steps",       "unlock_answers",
    "messages",       "sessions",      "nonces",           "otp_codes",
    "limits",         "order_gates",   "verifications",    "documents",
    "consents",       "vouchers",      "payments",         "reviews",
    "shipments",      "invoices",      "issuances",        "issue_tasks",
    "seals",          "certificates",  "account_subjects", "orders",
    "tokens",         "accounts",      "subjects",         "events",
    "outbox",         "idempotency",   "number_sequences", "sim_payments",
    "sim_deliveries", "sim_transfers", "sim_faces",        "sim_invoices"};

bool world_expect(struct world *world, bool holds, const char *format, ...) {
    if (!holds && world->broken[0] == '\0') {
        va_list values;
        va_start(values, format);
        vsnprintf(world->broken, sizeof world->broken, format, values);
        va_end(values);
    }
    return holds;
}

void world_keep_secret(struct world *world, const char *secret) {
    if (world->secret_count < SECRETS_MAX && secret[0] != '\0') {
        snprintf(world->secrets[world->secret_count++], sizeof world->secrets[0], "%s", secret);
    }
}

bool world_text(struct world *world, char *out, size_t size, const char *sql, const char *one) {
    struct db_rows *rows = NULL;
    out[0] = '\0';
    if (db_query(world->db, &rows, sql, one != NULL ? "t" : "", one) != DB_OK) {
        world_expect(world, false, "%s: %s", sql, db_message(world->db));
        return false;
    }
    bool found = db_next(rows) == DB_OK;
    if (found) {
        snprintf(out, size, "%s", db_text(rows, 0));
    }
    db_end(rows);
    return found;
}

int64_t world_number(struct world *world, const char *sql, const char *one) {
    char text[32];
    return world_text(world, text, sizeof text, sql, one) ? strtoll(text, NULL, 10) : -1;
}

/* ---- people ---- */

static void be_account(struct world *world, enum who who, const char *name, enum role role) {
    struct person *person = &world->people[who];
    memset(person, 0, sizeof *person);
    person->name = name;
    person->caller.language = LANGUAGE_EN;
    person->caller.session.kind = SESSION_ACCOUNT;
    person->caller.session.role = role;
    snprintf(person->caller.session.account, ID_SIZE, "%s", name);
}

static void be_key(struct world *world, enum who who, const char *name, enum session_kind kind,
                   const char *subject, const char *certificate, const char *token) {
    struct person *person = &world->people[who];
    memset(person, 0, sizeof *person);
    person->name = name;
    person->caller.language = LANGUAGE_ZH;
    person->caller.session.kind = kind;
    snprintf(person->caller.session.subject, ID_SIZE, "%s", subject);
    snprintf(person->caller.session.certificate, ID_SIZE, "%s", certificate);
    snprintf(person->caller.session.token, sizeof person->caller.session.token, "%s", token);
}

static void make_people(struct world *world) {
    be_account(world, ANNA, "anna", ROLE_USER);
    be_account(world, BERT, "bert", ROLE_USER);
    be_key(world, KEY_1, "key 1", SESSION_KEY, "s1", "c1", "T1");
    be_key(world, KEY_2, "key 2", SESSION_KEY, "s2", "c2", "T2");
    be_key(world, KEY_3, "key 3", SESSION_KEY, "s3", "c3", "T3");
    be_key(world, QUERY, "query", SESSION_QUERY, "s1", "", "");
    be_account(world, REVIEWER_1, "reviewer1", ROLE_REVIEWER);
    be_account(world, REVIEWER_2, "reviewer2", ROLE_REVIEWER);
    be_account(world, FINANCE, "finance", ROLE_FINANCE);
    be_account(world, OPERATOR, "operator", ROLE_OPERATOR);
}

static void must(struct world *world, enum db_result result) {
    if (result != DB_OK) {
        fprintf(stderr, "%s\n", db_message(world->db));
        abort();
    }
}

static void insert_accounts(struct world *world) {
    for (unsigned i = 0; i < PEOPLE; i++) {
        const struct session *session = &world->people[i].caller.session;
        if (session->kind == SESSION_ACCOUNT) {
            must(world, db_run(world->db, NULL,
                               "INSERT INTO accounts (id, role, name, password_hash, real_name, "
                               "state, created) VALUES ($1, $2, $1, '', 'NONE', 'ACTIVE', 0)",
                               "tt", session->account, role_name(session->role)));
        }
    }
}

/* ---- holders ---- */

struct holder {
    const char *subject, *type, *name, *credential_type, *number, *token, *certificate, *pair,
        *seal;
    const char *not_after; /* 3 has expired, and may still be renewed */
};
static const struct holder holders[HOLDERS] = {
    {"s1", "ORG", "甲公司", "USCC", "91430000MA4L16JQ9B", "T1", "c1", "e1", "seal1",
     "2026-04-10T12:00:00+08:00"},
    {"s2", "PERSON", "李四", "ID", "11010519491231002X", "T2", "c2", "e2", "",
     "2026-05-01T12:00:00+08:00"},
    {"s3", "ORG", "丙公司", "USCC", "91430000MA4L16JQ9C", "T3", "c3", "e3", "",
     "2026-02-20T12:00:00+08:00"},
};

static void insert_subject(struct world *world, const struct holder *holder) {
    char hash[DIGEST_HEX_SIZE];
    char *sealed = NULL;
    if (vault_hash(world->engine->vault, "credential", holder->number, hash) != ORDER_OK ||
        vault_seal(world->engine->vault, "credential", holder->number, &sealed) != ORDER_OK) {
        abort();
    }
    must(world,
         db_run(world->db, NULL,
                "INSERT INTO subjects (id, type, name, credential_type, credential_sealed, "
                "credential_hash, answer_question, answer_hash, created) VALUES ($1, $2, $3, "
                "$4, $5, $6, '?', $7, 0)",
                "ttttttt", holder->subject, holder->type, holder->name, holder->credential_type,
                sealed, hash, world->answer_hash));
    vault_free(sealed);
    must(world, db_run(world->db, NULL,
                       "INSERT INTO tokens (serial, manufacturer, label, subject, state, created) "
                       "VALUES ($1, 'maker', 'label', $2, 'ACTIVE', 0)",
                       "tt", holder->token, holder->subject));
}

static void insert_certificate(struct world *world, const struct holder *holder, const char *id,
                               const char *pair, const char *serial, const char *usage,
                               const struct octets *der) {
    char sha256[DIGEST_HEX_SIZE];
    if (!digest_sha256_hex(der->data, der->len, sha256)) {
        abort();
    }
    must(world,
         db_run(world->db, NULL,
                "INSERT INTO certificates (id, sha256, issuer, serial, subject, subject_dn, "
                "profile, algorithm, usage, not_before, not_after, token, state, pair, der, "
                "created) VALUES ($1, $2, 'CA', $3, $4, 'CN', $5, 'SM2', $6, 0, $7, $8, 'VALID', "
                "$9, $10, 0)",
                "ttttttittb", id, sha256, serial, holder->subject, world->engine->profile->id,
                usage, at(holder->not_after) * 1000, holder->token, pair, der->data, der->len));
}

static void insert_holder(struct world *world, unsigned number) {
    const struct holder *holder = &holders[number];
    const struct pool_key *key = &world->keys[number];
    insert_subject(world, holder);
    insert_certificate(world, holder, holder->certificate, holder->pair, key->sign_serial, "SIGN",
                       &key->sign);
    insert_certificate(world, holder, holder->pair, holder->certificate, key->encrypt_serial, "ENC",
                       &key->encrypt);
    if (holder->seal[0] != '\0') {
        must(world,
             db_run(world->db, NULL,
                    "INSERT INTO seals (id, type, name, subject, token, certificate, not_before, "
                    "not_after, picture_sha256, der, state, created) VALUES ($1, 'ORGANIZATION', "
                    "$2, $3, $4, $5, 0, $6, '', $7, 'VALID', 0)",
                    "tttttib", holder->seal, holder->name, holder->subject, holder->token,
                    holder->certificate, at(holder->not_after) * 1000, world->seal.data,
                    world->seal.len));
    }
}

static void link_accounts(struct world *world) {
    static const char *const links[][2] = {{"anna", "s1"}, {"anna", "s2"}, {"bert", "s3"}};
    for (size_t i = 0; i < 3; i++) {
        must(world, db_run(world->db, NULL,
                           "INSERT INTO account_subjects (account, subject, created) VALUES ($1, "
                           "$2, 0)",
                           "tt", links[i][0], links[i][1]));
    }
}

void world_reset(struct world *world, const struct profile *profile) {
    char sql[64];
    db_rollback(world->db);
    world_now = world;
    world->engine->profile = profile;
    world->now_ms = at(FIRST_DAY) * 1000;
    world->failures = 0;
    world->keys_used = HOLDERS;
    world->certified_count = 0;
    world->secret_count = 0;
    world->broken[0] = '\0';
    must(world, db_begin(world->db));
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        snprintf(sql, sizeof sql, "DELETE FROM %s", tables[i]);
        must(world, db_run(world->db, NULL, sql, ""));
    }
    must(world, db_run(world->db, NULL, "UPDATE event_chain SET seq = 0, hash = ''", ""));
    insert_accounts(world);
    for (unsigned i = 0; i < HOLDERS; i++) {
        insert_holder(world, i);
    }
    link_accounts(world);
    must(world, db_commit(world->db));
}

/* ---- opening ---- */

struct world *world_open(const char *url) {
    struct world *world = calloc(1, sizeof *world);
    void *state = NULL;
    char path[96];
    assert_non_null(world);
    world_now = world;
    world->now_ms = at(FIRST_DAY) * 1000;
    fixture_open(&state);
    world->fixture = state;
    world->engine = &world->fixture->engine;
    db_close(world->fixture->db);
    assert_int_equal(db_open(url, &world->fixture->db), DB_OK);
    world->db = world->fixture->db;
    assert_int_equal(migrate_run(world->db, orderd_sql_assets, 0, NULL), MIGRATE_OK);
    snprintf(path, sizeof path, "%s/ca", world->fixture->folder);
    assert_int_equal(authority_load(world->engine, path, CA_SM2), ORDER_OK);
    assert_int_equal(task_key_ensure(world->engine, world->db), ORDER_OK);
    world_make_keys(world);
    /* as answer.c has it: without blanks */
    assert_int_equal(slow_hash("bluewhaleseventy", world->answer_hash), ORDER_OK);
    world_third_parties(world);
    make_people(world);
    return world;
}

void world_close(struct world *world) {
    void *state = world->fixture;
    world_free_keys(world);
    authority_unload(world->engine);
    fixture_close(&state);
    free(world);
    world_now = NULL;
}
