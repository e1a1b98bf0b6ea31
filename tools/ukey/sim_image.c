/* The cache of images. */
#include "tools/ukey/sim_image.h"

#include "agent/http/asset.h"
#include "agent/identity/atomic_file.h"
#include "tools/orderd/ca/ca.h"
#include "tools/ukey/provision.h"
#include "tools/ukey/simulator.h"
#include "tools/ukey/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern const struct http_asset ukey_assets[];

enum {
    SECONDS_A_DAY = 86400,
    SHANGHAI_OFFSET = 8 * 3600, /* a profile's days are Shanghai's */
    KEPT_DAYS = 14,             /* an image that was not used for so long is removed */
    IMAGE_MAX = 16 * 1024 * 1024,
    KEY_SIZE = 65
};

/* One image on its way. */
struct work {
    const struct sim_maker *maker;
    char directory[PATH_MAX - 300]; /* of the cache */
    char ca[PATH_MAX - 100], profile[PATH_MAX], image[PATH_MAX];
    json_t *json;
};

static bool cache_failed(const struct work *work) {
    text_complain(TEXT_CACHE, work->directory, strerror(errno), NULL);
    return false;
}

/* The directory, made with all above it. */
static bool open_cache(struct work *work) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool own = cache != NULL && cache[0] == '/';
    int len = snprintf(work->directory, sizeof work->directory, "%s%s/openukey/sim",
                       own            ? cache
                       : home != NULL ? home
                                      : "/tmp",
                       own ? "" : "/.cache");
    if (len < 0 || (size_t)len >= sizeof work->directory) {
        errno = ENAMETOOLONG;
        return cache_failed(work);
    }
    for (char *slash = strchr(work->directory + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL)
            *slash = '\0';
        if (mkdir(work->directory, S_IRWXU) != 0 && errno != EEXIST)
            return cache_failed(work);
        if (slash == NULL)
            return true;
        *slash = '/';
    }
}

static const struct http_asset *ready_profile(const char *name) {
    for (const struct http_asset *asset = ukey_assets; asset->path != NULL; asset++) {
        size_t len = strlen(name);
        if (strncmp(asset->path + 1, name, len) == 0 && strcmp(asset->path + 1 + len, ".json") == 0)
            return asset;
    }
    return NULL;
}

/* A picture is named relative to its profile, which will be read from elsewhere. */
static bool picture_absolute(json_t *json, const char *file) {
    json_t *seal = json_object_get(json, "seal");
    const char *name = json_string_value(json_object_get(seal, "picture"));
    char path[PATH_MAX], folder[PATH_MAX];
    const char *slash = strrchr(file, '/');
    if (name == NULL || name[0] == '/')
        return true;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - file) : 1, slash ? file : ".");
    char *real = realpath(folder, NULL);
    bool fits = real != NULL && snprintf(path, sizeof path, "%s/%s", real, name) < (int)sizeof path;
    free(real);
    return fits && json_object_set_new(seal, "picture", json_string(path)) == 0;
}

/* The profile, ready or from a file; "{}" for a blank key. */
static bool load_profile(struct work *work) {
    const char *name = work->maker->profile;
    const struct http_asset *asset = ready_profile(name);
    json_error_t error;
    if (strcmp(name, "blank") == 0) {
        work->json = json_object();
        return work->json != NULL;
    }
    if (asset != NULL) {
        work->json =
            json_loadb((const char *)asset->data, (size_t)(asset->end - asset->data), 0, &error);
    } else if (access(name, R_OK) == 0) {
        work->json = json_load_file(name, JSON_REJECT_DUPLICATES, &error);
    } else {
        text_complain(TEXT_PROFILE_NAME, name, NULL, NULL);
        return false;
    }
    if (work->json != NULL && json_is_object(work->json) &&
        (asset != NULL || picture_absolute(work->json, name)))
        return true;
    text_complain(TEXT_PROFILE_JSON, name, work->json == NULL ? error.text : "-", NULL);
    return false;
}

