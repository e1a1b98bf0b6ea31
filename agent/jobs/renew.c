/* Renewal and change of name: a new pair beside the old one, which gives way only after the new key has signed and the service has
 * confirmed. */
#include <string.h>

#include "agent/jobs/work.h"

/* Seals that were made for the old certificate go once there is one for the new certificate. */
static enum token_error delete_old_seals(const struct work *work) {
    const struct octets *old = &work->old->certificate->der, *made = &work->made;
    struct token_files files;
    bool has_new = false;
    enum token_error error = token_read_files(work->token, SEAL_FILE_SUFFIX, &files);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < files.count && !error; i++) {
            const struct token_file *file = &files.list[i];
            struct seal *seal = NULL;
            if (seal_parse(NULL, file->content.data, file->content.len, &seal) != FORMATS_OK)
                continue;
            bool is_new = seal_lists_certificate(seal, made->data, made->len);
            has_new = has_new || is_new;
            if (pass == 1 && has_new && !is_new &&
                seal_lists_certificate(seal, old->data, old->len))
                error = token_delete_file(work->token, file->name);
            seal_free(seal);
        }
    }
    token_files_free(&files);
    return error;
}

/* The seals first: once the old certificate has gone with its key, nobody could tell which ones are its. */
static bool retire(struct work *work) {
    if (!work->is_confirmed)
        return work_fail(work, PROBLEM_INTERNAL, false, "not confirmed");
    if (!work->old) /* retired by an earlier run */
        return true;
    enum token_error error = delete_old_seals(work);
    /* a key that deciphers as well stays, for old mail */
    if (!error && work->old->certificate->usage != CERTIFICATE_BOTH)
        error = token_retire(work->token, &work->old->key_id);
    if (error == TOKEN_UNSUPPORTED) {
        log_warn("jobs", "job %s: this key keeps its old signing key", work->job->id);
        error = TOKEN_OK;
    }
    return error ? work_fail_token(work, error) : true;
}

#define BESIDE_OLD                                                                                 \
    {                                                                                              \
        {STEP_READ_KEY, step_read_key, true}, {STEP_MATCH, step_match, true},                      \
            {STEP_CLAIM, step_claim, false}, {STEP_GENERATE, step_generate, false},                \
            {STEP_REQUEST, step_request, false}, {STEP_SEND, step_send, false},                    \
            {STEP_CHECK, step_check, false}, {STEP_UNWRAP, step_unwrap, false},                    \
            {STEP_WRITE_SEAL, step_write_seal, false},                                             \
            {STEP_WRITE_CERTIFICATES, step_write_certificates, false},                             \
            {STEP_READ_BACK, step_read_back, false}, {STEP_PROVE, step_prove, false},              \
            {STEP_CONFIRM, step_confirm, false}, {STEP_RETIRE, retire, true},                      \
    }

const struct job_kind job_kind_renew = {.name = "renew",
                                        .task = "RENEW",
                                        .needs_pin = true,
                                        .writes_from = STEP_GENERATE,
                                        .keeps_subject = true,
                                        .steps = BESIDE_OLD};

const struct job_kind job_kind_change = {.name = "change",
                                         .task = "CHANGE",
                                         .needs_pin = true,
                                         .writes_from = STEP_GENERATE,
                                         .may_end_with_old = true,
                                         .steps = BESIDE_OLD};
