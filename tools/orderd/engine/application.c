/* See application.h. */
#include "tools/orderd/engine/application.h"

#include "module/formats/calendar.h"
#include "tools/orderd/engine/answer.h"
#include "tools/orderd/engine/field.h"
#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/handover.h"
#include "tools/orderd/engine/payment.h"
#include "tools/orderd/engine/recovery.h"
#include "tools/orderd/engine/task.h"
#include "tools/orderd/engine/token.h"
#include "tools/orderd/engine/transition.h"
#include "tools/orderd/engine/unlock.h"
#include "tools/orderd/engine/verification.h"
#include "tools/orderd/engine/view.h"

#include <stdio.h>
#include <string.h>

enum { TERMS_MAX = 8 };

/* ---- eligibility ---- */

struct verdict {
    const char *code;
    enum text reason;
};

static struct verdict verdict_of(enum order_error error, enum window_result window) {
    switch (error) {
    case ORDER_OK:
        return window == WINDOW_TOO_EARLY ? (struct verdict){"RENEWAL_TOO_EARLY", TEXT_TOO_EARLY}
                                          : (struct verdict){"ELIGIBLE", TEXT_ELIGIBLE};
    case ORDER_CERTIFICATE_HELD:
        return (struct verdict){"CERTIFICATE_HELD", TEXT_HELD};
    case ORDER_CERTIFICATE_REVOKED:
        return (struct verdict){"CERTIFICATE_REVOKED", TEXT_REVOKED};
    case ORDER_CERTIFICATE_SUPERSEDED:
        return (struct verdict){"CERTIFICATE_SUPERSEDED", TEXT_SUPERSEDED};
    case ORDER_TOKEN_STATE:
        return (struct verdict){"TOKEN_STATE", TEXT_KEY_NOT_RENEWED};
    case ORDER_CERTIFICATE_EXPIRED:
        return (struct verdict){"RENEWAL_TOO_LATE", TEXT_TOO_LATE};
    default:
        return (struct verdict){"CERTIFICATE_UNKNOWN", TEXT_UNKNOWN};
    }
}

static json_t *terms_of(const struct profile *profile, int64_t not_after, int64_t now) {
    int years[TERMS_MAX];
    json_t *list = json_array();
    size_t count = profile_terms(profile, KIND_RENEW, SUBJECT_ANY, years, TERMS_MAX);
    for (size_t i = 0; i < count; i++) {
        int64_t price = profile_price(profile, KIND_RENEW, SUBJECT_ANY, years[i]);
        json_array_append_new(
            list, json_pack("{s:i,s:I,s:o}", "years", years[i], "amountFen", (json_int_t)price,
                            "validUntil", view_date(renewal_not_after(not_after, now, years[i]))));
    }
    return list;
}

enum order_error application_eligibility(const struct engine *engine, struct db *db,
                                         const struct caller *caller, const char *sha256,
                                         json_t **out) {
    struct certificate_record certificate;
    char date[11];
    char reason[512];
    int64_t now = engine_now(engine);
    *out = NULL;
    enum order_error error = certificate_of_caller(db, caller, sha256, &certificate);
    if (error == ORDER_CERTIFICATE_UNKNOWN) {
        struct verdict unknown = verdict_of(error, WINDOW_OPEN);
        *out = json_pack("{s:b,s:s,s:s}", "eligible", 0, "code", unknown.code, "reason",
                         text_get(unknown.reason, caller->language));
        return *out != NULL ? ORDER_OK : ORDER_INTERNAL;
    }
    if (error != ORDER_OK) {
        return error;
    }
    error = registry_certificate_usable(engine, &certificate);
    if (error == ORDER_OK && certificate.token[0] != '\0') {
        error = token_may_renew(db, certificate.token);
    }
    struct window window = renewal_window(&engine->profile->renewal, certificate.not_after, now);
    struct verdict verdict = verdict_of(error, window.result);
    bool eligible = error == ORDER_OK && window.result == WINDOW_OPEN;
    calendar_date_text(window.result == WINDOW_TOO_EARLY ? window.earliest : window.latest, date);
    text_fill(verdict.reason, caller->language, "date", date, reason, sizeof reason);
    *out =
        json_pack("{s:b,s:s,s:s,s:I,s:o,s:o,s:o}", "eligible", (int)eligible, "code", verdict.code,
                  "reason", reason, "daysLeft", (json_int_t)window.days_left, "earliest",
                  view_date(window.earliest), "latest", view_date(window.latest), "terms",
                  eligible ? terms_of(engine->profile, certificate.not_after, now) : json_array());
    return *out != NULL ? ORDER_OK : ORDER_INTERNAL;
}

