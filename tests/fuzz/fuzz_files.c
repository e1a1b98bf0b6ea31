/* Fuzzes the agent's readers of files, each on a file of the input: first byte: which. Configuration, policy, pairings, a job's journal, the
 * audit journal, Firefox's list of profiles, p11-kit's registry, the browsers' policies, certutil's listing. What is taken can be read again
 * and says the same; what is not is said to be wrong. */
#include "agent/identity/trust.c" /* NOLINT(bugprone-suspicious-include): what it makes of certutil's words */

#include "agent/access/pairing_store.h"
#include "agent/api/key.h"
#include "agent/audit/audit.h"
#include "agent/clock.h"
#include "agent/identity/identity.h"
#include "agent/identity/machine.h"
#include "agent/identity/places.h"
#include "agent/jobs/job.h"

#include <ftw.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
__typeof__(fsync) __wrap_fsync;
__typeof__(fdatasync) __wrap_fdatasync;
__typeof__(EVP_Digest) __wrap_EVP_Digest, __real_EVP_Digest;
__typeof__(PEM_read_bio_X509) __wrap_PEM_read_bio_X509, __real_PEM_read_bio_X509;
void __wrap_log_write(enum log_level level, const char *room, const char *format, ...);

static char home[64], state[80], ca[PATH_MAX];
static bool hashes_are_zero;
static X509 *the_ca; /* read over and over: libcrypto takes milliseconds for it */
static bool reads_the_ca;

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

/* ---- what is otherwise here than in the agent ---- */

int __wrap_fsync(int fd) {
    return fd < 0 ? -1 : 0;
}

int __wrap_fdatasync(int fd) {
    return fd < 0 ? -1 : 0;
}

/* With all hashes alike every line follows every other: what comes after is reached. */
int __wrap_EVP_Digest(const void *data, size_t count, unsigned char *md, unsigned int *size,
                      const EVP_MD *type, ENGINE *impl) {
    int done = __real_EVP_Digest(data, count, md, size, type, impl);
    if (hashes_are_zero) {
        memset(md, 0, 32);
    }
    return done;
}

X509 *__wrap_PEM_read_bio_X509(BIO *bio, X509 **out, pem_password_cb *ask, void *context) {
    if (!reads_the_ca) {
        return __real_PEM_read_bio_X509(bio, out, ask, context);
    }
    the_ca = the_ca != NULL ? the_ca : __real_PEM_read_bio_X509(bio, out, ask, context);
    X509_up_ref(the_ca);
    return the_ca;
}

void __wrap_log_write(enum log_level level, const char *room, const char *format, ...) {
    (void)level;
    check(room != NULL && format != NULL);
}

/* ---- the folder ---- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at) {
    (void)status, (void)type;
    return at->level == 0 ? 0 : remove(path);
}

static void empty_folder(const char *path) {
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void remove_all(void) {
    empty_folder(home);
    rmdir(home);
}

static const char *in_state(const char *name) {
    static char paths[4][160];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", state, name);
    return path;
}

static const char *write_file(const char *name, const uint8_t *data, size_t size) {
    const char *path = in_state(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
    return path;
}

/* ---- the readers ---- */

static void configuration(const uint8_t *data, size_t size) {
    const char *path = write_file("agent.json", data, size);
    char error[512] = "", again[512] = "";
    struct agent_config *config = NULL, *second = NULL;
    int result = agent_config_read(path, &config, error, sizeof error);
    check((result == 0) == (error[0] == '\0'));
    check(agent_config_read(path, &second, again, sizeof again) == result &&
          strcmp(error, again) == 0);
    if (result == 0) {
        check(config->state_dir[0] == '/' && config->port_count > 0 && config->module[0] == '/');
        for (size_t i = 0; i < config->service_count; i++) {
            const struct agent_service *service = &config->services[i];
            check(strncmp(service->upstream, "https://", 8) == 0 &&
                  strpbrk(service->upstream + 8, "@?# \r\n\\") == NULL);
            check(agent_config_service(config, service->profile) != NULL);
            check((service->client_key == NULL) == (service->client_certificate == NULL));
        }
        for (size_t i = 0; i < config->allow_count; i++) {
            check(origin_is_eligible(config->allow[i]));
        }
        agent_config_free(config);
        agent_config_free(second);
    }
}

static void one_site(void *context, const char *origin, const struct policy_rules *rules) {
    (void)context;
    check(origin_is_eligible(origin) && (rules->actions & ~(unsigned)POLICY_ACTIONS) == 0 &&
          rules->pairing <= POLICY_PAIRING_NEVER);
}

