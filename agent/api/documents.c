/* POST /v1/documents: a document is digested as it comes; nothing of it is kept but its digests, for a while and for one session. */
#include "agent/api/documents.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/key.h"
#include "agent/api/statement.h"
#include "agent/clock.h"
#include "module/formats/canonical_json.h"

enum { PIECE = 64 * 1024 };

static const struct {
    const char *name, *algorithm;
    size_t len;
} kinds[DOCUMENT_DIGESTS] = {
    [DOCUMENT_SM3] = {"sm3", "SM3", 32},
    [DOCUMENT_SHA256] = {"sha256", "SHA256", 32},
    [DOCUMENT_SHA384] = {"sha384", "SHA384", 48},
};

const unsigned char *document_digest(const struct document_digests *digests,
                                     enum signature_scheme scheme) {
    return digests->digest[scheme == SCHEME_SM2    ? DOCUMENT_SM3
                           : scheme == SCHEME_P384 ? DOCUMENT_SHA384
                                                   : DOCUMENT_SHA256];
}

json_t *document_digests_json(const struct document_digests *digests) {
    json_t *json = json_object();
    for (size_t i = 0; i < DOCUMENT_DIGESTS; i++) {
        char hex[2 * SCHEME_DIGEST_MAX + 1];
        octets_to_hex(digests->digest[i], kinds[i].len, hex);
        json_object_set_new(json, kinds[i].name, json_string(hex));
    }
    return json;
}

bool document_is_canonical_object(const void *bytes, size_t len) {
    json_t *object = NULL;
    if (len > STATEMENT_MAX || canonical_json_read(bytes, len, &object) != FORMATS_OK)
        return false;
    bool is_ours = json_object_get(object, "type") != NULL;
    json_decref(object);
    return is_ours;
}

/* ---- digesting ---- */

struct digester {
    EVP_MD_CTX *contexts[DOCUMENT_DIGESTS];
    size_t size;
    bool failed;
};

static void digester_begin(struct digester *digester) {
    *digester = (struct digester){0};
    for (size_t i = 0; i < DOCUMENT_DIGESTS; i++) {
        EVP_MD *algorithm = EVP_MD_fetch(NULL, kinds[i].algorithm, NULL);
        digester->contexts[i] = EVP_MD_CTX_new();
        if (!algorithm || !digester->contexts[i] ||
            EVP_DigestInit_ex2(digester->contexts[i], algorithm, NULL) != 1)
            digester->failed = true;
        EVP_MD_free(algorithm);
    }
}

static void digester_add(struct digester *digester, const void *data, size_t len) {
    digester->size += len;
    for (size_t i = 0; i < DOCUMENT_DIGESTS && !digester->failed; i++)
        digester->failed = EVP_DigestUpdate(digester->contexts[i], data, len) != 1;
}

/* Ends it in any case. */
static bool digester_end(struct digester *digester, struct document_digests *digests) {
    digests->size = digester->size;
    for (size_t i = 0; i < DOCUMENT_DIGESTS; i++) {
        if (!digester->failed)
            digester->failed =
                EVP_DigestFinal_ex(digester->contexts[i], digests->digest[i], NULL) != 1;
        EVP_MD_CTX_free(digester->contexts[i]);
    }
    return !digester->failed;
}

bool document_digest_bytes(const struct octets *bytes, struct document_digests *digests) {
    struct digester digester;
    digester_begin(&digester);
    digester_add(&digester, bytes->data ? bytes->data : (const unsigned char *)"", bytes->len);
    return digester_end(&digester, digests);
}

/* ---- the documents ---- */

struct document {
    struct document *next; /* older */
    uint64_t session;
    int64_t born; /* clock_lasting() */
    char id[DOCUMENT_ID_SIZE];
    struct document_digests digests;
};

struct documents {
    pthread_mutex_t lock; /* guards what follows */
    struct document *newest;
};

struct documents *documents_open(void) {
    struct documents *documents = calloc(1, sizeof *documents);
    if (documents)
        pthread_mutex_init(&documents->lock, NULL);
    return documents;
}

