/* What came for the key is put onto it, each thing beside what is there, and read back. */
#include <stdio.h>
#include <string.h>

#include "agent/jobs/work.h"
#include "module/formats/calendar.h"

/* ---- unwrap ---- */

bool step_unwrap(struct work *work) {
    const struct issued *issued = &work->issued;
    struct token_pair there = {0};
    if (issued->envelope.len == 0) /* nothing came */
        return true;
    enum token_error error = token_find_pair(work->token, work->label, TOKEN_USE_ENCRYPT, &there);
    bool is_there = !error && octets_equal(&there.spki, &issued->envelope_spki);
    octets_free(&there.spki);
    if (error && error != TOKEN_NOT_FOUND)
        return work_fail_token(work, error);
    if (!is_there)
        error = token_unwrap(work->token, &work->pair.id, work->label, issued->envelope.data,
                             issued->envelope.len);
    return !error || is_there || work_fail_token(work, error);
}

/* ---- write-certificates ---- */

static bool write_certificate(struct work *work, const struct token_key_id *id,
                              const struct certificate *certificate) {
    struct token_certificates there;
    enum token_error error = token_read_certificates(work->token, &there);
    bool is_there = !error && key_find_certificate(&there, certificate->id);
    token_certificates_free(&there);
    if (!error && !is_there)
        error = token_write_certificate(work->token, id, work->label, certificate);
    return error ? work_fail_token(work, error) : true;
}

/* The signing certificate last: it is the one that things are done with. */
bool step_write_certificates(struct work *work) {
    const struct issued *issued = &work->issued;
    struct token_pair encrypt = {0};
    if (issued->encrypt) {
        enum token_error error =
            token_find_pair(work->token, work->label, TOKEN_USE_ENCRYPT, &encrypt);
        octets_free(&encrypt.spki);
        if (error)
            return work_fail_token(work, error);
        if (!write_certificate(work, &encrypt.id, issued->encrypt))
            return false;
    }
    return !issued->sign || write_certificate(work, &work->pair.id, issued->sign);
}

/* ---- the seal ---- */

static void seal_file(const struct work *work, char name[TOKEN_LABEL_MAX]) {
    snprintf(name, TOKEN_LABEL_MAX, "%s%s", work->issued.seal->id, SEAL_FILE_SUFFIX);
}

/* True if the key holds exactly the new seal. */
static enum token_error seal_is_there(const struct work *work, bool *is_there) {
    char name[TOKEN_LABEL_MAX];
    struct octets there = {0};
    seal_file(work, name);
    enum token_error error = token_read_file(work->token, name, &there);
    *is_there = !error && octets_equal(&there, &work->issued.seal_der);
    octets_free(&there);
    return error == TOKEN_NOT_FOUND ? TOKEN_OK : error;
}

/* A file of that name that is a whole seal, but another one: it stays. What a cut write left behind is none. */
bool work_seal_has_room(struct work *work) {
    char name[TOKEN_LABEL_MAX];
    struct octets there = {0};
    struct seal *seal = NULL;
    if (!work->issued.seal)
        return true;
    seal_file(work, name);
    enum token_error error = token_read_file(work->token, name, &there);
    bool is_taken = !error && !octets_equal(&there, &work->issued.seal_der) &&
                    seal_parse(NULL, there.data, there.len, &seal) == FORMATS_OK;
    seal_free(seal);
    octets_free(&there);
    if (error && error != TOKEN_NOT_FOUND)
        return work_fail_token(work, error);
    return !is_taken ||
           work_fail(work, work->job->kind->task ? PROBLEM_TASK_REFUSED : PROBLEM_INSTALL_REFUSED,
                     true, "the new seal has the number of another one on the key");
}

bool step_write_seal(struct work *work) {
    const struct octets *der = &work->issued.seal_der;
    char name[TOKEN_LABEL_MAX];
    bool is_there = false;
    if (!work->issued.seal)
        return true;
    seal_file(work, name);
    enum token_error error = seal_is_there(work, &is_there);
    if (!error && !is_there) /* absent, or half written when the power went */
        error = token_write_file(work->token, name, der->data, der->len);
    return error ? work_fail_token(work, error) : true;
}

/* ---- read-back ---- */

