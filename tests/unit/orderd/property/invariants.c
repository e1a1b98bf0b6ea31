/* See invariants.h. */
#include "tests/unit/orderd/property/invariants.h"

#include "tools/orderd/engine/event.h"
#include "tools/orderd/engine/statement.h"

#include <ctype.h>
#include <string.h>

/* ---- what the tables must never show ---- */

struct law {
    const char *number; /* in order-domain.md 11 */
    const char *what;
    const char *breaches; /* a query of what breaks it, one text a row */
};

#define FINAL "('COMPLETED', 'REJECTED', 'CANCELLED', 'EXPIRED')"

static const struct law laws[] = {
    {"1", "two open orders of one subject, profile and lane",
     "SELECT subject FROM orders WHERE is_open = 1 GROUP BY subject, profile, lane HAVING COUNT(*) "
     "> "
     "1"},
    {"10", "an order is open and finished at once, or neither",
     "SELECT public_no FROM orders WHERE is_open <> CASE WHEN state IN " FINAL
     " THEN 0 ELSE 1 END"},
    {"2", "certificates were made before every earlier gate was done",
     "SELECT o.public_no FROM orders o JOIN issue_tasks t ON t.order_id = o.id JOIN issuances i ON "
     "i.task = t.id JOIN order_gates k ON k.order_id = o.id AND k.gate IN ('ISSUE', 'PRODUCE') "
     "JOIN "
     "order_gates g ON g.order_id = o.id AND g.position < k.position AND g.status IN ('OPEN', "
     "'FAILED')"},
    {"2", "a certificate is valid without its order having issued it",
     "SELECT o.public_no FROM certificates c JOIN orders o ON o.id = c.order_id WHERE c.state IN "
     "('VALID', 'HELD', 'SUPERSEDED') AND NOT EXISTS (SELECT 1 FROM order_gates g WHERE g.order_id "
     "= "
     "o.id AND g.gate IN ('ISSUE', 'PRODUCE') AND g.status = 'DONE')"},
    {"2", "an order went past its download without a certificate",
     "SELECT o.public_no FROM orders o WHERE o.kind IN ('NEW', 'RENEW', 'REPLACE', 'CHANGE') AND "
     "EXISTS (SELECT 1 FROM order_gates g WHERE g.order_id = o.id AND g.gate IN ('ISSUE', "
     "'PRODUCE') "
     "AND g.status = 'DONE') AND (SELECT COUNT(*) FROM issuances i JOIN issue_tasks t ON i.task = "
     "t.id WHERE t.order_id = o.id AND i.state = 'CONFIRMED') <> 1"},
    {"3", "an ended order keeps money",
     "SELECT o.public_no FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.state IN "
     "('REJECTED', 'CANCELLED', 'EXPIRED') AND p.state = 'PAID' AND p.amount_fen > 0"},
    {"3", "the money of an order is not its price",
     "SELECT o.public_no FROM orders o JOIN order_gates g ON g.order_id = o.id AND g.gate = 'PAY' "
     "AND "
     "g.status = 'DONE' WHERE o.state NOT IN ('REFUNDING', 'REJECTED', 'CANCELLED', 'EXPIRED') AND "
     "NOT EXISTS (SELECT 1 FROM order_gates r WHERE r.order_id = o.id AND r.gate = 'PAY_REVIEW' "
     "AND "
     "r.status = 'OPEN') AND o.amount_fen <> (SELECT COALESCE(SUM(p.amount_fen), 0) FROM payments "
     "p "
     "WHERE p.order_id = o.id AND p.state = 'PAID')"},
    {"3", "money for an order that is not paid yet",
     "SELECT o.public_no FROM orders o JOIN order_gates g ON g.order_id = o.id AND g.gate = 'PAY' "
     "AND "
     "g.status = 'OPEN' JOIN payments p ON p.order_id = o.id AND p.state = 'PAID'"},
    {"4", "two valid signing certificates of one subject on one key",
     "SELECT subject FROM certificates WHERE usage <> 'ENC' AND state = 'VALID' GROUP BY subject, "
     "profile, token HAVING COUNT(*) > 1"},
    {"4", "a pair of certificates is not in the same state",
     "SELECT a.id FROM certificates a JOIN certificates b ON a.pair = b.id WHERE a.state <> "
     "b.state"},
    {"11", "the old certificate went before the new one worked",
     "SELECT o.public_no FROM orders o JOIN certificates c ON c.id = o.certificate WHERE o.is_open "
     "= 1 "
     "AND ((o.kind = 'RENEW' AND c.state = 'SUPERSEDED') OR (o.kind = 'CHANGE' AND c.state = "
     "'REVOKED' "
     "AND c.reason = 3) OR (o.kind = 'REPLACE' AND c.state = 'REVOKED' AND c.reason = 4)) AND NOT "
     "EXISTS (SELECT 1 FROM order_gates g WHERE g.order_id = o.id AND g.gate IN ('ISSUE', "
     "'PRODUCE') "
     "AND g.status = 'DONE')"},
    {"11", "a working certificate lost its seal",
     "SELECT c.id FROM certificates c JOIN seals s ON s.certificate = c.id WHERE c.state = 'VALID' "
     "AND "
     "s.state <> 'VALID' AND NOT EXISTS (SELECT 1 FROM seals t WHERE t.certificate = c.id AND "
     "t.state "
     "= 'VALID')"},
    {"4", "a valid seal on a certificate that is not",
     "SELECT s.id FROM seals s JOIN certificates c ON c.id = s.certificate WHERE s.state = 'VALID' "
     "AND "
     "c.state NOT IN ('VALID', 'HELD')"},
    {"6", "an order has more or fewer events of transitions than versions",
     "SELECT o.public_no FROM orders o WHERE o.version <> (SELECT COUNT(*) FROM events e WHERE "
     "e.order_id = o.id AND e.type LIKE 'T__ %')"},
    {"9", "a task is leased that its order does not know of",
     "SELECT o.public_no FROM orders o JOIN issue_tasks t ON t.order_id = o.id WHERE t.state = "
     "'LEASED' AND o.state NOT IN ('ISSUING', 'PRODUCING')"},
};

