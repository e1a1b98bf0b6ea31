/* See issue_plan.h. */
#include "tools/orderd/engine/issue_plan.h"

#include "module/formats/calendar.h"
#include "module/formats/certificate_request.h"
#include "tools/orderd/engine/form.h"
#include "tools/orderd/engine/standing.h"
#include "tools/orderd/engine/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEAL_MILLIMETRES = 48 };

/* ---- the table ---- */

enum name_rule { NAME_OF_OLD, NAME_OF_SUBJECT, NAME_CHANGED };
enum term_rule { TERM_RENEWED, TERM_FROM_NOW, TERM_OF_OLD };
enum seal_rule { SEAL_AGAIN, SEAL_NEW_NAME, SEAL_BY_PROFILE, SEAL_NONE /* nothing is certified */ };

struct issue_rule {
    enum issue_way way; /* WAY_CODE is WAY_OPERATOR where the flow has PRODUCE */
    bool continuity;
    enum name_rule name;
    enum term_rule term;
    enum seal_rule seal;
    const char *old_becomes;
    enum ca_reason reason;
    const char *const *steps;
};

static const char *const beside_old[] = {
    "read-key",           "match",     "generate", "request", "unwrap", "write-seal",
    "write-certificates", "read-back", "prove",    "confirm", "retire", NULL};
static const char *const on_blank[] = {
    "read-key",           "empty",     "generate", "request",   "unwrap",  "write-seal",
    "write-certificates", "read-back", "prove",    "first-pin", "confirm", NULL};

static const char *const recovers[] = {"read-key", "match",   "generate",
                                       "recover",  "unwrap",  "write-certificates",
                                       "prove",    "confirm", NULL};
static const char *const unlocks[] = {"read-key", "match",   "challenge", "set-pin",
                                      "prove",    "confirm", NULL};

static const struct issue_rule rules[KIND_COUNT] = {
    [KIND_NEW] = {WAY_CODE, false, NAME_OF_SUBJECT, TERM_FROM_NOW, SEAL_BY_PROFILE, NULL,
                  CA_REASON_UNSPECIFIED, on_blank},
    [KIND_RENEW] = {WAY_KEY, true, NAME_OF_OLD, TERM_RENEWED, SEAL_AGAIN, "SUPERSEDED",
                    CA_REASON_UNSPECIFIED, beside_old},
    [KIND_CHANGE] = {WAY_KEY, true, NAME_CHANGED, TERM_OF_OLD, SEAL_NEW_NAME, "REVOKED",
                     CA_REASON_AFFILIATION_CHANGED, beside_old},
    /* R216; a lost one is on hold since the confirmation and revoked since the approval, if there was one */
    [KIND_REPLACE] = {WAY_CODE, false, NAME_OF_OLD, TERM_OF_OLD, SEAL_BY_PROFILE, "REVOKED",
                      CA_REASON_SUPERSEDED, on_blank},
    [KIND_UNLOCK] = {WAY_HOLDER, false, NAME_OF_OLD, TERM_OF_OLD, SEAL_NONE, NULL,
                     CA_REASON_UNSPECIFIED, unlocks},
    [KIND_KEY_RECOVERY] = {WAY_KEY, false, NAME_OF_OLD, TERM_OF_OLD, SEAL_NONE, NULL,
                           CA_REASON_UNSPECIFIED, recovers},
};

enum issue_way issue_way_of(const struct order *order) {
    enum issue_way way = rules[order->kind].way;
    if (way == WAY_CODE && order->medium == MEDIUM_SOFT) {
        return WAY_FILE;
    }
    return way == WAY_CODE && flow_has(order->gates, order->gate_count, GATE_PRODUCE) ? WAY_OPERATOR
                                                                                      : way;
}

/* ---- names ---- */