/* ---- create ---- */

/* The certificates that a kind of business may be about, by their state. */
enum standing { STANDING_VALID = 1, STANDING_HELD = 2, STANDING_ANY = 4 };
static const unsigned standings[KIND_COUNT] = {
    [KIND_RENEW] = STANDING_VALID,
    [KIND_REPLACE] = STANDING_VALID | STANDING_HELD,
    [KIND_CHANGE] = STANDING_VALID,
    [KIND_UNLOCK] = STANDING_VALID,
    [KIND_FREEZE] = STANDING_VALID,
    [KIND_UNFREEZE] = STANDING_HELD,
    [KIND_REVOKE] = STANDING_VALID | STANDING_HELD,
    [KIND_KEY_RECOVERY] = STANDING_VALID,
    [KIND_UNBIND] = STANDING_ANY,
};

static enum order_error check_window(const struct engine *engine,
                                     const struct certificate_record *certificate, json_t *extra) {
    struct window window =
        renewal_window(&engine->profile->renewal, certificate->not_after, engine_now(engine));
    enum order_error error = registry_certificate_usable(engine, certificate);
    if (error == ORDER_CERTIFICATE_EXPIRED) {
        error = ORDER_RENEWAL_TOO_LATE;
        json_object_set_new(extra, "latest", view_date(window.latest));
    } else if (error == ORDER_OK && window.result == WINDOW_TOO_EARLY) {
        error = ORDER_RENEWAL_TOO_EARLY;
        json_object_set_new(extra, "earliest", view_date(window.earliest));
    }
    return error;
}

/* R049: was the certificate made by a finished NEW order of this service? */
static enum order_error check_made_here(struct db *db,
                                        const struct certificate_record *certificate) {
    struct order order;
    enum order_error error = certificate->order[0] != '\0'
                                 ? order_load_id(db, certificate->order, &order)
                                 : ORDER_NOT_FOUND;
    if (error == ORDER_OK && (order.kind != KIND_NEW || order.state != STATE_COMPLETED)) {
        error = ORDER_NOT_OFFERED;
    }
    return error == ORDER_NOT_FOUND ? ORDER_NOT_OFFERED : error;
}

static enum order_error check_standing(const struct engine *engine, struct db *db,
                                       enum order_kind kind,
                                       const struct certificate_record *certificate,
                                       json_t *extra) {
    unsigned allowed = standings[kind];
    if (kind == KIND_RENEW) {
        return check_window(engine, certificate, extra);
    }
    if ((allowed & STANDING_ANY) != 0) {
        return ORDER_OK;
    }
    enum order_error error = registry_certificate_usable(engine, certificate);
    if (error == ORDER_CERTIFICATE_HELD && (allowed & STANDING_HELD) != 0) {
        error = ORDER_OK;
    } else if (error == ORDER_OK && (allowed & STANDING_VALID) == 0) {
        error = ORDER_NOT_OFFERED;
    }
    if (error == ORDER_OK && engine_now(engine) > certificate->not_after) {
        error = ORDER_CERTIFICATE_EXPIRED; /* only a renewal takes what has expired */
    }
    if (error == ORDER_OK && kind == KIND_REPLACE && engine->profile->replace_made_here) {
        error = check_made_here(db, certificate);
    }
    return error;
}

static enum order_error name_open_order(const struct engine *engine, struct db *db,
                                        const struct order *order, json_t *extra) {
    struct order open;
    if (order_load_open(db, order->subject, engine->profile->id, kind_lane(order->kind), &open) ==
        ORDER_OK) {
        json_object_set_new(extra, "order", json_string(open.number));
    }
    return ORDER_OPEN_EXISTS;
}

/* What is done with a key. */
static const unsigned needs_key = KINDS(KIND_RENEW) | KINDS(KIND_REPLACE) | KINDS(KIND_CHANGE) |
                                  KINDS(KIND_UNLOCK) | KINDS(KIND_KEY_RECOVERY);

