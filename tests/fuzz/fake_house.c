/* See fake_house.h. */
#include "tests/fuzz/fake_house.h"

#include "agent/log.h"
#include "tools/orderd/engine/account.h"
#include "tools/orderd/engine/authority.h"
#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/order.h"
#include "tools/orderd/engine/registry.h"
#include "tools/orderd/engine/task_key.h"
#include "tools/orderd/engine/transition.h"
#include "tools/orderd/store/migrate.h"
#include "tools/orderd/third/identity.h"

#include <ftw.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PORTALS_MAX = 16, DAY = 86400, NOW = 1772330400 }; /* 2026-03-01T10:00:00+08:00 */

static struct {
    char folder[64];
    struct service service;
    struct payment_sim sim;
    struct payment_provider provider;
    struct identity_provider identity;
    struct db *db;
    sqlite3 *handle;
    struct {
        unsigned char *bytes;
        sqlite3_int64 size;
    } saved[PORTALS_MAX];
    unsigned portals;
    unsigned inside; /* the portal that the database holds */
    int changes;     /* of the connection when it was entered */
    uint64_t random;
} house;

static void must(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "the fuzzers' house cannot be built: %s\n", what);
        abort();
    }
}

/* ---- what is otherwise here than in the service ---- */

int __wrap_RAND_bytes(unsigned char *out, int len);
int __wrap_RAND_priv_bytes(unsigned char *out, int len);
int __wrap_PKCS5_PBKDF2_HMAC(const char *secret, int secret_len, const unsigned char *salt,
                             int salt_len, int rounds, const EVP_MD *digest, int key_len,
                             unsigned char *out);
int __real_PKCS5_PBKDF2_HMAC(const char *secret, int secret_len, const unsigned char *salt,
                             int salt_len, int rounds, const EVP_MD *digest, int key_len,
                             unsigned char *out);
int __wrap_fsync(int fd);
int __wrap_sqlite3_open_v2(const char *path, sqlite3 **out, int flags, const char *vfs);
int __real_sqlite3_open_v2(const char *path, sqlite3 **out, int flags, const char *vfs);
int64_t __wrap_clock_now_ms(const struct service_clock *clock);
bool __wrap_inspector_run(const char *path, const void *data, size_t len, struct inspection *out);

int __wrap_RAND_bytes(unsigned char *out, int len) {
    for (int i = 0; i < len; i++) { /* xorshift64* */
        house.random ^= house.random >> 12;
        house.random ^= house.random << 25;
        house.random ^= house.random >> 27;
        out[i] = (unsigned char)((house.random * 0x2545F4914F6CDD1DU) >> 56);
    }
    return 1;
}

int __wrap_RAND_priv_bytes(unsigned char *out, int len) {
    return __wrap_RAND_bytes(out, len);
}

int __wrap_PKCS5_PBKDF2_HMAC(const char *secret, int secret_len, const unsigned char *salt,
                             int salt_len, int rounds, const EVP_MD *digest, int key_len,
                             unsigned char *out) {
    return __real_PKCS5_PBKDF2_HMAC(secret, secret_len, salt, salt_len, rounds > 2 ? 2 : rounds,
                                    digest, key_len, out);
}

int __wrap_fsync(int fd) {
    (void)fd;
    return 0;
}

int __wrap_sqlite3_open_v2(const char *path, sqlite3 **out, int flags, const char *vfs) {
    (void)path;
    int rc = __real_sqlite3_open_v2(":memory:", out, flags, vfs);
    house.handle = *out;
    return rc;
}

int64_t __wrap_clock_now_ms(const struct service_clock *clock) {
    (void)clock;
    return (int64_t)NOW * 1000;
}

/* The real one is a process; what it decodes with is fuzz_inspect's affair. */
bool __wrap_inspector_run(const char *path, const void *data, size_t len, struct inspection *out) {
    (void)path;
    bool pdf = len > 4 && memcmp(data, "%PDF", 4) == 0;
    *out = (struct inspection){.good = len > 3, .dpi = 300, .colour = true};
    out->width = out->height = pdf ? 0 : 600;
    snprintf(out->mime, sizeof out->mime, "%s", pdf ? "application/pdf" : "image/jpeg");
    snprintf(out->why, sizeof out->why, "%s", out->good ? "" : "format");
    return true;
}

/* One connection is enough, since one request is answered at a time. */
struct db *db_pool_take(struct db_pool *pool) {
    (void)pool;
    return house.db;
}

