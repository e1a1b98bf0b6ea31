/* Reading p11-kit's registry: "key: value" lines, one file a module, folders in order of precedence. */
#include "agent/foreign/registry.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/log.h"

#if defined __x86_64__
#define LIBRARIES "/usr/lib/x86_64-linux-gnu/pkcs11"
#elif defined __aarch64__
#define LIBRARIES "/usr/lib/aarch64-linux-gnu/pkcs11"
#else
#define LIBRARIES "/usr/lib/pkcs11"
#endif

#define MODULE_SUFFIX ".module"

enum { LINE_LONGEST = 4096, FILES_MAX = 64 };

void registry_places_standard(struct registry_places *places, char *buffer, size_t size) {
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    *places = (struct registry_places){.settings = "/etc/pkcs11/pkcs11.conf",
                                       .administrator = "/etc/pkcs11/modules",
                                       .packages = "/usr/share/p11-kit/modules",
                                       .libraries = LIBRARIES};
    int len = -1;
    if (config && config[0] == '/')
        len = snprintf(buffer, size, "%s/pkcs11/modules", config);
    else if (home && home[0] == '/')
        len = snprintf(buffer, size, "%s/.config/pkcs11/modules", home);
    if (len > 0 && (size_t)len < size)
        places->user = buffer;
}

/* ---- the list ---- */

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_same_file(const char *a, const char *b) {
    char real_a[PATH_MAX], real_b[PATH_MAX];
    return realpath(a, real_a) && realpath(b, real_b) && strcmp(real_a, real_b) == 0;
}

bool foreign_modules_add(struct foreign_modules *modules, const char *name, const char *path,
                         int answer_within_ms, const char *own) {
    /* our module, wherever it is installed too; and what would load all of these again */
    if ((own && is_same_file(path, own)) || strcmp(base_name(path), "openukey-pkcs11.so") == 0 ||
        strncmp(base_name(path), "p11-kit-", strlen("p11-kit-")) == 0)
        return true;
    for (size_t i = 0; i < modules->count; i++) {
        if (strcmp(modules->list[i].path, path) == 0 || is_same_file(modules->list[i].path, path))
            return true;
    }
    struct foreign_module *grown =
        realloc(modules->list, (modules->count + 1) * sizeof *modules->list);
    if (!grown)
        return false;
    modules->list = grown;
    struct foreign_module one = {
        .name = strdup(name), .path = strdup(path), .answer_within_ms = answer_within_ms};
    if (!one.name || !one.path) {
        free(one.name);
        free(one.path);
        return false;
    }
    modules->list[modules->count++] = one;
    return true;
}

void foreign_modules_free(struct foreign_modules *modules) {
    for (size_t i = 0; i < modules->count; i++) {
        free(modules->list[i].name);
        free(modules->list[i].path);
    }
    free(modules->list);
    *modules = (struct foreign_modules){0};
}

/* ---- one file ---- */

/* What we need of a module's file. */
struct entry {
    char module[PATH_MAX];
    char enable_in[LINE_LONGEST], disable_in[LINE_LONGEST];
    char trust_policy[8];
    char remote[8]; /* only whether it is there */
};

static char *trim(char *text) {
    while (*text == ' ' || *text == '\t')
        text++;
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        text[--len] = '\0';
    return text;
}

/* What an earlier folder's file of the same name has said stands. */
static void keep(char *place, size_t size, const char *value) {
    if (place[0] == '\0')
        snprintf(place, size, "%s", value);
}

static bool read_settings(const char *path, void (*setting)(void *, const char *, const char *),
                          void *context) {
    char line[LINE_LONGEST];
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (fgets(line, sizeof line, file)) {
        char *key = trim(line), *colon = strchr(key, ':');
        if (key[0] == '#' || !colon)
            continue;
        *colon = '\0';
        setting(context, trim(key), trim(colon + 1));
    }
    fclose(file);
    return true;
}

