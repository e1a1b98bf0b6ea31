/* See guide.h. */
#include "tests/unit/orderd/property/guide.h"

#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/material.h"
#include "tools/orderd/engine/registry.h"
#include "tools/orderd/engine/statement.h"

#include <string.h>

static int64_t count(struct world *world, const char *sql, const struct order *order) {
    return world_number(world, sql, order->id);
}

/* Is everything that the open gates of the form ask for there? */
static bool form_is_full(struct world *world, const struct order *order) {
    struct subject_record subject;
    json_t *form = NULL;
    json_t *errors = json_array();
    unsigned gates = 0;
    for (size_t i = 0; i < order->gate_count; i++) {
        gates |= order->gates[i].status == GATE_OPEN ? GATES(order->gates[i].gate) : 0;
    }
    bool full = registry_subject(world->engine, world->db, order->subject, &subject) == ORDER_OK &&
                form_load(world->engine, world->db, order, &form) == ORDER_OK;
    if (full) {
        form_check(world->engine, order, subject_type_of(subject.type), form,
                   gates & (GATES(GATE_AGREE) | GATES(GATE_FORM) | GATES(GATE_INVOICE_INFO) |
                            GATES(GATE_DELIVERY)),
                   LANGUAGE_EN, errors);
        full = json_array_size(errors) == 0;
    }
    json_decref(form);
    json_decref(errors);
    return full;
}

static enum act next_of_check(struct world *world, const struct order *order) {
    char method[16];
    if (!world_text(world, method, sizeof method,
                    "SELECT method FROM verifications WHERE order_id = $1 AND state = 'PENDING' "
                    "ORDER BY created DESC, id LIMIT 1",
                    order->id)) {
        return ACT_VERIFY;
    }
    if (strcmp(method, "TRANSFER") == 0) {
        bool sent =
            count(world,
                  "SELECT COUNT(*) FROM verifications v JOIN sim_transfers t ON t.id = v.id "
                  "WHERE v.order_id = $1 AND v.state = 'PENDING'",
                  order) > 0;
        bool tried = count(world,
                           "SELECT COALESCE(MAX(tries), 0) FROM verifications WHERE order_id "
                           "= $1 AND state = 'PENDING'",
                           order) > 3;
        return sent && !tried ? ACT_ANSWER : ACT_VERIFY;
    }
    if (strcmp(method, "FACE") != 0) {
        return ACT_VERIFY;
    }
    int64_t waiting = count(
        world,
        "SELECT COUNT(*) FROM sim_faces f JOIN verifications v ON v.id = f.id WHERE v.order_id = "
        "$1 AND v.state = 'PENDING' AND f.state = 'WAITING'",
        order);
    return waiting > 0 ? ACT_FACE : ACT_LOOK;
}

static bool documents_are_there(struct world *world, const struct order *order) {
    const struct profile *profile = world->engine->profile;
    struct subject_record subject;
    char there[8];
    char sql[160];
    if (registry_subject(world->engine, world->db, order->subject, &subject) != ORDER_OK) {
        return false;
    }
    for (size_t i = 0; i < profile->document_count; i++) {
        const struct document_rule *rule = &profile->documents[i];
        snprintf(sql, sizeof sql, "SELECT '1' FROM documents WHERE order_id = $1 AND type = '%s'",
                 rule->type);
        if ((rule->kinds & KINDS(order->kind)) != 0 &&
            (rule->subjects & subject_type_of(subject.type)) != 0 && rule->required &&
            !world_text(world, there, sizeof there, sql, order->id)) {
            return false;
        }
    }
    return true;
}

/* A code that still counts for the order as it is. */
static bool code_is_sent(struct world *world, const struct order *order) {
    char digest[DIGEST_HEX_SIZE];
    char sql[160];
    snprintf(
        sql, sizeof sql,
        "SELECT COUNT(*) FROM otp_codes WHERE target = $1 AND used = 0 AND tries < 5 AND expires > "
        "%lld",
        (long long)world->now_ms);
    return statement_digest(world->engine, world->db, order, digest) == ORDER_OK &&
           world_number(world, sql, digest) > 0;
}

static bool messages_wait(struct world *world) {
    return world_number(world, "SELECT COUNT(*) FROM outbox WHERE done = 0 AND topic = 'message'",
                        NULL) > 0;
}

static enum act next_of_confirmation(struct world *world, struct dice *dice,
                                     const struct order *order) {
    unsigned ways = profile_confirms(world->engine->profile, order->kind);
    if ((ways & CONFIRM_TOKEN) != 0 && ((ways & CONFIRM_SMS) == 0 || dice_roll(dice, 2) == 0)) {
        return ACT_CONFIRM_KEY;
    }
    if ((ways & CONFIRM_ANSWER) != 0 && ((ways & CONFIRM_SMS) == 0 || dice_roll(dice, 2) == 0)) {
        return ACT_CONFIRM_ANSWER;
    }
    return code_is_sent(world, order)
               ? (messages_wait(world) ? ACT_DELIVER : ACT_CONFIRM_CODE)
               : (dice_roll(dice, 4) == 0 ? ACT_WAIT : ACT_SEND_CODE); /* a minute between codes */
}

