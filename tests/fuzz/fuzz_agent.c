/* Fuzzes the agent over HTTP: first byte: what people and keys do (enum world); then what a client sends on one connection, as it is: request
 * lines, headers, bodies, WebSocket frames. All of civetweb's reading, agent/http, the gate and the routes' handlers run, on a key in
 * software (tests/unit/agent-key/mock_module.c), with dialogs that answer at once and order services that say always the same.
 *
 * What only this run knows stands in the input as a run of one letter: T the key's id, S and E its certificates', Z its seal's, A and B the
 * sessions of two paired sites. What is random and 16 bytes long, as ids of documents and jobs are, is 11..., then 22..., and so on. */
#include "tests/fuzz/fake_upstream.h"
#include "tests/fuzz/fake_web.h"

#include "agent/access/gate.h"
#include "agent/access/pairing_store.h"
#include "agent/access/peer.h"
#include "agent/api/api.h"
#include "agent/api/documents.h"
#include "agent/api/key.h"
#include "agent/audit/audit.h"
#include "agent/clock.h"
#include "agent/jobs/job.h"
#include "module/formats/certificate.h"
#include "module/formats/certificate_request.h"
#include "module/formats/seal.h"
#include "module/formats/sm2.h"
#include "module/formats/sm2_envelope.h"
#include "tests/unit/agent-key/mock_module.h"
#include "tools/orderd/ca/ca.h"

#include <ftw.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
/* What stands in the place of it is declared as the thing itself: who changes that hears of it here. */
__typeof__(consent_ask) __wrap_consent_ask;
__typeof__(consent_ask_pin) __wrap_consent_ask_pin;
__typeof__(consent_pin_free) __wrap_consent_pin_free;
__typeof__(peer_find_uid) __wrap_peer_find_uid;
__typeof__(fsync) __wrap_fsync;
__typeof__(fdatasync) __wrap_fdatasync;
__typeof__(token_sign) __wrap_token_sign, __real_token_sign;
__typeof__(token_sign_digest) __wrap_token_sign_digest, __real_token_sign_digest;
__typeof__(token_decrypt) __wrap_token_decrypt, __real_token_decrypt;

/* The input's first byte. */
enum world {
    LOGGED_IN = 1,    /* site A's person has typed the PIN already */
    REFUSES = 2,      /* people refuse what dialogs ask */
    FOR_GOOD = 4,     /* always, or never */
    MISTYPES = 8,     /* the PIN that is typed is wrong */
    NOT_PLUGGED = 16, /* there is no key */
    OTHER_USER = 32,  /* the connection is of another user of the machine */
    SERVICE_BAD = 64, /* order services break off */
};

#define ORIGIN_A "https://a.test"
#define ORIGIN_B "https://b.test"
#define SERIAL   "0123456789ABCDEF0123456789ABCDEF"
enum { NOW = 1772330400, DAY = 86400 }; /* 2026-03-01T10:00:00+08:00 */

static char folder[64];
static bool show;
static unsigned world;
static struct agent agent;
static pthread_t client_thread;

/* This request has passed the gate; its person has agreed to what was shown. */
static bool has_passed, has_agreed;

static struct {
    EVP_PKEY *sign, *encrypt;
    struct octets sign_certificate, encrypt_certificate, seal;
    char file[sizeof((struct mock_file *)0)->name];
} pair;

/* What stands in the input for what is known only now. */
static struct name {
    char letter;
    size_t len;
    char text[80];
} names[] = {{'T', 16, ""}, {'S', 64, ""}, {'E', 64, ""},
             {'Z', 28, ""}, {'A', 43, ""}, {'B', 43, ""}};

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

/* ---- what is otherwise here than in the agent ---- */

static uint64_t random_state;
static unsigned ids;

static int random_bytes(unsigned char *out, int len) {
    if (len == 16) {
        memset(out, (int)(0x11 * (++ids % 16)), 16);
        return 1;
    }
    for (int i = 0; i < len; i++) { /* xorshift64* */
        random_state ^= random_state >> 12;
        random_state ^= random_state << 25;
        random_state ^= random_state >> 27;
        out[i] = (unsigned char)((random_state * 0x2545F4914F6CDD1DU) >> 56);
    }
    return 1;
}