static void take_entry_line(void *context, const char *key, const char *value) {
    struct entry *entry = context;
    if (strcmp(key, "module") == 0)
        keep(entry->module, sizeof entry->module, value);
    else if (strcmp(key, "enable-in") == 0)
        keep(entry->enable_in, sizeof entry->enable_in, value);
    else if (strcmp(key, "disable-in") == 0)
        keep(entry->disable_in, sizeof entry->disable_in, value);
    else if (strcmp(key, "trust-policy") == 0)
        keep(entry->trust_policy, sizeof entry->trust_policy, value);
    else if (strcmp(key, "remote") == 0)
        keep(entry->remote, sizeof entry->remote, "yes");
}

/* Is `program` one of the names, which stand between commas and blanks? */
static bool list_has(const char *names, const char *program) {
    size_t len = strlen(program);
    while (*names) {
        names += strspn(names, ", \t");
        size_t one = strcspn(names, ", \t");
        if (one == len && strncmp(names, program, len) == 0)
            return true;
        names += one;
    }
    return false;
}

static bool is_for(const struct entry *entry, const char *program) {
    if (entry->module[0] == '\0' || entry->remote[0] != '\0' ||
        strcasecmp(entry->trust_policy, "yes") == 0)
        return false;
    if (entry->enable_in[0] != '\0' && !list_has(entry->enable_in, program))
        return false;
    return !list_has(entry->disable_in, program);
}

/* ---- the folders ---- */

/* The names of all files *.module, each once. */
struct names {
    size_t count;
    char list[FILES_MAX][NAME_MAX + 1];
};

static void collect(const char *folder, struct names *names) {
    const size_t suffix = strlen(MODULE_SUFFIX);
    DIR *directory = folder ? opendir(folder) : NULL;
    if (!directory)
        return;
    for (const struct dirent *entry; (entry = readdir(directory)) && names->count < FILES_MAX;) {
        size_t len = strlen(entry->d_name), i = 0;
        if (len <= suffix || strcmp(entry->d_name + len - suffix, MODULE_SUFFIX) != 0)
            continue;
        while (i < names->count && strcmp(names->list[i], entry->d_name) != 0)
            i++;
        if (i == names->count)
            memcpy(names->list[names->count++], entry->d_name, len + 1);
    }
    closedir(directory);
}

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

static void take_user_config(void *context, const char *key, const char *value) {
    if (strcmp(key, "user-config") == 0)
        keep(context, 16, value);
}

static bool add_file(struct foreign_modules *modules, const char *const folders[3],
                     const char *file, const struct registry_places *places, const char *program,
                     int answer_within_ms, const char *own) {
    struct entry entry = {0};
    char path[PATH_MAX], name[NAME_MAX + 1];
    for (size_t i = 0; i < 3; i++) {
        if (folders[i] && snprintf(path, sizeof path, "%s/%s", folders[i], file) < (int)sizeof path)
            read_settings(path, take_entry_line, &entry);
    }
    if (!is_for(&entry, program))
        return true;
    int len = entry.module[0] == '/'
                  ? snprintf(path, sizeof path, "%s", entry.module)
                  : snprintf(path, sizeof path, "%s/%s", places->libraries, entry.module);
    if (len < 0 || (size_t)len >= sizeof path) {
        log_warn("foreign", "%s: the module's path is too long", file);
        return true;
    }
    snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - strlen(MODULE_SUFFIX)), file);
    return foreign_modules_add(modules, name, path, answer_within_ms, own);
}

bool foreign_modules_add_registered(struct foreign_modules *modules,
                                    const struct registry_places *places, const char *program,
                                    int answer_within_ms, const char *own) {
    char user_config[16] = "";
    if (places->settings)
        read_settings(places->settings, take_user_config, user_config);
    bool no_user = strcmp(user_config, "none") == 0, only_user = strcmp(user_config, "only") == 0;
    const char *const folders[3] = {no_user ? NULL : places->user,
                                    only_user ? NULL : places->administrator,
                                    only_user ? NULL : places->packages};
    struct names *names = calloc(1, sizeof *names);
    if (!names)
        return false;
    for (size_t i = 0; i < 3; i++)
        collect(folders[i], names);
    qsort(names->list, names->count, sizeof *names->list, by_name);
    bool fits = true;
    for (size_t i = 0; i < names->count && fits; i++)
        fits = add_file(modules, folders, names->list[i], places, program, answer_within_ms, own);
    free(names);
    return fits;
}
