/* What is public on a token, remembered on disk. */
#include "module/token/object_memory.h"

#include "module/log.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 256 * 1024, HASH_SIZE = 32, NAME_SIZE = 2 * HASH_SIZE / 2 + 1, FORMAT = 1 };
static const char magic[4] = {'O', 'U', 'K', 'M'};

/* flags of a key's record */
enum {
    KEY_IS_ABSENT = 1,
    KEY_IS_DESCRIBED = 2,
    KEY_IS_LOCAL = 4,
    KEY_HAS_SIBLING = 8,
    KEY_HAS_ID = 16,
    KEY_HAS_LABEL = 32,
    KEY_HAS_PUBLIC = 64,
    KEY_HAS_CERTIFICATE = 128 /* its bytes are there */
};

static bool is_rememberable(const struct token *token) {
    static const uint8_t none[sizeof(token->facts.change_tag)];
    const struct token_facts *facts = &token->facts;
    return token->settings.cache_dir != NULL && token->settings.cache_dir[0] != '\0' &&
           facts->serial[0] != '\0' && facts->change_counter != 0 &&
           memcmp(facts->change_tag, none, sizeof(none)) != 0;
}

static bool sha256(OSSL_LIB_CTX *libctx, const void *data, size_t len, uint8_t out[HASH_SIZE]) {
    EVP_MD *md = EVP_MD_fetch(libctx, "SHA256", NULL);
    bool done = md != NULL && EVP_Digest(data, len, out, NULL, md, NULL) == 1;
    EVP_MD_free(md);
    return done;
}

/* ---- content ---- */

static void put_text(struct wire_writer *w, const char *text) {
    wire_put_u8(w, (uint8_t)strlen(text));
    wire_put_bytes(w, text, strlen(text));
}

