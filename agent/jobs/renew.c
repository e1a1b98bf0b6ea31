/* The renewal: a new key pair, certificates and seal beside the old ones; the old ones give way only after the new key has signed and
 * the service has confirmed. Every step looks at the key first and does what is missing, so that the whole may be run again. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/anchors.h"
#include "agent/http/json.h"
#include "agent/jobs/issued.h"
#include "agent/jobs/service.h"
#include "agent/jobs/task.h"
#include "module/formats/base64.h"
#include "module/formats/calendar.h"
#include "module/formats/certificate_request.h"
#include "openukey/formats.h"

enum { PATH_SIZE = 700, SHA256_SIZE = 32 };

/* All that a run knows. What the key holds is read anew in every run. */
struct renewal {
    struct job *job;
    struct token *token;
    const struct trust_anchor *anchor;
    struct token_facts facts;
    struct token_certificates certificates;
    const struct token_certificate *old; /* in `certificates`; NULL only when it has been retired */
    char label[JOB_ORDER_MAX + 3];       /* of the new container: "R-" and the order */
    char seal_name[SEAL_ID_MAX + sizeof SEAL_FILE_SUFFIX];
    struct task task;
    bool is_claimed;
    bool is_confirmed;      /* an earlier run got as far as that */
    struct token_pair pair; /* the new signing key */
    struct octets csr;
    struct octets continuity;
    struct issued issued;
    struct job_failure failure;
};

static bool fail(struct renewal *renewal, enum agent_problem problem, bool is_permanent,
                 const char *detail) {
    renewal->failure.problem = problem;
    renewal->failure.is_permanent = is_permanent;
    snprintf(renewal->failure.detail, sizeof renewal->failure.detail, "%s", detail);
    return false;
}

/* A pulled key or a lost login interrupts; what the key refuses fails. */
static bool fail_token(struct renewal *renewal, enum token_error error) {
    bool is_passing = error == TOKEN_REMOVED || error == TOKEN_LOGIN_NEEDED || error == TOKEN_BUSY;
    return fail(renewal, error == TOKEN_MISMATCH ? PROBLEM_TOKEN_ERROR : key_token_problem(error),
                !is_passing, token_error_text(error));
}

static bool ask(struct renewal *renewal, const char *method, const char *path, json_t *body,
                json_t **answer) {
    return service_ask(renewal->job, method, path, body, answer, &renewal->failure);
}

/* ---- read-key ---- */

static bool read_key(struct renewal *renewal) {
    enum token_error error = token_read_facts(renewal->token, &renewal->facts);
    if (!error)
        error = token_read_certificates(renewal->token, &renewal->certificates);
    return error ? fail_token(renewal, error) : true;
}

/* ---- match ---- */

/* The certificate of the container that this order's earlier run made, if it got that far. */
static const struct token_certificate *find_new(const struct renewal *renewal, const char *id) {
    const struct token_certificate *made = key_find_certificate(&renewal->certificates, id);
    return made && made->has_key ? made : NULL;
}

static bool describe_result(struct renewal *renewal, const struct certificate *sign,
                            const char *encrypt_id, const char *seal_id) {
    char not_before[21], not_after[21];
    calendar_rfc3339(sign->not_before, not_before);
    calendar_rfc3339(sign->not_after, not_after);
    job_set_result(renewal->job, json_pack("{s:s, s:s, s:s, s:s, s:s*}", "signCertificate",
                                           sign->id, "encryptCertificate", encrypt_id, "notBefore",
                                           not_before, "notAfter", not_after, "seal", seal_id));
    return true;
}