static int random_status(void) {
    return 1;
}

static const RAND_METHOD same_random = {
    .bytes = random_bytes, .pseudorand = random_bytes, .status = random_status};

static void begin_random(void) {
    random_state = 0x9E3779B97F4A7C15U;
    ids = 0;
}

int __wrap_fsync(int fd) {
    return fd < 0 ? -1 : 0;
}

int __wrap_fdatasync(int fd) {
    return fd < 0 ? -1 : 0;
}

bool __wrap_peer_find_uid(const char *address, uint16_t port, uint16_t local_port, uid_t *uid) {
    (void)address, (void)port, (void)local_port;
    *uid = geteuid() + ((world & OTHER_USER) != 0);
    return true;
}

enum consent_result __wrap_consent_ask(const struct consent_means *means, const json_t *request,
                                       const struct consent_watch *watch,
                                       enum consent_choice *choice) {
    bool agrees = (world & REFUSES) == 0, is_for_good = (world & FOR_GOOD) != 0;
    (void)watch;
    check(means->program != NULL && json_is_object(request) &&
          json_string_value(json_object_get(request, "origin")) != NULL);
    if (choice != NULL) {
        *choice = agrees ? (is_for_good ? CONSENT_CHOICE_ALWAYS : CONSENT_CHOICE_ONCE)
                         : (is_for_good ? CONSENT_CHOICE_NEVER : CONSENT_CHOICE_NONE);
    }
    if (pthread_equal(pthread_self(), client_thread)) {
        check(has_passed);
        has_agreed = agrees;
    }
    return agrees ? CONSENT_GIVEN : CONSENT_REFUSED;
}

enum consent_result __wrap_consent_ask_pin(const char *pinentry,
                                           const struct consent_pin_request *request,
                                           const struct consent_watch *watch,
                                           struct consent_pin **pin) {
    (void)pinentry, (void)watch;
    check(request->description != NULL && request->prompt != NULL);
    *pin = NULL;
    if ((world & REFUSES) != 0) {
        return CONSENT_REFUSED;
    }
    *pin = calloc(1, sizeof **pin);
    check(*pin != NULL);
    (*pin)->len = 6;
    memcpy((*pin)->text, (world & MISTYPES) != 0 ? "654321" : "123456", 7);
    return CONSENT_GIVEN;
}

void __wrap_consent_pin_free(struct consent_pin *pin) {
    free(pin);
}

/* Nothing is done with a private key that its person has not agreed to. Jobs have dialogs of their own, on their own threads. */
static void must_be_agreed(void) {
    check(!pthread_equal(pthread_self(), client_thread) || (has_passed && has_agreed));
}

enum token_error __wrap_token_sign(struct token *token, const struct token_key_id *id,
                                   enum signature_scheme scheme, const void *message, size_t len,
                                   const struct token_pin *pin, struct octets *signature) {
    must_be_agreed();
    return __real_token_sign(token, id, scheme, message, len, pin, signature);
}

enum token_error __wrap_token_sign_digest(struct token *token, const struct token_key_id *id,
                                          enum signature_scheme scheme, const void *digest,
                                          size_t len, const struct token_pin *pin,
                                          struct octets *signature) {
    must_be_agreed();
    return __real_token_sign_digest(token, id, scheme, digest, len, pin, signature);
}

enum token_error __wrap_token_decrypt(struct token *token, const struct token_key_id *id,
                                      enum token_decryption how, const void *cipher, size_t len,
                                      const struct token_pin *pin, struct octets *plain) {
    must_be_agreed();
    return __real_token_decrypt(token, id, how, cipher, len, pin, plain);
}

static bool before(struct http_request *request) {
    has_agreed = false;
    has_passed = false;
    has_passed = gate_before(request);
    check(!has_passed || (world & OTHER_USER) == 0);
    return has_passed;
}