/* The order is about this certificate, its holder and its key. */
static enum order_error take_certificate(const struct engine *engine, struct db *db,
                                         const struct caller *caller, const char *sha256,
                                         struct order *order, struct subject_record *subject,
                                         json_t *extra) {
    struct certificate_record certificate;
    enum order_error error = certificate_of_caller(db, caller, sha256, &certificate);
    if (error != ORDER_OK) {
        return error;
    }
    if (caller->session.kind == SESSION_KEY &&
        strcmp(certificate.id, caller->session.certificate) != 0) {
        /* the key that applies is the key that logged in (R194) */
        return ORDER_WRONG_TOKEN;
    }
    if (certificate.token[0] == '\0' && (needs_key & KINDS(order->kind)) != 0) {
        return ORDER_NOT_OFFERED; /* a soft certificate that is lost or ends is applied for anew */
    }
    if (strcmp(certificate.usage, "ENC") == 0) {
        return ORDER_CERTIFICATE_NOT_FOR_SIGNING; /* its pair is what a business is about */
    }
    error = check_standing(engine, db, order->kind, &certificate, extra);
    if (error == ORDER_OK && order->kind == KIND_RENEW) {
        error = token_may_renew(db, certificate.token);
    } else if (error == ORDER_OK && order->kind == KIND_UNLOCK) {
        error = unlock_may_order(db, certificate.token);
    } else if (error == ORDER_OK && order->kind == KIND_KEY_RECOVERY) {
        error = recovery_may_order(db, certificate.subject);
    }
    if (error == ORDER_OK) {
        error = registry_subject(engine, db, certificate.subject, subject);
    }
    snprintf(order->subject, sizeof order->subject, "%s", certificate.subject);
    snprintf(order->certificate, sizeof order->certificate, "%s", certificate.id);
    snprintf(order->token, sizeof order->token, "%s", certificate.token);
    return error;
}

/* NEW: anybody with an account may name a subject; that he acts for it is what the order's approval proves (caller_link). */
static enum order_error take_subject(const struct engine *engine, struct db *db,
                                     const struct caller *caller, struct subject_record *subject,
                                     struct order *order) {
    if (caller->session.kind != SESSION_ACCOUNT) {
        return ORDER_NOT_OFFERED;
    }
    enum order_error error = registry_subject_ensure(engine, db, subject);
    snprintf(order->subject, sizeof order->subject, "%s", subject->id);
    return error;
}

/* The cheapest term that is sold stands until another is chosen. */
static enum order_error take_price(const struct engine *engine, enum subject_type type,
                                   struct order *order) {
    int years[1];
    if (profile_terms(engine->profile, order->kind, type, years, 1) == 0) {
        return ORDER_KIND_UNKNOWN;
    }
    order->years = years[0];
    order->amount_fen = profile_price(engine->profile, order->kind, type, years[0]);
    return ORDER_OK;
}

/* R041, R048: what an earlier order of the same subject had filled in, as far as this business asks for it. */
static enum order_error copy_form(const struct engine *engine, struct db *db,
                                  const struct caller *caller, const char *number,
                                  enum subject_type type, struct order *order) {
    struct order earlier;
    json_t *old = NULL;
    json_t *form = json_object();
    json_t *errors = json_array();
    enum order_error error = order_of_caller(db, caller, number, &earlier);
    if (error == ORDER_OK) {
        error = form_load(engine, db, &earlier, &old);
    }
    if (error == ORDER_OK) {
        /* what must be said anew each time is not copied */
        json_object_del(old, "agreement");
        json_object_del(old, "securityAnswer");
        error = form_patch(engine, db, order, type, form, old, caller->language, errors);
    }
    if (error == ORDER_OK) {
        error = form_save(engine, db, order, form);
    }
    if (error == ORDER_OK) {
        snprintf(order->source, sizeof order->source, "%s", earlier.id);
        error = order_error_of(db_run(db, NULL, "UPDATE orders SET source = $2 WHERE id = $1", "tt",
                                      order->id, order->source));
    }
    json_decref(old);
    json_decref(form);
    json_decref(errors);
    return error;
}

