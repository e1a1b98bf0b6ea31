/* Money, judgements of staff, parcels and invoices. */
#include "tests/unit/orderd/property/act_parts.h"

#include "tools/orderd/engine/invoice.h"
#include "tools/orderd/engine/material.h"
#include "tools/orderd/engine/payment.h"
#include "tools/orderd/engine/review.h"
#include "tools/orderd/engine/task.h"

#include <string.h>

/* ---- money ---- */

void choose_pay(struct world *world, struct dice *dice, const struct order *order, bool wild,
                struct request *request) {
    aim(world, dice, order, wild, request);
    bool wechat =
        (world->engine->profile->channels & CHANNEL_ALIPAY) == 0 || dice_roll(dice, 3) == 0;
    wechat = wechat && (world->engine->profile->channels & CHANNEL_WECHAT) != 0;
    snprintf(request->a, sizeof request->a, "%s",
             wrong(dice, wild, 10) ? "TRANSFER"
             : wechat              ? "WECHAT"
                                   : "ALIPAY");
    snprintf(request->c, sizeof request->c, "pay-%u",
             wrong(dice, wild, 3) ? request->seed % 3 : request->seed);
}

enum order_error send_pay(struct world *world, struct request *request) {
    json_t *out = NULL;
    enum order_error error = payment_request(world->engine, world->db, caller_of(request),
                                             request->number, request->a, request->c, &out);
    json_decref(out);
    return error;
}

/* One of the order's payments: the newest, or when wild any. */
static void choose_payment(struct world *world, struct dice *dice, const struct order *order,
                           bool wild, struct request *request) {
    aim(world, dice, order, wild, request);
    world_text(world, request->a, sizeof request->a,
               wrong(dice, wild, 2) ? "SELECT id FROM payments WHERE order_id = $1 ORDER BY "
                                      "created, id LIMIT 1"
                                    : "SELECT id FROM payments WHERE order_id = $1 AND provider = "
                                      "'sim' ORDER BY created DESC, id LIMIT 1",
               order->id);
}

void choose_settle(struct world *world, struct dice *dice, const struct order *order, bool wild,
                   struct request *request) {
    choose_payment(world, dice, order, wild, request);
}

enum order_error send_settle(struct world *world, struct request *request) {
    return payment_sim_settle(world->db, request->a, world->now_ms);
}

enum callback { CALLBACK_GOOD, CALLBACK_FORGED, CALLBACK_AMOUNT, CALLBACK_TRANSACTION, CALLBACKS };

void choose_callback(struct world *world, struct dice *dice, const struct order *order, bool wild,
                     struct request *request) {
    char signature[SIM_SIGNATURE_SIZE] = "";
    choose_payment(world, dice, order, wild, request);
    request->variant = wrong(dice, wild, 2) ? dice_roll(dice, CALLBACKS) : CALLBACK_GOOD;
    /* only what the provider's book says is settled is told by it */
    bool settled =
        world_number(world, "SELECT COUNT(*) FROM sim_payments WHERE id = $1 AND txn IS NOT NULL",
                     request->a) == 1 &&
        payment_sim_notice(&world->book, world->db, request->a, request->b, signature) == ORDER_OK;
    if (!settled || request->variant == CALLBACK_AMOUNT ||
        request->variant == CALLBACK_TRANSACTION) {
        bool amount = request->variant == CALLBACK_AMOUNT;
        snprintf(request->b, sizeof request->b,
                 "{\"payment\":\"%s\",\"transaction\":\"%s\",\"amountFen\":%d,\"result\":\"PAID\"}",
                 request->a, amount ? "1" : "2222", amount ? 1 : 20000);
        /* genuine, but for another amount or transaction than ours: of a payment that was settled */
        if (settled) {
            (void)payment_sim_sign(&world->book, request->b, strlen(request->b), signature);
        }
    }
    if (request->variant == CALLBACK_FORGED) {
        signature[0] = signature[0] == '0' ? '1' : '0';
    }
    snprintf(request->c, sizeof request->c, "%s", signature);
}

enum order_error send_callback(struct world *world, struct request *request) {
    return payment_callback(world->engine, world->db, request->b, strlen(request->b), request->c);
}

/* ---- transfers ---- */

void choose_voucher(struct world *world, struct dice *dice, const struct order *order, bool wild,
                    struct request *request) {
    aim(world, dice, order, wild, request);
    world_text(world, request->a, sizeof request->a, "SELECT name FROM subjects WHERE id = $1",
               order->subject);
    if (wrong(dice, wild, 3)) {
        snprintf(request->a, sizeof request->a, "别人");
    }
    snprintf(request->b, sizeof request->b, "%s", wrong(dice, wild, 6) ? "B" : "J voucher");
}

enum order_error send_voucher(struct world *world, struct request *request) {
    struct order order;
    json_t *extra = json_object();
    enum order_error error =
        voucher_put(world->engine, world->db, caller_of(request), request->number, request->version,
                    request->a, request->b, strlen(request->b), &order, extra);
    json_decref(extra);
    return error;
}

void choose_finance(struct world *world, struct dice *dice, const struct order *order, bool wild,
                    struct request *request) {
    aim_staff(world, dice, order, wild, FINANCE, request);
    request->variant = dice_roll(dice, 3) == 0 ? 1 : 0;
    snprintf(request->a, sizeof request->a, "bank-%u",
             wrong(dice, wild, 4) ? request->seed % 2 : request->seed);
}

enum order_error send_finance(struct world *world, struct request *request) {
    struct order order;
    bool accept = request->variant == 0;
    return voucher_decide(world->engine, world->db, caller_of(request), request->number,
                          request->version, accept, accept ? request->a : NULL,
                          accept ? NULL : "unreadable", &order);
}