/* As `ukey provision` and import.c have it: an import of the key gives the same subject. */
static enum order_error name_of_subject(const struct subject_record *subject, struct octets *der) {
    bool person = strcmp(subject->type, "PERSON") == 0;
    struct name_field fields[4];
    size_t count = 0;
    fields[count++] = (struct name_field){"C", "CN"};
    if (!person) {
        fields[count++] = (struct name_field){"O", subject->name};
    }
    if (strcmp(subject->credential_type, "NAME") != 0) {
        fields[count++] = (struct name_field){person ? "serialNumber" : "organizationIdentifier",
                                              subject->credential_no};
    }
    fields[count++] = (struct name_field){"CN", subject->name};
    return name_from_fields(fields, count, der) == FORMATS_OK ? ORDER_OK : ORDER_INTERNAL;
}

static bool entry_is(const X509_NAME_ENTRY *entry, const char *text) {
    unsigned char *utf8 = NULL;
    int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    if (nid != NID_organizationName && nid != NID_commonName) {
        return false;
    }
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    bool same = len > 0 && (size_t)len == strlen(text) && memcmp(utf8, text, (size_t)len) == 0;
    OPENSSL_free(utf8);
    return same;
}

/* The old name with `to` where it said `from`; whatever else it says stays. */
static enum order_error name_changed(const struct certificate *old, const char *from,
                                     const char *to, struct octets *der) {
    const unsigned char *bytes = NULL;
    size_t len = 0;
    X509_NAME *name = X509_NAME_dup(X509_get_subject_name(old->x509));
    bool good = name != NULL;
    for (int i = 0; good && i < X509_NAME_entry_count(name); i++) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        if (entry_is(entry, from)) {
            int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
            X509_NAME_ENTRY_free(X509_NAME_delete_entry(name, i));
            good = X509_NAME_add_entry_by_NID(name, nid, V_ASN1_UTF8STRING,
                                              (const unsigned char *)to, -1, i, 0) == 1;
        }
    }
    good = good && X509_NAME_get0_der(name, &bytes, &len) == 1 &&
           octets_copy(der, bytes, len) == FORMATS_OK;
    X509_NAME_free(name);
    return good ? ORDER_OK : ORDER_INTERNAL;
}

static enum order_error plan_names(const struct issue_rule *rule,
                                   const struct subject_record *subject, const json_t *form,
                                   struct issue_plan *plan) {
    char *text = NULL;
    enum order_error error = ORDER_INTERNAL;
    const char *new_name = form_text(form, "newName");
    bool renamed = rule->name == NAME_CHANGED && new_name[0] != '\0';
    snprintf(plan->holder, sizeof plan->holder, "%s", renamed ? new_name : subject->name);
    switch (rule->name) {
    case NAME_OF_SUBJECT:
        error = name_of_subject(subject, &plan->subject);
        break;
    case NAME_OF_OLD:
        error = octets_copy(&plan->subject, plan->old_certificate->subject.der.data,
                            plan->old_certificate->subject.der.len) == FORMATS_OK
                    ? ORDER_OK
                    : ORDER_INTERNAL;
        break;
    case NAME_CHANGED:
        error = name_changed(plan->old_certificate, subject->name, plan->holder, &plan->subject);
        break;
    }
    if (error == ORDER_OK &&
        certificate_name_text(plan->subject.data, plan->subject.len, &text) != FORMATS_OK) {
        error = ORDER_INTERNAL;
    }
    if (error == ORDER_OK) {
        snprintf(plan->subject_dn, sizeof plan->subject_dn, "%s", text);
    }
    free(text);
    return error;
}

/* ---- the rest of the plan ---- */

/* A key that goes on is followed by one of its kind; a blank one gets what the CA itself signs with. */
static enum ca_algorithm algorithm_of(const struct engine *engine, const struct issue_plan *plan) {
    bool same_key = plan->way == WAY_KEY || plan->way == WAY_HOLDER;
    return same_key && plan->old_certificate != NULL
               ? ca_algorithm_of_key(X509_get0_pubkey(plan->old_certificate->x509))
               : ca_algorithm(engine->ca);
}