/* The order has been completed for what is on this key: only clearing up may be left. */
static bool match_completed(struct renewal *renewal, const json_t *result) {
    const char *sign_id =
        json_member_string(json_object_get(result, "signCertificate"), "id", CERTIFICATE_ID);
    const char *seal_id = json_member_string(json_object_get(result, "seal"), "id", SEAL_ID_MAX);
    const struct token_certificate *made = sign_id ? find_new(renewal, sign_id) : NULL;
    const struct token_certificate *partner =
        made ? key_find_partner(&renewal->certificates, made) : NULL;
    if (!partner)
        return fail(renewal, PROBLEM_WRONG_TOKEN, true,
                    "the order's new certificates are not on this key");
    renewal->is_confirmed = true;
    if (seal_id)
        snprintf(renewal->seal_name, sizeof renewal->seal_name, "%s%s", seal_id, SEAL_FILE_SUFFIX);
    return describe_result(renewal, made->certificate, partner->certificate->id, seal_id);
}

static bool match(struct renewal *renewal) {
    char path[PATH_SIZE];
    json_t *order = NULL;
    snprintf(path, sizeof path, "/v1/orders/%s", renewal->job->order);
    if (!ask(renewal, "GET", path, NULL, &order))
        return false;
    const char *serial = json_member_string(order, "tokenSerial", sizeof renewal->facts.serial);
    const char *id =
        json_member_string(json_object_get(order, "certificate"), "id", CERTIFICATE_ID);
    const json_t *result = json_object_get(order, "result");
    bool is_good = false;
    renewal->old = id ? key_find_certificate(&renewal->certificates, id) : NULL;
    if (!id || !serial)
        fail(renewal, PROBLEM_SERVICE_REFUSED, true, "the order names no certificate or no key");
    else if (strcmp(serial, renewal->facts.serial) != 0)
        fail(renewal, PROBLEM_WRONG_TOKEN, true, "the order is for another key");
    else if (json_is_object(result))
        is_good = match_completed(renewal, result);
    else if (!renewal->old || !renewal->old->has_key)
        fail(renewal, PROBLEM_WRONG_TOKEN, true, "the order's certificate is not on this key");
    else if (renewal->old->certificate->algorithm != CERTIFICATE_SM2 ||
             renewal->old->certificate->usage == CERTIFICATE_ENCRYPT)
        fail(renewal, PROBLEM_CERTIFICATE_MISMATCH, true,
             "the order's certificate is no SM2 signing certificate");
    else
        is_good = true;
    json_decref(order);
    return is_good;
}

/* ---- claim ---- */

/* The keys that may have signed the task: pinned ones, or what the service shows at its configured address. */
static bool task_keys(struct renewal *renewal, json_t **keys) {
    const json_t *configured = renewal->anchor->service->task_keys;
    if (json_is_string(configured))
        return ask(renewal, "GET", json_string_value(configured), NULL, keys);
    *keys = json_deep_copy(configured);
    return *keys || fail(renewal, PROBLEM_INTERNAL, false, "out of memory");
}

static bool claim(struct renewal *renewal) {
    const struct certificate *old = renewal->old->certificate;
    const struct task_expectation expected = {
        .order = renewal->job->order,
        .kind = "RENEW",
        .token_serial = renewal->facts.serial,
        .certificate = old->id,
        .subject = old->subject.text,
        .now = key_now(),
    };
    json_t *answer = NULL, *keys = NULL;
    json_t *body = json_pack("{s:s, s:s, s:s}", "order", renewal->job->order, "tokenSerial",
                             renewal->facts.serial, "certificate", old->id);
    if (!ask(renewal, "POST", "/v1/tasks:claim", body, &answer))
        return false;
    const char *jws = json_member_string(answer, "task", TASK_JWS_MAX);
    bool is_good = task_keys(renewal, &keys);
    if (is_good) {
        enum task_error error =
            jws ? task_verify(jws, keys, &expected, &renewal->task) : TASK_MALFORMED;
        is_good = !error || fail(renewal, PROBLEM_TASK_REFUSED, true, task_error_text(error));
    }
    renewal->is_claimed = is_good;
    json_decref(keys);
    json_decref(answer);
    return is_good;
}

/* ---- generate ---- */

