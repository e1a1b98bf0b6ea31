/* First certificates on a key that has been handed out, and those of a key that replaces another one. What is on it already stays. */
#include "agent/jobs/work.h"

/* R183: a key that holds something is filled only if the person says so. One that an earlier run has begun is our own doing. */
static bool empty(struct work *work) {
    bool is_empty = false;
    if (work->is_confirmed || work->job->has_written)
        return true;
    enum token_error error = token_is_empty(work->token, work->label, &is_empty);
    if (error)
        return work_fail_token(work, error);
    return is_empty || work_ask_person(work, WORD_NOT_EMPTY_TITLE, WORD_NOT_EMPTY_MESSAGE);
}

static bool match(struct work *work) {
    return work_match_order(work, false) && (!work->is_confirmed || work_describe(work));
}

#define ON_BLANK                                                                                   \
    {                                                                                              \
        {STEP_READ_KEY, step_read_key, true}, {STEP_MATCH, match, true},                           \
            {STEP_EMPTY, empty, false}, {STEP_CLAIM, step_claim, false},                           \
            {STEP_GENERATE, step_generate, false}, {STEP_REQUEST, step_request, false},            \
            {STEP_SEND, step_send, false}, {STEP_CHECK, step_check, false},                        \
            {STEP_UNWRAP, step_unwrap, false}, {STEP_WRITE_SEAL, step_write_seal, false},          \
            {STEP_WRITE_CERTIFICATES, step_write_certificates, false},                             \
            {STEP_READ_BACK, step_read_back, false}, {STEP_PROVE, step_prove, false},              \
            {STEP_CONFIRM, step_confirm, false},                                                   \
    }

const struct job_kind job_kind_enrol = {.name = "enrol",
                                        .task = "NEW",
                                        .needs_pin = true,
                                        .writes_from = STEP_GENERATE,
                                        .steps = ON_BLANK};

const struct job_kind job_kind_replace = {.name = "replace",
                                          .task = "REPLACE",
                                          .needs_pin = true,
                                          .writes_from = STEP_GENERATE,
                                          .steps = ON_BLANK};