void db_pool_give(struct db_pool *pool, struct db *db) {
    (void)pool;
    if (db != NULL) {
        db_rollback(db);
    }
}

void worker_wake(struct worker *worker) {
    (void)worker;
}

bool worker_wait_settled(struct worker *worker, const char *payment, int timeout_ms) {
    (void)worker, (void)payment, (void)timeout_ms;
    return true;
}

/* ---- orders ---- */

static void open_session(const char *name, const struct session *session) {
    char secret[SECRET_SIZE];
    char hash[DIGEST_HEX_SIZE];
    char mine[DIGEST_HEX_SIZE];
    char wanted[SECRET_SIZE];
    memset(wanted, '.', sizeof wanted - 1);
    wanted[sizeof wanted - 1] = '\0';
    memcpy(wanted, name, strlen(name));
    must(session_open(house.db, session, (int64_t)NOW * 1000, secret) == ORDER_OK &&
             digest_sha256_hex(secret, strlen(secret), hash) &&
             digest_sha256_hex(wanted, strlen(wanted), mine) &&
             db_run(house.db, NULL, "UPDATE sessions SET token_hash = $1 WHERE token_hash = $2",
                    "tt", mine, hash) == DB_OK,
         name);
}

static void add_people(void) {
    static const struct {
        const char *name;
        enum role role;
    } people[] = {{"user", ROLE_USER},
                  {"reviewer", ROLE_REVIEWER},
                  {"reviewer2", ROLE_REVIEWER},
                  {"finance", ROLE_FINANCE},
                  {"operator", ROLE_OPERATOR}};
    for (size_t i = 0; i < sizeof people / sizeof people[0]; i++) {
        struct session session = {.kind = SESSION_ACCOUNT, .role = people[i].role};
        must(account_add_staff(&house.service.engine, house.db, people[i].name, people[i].role,
                               "password-1234") == ORDER_OK &&
                 db_run(house.db, NULL, "UPDATE accounts SET id = name, phone_sealed = ''", "") ==
                     DB_OK,
             people[i].name);
        snprintf(session.account, sizeof session.account, "%s", people[i].name);
        open_session(people[i].name, &session);
    }
}

/* The holder of one order, with a key and a certificate of his own. */
static void add_holder(const struct order *order, const char *name, enum subject_type type) {
    static int serials;
    const struct engine *engine = &house.service.engine;
    char serial[41];
    struct subject_record subject = {.credential_type = "ORG_CODE"};
    snprintf(subject.type, sizeof subject.type, "%s", type == SUBJECT_ORG ? "ORG" : "PERSON");
    snprintf(subject.name, sizeof subject.name, "Holder %s", name);
    snprintf(subject.credential_no, sizeof subject.credential_no, "%s", name);
    snprintf(serial, sizeof serial, "%032X", ++serials);
    must(registry_subject_ensure(&house.service.engine, house.db, &subject) == ORDER_OK, "subject");
    int64_t end_s = order->kind == KIND_RENEW ? NOW + 40 * DAY : NOW + 400 * DAY;
    const char *state = order->kind == KIND_UNFREEZE ? "HELD" : "VALID";
    must(db_run(house.db, NULL, "UPDATE subjects SET id = $1 WHERE id = $2", "tt", order->subject,
                subject.id) == DB_OK &&
             db_run(house.db, NULL,
                    "INSERT INTO tokens (serial, manufacturer, label, subject, state, created) "
                    "VALUES ($1, 'maker', 'label', $2, 'ACTIVE', 0)",
                    "tt", order->token, order->subject) == DB_OK &&
             db_run(house.db, NULL,
                    "INSERT INTO certificates (id, sha256, issuer, serial, subject, subject_dn, "
                    "profile, algorithm, usage, not_before, not_after, token, state, der, created) "
                    "VALUES ($1, $2, 'CA', $9, $3, 'C=CN,O=Holder,CN=Holder', $4, 'SM2', 'SIGN', "
                    "0, $5, $6, $7, $8, 0)",
                    "ttttittbt", order->certificate, name, order->subject, engine->profile->id,
                    end_s * 1000, order->token, state, engine->issuing_der.data,
                    engine->issuing_der.len, serial) == DB_OK &&
             db_run(house.db, NULL,
                    "INSERT INTO account_subjects (account, subject, created) VALUES ('user', $1, "
                    "0)",
                    "t", order->subject) == DB_OK,
         db_message(house.db));
}

