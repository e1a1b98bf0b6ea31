/* certutil does the work on NSS databases: its format is nobody else's business. */
#include "agent/identity/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define OUTPUT_MAX 65536

static X509 *read_certificate(BIO *bio) {
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return certificate;
}

/* A piece of the fingerprint, in hex. */
static bool make_mark(const char *ca, char mark[13]) {
    X509 *certificate = read_certificate(BIO_new_file(ca, "r"));
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool made = certificate != NULL && X509_digest(certificate, EVP_sha256(), digest, &len) == 1;
    X509_free(certificate);
    if (made) {
        snprintf(mark, 13, "%02x%02x%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3],
                 digest[4], digest[5]);
    }
    return made;
}

bool trust_file_name(const char *ca, char name[32]) {
    char mark[13];
    bool made = make_mark(ca, mark);
    if (made) {
        snprintf(name, 32, "openukey-%s", mark);
    }
    return made;
}

/* One nickname per CA. */
static bool make_nickname(const char *ca, char nickname[64]) {
    char mark[13];
    bool made = make_mark(ca, mark);
    if (made) {
        snprintf(nickname, 64, "OpenUKey local CA %s", mark);
    }
    return made;
}

/* certutil would ask a terminal for a database's main password; an empty password file keeps it from that. */
#define NO_PASSWORD "-f", "/dev/null"

/* Run certutil with these arguments (ended by NULL); its output goes to `output` when not NULL. Its exit status, or -1. */
static int certutil(const char *const *arguments, char *output) {
    int pipe_fds[2] = {-1, -1};
    pid_t pid = -1;
    int status = -1;
    posix_spawn_file_actions_t actions;
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        return -1;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    int error = posix_spawnp(&pid, "certutil", &actions, NULL, (char *const *)(uintptr_t)arguments,
                             environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_fds[1]);
    if (error == 0) {
        size_t len = 0;
        char chunk[4096];
        ssize_t got;
        while ((got = read(pipe_fds[0], chunk, sizeof(chunk))) > 0 || (got < 0 && errno == EINTR)) {
            if (got > 0 && output != NULL && len + (size_t)got < OUTPUT_MAX) {
                memcpy(output + len, chunk, (size_t)got);
                len += (size_t)got;
            }
        }
        if (output != NULL) {
            output[len] = 0;
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (status == 127) {
            status = -1;
        }
    }
    close(pipe_fds[0]);
    return status;
}

static bool has_database(const char *nssdb) {
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/cert9.db", nssdb);
    return len > 0 && (size_t)len < sizeof(path) && access(path, F_OK) == 0;
}

static bool make_folders(const char *path) {
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(part)) {
        return false;
    }
    for (size_t i = 1; i <= len; i++) {
        if (path[i] == '/' || path[i] == 0) {
            memcpy(part, path, i);
            part[i] = 0;
            if (mkdir(part, 0700) != 0 && errno != EEXIST) {
                return false;
            }
        }
    }
    return true;
}

/* Is the listing's line of `nickname` one with the server CA flag? "NICKNAME      C,," */
static bool listing_trusts(const char *listing, const char *nickname) {
    size_t len = strlen(nickname);
    for (const char *line = listing; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, nickname, len) == 0 && line[len] == ' ') {
            const char *flags = line + len + strspn(line + len, " ");
            return memchr(flags, 'C', strcspn(flags, ",\n")) != NULL;
        }
    }
    return false;
}

static enum trust_state ask(const char *ca, const char *nssdb, const char *nickname) {
    char database[PATH_MAX + 8], *output = malloc(OUTPUT_MAX);
    enum trust_state state = TRUST_ERROR;
    X509 *ours = NULL, *theirs = NULL;
    if (output == NULL) {
        return TRUST_ERROR;
    }
    snprintf(database, sizeof(database), "sql:%s", nssdb);
    const char *const list[] = {"certutil", "-d", database, "-L", NULL};
    const char *const export[] = {"certutil", "-d", database, "-L", "-n", nickname, "-a", NULL};
    if (certutil(list, output) != 0) {
        goto out;
    }
    state = TRUST_MISSING;
    if (!listing_trusts(output, nickname) || certutil(export, output) != 0) {
        goto out;
    }
    ours = read_certificate(BIO_new_file(ca, "r"));
    theirs = read_certificate(BIO_new_mem_buf(output, -1));
    if (ours != NULL && theirs != NULL && X509_cmp(ours, theirs) == 0) {
        state = TRUST_INSTALLED;
    }
out:
    X509_free(ours);
    X509_free(theirs);
    free(output);
    return state;
}

enum trust_state trust_status(const char *ca, const char *nssdb) {
    char nickname[64];
    if (!has_database(nssdb)) {
        return TRUST_NO_DATABASE;
    }
    return make_nickname(ca, nickname) ? ask(ca, nssdb, nickname) : TRUST_ERROR;
}

enum trust_state trust_install(const char *ca, const char *nssdb) {
    char nickname[64], database[PATH_MAX + 8];
    if (!make_nickname(ca, nickname) || strlen(nssdb) >= PATH_MAX) {
        return TRUST_ERROR;
    }
    snprintf(database, sizeof(database), "sql:%s", nssdb);
    const char *const make[] = {"certutil", "-d", database, "-N", "--empty-password", NULL};
    const char *const add[] = {"certutil", "-d",     database, "-A", "-t",        "C,,",
                               "-n",       nickname, "-i",     ca,   NO_PASSWORD, NULL};
    if (!has_database(nssdb) && (!make_folders(nssdb) || certutil(make, NULL) != 0)) {
        return TRUST_ERROR;
    }
    const char *const delete[] = {"certutil", "-d",     database,    "-D",
                                  "-n",       nickname, NO_PASSWORD, NULL};
    enum trust_state state = ask(ca, nssdb, nickname);
    if (state != TRUST_MISSING) {
        return state;
    }
    int status = certutil(add, NULL);
    state = status >= 0 ? ask(ca, nssdb, nickname) : TRUST_ERROR;
    if (status > 0 && state == TRUST_MISSING) {
        /* the certificate went in; its trust is sealed with the main password, which we do not have */
        return certutil(delete, NULL) == 0 ? TRUST_LOCKED : TRUST_ERROR;
    }
    return state == TRUST_MISSING ? TRUST_ERROR : state;
}

enum trust_state trust_remove(const char *ca, const char *nssdb) {
    char nickname[64], database[PATH_MAX + 8];
    if (!has_database(nssdb)) {
        return TRUST_NO_DATABASE;
    }
    if (!make_nickname(ca, nickname) || strlen(nssdb) >= PATH_MAX) {
        return TRUST_ERROR;
    }
    snprintf(database, sizeof(database), "sql:%s", nssdb);
    const char *const delete[] = {"certutil", "-d",     database,    "-D",
                                  "-n",       nickname, NO_PASSWORD, NULL};
    if (certutil(delete, NULL) < 0) {
        return TRUST_ERROR;
    }
    enum trust_state state = ask(ca, nssdb, nickname);
    return state == TRUST_INSTALLED ? TRUST_ERROR : state;
}