/* Leave out the old ones, and the oldest where there are too many. Locked. */
static void expire(struct documents *documents, uint64_t session, int64_t now) {
    size_t all = 0, of_session = 0;
    for (struct document **at = &documents->newest; *at;) {
        struct document *one = *at;
        all++;
        of_session += one->session == session;
        if (now - one->born > DOCUMENT_LIFE_S || all > DOCUMENTS_MAX ||
            (one->session == session && of_session > DOCUMENTS_OF_SESSION)) {
            *at = one->next;
            free(one);
        } else {
            at = &one->next;
        }
    }
}

void documents_close(struct documents *documents) {
    if (!documents)
        return;
    while (documents->newest) {
        struct document *next = documents->newest->next;
        free(documents->newest);
        documents->newest = next;
    }
    pthread_mutex_destroy(&documents->lock);
    free(documents);
}

static bool add(struct documents *documents, uint64_t session,
                const struct document_digests *digests, char id[DOCUMENT_ID_SIZE]) {
    unsigned char random[DOCUMENT_ID_SIZE / 2];
    struct document *document = calloc(1, sizeof *document);
    if (!document || RAND_bytes(random, sizeof random) != 1) {
        free(document);
        return false;
    }
    octets_to_hex(random, sizeof random, document->id);
    memcpy(id, document->id, DOCUMENT_ID_SIZE);
    document->session = session;
    document->born = clock_lasting();
    document->digests = *digests;
    pthread_mutex_lock(&documents->lock);
    document->next = documents->newest;
    documents->newest = document;
    expire(documents, session, document->born);
    pthread_mutex_unlock(&documents->lock);
    return true;
}

bool documents_find(struct documents *documents, uint64_t session, const char *id,
                    struct document_digests *digests) {
    bool is_found = false;
    pthread_mutex_lock(&documents->lock);
    expire(documents, session, clock_lasting());
    for (struct document *one = documents->newest; one && !is_found; one = one->next) {
        is_found = one->session == session && strcmp(one->id, id) == 0;
        if (is_found)
            *digests = one->digests;
    }
    pthread_mutex_unlock(&documents->lock);
    return is_found;
}

/* ---- the upload ---- */

/* Digests the whole body. `head` gets its first bytes. False: answered. */
static bool receive(struct http_request *request, struct document_digests *digests, char *head,
                    size_t head_size) {
    struct digester digester;
    size_t kept = 0;
    long got;
    char *piece = malloc(PIECE);
    digester_begin(&digester);
    digester.failed |= !piece;
    while ((got = piece ? http_request_read(request, piece, PIECE) : 0) > 0) {
        size_t len = (size_t)got, room = head_size - kept;
        memcpy(head + kept, piece, len < room ? len : room);
        kept += len < room ? len : room;
        digester_add(&digester, piece, len);
    }
    free(piece);
    bool is_whole = digester_end(&digester, digests) && got == 0;
    if (!is_whole && got == 0)
        agent_respond_problem(request, PROBLEM_INTERNAL, NULL, NULL);
    return is_whole;
}

static void upload(struct http_request *request) {
    struct document_digests digests;
    char id[DOCUMENT_ID_SIZE];
    char *head = malloc(STATEMENT_MAX + 1);
    if (!head) {
        agent_respond_problem(request, PROBLEM_INTERNAL, NULL, NULL);
    } else if (receive(request, &digests, head, STATEMENT_MAX + 1)) {
        if (document_is_canonical_object(head, digests.size))
            agent_respond_problem(
                request, PROBLEM_STATEMENT_REFUSED,
                word_text(WORD_DOCUMENT_IS_OBJECT, http_request_language(request)), NULL);
        else if (!add(agent_of(request)->key->documents, agent_session(request)->id, &digests, id))
            agent_respond_problem(request, PROBLEM_INTERNAL, NULL, NULL);
        else
            http_respond_json(request, 201,
                              json_pack("{s:s, s:I, s:o}", "id", id, "size",
                                        (json_int_t)digests.size, "digests",
                                        document_digests_json(&digests)));
    }
    free(head);
}

const struct http_route document_routes[] = {
    {"POST", "/v1/documents", upload, HTTP_BODY_STREAM, DOCUMENT_SIZE_MAX,
     AGENT_ROUTE_SESSION | POLICY_SIGN},
    {0},
};