static enum order_error fill_in(const struct engine *engine, struct db *db,
                                const struct caller *caller, const struct application *application,
                                struct order *order, const struct flow **flow, json_t *extra) {
    struct subject_record subject;
    enum order_error error = ORDER_OK;
    if (application->kind == KIND_NEW) {
        error = take_subject(engine, db, caller, application->subject, order);
        subject = *application->subject;
    } else {
        error =
            take_certificate(engine, db, caller, application->certificate, order, &subject, extra);
    }
    if (error != ORDER_OK) {
        return error;
    }
    enum subject_type type = subject_type_of(subject.type);
    *flow = profile_flow(engine->profile, order->kind, type);
    if (*flow == NULL) {
        return ORDER_KIND_UNKNOWN;
    }
    if (order->medium == MEDIUM_SOFT && (engine->profile->soft & KINDS(order->kind)) == 0) {
        return ORDER_NOT_OFFERED;
    }
    return take_price(engine, type, order);
}

static enum order_error make_order(const struct engine *engine, struct db *db,
                                   const struct caller *caller,
                                   const struct application *application, const char *linked,
                                   json_t **out, json_t *extra) {
    const struct flow *flow = NULL;
    struct order order = {.kind = application->kind, .medium = application->medium};
    snprintf(order.linked, sizeof order.linked, "%s", linked);
    enum order_error error = caller_may_change(caller);
    if (error == ORDER_OK && caller_is_staff(caller)) {
        error = ORDER_FORBIDDEN; /* nobody could go on with it: see order_to_change */
    }
    if (error == ORDER_OK) {
        error = fill_in(engine, db, caller, application, &order, &flow, extra);
    }
    if (error != ORDER_OK) {
        return error;
    }
    snprintf(order.account, sizeof order.account, "%s", caller->session.account);
    error = order_insert(engine, db, flow, &order, caller_actor(caller));
    if (error == ORDER_OPEN_EXISTS) {
        return name_open_order(engine, db, &order, extra);
    }
    if (error == ORDER_OK && application->source != NULL) {
        error = copy_form(engine, db, caller, application->source, flow->subjects, &order);
    }
    if (error == ORDER_OK && order.account[0] != '\0') {
        error = handover_fill(engine, db, caller, flow->subjects, &order);
    }
    if (error == ORDER_OK && caller->session.kind == SESSION_KEY &&
        transition_is_allowed(&order, T25_KEY_LOGIN)) {
        error = transition_apply(engine, db, &order, T25_KEY_LOGIN, "user",
                                 caller->session.certificate, NULL);
    }
    return error == ORDER_OK ? view_order(engine, db, &order, caller, out) : error;
}

/* R022: the enterprise's seal and its legal representative's are applied for together, where the portal wants it. */
static enum order_error check_linked(const struct engine *engine, const struct caller *caller,
                                     const struct application *application, json_t *extra) {
    bool org = application->subject != NULL && strcmp(application->subject->type, "ORG") == 0;
    bool wanted = org && (engine->profile->linked & KINDS(application->kind)) != 0;
    if (application->linked == NULL && wanted) {
        json_t *errors = json_array();
        field_refuse(errors, "linked", TEXT_FIELD_LINKED, caller->language);
        json_object_set_new(extra, "errors", errors);
        return ORDER_FIELDS_INVALID;
    }
    return application->linked != NULL && application->kind != KIND_NEW ? ORDER_NOT_OFFERED
                                                                        : ORDER_OK;
}

/* One order, or two that name each other; both or none. */
static enum order_error make_orders(const struct engine *engine, struct db *db,
                                    const struct caller *caller,
                                    const struct application *application, json_t **out,
                                    json_t *extra) {
    char linked[ID_SIZE] = "";
    json_t *second = NULL;
    struct application other = *application;
    enum order_error error = check_linked(engine, caller, application, extra);
    if (error == ORDER_OK && application->linked != NULL) {
        other.subject = application->linked;
        other.source = NULL;
        error = identifier_random(linked)
                    ? make_order(engine, db, caller, &other, linked, &second, extra)
                    : ORDER_INTERNAL;
    }
    if (error == ORDER_OK) {
        error = make_order(engine, db, caller, application, linked, out, extra);
    }
    json_decref(second);
    return error;
}