static json_t *member_object(json_t *json, const char *name) {
    if (!json_is_object(json_object_get(json, name)))
        json_object_set_new(json, name, json_object());
    return json_object_get(json, name);
}

/* Several keys of one profile: the serial number's end counts, the label says which. */
static void number_key(json_t *json, unsigned index) {
    json_t *token = member_object(json, "token");
    const char *serial = json_string_value(json_object_get(token, "serial"));
    const char *label = json_string_value(json_object_get(token, "label"));
    char text[64];
    if (serial == NULL)
        serial = "00112233445566778899AABBCCDDE0";
    size_t len = strlen(serial);
    snprintf(text, sizeof text, "%.*s%03X",
             (int)(len > 29  ? 27
                   : len > 3 ? len - 3
                             : 0),
             serial, index);
    json_object_set_new(token, "serial", json_string(index > 0 ? text : serial));
    if (index == 0)
        return;
    snprintf(text, sizeof text, "%.27s %u", label != NULL ? label : "OpenUKey", index + 1);
    json_object_set_new(token, "label", json_string(text));
}

static void hash_file(EVP_MD_CTX *hash, const char *path) {
    struct stat info = {0};
    (void)stat(path, &info);
    const int64_t facts[] = {info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
    EVP_DigestUpdate(hash, facts, sizeof facts);
}

/* The name of the image: SHA-256 over all it is made of. */
static bool name_image(const struct work *work, char name[KEY_SIZE]) {
    const struct sim_maker *maker = work->maker;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    char day[32];
    char *text = json_dumps(work->json, JSON_SORT_KEYS | JSON_COMPACT);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    snprintf(day, sizeof day, "%lld", (long long)((maker->now + SHANGHAI_OFFSET) / SECONDS_A_DAY));
    bool done = text != NULL && hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(hash, text, strlen(text) + 1) == 1 &&
                EVP_DigestUpdate(hash, day, strlen(day) + 1) == 1 &&
                EVP_DigestUpdate(hash, OPENUKEY_VERSION, sizeof OPENUKEY_VERSION) == 1;
    if (done) {
        hash_file(hash, maker->sim);
        hash_file(hash, maker->module);
        done = EVP_DigestFinal_ex(hash, digest, &len) == 1;
    }
    for (unsigned int i = 0; i < len && i < 32; i++)
        snprintf(name + (size_t)2 * i, 3, "%02x", digest[i]);
    EVP_MD_CTX_free(hash);
    free(text);
    return done;
}

/* Images that nobody wants any more: a profile's days make a new one every day. */
static void remove_old(const struct work *work) {
    char path[PATH_MAX];
    struct stat info;
    DIR *directory = opendir(work->directory);
    if (directory == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".img") != 0 ||
            snprintf(path, sizeof path, "%s/%s", work->directory, entry->d_name) >=
                (int)sizeof path)
            continue;
        if (stat(path, &info) == 0 &&
            info.st_mtime < time(NULL) - (time_t)KEPT_DAYS * SECONDS_A_DAY)
            unlink(path);
    }
    closedir(directory);
}

static bool format_blank(const struct work *work) {
    char temporary[PATH_MAX + 8];
    json_t *token = json_object_get(work->json, "token");
    snprintf(temporary, sizeof temporary, "%s.new", work->image);
    unlink(temporary);
    struct simulator simulator = {.program = work->maker->sim};
    const char *const argv[] = {
        work->maker->sim, "format", "--serial", json_string_value(json_object_get(token, "serial")),
        temporary,        NULL};
    return simulator_run(&simulator, argv) &&
           (rename(temporary, work->image) == 0 || cache_failed(work));
}