/* ---- the agent ---- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at) {
    (void)status, (void)type, (void)at;
    return remove(path);
}

static void remove_folder(void) {
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(const char *name) {
    static char paths[4][128];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static const char *write_file(const char *name, const char *text) {
    const char *path = path_of(name);
    FILE *file = fopen(path, "w");
    check(file != NULL);
    fputs(text, file);
    fclose(file);
    return path;
}

static void make_pair(void) {
    static const struct name_field fields[] = {{"C", "CN"}, {"O", "甲公司"}, {"CN", "甲公司"}};
    static const unsigned char picture[] = "not really a picture";
    const struct ca_options create = {.create = true, .now = NOW - (int64_t)400 * DAY};
    struct octets subject, info, csr, signature;
    struct sm2_envelope envelope;
    struct ca_plan plan;
    struct ca_issued issued;
    struct ca *ca = NULL;
    unsigned char *spki = NULL;
    check(ca_open(NULL, path_of("ca"), &create, &ca) == CA_OK &&
          name_from_fields(fields, 3, &subject) == FORMATS_OK &&
          sm2_key_generate(NULL, &pair.sign) == FORMATS_OK);
    int spki_len = i2d_PUBKEY(pair.sign, &spki);
    check(spki_len > 0 &&
          certificate_request_build(subject.data, subject.len, spki, (size_t)spki_len, &info) ==
              FORMATS_OK &&
          sm2_sign(NULL, pair.sign, info.data, info.len, &signature) == FORMATS_OK &&
          certificate_request_assemble(NULL, &info, signature.data, signature.len, &csr) ==
              FORMATS_OK);
    const struct ca_request request = {.csr = csr.data,
                                       .csr_len = csr.len,
                                       .subject = subject.data,
                                       .subject_len = subject.len,
                                       .not_before = NOW - (int64_t)100 * DAY,
                                       .not_after = NOW + (int64_t)60 * DAY,
                                       .encryption_pair = true};
    check(ca_plan(ca, &request, &plan) == CA_OK && ca_issue(ca, &request, &plan, &issued) == CA_OK);
    check(sm2_envelope_parse(NULL, issued.enveloped_key.data, issued.enveloped_key.len,
                             &envelope) == FORMATS_OK &&
          sm2_envelope_open(NULL, pair.sign, &envelope, &pair.encrypt) == FORMATS_OK);
    pair.sign_certificate = issued.sign_certificate;
    pair.encrypt_certificate = issued.encrypt_certificate;
    char seal_id[29];
    check(ca_seal_id(ca, seal_id) == CA_OK);
    const struct ca_seal_request seal = {.id = seal_id,
                                         .type = SEAL_ORGANIZATION,
                                         .name = "甲公司",
                                         .width_mm = 48,
                                         .height_mm = 48,
                                         .picture = picture,
                                         .picture_len = sizeof picture,
                                         .certificates = &pair.sign_certificate,
                                         .certificate_count = 1,
                                         .created = request.not_before,
                                         .valid_start = request.not_before,
                                         .valid_end = request.not_after};
    check(ca_seal(ca, &seal, &pair.seal) == CA_OK);
    snprintf(pair.file, sizeof pair.file, "%s.esl", seal_id);
    snprintf(names[3].text, sizeof names[3].text, "%s", seal_id);
    FILE *file = fopen(path_of("root.pem"), "w");
    const struct octets *const anchors[] = {ca_root(ca), ca_issuing(ca)};
    for (size_t i = 0; i < 2; i++) {
        struct octets pem;
        check(certificate_to_pem(anchors[i]->data, anchors[i]->len, &pem) == FORMATS_OK);
        fwrite(pem.data, 1, pem.len, file);
        octets_free(&pem);
    }
    fclose(file);
    ca_close(ca);
    octets_free(&issued.enveloped_key);
    octets_free(&subject);
    octets_free(&info);
    octets_free(&csr);
    octets_free(&signature);
    OPENSSL_free(spki);
    const struct octets *const certificates[] = {&pair.sign_certificate, &pair.encrypt_certificate};
    for (size_t i = 0; i < 2; i++) {
        struct certificate *parsed = NULL;
        check(certificate_parse(NULL, certificates[i]->data, certificates[i]->len, &parsed) ==
              FORMATS_OK);
        snprintf(names[1 + i].text, sizeof names[1 + i].text, "%s", parsed->id);
        certificate_free(parsed);
    }
}

static void read_configuration(void) {
    static struct agent_config *config;
    char error[512];
    mkdir(path_of("state"), 0700);
    write_file("policy.json",
               "{\"origins\":{\"" ORIGIN_A "\":{\"pairing\":\"always\",\"pin\":\"page\","
               "\"raw-sign\":\"ask\"},\"" ORIGIN_B "\":{\"pairing\":\"always\",\"actions\":"
               "[\"read\",\"pin\",\"sign\"]},\"https://no.test\":{\"pairing\":\"never\"}}}");
    write_file("agent.json",
               "{\"state\":\"state\",\"ports\":[0],\"p11Kit\":false,\"policy\":\"policy.json\","
               "\"log\":\"error\",\"services\":{\"default\":{\"upstream\":\"https://127.0.0.1:9\","
               "\"root\":\"root.pem\",\"taskKeys\":\"/v1/keys\",\"issuers\":[\"none\"]},"
               "\"other\":{\"upstream\":\"https://127.0.0.1:9/base\",\"issuers\":[\"none\"]}}}");
    if (agent_config_read(path_of("agent.json"), &config, error, sizeof error) != 0 ||
        policy_open(path_of("none"), config->policy, &agent.policy, error, sizeof error) != 0) {
        fprintf(stderr, "%s\n", error);
        abort();
    }
    free(config->module);
    config->module = NULL; /* the one in this program */
    log_set_level(config->log_level);
    agent.config = config;
}

