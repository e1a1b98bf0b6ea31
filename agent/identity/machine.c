/* See machine.h. */
#include "agent/identity/machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/http/json.h"
#include "agent/identity/atomic_file.h"
#include "agent/identity/identity.h"

extern char **environ;

#define POLICY_MAX_BYTES ((size_t)4 << 20)
#define STORE_FOLDER     "/usr/local/share/ca-certificates"
#define SITE_MAX         512

/* ---- the CA ---- */

/* The certificate as text of ours: nothing else of the file goes further. NULL: not one, or it could sign for other names. */
static char *read_ca(const char *path, char **base64) {
    BIO *file = BIO_new_file(path, "r"), *memory = BIO_new(BIO_s_mem());
    X509 *ca = file != NULL ? PEM_read_bio_X509(file, NULL, NULL, NULL) : NULL;
    unsigned char *der = NULL;
    char *text = NULL, *data = NULL;
    int len = ca != NULL && identity_is_confined(ca) ? i2d_X509(ca, &der) : -1;
    if (len > 0 && memory != NULL && PEM_write_bio_X509(memory, ca) == 1) {
        long text_len = BIO_get_mem_data(memory, &data);
        *base64 = calloc(1, (size_t)len * 4 / 3 + 8);
        text = text_len > 0 ? strndup(data, (size_t)text_len) : NULL;
        if (*base64 != NULL) {
            EVP_EncodeBlock((unsigned char *)*base64, der, len);
        }
        if (text == NULL || *base64 == NULL) {
            free(text);
            free(*base64);
            text = *base64 = NULL;
        }
    }
    OPENSSL_free(der);
    X509_free(ca);
    BIO_free(memory);
    BIO_free(file);
    ERR_clear_error();
    return text;
}

/* ---- files ---- */

static bool make_folders_of(const char *path) {
    char part[PATH_MAX];
    for (size_t i = 1; i < sizeof(part) && path[i] != 0; i++) {
        if (path[i] == '/') {
            memcpy(part, path, i);
            part[i] = 0;
            if (mkdir(part, 0755) == 0) {
                chmod(part,
                      0755); /* whatever the umask says: every user's browser reads below it */
            } else if (errno != EEXIST) {
                return false;
            }
        }
    }
    return true;
}

static bool write_file(const char *path, const char *text) {
    return make_folders_of(path) && atomic_file_write(path, text, strlen(text), 0644) == 0;
}

static bool holds(const char *path, const char *text) {
    char found[16384];
    FILE *file = fopen(path, "re");
    size_t len = file != NULL ? fread(found, 1, sizeof(found), file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    return len == strlen(text) && memcmp(found, text, len) == 0;
}

/* ---- the system's store ---- */

static bool update_store(bool fresh) {
    const char *const arguments[] = {"update-ca-certificates", fresh ? "--fresh" : NULL, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;
    int status = -1;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid, arguments[0], &actions, NULL, (char *const *)(uintptr_t)arguments,
                     environ) == 0) {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
    posix_spawn_file_actions_destroy(&actions);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool store_path(const struct machine *machine, char path[PATH_MAX]) {
    char name[32];
    if (!trust_file_name(machine->ca, name)) {
        return false;
    }
    int len = snprintf(path, PATH_MAX, "%s" STORE_FOLDER "/%s.crt", machine->root, name);
    return len > 0 && len < PATH_MAX;
}

enum act { STATUS, INSTALL, REMOVE };

static enum trust_state act_on_store(const struct machine *machine, const char *path,
                                     const char *pem, enum act act) {
    bool is_there = holds(path, pem), is_this_machine = machine->root[0] == 0;
    if (act == INSTALL && !is_there) {
        is_there = write_file(path, pem) && (!is_this_machine || update_store(false));
        return is_there ? TRUST_INSTALLED : TRUST_ERROR;
    }
    if (act == REMOVE && access(path, F_OK) == 0) {
        bool gone = unlink(path) == 0 && (!is_this_machine || update_store(true));
        return gone ? TRUST_MISSING : TRUST_ERROR;
    }
    return is_there ? TRUST_INSTALLED : TRUST_MISSING;
}

/* ---- policy files ---- */

/* A list of strings in a policy, and one that has to be in it. */
static bool list_has(const json_t *list, const char *wanted) {
    size_t i;
    json_t *value;
    json_array_foreach(list, i, value) {
        if (json_is_string(value) && strcmp(json_string_value(value), wanted) == 0) {
            return true;
        }
    }
    return false;
}

/* The list `object`.`name`, brought to hold `value` or not. True when that changed something; *failed when it is no list, or nothing is an
 * object that could hold it. */
static bool set_in_list(json_t *object, const char *name, const char *value, bool wanted,
                        bool *failed) {
    json_t *list = json_object_get(object, name);
    if (!json_is_object(object) || (list != NULL && !json_is_array(list))) {
        *failed = true;
        return false;
    }
    if (list_has(list, value) == wanted) {
        return false;
    }
    if (wanted) {
        if (list == NULL && json_object_set_new(object, name, list = json_array()) != 0) {
            *failed = true; /* and the list is no more */
            return false;
        }
        *failed |= json_array_append_new(list, json_string(value)) != 0;
        return true;
    }
    for (size_t i = json_array_size(list); i-- > 0;) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text != NULL && strcmp(text, value) == 0) {
            json_array_remove(list, i);
        }
    }
    if (json_array_size(list) == 0) {
        json_object_del(object, name);
    }
    return true;
}

