/* The order service with a hand on its power switch: test program ukey-orderd-faults, which is ukey-orderd linked with this file. Every
 * transaction's commit and every call of a third party, of the CA and of the document store is a boundary, before and after it; the N-th
 * boundary of the process ends it by SIGKILL. What ships has none of this: the linker's --wrap puts it in (tools/orderd/build.mk).
 *
 *   ORDERD_FAULT_AT=N      which one; 0 or absent: none
 *   ORDERD_FAULT_LOG=FILE  a line "N NAME" for each boundary that was come to */
#include "tools/orderd/ca/ca.h"
#include "tools/orderd/engine/blob.h"
#include "tools/orderd/third/http_post.h"
#include "tools/orderd/third/identity.h"
#include "tools/orderd/third/invoicer.h"
#include "tools/orderd/third/messenger.h"
#include "tools/orderd/third/payment_sim.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void boundary(const char *when, const char *name) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static long count;
    const char *at = getenv("ORDERD_FAULT_AT");
    const char *log = getenv("ORDERD_FAULT_LOG");
    pthread_mutex_lock(&lock);
    count++;
    if (log != NULL) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd >= 0) {
            dprintf(fd, "%ld %s %s\n", count, when, name);
            close(fd);
        }
    }
    if (at != NULL && strtol(at, NULL, 10) == count) {
        kill(getpid(), SIGKILL);
        pause();
    }
    pthread_mutex_unlock(&lock);
}

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */

/* ---- transactions: SQLite tells of every commit, also of single statements ---- */

static int before_commit(void *context) {
    (void)context;
    boundary("before", "commit");
    return 0;
}

static int after_commit(void *context, sqlite3 *handle, const char *name, int pages) {
    (void)context;
    (void)handle;
    (void)name;
    (void)pages;
    boundary("after", "commit");
    return SQLITE_OK;
}

int __real_sqlite3_open_v2(const char *path, sqlite3 **out, int flags, const char *vfs);
int __wrap_sqlite3_open_v2(const char *path, sqlite3 **out, int flags, const char *vfs);
int __wrap_sqlite3_open_v2(const char *path, sqlite3 **out, int flags, const char *vfs) {
    int rc = __real_sqlite3_open_v2(path, out, flags, vfs);
    if (rc == SQLITE_OK) {
        sqlite3_commit_hook(*out, before_commit, NULL);
        sqlite3_wal_hook(*out, after_commit, NULL);
    }
    return rc;
}

/* ---- the CA, and documents ---- */

enum ca_error __real_ca_plan(struct ca *ca, const struct ca_request *request, struct ca_plan *out);
enum ca_error __wrap_ca_plan(struct ca *ca, const struct ca_request *request, struct ca_plan *out);
enum ca_error __wrap_ca_plan(struct ca *ca, const struct ca_request *request, struct ca_plan *out) {
    boundary("before", "ca_plan");
    enum ca_error error = __real_ca_plan(ca, request, out);
    boundary("after", "ca_plan");
    return error;
}

enum ca_error __real_ca_issue(struct ca *ca, const struct ca_request *request,
                              const struct ca_plan *plan, struct ca_issued *out);
enum ca_error __wrap_ca_issue(struct ca *ca, const struct ca_request *request,
                              const struct ca_plan *plan, struct ca_issued *out);
enum ca_error __wrap_ca_issue(struct ca *ca, const struct ca_request *request,
                              const struct ca_plan *plan, struct ca_issued *out) {
    boundary("before", "ca_issue");
    enum ca_error error = __real_ca_issue(ca, request, plan, out);
    boundary("after", "ca_issue");
    return error;
}

enum ca_error __real_ca_seal(struct ca *ca, const struct ca_seal_request *request,
                             struct octets *out);
enum ca_error __wrap_ca_seal(struct ca *ca, const struct ca_seal_request *request,
                             struct octets *out);
