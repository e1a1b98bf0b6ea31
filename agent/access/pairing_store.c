/* Remembered pairings: one small JSON file, replaced as a whole. */
#include "agent/access/pairing_store.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/http/json.h"
#include "agent/identity/atomic_file.h"
#include "agent/log.h"

#define FILE_MAX   ((size_t)1 << 20)
#define ORIGIN_MAX 1000

struct pairing_store {
    const struct agent_config *config;
    pthread_mutex_t mutex;
    json_t *origins; /* {origin: {"since": time}} */
    char path[PATH_MAX];
};

static json_t *read_origins(const char *path) {
    char reason[160], aside[PATH_MAX + 16];
    json_t *root = json_read_file_strict(path, FILE_MAX, reason, sizeof(reason));
    json_t *origins = json_incref(json_object_get(root, "origins"));
    json_int_t version = json_integer_value(json_object_get(root, "version"));
    json_decref(root);
    if (version == 1 && json_is_object(origins)) {
        return origins;
    }
    json_decref(origins);
    snprintf(aside, sizeof(aside), "%s.damaged", path);
    if (rename(path, aside) == 0) {
        log_error("access", "the list of paired sites is damaged and was set aside: %s", aside);
    }
    return json_object();
}

struct pairing_store *pairing_store_open(const struct agent_config *config) {
    struct pairing_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return NULL;
    }
    store->config = config;
    pthread_mutex_init(&store->mutex, NULL);
    int len = snprintf(store->path, sizeof(store->path), "%s/pairings.json", config->state_dir);
    store->origins =
        len > 0 && (size_t)len < sizeof(store->path) ? read_origins(store->path) : NULL;
    if (store->origins == NULL) {
        pairing_store_close(store);
        return NULL;
    }
    return store;
}

void pairing_store_close(struct pairing_store *store) {
    if (store == NULL) {
        return;
    }
    json_decref(store->origins);
    pthread_mutex_destroy(&store->mutex);
    free(store);
}

static bool listed(char *const *list, size_t count, const char *origin) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], origin) == 0) {
            return true;
        }
    }
    return false;
}

enum origin_class pairing_store_class(struct pairing_store *store, const char *origin) {
    const struct agent_config *config = store->config;
    if (!origin_is_eligible(origin) || listed(config->deny, config->deny_count, origin)) {
        return ORIGIN_REFUSED;
    }
    if (listed(config->allow, config->allow_count, origin)) {
        return ORIGIN_PAIRED;
    }
    pthread_mutex_lock(&store->mutex);
    bool remembered = json_object_get(store->origins, origin) != NULL;
    pthread_mutex_unlock(&store->mutex);
    return remembered ? ORIGIN_PAIRED : ORIGIN_ELIGIBLE;
}

/* With the lock held. */
static int save(struct pairing_store *store) {
    json_t *root = json_pack("{s:i, s:O}", "version", 1, "origins", store->origins);
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    json_decref(root);
    int saved = text != NULL ? atomic_file_write(store->path, text, strlen(text), 0600) : -1;
    free(text);
    return saved;
}

int pairing_store_add(struct pairing_store *store, const char *origin) {
    char since[32];
    time_t now = time(NULL);
    struct tm utc;
    strftime(since, sizeof(since), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    pthread_mutex_lock(&store->mutex);
    int added = -1;
    if (json_object_get(store->origins, origin) != NULL) {
        added = 0;
    } else if (json_object_size(store->origins) < ORIGIN_MAX &&
               json_object_set_new(store->origins, origin, json_pack("{s:s}", "since", since)) ==
                   0) {
        added = save(store);
        if (added != 0) {
            log_error("access", "cannot write %s: %s", store->path, strerror(errno));
            json_object_del(store->origins, origin);
        }
    }
    pthread_mutex_unlock(&store->mutex);
    return added;
}
