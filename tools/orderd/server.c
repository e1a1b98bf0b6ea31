/* See server.h. */
#include "tools/orderd/server.h"

#include "agent/identity/identity.h"
#include "agent/log.h"
#include "tools/orderd/engine/authority.h"
#include "tools/orderd/engine/task_key.h"
#include "tools/orderd/store/migrate.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BODY_MAX = 512 * 1024, THREADS = 64 };

/* ---- opening ---- */

static bool open_state(const struct config *config) {
    struct stat status;
    if (mkdir(config->state, 0700) != 0 && errno != EEXIST) {
        log_error("state", "%s: %s", config->state, strerror(errno));
        return false;
    }
    if (stat(config->state, &status) != 0 || !S_ISDIR(status.st_mode)) {
        log_error("state", "%s is not a folder", config->state);
        return false;
    }
    return true;
}

static bool open_store(struct house *house) {
    static const char *const reasons[] = {
        [MIGRATE_OK] = "",
        [MIGRATE_CHANGED] = "a migration differs from the one that was applied",
        [MIGRATE_AHEAD] = "the database was made by a newer version",
        [MIGRATE_FAILED] = "a migration failed",
    };
    const char *url = house->config.database;
    char *path = url != NULL ? strdup(url) : config_state_path(&house->config, "orders.db");
    if (path == NULL) {
        return false;
    }
    house->service.pool = db_pool_new(path);
    struct db *db = house->service.pool != NULL ? db_pool_take(house->service.pool) : NULL;
    int applied = 0;
    enum migrate_result result =
        db == NULL
            ? MIGRATE_FAILED
            : migrate_run(db, orderd_sql_assets, engine_now_ms(&house->service.engine), &applied);
    if (result != MIGRATE_OK) {
        /* a URL may hold a password */
        log_error("store", "%s: %s (%s)", url != NULL ? "database" : path, reasons[result],
                  db != NULL ? db_message(db) : "cannot be opened");
    } else if (applied > 0) {
        log_info("store", "%d migrations applied", applied);
    }
    db_pool_give(house->service.pool, db);
    free(path);
    return result == MIGRATE_OK;
}

static bool open_task_keys(struct house *house) {
    struct db *db = db_pool_take(house->service.pool);
    enum order_error error = db != NULL ? order_error_of(db_begin(db)) : ORDER_STORE_FAILED;
    if (error == ORDER_OK) {
        error = task_key_ensure(&house->service.engine, db);
    }
    if (error == ORDER_OK) {
        error = order_error_of(db_commit(db));
    }
    if (db != NULL) {
        db_rollback(db);
    }
    db_pool_give(house->service.pool, db);
    if (error != ORDER_OK) {
        log_error("state", "the keys that sign tasks cannot be made");
    }
    return error == ORDER_OK;
}

static bool open_vault(struct house *house) {
    struct engine *engine = &house->service.engine;
    char *path = config_state_path(&house->config, "vault.key");
    engine->vault = path != NULL ? vault_open(path) : NULL;
    free(path);
    if (engine->vault == NULL) {
        log_error("state", "vault.key cannot be read or made: %s", strerror(errno));
    }
    return engine->vault != NULL;
}

/* The program that looks at uploads lies beside this one, installed or built. */
static char *find_inspector(void) {
    char self[PATH_MAX];
    char *path = NULL;
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0) {
        return NULL;
    }
    self[len] = '\0';
    char *slash = strrchr(self, '/');
    return slash != NULL && asprintf(&path, "%.*s/ukey-inspect", (int)(slash - self), self) > 0
               ? path
               : NULL;
}

static bool open_documents(struct house *house) {
    struct engine *engine = &house->service.engine;
    house->blobs = config_state_path(&house->config, "blobs");
    house->inspector = find_inspector();
    engine->blobs = house->blobs;
    engine->inspector = house->inspector;
    if (house->inspector == NULL || access(house->inspector, X_OK) != 0) {
        log_error("documents", "the program ukey-inspect is not beside ukey-orderd");
        return false;
    }
    return house->blobs != NULL;
}

static bool open_platform(struct house *house) {
    char *path = config_state_path(&house->config, "platform-sim.key");
    bool good = path != NULL && platform_sim_open(&house->platform_sim, path);
    free(path);
    house->platform = platform_sim_platform(&house->platform_sim);
    house->service.engine.platform = &house->platform;
    return good;
}

static bool open_payments(struct house *house) {
    if (!house->config.simulators) {
        log_error("payment", "no payment provider: set \"simulators\": true");
        return false;
    }
    char *path = config_state_path(&house->config, "payment-sim.key");
    bool good = path != NULL && payment_sim_open(&house->sim, path, house->config.public_url);
    free(path);
    if (!good) {
        log_error("payment", "the simulated provider's secret cannot be read or made");
        return false;
    }
    house->provider = payment_sim_provider(&house->sim);
    house->service.sim = &house->sim;
    house->service.engine.payments = &house->provider;
    house->service.engine.messenger = &messenger_sim;
    house->identity = identity_sim_provider(house->config.public_url);
    house->service.engine.identity = &house->identity;
    house->service.engine.invoicer = &invoicer_sim;
    house->courier = courier_sim(house->config.public_url);
    house->service.engine.courier = &house->courier;
    return open_platform(house);
}