static bool take_text(struct wire_reader *r, char *out, size_t max) {
    size_t len = wire_u8(r);
    const uint8_t *text = wire_view(r, len);
    if (text == NULL || len > max || memchr(text, 0, len) != NULL) {
        r->failed = true;
        return false;
    }
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

static void put_head(const struct token *token, struct wire_writer *w) {
    const struct token_facts *facts = &token->facts;
    wire_put_bytes(w, magic, sizeof(magic));
    wire_put_u8(w, FORMAT);
    put_text(w, token->driver->name);
    put_text(w, facts->serial);
    wire_put_u32(w, facts->change_counter);
    wire_put_bytes(w, facts->change_tag, sizeof(facts->change_tag));
}

static void put_public_key(struct wire_writer *w, const struct token_public_key *key) {
    wire_put_u16(w, (uint16_t)key->modulus_len);
    wire_put_bytes(w, key->modulus, key->modulus_len);
    wire_put_u32(w, key->exponent);
    wire_put_bytes(w, &key->point, sizeof(key->point));
    wire_put_u16(w, (uint16_t)key->ec_point_len);
    wire_put_bytes(w, key->ec_point, key->ec_point_len);
}

static bool take_public_key(struct wire_reader *r, const struct token_key *key,
                            struct token_public_key *out) {
    *out = (struct token_public_key){.algorithm = key->algorithm, .bits = key->bits};
    out->modulus_len = wire_u16(r);
    if (out->modulus_len > sizeof(out->modulus)) {
        r->failed = true;
        return false;
    }
    wire_bytes(r, out->modulus, out->modulus_len);
    out->exponent = wire_u32(r);
    wire_bytes(r, &out->point, sizeof(out->point));
    out->ec_point_len = wire_u16(r);
    if (out->ec_point_len > sizeof(out->ec_point)) {
        r->failed = true;
        return false;
    }
    wire_bytes(r, out->ec_point, out->ec_point_len);
    size_t bytes = key->bits / 8;
    bool fits = key->algorithm == ALGORITHM_RSA  ? out->modulus_len == bytes
                : key->algorithm == ALGORITHM_EC ? out->ec_point_len == 1 + 2 * bytes
                                                 : true;
    return fits && !r->failed;
}

static void put_key(struct wire_writer *w, const struct key_entry *entry) {
    const struct token_key *key = &entry->key;
    const struct attribute_record *a = &entry->attributes;
    bool has_certificate = entry->certificate_known && key->certificate == CERTIFICATE_PRESENT;
    bool has_public = entry->public_key_known && key->is_described;
    wire_put_u8(w,
                (uint8_t)((entry->is_absent ? KEY_IS_ABSENT : 0) |
                          (key->is_described ? KEY_IS_DESCRIBED : 0) |
                          (key->is_local ? KEY_IS_LOCAL : 0) |
                          (key->has_sibling ? KEY_HAS_SIBLING : 0) | (a->has_id ? KEY_HAS_ID : 0) |
                          (a->has_label ? KEY_HAS_LABEL : 0) | (has_public ? KEY_HAS_PUBLIC : 0) |
                          (has_certificate ? KEY_HAS_CERTIFICATE : 0)));
    put_text(w, key->container);
    wire_put_u8(w, (uint8_t)key->usage);
    wire_put_u8(w, (uint8_t)key->algorithm);
    wire_put_u32(w, key->bits);
    wire_put_u8(w, (uint8_t)key->uses);
    wire_put_u8(w, (uint8_t)key->pin);
    wire_put_u8(w, (uint8_t)key->certificate);
    wire_put_u8(w, (uint8_t)a->id_len);
    wire_put_bytes(w, a->id, a->id_len);
    put_text(w, a->label);
    if (has_public) {
        put_public_key(w, &entry->public_key);
    }
    if (has_certificate) {
        wire_put_u16(w, (uint16_t)entry->certificate.len);
        wire_put_bytes(w, entry->certificate.data, entry->certificate.len);
    }
}

static bool take_key(struct token *token, struct wire_reader *r, struct key_entry *entry) {
    enum { ALL_USES = KEY_SIGNS | KEY_DECRYPTS | KEY_DERIVES | KEY_UNWRAPS };
    struct token_key *key = &entry->key;
    struct attribute_record *a = &entry->attributes;
    uint8_t flags = wire_u8(r);
    take_text(r, key->container, sizeof(key->container) - 1);
    uint8_t usage = wire_u8(r), algorithm = wire_u8(r);
    key->bits = wire_u32(r);
    key->uses = wire_u8(r);
    uint8_t pin = wire_u8(r), certificate = wire_u8(r);
    a->id_len = wire_u8(r);
    if (r->failed || usage > USAGE_SIGN || algorithm > ALGORITHM_EC || pin > KEY_PIN_NEVER ||
        certificate > CERTIFICATE_PRESENT || (key->uses & ~(unsigned)ALL_USES) != 0 ||
        a->id_len == 0 || a->id_len > sizeof(a->id) || key->container[0] == '\0') {
        return false;
    }
    key->usage = (enum token_usage)usage;
    key->algorithm = (enum token_algorithm)algorithm;
    key->pin = (enum key_pin)pin;
    key->certificate = (enum certificate_state)certificate;
    key->is_described = (flags & KEY_IS_DESCRIBED) != 0;
    key->is_local = (flags & KEY_IS_LOCAL) != 0;
    key->has_sibling = (flags & KEY_HAS_SIBLING) != 0;
    entry->is_absent = (flags & KEY_IS_ABSENT) != 0;
    entry->was_described = key->is_described;
    if (key->is_described && token_kind_find(&token->facts, key->algorithm, key->bits) == NULL) {
        return false;
    }
    memcpy(a->container, key->container, sizeof(a->container));
    a->usage = key->usage;
    wire_bytes(r, a->id, a->id_len);
    a->has_id = (flags & KEY_HAS_ID) != 0;
    a->has_label = (flags & KEY_HAS_LABEL) != 0;
    take_text(r, a->label, sizeof(a->label) - 1);
    if (!r->failed && (flags & KEY_HAS_PUBLIC) != 0) {
        if (!key->is_described || !take_public_key(r, key, &entry->public_key)) {
            return false;
        }
        entry->public_key_known = entry->public_key_seen = entry->public_key_remembered = true;
    }
    if (!r->failed && (flags & KEY_HAS_CERTIFICATE) != 0) {
        size_t len = wire_u16(r);
        const uint8_t *der = wire_view(r, len);
        if (der == NULL || len == 0 || key->certificate != CERTIFICATE_PRESENT ||
            octets_copy(&entry->certificate, der, len) != FORMATS_OK) {
            return false;
        }
        entry->certificate_known = true;
    }
    return !r->failed;
}

static void put_hash(const struct token *token, struct wire_writer *w) {
    uint8_t hash[HASH_SIZE];
    if (w->failed || !sha256(token->libctx, w->data, w->len, hash)) {
        w->failed = true;
        return;
    }
    wire_put_bytes(w, hash, sizeof(hash));
}

void object_memory_write(const struct token *token, struct wire_writer *w) {
    const struct token_object_list *objects = token->objects;
    put_head(token, w);
    put_text(w, token->facts.application);
    wire_put_u8(w, objects->has_attribute_file ? 1 : 0);
    wire_put_u16(w, (uint16_t)objects->key_count);
    for (size_t i = 0; i < objects->key_count; i++) {
        put_key(w, objects->keys[i]);
    }
    put_hash(token, w);
}

void object_memory_seal(const struct token *token, struct wire_writer *w, const uint8_t *content,
                        size_t len) {
    put_head(token, w);
    wire_put_bytes(w, content, len);
    put_hash(token, w);
}

/* The head is that of this card in this state, and the end is the hash of all before. */
static bool is_of(struct token *token, const uint8_t *bytes, size_t len, struct wire_reader *r) {
    uint8_t head[128] = {0}, hash[HASH_SIZE];
    struct wire_writer w = {.data = head, .size = sizeof(head), .order = BIG_ENDIAN_FIELDS};
    put_head(token, &w);
    if (w.failed || len < w.len + HASH_SIZE || memcmp(bytes, head, w.len) != 0 ||
        !sha256(token->libctx, bytes, len - HASH_SIZE, hash) ||
        memcmp(bytes + len - HASH_SIZE, hash, HASH_SIZE) != 0) {
        return false;
    }
    *r = (struct wire_reader){
        .data = bytes + w.len, .len = len - HASH_SIZE - w.len, .order = BIG_ENDIAN_FIELDS};
    return true;
}

static void drop_keys(struct key_entry **keys, size_t count) {
    for (size_t i = 0; i < count; i++) {
        octets_free(&keys[i]->certificate);
        free(keys[i]);
    }
    free(keys);
}

bool object_memory_parse(struct token *token, const uint8_t *bytes, size_t len) {
    enum { KEYS_MAX = 256 };
    struct token_object_list *objects = token->objects;
    char application[sizeof(token->facts.application)] = "";
    struct wire_reader r;
    if (objects->keys != NULL || !is_of(token, bytes, len, &r)) {
        return false;
    }
    take_text(&r, application, sizeof(application) - 1);
    bool has_file = wire_u8(&r) != 0;
    size_t count = wire_u16(&r), made = 0;
    struct key_entry **keys =
        !r.failed && count <= KEYS_MAX ? calloc(count + 1, sizeof(struct key_entry *)) : NULL;
    bool good = keys != NULL;
    while (good && made < count) {
        struct key_entry *entry = calloc(1, sizeof(*entry));
        if (entry == NULL) {
            good = false;
            break;
        }
        keys[made++] = entry;
        good = take_key(token, &r, entry);
        entry->private_handle = objects->next_handle++;
        entry->public_handle = objects->next_handle++;
        if (entry->key.certificate == CERTIFICATE_PRESENT) {
            entry->certificate_handle = objects->next_handle++;
        }
    }
    if (!good || !wire_ended(&r)) {
        drop_keys(keys, made);
        return false;
    }
    objects->keys = keys;
    objects->key_count = count;
    objects->keys_listed = true;
    objects->has_attribute_file = has_file;
    memcpy(token->facts.application, application, sizeof(application));
    token->facts.initialized = application[0] != '\0';
    return true;
}

/* ---- the file ---- */

/* The folder, if it is ours alone; made if `create`. -1: there is none that we would trust. */
static int open_folder(const char *path, bool create) {
    enum { OTHERS = S_IRWXG | S_IRWXO };
    char parent[512];
    struct stat st;
    if (create && mkdir(path, S_IRWXU) != 0 && errno == ENOENT) {
        snprintf(parent, sizeof(parent), "%s", path);
        char *slash = strrchr(parent, '/');
        if (slash != NULL && slash != parent) {
            *slash = '\0';
            if (mkdir(parent, S_IRWXU) == 0) {
                mkdir(path, S_IRWXU);
            }
        }
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &st) != 0 || st.st_uid != geteuid() || (st.st_mode & OTHERS) != 0) {
        log_info("%s is not a folder of this user alone: nothing is remembered there", path);
        close(fd);
        return -1;
    }
    return fd;
}