enum order_error application_create(const struct engine *engine, struct db *db,
                                    const struct caller *caller,
                                    const struct application *application,
                                    const struct idempotency *idempotency, json_t **out,
                                    json_t *extra) {
    int64_t now_ms = engine_now_ms(engine);
    *out = NULL;
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = idempotency_find(engine, db, idempotency, now_ms, out);
    }
    if (error == ORDER_OK && *out == NULL) {
        error = make_orders(engine, db, caller, application, out, extra);
        if (error == ORDER_OK) {
            error = idempotency_keep(engine, db, idempotency, *out, now_ms);
        }
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    if (error != ORDER_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return error;
}

/* ---- edit, submit, cancel ---- */

static enum order_error finish_errors(json_t *errors, json_t *extra) {
    if (json_array_size(errors) == 0) {
        json_decref(errors);
        return ORDER_OK;
    }
    json_object_set_new(extra, "errors", errors);
    return ORDER_FIELDS_INVALID;
}

static enum order_error subject_type_of_order(const struct engine *engine, struct db *db,
                                              const struct order *order, enum subject_type *out) {
    struct subject_record subject;
    enum order_error error = registry_subject(engine, db, order->subject, &subject);
    *out = subject_type_of(subject.type);
    return error;
}

/* What was paid for keeps its price; the rest may still be put right (T11). *reopened: the checks of identity that are to be made
 * again. */
static enum order_error patch_form(const struct engine *engine, struct db *db, struct order *order,
                                   const json_t *patch, enum language language, unsigned *reopened,
                                   json_t *extra) {
    enum subject_type type = SUBJECT_ANY;
    json_t *form = NULL;
    json_t *before = NULL;
    json_t *errors = json_array();
    int64_t amount = order->amount_fen;
    bool paid = false;
    enum order_error error = subject_type_of_order(engine, db, order, &type);
    if (error == ORDER_OK) {
        error = payment_is_made(db, order, &paid);
    }
    if (error == ORDER_OK) {
        error = form_load(engine, db, order, &form);
    }
    if (error == ORDER_OK) {
        before = json_deep_copy(form);
        error = before != NULL ? form_patch(engine, db, order, type, form, patch, language, errors)
                               : ORDER_INTERNAL;
    }
    if (error == ORDER_OK && paid && order->amount_fen != amount) {
        field_refuse(errors, "years", TEXT_FIELD_YEARS_PAID, language);
    }
    if (error == ORDER_OK) {
        error = finish_errors(errors, extra);
        errors = NULL;
    }
    if (error == ORDER_OK) {
        error = form_save(engine, db, order, form);
    }
    if (error == ORDER_OK) {
        error = verification_reopen(db, order, before, form, reopened);
    }
    json_decref(errors);
    json_decref(before);
    json_decref(form);
    return error;
}

/* The edit happens; its event says which checks are to be made again. */
static enum order_error note_edit(const struct engine *engine, struct db *db,
                                  const struct caller *caller, enum transition transition,
                                  unsigned reopened, struct order *order) {
    char names[64] = "";
    size_t len = 0;
    for (unsigned gate = 0; gate < GATE_COUNT; gate++) {
        if ((reopened & GATES(gate)) != 0 && len < sizeof names) {
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len > 0 ? " " : "",
                                    gate_name((enum gate)gate));
        }
    }
    json_t *data = reopened != 0 ? json_pack("{s:s}", "reopened", names) : NULL;
    enum order_error error =
        transition_apply(engine, db, order, transition, caller_actor(caller), NULL, data);
    json_decref(data);
    return error;
}

/* Which edit it is: one that makes a confirmation void, or one of what comes after it. */
static enum transition edit_of(const struct engine *engine, const struct order *order,
                               enum subject_type type, const json_t *patch) {
    const char *name = NULL;
    json_t *value = NULL;
    if (order->state == STATE_RETURNED) {
        return T03_REWORK;
    }
    json_object_foreach((json_t *)patch, name, value) {
        if (!form_is_after_confirm(engine, order, type, name)) {
            return T03_EDIT;
        }
    }
    return T03_FILL;
}

/* An answer to the security question is counted before it is compared, and outside the transaction that compares it. */
static enum order_error count_answer(const struct engine *engine, struct db *db,
                                     const struct caller *caller, const char *number,
                                     int64_t version, const json_t *patch, json_t *extra) {
    struct order order;
    if (json_object_get(patch, "securityAnswer") == NULL) {
        return ORDER_OK;
    }
    enum order_error error = order_to_change(db, caller, number, version, &order);
    return error == ORDER_OK ? answer_count(engine, db, &order, extra) : error;
}

