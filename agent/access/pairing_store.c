/* Remembered decisions: one small JSON file, replaced as a whole. Every change is made under a lock on the file beside it and starts
 * from what the file says then, so that the agent and `ukey-agent origins` do not undo each other. */
#include "agent/access/pairing_store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/http/json.h"
#include "agent/identity/atomic_file.h"
#include "agent/log.h"
#include "module/formats/calendar.h"

#define FILE_MAX   ((size_t)1 << 20)
#define ORIGIN_MAX 1000

struct pairing_store {
    pthread_mutex_t mutex; /* guards `config` (which one) and `origins` */
    const struct agent_config *config;
    struct policy *policy;
    json_t *origins; /* {origin: {"decision": word, "since": time}} */
    char path[PATH_MAX], lock_path[PATH_MAX];
};

static const char *const words[] = {
    [PAIRING_ALWAYS] = "always", [PAIRING_NEVER] = "never", [PAIRING_REVOKED] = "revoked"};

static bool entries_are_good(const json_t *origins) {
    const char *origin;
    json_t *entry;
    json_object_foreach((json_t *)origins, origin, entry) {
        const json_t *decision = json_object_get(entry, "decision");
        bool known = decision == NULL; /* as in the first version: always */
        for (size_t i = 0; json_is_string(decision) && i < sizeof(words) / sizeof(words[0]); i++) {
            known = known || strcmp(words[i], json_string_value(decision)) == 0;
        }
        if (!origin_is_eligible(origin) || !json_is_object(entry) || !known) {
            return false;
        }
    }
    return json_is_object(origins);
}

static json_t *read_origins(const char *path) {
    char reason[160], aside[PATH_MAX + 16];
    json_t *root = json_read_file_strict(path, FILE_MAX, reason, sizeof(reason));
    json_t *origins = json_incref(json_object_get(root, "origins"));
    json_int_t version = json_integer_value(json_object_get(root, "version"));
    json_decref(root);
    if (version == 1 && entries_are_good(origins)) {
        return origins;
    }
    json_decref(origins);
    snprintf(aside, sizeof(aside), "%s.damaged", path);
    if (rename(path, aside) == 0) {
        log_error("access", "the list of paired sites is damaged and was set aside: %s", aside);
    }
    return json_object();
}

struct pairing_store *pairing_store_open(const struct agent_config *config, struct policy *policy) {
    struct pairing_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return NULL;
    }
    store->config = config;
    store->policy = policy;
    pthread_mutex_init(&store->mutex, NULL);
    int len = snprintf(store->path, sizeof(store->path), "%s/pairings.json", config->state_dir);
    int lock_len =
        snprintf(store->lock_path, sizeof(store->lock_path), "%s/pairings.lock", config->state_dir);
    bool fits = len > 0 && lock_len > 0 && (size_t)lock_len < sizeof(store->lock_path);
    store->origins = fits ? read_origins(store->path) : NULL;
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

/* ---- asking ---- */

static bool listed(char *const *list, size_t count, const char *origin) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], origin) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_decided(const json_t *entry, enum pairing_decision decision) {
    const char *word = json_string_value(json_object_get(entry, "decision"));
    return entry != NULL &&
           strcmp(word != NULL ? word : words[PAIRING_ALWAYS], words[decision]) == 0;
}

enum origin_class pairing_store_class(struct pairing_store *store, const char *origin) {
    struct policy_rules rules;
    if (!origin_is_eligible(origin)) {
        return ORIGIN_REFUSED;
    }
    policy_rules(store->policy, origin, &rules);
    pthread_mutex_lock(&store->mutex);
    const struct agent_config *config = store->config;
    const json_t *entry = json_object_get(store->origins, origin);
    bool denied = rules.pairing == POLICY_PAIRING_NEVER ||
                  listed(config->deny, config->deny_count, origin) ||
                  is_decided(entry, PAIRING_NEVER);
    bool allowed = rules.pairing == POLICY_PAIRING_ALWAYS ||
                   listed(config->allow, config->allow_count, origin) ||
                   is_decided(entry, PAIRING_ALWAYS);
    pthread_mutex_unlock(&store->mutex);
    return denied ? ORIGIN_REFUSED : allowed ? ORIGIN_PAIRED : ORIGIN_ELIGIBLE;
}