void choose_refunded(struct world *world, struct dice *dice, const struct order *order, bool wild,
                     struct request *request) {
    aim_staff(world, dice, order, wild, FINANCE, request);
}

enum order_error send_refunded(struct world *world, struct request *request) {
    struct order order;
    return voucher_refunded(world->engine, world->db, caller_of(request), request->number,
                            request->version, "bank-back", &order);
}

/* ---- reviewing ---- */

/* The first, unless he has approved already. */
static enum who reviewer(struct world *world, struct dice *dice, const struct order *order,
                         bool wild) {
    bool second = wild ? dice_roll(dice, 2) == 0
                       : world_number(world,
                                      "SELECT COUNT(*) FROM reviews r JOIN orders o ON o.id = "
                                      "r.order_id WHERE o.id = $1 AND r.reviewer = 'reviewer1' AND "
                                      "r.decision = 'APPROVED' AND r.round = o.version",
                                      order->id) > 0;
    return second ? REVIEWER_2 : REVIEWER_1;
}

void choose_see(struct world *world, struct dice *dice, const struct order *order, bool wild,
                struct request *request) {
    aim_staff(world, dice, order, wild, reviewer(world, dice, order, wild), request);
}

enum order_error send_see(struct world *world, struct request *request) {
    char types[32][MATERIAL_TYPE_MAX];
    char mime[32];
    size_t count = 0;
    struct db_rows *rows = NULL;
    enum order_error error = ORDER_OK;
    if (db_query(world->db, &rows,
                 "SELECT d.type FROM documents d JOIN orders o ON o.id = d.order_id WHERE "
                 "o.public_no = $1",
                 "t", request->number) == DB_OK) {
        while (count < 32 && db_next(rows) == DB_OK) {
            snprintf(types[count++], MATERIAL_TYPE_MAX, "%s", db_text(rows, 0));
        }
    }
    db_end(rows);
    for (size_t i = 0; error == ORDER_OK && i < count; i++) {
        struct octets bytes = {NULL, 0};
        error = material_get(world->engine, world->db, caller_of(request), request->number,
                             types[i], &bytes, mime);
        octets_free(&bytes);
    }
    return error;
}

void choose_review(struct world *world, struct dice *dice, const struct order *order, bool wild,
                   struct request *request) {
    aim_staff(world, dice, order, wild, reviewer(world, dice, order, wild), request);
    request->variant = wrong(dice, wild, 2) ? dice_roll(dice, 3) : REVIEW_APPROVE;
}

enum order_error send_review(struct world *world, struct request *request) {
    struct order order;
    return review_decide(world->engine, world->db, caller_of(request), request->number,
                         request->version, (enum review_decision)request->variant,
                         request->seed % 8 == 0 ? NULL : "unclear", &order);
}

/* ---- operators ---- */

void choose_papers(struct world *world, struct dice *dice, const struct order *order, bool wild,
                   struct request *request) {
    aim_staff(world, dice, order, wild, OPERATOR, request);
}

enum order_error send_papers(struct world *world, struct request *request) {
    struct order order;
    return operator_papers(world->engine, world->db, caller_of(request), request->number,
                           request->version, &order);
}

void choose_ship(struct world *world, struct dice *dice, const struct order *order, bool wild,
                 struct request *request) {
    aim_staff(world, dice, order, wild, OPERATOR, request);
    snprintf(request->a, sizeof request->a, "%s", wrong(dice, wild, 4) ? "" : "SF123456");
}

enum order_error send_ship(struct world *world, struct request *request) {
    struct order order;
    return operator_ship(world->engine, world->db, caller_of(request), request->number,
                         request->version, "SF", request->a, &order);
}

void choose_give_up(struct world *world, struct dice *dice, const struct order *order, bool wild,
                    struct request *request) {
    aim_staff(world, dice, order, wild, OPERATOR, request);
}

enum order_error send_give_up(struct world *world, struct request *request) {
    struct order order;
    return operator_give_up(world->engine, world->db, caller_of(request), request->number,
                            request->version, "no more keys", &order);
}

void choose_retry(struct world *world, struct dice *dice, const struct order *order, bool wild,
                  struct request *request) {
    aim_staff(world, dice, order, wild, OPERATOR, request);
}

enum order_error send_retry(struct world *world, struct request *request) {
    struct order order;
    return task_retry(world->engine, world->db, caller_of(request), request->number,
                      request->version, &order);
}

/* ---- afterwards ---- */

void choose_receive(struct world *world, struct dice *dice, const struct order *order, bool wild,
                    struct request *request) {
    aim(world, dice, order, wild, request);
}

enum order_error send_receive(struct world *world, struct request *request) {
    struct order order;
    return receipt_confirm(world->engine, world->db, caller_of(request), request->number,
                           request->version, &order);
}

void choose_invoice(struct world *world, struct dice *dice, const struct order *order, bool wild,
                    struct request *request) {
    aim(world, dice, order, wild, request);
    request->variant = wrong(dice, wild, 3) ? 1 : 0;
}

enum order_error send_invoice(struct world *world, struct request *request) {
    json_t *out = NULL;
    json_t *extra = json_object();
    json_t *fields = request->variant == 0 ? json_pack("{s:s,s:s}", "invoiceTitle", "某某",
                                                       "invoiceEmail", "fp@example.cn")
                                           : json_pack("{s:s}", "invoiceTitle", "个人");
    enum order_error error = invoice_request(world->engine, world->db, caller_of(request),
                                             request->number, fields, &out, extra);
    json_decref(out);
    json_decref(extra);
    json_decref(fields);
    return error;
}