/* The object `object`.`name`, made when it is not there. NULL, and *failed, when that is not an object, or nothing that could hold it is. */
static json_t *member_object(json_t *object, const char *name, bool *failed) {
    if (json_is_object(object) && json_object_get(object, name) == NULL) {
        json_object_set_new(object, name, json_object());
    }
    json_t *member = json_object_get(object, name);
    bool is_there = json_is_object(member);
    *failed |= !is_there;
    return is_there ? member : NULL;
}

static void drop_when_empty(json_t *object, const char *name) {
    const json_t *member = json_object_get(object, name);
    if (json_is_object(member) && json_object_size(member) == 0) {
        json_object_del(object, name);
    }
}

/* "https://host:port" -> "host", what Firefox's SkipDomains wants. */
static bool host_of(const char *site, char host[SITE_MAX]) {
    const char *begin = strstr(site, "://");
    size_t len = begin != NULL ? strcspn(begin + 3, ":/") : 0;
    if (len == 0 || len >= SITE_MAX) {
        return false;
    }
    memcpy(host, begin + 3, len);
    host[len] = 0;
    return true;
}

/* What a policy has to hold: true when it was changed to hold it, or to hold it no more. */
struct wish {
    const struct machine *machine;
    const char *ca;   /* the store's file, or the certificate in base64 */
    const char *name; /* Chromium's kin: which policy */
    bool wanted;
};

static bool set_firefox(json_t *policy, const struct wish *wish, bool *failed) {
    json_t *policies = member_object(policy, "policies", failed);
    json_t *certificates = member_object(policies, "Certificates", failed);
    bool changed = set_in_list(certificates, "Install", wish->ca, wish->wanted, failed);
    for (const char *const *site = wish->machine->sites; *site != NULL; site++) {
        char host[SITE_MAX];
        json_t *network = member_object(policies, "LocalNetworkAccess", failed);
        *failed |= !host_of(*site, host);
        changed |= !*failed && set_in_list(network, "SkipDomains", host, wish->wanted, failed);
    }
    drop_when_empty(policies, "Certificates");
    drop_when_empty(policies, "LocalNetworkAccess");
    drop_when_empty(policy, "policies");
    return changed;
}

/* A policy of Chromium's kin is a list at the top of the file. */
static const char *const chromium_policies[] = {"CACertificates", "LoopbackNetworkAllowedForUrls"};

static bool set_chromium(json_t *policy, const struct wish *wish, bool *failed) {
    bool changed = false;
    if (strcmp(wish->name, chromium_policies[0]) == 0) {
        return set_in_list(policy, wish->name, wish->ca, wish->wanted, failed);
    }
    for (const char *const *site = wish->machine->sites; *site != NULL; site++) {
        changed |= set_in_list(policy, wish->name, *site, wish->wanted, failed);
    }
    return changed;
}

static const struct {
    const char *reader;
    const char *file; /* NULL: the store */
    bool is_firefox;
} kinds[MACHINE_PLACES] = {
    {"system", NULL, false},
    {"Firefox", "/etc/firefox/policies/policies.json", true},
    {"Chromium", "/etc/chromium/policies/managed/openukey.json", false},
    {"Chrome", "/etc/opt/chrome/policies/managed/openukey.json", false},
    {"Edge", "/etc/opt/edge/policies/managed/openukey.json", false},
};

const char *machine_reader(size_t place) {
    return kinds[place].reader;
}

