/* Chains and revocation lists. */
#include "agent/api/trust.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/anchors.h"
#include "agent/api/key.h"
#include "agent/clock.h"
#include "agent/log.h"
#include "module/formats/calendar.h"
#include "module/formats/revocation_list.h"

enum {
    REFRESH_S = 600, /* a list is asked for again when it has been here that long */
    RETRY_S = 60,    /* and after a failure */
    CHAIN_S = 60,    /* a chain that was verified is believed for so long */
    CHAINS = 64,
};

/* The list of one service's issuer. */
struct crl {
    struct crl *next;
    const struct trust_anchor *anchor;
    struct revocation_list *list; /* NULL: none yet */
    int64_t asked;                /* clock_lasting(); the last time */
    bool is_wanted, has_failed;
};

/* What was found of a certificate's chain, so that a page that lists certificates again and again is answered at once. */
struct chain {
    unsigned char id[EVP_MAX_MD_SIZE]; /* SHA-256 of the certificate */
    enum trust_chain found;
    int64_t until; /* clock_lasting(); 0: none */
};

struct trust {
    const struct key *key;
    struct crl *crls; /* one for each service with `crl`; the list itself does not change */
    pthread_t fetcher;
    pthread_mutex_t lock; /* guards what follows, and the crls' members but anchor */
    pthread_cond_t wake;
    bool is_stopping;
    struct chain chains[CHAINS];
    size_t next_chain;
};

/* ---- chains ---- */

const char *trust_chain_name(enum trust_chain chain) {
    static const char *const names[] = {
        [TRUST_CHAIN_UNKNOWN] = "unknown",
        [TRUST_CHAIN_TRUSTED] = "trusted",
        [TRUST_CHAIN_UNTRUSTED] = "untrusted",
        [TRUST_CHAIN_EXPIRED] = "expired",
        [TRUST_CHAIN_NOT_YET_VALID] = "not-yet-valid",
    };
    return names[chain];
}

static enum trust_chain chain_to(const struct trust_anchor *anchor, X509 *certificate,
                                 STACK_OF(X509) *others, int64_t at) {
    STACK_OF(X509) *all = sk_X509_dup(anchor->intermediates);
    for (int i = 0; all && i < sk_X509_num(others); i++)
        sk_X509_push(all, sk_X509_value(others, i));
    enum formats_error error = certificate_verify_chain(NULL, certificate, all, anchor->root, at);
    sk_X509_free(all);
    return error == FORMATS_OK              ? TRUST_CHAIN_TRUSTED
           : error == FORMATS_EXPIRED       ? TRUST_CHAIN_EXPIRED
           : error == FORMATS_NOT_YET_VALID ? TRUST_CHAIN_NOT_YET_VALID
                                            : TRUST_CHAIN_UNTRUSTED;
}

enum trust_chain trust_chain_of(const struct key *key, X509 *certificate, STACK_OF(X509) *others,
                                int64_t at) {
    enum trust_chain best = key->anchors ? TRUST_CHAIN_UNTRUSTED : TRUST_CHAIN_UNKNOWN;
    for (const struct trust_anchor *anchor = key->anchors; anchor && best == TRUST_CHAIN_UNTRUSTED;
         anchor = anchor->next)
        best = chain_to(anchor, certificate, others, at);
    return best;
}

/* ---- fetching ---- */

/* The issuer whose list it is: verified with whichever of the anchor's certificates it names. */
static struct revocation_list *read_list(const struct trust_anchor *anchor,
                                         const struct proxy_answer *answer) {
    struct revocation_list *list = NULL;
    const unsigned char *der = (const unsigned char *)answer->body;
    enum formats_error error =
        revocation_list_read(NULL, der, answer->body_len, anchor->root, &list);
    for (int i = 0; error == FORMATS_MISMATCH && i < sk_X509_num(anchor->intermediates); i++)
        error = revocation_list_read(NULL, der, answer->body_len,
                                     sk_X509_value(anchor->intermediates, i), &list);
    if (error)
        log_warn("trust", "the revocation list of service %s: %s", anchor->service->profile,
                 formats_error_text(error));
    return list;
}

/* NULL: not to be had. */
static struct revocation_list *fetch(const struct trust *trust, const struct trust_anchor *anchor) {
    struct proxy_answer answer = {0};
    struct revocation_list *list = NULL;
    if (proxy_request(trust->key->agent->proxy, anchor->service->profile, "GET",
                      anchor->service->crl, NULL, NULL, &answer) != PROXY_OK)
        return NULL;
    if (answer.status == 200)
        list = read_list(anchor, &answer);
    proxy_answer_free(&answer);
    return list;
}

static struct crl *find_wanted(const struct trust *trust) {
    struct crl *crl = trust->crls;
    while (crl && !crl->is_wanted)
        crl = crl->next;
    return crl;
}

static void *fetch_wanted(void *context) {
    struct trust *trust = context;
    pthread_mutex_lock(&trust->lock);
    while (!trust->is_stopping) {
        struct crl *crl = find_wanted(trust);
        if (!crl) {
            pthread_cond_wait(&trust->wake, &trust->lock);
            continue;
        }
        pthread_mutex_unlock(&trust->lock);
        struct revocation_list *list = fetch(trust, crl->anchor);
        pthread_mutex_lock(&trust->lock);
        crl->is_wanted = false;
        crl->asked = clock_lasting();
        crl->has_failed = !list;
        if (list) {
            revocation_list_free(crl->list);
            crl->list = list;
        }
    }
    pthread_mutex_unlock(&trust->lock);
    return NULL;
}