static bool generate(struct renewal *renewal) {
    enum token_error error =
        token_find_pair(renewal->token, renewal->label, TOKEN_USE_SIGN, &renewal->pair);
    if (error == TOKEN_NOT_FOUND)
        error = token_generate(renewal->token, renewal->label, &renewal->pair);
    if (error)
        return fail_token(renewal, error);
    if (renewal->pair.id.len == 0 ||
        (renewal->pair.id.len == renewal->old->key_id.len &&
         memcmp(renewal->pair.id.bytes, renewal->old->key_id.bytes, renewal->pair.id.len) == 0))
        return fail(renewal, PROBLEM_TOKEN_ERROR, true, "the new key cannot be told from the old");
    return true;
}

/* ---- request ---- */

static bool make_csr(struct renewal *renewal) {
    const struct octets *subject = &renewal->old->certificate->subject.der;
    struct octets info = {0}, signature = {0};
    bool is_made = false;
    if (certificate_request_build(subject->data, subject->len, renewal->pair.spki.data,
                                  renewal->pair.spki.len, &info) != FORMATS_OK) {
        fail(renewal, PROBLEM_INTERNAL, false, "the request cannot be made");
        goto out;
    }
    enum token_error error =
        token_sign(renewal->token, &renewal->pair.id, SCHEME_SM2, info.data, info.len, &signature);
    if (error) {
        fail_token(renewal, error);
        goto out;
    }
    is_made = certificate_request_assemble(NULL, &info, signature.data, signature.len,
                                           &renewal->csr) == FORMATS_OK ||
              fail(renewal, PROBLEM_TOKEN_ERROR, true, "the new key's signature does not verify");
out:
    octets_free(&info);
    octets_free(&signature);
    return is_made;
}

/* The old key vouches for the request: proof of continuity, and a check that it still signs. */
static bool sign_continuity(struct renewal *renewal) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    char message[sizeof CONTINUITY_PREFIX + TASK_TEXT_MAX + 1 + sizeof hex];
    if (EVP_Digest(renewal->csr.data, renewal->csr.len, digest, NULL, EVP_sha256(), NULL) != 1)
        return fail(renewal, PROBLEM_INTERNAL, false, "SHA-256 failed");
    octets_to_hex(digest, SHA256_SIZE, hex);
    int len =
        snprintf(message, sizeof message, "%s%s:%s", CONTINUITY_PREFIX, renewal->task.nonce, hex);
    enum token_error error = token_sign(renewal->token, &renewal->old->key_id, SCHEME_SM2, message,
                                        (size_t)len, &renewal->continuity);
    if (error)
        return fail_token(renewal, error);
    if (certificate_verify_message(NULL, renewal->old->certificate, message, (size_t)len,
                                   renewal->continuity.data, renewal->continuity.len) != FORMATS_OK)
        return fail(renewal, PROBLEM_CERTIFICATE_MISMATCH, true,
                    "the old key is not the old certificate's");
    return true;
}

static bool request(struct renewal *renewal) {
    return make_csr(renewal) && sign_continuity(renewal);
}

/* ---- send, check ---- */

static bool send_request(struct renewal *renewal) {
    char path[PATH_SIZE];
    json_t *answer = NULL;
    snprintf(path, sizeof path, "/v1/tasks/%s/csr", renewal->task.id);
    json_t *body = json_pack("{s:o, s:o}", "csr", base64_json(&renewal->csr), "continuity",
                             base64_json(&renewal->continuity));
    if (!body)
        return fail(renewal, PROBLEM_INTERNAL, false, "out of memory");
    if (!ask(renewal, "POST", path, body, &answer))
        return false;
    enum issued_error error = issued_read(answer, &renewal->issued);
    json_decref(answer);
    return error ? fail(renewal, PROBLEM_TASK_REFUSED, true, issued_error_text(error)) : true;
}