static enum act next_of_payment(struct world *world, struct dice *dice, const struct order *order) {
    unsigned channels = world->engine->profile->channels;
    if ((channels & CHANNEL_TRANSFER) != 0 &&
        (channels == CHANNEL_TRANSFER || dice_roll(dice, 6) == 0)) {
        return ACT_VOUCHER;
    }
    if (count(world,
              "SELECT COUNT(*) FROM payments WHERE order_id = $1 AND state = 'PENDING' AND "
              "provider = 'sim'",
              order) == 0) {
        return ACT_PAY;
    }
    return count(world,
                 "SELECT COUNT(*) FROM payments p JOIN sim_payments s ON s.id = p.id WHERE "
                 "p.order_id = $1 AND p.state = 'PENDING' AND s.state = 'WAITING'",
                 order) > 0
               ? ACT_SETTLE
               : (dice_roll(dice, 2) == 0 ? ACT_CALLBACK : ACT_DELIVER);
}

/* All documents by one reviewer, who then decides; of kinds that need two, by another one. */
static enum act next_of_review(struct world *world, const struct order *order) {
    bool first =
        count(world,
              "SELECT COUNT(*) FROM reviews r JOIN orders o ON o.id = r.order_id WHERE o.id = "
              "$1 AND r.reviewer = 'reviewer1' AND r.decision = 'APPROVED' AND r.round = "
              "o.version",
              order) == 0;
    return count(
               world,
               first
                   ? "SELECT COUNT(*) FROM documents WHERE order_id = $1 AND viewed <> 'reviewer1'"
                   : "SELECT COUNT(*) FROM documents WHERE order_id = $1 AND viewed <> 'reviewer2'",
               order) == 0
               ? ACT_REVIEW
               : ACT_SEE;
}

static enum act next_of_task(struct world *world, struct dice *dice, const struct order *order) {
    bool leased =
        count(world, "SELECT COUNT(*) FROM issue_tasks WHERE order_id = $1 AND state = 'LEASED'",
              order) > 0;
    bool issued =
        count(world,
              "SELECT COUNT(*) FROM issuances i JOIN issue_tasks t ON i.task = t.id WHERE "
              "t.order_id = $1 AND i.state = 'ISSUED'",
              order) > 0;
    if (!leased) {
        /* the code comes by mail, and may be asked for again */
        uint32_t die = issue_way_of(order) == WAY_CODE ? dice_roll(dice, 8) : 1;
        return die == 0 ? ACT_SEND_DOWNLOAD : die >= 5 ? ACT_DELIVER : ACT_CLAIM;
    }
    uint32_t die = dice_roll(dice, 24);
    if (die < 3) {
        return die == 0 ? ACT_CLAIM : ACT_FAIL;
    }
    return issued ? ACT_PROVE : ACT_CSR;
}

enum act guide_next(struct world *world, struct dice *dice, const struct order *order) {
    switch (order->state) {
    case STATE_DRAFT:
        return form_is_full(world, order) ? ACT_SUBMIT : ACT_EDIT;
    case STATE_RETURNED:
        return ACT_EDIT;
    case STATE_AWAIT_VERIFY:
        return next_of_check(world, order);
    case STATE_AWAIT_KEY:
        return ACT_KEY_LOGIN;
    case STATE_AWAIT_MATERIALS:
        return documents_are_there(world, order) ? ACT_MATERIALS : ACT_DOCUMENT;
    case STATE_AWAIT_CONFIRM:
        return next_of_confirmation(world, dice, order);
    case STATE_AWAIT_PAPERS:
        return ACT_PAPERS;
    case STATE_AWAIT_PAYMENT:
        return next_of_payment(world, dice, order);
    case STATE_PAY_REVIEW:
        return ACT_FINANCE;
    case STATE_IN_REVIEW:
        return next_of_review(world, order);
    case STATE_APPROVED:
    case STATE_PRODUCING:
        return order_next_gate(order) == GATE_SHIP ? ACT_SHIP : next_of_task(world, dice, order);
    case STATE_SHIPPED:
        return ACT_RECEIVE;
    case STATE_READY_TO_ISSUE:
    case STATE_ISSUING:
        return order_next_gate(order) == GATE_APPLY_CA ? ACT_DELIVER
                                                       : next_of_task(world, dice, order);
    case STATE_ISSUED:
        return ACT_DELIVER;
    case STATE_REFUNDING:
        return count(
                   world,
                   "SELECT COUNT(*) FROM payments WHERE order_id = $1 AND channel = 'TRANSFER' AND "
                   "state = 'REFUNDING'",
                   order) > 0
                   ? ACT_REFUNDED
                   : ACT_DELIVER;
    case STATE_ISSUE_FAILED:
        return dice_roll(dice, 2) == 0 ? ACT_RETRY : ACT_GIVE_UP;
    default:
        return ACT_COUNT;
    }
}