static bool certificate_is_there(const struct token_certificates *there,
                                 const struct certificate *certificate) {
    const struct token_certificate *one = key_find_certificate(there, certificate->id);
    return one && one->has_key && octets_equal(&one->certificate->der, &certificate->der);
}

bool step_read_back(struct work *work) {
    const struct certificate *old = work->old ? work->old->certificate : NULL;
    enum { WANTED = 3 };
    const struct certificate *const wanted[WANTED] = {work->issued.sign, work->issued.encrypt, old};
    struct token_certificates there;
    bool is_all_there = true;
    enum token_error error = token_read_certificates(work->token, &there);
    for (size_t i = 0; i < WANTED && !error; i++)
        is_all_there = is_all_there && (!wanted[i] || certificate_is_there(&there, wanted[i]));
    token_certificates_free(&there);
    bool is_seal_there = true;
    if (!error && work->issued.seal)
        error = seal_is_there(work, &is_seal_there);
    if (error)
        return work_fail_token(work, error);
    return (is_all_there && is_seal_there) ||
           work_fail(work, PROBLEM_TOKEN_ERROR, true, "what was written is not what is read back");
}

/* ---- the result ---- */

static const struct token_certificate *find_of_key(const struct token_certificates *there,
                                                   const struct token_key_id *id) {
    for (size_t i = 0; i < there->count; i++) {
        const struct token_certificate *one = &there->list[i];
        if (one->key_id.len == id->len && memcmp(one->key_id.bytes, id->bytes, id->len) == 0)
            return one;
    }
    return NULL;
}

const struct certificate *work_certificate_of(const struct work *work,
                                              const struct token_key_id *id) {
    const struct token_certificate *one = find_of_key(&work->certificates, id);
    return one ? one->certificate : NULL;
}

/* The number of a seal on the key that lists the new certificate; empty: there is none. */
static enum token_error find_seal(const struct work *work, char id[SEAL_ID_MAX + 1]) {
    struct token_files files;
    enum token_error error = token_read_files(work->token, SEAL_FILE_SUFFIX, &files);
    id[0] = '\0';
    for (size_t i = 0; i < files.count && !error && !id[0]; i++) {
        struct seal *seal = NULL;
        const struct octets *content = &files.list[i].content;
        if (seal_parse(NULL, content->data, content->len, &seal) == FORMATS_OK &&
            seal_lists_certificate(seal, work->made.data, work->made.len))
            snprintf(id, SEAL_ID_MAX + 1, "%s", seal->id);
        seal_free(seal);
    }
    token_files_free(&files);
    return error;
}

static json_t *result_of(const struct certificate *sign, const char *encrypt_id,
                         const char *seal_id) {
    char not_before[21], not_after[21];
    calendar_rfc3339(sign->not_before, not_before);
    calendar_rfc3339(sign->not_after, not_after);
    return json_pack("{s:s, s:s*, s:s, s:s, s:s*}", "signCertificate", sign->id,
                     "encryptCertificate", encrypt_id, "notBefore", not_before, "notAfter",
                     not_after, "seal", seal_id);
}

bool work_describe(struct work *work) {
    struct token_certificates there = {0};
    struct token_pair pair = {0};
    char seal_id[SEAL_ID_MAX + 1] = "";
    enum token_error error = token_find_pair(work->token, work->label, TOKEN_USE_SIGN, &pair);
    if (!error)
        error = token_read_certificates(work->token, &there);
    const struct token_certificate *made = error ? NULL : find_of_key(&there, &pair.id);
    if (!error && !made)
        error = TOKEN_NOT_FOUND;
    if (!error) {
        const struct token_certificate *partner = key_find_partner(&there, made);
        const struct octets *der = &made->certificate->der;
        octets_free(&work->made);
        error = octets_copy(&work->made, der->data, der->len) == FORMATS_OK
                    ? find_seal(work, seal_id)
                    : TOKEN_MEMORY;
        if (!error)
            job_set_result(work->job,
                           result_of(made->certificate, partner ? partner->certificate->id : NULL,
                                     seal_id[0] ? seal_id : NULL));
    }
    octets_free(&pair.spki);
    token_certificates_free(&there);
    if (error == TOKEN_NOT_FOUND)
        return work_fail(work, PROBLEM_WRONG_TOKEN, true,
                         "the order's new certificates are not on this key");
    return error ? work_fail_token(work, error) : true;
}
