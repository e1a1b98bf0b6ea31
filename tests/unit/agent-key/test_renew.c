/* agent/jobs: the renewal on a mock key with a service inside the program. Whatever is cut, wherever: the old certificate, key and
 * seal work until the service has confirmed, and running the job again ends in exactly one new pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/api/key.h"
#include "agent/jobs/job.h"
#include "tests/unit/agent-key/fake_service.h"

#define ORIGIN "https://portal.example.test"

static char folder[40], state_dir[80];
static struct agent_service service = {.profile = (char[]){"default"}};
static struct agent_config config = {.services = &service, .service_count = 1};
static struct agent agent = {.config = &config};

static struct job_request wanted = {
    .service = "default",
    .order = FAKE_ORDER,
    .authorization = "Bearer secret",
    .origin = ORIGIN,
    .language = HTTP_LANGUAGE_EN,
};

/* ---- the agent around the job ---- */

static int open_all(void **state) {
    (void)state;
    /* hundreds of journals are synced: in memory where there is such a place */
    snprintf(folder, sizeof folder, "%s", "/dev/shm/openukey-renew-XXXXXX");
    if (!mkdtemp(folder)) {
        snprintf(folder, sizeof folder, "%s", "/tmp/openukey-renew-XXXXXX");
        assert_non_null(mkdtemp(folder));
    }
    fake_service_open(folder);
    wanted.kind = job_kind_find("renew");
    service.task_keys = json_string("/v1/keys");
    service.root = strdup(fake_service_anchors());
    log_set_level(LOG_LEVEL_ERROR);
    return 0;
}