/* What main.c does at a session's and a login's end. */
static void token_logged_out(void *context, const char *token_id) {
    (void)context;
    key_token_logout(&agent, token_id);
}

static void session_ended(void *context, uint64_t session_id) {
    (void)context;
    events_session_ended(agent.events, session_id);
}

static void make_key(void) {
    mock_reset();
    struct mock_key *key = mock_key_make(0, SERIAL);
    EVP_PKEY_up_ref(pair.sign);
    EVP_PKEY_up_ref(pair.encrypt);
    key->containers[0] =
        (struct mock_container){.exists = true, .sign = pair.sign, .encrypt = pair.encrypt};
    snprintf(key->containers[0].name, sizeof key->containers[0].name, "old");
    key->files[0].exists = true;
    memcpy(key->files[0].name, pair.file, sizeof key->files[0].name);
    check(octets_copy(&key->containers[0].sign_certificate, pair.sign_certificate.data,
                      pair.sign_certificate.len) == FORMATS_OK &&
          octets_copy(&key->containers[0].encrypt_certificate, pair.encrypt_certificate.data,
                      pair.encrypt_certificate.len) == FORMATS_OK &&
          octets_copy(&key->files[0].content, pair.seal.data, pair.seal.len) == FORMATS_OK);
    if ((world & NOT_PLUGGED) != 0) {
        mock_pull(key);
    }
}

/* The key rooms take long to open, as their watcher has to come to rest: they are opened anew only after what changes a key. */
static void open_key_rooms(void) {
    static unsigned plugged_in = NOT_PLUGGED + 1; /* of the world that they were opened in */
    if (agent.key != NULL && plugged_in != (world & NOT_PLUGGED)) {
        key_close(&agent);
    }
    if (agent.key == NULL) {
        make_key();
        check(key_open(&agent) == 0);
    }
    plugged_in = world & NOT_PLUGGED;
    documents_close(agent.key->documents);
    agent.key->documents = documents_open();
    check(agent.key->documents != NULL);
}