enum order_error application_edit(const struct engine *engine, struct db *db,
                                  const struct caller *caller, const char *number, int64_t version,
                                  const json_t *patch, struct order *out, json_t *extra) {
    enum transition transition = T03_EDIT;
    enum subject_type type = SUBJECT_ANY;
    unsigned reopened = 0;
    enum order_error error = count_answer(engine, db, caller, number, version, patch, extra);
    if (error == ORDER_OK) {
        error = order_error_of(db_begin(db));
    }
    if (error == ORDER_OK) {
        error = order_to_change(db, caller, number, version, out);
    }
    if (error == ORDER_OK) {
        error = subject_type_of_order(engine, db, out, &type);
    }
    if (error == ORDER_OK) {
        transition = edit_of(engine, out, type, patch);
        error = transition_is_allowed(out, transition) ? ORDER_OK : ORDER_WRONG_STATE;
    }
    if (error == ORDER_OK) {
        error = patch_form(engine, db, out, patch, caller->language, &reopened, extra);
    }
    if (error == ORDER_OK) {
        error = payment_close_open(engine, db, out);
    }
    if (error == ORDER_OK) {
        error = note_edit(engine, db, caller, transition, reopened, out);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

/* The gates that a submission finishes now: those of the form that come next. */
static unsigned open_forms(const struct order *order) {
    static const unsigned forms =
        GATES(GATE_AGREE) | GATES(GATE_FORM) | GATES(GATE_INVOICE_INFO) | GATES(GATE_DELIVERY);
    unsigned gates = 0;
    for (size_t i = 0; i < order->gate_count; i++) {
        if (order->gates[i].status == GATE_OPEN) {
            if ((forms & GATES(order->gates[i].gate)) == 0) {
                break;
            }
            gates |= GATES(order->gates[i].gate);
        }
    }
    return gates;
}

static enum order_error check_form(const struct engine *engine, struct db *db,
                                   const struct order *order, enum language language,
                                   json_t *extra) {
    enum subject_type type = SUBJECT_ANY;
    json_t *form = NULL;
    json_t *errors = json_array();
    enum order_error error = subject_type_of_order(engine, db, order, &type);
    if (error == ORDER_OK) {
        error = form_load(engine, db, order, &form);
    }
    if (error == ORDER_OK) {
        form_check(engine, order, type, form, open_forms(order), language, errors);
        error = finish_errors(errors, extra);
        errors = NULL;
    }
    json_decref(errors);
    json_decref(form);
    return error;
}

enum order_error application_submit(const struct engine *engine, struct db *db,
                                    const struct caller *caller, const char *number,
                                    int64_t version, struct order *out, json_t *extra) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = order_to_change(db, caller, number, version, out);
    }
    if (error == ORDER_OK && !transition_is_allowed(out, T02_SUBMIT)) {
        error = ORDER_WRONG_STATE;
    }
    if (error == ORDER_OK) {
        error = check_form(engine, db, out, caller->language, extra);
    }
    if (error == ORDER_OK) {
        json_t *data = json_pack("{s:I,s:I}", "years", (json_int_t)out->years, "amountFen",
                                 (json_int_t)out->amount_fen);
        error = transition_apply(engine, db, out, T02_SUBMIT, caller_actor(caller), NULL, data);
        json_decref(data);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

/* An order that waits for a key: R043 lets the applicant end what is not paid, and what was paid and not reviewed once it cannot be done
 * any more. The rest stands, and is an operator's to give up. */
static enum order_error cancel_ready(const struct engine *engine, struct db *db,
                                     const struct order *order, bool paid) {
    bool reviewed = flow_has(order->gates, order->gate_count, GATE_REVIEW);
    if (order_next_gate(order) != GATE_ISSUE || (paid && reviewed)) {
        return ORDER_WRONG_STATE;
    }
    if (paid) {
        struct issue_plan plan;
        enum order_error error = issue_plan_of(engine, db, order, &plan);
        bool can_be_done = error == ORDER_OK && issue_plan_check(engine, &plan) == ORDER_OK;
        issue_plan_clear(&plan);
        if (error != ORDER_OK || can_be_done) {
            return error == ORDER_OK ? ORDER_WRONG_STATE : error;
        }
    }
    return task_abandon(engine, db, order);
}

static enum order_error cancel(const struct engine *engine, struct db *db,
                               const struct caller *caller, struct order *order) {
    bool paid = false;
    enum order_error error = payment_is_made(db, order, &paid);
    if (error == ORDER_OK && order->state == STATE_READY_TO_ISSUE) {
        error = cancel_ready(engine, db, order, paid);
    }
    if (error == ORDER_OK && paid) {
        order->closing = STATE_CANCELLED;
        error = transition_apply(engine, db, order, T22_CANCEL_REFUND, caller_actor(caller), NULL,
                                 NULL);
        return error == ORDER_OK ? payment_give_back(engine, db, order) : error;
    }
    if (error == ORDER_OK) {
        error = transition_apply(engine, db, order, T22_CANCEL, caller_actor(caller), NULL, NULL);
    }
    return error == ORDER_OK ? payment_close_open(engine, db, order) : error;
}

/* Orders that were made together end together, as far as the other can still be cancelled. */
static enum order_error cancel_linked(const struct engine *engine, struct db *db,
                                      const struct caller *caller, const struct order *order) {
    struct order other;
    struct db_rows *rows = NULL;
    char id[ID_SIZE];
    if (order->linked[0] == '\0') {
        return ORDER_OK;
    }
    enum db_result result =
        db_query(db, &rows, "SELECT id FROM orders WHERE linked = $1 AND id <> $2 AND is_open = 1",
                 "tt", order->linked, order->id);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    snprintf(id, sizeof id, "%s", result == DB_OK ? db_text(rows, 0) : "");
    db_end(rows);
    if (result != DB_OK) {
        return result == DB_DONE ? ORDER_OK : order_error_of(result);
    }
    enum order_error error = order_load_id(db, id, &other);
    if (error == ORDER_OK) {
        error = cancel(engine, db, caller, &other);
        error = error == ORDER_WRONG_STATE ? ORDER_OK : error;
    }
    return error;
}

enum order_error application_cancel(const struct engine *engine, struct db *db,
                                    const struct caller *caller, const char *number,
                                    int64_t version, struct order *out) {
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = order_to_change(db, caller, number, version, out);
    }
    if (error == ORDER_OK) {
        error = cancel(engine, db, caller, out);
    }
    if (error == ORDER_OK) {
        error = cancel_linked(engine, db, caller, out);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

/* ---- the idle ones ---- */

static enum order_error find_idle(struct db *db, int64_t before_ms, char id[ID_SIZE]) {
    struct db_rows *rows = NULL;
    enum db_result result = db_query(
        db, &rows,
        "SELECT id FROM orders WHERE is_open = 1 AND updated < $1 AND state IN ('DRAFT', "
        "'AWAIT_VERIFY', 'AWAIT_KEY', 'AWAIT_MATERIALS', 'AWAIT_CONFIRM', 'AWAIT_PAYMENT') AND "
        "NOT EXISTS (SELECT 1 FROM payments WHERE order_id = orders.id AND state = 'PAID') LIMIT 1",
        "i", before_ms);
    if (result != DB_OK) {
        return order_error_of(result);
    }
    result = db_next(rows);
    snprintf(id, ID_SIZE, "%s", result == DB_OK ? db_text(rows, 0) : "");
    db_end(rows);
    return result == DB_DONE ? ORDER_NOT_FOUND : order_error_of(result);
}

static enum order_error expire_one(const struct engine *engine, struct db *db, int64_t before_ms) {
    char id[ID_SIZE];
    struct order order;
    enum order_error error = order_error_of(db_begin(db));
    if (error == ORDER_OK) {
        error = find_idle(db, before_ms, id);
    }
    if (error == ORDER_OK) {
        error = order_load_id(db, id, &order);
    }
    if (error == ORDER_OK) {
        error = transition_apply(engine, db, &order, T23_EXPIRE, "scheduler", NULL, NULL);
    }
    if (error == ORDER_OK) {
        error = payment_close_open(engine, db, &order);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    db_rollback(db);
    return error;
}

enum order_error application_expire_idle(const struct engine *engine, struct db *db, int *count) {
    int64_t before_ms =
        engine_now_ms(engine) - (int64_t)engine->profile->idle_days * 24 * 3600 * 1000;
    enum order_error error = ORDER_OK;
    *count = 0;
    while ((error = expire_one(engine, db, before_ms)) == ORDER_OK) {
        (*count)++;
    }
    return error == ORDER_NOT_FOUND ? ORDER_OK : error;
}
