/* Sessions, and what was authorised in each. The table is small and read whole: no timing tells where a token stands. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/access/internal.h"
#include "agent/clock.h"

#define DEFAULT_IDLE     ((int64_t)30 * 60)
#define DEFAULT_LIFETIME ((int64_t)12 * 60 * 60)
#define TOKEN_BYTES      32

/* Calls that are due once the lock is released. */
struct due {
    char logouts[ACCESS_MAX_VERIFIED * 4][ACCESS_TOKEN_ID_SIZE];
    size_t logout_count;
    uint64_t ended[ACCESS_MAX_SESSIONS];
    size_t ended_count;
};

struct access *access_new(const struct access_options *options) {
    struct access *access = calloc(1, sizeof(*access));
    if (access == NULL) {
        return NULL;
    }
    access->options = *options;
    if (access->options.clock == NULL) {
        access->options.clock = clock_lasting;
    }
    if (access->options.idle_seconds == 0) {
        access->options.idle_seconds = DEFAULT_IDLE;
    }
    if (access->options.lifetime_seconds == 0) {
        access->options.lifetime_seconds = DEFAULT_LIFETIME;
    }
    if (access->options.rate_per_minute == 0) {
        access->options.rate_per_minute = ACCESS_DEFAULT_RATE;
    }
    access->last_id = 0;
    pthread_mutex_init(&access->mutex, NULL);
    return access;
}

void access_free(struct access *access) {
    if (access == NULL) {
        return;
    }
    pthread_mutex_destroy(&access->mutex);
    OPENSSL_cleanse(access, sizeof(*access));
    free(access);
}

/* ---- tokens ---- */

static bool hash(const unsigned char *bytes, size_t len, unsigned char digest[ACCESS_DIGEST_SIZE]) {
    size_t digest_len = 0;
    return EVP_Q_digest(NULL, "SHA256", NULL, bytes, len, digest, &digest_len) == 1;
}

static void to_base64url(const unsigned char bytes[TOKEN_BYTES],
                         char text[ACCESS_TOKEN_TEXT_SIZE]) {
    unsigned char padded[48];
    EVP_EncodeBlock(padded, bytes, TOKEN_BYTES);
    for (size_t i = 0; i < ACCESS_TOKEN_TEXT_SIZE - 1; i++) {
        text[i] = (char)(padded[i] == '+' ? '-' : padded[i] == '/' ? '_' : padded[i]);
    }
    text[ACCESS_TOKEN_TEXT_SIZE - 1] = 0;
    OPENSSL_cleanse(padded, sizeof(padded));
}

/* ---- ending, with the lock held ---- */