static void policy(const uint8_t *data, size_t size) {
    const char *path = write_file("policy.json", data, size);
    char error[600] = "";
    struct policy *policy = NULL;
    struct policy_rules rules;
    int result = policy_open(in_state("none"), path, &policy, error, sizeof error);
    check((result == 0) == (error[0] == '\0') && (result == 0) == (policy != NULL));
    if (result == 0) {
        policy_rules(policy, "https://nobody.test", &rules);
        check(rules.pairing != POLICY_PAIRING_NEVER || !rules.pin_by_page);
        check(!rules.raw_sign_ask && !rules.pin_by_page); /* only sites that are named */
        policy_each(policy, one_site, NULL);
        check(policy_reload(policy, error, sizeof error) == 0);
        policy_free(policy);
    }
}

static void pairings(const uint8_t *data, size_t size) {
    const struct agent_config config = {.state_dir = state};
    char error[600], origin[ORIGIN_TEXT_SIZE];
    struct policy *none = NULL;
    write_file("pairings.json", data, size);
    check(policy_open(in_state("none"), NULL, &none, error, sizeof error) == 0);
    for (int turn = 0; turn < 2; turn++) { /* what it wrote it reads again */
        struct pairing_store *store = pairing_store_open(&config, none);
        check(store != NULL);
        json_t *list = pairing_store_list(store), *value;
        const char *name;
        json_object_foreach(list, name, value) {
            const char *decision = json_string_value(json_object_get(value, "decision"));
            enum origin_class class = pairing_store_class(store, name);
            decision = decision != NULL ? decision : "always"; /* as the first version had it */
            check(origin_is_eligible(name));
            check(strcmp(decision, "never") != 0 || class == ORIGIN_REFUSED);
            check(strcmp(decision, "always") == 0 || class != ORIGIN_PAIRED);
        }
        json_decref(list);
        int decided = pairing_store_decide(store, "https://new.test", PAIRING_ALWAYS);
        check(decided != 0 || pairing_store_class(store, "https://new.test") == ORIGIN_PAIRED);
        while (pairing_store_next_revoked(store, origin)) {
            check(pairing_store_class(store, origin) != ORIGIN_PAIRED);
        }
        pairing_store_close(store);
    }
    policy_free(none);
}

static void job(const uint8_t *data, size_t size) {
    const struct agent_config config = {.state_dir = state};
    struct agent agent = {.config = &config};
    struct key key = {.agent = &agent};
    struct jobs *jobs = NULL;
    check(mkdir(in_state("jobs"), 0700) == 0);
    write_file("jobs/0.json", data, size);
    if (jobs_open(&key, &jobs) != 0) {
        return;
    }
    for (size_t i = 0; i < jobs->count; i++) {
        const struct job *one = jobs->list[i];
        json_t *document = jobs_get(jobs, one->id, one->origin, HTTP_LANGUAGE_EN);
        check(one->state != JOB_RUNNING && one->kind != NULL && document != NULL);
        json_decref(document);
        check(strpbrk(one->id, "/.") == NULL); /* what is written of it stays in the folder */
    }
    jobs_close(jobs);
}

static void entry(void *context, const json_t *line) {
    check(json_is_object(line));
    ++*(size_t *)context;
}

static void finding(void *context, const char *text) {
    (void)context;
    check(text[0] != '\0');
}

/* A head and two files, the lengths of head and first file in two bytes each before them; first byte: what is missing. */
static void audit_journal(const uint8_t *data, size_t size) {
    size_t lines = 0;
    struct audit_summary summary;
    const struct audit_reader reader = {.entry = entry, .finding = finding, .context = &lines};
    const struct audit_options options = {
        .folder = in_state("audit"), .now = clock_now, .file_max = 2000, .files_kept = 3};
    char folder[160];
    snprintf(folder, sizeof folder, "%s", in_state("audit"));
    if (size < 5) {
        return;
    }
    size_t head = (size_t)data[1] << 8 | data[2], first = (size_t)data[3] << 8 | data[4];
    const uint8_t *rest = data + 5;
    size -= 5;
    head = head < size ? head : size;
    first = first < size - head ? first : size - head;
    check(mkdir(folder, 0700) == 0);
    if ((data[0] & 1) == 0) {
        write_file("audit/head.json", rest, head);
    }
    if ((data[0] & 2) == 0) {
        write_file("audit/000000000001.jsonl", rest + head, first);
    }
    if ((data[0] & 4) == 0) {
        write_file("audit/000000000007.jsonl", rest + head + first, size - head - first);
    }
    hashes_are_zero = (data[0] & 8) != 0;
    audit_read(folder, &reader, &summary);
    check(summary.first <= summary.last || summary.findings > 0);
    struct audit *audit = audit_open(&options);
    if (audit != NULL) {
        for (int i = 0; i < 3; i++) {
            audit_append(audit, "event", json_pack("{s:s}", "origin", "https://a.test"));
        }
        audit_close(audit);
        check(audit_read(folder, &reader, &summary) == 0 && lines >= 3);
    }
    hashes_are_zero = false;
}