/* The policy as it stands (NULL: the file is not a JSON object); an absent file is an empty one. */
static json_t *read_policy(const char *path) {
    if (access(path, F_OK) != 0) {
        return errno == ENOENT || errno == ENOTDIR ? json_object() : NULL;
    }
    json_t *policy = json_read_file_strict(path, POLICY_MAX_BYTES, NULL, 0);
    if (!json_is_object(policy)) {
        json_decref(policy);
        return NULL;
    }
    return policy;
}

static bool write_policy(const char *path, const json_t *policy) {
    if (json_object_size(policy) == 0) {
        return unlink(path) == 0 || errno == ENOENT;
    }
    char *text = json_dumps(policy, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    bool written = text != NULL && write_file(path, text);
    free(text);
    return written;
}

static enum trust_state act_on_policy(const struct wish *wish, bool is_firefox, const char *path,
                                      enum act act) {
    json_t *policy = read_policy(path);
    bool failed = policy == NULL;
    enum trust_state state = TRUST_ERROR;
    bool changed = !failed && (is_firefox ? set_firefox(policy, wish, &failed)
                                          : set_chromium(policy, wish, &failed));
    if (failed) {
        state = TRUST_ERROR;
    } else if (act == STATUS) {
        state = changed ? TRUST_MISSING : TRUST_INSTALLED;
    } else if (!changed || write_policy(path, policy)) {
        state = act == INSTALL ? TRUST_INSTALLED : TRUST_MISSING;
    }
    json_decref(policy);
    return state;
}

/* Chromium's kin read all files of the folder of `usual`; of a policy that several name, the last file counts. So a policy that some
 * file has already is set there. */
static void find_policy_file(const char *usual, const char *name, char path[PATH_MAX]) {
    char folder[PATH_MAX], other[PATH_MAX];
    struct dirent **files = NULL;
    snprintf(path, PATH_MAX, "%s", usual);
    snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(usual, '/') - usual), usual);
    int count = scandir(folder, &files, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        size_t len = strlen(files[i]->d_name);
        if (len > 5 && strcmp(files[i]->d_name + len - 5, ".json") == 0 &&
            snprintf(other, sizeof(other), "%s/%s", folder, files[i]->d_name) <
                (int)sizeof(other)) {
            json_t *policy = read_policy(other);
            if (json_object_get(policy, name) != NULL) {
                memcpy(path, other, strlen(other) + 1);
            }
            json_decref(policy);
        }
        free(files[i]);
    }
    free(files);
}

static enum trust_state act_on_chromium(struct wish *wish, const char *usual, enum act act) {
    enum trust_state all = act == REMOVE ? TRUST_MISSING : TRUST_INSTALLED;
    for (size_t i = 0; i < sizeof(chromium_policies) / sizeof(chromium_policies[0]); i++) {
        char path[PATH_MAX];
        wish->name = chromium_policies[i];
        find_policy_file(usual, wish->name, path);
        enum trust_state state = act_on_policy(wish, false, path, act);
        if (state != all && all != TRUST_ERROR) {
            all = state;
        }
    }
    return all;
}

/* ---- a place ---- */

static enum trust_state act_on(const struct machine *machine, size_t place, char path[PATH_MAX],
                               enum act act) {
    char *base64 = NULL, *pem = read_ca(machine->ca, &base64);
    char in_store[PATH_MAX];
    struct wish wish = {.machine = machine, .wanted = act != REMOVE};
    enum trust_state state = TRUST_ERROR;
    snprintf(path, PATH_MAX, "%s%s", machine->root,
             kinds[place].file != NULL ? kinds[place].file : STORE_FOLDER);
    if (pem == NULL || !store_path(machine, in_store)) {
        goto out;
    }
    if (kinds[place].file == NULL) {
        memcpy(path, in_store, strlen(in_store) + 1);
        state = act_on_store(machine, path, pem, act);
    } else if (kinds[place].is_firefox) {
        wish.ca = in_store + strlen(machine->root);
        state = act_on_policy(&wish, true, path, act);
    } else {
        wish.ca = base64;
        state = act_on_chromium(&wish, path, act);
    }
out:
    free(pem);
    free(base64);
    return state;
}

enum trust_state machine_status(const struct machine *machine, size_t place, char path[PATH_MAX]) {
    return act_on(machine, place, path, STATUS);
}

enum trust_state machine_install(const struct machine *machine, size_t place, char path[PATH_MAX]) {
    return act_on(machine, place, path, INSTALL);
}

enum trust_state machine_remove(const struct machine *machine, size_t place, char path[PATH_MAX]) {
    return act_on(machine, place, path, REMOVE);
}