static bool somebody_verified(const struct access *access, const char *token_id) {
    for (size_t i = 0; i < ACCESS_MAX_SESSIONS; i++) {
        const struct session *session = &access->sessions[i];
        for (size_t j = 0; session->id != 0 && j < session->verified_count; j++) {
            if (strcmp(session->verified[j], token_id) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void drop_verified(struct access *access, struct session *session, size_t which,
                          struct due *due) {
    char token_id[ACCESS_TOKEN_ID_SIZE];
    memcpy(token_id, session->verified[which], sizeof(token_id));
    memmove(session->verified[which], session->verified[session->verified_count - 1],
            sizeof(token_id));
    session->verified_count--;
    if (!somebody_verified(access, token_id) &&
        due->logout_count < sizeof(due->logouts) / sizeof(due->logouts[0])) {
        memcpy(due->logouts[due->logout_count++], token_id, sizeof(token_id));
    }
}

static void end_session(struct access *access, struct session *session, struct due *due) {
    while (session->verified_count > 0) {
        drop_verified(access, session, session->verified_count - 1, due);
    }
    due->ended[due->ended_count++] = session->id;
    OPENSSL_cleanse(session, sizeof(*session));
}

/* Without the lock: what is due may call back into this room. */
static void call_due(struct access *access, struct due *due) {
    for (size_t i = 0; i < due->logout_count && access->options.token_logout != NULL; i++) {
        access->options.token_logout(access->options.context, due->logouts[i]);
    }
    for (size_t i = 0; i < due->ended_count && access->options.session_ended != NULL; i++) {
        access->options.session_ended(access->options.context, due->ended[i]);
    }
}

static bool is_over(const struct access *access, const struct session *session, int64_t now) {
    return now - session->used >= access->options.idle_seconds ||
           now - session->started >= access->options.lifetime_seconds;
}

/* ---- starting and finding ---- */

static void remember_origin(struct access *access, const char *origin) {
    for (size_t i = 0; i < ACCESS_MAX_KNOWN; i++) {
        if (strcmp(access->known[i], origin) == 0) {
            return;
        }
    }
    char *slot = access->known[access->next_known++ % ACCESS_MAX_KNOWN];
    memcpy(slot, origin, strlen(origin) + 1);
}

/* A free place; the origin's oldest session makes way when it has too many. NULL when the table is full. */
static struct session *find_place(struct access *access, const char *origin, struct due *due) {
    struct session *oldest = NULL, *place = NULL;
    size_t count = 0;
    for (size_t i = 0; i < ACCESS_MAX_SESSIONS; i++) {
        struct session *session = &access->sessions[i];
        if (session->id == 0) {
            place = place != NULL ? place : session;
        } else if (strcmp(session->origin, origin) == 0) {
            count++;
            oldest = oldest == NULL || session->id < oldest->id ? session : oldest;
        }
    }
    if (oldest != NULL && (count >= ACCESS_MAX_SESSIONS_PER_ORIGIN || place == NULL)) {
        end_session(access, oldest, due);
        place = oldest;
    }
    return place;
}

int access_session_start(struct access *access, const char *origin,
                         char token[ACCESS_TOKEN_TEXT_SIZE], struct access_session *session) {
    unsigned char bytes[TOKEN_BYTES], digest[ACCESS_DIGEST_SIZE];
    struct due due = {0};
    token[0] = 0;
    if (strlen(origin) >= ORIGIN_TEXT_SIZE || RAND_priv_bytes(bytes, sizeof(bytes)) != 1) {
        return -1;
    }
    to_base64url(bytes, token);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    if (!hash((const unsigned char *)token, ACCESS_TOKEN_TEXT_SIZE - 1, digest)) {
        return -1;
    }
    pthread_mutex_lock(&access->mutex);
    struct session *place = find_place(access, origin, &due);
    if (place != NULL) {
        place->id = ++access->last_id;
        place->started = place->used = access->options.clock();
        memcpy(place->digest, digest, sizeof(digest));
        memcpy(place->origin, origin, strlen(origin) + 1);
        remember_origin(access, origin);
        session->id = place->id;
        memcpy(session->origin, place->origin, sizeof(session->origin));
    }
    pthread_mutex_unlock(&access->mutex);
    call_due(access, &due);
    if (place == NULL) {
        OPENSSL_cleanse(token, ACCESS_TOKEN_TEXT_SIZE);
        return -1;
    }
    return 0;
}

bool access_session_find(struct access *access, const char *token, const char *origin,
                         struct access_session *session) {
    unsigned char digest[ACCESS_DIGEST_SIZE];
    struct session *found = NULL;
    memset(session, 0, sizeof(*session));
    if (strlen(token) != ACCESS_TOKEN_TEXT_SIZE - 1 ||
        !hash((const unsigned char *)token, ACCESS_TOKEN_TEXT_SIZE - 1, digest)) {
        return false;
    }
    pthread_mutex_lock(&access->mutex);
    int64_t now = access->options.clock();
    for (size_t i = 0; i < ACCESS_MAX_SESSIONS; i++) {
        struct session *candidate = &access->sessions[i];
        if (CRYPTO_memcmp(candidate->digest, digest, sizeof(digest)) == 0 && candidate->id != 0) {
            found = candidate;
        }
    }
    if (found != NULL && (is_over(access, found, now) || strcmp(found->origin, origin) != 0)) {
        found = NULL;
    }
    if (found != NULL) {
        found->used = now;
        session->id = found->id;
        memcpy(session->origin, found->origin, sizeof(session->origin));
    }
    pthread_mutex_unlock(&access->mutex);
    return found != NULL;
}

/* With the lock held. */
static struct session *by_id(struct access *access, uint64_t session_id) {
    for (size_t i = 0; session_id != 0 && i < ACCESS_MAX_SESSIONS; i++) {
        if (access->sessions[i].id == session_id) {
            return &access->sessions[i];
        }
    }
    return NULL;
}

bool access_session_is_alive(struct access *access, uint64_t session_id) {
    pthread_mutex_lock(&access->mutex);
    const struct session *session = by_id(access, session_id);
    bool alive = session != NULL && !is_over(access, session, access->options.clock());
    pthread_mutex_unlock(&access->mutex);
    return alive;
}

bool access_origin_at(struct access *access, size_t index, char origin[ORIGIN_TEXT_SIZE]) {
    bool found = false;
    pthread_mutex_lock(&access->mutex);
    for (size_t i = 0; i < ACCESS_MAX_SESSIONS && !found; i++) {
        const struct session *session = &access->sessions[i];
        bool seen = session->id == 0;
        for (size_t j = 0; j < i && !seen; j++) {
            seen = access->sessions[j].id != 0 &&
                   strcmp(access->sessions[j].origin, session->origin) == 0;
        }
        if (!seen && index-- == 0) {
            memcpy(origin, session->origin, ORIGIN_TEXT_SIZE);
            found = true;
        }
    }
    pthread_mutex_unlock(&access->mutex);
    return found;
}

bool access_origin_is_known(struct access *access, const char *origin) {
    bool known = false;
    pthread_mutex_lock(&access->mutex);
    for (size_t i = 0; origin[0] != 0 && i < ACCESS_MAX_KNOWN; i++) {
        known = known || strcmp(access->known[i], origin) == 0;
    }
    pthread_mutex_unlock(&access->mutex);
    return known;
}

/* ---- ending ---- */

void access_session_end(struct access *access, uint64_t session_id) {
    struct due due = {0};
    pthread_mutex_lock(&access->mutex);
    struct session *session = by_id(access, session_id);
    if (session != NULL) {
        end_session(access, session, &due);
    }
    pthread_mutex_unlock(&access->mutex);
    call_due(access, &due);
}

void access_origin_end(struct access *access, const char *origin) {
    struct due due = {0};
    pthread_mutex_lock(&access->mutex);
    for (size_t i = 0; i < ACCESS_MAX_SESSIONS; i++) {
        if (access->sessions[i].id != 0 && strcmp(access->sessions[i].origin, origin) == 0) {
            end_session(access, &access->sessions[i], &due);
        }
    }
    for (size_t i = 0; i < ACCESS_MAX_KNOWN; i++) {
        if (strcmp(access->known[i], origin) == 0) {
            access->known[i][0] = 0;
        }
    }
    pthread_mutex_unlock(&access->mutex);
    call_due(access, &due);
}

void access_expire(struct access *access) {
    struct due due = {0};
    pthread_mutex_lock(&access->mutex);
    int64_t now = access->options.clock();
    for (size_t i = 0; i < ACCESS_MAX_SESSIONS; i++) {
        if (access->sessions[i].id != 0 && is_over(access, &access->sessions[i], now)) {
            end_session(access, &access->sessions[i], &due);
        }
    }
    pthread_mutex_unlock(&access->mutex);
    call_due(access, &due);
}

/* ---- PIN authorisation ---- */

void access_pin_record(struct access *access, uint64_t session_id, const char *token_id) {
    if (strlen(token_id) >= ACCESS_TOKEN_ID_SIZE) {
        return;
    }
    bool recorded = false;
    pthread_mutex_lock(&access->mutex);
    struct session *session = by_id(access, session_id);
    if (session != NULL) {
        for (size_t i = 0; i < session->verified_count; i++) {
            recorded = recorded || strcmp(session->verified[i], token_id) == 0;
        }
        if (!recorded && session->verified_count < ACCESS_MAX_VERIFIED) {
            memcpy(session->verified[session->verified_count++], token_id, strlen(token_id) + 1);
            recorded = true;
        }
    }
    bool orphan = !recorded && !somebody_verified(access, token_id);
    pthread_mutex_unlock(&access->mutex);
    /* the session ended while its person was typing: nobody has the token open */
    if (orphan && access->options.token_logout != NULL) {
        access->options.token_logout(access->options.context, token_id);
    }
}

bool access_pin_is_verified(struct access *access, uint64_t session_id, const char *token_id) {
    bool verified = false;
    pthread_mutex_lock(&access->mutex);
    const struct session *session = by_id(access, session_id);
    if (session != NULL && !is_over(access, session, access->options.clock())) {
        for (size_t i = 0; i < session->verified_count; i++) {
            verified = verified || strcmp(session->verified[i], token_id) == 0;
        }
    }
    pthread_mutex_unlock(&access->mutex);
    return verified;
}

void access_pin_forget(struct access *access, const char *token_id) {
    pthread_mutex_lock(&access->mutex);
    for (size_t i = 0; i < ACCESS_MAX_SESSIONS; i++) {
        struct session *session = &access->sessions[i];
        for (size_t j = session->verified_count; j > 0; j--) {
            if (strcmp(session->verified[j - 1], token_id) == 0) {
                session->verified_count--;
                memmove(session->verified[j - 1], session->verified[session->verified_count],
                        ACCESS_TOKEN_ID_SIZE);
            }
        }
    }
    pthread_mutex_unlock(&access->mutex);
}

void access_pin_drop(struct access *access, uint64_t session_id, const char *token_id) {
    struct due due = {0};
    pthread_mutex_lock(&access->mutex);
    struct session *session = by_id(access, session_id);
    for (size_t i = session != NULL ? session->verified_count : 0; i > 0; i--) {
        if (strcmp(session->verified[i - 1], token_id) == 0) {
            drop_verified(access, session, i - 1, &due);
        }
    }
    pthread_mutex_unlock(&access->mutex);
    call_due(access, &due);
}