/* The seal gets a name of its own, so that the old one stays until the end. */
static bool name_seal(struct renewal *renewal) {
    const struct octets *old_der = &renewal->old->certificate->der;
    struct octets there = {0};
    struct seal *seal = NULL;
    if (!renewal->issued.seal)
        return true;
    snprintf(renewal->seal_name, sizeof renewal->seal_name, "%s%s", renewal->issued.seal->id,
             SEAL_FILE_SUFFIX);
    enum token_error error = token_read_file(renewal->token, renewal->seal_name, &there);
    bool is_taken = !error && seal_parse(NULL, there.data, there.len, &seal) == FORMATS_OK &&
                    seal_lists_certificate(seal, old_der->data, old_der->len);
    seal_free(seal);
    octets_free(&there);
    if (error && error != TOKEN_NOT_FOUND)
        return fail_token(renewal, error);
    return !is_taken ||
           fail(renewal, PROBLEM_TASK_REFUSED, true, "the new seal has the number of the old one");
}

static bool check(struct renewal *renewal) {
    const struct issued_expectation expected = {
        .spki = &renewal->pair.spki,
        .old = renewal->old->certificate,
        .root = renewal->anchor->root,
        .intermediates = renewal->anchor->intermediates,
        .now = key_now(),
    };
    enum issued_error error = issued_check(&renewal->issued, &expected);
    if (error)
        return fail(renewal, PROBLEM_TASK_REFUSED, true, issued_error_text(error));
    return name_seal(renewal);
}

/* ---- unwrap, write-certificates, write-seal ---- */

static bool unwrap(struct renewal *renewal) {
    const struct issued *issued = &renewal->issued;
    struct token_pair there = {0};
    enum token_error error =
        token_find_pair(renewal->token, renewal->label, TOKEN_USE_ENCRYPT, &there);
    bool is_there = !error && octets_equal(&there.spki, &issued->envelope_spki);
    octets_free(&there.spki);
    if (error && error != TOKEN_NOT_FOUND)
        return fail_token(renewal, error);
    if (!is_there) {
        error = token_unwrap(renewal->token, &renewal->pair.id, renewal->label,
                             issued->envelope.data, issued->envelope.len);
        if (error)
            return fail_token(renewal, error);
    }
    return true;
}

static bool write_certificate(struct renewal *renewal, const struct token_key_id *id,
                              const struct certificate *certificate) {
    struct token_certificates there;
    enum token_error error = token_read_certificates(renewal->token, &there);
    bool is_there = !error && key_find_certificate(&there, certificate->id);
    token_certificates_free(&there);
    if (!error && !is_there)
        error = token_write_certificate(renewal->token, id, renewal->label, certificate);
    return error ? fail_token(renewal, error) : true;
}

static bool write_certificates(struct renewal *renewal) {
    struct token_pair encrypt = {0};
    enum token_error error =
        token_find_pair(renewal->token, renewal->label, TOKEN_USE_ENCRYPT, &encrypt);
    octets_free(&encrypt.spki);
    if (error)
        return fail_token(renewal, error);
    return write_certificate(renewal, &renewal->pair.id, renewal->issued.sign) &&
           write_certificate(renewal, &encrypt.id, renewal->issued.encrypt);
}

/* True if the key holds exactly the new seal. */
static enum token_error seal_is_there(const struct renewal *renewal, bool *is_there) {
    struct octets there = {0};
    enum token_error error = token_read_file(renewal->token, renewal->seal_name, &there);
    *is_there = !error && octets_equal(&there, &renewal->issued.seal_der);
    octets_free(&there);
    return error == TOKEN_NOT_FOUND ? TOKEN_OK : error;
}

static bool write_seal(struct renewal *renewal) {
    const struct octets *der = &renewal->issued.seal_der;
    bool is_there = false;
    if (!renewal->issued.seal)
        return true;
    enum token_error error = seal_is_there(renewal, &is_there);
    if (!error && !is_there) /* absent, or half written when the power went */
        error = token_write_file(renewal->token, renewal->seal_name, der->data, der->len);
    return error ? fail_token(renewal, error) : true;
}

/* ---- read-back, prove ---- */

