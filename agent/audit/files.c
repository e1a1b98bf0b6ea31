/* The journal's folder: its files, its head, its lock. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/audit/internal.h"
#include "agent/http/json.h"
#include "agent/identity/atomic_file.h"

#define HEAD_MAX ((size_t)4 * AUDIT_LINE_MAX)
#define FILE_MAX ((size_t)64 << 20)

void audit_hash(const char *line, size_t len, char hash[AUDIT_HASH_SIZE]) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    memcpy(hash, AUDIT_NOTHING, AUDIT_HASH_SIZE);
    if (EVP_Digest(line, len, digest, &digest_len, EVP_sha256(), NULL) == 1) {
        for (unsigned i = 0; i < digest_len; i++) {
            snprintf(hash + 2 * (size_t)i, 3, "%02x", digest[i]);
        }
    }
}

bool audit_path(const char *folder, const char *name, char path[PATH_MAX]) {
    int len = snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return len > 0 && len < PATH_MAX;
}

/* ---- the head ---- */

static bool take_hash(const json_t *root, const char *name, char hash[AUDIT_HASH_SIZE]) {
    const char *text = json_member_string(root, name, AUDIT_HASH_SIZE - 1);
    if (text == NULL || strspn(text, "0123456789abcdef") != AUDIT_HASH_SIZE - 1) {
        return false;
    }
    memcpy(hash, text, AUDIT_HASH_SIZE);
    return true;
}

int audit_head_read(const char *folder, struct audit_head *head, bool *missing) {
    char path[PATH_MAX];
    *head = (struct audit_head){0};
    *missing = audit_path(folder, "head.json", path) && access(path, F_OK) != 0;
    json_t *root = json_read_file_strict(path, HEAD_MAX, NULL, 0);
    const char *line = json_member_string(root, "line", AUDIT_LINE_MAX);
    head->first = json_integer_value(json_object_get(root, "first"));
    head->count = json_integer_value(json_object_get(root, "count"));
    bool good = line != NULL && head->first >= 1 && head->count >= head->first &&
                head->count < AUDIT_NUMBER_MAX && take_hash(root, "firstPrev", head->first_prev) &&
                take_hash(root, "hash", head->hash);
    if (good) {
        char hash[AUDIT_HASH_SIZE];
        memcpy(head->line, line, strlen(line) + 1);
        audit_hash(line, strlen(line), hash);
        good = strcmp(hash, head->hash) == 0;
    }
    json_decref(root);
    return good ? 0 : -1;
}

int audit_head_write(const char *folder, const struct audit_head *head) {
    char path[PATH_MAX];
    json_t *root = json_pack("{s:I, s:s, s:I, s:s, s:s}", "first", (json_int_t)head->first,
                             "firstPrev", head->first_prev, "count", (json_int_t)head->count,
                             "hash", head->hash, "line", head->line);
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(1)) : NULL;
    json_decref(root);
    int written = text != NULL && audit_path(folder, "head.json", path)
                      ? atomic_file_write(path, text, strlen(text), 0600)
                      : -1;
    free(text);
    return written;
}

/* ---- the files ---- */

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

static bool is_journal_file(const char *name) {
    size_t digits = strspn(name, "0123456789");
    return digits == 12 && strcmp(name + digits, ".jsonl") == 0;
}

int audit_list_files(const char *folder, char names[AUDIT_NAMES_MAX][AUDIT_NAME_SIZE],
                     size_t *count) {
    DIR *dir = opendir(folder);
    bool fits = dir != NULL;
    *count = 0;
    for (struct dirent *entry; fits && (entry = readdir(dir)) != NULL;) {
        if (!is_journal_file(entry->d_name)) {
            continue;
        }
        fits = *count < AUDIT_NAMES_MAX;
        if (fits) {
            memcpy(names[(*count)++], entry->d_name, strlen(entry->d_name) + 1);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    qsort(names, *count, AUDIT_NAME_SIZE, by_name);
    return fits ? 0 : -1;
}

char *audit_file_text(const char *path, size_t *len) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char *text = NULL;
    *len = 0;
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
        (size_t)status.st_size <= FILE_MAX) {
        text = malloc((size_t)status.st_size + 1);
    }
    while (text != NULL && *len < (size_t)status.st_size) {
        ssize_t got = read(fd, text + *len, (size_t)status.st_size - *len);
        if (got <= 0) {
            break;
        }
        *len += (size_t)got;
    }
    if (text != NULL) {
        text[*len] = 0;
    }
    if (fd >= 0) {
        close(fd);
    }
    return text;
}

int audit_lock(const char *folder, bool to_write) {
    char path[PATH_MAX];
    int fd = audit_path(folder, "lock", path)
                 ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)
                 : -1;
    if (fd >= 0 && flock(fd, to_write ? LOCK_EX : LOCK_SH) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}
