/* One run of a job: what it knows, and the steps that several kinds share. Every step looks at the key first and does what is missing,
 * so that the whole may be run again. A step answers false when the job cannot go on, and then `failure` says why. */
#ifndef AGENT_JOBS_WORK_H
#define AGENT_JOBS_WORK_H

#include "agent/api/anchors.h"
#include "agent/jobs/issued.h"
#include "agent/jobs/job.h"
#include "agent/jobs/service.h"
#include "agent/jobs/task.h"
#include "openukey/formats.h"

enum work_size { WORK_PATH_SIZE = 700, WORK_NAME_MAX = 256 };

/* What the key holds is read anew in every run. */
struct work {
    struct job *job;
    struct token *token;
    const struct trust_anchor *anchor;
    struct token_facts facts;
    struct token_certificates certificates;
    const struct token_certificate *
        old; /* in `certificates`: the one that the job is about; NULL: none, or it has been retired */
    char label
        [TOKEN_LABEL_MAX]; /* of the container that is worked on: "R-" and the order, unless certificates are installed */
    char
        holder[WORK_NAME_MAX]; /* whose certificates they will be, for the PKCS#10 of a blank key */
    struct task task;
    bool is_claimed;
    bool is_confirmed;      /* by this run or an earlier one */
    bool has_logged_in;     /* by itself: nobody has verified a PIN for a page */
    size_t reported;        /* so many of the task's steps */
    struct token_pair pair; /* the signing key that is worked on */
    struct octets csr;
    struct octets signature; /* what the request or the confirmation shows */
    struct octets made;      /* DER of the new signing certificate, once it is confirmed */
    struct issued issued;
    struct octets secret; /* enveloped: what a recovered key must open */
    struct token_unlock unlock;
    struct job_failure failure;
};

/* ---- why it cannot go on; both answer false ---- */

bool work_fail(struct work *work, enum agent_problem problem, bool is_permanent,
               const char *detail);
/* A pulled key or a lost login interrupts; what the key refuses fails. */
bool work_fail_token(struct work *work, enum token_error error);

/* service_ask() with this run's failure. */
bool work_ask(struct work *work, const char *method, const char *path, json_t *body,
              json_t **answer);
/* POST to the claimed task: /v1/tasks/{id}/`what`. Takes over `body`; NULL fails. */
bool work_ask_task(struct work *work, const char *what, json_t *body, json_t **answer);

/* ---- steps, in claim.c ---- */

bool step_read_key(struct work *work);
/* The order's certificate is on this key, or the order is done for what is on it. */
bool step_match(struct work *work);
bool step_claim(struct work *work);

/* What the order says: its key and certificate are on hand (`needs_old`), and whether it has been done. */
bool work_match_order(struct work *work, bool needs_old);

/* ---- steps, in certify.c: a new certified pair ---- */

bool step_generate(struct work *work);
bool step_request(struct work *work);
bool step_send(struct work *work);
bool step_check(struct work *work);
bool step_prove(struct work *work);
bool step_confirm(struct work *work);

/* Sign `message` with the key `id`; the signature must verify with `certificate`. work->signature. */
bool work_sign(struct work *work, const struct token_key_id *id,
               const struct certificate *certificate, const char *message);
/* CONTINUITY_PREFIX, the task's nonce, ":" and the SHA-256 of `what`, signed by the old key: it vouches for what comes. */
bool work_sign_continuity(struct work *work, const struct octets *what);
/* Confirm with the certificate of that id and work->signature (empty: no proof). */
bool work_confirm(struct work *work, const char *certificate);

/* ---- steps, in put.c: what came is put onto the key, beside what is there ---- */

bool step_unwrap(struct work *work);
bool step_write_certificates(struct work *work);
bool step_write_seal(struct work *work);
bool step_read_back(struct work *work);

/* The seal's file is not that of another certificate's seal. */
bool work_seal_has_room(struct work *work);
/* The certificate of the key with that id, as it was when the run began, or NULL. */
const struct certificate *work_certificate_of(const struct work *work,
                                              const struct token_key_id *id);
/* Make the job's result of what is in the container now: work->made and the members of JobResult. Fails when there is none. */
bool work_describe(struct work *work);

/* ---- asking the person (ask.c) ---- */

/* Agree or not. False: no, nobody was there, or another dialog is open. */
bool work_ask_person(struct work *work, enum word title, enum word message);
/* A new PIN, typed twice. consent_pin_free(). */
bool work_ask_new_pin(struct work *work, struct consent_pin **pin);

/* ---- the kinds ---- */

extern const struct job_kind job_kind_enrol, job_kind_renew, job_kind_change, job_kind_replace,
    job_kind_unlock, job_kind_recover, job_kind_install;

#endif