static void profiles(const uint8_t *data, size_t size) {
    struct places places;
    check(mkdir(in_state(".mozilla"), 0700) == 0 &&
          mkdir(in_state(".mozilla/firefox"), 0700) == 0 &&
          mkdir(in_state(".mozilla/firefox/a"), 0700) == 0);
    write_file(".mozilla/firefox/profiles.ini", data, size);
    check(places_find(state, &places) == 0 && places.count >= 1 && places.count <= PLACES_MAX);
    for (size_t i = 0; i < places.count; i++) {
        check(places.list[i].path[0] == '/' && places.list[i].browser != NULL);
    }
    places_free(&places);
}

static void registry(const uint8_t *data, size_t size) {
    struct foreign_modules modules = {0};
    char settings[160], folder[160];
    check(mkdir(in_state("modules"), 0700) == 0);
    /* one text for both: what a key means depends on the file */
    snprintf(settings, sizeof settings, "%s", write_file("pkcs11.conf", data, size));
    snprintf(folder, sizeof folder, "%s", in_state("modules"));
    write_file("modules/x.module", data, size);
    const struct registry_places places = {
        .settings = settings, .user = folder, .libraries = "/usr/lib/none"};
    check(foreign_modules_add_registered(&modules, &places, "ukey-agent", 1000, NULL));
    check(modules.count <= 1);
    for (size_t i = 0; i < modules.count; i++) {
        check(modules.list[i].path[0] == '/' && strcmp(modules.list[i].name, "x") == 0);
    }
    foreign_modules_free(&modules);
}

/* Firefox's or Chromium's. */
static void browser_policies(const uint8_t *data, size_t size) {
    static const char *const files[] = {"etc/firefox/policies/policies.json",
                                        "etc/chromium/policies/managed/x.json"};
    static const char *const folders[] = {
        "etc",          "etc/firefox",           "etc/firefox/policies",
        "etc/chromium", "etc/chromium/policies", "etc/chromium/policies/managed"};
    static const char *const sites[] = {"https://portal.test", NULL};
    const struct machine machine = {.root = state, .ca = ca, .sites = sites};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        check(mkdir(in_state(folders[i]), 0755) == 0);
    }
    for (size_t i = 0; i < 2; i++) {
        write_file(files[i], data, size);
    }
    reads_the_ca = true;
    size_t place = 1 + size % 2; /* Chrome and Edge are as Chromium */
    enum trust_state before = machine_status(&machine, place, path);
    enum trust_state installed = machine_install(&machine, place, path);
    check(installed == TRUST_INSTALLED || installed == TRUST_ERROR);
    check(machine_status(&machine, place, path) ==
          (installed == TRUST_INSTALLED ? TRUST_INSTALLED : before));
    if (installed == TRUST_INSTALLED) {
        check(machine_remove(&machine, place, path) == TRUST_MISSING);
        check(machine_status(&machine, place, path) == TRUST_MISSING);
    }
    reads_the_ca = false;
}

static void certutil_listing(const uint8_t *data, size_t size) {
    char *text = strndup((const char *)data, size);
    check(text != NULL);
    bool trusts = listing_trusts(text, "OpenUKey local CA 0123456789ab");
    check(!trusts || strstr(text, "OpenUKey local CA 0123456789ab ") != NULL);
    X509_free(read_certificate(BIO_new_mem_buf(text, -1)));
    free(text);
}

static void (*const readers[])(const uint8_t *data, size_t size) = {
    configuration, policy,           pairings,        job, audit_journal, profiles,
    registry,      browser_policies, certutil_listing};

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    char folder[80];
    struct identity identity;
    (void)argc, (void)argv;
    log_set_level(LOG_LEVEL_ERROR);
    check(freopen("/dev/null", "w", stdout) != NULL);
    snprintf(home, sizeof home, "%s/openukey-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    check(mkdtemp(home) != NULL);
    atexit(remove_all);
    snprintf(state, sizeof state, "%s/state", home);
    snprintf(folder, sizeof folder, "%s/tls", home);
    check(mkdir(state, 0700) == 0 &&
          identity_ensure(folder, "fuzz", time(NULL), &identity) == IDENTITY_OK);
    snprintf(ca, sizeof ca, "%s", identity.ca);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) {
        return 0;
    }
    readers[data[0] % (sizeof readers / sizeof readers[0])](data + 1, size - 1);
    empty_folder(state);
    return 0;
}