enum ca_error __wrap_ca_seal(struct ca *ca, const struct ca_seal_request *request,
                             struct octets *out) {
    boundary("before", "ca_seal");
    enum ca_error error = __real_ca_seal(ca, request, out);
    boundary("after", "ca_seal");
    return error;
}

enum order_error __real_blob_put(const char *store, const void *data, size_t len,
                                 char sha256[DIGEST_HEX_SIZE]);
enum order_error __wrap_blob_put(const char *store, const void *data, size_t len,
                                 char sha256[DIGEST_HEX_SIZE]);
enum order_error __wrap_blob_put(const char *store, const void *data, size_t len,
                                 char sha256[DIGEST_HEX_SIZE]) {
    boundary("before", "blob_put");
    enum order_error error = __real_blob_put(store, data, len, sha256);
    boundary("after", "blob_put");
    return error;
}

/* ---- third parties ---- */

long __real_http_post(const struct http_post *post);
long __wrap_http_post(const struct http_post *post);
long __wrap_http_post(const struct http_post *post) {
    boundary("before", "callback");
    long status = __real_http_post(post);
    boundary("after", "callback");
    return status;
}

extern const struct messenger __real_messenger_sim;
static bool send(void *context, struct db *db, const struct message *message) {
    boundary("before", "message");
    bool done = __real_messenger_sim.send(context, db, message);
    boundary("after", "message");
    return done;
}
extern const struct messenger __wrap_messenger_sim;
const struct messenger __wrap_messenger_sim = {.name = "sim", .context = NULL, .send = send};

extern const struct invoicer __real_invoicer_sim;
static bool issue(void *context, struct db *db, const struct invoice_request *request,
                  char number[32], struct octets *file) {
    boundary("before", "invoice");
    bool done = __real_invoicer_sim.issue(context, db, request, number, file);
    boundary("after", "invoice");
    return done;
}
extern const struct invoicer __wrap_invoicer_sim;
const struct invoicer __wrap_invoicer_sim = {.name = "sim", .context = NULL, .issue = issue};

static struct payment_provider payments;
static bool pay_create(void *context, struct db *db, const struct payment_request *request,
                       char *url, size_t size) {
    boundary("before", "payment");
    bool done = payments.create(context, db, request, url, size);
    boundary("after", "payment");
    return done;
}
static bool pay_refund(void *context, struct db *db, const char *id, int64_t amount_fen) {
    boundary("before", "refund");
    bool done = payments.refund(context, db, id, amount_fen);
    boundary("after", "refund");
    return done;
}
struct payment_provider __real_payment_sim_provider(struct payment_sim *sim);
struct payment_provider __wrap_payment_sim_provider(struct payment_sim *sim);
struct payment_provider __wrap_payment_sim_provider(struct payment_sim *sim) {
    payments = __real_payment_sim_provider(sim);
    struct payment_provider counted = payments;
    counted.create = pay_create;
    counted.refund = pay_refund;
    return counted;
}

static struct identity_provider identity;
static bool check(void *context, struct db *db, enum verify_method method,
                  const struct identity_person *person, struct identity_answer *out) {
    boundary("before", "check");
    bool done = identity.check(context, db, method, person, out);
    boundary("after", "check");
    return done;
}
static bool transfer(void *context, struct db *db, const char *id,
                     const struct identity_person *person, const char *postscript, int64_t now_ms,
                     struct identity_answer *out) {
    boundary("before", "transfer");
    bool done = identity.transfer(context, db, id, person, postscript, now_ms, out);
    boundary("after", "transfer");
    return done;
}
struct identity_provider __real_identity_sim_provider(const char *public_url);
struct identity_provider __wrap_identity_sim_provider(const char *public_url);
struct identity_provider __wrap_identity_sim_provider(const char *public_url) {
    identity = __real_identity_sim_provider(public_url);
    struct identity_provider counted = identity;
    counted.check = check;
    counted.transfer = transfer;
    return counted;
}

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