static void check_states(struct world *world) {
    struct db_rows *rows = NULL;
    char ids[32][ID_SIZE];
    size_t count = 0;
    if (db_query(world->db, &rows, "SELECT id FROM orders WHERE is_open = 1", "") == DB_OK) {
        while (count < 32 && db_next(rows) == DB_OK) {
            snprintf(ids[count++], ID_SIZE, "%s", db_text(rows, 0));
        }
    }
    db_end(rows);
    for (size_t i = 0; i < count; i++) {
        struct order order;
        if (!world_expect(world, order_load_id(world->db, ids[i], &order) == ORDER_OK,
                          "order %s cannot be read", ids[i])) {
            return;
        }
        enum order_state derived = flow_state(order.gates, order.gate_count);
        bool apart = order.state == STATE_RETURNED || order.state == STATE_REFUNDING ||
                     order.state == STATE_ISSUE_FAILED;
        bool started = (order.state == STATE_ISSUING && derived == STATE_READY_TO_ISSUE) ||
                       (order.state == STATE_PRODUCING && derived == STATE_APPROVED);
        world_expect(world, apart || started || order.state == derived,
                     "6: order %s is %s, its gates say %s", order.number, state_name(order.state),
                     state_name(derived));
    }
}

void invariants_cheap(struct world *world) {
    char text[128];
    for (size_t i = 0; i < sizeof laws / sizeof laws[0]; i++) {
        if (world_text(world, text, sizeof text, laws[i].breaches, NULL)) {
            world_expect(world, false, "%s: %s: %s", laws[i].number, laws[i].what, text);
        }
    }
    check_states(world);
}

/* ---- the record ---- */

/* Each order's transitions have the versions 1, 2, 3 ..., and each begins where the one before ended. */
static void check_order_history(struct world *world, const char *id) {
    struct db_rows *rows = NULL;
    char last[24] = "";
    int64_t version = 0;
    if (db_query(world->db, &rows,
                 "SELECT data FROM events WHERE order_id = $1 AND type LIKE 'T__ %' ORDER BY seq",
                 "t", id) != DB_OK) {
        return;
    }
    while (db_next(rows) == DB_OK) {
        json_t *data = json_loads(db_text(rows, 0), 0, NULL);
        const char *from = json_string_value(json_object_get(data, "from"));
        const char *state = json_string_value(json_object_get(data, "state"));
        json_int_t said = json_integer_value(json_object_get(data, "version"));
        version++;
        world_expect(world, said == version,
                     "6: order %s: event of version %lld where %lld was due", id, (long long)said,
                     (long long)version);
        world_expect(world, version == 1 ? from == NULL : from != NULL && strcmp(from, last) == 0,
                     "6: order %s: version %lld begins at %s, the one before ended at %s", id,
                     (long long)version, from != NULL ? from : "nothing", last);
        snprintf(last, sizeof last, "%s", state != NULL ? state : "");
        json_decref(data);
    }
    db_end(rows);
    char stored[24];
    world_text(world, stored, sizeof stored, "SELECT state FROM orders WHERE id = $1", id);
    world_expect(world, strcmp(stored, last) == 0, "6: order %s is %s, its events end at %s", id,
                 stored, last);
}