static int close_all(void **state) {
    (void)state;
    char command[128];
    fake_service_close();
    json_decref(service.task_keys);
    free(service.root);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void start_agent(void) {
    const struct access_options options = {.clock = NULL};
    agent.access = access_new(&options);
    agent.events = events_new(&agent);
    assert_non_null(agent.access);
    assert_int_equal(key_open(&agent), 0);
}

static void stop_agent(void) {
    key_close(&agent);
    events_free(agent.events);
    access_free(agent.access);
}

/* A key with an old pair that ends in `days` days, and an agent that has never seen it. */
static struct mock_key *begin(int days) {
    char command[256];
    mock_reset();
    snprintf(state_dir, sizeof state_dir, "%s/state", folder);
    snprintf(command, sizeof command, "rm -rf '%s'; mkdir '%s'", state_dir, state_dir);
    assert_int_equal(system(command), 0);
    config.state_dir = state_dir;
    struct mock_key *key = mock_key_make(0, FAKE_SERIAL);
    fake_service_begin(key, days);
    start_agent();
    return key;
}

/* The plugged key, logged in. */
static struct token *log_in(void) {
    struct token *list[TOKEN_MAX];
    if (!mock_keys[0].is_plugged)
        mock_plug(&mock_keys[0]);
    tokens_rescan(agent.key->tokens);
    mock_wait_for_watcher();
    assert_int_equal(tokens_list(agent.key->tokens, list), 1);
    assert_int_equal(token_login(list[0], "123456", 6, false, NULL), TOKEN_OK);
    return list[0];
}

static struct job *only_job(void) {
    assert_int_equal(agent.key->jobs->count, 1);
    return agent.key->jobs->list[0];
}

static void wait_job(void) {
    struct jobs *jobs = agent.key->jobs;
    pthread_mutex_lock(&jobs->lock);
    while (only_job()->is_active)
        pthread_cond_wait(&jobs->idle, &jobs->lock);
    pthread_mutex_unlock(&jobs->lock);
}

/* Start or resume the job and wait for its end. */
static enum job_state run(void) {
    json_t *document = NULL;
    struct token *token = log_in();
    assert_int_equal(jobs_start(agent.key->jobs, &wanted, token, &document), PROBLEM_COUNT);
    json_decref(document);
    token_release(token);
    wait_job();
    return only_job()->state;
}

static void assert_done(const struct mock_key *key) {
    const struct job *job = only_job();
    if (job->state != JOB_DONE)
        fail_msg("%s at %s: %s", job_state_name(job->state), job_step_name(job->step),
                 job->problem_detail ? job->problem_detail : "");
    fake_assert_renewed(key);
    assert_false(key->is_logged_in && key->containers[0].sign);
}

/* ---- tests ---- */

static void
a_renewal_puts_a_new_pair_and_seal_beside_the_old_and_retires_the_old_signing_key(void **state) {
    (void)state;
    struct mock_key *key = begin(60);
    assert_int_equal(run(), JOB_DONE);
    assert_done(key);
    assert_int_equal(fake.confirmations, 1);
    json_t *document = jobs_get(agent.key->jobs, only_job()->id, ORIGIN, HTTP_LANGUAGE_ZH);
    json_t *result = json_object_get(document, "result");
    assert_int_equal(json_integer_value(json_object_get(document, "progress")), 100);
    assert_string_equal(json_string_value(json_object_get(result, "signCertificate")),
                        fake.new_sign_id);
    assert_string_equal(json_string_value(json_object_get(result, "seal")), fake.seal_id);
    json_decref(document);
    stop_agent();
}

static void an_expired_certificate_is_renewed_too(void **state) {
    (void)state;
    struct mock_key *key = begin(-100);
    assert_int_equal(run(), JOB_DONE);
    assert_done(key);
    stop_agent();
}

static void asking_again_for_a_finished_job_changes_nothing(void **state) {
    (void)state;
    begin(60);
    assert_int_equal(run(), JOB_DONE);
    char id[JOB_ID_SIZE];
    snprintf(id, sizeof id, "%s", only_job()->id);
    json_t *document = NULL;
    assert_int_equal(jobs_find(agent.key->jobs, &wanted, &document), JOBS_SETTLED);
    assert_string_equal(json_string_value(json_object_get(document, "id")), id);
    json_decref(document);
    stop_agent();
    start_agent(); /* and the journal knows it */
    assert_int_equal(jobs_find(agent.key->jobs, &wanted, &document), JOBS_SETTLED);
    assert_string_equal(json_string_value(json_object_get(document, "state")), "done");
    assert_non_null(json_object_get(document, "result"));
    json_decref(document);
    stop_agent();
}

/* One run that is cut, and one that goes on. False when nothing was cut any more. */
static bool cut_and_resume(void (*cut)(unsigned nth, bool is_after), bool (*was_cut)(unsigned nth),
                           unsigned nth, bool is_after) {
    struct mock_key *key = begin(60);
    struct token *token = log_in();
    json_t *document = NULL;
    cut(nth, is_after);
    assert_int_equal(jobs_start(agent.key->jobs, &wanted, token, &document), PROBLEM_COUNT);
    json_decref(document);
    token_release(token);
    wait_job();
    bool cut_it = was_cut(nth);
    cut(0, false);
    if (cut_it && only_job()->state != JOB_DONE) {
        if (only_job()->state != JOB_INTERRUPTED)
            fail_msg("cut %u%s: %s at %s: %s", nth, is_after ? " after" : " before",
                     job_state_name(only_job()->state), job_step_name(only_job()->step),
                     only_job()->problem_detail);
        if (!fake.is_completed)
            fake_assert_old_works(key);
        char id[JOB_ID_SIZE];
        snprintf(id, sizeof id, "%s", only_job()->id);
        run();
        assert_string_equal(only_job()->id, id);
    }
    assert_done(key);
    stop_agent();
    return cut_it;
}

static bool was_pulled(unsigned nth) {
    return mock_calls() >= nth;
}

static void a_key_pulled_at_any_call_is_renewed_by_the_next_run(void **state) {
    (void)state;
    unsigned calls = 0;
    for (unsigned nth = 1; cut_and_resume(mock_pull_at, was_pulled, nth, false); nth++)
        calls = nth;
    /* after one call the key holds what it holds before the next: only the lost answer is new */
    for (unsigned nth = 1; cut_and_resume(mock_pull_at, was_pulled, nth, true); nth += 4)
        ;
    assert_true(calls > 50);
    print_message("# pulled before each of %u calls, after every fourth\n", calls);
}

static void lose_at(unsigned nth, bool is_after) {
    fake.lost_at = nth;
    fake.loses_answer = is_after;
    if (nth)
        fake.requests = 0;
}

static bool was_lost(unsigned nth) {
    return fake.requests >= nth;
}

static void a_service_lost_at_any_request_is_asked_again_by_the_next_run(void **state) {
    (void)state;
    unsigned requests = 0;
    for (int is_after = 0; is_after < 2; is_after++) {
        for (unsigned nth = 1; cut_and_resume(lose_at, was_lost, nth, is_after); nth++)
            requests = nth;
    }
    assert_int_equal(requests, 5);
}

/* Stops the agent in the middle of the nth request. */
static unsigned stop_in_request;

static void stop_here(unsigned request) {
    if (request == stop_in_request)
        atomic_store(&agent.key->jobs->stopping, true);
}

static void an_agent_that_ends_during_the_job_goes_on_with_it_later(void **state) {
    (void)state;
    for (stop_in_request = 1; stop_in_request <= 5; stop_in_request++) {
        struct mock_key *key = begin(60);
        fake.before = stop_here;
        assert_int_equal(run(), JOB_INTERRUPTED);
        fake.before = NULL;
        char id[JOB_ID_SIZE];
        snprintf(id, sizeof id, "%s", only_job()->id);
        stop_agent();
        if (!fake.is_completed)
            fake_assert_old_works(key);
        start_agent();
        assert_string_equal(only_job()->id, id);
        assert_int_equal(only_job()->state, JOB_INTERRUPTED);
        assert_int_equal(run(), JOB_DONE);
        assert_done(key);
        stop_agent();
    }
}

static void a_job_that_the_journal_calls_running_is_interrupted(void **state) {
    (void)state;
    struct mock_key *key = begin(60);
    fake.lost_at = 4; /* after the request was sent */
    assert_int_equal(run(), JOB_INTERRUPTED);
    fake.lost_at = 0;
    pthread_mutex_lock(&agent.key->jobs->lock);
    only_job()->state = JOB_RUNNING;
    assert_true(journal_write(only_job())); /* as it stands when the agent is killed */
    only_job()->state = JOB_INTERRUPTED;
    pthread_mutex_unlock(&agent.key->jobs->lock);
    stop_agent();
    start_agent();
    assert_int_equal(only_job()->state, JOB_INTERRUPTED);
    assert_int_equal(run(), JOB_DONE);
    assert_done(key);
    stop_agent();
}

static void assert_failed(enum agent_problem problem) {
    assert_int_equal(run(), JOB_FAILED);
    assert_string_equal(agent_problem_code(only_job()->problem), agent_problem_code(problem));
}

static void assert_nothing_written(const struct mock_key *key) {
    fake_assert_old_works(key);
    for (size_t i = 1; i < MOCK_CONTAINERS; i++)
        assert_false(key->containers[i].exists);
    for (size_t i = 1; i < MOCK_FILES; i++)
        assert_false(key->files[i].exists);
}

static void what_the_ca_got_wrong_is_not_written(void **state) {
    (void)state;
    for (enum fake_lie lie = LIE_NONE + 1; lie < LIE_COUNT; lie++) {
        struct mock_key *key = begin(60);
        fake.lie = lie;
        run();
        if (only_job()->state != JOB_FAILED || only_job()->problem != PROBLEM_TASK_REFUSED)
            fail_msg("lie %d: %s at %s", (int)lie, job_state_name(only_job()->state),
                     job_step_name(only_job()->step));
        fake_assert_old_works(key);
        assert_int_equal(key->containers[1].sign_certificate.len, 0);
        assert_int_equal(key->containers[1].encrypt_certificate.len, 0);
        assert_null(key->containers[1].encrypt);
        assert_false(key->files[1].exists);
        stop_agent();
    }
}

static void a_task_that_is_not_for_this_is_refused_before_anything_is_written(void **state) {
    (void)state;
    for (enum fake_task task = TASK_IS_GOOD + 1; task < TASK_LIES; task++) {
        struct mock_key *key = begin(60);
        fake.task = task;
        assert_failed(PROBLEM_TASK_REFUSED);
        assert_nothing_written(key);
        stop_agent();
    }
}

static void another_key_is_refused_before_anything_is_written(void **state) {
    (void)state;
    struct mock_key *key = begin(60);
    snprintf(fake.token_serial, sizeof fake.token_serial, "%s", "FEDCBA98765432100123456789ABCDEF");
    assert_failed(PROBLEM_WRONG_TOKEN);
    assert_nothing_written(key);
    stop_agent();
    key = begin(60); /* the right serial, but the certificate has gone */
    octets_free(&key->containers[0].sign_certificate);
    assert_failed(PROBLEM_WRONG_TOKEN);
    stop_agent();
}

static void what_was_begun_on_one_key_does_not_go_on_with_another(void **state) {
    (void)state;
    struct mock_key *key = begin(60);
    fake.lost_at = 4;
    assert_int_equal(run(), JOB_INTERRUPTED);
    fake.lost_at = 0;
    mock_pull(key);
    snprintf(key->serial, sizeof key->serial, "%s", "FEDCBA98765432100123456789ABCDEF");
    struct token *token = log_in();
    json_t *document = NULL;
    assert_int_equal(jobs_start(agent.key->jobs, &wanted, token, &document), PROBLEM_WRONG_TOKEN);
    assert_null(document);
    token_release(token);
    stop_agent();
}

static void a_job_needs_the_pin_and_keeps_the_login_from_others(void **state) {
    (void)state;
    begin(60);
    struct token *list[TOKEN_MAX];
    json_t *document = NULL;
    assert_int_equal(tokens_list(agent.key->tokens, list), 1);
    assert_int_equal(jobs_start(agent.key->jobs, &wanted, list[0], &document),
                     PROBLEM_PIN_REQUIRED);
    token_release(list[0]);
    stop_agent();
}

/* Cancels in the middle of the nth request. */
static unsigned cancel_in_request;
static bool cancel_was_taken;

static void cancel_here(unsigned request) {
    json_t *document = NULL;
    if (request != cancel_in_request)
        return;
    assert_true(jobs_cancel(agent.key->jobs, only_job()->id, ORIGIN, HTTP_LANGUAGE_EN,
                            &cancel_was_taken, &document));
    json_decref(document);
}

static void a_job_is_cancelled_until_it_writes(void **state) {
    (void)state;
    struct mock_key *key = begin(60);
    fake.before = cancel_here;
    cancel_in_request = 2; /* the claim */
    assert_int_equal(run(), JOB_CANCELLED);
    assert_true(cancel_was_taken);
    assert_nothing_written(key);
    cancel_in_request = 3 + 4; /* of the second run: the PKCS#10 */
    assert_int_equal(run(), JOB_DONE);
    assert_false(cancel_was_taken);
    assert_done(key);
    stop_agent();
}

static void a_job_is_its_origins_own(void **state) {
    (void)state;
    begin(60);
    assert_int_equal(run(), JOB_DONE);
    assert_null(jobs_get(agent.key->jobs, only_job()->id, "https://other.test", HTTP_LANGUAGE_EN));
    bool is_cancelled;
    json_t *document;
    assert_false(jobs_cancel(agent.key->jobs, only_job()->id, "https://other.test",
                             HTTP_LANGUAGE_EN, &is_cancelled, &document));
    struct job_request others = wanted;
    others.origin = "https://other.test";
    assert_int_equal(jobs_find(agent.key->jobs, &others, &document), JOBS_NONE);
    stop_agent();
}

static void the_journal_holds_no_secret(void **state) {
    (void)state;
    begin(60);
    assert_int_equal(run(), JOB_DONE);
    char path[300], text[8192];
    struct stat info;
    snprintf(path, sizeof path, "%s/jobs/%s.json", state_dir, only_job()->id);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    assert_int_equal(fstat(fileno(file), &info), 0);
    fclose(file);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_null(strstr(text, "secret"));
    assert_null(strstr(text, "123456"));
    assert_null(only_job()->authorization);
    stop_agent();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_renewal_puts_a_new_pair_and_seal_beside_the_old_and_retires_the_old_signing_key),
        cmocka_unit_test(an_expired_certificate_is_renewed_too),
        cmocka_unit_test(asking_again_for_a_finished_job_changes_nothing),
        cmocka_unit_test(a_key_pulled_at_any_call_is_renewed_by_the_next_run),
        cmocka_unit_test(a_service_lost_at_any_request_is_asked_again_by_the_next_run),
        cmocka_unit_test(an_agent_that_ends_during_the_job_goes_on_with_it_later),
        cmocka_unit_test(a_job_that_the_journal_calls_running_is_interrupted),
        cmocka_unit_test(what_the_ca_got_wrong_is_not_written),
        cmocka_unit_test(a_task_that_is_not_for_this_is_refused_before_anything_is_written),
        cmocka_unit_test(another_key_is_refused_before_anything_is_written),
        cmocka_unit_test(what_was_begun_on_one_key_does_not_go_on_with_another),
        cmocka_unit_test(a_job_needs_the_pin_and_keeps_the_login_from_others),
        cmocka_unit_test(a_job_is_cancelled_until_it_writes),
        cmocka_unit_test(a_job_is_its_origins_own),
        cmocka_unit_test(the_journal_holds_no_secret),
    };
    return cmocka_run_group_tests_name("agent/jobs", tests, open_all, close_all);
}