static bool provision_image(const struct work *work) {
    const struct ca_options options = {.create = true, .now = work->maker->now};
    struct ca *ca = NULL;
    enum ca_error error = ca_open(NULL, work->ca, &options, &ca);
    ca_close(ca);
    if (error != CA_OK) {
        text_complain(TEXT_CA, work->ca, ca_error_text(error), NULL);
        return false;
    }
    if (json_dump_file(work->json, work->profile, JSON_INDENT(4)) != 0)
        return cache_failed(work);
    bool done = provision(&(struct provision_options){.profile = work->profile,
                                                      .ca = work->ca,
                                                      .out = work->image,
                                                      .sim = work->maker->sim,
                                                      .module = work->maker->module,
                                                      .now = work->maker->now,
                                                      .is_quiet = true});
    unlink(work->profile);
    return done;
}

static bool copy_image(const struct work *work, const char *path) {
    unsigned char *bytes = malloc(IMAGE_MAX);
    FILE *file = fopen(work->image, "rbe");
    size_t len = file != NULL && bytes != NULL ? fread(bytes, 1, IMAGE_MAX, file) : 0;
    bool done = len > 0 && len < IMAGE_MAX && atomic_file_write(path, bytes, len, 0600) == 0;
    if (!done)
        text_complain(TEXT_SYSTEM, path, strerror(errno), NULL);
    if (file != NULL)
        fclose(file);
    free(bytes);
    return done;
}

static void put(char *out, size_t size, const json_t *object, const char *name,
                const char *fallback) {
    const char *text = json_string_value(json_object_get(object, name));
    snprintf(out, size, "%s", text != NULL ? text : fallback);
}

static void tell(const struct work *work, struct sim_facts *facts) {
    const json_t *token = json_object_get(work->json, "token"),
                 *pin = json_object_get(work->json, "pin");
    bool blank = strcmp(work->maker->profile, "blank") == 0;
    put(facts->serial, sizeof facts->serial, token, "serial", "");
    put(facts->label, sizeof facts->label, token, "label", "OpenUKey");
    put(facts->user_pin, sizeof facts->user_pin, pin, "user", blank ? "" : "123456");
    put(facts->admin_pin, sizeof facts->admin_pin, pin, "admin", blank ? "" : "12345678");
    put(facts->unlock_key, sizeof facts->unlock_key, pin, "unlockKey", "");
}

/* The image in the cache, made if it is not there. Two of us make no image twice. */
static bool ensure_image(struct work *work, unsigned index) {
    char name[KEY_SIZE] = "", lock[PATH_MAX];
    number_key(work->json, index);
    if (!name_image(work, name))
        return cache_failed(work);
    snprintf(work->image, sizeof work->image, "%s/%s.img", work->directory, name);
    snprintf(work->profile, sizeof work->profile, "%s/%s.json", work->directory, name);
    snprintf(lock, sizeof lock, "%s/lock", work->directory);
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0 || flock(fd, LOCK_EX) != 0)
        return cache_failed(work);
    bool blank = strcmp(work->maker->profile, "blank") == 0;
    bool done = utimensat(AT_FDCWD, work->image, NULL, 0) == 0; /* there, and used now */
    if (!done) {
        remove_old(work);
        done = blank ? format_blank(work) : provision_image(work);
    }
    close(fd);
    return done;
}

bool sim_image_make(const struct sim_maker *maker, unsigned index, const char *path,
                    char ca[PATH_MAX], struct sim_facts *facts) {
    struct work work = {.maker = maker};
    bool done = open_cache(&work);
    if (done && maker->has_clock)
        snprintf(work.ca, sizeof work.ca, "%s/ca-%lld", work.directory, (long long)maker->now);
    else
        snprintf(work.ca, sizeof work.ca, "%s/ca", work.directory);
    done = done && load_profile(&work) && ensure_image(&work, index) && copy_image(&work, path);
    if (done) {
        snprintf(ca, PATH_MAX, "%s", work.ca);
        tell(&work, facts);
    }
    json_decref(work.json);
    return done;
}