static bool certificate_is_there(const struct token_certificates *there,
                                 const struct certificate *certificate) {
    const struct token_certificate *one = key_find_certificate(there, certificate->id);
    return one && one->has_key && octets_equal(&one->certificate->der, &certificate->der);
}

static bool read_back(struct renewal *renewal) {
    struct token_certificates there;
    bool is_seal_there = true;
    enum token_error error = token_read_certificates(renewal->token, &there);
    bool are_there = !error && certificate_is_there(&there, renewal->issued.sign) &&
                     certificate_is_there(&there, renewal->issued.encrypt) &&
                     certificate_is_there(&there, renewal->old->certificate);
    token_certificates_free(&there);
    if (!error && renewal->issued.seal)
        error = seal_is_there(renewal, &is_seal_there);
    if (error)
        return fail_token(renewal, error);
    return (are_there && is_seal_there) ||
           fail(renewal, PROBLEM_TOKEN_ERROR, true, "what was written is not what is read back");
}

static bool sign_proof(struct renewal *renewal, struct octets *proof) {
    char message[sizeof PROOF_PREFIX + ISSUED_NONCE_MAX];
    int len = snprintf(message, sizeof message, "%s%s", PROOF_PREFIX, renewal->issued.nonce);
    enum token_error error =
        token_sign(renewal->token, &renewal->pair.id, SCHEME_SM2, message, (size_t)len, proof);
    if (error)
        return fail_token(renewal, error);
    return certificate_verify_message(NULL, renewal->issued.sign, message, (size_t)len, proof->data,
                                      proof->len) == FORMATS_OK ||
           fail(renewal, PROBLEM_TOKEN_ERROR, true, "the new key's signature does not verify");
}

static bool prove(struct renewal *renewal) {
    octets_free(&renewal->continuity); /* has done its work: its place holds the proof */
    return sign_proof(renewal, &renewal->continuity);
}

/* ---- confirm, retire ---- */

static bool confirm(struct renewal *renewal) {
    const struct issued *issued = &renewal->issued;
    char path[PATH_SIZE];
    json_t *answer = NULL;
    snprintf(path, sizeof path, "/v1/tasks/%s/confirm", renewal->task.id);
    json_t *body = json_pack("{s:s, s:o}", "certificate", issued->sign->id, "proof",
                             base64_json(&renewal->continuity));
    if (!body)
        return fail(renewal, PROBLEM_INTERNAL, false, "out of memory");
    if (!ask(renewal, "POST", path, body, &answer))
        return false;
    json_decref(answer);
    renewal->is_confirmed = true;
    return describe_result(renewal, issued->sign, issued->encrypt->id,
                           issued->seal ? issued->seal->id : NULL);
}

/* Seals that were made for the old certificate, other than the new one, go. */
static enum token_error delete_old_seals(const struct renewal *renewal) {
    const struct octets *old_der = &renewal->old->certificate->der;
    struct token_files files;
    enum token_error error = token_read_files(renewal->token, SEAL_FILE_SUFFIX, &files);
    for (size_t i = 0; i < files.count && !error; i++) {
        const struct token_file *file = &files.list[i];
        struct seal *seal = NULL;
        if (strcmp(file->name, renewal->seal_name) != 0 &&
            seal_parse(NULL, file->content.data, file->content.len, &seal) == FORMATS_OK &&
            seal_lists_certificate(seal, old_der->data, old_der->len))
            error = token_delete_file(renewal->token, file->name);
        seal_free(seal);
    }
    token_files_free(&files);
    return error;
}

/* The seals first: once the old certificate has gone with its key, nobody could tell which ones are its. */
static bool retire(struct renewal *renewal) {
    enum token_error error = TOKEN_OK;
    if (!renewal->is_confirmed)
        return fail(renewal, PROBLEM_INTERNAL, false, "not confirmed");
    if (!renewal->old) /* retired by an earlier run */
        return true;
    if (renewal->seal_name[0])
        error = delete_old_seals(renewal);
    if (!error)
        error = token_retire(renewal->token, &renewal->old->key_id);
    if (error == TOKEN_UNSUPPORTED) {
        log_warn("jobs", "job %s: this key keeps its old signing key", renewal->job->id);
        error = TOKEN_OK;
    }
    return error ? fail_token(renewal, error) : true;
}