static bool file_name(const struct token *token, char out[NAME_SIZE]) {
    char text[sizeof(token->facts.serial) + 16];
    uint8_t hash[HASH_SIZE];
    snprintf(text, sizeof(text), "%s:%s", token->driver->name, token->facts.serial);
    if (!sha256(token->libctx, text, strlen(text), hash)) {
        return false;
    }
    for (size_t i = 0; i < HASH_SIZE / 2; i++) {
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
    }
    return true;
}

static bool read_file(int folder, const char *name, struct octets *out) {
    enum { OTHERS = S_IRWXG | S_IRWXO };
    struct stat st;
    *out = (struct octets){NULL, 0};
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    uint8_t *bytes = NULL;
    bool good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
                (st.st_mode & OTHERS) == 0 && st.st_size > 0 && st.st_size <= FILE_MAX &&
                (bytes = malloc((size_t)st.st_size)) != NULL &&
                read(fd, bytes, (size_t)st.st_size) == st.st_size;
    close(fd);
    if (!good) {
        free(bytes);
        return false;
    }
    *out = (struct octets){bytes, (size_t)st.st_size};
    return true;
}

void object_memory_recall(struct token *token) {
    char name[NAME_SIZE];
    struct octets bytes;
    if (!is_rememberable(token) || !file_name(token, name)) {
        return;
    }
    int folder = open_folder(token->settings.cache_dir, false);
    if (folder < 0) {
        return;
    }
    if (read_file(folder, name, &bytes)) {
        token->is_remembered = object_memory_parse(token, bytes.data, bytes.len);
        log_debug("token %s: %s", token->facts.serial,
                  token->is_remembered ? "objects as remembered"
                                       : "what is remembered is outdated");
        octets_free(&bytes);
    }
    close(folder);
}