static void free_lists(struct trust *trust) {
    while (trust->crls) {
        struct crl *next = trust->crls->next;
        revocation_list_free(trust->crls->list);
        free(trust->crls);
        trust->crls = next;
    }
}

struct trust *trust_open(const struct key *key) {
    struct trust *trust = calloc(1, sizeof *trust);
    if (!trust)
        return NULL;
    trust->key = key;
    for (const struct trust_anchor *anchor = key->anchors; anchor; anchor = anchor->next) {
        struct crl *crl = anchor->service->crl ? calloc(1, sizeof *crl) : NULL;
        if (!crl)
            continue;
        crl->anchor = anchor;
        crl->is_wanted = true;
        crl->next = trust->crls;
        trust->crls = crl;
    }
    pthread_mutex_init(&trust->lock, NULL);
    pthread_cond_init(&trust->wake, NULL);
    if (pthread_create(&trust->fetcher, NULL, fetch_wanted, trust) != 0) {
        free_lists(trust);
        free(trust);
        return NULL;
    }
    return trust;
}

void trust_close(struct trust *trust) {
    if (!trust)
        return;
    pthread_mutex_lock(&trust->lock);
    trust->is_stopping = true;
    pthread_cond_signal(&trust->wake);
    pthread_mutex_unlock(&trust->lock);
    pthread_join(trust->fetcher, NULL);
    free_lists(trust);
    pthread_mutex_destroy(&trust->lock);
    pthread_cond_destroy(&trust->wake);
    free(trust);
}

/* ---- asking ---- */

/* Locked. */
static void read_status(struct crl *crl, X509 *certificate, int64_t now,
                        struct trust_status *status) {
    int64_t next = revocation_list_next(crl->list);
    if (!revocation_list_covers(crl->list, certificate) || (next != 0 && now > next))
        return;
    status->checked = revocation_list_made(crl->list);
    status->revocation = revocation_list_has(crl->list, certificate, &status->revoked)
                             ? TRUST_REVOCATION_REVOKED
                             : TRUST_REVOCATION_GOOD;
}

void trust_status_of(struct trust *trust, X509 *certificate, struct trust_status *status) {
    int64_t lasting = clock_lasting();
    *status = (struct trust_status){0};
    pthread_mutex_lock(&trust->lock);
    for (struct crl *crl = trust->crls; crl; crl = crl->next) {
        if (lasting - crl->asked > (crl->has_failed || !crl->list ? RETRY_S : REFRESH_S) &&
            !crl->is_wanted) {
            crl->is_wanted = true;
            pthread_cond_signal(&trust->wake);
        }
        if (crl->list && status->revocation == TRUST_REVOCATION_UNKNOWN)
            read_status(crl, certificate, clock_now(), status);
    }
    pthread_mutex_unlock(&trust->lock);
}

/* The chain now, perhaps as it was found a moment ago. */
static enum trust_chain chain_now(const struct key *key, X509 *certificate) {
    struct trust *trust = key->trust;
    struct chain one = {.found = TRUST_CHAIN_UNKNOWN};
    int64_t lasting = clock_lasting();
    if (X509_digest(certificate, EVP_sha256(), one.id, NULL) != 1)
        return trust_chain_of(key, certificate, NULL, key_now());
    pthread_mutex_lock(&trust->lock);
    for (size_t i = 0; i < CHAINS && one.until == 0; i++)
        if (trust->chains[i].until > lasting &&
            memcmp(trust->chains[i].id, one.id, sizeof one.id) == 0)
            one = trust->chains[i];
    pthread_mutex_unlock(&trust->lock);
    if (one.until != 0)
        return one.found;
    one.found = trust_chain_of(key, certificate, NULL, key_now());
    one.until = lasting + CHAIN_S;
    pthread_mutex_lock(&trust->lock);
    trust->chains[trust->next_chain] = one;
    trust->next_chain = (trust->next_chain + 1) % CHAINS;
    pthread_mutex_unlock(&trust->lock);
    return one.found;
}

json_t *trust_json(const struct key *key, X509 *certificate) {
    static const char *const names[] = {
        [TRUST_REVOCATION_UNKNOWN] = "unknown",
        [TRUST_REVOCATION_GOOD] = "good",
        [TRUST_REVOCATION_REVOKED] = "revoked",
    };
    struct trust_status status;
    char time[21];
    trust_status_of(key->trust, certificate, &status);
    json_t *revocation = json_pack("{s:s}", "state", names[status.revocation]);
    if (status.revocation != TRUST_REVOCATION_UNKNOWN) {
        calendar_rfc3339(status.checked, time);
        json_object_set_new(revocation, "checked", json_string(time));
    }
    if (status.revocation == TRUST_REVOCATION_REVOKED) {
        calendar_rfc3339(status.revoked, time);
        json_object_set_new(revocation, "revoked", json_string(time));
    }
    return json_pack("{s:s, s:o}", "chain", trust_chain_name(chain_now(key, certificate)),
                     "revocation", revocation);
}