static bool open_authority(struct house *house) {
    struct engine *engine = &house->service.engine;
    house->ca_directory = config_state_path(&house->config, "ca");
    if (house->ca_directory == NULL ||
        asprintf(&house->service_name, "urn:openukey:order-service:%s", engine->profile->id) < 0) {
        return false;
    }
    engine->service = house->service_name;
    engine->ca_name = house->config.ca_name;
    return authority_load(engine, house->ca_directory, house->config.ca_algorithm) == ORDER_OK;
}

bool house_open(struct house *house) {
    struct engine *engine = &house->service.engine;
    memset(&house->service, 0, sizeof house->service);
    engine->clock = clock_starting_at(house->config.clock);
    engine->profile = house->config.profile;
    engine->origins = house->config.origins;
    engine->public_url = house->config.public_url;
    engine->ca_url = house->config.ca_url;
    engine->task_key_days = house->config.task_key_days;
    pthread_mutex_init(&house->service.crl_lock, NULL);
    return open_state(&house->config) && open_vault(house) && open_store(house) &&
           open_documents(house) && open_authority(house) && open_task_keys(house) &&
           open_payments(house);
}

void house_close(struct house *house) {
    struct engine *engine = &house->service.engine;
    authority_unload(engine);
    vault_close(engine->vault);
    octets_free(&house->service.crl);
    db_pool_free(house->service.pool);
    pthread_mutex_destroy(&house->service.crl_lock);
    OPENSSL_cleanse(&house->sim, sizeof house->sim);
    OPENSSL_cleanse(&house->platform_sim, sizeof house->platform_sim);
    free(house->ca_directory);
    free(house->blobs);
    free(house->inspector);
    free(house->service_name);
    free(house->own_ca);
    config_free(&house->config);
}

/* ---- serving ---- */

/* The configured certificate, or an own development identity in STATE/tls. */
static bool find_identity(struct house *house, struct identity *identity, const char **certificate,
                          const char **key) {
    *certificate = house->config.tls_certificate;
    *key = house->config.tls_key;
    if (*certificate != NULL) {
        return true;
    }
    char *folder = config_state_path(&house->config, "tls");
    enum identity_error error =
        folder == NULL ? IDENTITY_ERROR_DIRECTORY
                       : identity_ensure(folder, "OpenUKey order service", time(NULL), identity);
    free(folder);
    if (error != IDENTITY_OK) {
        log_error("tls", "%s", identity_error_text(error));
        return false;
    }
    *certificate = identity->certificate;
    *key = identity->key;
    house->own_ca = strdup(identity->ca);
    return house->own_ca != NULL;
}

static void log_http(enum http_log_level level, const char *message, void *context) {
    (void)context;
    switch (level) {
    case HTTP_LOG_ERROR:
        log_error("http", "%s", message);
        break;
    case HTTP_LOG_INFO:
        log_info("http", "%s", message);
        break;
    case HTTP_LOG_DEBUG:
        log_debug("http", "%s", message);
        break;
    }
}

static struct worker *start_worker(struct house *house, char **callback_url) {
    if (asprintf(callback_url, "%s/v1/callbacks/sim", house->config.public_url) < 0) {
        *callback_url = NULL;
        return NULL;
    }
    struct worker_options options = {
        .engine = &house->service.engine,
        .pool = house->service.pool,
        .sim = house->service.sim,
        .callback_url = *callback_url,
        .callback_ca = house->config.tls_ca != NULL ? house->config.tls_ca : house->own_ca,
    };
    return worker_start(&options);
}

static enum http_error start_server(struct house *house, const char *certificate, const char *key,
                                    struct http_server **server) {
    struct http_server_options options = {
        .listen = house->config.listen,
        .certificate = certificate,
        .key = key,
        .threads = THREADS,
        .max_body = BODY_MAX,
        .routes = api_routes,
        .log = log_http,
        .context = &house->service,
    };
    return http_server_start(&options, server);
}

int house_serve(struct house *house, void (*ready)(const struct house *house), void (*stop)(void)) {
    struct identity identity;
    const char *certificate = NULL;
    const char *key = NULL;
    struct http_server *server = NULL;
    char *callback_url = NULL;
    int status = 1;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (!find_identity(house, &identity, &certificate, &key)) {
        goto out;
    }
    /* the worker is there before the first request, and after the last */
    house->service.worker = start_worker(house, &callback_url);
    if (house->service.worker == NULL) {
        log_error("worker", "cannot be started");
        goto out;
    }
    enum http_error error = start_server(house, certificate, key, &server);
    if (error != HTTP_OK) {
        log_error("http", error == HTTP_ERROR_IN_USE    ? "an address to listen at is in use"
                          : error == HTTP_ERROR_ADDRESS ? "an address to listen at is not valid"
                          : error == HTTP_ERROR_CERTIFICATE
                              ? "the TLS certificate or key cannot be used"
                              : "the server cannot be started");
        goto out;
    }
    ready(house);
    stop();
    status = 0;
out:
    http_server_stop(server);
    worker_stop(house->service.worker);
    house->service.worker = NULL;
    free(callback_url);
    curl_global_cleanup();
    return status;
}