/* Written aside and put in place, so that nobody reads half of it. */
static void write_file(int folder, const char *name, const uint8_t *bytes, size_t len) {
    char aside[NAME_SIZE + 24];
    snprintf(aside, sizeof(aside), "%s.%ld", name, (long)getpid());
    int fd = openat(folder, aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                    S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return;
    }
    bool written = fchmod(fd, S_IRUSR | S_IWUSR) == 0 && write(fd, bytes, len) == (ssize_t)len;
    written = close(fd) == 0 && written;
    if (!written || renameat(folder, aside, folder, name) != 0) {
        unlinkat(folder, aside, 0);
    }
}

void object_memory_keep(struct token *token) {
    struct token_object_list *objects = token->objects;
    char name[NAME_SIZE];
    if (objects == NULL || !objects->news || !objects->keys_listed || token->has_written ||
        token->unsure || token->has_erred || token->removed || token->driver == NULL ||
        !is_rememberable(token)) {
        return;
    }
    objects->news = false;
    uint8_t *bytes = malloc(FILE_MAX);
    int folder = bytes != NULL ? open_folder(token->settings.cache_dir, true) : -1;
    if (folder >= 0 && file_name(token, name)) {
        struct wire_writer w = {.data = bytes, .size = FILE_MAX, .order = BIG_ENDIAN_FIELDS};
        object_memory_write(token, &w);
        if (!w.failed) {
            write_file(folder, name, bytes, w.len);
        }
    }
    if (folder >= 0) {
        close(folder);
    }
    free(bytes);
}