static enum order_error plan_old(struct db *db, const struct order *order,
                                 struct issue_plan *plan) {
    struct octets der = {NULL, 0};
    if (order->certificate[0] == '\0') {
        return ORDER_OK;
    }
    enum order_error error = registry_certificate(db, order->certificate, &plan->old);
    if (error == ORDER_OK) {
        error = registry_certificate_der(db, plan->old.id, &der);
    }
    if (error == ORDER_OK &&
        certificate_parse(NULL, der.data, der.len, &plan->old_certificate) != FORMATS_OK) {
        error = ORDER_INTERNAL;
    }
    if (error == ORDER_OK) {
        error = registry_seal_of(db, plan->old.id, &plan->old_seal);
        error = error == ORDER_NOT_FOUND ? ORDER_OK : error;
    }
    octets_free(&der);
    return error;
}

static int64_t end_of(const struct engine *engine, const struct issue_rule *rule,
                      const struct order *order, const struct issue_plan *plan) {
    int64_t now = engine_now(engine);
    switch (rule->term) {
    case TERM_RENEWED:
        return renewal_not_after(plan->old.not_after, now, (int)order->years);
    case TERM_FROM_NOW:
        return calendar_end_of_day(calendar_add_years(now, (int)order->years));
    case TERM_OF_OLD:
        break;
    }
    return plan->old.not_after;
}

/* The re-issued seal has the old one's picture, name and size (R202); with a new name only its kind and size. */
static enum order_error plan_seal(const struct engine *engine, const struct issue_rule *rule,
                                  const struct subject_record *subject, struct issue_plan *plan) {
    bool was = plan->old_seal.der.len > 0 && plan->certifies;
    plan->has_seal = was || (rule->seal == SEAL_BY_PROFILE && engine->profile->seal);
    plan->seal_type = strcmp(subject->type, "PERSON") == 0 ? SEAL_PERSONAL : SEAL_ORGANIZATION;
    plan->width_mm = SEAL_MILLIMETRES;
    plan->height_mm = SEAL_MILLIMETRES;
    if (!was) {
        return ORDER_OK;
    }
    if (seal_parse(NULL, plan->old_seal.der.data, plan->old_seal.der.len, &plan->picture) !=
        FORMATS_OK) {
        return ORDER_INTERNAL;
    }
    plan->seal_type = plan->picture->type;
    plan->width_mm = plan->picture->width_mm;
    plan->height_mm = plan->picture->height_mm;
    if (rule->seal == SEAL_NEW_NAME) {
        seal_free(plan->picture);
        plan->picture = NULL;
    }
    return ORDER_OK;
}

enum order_error issue_plan_of(const struct engine *engine, struct db *db,
                               const struct order *order, struct issue_plan *out) {
    const struct issue_rule *rule = &rules[order->kind];
    struct subject_record subject;
    json_t *form = NULL;
    memset(out, 0, sizeof *out);
    out->way = issue_way_of(order);
    if (out->way == WAY_NONE) {
        return ORDER_NOT_OFFERED;
    }
    out->certifies = rule->seal != SEAL_NONE;
    out->continuity = rule->continuity;
    out->steps = rule->steps;
    out->old_becomes = rule->old_becomes;
    out->reason = rule->reason;
    enum order_error error = registry_subject(engine, db, order->subject, &subject);
    if (error == ORDER_OK) {
        error = form_load(engine, db, order, &form);
    }
    if (error == ORDER_OK) {
        error = plan_old(db, order, out);
    }
    if (error == ORDER_OK) {
        out->algorithm = algorithm_of(engine, out);
        error = plan_names(rule, &subject, form, out);
    }
    if (error == ORDER_OK) {
        out->not_after = end_of(engine, rule, order, out);
        error = plan_seal(engine, rule, &subject, out);
    }
    if (error == ORDER_OK && order->kind == KIND_REPLACE &&
        strcmp(form_text(form, "reason"), "LOST") == 0) {
        out->reason = CA_REASON_KEY_COMPROMISE;
    }
    json_decref(form);
    return error;
}

void issue_plan_clear(struct issue_plan *plan) {
    certificate_free(plan->old_certificate);
    octets_free(&plan->old_seal.der);
    octets_free(&plan->subject);
    seal_free(plan->picture);
    memset(plan, 0, sizeof *plan);
}

