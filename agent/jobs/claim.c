/* What every job begins with: what is on the key, what the order says, and the signed task. */
#include <stdio.h>
#include <string.h>

#include "agent/http/json.h"
#include "agent/jobs/work.h"

/* ---- read-key ---- */

bool step_read_key(struct work *work) {
    enum token_error error = token_read_facts(work->token, &work->facts);
    if (!error)
        error = token_read_certificates(work->token, &work->certificates);
    return error ? work_fail_token(work, error) : true;
}

/* ---- match ---- */

/* Has the key's part of it been done? */
static bool order_is_done(const json_t *order) {
    size_t i;
    const json_t *gate;
    if (json_is_object(json_object_get(order, "result")))
        return true;
    json_array_foreach(json_object_get(order, "gates"), i, gate) {
        const char *name = json_string_value(json_object_get(gate, "name"));
        const char *state = json_string_value(json_object_get(gate, "state"));
        if (name && state && (strcmp(name, "ISSUE") == 0 || strcmp(name, "PRODUCE") == 0))
            return strcmp(state, "DONE") == 0;
    }
    return false;
}

/* The order's certificate, where the job is about one that is on this key. */
static bool match_old(struct work *work, const json_t *order) {
    const char *id =
        json_member_string(json_object_get(order, "certificate"), "id", CERTIFICATE_ID);
    work->old = id ? key_find_certificate(&work->certificates, id) : NULL;
    if (!id)
        return work_fail(work, PROBLEM_SERVICE_REFUSED, true, "the order names no certificate");
    if (work->is_confirmed) /* and may be gone */
        return true;
    if (!work->old || !work->old->has_key)
        return work_fail(work, PROBLEM_WRONG_TOKEN, true,
                         "the order's certificate is not on this key");
    return (task_algorithm(work->old->certificate->x509) &&
            work->old->certificate->usage != CERTIFICATE_ENCRYPT) ||
           work_fail(work, PROBLEM_CERTIFICATE_MISMATCH, true,
                     "the order's certificate is none that signs with a key that we know");
}

static bool match_token(struct work *work, const json_t *order) {
    const char *serial = json_member_string(order, "tokenSerial", sizeof work->facts.serial);
    if (!serial)
        return work_fail(work, PROBLEM_SERVICE_REFUSED, true, "the order names no key");
    return strcmp(serial, work->facts.serial) == 0 ||
           work_fail(work, PROBLEM_WRONG_TOKEN, true, "the order is for another key");
}

bool work_match_order(struct work *work, bool needs_old) {
    char path[WORK_PATH_SIZE];
    json_t *order = NULL;
    snprintf(path, sizeof path, "/v1/orders/%s", work->job->order);
    if (!work_ask(work, "GET", path, NULL, &order))
        return false;
    const char *holder =
        json_member_string(json_object_get(order, "subject"), "name", WORK_NAME_MAX - 1);
    snprintf(work->holder, sizeof work->holder, "%s", holder ? holder : work->job->order);
    work->is_confirmed = order_is_done(order);
    /* an order about no certificate of this key names another key or none: then its container tells (work_describe) */
    bool is_good = !needs_old || (match_token(work, order) && match_old(work, order));
    json_decref(order);
    return is_good;
}

bool step_match(struct work *work) {
    return work_match_order(work, true) && (!work->is_confirmed || work_describe(work));
}

/* ---- claim ---- */

/* The keys that may have signed the task: pinned ones, or what the service shows at its configured address. */
static bool task_keys(struct work *work, json_t **keys) {
    const json_t *configured = work->anchor->service->task_keys;
    if (json_is_string(configured))
        return work_ask(work, "GET", json_string_value(configured), NULL, keys);
    *keys = json_deep_copy(configured);
    return *keys || work_fail(work, PROBLEM_INTERNAL, false, "out of memory");
}

bool step_claim(struct work *work) {
    const struct job *job = work->job;
    const struct certificate *old = work->old ? work->old->certificate : NULL;
    const struct task_expectation expected = {
        .order = job->order,
        .kind = job->kind->task,
        .token_serial = work->facts.serial,
        .certificate = old ? old->id : NULL,
        .subject = old && job->kind->keeps_subject ? old->subject.text : NULL,
        .algorithm = old ? task_algorithm(old->x509) : NULL,
        .now = key_now(),
    };
    json_t *answer = NULL, *keys = NULL;
    json_t *body =
        json_pack("{s:s, s:s, s:s*, s:s*}", "order", job->order, "tokenSerial", work->facts.serial,
                  "certificate", old ? old->id : NULL, "code", job->code);
    if (!work_ask(work, "POST", "/v1/tasks:claim", body, &answer))
        return false;
    const char *jws = json_member_string(answer, "task", TASK_JWS_MAX);
    bool is_good = task_keys(work, &keys);
    if (is_good) {
        enum task_error error =
            jws ? task_verify(jws, keys, &expected, &work->task) : TASK_MALFORMED;
        is_good = !error || work_fail(work, PROBLEM_TASK_REFUSED, true, task_error_text(error));
    }
    work->is_claimed = is_good;
    json_decref(keys);
    json_decref(answer);
    return is_good;
}