static const enum transition way[GATE_COUNT] = {
    [GATE_AGREE] = T02_SUBMIT,
    [GATE_FORM] = T02_SUBMIT,
    [GATE_VERIFY_ORG] = T24_VERIFIED,
    [GATE_VERIFY_HANDLER] = T24_VERIFIED,
    [GATE_VERIFY_PERSON] = T24_VERIFIED,
    [GATE_KEY_LOGIN] = T25_KEY_LOGIN,
    [GATE_MATERIALS] = T05_MATERIALS_DONE,
    [GATE_CONFIRM] = T06_CONFIRM,
    [GATE_INVOICE_INFO] = T02_SUBMIT,
    [GATE_DELIVERY] = T02_SUBMIT,
    [GATE_PAPERS] = T29_PAPERS,
    [GATE_PAY] = T07_PAID,
    [GATE_PAY_REVIEW] = T09_FINANCE_OK,
    [GATE_REVIEW] = T10_APPROVE,
    [GATE_PRODUCE] = T13_PRODUCE,
    [GATE_SHIP] = T14_SHIP,
    [GATE_ISSUE] = T18_CLAIM,
    [GATE_APPLY_CA] = T26_APPLIED,
    [GATE_RECEIVE] = T16_RECEIVE,
    [GATE_INVOICE] = T30_INVOICED,
};

static enum transition next_of(const struct order *order) {
    switch (order->state) {
    case STATE_PRODUCING:
        return order_next_gate(order) == GATE_PRODUCE ? T13_PRODUCED : T14_SHIP;
    case STATE_ISSUING:
        return T19_DONE;
    default:
        return way[order_next_gate(order)];
    }
}

static void fill_form(const struct order *order) {
    json_t *form = json_pack("{s:b,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "agreement", 1,
                             "handlerName", "\xe6\x9d\x8e\xe5\x9b\x9b", "handlerPhone",
                             "13800138000", "handlerEmail", "a@example.cn", "handlerIdType", "ID",
                             "handlerIdNumber", "11010519491231002X", "legalName", "Wang",
                             "delivery", "COURIER", "recipientName", "Li", "recipientPhone",
                             "13800138000", "recipientAddress", "1 Street", "reason", "LOST");
    must(form != NULL && form_save(&house.service.engine, house.db, order, form) == ORDER_OK,
         "form");
    json_decref(form);
}

/* An order of this flow that has made `steps` steps; false when it comes to an end sooner. */
static bool add_order(const struct flow *flow, enum subject_type type, int steps) {
    const struct engine *engine = &house.service.engine;
    char name[40];
    char session_name[56];
    int64_t price = profile_price(engine->profile, flow->kind, type, 1);
    struct order order = {.kind = flow->kind, .years = 1, .amount_fen = price > 0 ? price : 0};
    snprintf(name, sizeof name, "%s-%s-%d", kind_name(flow->kind),
             type == SUBJECT_ORG ? "ORG" : "PERSON", steps);
    snprintf(order.subject, sizeof order.subject, "s-%s", name);
    snprintf(order.token, sizeof order.token, "t-%s", name);
    snprintf(order.certificate, sizeof order.certificate, "c-%s", name);
    snprintf(order.account, sizeof order.account, "user");
    must(db_begin(house.db) == DB_OK, "begin");
    add_holder(&order, name, type);
    must(order_insert(engine, house.db, flow, &order, "user") == ORDER_OK, "order");
    fill_form(&order);
    bool good = true;
    for (int i = 0; good && i < steps; i++) {
        good = !state_is_final(order.state) &&
               transition_apply(engine, house.db, &order, next_of(&order), "user", NULL, NULL) ==
                   ORDER_OK;
    }
    must(db_run(house.db, NULL, "UPDATE orders SET public_no = $1 WHERE id = $2", "tt", name,
                order.id) == DB_OK,
         "number");
    if (!good) {
        db_rollback(house.db);
        return false;
    }
    struct session session = {.kind = SESSION_KEY};
    snprintf(session.subject, sizeof session.subject, "%s", order.subject);
    snprintf(session.certificate, sizeof session.certificate, "%s", order.certificate);
    snprintf(session.token, sizeof session.token, "%s", order.token);
    snprintf(session_name, sizeof session_name, "key-%s", name);
    open_session(session_name, &session);
    session.kind = SESSION_QUERY;
    session.certificate[0] = session.token[0] = '\0';
    snprintf(session_name, sizeof session_name, "look-%s", name);
    open_session(session_name, &session);
    must(db_commit(house.db) == DB_OK, "commit");
    return true;
}

