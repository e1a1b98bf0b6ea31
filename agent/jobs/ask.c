/* Dialogs of a running job. They belong to the site that started it, and end with the key, with the job's cancelling and with the agent. */
#include <string.h>

#include "agent/api/ask.h"
#include "agent/api/pin_dialog.h"
#include "agent/audit/audit.h"
#include "agent/jobs/work.h"

static bool is_over(void *context) {
    return job_is_over(context);
}

static struct agent *agent_of_work(const struct work *work) {
    return work->job->owner->key->agent;
}

static bool begin(struct work *work) {
    return access_action_begin(agent_of_work(work)->access) ||
           work_fail(work, PROBLEM_ACTION_PENDING, false, "another dialog is open");
}

/* Write down what was answered, and say what an answer other than yes makes of the job. */
static bool settle(struct work *work, const char *event, enum consent_result result) {
    const struct job *job = work->job;
    bool is_recorded = audit_append(agent_of_work(work)->audit, event,
                                    json_pack("{s:s, s:s, s:s, s:s}", "answer",
                                              agent_answer_word(result), "origin", job->origin,
                                              "token", job->token, "order", job->order)) == 0;
    if (result == CONSENT_GIVEN)
        return is_recorded ||
               work_fail(work, PROBLEM_INTERNAL, false, "the answer could not be recorded");
    if (!token_is_present(work->token))
        return work_fail_token(work, TOKEN_REMOVED);
    if (result == CONSENT_UNAVAILABLE || result == CONSENT_BAD_REQUEST)
        return work_fail(work, PROBLEM_DIALOG_UNAVAILABLE, false, "no dialog could be shown");
    return work_fail(work, PROBLEM_USER_CANCELLED, false, "the person did not agree");
}

static json_t *field(enum word label, const char *value, enum http_language language) {
    return json_pack("{s:s, s:o}", "label", word_text(label, language), "value",
                     key_text_json(value));
}

/* The order, and whose certificates are on the key. */
static json_t *fields_of(const struct work *work) {
    enum http_language language = work->job->language;
    json_t *fields = json_array();
    json_array_append_new(fields, field(WORD_JOB_ORDER, work->job->order, language));
    for (size_t i = 0; i < work->certificates.count; i++)
        json_array_append_new(
            fields,
            field(WORD_JOB_HOLDS, work->certificates.list[i].certificate->subject.text, language));
    return fields;
}

static struct consent_watch watch_of(const struct work *work) {
    return (struct consent_watch){.is_gone = is_over,
                                  .context = work->job,
                                  .timeout_ms = agent_of_work(work)->config->dialog_ms};
}

bool work_ask_person(struct work *work, enum word title, enum word message) {
    const struct job *job = work->job;
    const struct consent_watch watch = watch_of(work);
    json_t *document = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:{s:o, s:o}, s:o, s:s, s:s}", "kind", "confirm", "lang",
        http_language_tag(job->language), "origin", job->origin, "title",
        word_text(title, job->language), "message", word_text(message, job->language), "token",
        "label", key_text_json(work->facts.label), "serial", key_text_json(work->facts.serial),
        "fields", fields_of(work), "agree", word_text(WORD_JOB_AGREE, job->language), "refuse",
        word_text(WORD_REFUSE, job->language));
    if (!document)
        return work_fail(work, PROBLEM_INTERNAL, false, "out of memory");
    bool is_agreed = begin(work);
    if (is_agreed) {
        enum consent_result result =
            consent_ask(&agent_of_work(work)->config->consent, document, &watch, NULL);
        access_action_end(agent_of_work(work)->access);
        is_agreed = settle(work, "job-confirm", result);
    }
    json_decref(document);
    return is_agreed;
}

bool work_ask_new_pin(struct work *work, struct consent_pin **pin) {
    const struct job *job = work->job;
    const struct consent_watch watch = watch_of(work);
    const struct agent_config *config = agent_of_work(work)->config;
    const struct pin_asker asker = {.pinentry = config->pinentry,
                                    .terminal = &config->consent.terminal,
                                    .origin = job->origin,
                                    .language = job->language,
                                    .watch = &watch};
    *pin = NULL;
    if (!begin(work))
        return false;
    enum consent_result result =
        pin_dialog_ask_new(&asker, &work->facts, WORD_UNLOCK_TITLE, NULL, pin);
    access_action_end(agent_of_work(work)->access);
    return settle(work, "job-pin", result);
}
