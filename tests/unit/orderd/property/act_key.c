/* Work on keys: logging in, claiming, requests, proofs, giving up. */
#include "tests/unit/orderd/property/act_parts.h"

#include "openukey/formats.h"
#include "tools/orderd/engine/download.h"
#include "tools/orderd/engine/issue.h"
#include "tools/orderd/engine/login.h"
#include "tools/orderd/engine/task.h"

#include <stdlib.h>
#include <string.h>

/* Whoever may carry the order's task out. */
static void aim_worker(struct world *world, struct dice *dice, const struct order *order, bool wild,
                       struct request *request) {
    aim(world, dice, order, wild, request);
    if (wrong(dice, wild, 8)) {
        return;
    }
    if (issue_way_of(order) == WAY_OPERATOR) {
        request->by = &world->people[OPERATOR];
    } else if (issue_way_of(order) == WAY_KEY) {
        request->by = NULL;
        request->self = key_of_order(world, order);
    }
}

/* ---- logging in ---- */

void choose_key_login(struct world *world, struct dice *dice, const struct order *order, bool wild,
                      struct request *request) {
    char nonce[SECRET_SIZE] = "";
    char sha256[DIGEST_HEX_SIZE];
    int64_t expires_ms = 0;
    aim(world, dice, order, wild, request);
    (void)login_challenge(world->engine, world->db, nonce, &expires_ms);
    world_text(world, sha256, sizeof sha256, "SELECT sha256 FROM certificates WHERE id = $1",
               wrong(dice, wild, 6) ? "c2" : order->certificate);
    json_t *object = json_pack("{s:s,s:{s:s,s:s,s:s,s:s,s:s,s:s}}", "signer", sha256, "content",
                               "type", "login", "version", "1", "origin", "https://portal.test",
                               "service", world->engine->service, "nonce",
                               wrong(dice, wild, 6) ? "old" : nonce, "order", order->number);
    char *text = json_dumps(object, JSON_COMPACT);
    snprintf(request->b, sizeof request->b, "%s", text != NULL ? text : "");
    free(text);
    json_decref(object);
}

enum order_error send_key_login(struct world *world, struct request *request) {
    struct login login;
    struct octets assertion = {(unsigned char *)request->b, strlen(request->b)};
    enum order_error error =
        login_verify(world->engine, world->db, &assertion, request->number, &login);
    if (error == ORDER_OK) {
        world_keep_secret(world, login.secret);
    }
    return error;
}

/* ---- claiming ---- */