static void add_orders(const struct profile *profile) {
    for (size_t f = 0; f < profile->flow_count; f++) {
        const struct flow *flow = &profile->flows[f];
        enum subject_type type = (flow->subjects & SUBJECT_ORG) != 0 ? SUBJECT_ORG : SUBJECT_PERSON;
        for (int steps = 0; steps < 2 * FLOW_GATES_MAX && add_order(flow, type, steps); steps++) {
        }
    }
}

/* ---- the house ---- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static void remove_folder(void) {
    nftw(house.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fake_house_folder(void) {
    if (house.folder[0] == '\0') {
        const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        snprintf(house.folder, sizeof house.folder, "%s/openukey-fuzz-XXXXXX", place);
        must(mkdtemp(house.folder) != NULL, "folder");
        atexit(remove_folder);
    }
    return house.folder;
}

static char *path_of(const char *name) {
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", fake_house_folder(), name);
    return path;
}

static void open_engine(void) {
    static const char *const origins[] = {"https://portal.test", NULL};
    struct engine *engine = &house.service.engine;
    engine->profile = profiles[0];
    engine->service = "urn:openukey:order-service:default";
    engine->origins = origins;
    engine->public_url = "https://portal.test";
    engine->vault = vault_open(path_of("vault.key"));
    engine->blobs = strdup(path_of("blobs"));
    engine->inspector = "none";
    must(engine->vault != NULL, "vault");
    must(authority_load(engine, path_of("ca"), CA_SM2) == ORDER_OK, "ca");
    must(payment_sim_open(&house.sim, path_of("payment.key"), engine->public_url), "payments");
    house.provider = payment_sim_provider(&house.sim);
    house.identity = identity_sim_provider(engine->public_url);
    house.service.sim = &house.sim;
    engine->payments = &house.provider;
    engine->messenger = &messenger_sim;
    engine->identity = &house.identity;
    engine->invoicer = &invoicer_sim;
    pthread_mutex_init(&house.service.crl_lock, NULL);
}

static void build(void) {
    log_set_level(LOG_LEVEL_ERROR);
    house.random = 1;
    open_engine();
    for (; profiles[house.portals] != NULL; house.portals++) {
        must(house.portals < PORTALS_MAX, "portals");
        struct db *earlier = house.db;
        house.service.engine.profile = profiles[house.portals];
        must(db_open(path_of("orders.db"), &house.db) == DB_OK &&
                 migrate_run(house.db, orderd_sql_assets, 0, NULL) == MIGRATE_OK,
             "store");
        must(task_key_ensure(&house.service.engine, house.db) == ORDER_OK, "task keys");
        add_people();
        add_orders(profiles[house.portals]);
        house.saved[house.portals].bytes =
            sqlite3_serialize(house.handle, "main", &house.saved[house.portals].size, 0);
        must(house.saved[house.portals].bytes != NULL, "serialize");
        db_close(earlier);
    }
    house.inside = PORTALS_MAX;
}

struct service *fake_house(void) {
    if (house.portals == 0) {
        build();
    }
    return &house.service;
}

void fake_house_enter(unsigned which) {
    struct service *service = fake_house();
    which %= house.portals;
    bool changed = house.inside != which || sqlite3_total_changes(house.handle) != house.changes;
    if (changed) {
        sqlite3_int64 size = house.saved[which].size;
        unsigned char *copy = sqlite3_malloc64((sqlite3_uint64)size);
        must(copy != NULL, "memory");
        memcpy(copy, house.saved[which].bytes, (size_t)size);
        must(sqlite3_deserialize(house.handle, "main", copy, size, size,
                                 SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) ==
                 SQLITE_OK,
             "deserialize");
        nftw(path_of("blobs"), remove_one, 8, FTW_DEPTH | FTW_PHYS);
        nftw(path_of("ca/issued"), remove_one, 8, FTW_DEPTH | FTW_PHYS);
        nftw(path_of("ca/escrow"), remove_one, 8, FTW_DEPTH | FTW_PHYS);
        mkdir(path_of("ca/issued"), 0700);
        mkdir(path_of("ca/escrow"), 0700);
    }
    house.inside = which;
    house.changes = sqlite3_total_changes(house.handle);
    house.random = 0x9E3779B97F4A7C15U;
    service->engine.profile = profiles[which];
}