void invariants_history(struct world *world) {
    char ids[32][ID_SIZE];
    size_t count = 0;
    int64_t events = 0;
    struct db_rows *rows = NULL;
    world_expect(world, event_verify(world->db, &events) == ORDER_OK,
                 "6: the chain breaks at event %lld", (long long)events);
    if (db_query(world->db, &rows, "SELECT id FROM orders", "") == DB_OK) {
        while (count < 32 && db_next(rows) == DB_OK) {
            snprintf(ids[count++], ID_SIZE, "%s", db_text(rows, 0));
        }
    }
    db_end(rows);
    for (size_t i = 0; i < count; i++) {
        check_order_history(world, ids[i]);
    }
}

/* ---- secrets ---- */

/* Everything that is written as text, but for the books of the played providers. */
static const char *const texts[] = {
    /* NOLINTBEGIN(bugprone-suspicious-missing-comma): long ones go over two lines */
    "SELECT 'orders ' || form_sealed FROM orders",
    "SELECT 'verifications ' || fields_sealed || ' ' || provider_ref || ' ' || secret_hash FROM "
    "verifications",
    "SELECT 'consents ' || statement || ' ' || origin FROM consents",
    "SELECT 'vouchers ' || payer_sealed || ' ' || reason FROM vouchers",
    "SELECT 'shipments ' || address_sealed FROM shipments",
    "SELECT 'invoices ' || fields_sealed FROM invoices",
    "SELECT 'messages ' || data FROM messages",
    "SELECT 'codes ' || target || ' ' || recipient_hash || ' ' || code_hash FROM otp_codes",
    "SELECT 'limits ' || who FROM limits",
    "SELECT 'idempotency ' || response FROM idempotency",
    "SELECT 'sessions ' || token_hash FROM sessions",
    "SELECT 'reviews ' || reason FROM reviews",
    "SELECT 'subjects ' || answer_question || ' ' || answer_hash FROM subjects",
    /* NOLINTEND(bugprone-suspicious-missing-comma) */
};
/* And these hold no personal data either (docs/orderd.md). */
static const char *const bare[] = {
    "SELECT 'events ' || type || ' ' || actor || ' ' || data FROM events",
    "SELECT 'outbox ' || payload FROM outbox",
};
static const char *const personal[] = {
    "13800138000",     "13900139000",   "11010519491231002X", "91430000MA4L16JQ9B",
    "lisi@example.cn", "fp@example.cn", "6222000011112222"};
static const char answer[] = "blue whale seventy";

/* A word of its own: a code's six digits also occur inside hashes. */
static bool has_word(const char *text, const char *word) {
    size_t len = strlen(word);
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        bool left = at == text || !isalnum((unsigned char)at[-1]);
        if (left && !isalnum((unsigned char)at[len])) {
            return true;
        }
    }
    return false;
}

static void scan(struct world *world, const char *sql, bool bare_too) {
    struct db_rows *rows = NULL;
    if (!world_expect(world, db_query(world->db, &rows, sql, "") == DB_OK, "%s", sql)) {
        return;
    }
    while (db_next(rows) == DB_OK) {
        const char *text = db_text(rows, 0);
        for (size_t i = 0; i < world->secret_count; i++) {
            world_expect(world, !has_word(text, world->secrets[i]), "8: %s in clear: %.200s",
                         world->secrets[i], text);
        }
        world_expect(world, strstr(text, answer) == NULL, "8: an answer in clear: %.200s", text);
        for (size_t i = 0; bare_too && i < sizeof personal / sizeof personal[0]; i++) {
            world_expect(world, strstr(text, personal[i]) == NULL, "8: %s in clear: %.200s",
                         personal[i], text);
        }
    }
    db_end(rows);
}