json_t *pairing_store_list(struct pairing_store *store) {
    pthread_mutex_lock(&store->mutex);
    json_t *list = json_deep_copy(store->origins);
    pthread_mutex_unlock(&store->mutex);
    return list;
}

/* ---- changing: with the mutex held ---- */

/* The lock's descriptor, or -1; `origins` is then what the file says. */
static int begin_change(struct pairing_store *store) {
    int fd = open(store->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0) {
        log_error("access", "cannot lock %s: %s", store->lock_path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    json_t *now = read_origins(store->path);
    if (now != NULL) {
        json_decref(store->origins);
        store->origins = now;
    }
    return fd;
}

/* Write `changed` (reference taken over) and let it be what holds. */
static int end_change(struct pairing_store *store, int fd, json_t *changed) {
    json_t *root =
        changed != NULL ? json_pack("{s:i, s:O}", "version", 1, "origins", changed) : NULL;
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    int saved = text != NULL ? atomic_file_write(store->path, text, strlen(text), 0600) : -1;
    if (saved == 0) {
        json_decref(store->origins);
        store->origins = json_incref(changed);
    } else {
        log_error("access", "cannot write %s: %s", store->path, strerror(errno));
    }
    free(text);
    json_decref(root);
    json_decref(changed);
    close(fd);
    return saved;
}

int pairing_store_decide(struct pairing_store *store, const char *origin,
                         enum pairing_decision decision) {
    char since[21];
    int result = -1;
    calendar_rfc3339(clock_now(), since);
    pthread_mutex_lock(&store->mutex);
    int fd = begin_change(store);
    if (fd >= 0 && is_decided(json_object_get(store->origins, origin), decision)) {
        close(fd);
        result = 0;
    } else if (fd >= 0) {
        json_t *changed = json_copy(store->origins);
        bool is_new = json_object_get(changed, origin) == NULL;
        if ((is_new && json_object_size(changed) >= ORIGIN_MAX) ||
            json_object_set_new(
                changed, origin,
                json_pack("{s:s, s:s}", "decision", words[decision], "since", since)) != 0) {
            json_decref(changed);
            changed = NULL;
        }
        result = end_change(store, fd, changed);
    }
    pthread_mutex_unlock(&store->mutex);
    return result;
}

int pairing_store_forget(struct pairing_store *store, const char *origin) {
    int result = -1;
    pthread_mutex_lock(&store->mutex);
    int fd = begin_change(store);
    if (fd >= 0 && json_object_get(store->origins, origin) == NULL) {
        close(fd);
        result = 0;
    } else if (fd >= 0) {
        json_t *changed = json_copy(store->origins);
        json_object_del(changed, origin);
        result = end_change(store, fd, changed) == 0 ? 1 : -1;
    }
    pthread_mutex_unlock(&store->mutex);
    return result;
}

bool pairing_store_next_revoked(struct pairing_store *store, char origin[ORIGIN_TEXT_SIZE]) {
    const char *name;
    json_t *entry;
    bool found = false;
    pthread_mutex_lock(&store->mutex);
    json_object_foreach(store->origins, name, entry) {
        if (is_decided(entry, PAIRING_REVOKED)) {
            memcpy(origin, name, strlen(name) + 1);
            found = true;
            break;
        }
    }
    pthread_mutex_unlock(&store->mutex);
    return found && pairing_store_forget(store, origin) == 1;
}

void pairing_store_reload(struct pairing_store *store, const struct agent_config *config) {
    json_t *now = read_origins(store->path);
    pthread_mutex_lock(&store->mutex);
    store->config = config;
    if (now != NULL) {
        json_decref(store->origins);
        store->origins = now;
    }
    pthread_mutex_unlock(&store->mutex);
}