enum order_error issue_plan_check(const struct engine *engine, const struct issue_plan *plan) {
    if (plan->way == WAY_KEY || plan->way == WAY_HOLDER) {
        /* neither on hold nor revoked; its end was judged when the order was made */
        enum order_error error = registry_certificate_usable(engine, &plan->old);
        if (error != ORDER_OK && error != ORDER_CERTIFICATE_EXPIRED) {
            return error;
        }
    }
    return !plan->certifies || plan->not_after > engine_now(engine) ? ORDER_OK
                                                                    : ORDER_CERTIFICATE_EXPIRED;
}

/* ---- taking over ---- */

static enum order_error supersede(const struct engine *engine, struct db *db,
                                  const struct certificate_record *old) {
    enum order_error error =
        registry_certificate_move(db, old->id, "VALID", "SUPERSEDED", engine_now_ms(engine));
    if (error == ORDER_OK && old->pair[0] != '\0') {
        error = order_error_of(
            db_run(db, NULL,
                   "UPDATE certificates SET state = 'SUPERSEDED' WHERE id = $1 AND state = 'VALID'",
                   "t", old->pair));
    }
    return error;
}

static enum order_error retire_old(const struct engine *engine, struct db *db,
                                   const struct issue_plan *plan) {
    const struct certificate_record *old = &plan->old;
    if (plan->old_becomes == NULL || strcmp(old->state, plan->old_becomes) == 0) {
        return ORDER_OK;
    }
    if (strcmp(plan->old_becomes, "SUPERSEDED") == 0) {
        return supersede(engine, db, old);
    }
    enum order_error error = ORDER_OK;
    if (!plan->continuity) {
        bool lost = plan->reason == CA_REASON_KEY_COMPROMISE;
        error = token_follow(db, old->token, lost ? TOKEN_PERM_LOST : TOKEN_DAMAGED);
    }
    return error == ORDER_OK
               ? standing_move(engine, db, old->id, old->state, "REVOKED", (int)plan->reason)
               : error;
}

/* Invariant 4 is kept at every statement: the old one goes first. */
static enum order_error bring_in(const struct engine *engine, struct db *db,
                                 const char *sign_certificate, const char *enc_certificate) {
    enum order_error error =
        registry_certificate_move(db, sign_certificate, "PENDING", "VALID", engine_now_ms(engine));
    return error == ORDER_OK && enc_certificate[0] != '\0'
               ? registry_certificate_move(db, enc_certificate, "PENDING", "VALID",
                                           engine_now_ms(engine))
               : error;
}

static enum order_error swap_seals(struct db *db, const struct issue_plan *plan, const char *seal) {
    if (seal[0] == '\0') {
        return ORDER_OK;
    }
    enum order_error error = order_error_of(
        db_run(db, NULL,
               "UPDATE seals SET state = 'SUPERSEDED' WHERE certificate = $1 AND state = 'VALID'",
               "t", plan->old.id));
    return error == ORDER_OK
               ? order_error_of(
                     db_run(db, NULL,
                            "UPDATE seals SET state = 'VALID' WHERE id = $1 AND state = 'PENDING'",
                            "t", seal))
               : error;
}

enum order_error issue_plan_take_over(const struct engine *engine, struct db *db,
                                      const struct order *order, const struct issue_plan *plan,
                                      const char *token, const char *sign_certificate,
                                      const char *enc_certificate, const char *seal) {
    enum order_error error = retire_old(engine, db, plan);
    if (error == ORDER_OK) {
        error = bring_in(engine, db, sign_certificate, enc_certificate);
    }
    if (error == ORDER_OK) {
        error = swap_seals(db, plan, seal);
    }
    if (error == ORDER_OK) {
        /* a blank key is now the subject's; one whose old certificate was revoked works on */
        error = token_put_to_use(db, token, order->subject);
    }
    return error == ORDER_OK
               ? order_error_of(db_run(db, NULL, "UPDATE subjects SET name = $2 WHERE id = $1",
                                       "tt", order->subject, plan->holder))
               : error;
}