/* The 20 letters of the newest code that was mailed for this order. */
static void read_download_code(struct world *world, const struct order *order, char out[128]) {
    static const char symbols[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    char body[512];
    char like[64];
    snprintf(like, sizeof like, "%%%s%%授权码%%", order->number);
    world_text(world, body, sizeof body,
               "SELECT body FROM sim_deliveries WHERE medium = 'MAIL' AND body LIKE $1 ORDER BY "
               "created DESC, id LIMIT 1",
               like);
    for (const char *at = body; *at != '\0'; at++) {
        size_t len = strspn(at, symbols);
        if (len == 20 && strncmp(at, order->number, 20) != 0) {
            snprintf(out, 128, "%.20s", at);
            world_keep_secret(world, out);
            return;
        }
        at += len > 0 ? len - 1 : 0;
    }
}

void choose_claim(struct world *world, struct dice *dice, const struct order *order, bool wild,
                  struct request *request) {
    aim_worker(world, dice, order, wild, request);
    world_text(world, request->b, sizeof request->b,
               "SELECT sha256 FROM certificates WHERE id = $1",
               wrong(dice, wild, 8) ? "c2" : order->certificate);
    read_download_code(world, order, request->c);
    snprintf(request->a, sizeof request->a, "%s", order->token);
    if (issue_way_of(order) != WAY_KEY) {
        world_text(world, request->a, sizeof request->a,
                   "SELECT token FROM issue_tasks WHERE order_id = $1", order->id);
        if (request->a[0] == '\0' || wrong(dice, wild, 6)) {
            snprintf(request->a, sizeof request->a, "B%u", request->seed % 6);
        }
    }
    if (wrong(dice, wild, 8)) {
        snprintf(request->a, sizeof request->a, "T2");
    }
    if (wrong(dice, wild, 8)) {
        snprintf(request->c, sizeof request->c, "AAAAABBBBBCCCCCDDDDD");
    }
}

enum order_error send_claim(struct world *world, struct request *request) {
    json_t *out = NULL;
    struct claim claim = {request->number, request->a, request->b[0] != '\0' ? request->b : NULL,
                          request->c[0] != '\0' ? request->c : NULL};
    enum order_error error = task_claim(world->engine, world->db, caller_of(request), &claim, &out);
    json_decref(out);
    return error;
}

void choose_send_download(struct world *world, struct dice *dice, const struct order *order,
                          bool wild, struct request *request) {
    aim(world, dice, order, wild, request);
}

enum order_error send_send_download(struct world *world, struct request *request) {
    char email[64];
    int64_t expires_ms = 0;
    return download_send_again(world->engine, world->db, caller_of(request), request->number, NULL,
                               email, &expires_ms, NULL);
}

/* ---- certificates ---- */

static void choose_task(struct world *world, struct dice *dice, const struct order *order,
                        bool wild, struct request *request) {
    aim_worker(world, dice, order, wild, request);
    world_text(world, request->a, sizeof request->a,
               "SELECT id FROM issue_tasks WHERE order_id = $1", order->id);
    if (wrong(dice, wild, 12)) {
        world_text(world, request->a, sizeof request->a,
                   "SELECT id FROM issue_tasks ORDER BY created, kind", NULL);
    }
}

/* The key of the pool whose request this issuance has. */
static unsigned key_of_issuance(struct world *world, const char *task) {
    struct db_rows *rows = NULL;
    unsigned found = POOL_KEYS;
    if (db_query(world->db, &rows,
                 "SELECT csr FROM issuances WHERE task = $1 AND state <> 'REVOKED'", "t",
                 task) == DB_OK &&
        db_next(rows) == DB_OK) {
        size_t len = 0;
        const uint8_t *csr = db_bytes(rows, 0, &len);
        for (unsigned i = 0; i < POOL_KEYS; i++) {
            if (world->keys[i].csr.len == len && memcmp(world->keys[i].csr.data, csr, len) == 0) {
                found = i;
            }
        }
    }
    db_end(rows);
    return found;
}

void choose_csr(struct world *world, struct dice *dice, const struct order *order, bool wild,
                struct request *request) {
    choose_task(world, dice, order, wild, request);
    request->variant = key_of_issuance(world, request->a);
    if (request->variant == POOL_KEYS || wrong(dice, wild, 4)) {
        request->variant = world->keys_used;
        world->keys_used += world->keys_used + 1 < POOL_KEYS ? 1 : 0;
    }
    if (wrong(dice, wild, 12)) {
        request->variant = dice_roll(dice, POOL_KEYS);
    }
    world_text(world, request->b, sizeof request->b, "SELECT nonce FROM issue_tasks WHERE id = $1",
               request->a);
    snprintf(request->c, sizeof request->c, "%s", wrong(dice, wild, 8) ? "c2" : order->certificate);
}

enum order_error send_csr(struct world *world, struct request *request) {
    const struct pool_key *key = &world->keys[request->variant];
    char digest[DIGEST_HEX_SIZE] = "";
    char holder[DIGEST_HEX_SIZE] = "";
    char message[256];
    struct octets continuity = {NULL, 0};
    json_t *out = NULL;
    if (request->c[0] != '\0' && world_holder_of(world, request->c, holder) &&
        digest_sha256_hex(key->csr.data, key->csr.len, digest)) {
        snprintf(message, sizeof message, "%s%.100s:%s", CONTINUITY_PREFIX, request->b, digest);
        continuity = world_sign(holder, message);
    }
    enum order_error error = issue_request(world->engine, world->db, caller_of(request), request->a,
                                           &key->csr, &continuity, &out);
    octets_free(&continuity);
    json_decref(out);
    return error;
}

void choose_prove(struct world *world, struct dice *dice, const struct order *order, bool wild,
                  struct request *request) {
    choose_task(world, dice, order, wild, request);
    request->variant = key_of_issuance(world, request->a);
    request->variant = request->variant == POOL_KEYS || wrong(dice, wild, 6) ? 0 : request->variant;
    world_text(world, request->b, sizeof request->b,
               "SELECT proof_nonce FROM issuances WHERE task = $1 AND state <> 'REVOKED'",
               request->a);
    world_text(world, request->c, sizeof request->c,
               "SELECT c.sha256 FROM certificates c JOIN issuances i ON i.sign_certificate = c.id "
               "WHERE i.task = $1 AND i.state <> 'REVOKED'",
               request->a);
    if (wrong(dice, wild, 8)) {
        snprintf(request->b, sizeof request->b, "another nonce");
    }
}

enum order_error send_prove(struct world *world, struct request *request) {
    char message[TEXT_MAX + 64];
    json_t *out = NULL;
    snprintf(message, sizeof message, "%s%s", PROOF_PREFIX, request->b);
    struct octets proof = world_sign(world->keys[request->variant].holder, message);
    enum order_error error = task_confirm(world->engine, world->db, caller_of(request), request->a,
                                          request->c, &proof, &out);
    octets_free(&proof);
    json_decref(out);
    return error;
}

void choose_fail(struct world *world, struct dice *dice, const struct order *order, bool wild,
                 struct request *request) {
    choose_task(world, dice, order, wild, request);
    request->variant = dice_roll(dice, 3);
}

enum order_error send_fail(struct world *world, struct request *request) {
    json_t *out = NULL;
    enum order_error error = task_fail(world->engine, world->db, caller_of(request), request->a,
                                       "KEY_REMOVED", request->variant == 0, &out);
    json_decref(out);
    return error;
}