void invariants_secrets(struct world *world) {
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        scan(world, texts[i], false);
    }
    for (size_t i = 0; i < sizeof bare / sizeof bare[0]; i++) {
        scan(world, bare[i], true);
    }
}

/* ---- money ---- */

void invariants_books(struct world *world) {
    char text[128];
    static const struct law books[] = {
        {"3", "the provider has money that is not in our book",
         "SELECT s.id FROM sim_payments s JOIN payments p ON p.id = s.id WHERE s.state = 'SETTLED' "
         "AND "
         "p.state <> 'PAID'"},
        {"3", "our book has money that the provider has not",
         "SELECT p.id FROM payments p LEFT JOIN sim_payments s ON s.id = p.id WHERE p.provider = "
         "'sim' "
         "AND p.state = 'PAID' AND (s.id IS NULL OR s.state <> 'SETTLED' OR s.amount_fen <> "
         "p.amount_fen)"},
        {"3", "a refund is on the way forever",
         "SELECT id FROM payments WHERE provider = 'sim' AND state = 'REFUNDING'"},
        {"7", "an order has two invoices",
         "SELECT id FROM sim_invoices GROUP BY id HAVING COUNT(*) > 1"},
    };
    for (size_t i = 0; i < sizeof books / sizeof books[0]; i++) {
        if (world_text(world, text, sizeof text, books[i].breaches, NULL)) {
            world_expect(world, false, "%s: %s: %s", books[i].number, books[i].what, text);
        }
    }
}

/* ---- consent ---- */

void invariants_consent(struct world *world, const struct order *order) {
    char consented[DIGEST_HEX_SIZE];
    char now[DIGEST_HEX_SIZE];
    if (!flow_has(order->gates, order->gate_count, GATE_CONFIRM)) {
        return;
    }
    world_text(world, consented, sizeof consented,
               "SELECT digest FROM consents WHERE order_id = $1 ORDER BY created DESC LIMIT 1",
               order->id);
    if (statement_digest(world->engine, world->db, order, now) == ORDER_OK) {
        world_expect(world, strcmp(consented, now) == 0,
                     "5: order %s is certified, and not as it was consented to", order->number);
    }
}

/* ---- the digest ---- */

static const char everything[] =
    "SELECT 'o' || id || state || version || is_open || years || amount_fen || certificate || "
    "token || "
    "closing || form_sealed FROM orders "
    "UNION ALL SELECT 'g' || order_id || position || status FROM order_gates "
    "UNION ALL SELECT 'p' || id || state || COALESCE(provider_txn, '') FROM payments "
    "UNION ALL SELECT 'v' || id || state FROM vouchers "
    "UNION ALL SELECT 'r' || id || decision FROM reviews "
    "UNION ALL SELECT 's' || order_id || state FROM shipments "
    "UNION ALL SELECT 'i' || order_id || state || number FROM invoices "
    "UNION ALL SELECT 't' || id || state || token FROM issue_tasks "
    "UNION ALL SELECT 'n' || id || state FROM issuances "
    "UNION ALL SELECT 'c' || id || state || reason FROM certificates "
    "UNION ALL SELECT 'e' || id || state FROM seals "
    "UNION ALL SELECT 'k' || serial || state || COALESCE(subject, '') FROM tokens "
    "UNION ALL SELECT 'd' || order_id || type || sha256 FROM documents "
    "UNION ALL SELECT 'f' || id || state FROM verifications "
    "UNION ALL SELECT 'a' || account || subject FROM account_subjects "
    "UNION ALL SELECT 'u' || id || name || answer_hash FROM subjects "
    "UNION ALL SELECT 'x' || COUNT(*) FROM consents "
    "UNION ALL SELECT 'y' || COUNT(*) FROM events WHERE type <> 'task claimed again' "
    "UNION ALL SELECT 'z' || COUNT(*) FROM outbox";

uint64_t world_digest(struct world *world) {
    struct db_rows *rows = NULL;
    uint64_t sum = 0;
    if (!world_expect(world, db_query(world->db, &rows, everything, "") == DB_OK, "%s",
                      db_message(world->db))) {
        return 0;
    }
    /* rows come in any order: their hashes are added */
    while (db_next(rows) == DB_OK) {
        uint64_t hash = 14695981039346656037U;
        for (const char *at = db_text(rows, 0); *at != '\0'; at++) {
            hash = (hash ^ (unsigned char)*at) * 1099511628211U;
        }
        sum += hash;
    }
    db_end(rows);
    return sum;
}
