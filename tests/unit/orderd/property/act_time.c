/* What nobody asks for: deliveries, sweeps, time, third parties that break and come back. */
#include "tests/unit/orderd/property/act_parts.h"

#include "tools/orderd/engine/advance.h"
#include "tools/orderd/engine/invoice.h"
#include "tools/orderd/engine/limit.h"
#include "tools/orderd/engine/message.h"
#include "tools/orderd/engine/payment.h"
#include "tools/orderd/engine/review.h"
#include "tools/orderd/engine/standing.h"
#include "tools/orderd/engine/task.h"

#include <string.h>

/* ---- the outbox ---- */

static bool deliver_callback(struct world *world, const struct outbox_item *item) {
    char body[SIM_BODY_SIZE];
    char signature[SIM_SIGNATURE_SIZE];
    const char *id = json_string_value(json_object_get(item->payload, "id"));
    if (payment_sim_notice(&world->book, world->db, id, body, signature) != ORDER_OK) {
        return false;
    }
    enum order_error error =
        payment_callback(world->engine, world->db, body, strlen(body), signature);
    return error == ORDER_OK || error == ORDER_PAYMENT_MISMATCH || error == ORDER_CALLBACK_REFUSED;
}

/* As third/worker.c has it. */
static bool deliver(struct world *world, const struct outbox_item *item) {
    const char *order = json_string_value(json_object_get(item->payload, "order"));
    const char *payment = json_string_value(json_object_get(item->payload, "payment"));
    if (strcmp(item->topic, TOPIC_MESSAGE) == 0) {
        return message_deliver(world->engine, world->db, item->id, item->payload) == ORDER_OK;
    }
    if (strcmp(item->topic, TOPIC_NOTIFY) == 0) {
        return message_notify(world->engine, world->db, item->id, item->payload) == ORDER_OK;
    }
    if (strcmp(item->topic, TOPIC_APPLY_CA) == 0) {
        return standing_apply(world->engine, world->db, order) == ORDER_OK;
    }
    if (strcmp(item->topic, TOPIC_INVOICE) == 0) {
        return invoice_issue(world->engine, world->db, order) == ORDER_OK;
    }
    if (strcmp(item->topic, TOPIC_INVOICE_RED) == 0) {
        return invoice_reverse(world->engine, world->db, order) == ORDER_OK;
    }
    if (strcmp(item->topic, TOPIC_REFUND) == 0) {
        return payment_refund(world->engine, world->db, payment) == ORDER_OK;
    }
    if (strcmp(item->topic, TOPIC_SIM_CALLBACK) == 0) {
        return deliver_callback(world, item);
    }
    world_expect(world, false, "nobody delivers %s", item->topic);
    return false;
}

bool act_deliver_one(struct world *world, bool crash) {
    struct outbox_item item;
    if (outbox_take(world->db, world->now_ms, &item) != ORDER_OK) {
        return false;
    }
    bool done = deliver(world, &item);
    if (world->loud) {
        printf("      %s %s\n", item.topic,
               done ? crash ? "delivered, not noted" : "delivered" : "failed");
    }
    if (done && !crash) {
        (void)outbox_done(world->db, item.id);
    }
    outbox_item_clear(&item);
    return true;
}

void choose_deliver(struct world *world, struct dice *dice, const struct order *order, bool wild,
                    struct request *request) {
    (void)world;
    (void)order;
    request->variant = wrong(dice, wild, 3) ? 1 : 30;
    request->seed = wrong(dice, wild, 4) ? 1 : 0; /* a crash after each delivery */
}

enum order_error send_deliver(struct world *world, struct request *request) {
    for (uint32_t i = 0; i < request->variant && act_deliver_one(world, request->seed == 1); i++) {
    }
    return ORDER_OK;
}

/* ---- time ---- */

void choose_sweep(struct world *world, struct dice *dice, const struct order *order, bool wild,
                  struct request *request) {
    (void)world;
    (void)dice;
    (void)order;
    (void)wild;
    (void)request;
}

enum order_error send_sweep(struct world *world, struct request *request) {
    int count = 0;
    (void)request;
    bool done = task_sweep(world->engine, world->db, &count) == ORDER_OK &&
                application_expire_idle(world->engine, world->db, &count) == ORDER_OK &&
                receipt_sweep(world->engine, world->db, &count) == ORDER_OK &&
                session_sweep(world->db, world->now_ms) == ORDER_OK &&
                limit_sweep(world->db, world->now_ms) == ORDER_OK;
    world_expect(world, done, "a sweep failed: %s", db_message(world->db));
    return ORDER_OK;
}

void choose_wait(struct world *world, struct dice *dice, const struct order *order, bool wild,
                 struct request *request) {
    /* seconds; long ones are rare */
    static const uint32_t waits[] = {1,   2,    61,    61,    61,     400,     400,      700,
                                     700, 4000, 90000, 90000, 700000, 2700000, 32000000, 90000};
    (void)world;
    (void)order;
    (void)wild;
    request->variant = waits[dice_roll(dice, 16)];
}

enum order_error send_wait(struct world *world, struct request *request) {
    world->now_ms += (int64_t)request->variant * 1000;
    return ORDER_OK;
}

void choose_break(struct world *world, struct dice *dice, const struct order *order, bool wild,
                  struct request *request) {
    (void)world;
    (void)order;
    (void)wild;
    request->variant = dice_roll(dice, 2) == 0 ? 0 : dice_roll(dice, 64);
}

enum order_error send_break(struct world *world, struct request *request) {
    world->failures = request->variant;
    return ORDER_OK;
}