/* ---- the run ---- */

static const struct {
    bool (*run)(struct renewal *renewal);
    bool runs_when_confirmed; /* also when an earlier run has been confirmed */
} steps[STEP_COUNT] = {
    [STEP_READ_KEY] = {read_key, true},
    [STEP_MATCH] = {match, true},
    [STEP_CLAIM] = {claim, false},
    [STEP_GENERATE] = {generate, false},
    [STEP_REQUEST] = {request, false},
    [STEP_SEND] = {send_request, false},
    [STEP_CHECK] = {check, false},
    [STEP_UNWRAP] = {unwrap, false},
    [STEP_WRITE_CERTIFICATES] = {write_certificates, false},
    [STEP_WRITE_SEAL] = {write_seal, false},
    [STEP_READ_BACK] = {read_back, false},
    [STEP_PROVE] = {prove, false},
    [STEP_CONFIRM] = {confirm, false},
    [STEP_RETIRE] = {retire, true},
};

/* Give the lease back, so that nobody has to wait for its end. What the service says to that does not matter any more. */
static void give_back(struct renewal *renewal) {
    char path[PATH_SIZE];
    json_t *answer = NULL;
    struct job_failure ignored = {.problem = PROBLEM_COUNT};
    if (!renewal->is_claimed || renewal->is_confirmed ||
        renewal->failure.problem == PROBLEM_SERVICE_UNREACHABLE)
        return;
    snprintf(path, sizeof path, "/v1/tasks/%s/fail", renewal->task.id);
    json_t *body = json_pack("{s:s, s:b}", "code", agent_problem_code(renewal->failure.problem),
                             "permanent", 0);
    service_ask(renewal->job, "POST", path, body, &answer, &ignored);
    json_decref(answer);
    json_decref(ignored.extra);
}

static void run_steps(struct renewal *renewal) {
    for (enum job_step step = 0; step < STEP_COUNT; step++) {
        if (renewal->is_confirmed && !steps[step].runs_when_confirmed)
            continue;
        if (!job_begin_step(renewal->job, step))
            return;
        if (!steps[step].run(renewal)) {
            const struct job_failure *failure = &renewal->failure;
            give_back(renewal);
            job_end(renewal->job, failure->is_permanent ? JOB_FAILED : JOB_INTERRUPTED,
                    failure->problem, json_incref(failure->extra), failure->detail);
            return;
        }
    }
    job_end(renewal->job, JOB_DONE, PROBLEM_COUNT, NULL, NULL);
}

void renew_run(struct job *job) {
    const struct key *key = job->owner->key;
    struct renewal *renewal = calloc(1, sizeof *renewal);
    if (!renewal) {
        job_end(job, JOB_INTERRUPTED, PROBLEM_INTERNAL, NULL, "out of memory");
        return;
    }
    renewal->job = job;
    renewal->token = job->plugged;
    renewal->failure.problem = PROBLEM_COUNT;
    renewal->anchor =
        anchors_find(key->anchors, agent_config_service(key->agent->config, job->service));
    snprintf(renewal->label, sizeof renewal->label, "R-%s", job->order);
    if (renewal->anchor)
        run_steps(renewal);
    else
        job_end(job, JOB_FAILED, PROBLEM_SERVICE_UNKNOWN, NULL,
                "the service's root certificate cannot be read");
    token_certificates_free(&renewal->certificates);
    octets_free(&renewal->pair.spki);
    octets_free(&renewal->csr);
    octets_free(&renewal->continuity);
    issued_clear(&renewal->issued);
    json_decref(renewal->failure.extra);
    free(renewal);
}