/* As after a start, with a session for either site. */
static void open_rooms(void) {
    const struct access_options options = {.token_logout = token_logged_out,
                                           .session_ended = session_ended};
    const struct audit_options audit = {.folder = path_of("state/audit"), .now = clock_now};
    static const char *const origins[] = {ORIGIN_A, ORIGIN_B};
    struct token *list[TOKEN_MAX];
    struct access_session sessions[2];
    begin_random();
    agent.audit = audit_open(&audit);
    agent.access = access_new(&options);
    agent.pairings = pairing_store_open(agent.config, agent.policy);
    agent.events = events_new(&agent);
    agent.proxy = proxy_new(agent.config, NULL, NULL);
    check(agent.audit != NULL && agent.access != NULL && agent.pairings != NULL &&
          agent.events != NULL && agent.proxy != NULL);
    open_key_rooms();
    for (size_t i = 0; i < 2; i++) {
        check(access_session_start(agent.access, origins[i], names[4 + i].text, &sessions[i]) == 0);
    }
    size_t count = tokens_list(agent.key->tokens, list);
    for (size_t k = 0; k < count; k++) {
        snprintf(names[0].text, sizeof names[0].text, "%s", token_id(list[k]));
        token_logout(list[k]);
        mock_keys[0].tries = mock_keys[0].tries_max;
        snprintf(mock_keys[0].pin, sizeof mock_keys[0].pin, "123456");
        if ((world & LOGGED_IN) != 0) {
            check(token_login(list[k], "123456", 6, false, NULL) == TOKEN_OK);
            access_pin_record(agent.access, sessions[0].id, token_id(list[k]));
        }
        token_release(list[k]);
    }
    begin_random();
}

static void close_rooms(void) {
    /* a job that has been started goes to its end */
    struct jobs *jobs = agent.key->jobs;
    pthread_mutex_lock(&jobs->lock);
    bool has_jobs = jobs->count > 0;
    for (size_t i = 0; i < jobs->count; i++) {
        while (jobs->list[i]->is_active) {
            pthread_cond_wait(&jobs->idle, &jobs->lock);
        }
    }
    pthread_mutex_unlock(&jobs->lock);
    proxy_stop(agent.proxy);
    if (has_jobs) {
        key_close(&agent);
        nftw(path_of("state/jobs"), remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
    proxy_free(agent.proxy);
    events_free(agent.events);
    pairing_store_close(agent.pairings);
    access_free(agent.access);
    audit_close(agent.audit);
    unlink(path_of("state/pairings.json"));
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    static const struct http_websocket_route *const websockets[] = {events_websocket_route, NULL};
    static const struct http_route *tables[32] = {wellknown_routes, pairing_routes, service_routes};
    (void)argc, (void)argv;
    show = getenv("OPENUKEY_FUZZ_TALK") != NULL;
    client_thread = pthread_self();
    snprintf(folder, sizeof folder, "%s/openukey-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    check(mkdtemp(folder) != NULL && chmod(folder, 0700) == 0);
    atexit(remove_folder);
    begin_random();
    RAND_set_rand_method(&same_random);
    make_pair();
    read_configuration();
    clock_start_at(NOW);
    for (size_t i = 0; key_routes[i] != NULL; i++) {
        tables[3 + i] = key_routes[i];
    }
    fake_web_start(folder, &(struct http_server_options){.routes = tables,
                                                         .websockets = websockets,
                                                         .before = before,
                                                         .context = &agent});
    return 0;
}

/* Put what this run knows into a copy of the input. */
static void fill_in(uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct name *name = &names[i];
        size_t run = 0;
        for (size_t at = 0; at < size; at++) {
            run = bytes[at] == (uint8_t)name->letter ? run + 1 : 0;
            if (run == name->len && strlen(name->text) == name->len) {
                memcpy(bytes + at + 1 - run, name->text, run);
                run = 0;
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char good[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               "Content-Length: 13\r\n\r\n{\"keys\":[{}]}";
    if (size < 1) {
        return 0;
    }
    world = data[0];
    fake_upstream_answer((const uint8_t *)good,
                         (world & SERVICE_BAD) != 0 ? sizeof good - 20 : sizeof good - 1);
    open_rooms();
    uint8_t *bytes = malloc(size);
    check(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    fill_in(bytes, size - 1);
    check(fake_web_connection(bytes, size - 1, show));
    free(bytes);
    close_rooms();
    return 0;
}
