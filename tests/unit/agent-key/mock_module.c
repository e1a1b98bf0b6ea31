/* The module inside the test program. One mutex guards it all; every call that touches a key may be the one at which it is pulled. */
#include "tests/unit/agent-key/mock_module.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "module/formats/certificate.h"
#include "module/formats/sm2.h"
#include "module/formats/sm2_envelope.h"

struct mock_key mock_keys[MOCK_KEYS];

enum { SESSIONS = 64, FOUND = 64, CALL_FILE = 1000 };

/* Objects of a container: handle = container * 10 + kind + 1. Files: CALL_FILE + index. */
enum kind {
    PUBLIC_SIGN,
    PRIVATE_SIGN,
    CERTIFICATE_OF_SIGN,
    PUBLIC_ENCRYPT,
    PRIVATE_ENCRYPT,
    CERTIFICATE_OF_ENCRYPT,
    KINDS
};

struct session {
    bool is_open;
    unsigned slot;
    bool is_writing;
    CK_OBJECT_HANDLE found[FOUND];
    size_t found_count, found_next;
    CK_OBJECT_HANDLE signing;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct session sessions[SESSIONS]; /* handle = index + 1 */
static bool is_initialized, has_event, is_waiting;
static unsigned calls, pull_at;
static bool pulls_after;

/* ---- the test's side ---- */

static void free_container(struct mock_container *container) {
    EVP_PKEY_free(container->sign);
    EVP_PKEY_free(container->encrypt);
    octets_free(&container->sign_certificate);
    octets_free(&container->encrypt_certificate);
    *container = (struct mock_container){0};
}

void mock_reset(void) {
    pthread_mutex_lock(&lock);
    for (size_t k = 0; k < MOCK_KEYS; k++) {
        for (size_t i = 0; i < MOCK_CONTAINERS; i++)
            free_container(&mock_keys[k].containers[i]);
        for (size_t i = 0; i < MOCK_FILES; i++)
            octets_free(&mock_keys[k].files[i].content);
        mock_keys[k] = (struct mock_key){0};
    }
    calls = pull_at = 0;
    pthread_mutex_unlock(&lock);
}

/* The lock is held. */
static void unplug(unsigned slot) {
    mock_keys[slot].is_plugged = mock_keys[slot].is_logged_in = false;
    for (size_t i = 0; i < SESSIONS; i++) {
        if (sessions[i].slot == slot)
            sessions[i] = (struct session){0};
    }
    has_event = true;
    pthread_cond_broadcast(&changed);
}

void mock_plug(struct mock_key *key) {
    pthread_mutex_lock(&lock);
    key->is_plugged = true;
    has_event = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

void mock_pull(struct mock_key *key) {
    pthread_mutex_lock(&lock);
    unplug((unsigned)(key - mock_keys));
    pthread_mutex_unlock(&lock);
}

struct mock_key *mock_key_make(unsigned slot, const char *serial) {
    struct mock_key *key = &mock_keys[slot];
    snprintf(key->serial, sizeof key->serial, "%s", serial);
    snprintf(key->pin, sizeof key->pin, "%s", "123456");
    key->tries = key->tries_max = 10;
    mock_plug(key);
    return key;
}

void mock_pull_at(unsigned nth, bool is_after) {
    pthread_mutex_lock(&lock);
    calls = 0;
    pull_at = nth;
    pulls_after = is_after;
    pthread_mutex_unlock(&lock);
}

unsigned mock_calls(void) {
    pthread_mutex_lock(&lock);
    unsigned count = calls;
    pthread_mutex_unlock(&lock);
    return count;
}

void mock_wait_for_watcher(void) {
    pthread_mutex_lock(&lock);
    while (!is_waiting || has_event)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

/* ---- entering and leaving a call that touches a key ---- */

/* True: the key is there, the lock is held, and leave() must follow. */
static CK_RV enter(CK_SESSION_HANDLE handle, struct session **session, struct mock_key **key) {
    pthread_mutex_lock(&lock);
    if (++calls == pull_at && !pulls_after) {
        unplug(0);
        pthread_mutex_unlock(&lock);
        return CKR_DEVICE_ERROR; /* as the modules of some makers say it */
    }
    if (handle == 0 || handle > SESSIONS || !sessions[handle - 1].is_open) {
        pthread_mutex_unlock(&lock);
        return CKR_SESSION_HANDLE_INVALID;
    }
    *session = &sessions[handle - 1];
    *key = &mock_keys[(*session)->slot];
    return CKR_OK;
}

static CK_RV leave(CK_RV rv) {
    if (calls == pull_at && pulls_after) {
        unplug(0);
        rv = CKR_DEVICE_REMOVED;
    }
    pthread_mutex_unlock(&lock);
    return rv;
}

/* ---- objects ---- */

static void container_key_id(const struct mock_container *container, bool is_sign,
                             unsigned char id[20]) {
    unsigned char text[80];
    size_t len = strlen(container->name);
    memcpy(text, container->name, len);
    text[len++] = 0;
    text[len++] = is_sign;
    EVP_Digest(text, len, id, NULL, EVP_sha1(), NULL);
}

static bool object_parts(struct mock_key *key, CK_OBJECT_HANDLE handle,
                         struct mock_container **container, enum kind *kind) {
    if (handle == 0 || handle > (CK_OBJECT_HANDLE)MOCK_CONTAINERS * 10)
        return false;
    *container = &key->containers[(handle - 1) / 10];
    *kind = (enum kind)((handle - 1) % 10);
    if (!(*container)->exists || *kind >= KINDS)
        return false;
    EVP_PKEY *pair = *kind < PUBLIC_ENCRYPT ? (*container)->sign : (*container)->encrypt;
    const struct octets *certificate = *kind < PUBLIC_ENCRYPT ? &(*container)->sign_certificate
                                                              : &(*container)->encrypt_certificate;
    bool is_certificate = *kind == CERTIFICATE_OF_SIGN || *kind == CERTIFICATE_OF_ENCRYPT;
    bool is_private = *kind == PRIVATE_SIGN || *kind == PRIVATE_ENCRYPT;
    return (is_certificate ? certificate->len > 0 : pair != NULL) &&
           (!is_private || key->is_logged_in);
}

/* One attribute's bytes into `out` (70000 bytes); -1: there is none. */
static long attribute(struct mock_key *key, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE_TYPE type,
                      unsigned char *out) {
    static const CK_OBJECT_CLASS classes[KINDS] = {CKO_PUBLIC_KEY,  CKO_PRIVATE_KEY,
                                                   CKO_CERTIFICATE, CKO_PUBLIC_KEY,
                                                   CKO_PRIVATE_KEY, CKO_CERTIFICATE};
    struct mock_container *container;
    enum kind kind;
    if (handle >= CALL_FILE && handle < CALL_FILE + MOCK_FILES &&
        key->files[handle - CALL_FILE].exists) {
        const struct mock_file *file = &key->files[handle - CALL_FILE];
        CK_OBJECT_CLASS class = CKO_DATA;
        if (type == CKA_CLASS)
            return memcpy(out, &class, sizeof class), (long)sizeof class;
        if (type == CKA_LABEL)
            return memcpy(out, file->name, strlen(file->name)), (long)strlen(file->name);
        if (type == CKA_VALUE)
            return memcpy(out, file->content.data, file->content.len), (long)file->content.len;
        return -1;
    }
    if (!object_parts(key, handle, &container, &kind))
        return -1;
    bool is_sign = kind < PUBLIC_ENCRYPT;
    if (type == CKA_CLASS)
        return memcpy(out, &classes[kind], sizeof *classes), (long)sizeof *classes;
    if (type == CKA_ID)
        return container_key_id(container, is_sign, out), 20;
    if (type == CKA_LABEL)
        return memcpy(out, container->name, strlen(container->name)), (long)strlen(container->name);
    if (type == CKA_VERIFY || type == CKA_SIGN)
        return out[0] = is_sign, 1;
    if (type == CKA_VALUE && classes[kind] == CKO_CERTIFICATE) {
        const struct octets *der =
            is_sign ? &container->sign_certificate : &container->encrypt_certificate;
        return memcpy(out, der->data, der->len), (long)der->len;
    }
    if (type == CKA_EC_POINT && classes[kind] == CKO_PUBLIC_KEY) {
        struct sm2_point point;
        sm2_key_point(is_sign ? container->sign : container->encrypt, &point);
        out[0] = 0x04;
        out[1] = 65;
        out[2] = 0x04;
        memcpy(out + 3, &point, 64);
        return 67;
    }
    return -1;
}

static bool matches(struct mock_key *key, CK_OBJECT_HANDLE handle, const CK_ATTRIBUTE *template,
                    CK_ULONG count) {
    static unsigned char value[70000];
    for (CK_ULONG i = 0; i < count; i++) {
        long len = attribute(key, handle, template[i].type, value);
        if (len < 0 || (CK_ULONG)len != template[i].ulValueLen ||
            memcmp(value, template[i].pValue, template[i].ulValueLen) != 0)
            return false;
    }
    return attribute(key, handle, CKA_CLASS, value) > 0;
}

static const CK_ATTRIBUTE *find_attribute(const CK_ATTRIBUTE *template, CK_ULONG count,
                                          CK_ATTRIBUTE_TYPE type) {
    for (CK_ULONG i = 0; i < count; i++) {
        if (template[i].type == type)
            return &template[i];
    }
    return NULL;
}

/* ---- Cryptoki ---- */

CK_RV C_Initialize(CK_VOID_PTR arguments) {
    (void)arguments;
    pthread_mutex_lock(&lock);
    is_initialized = true;
    has_event = false;
    pthread_mutex_unlock(&lock);
    return CKR_OK;
}

CK_RV C_Finalize(CK_VOID_PTR reserved) {
    (void)reserved;
    pthread_mutex_lock(&lock);
    is_initialized = false;
    memset(sessions, 0, sizeof sessions);
    for (size_t k = 0; k < MOCK_KEYS; k++)
        mock_keys[k].is_logged_in = false;
    pthread_cond_broadcast(&changed);
    while (is_waiting) /* PKCS#11 5.4: a waiting call returns before this does */
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    return CKR_OK;
}

CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID_PTR slot, CK_VOID_PTR reserved) {
    (void)flags;
    (void)reserved;
    pthread_mutex_lock(&lock);
    is_waiting = true;
    pthread_cond_broadcast(&changed);
    while (is_initialized && !has_event)
        pthread_cond_wait(&changed, &lock);
    is_waiting = has_event = false;
    CK_RV rv = is_initialized ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    *slot = 0;
    return rv;
}

CK_RV C_GetSlotList(CK_BBOOL present, CK_SLOT_ID_PTR list, CK_ULONG_PTR count) {
    CK_ULONG found = 0;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < MOCK_KEYS; i++) {
        if (present && !mock_keys[i].is_plugged)
            continue;
        if (list && found < *count)
            list[found] = i;
        found++;
    }
    *count = found;
    pthread_mutex_unlock(&lock);
    return CKR_OK;
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info) {
    memset(info, ' ', sizeof *info);
    snprintf((char *)info->slotDescription, 20, "Mock reader %lu", slot);
    return CKR_OK;
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
    pthread_mutex_lock(&lock);
    const struct mock_key *key = &mock_keys[slot];
    CK_RV rv = key->is_plugged ? CKR_OK : CKR_TOKEN_NOT_PRESENT;
    memset(info, ' ', sizeof *info);
    memcpy(info->label, "Mock", 4);
    memcpy(info->manufacturerID, "Mock Maker", 10);
    info->flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED;
    info->ulMinPinLen = 6;
    info->ulMaxPinLen = 16;
    pthread_mutex_unlock(&lock);
    return rv;
}

CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
                    CK_SESSION_HANDLE_PTR handle) {
    (void)application;
    (void)notify;
    CK_RV rv = CKR_SESSION_COUNT;
    pthread_mutex_lock(&lock);
    if (!mock_keys[slot].is_plugged)
        rv = CKR_TOKEN_NOT_PRESENT;
    for (size_t i = 0; i < SESSIONS && rv == CKR_SESSION_COUNT; i++) {
        if (sessions[i].is_open)
            continue;
        sessions[i] = (struct session){
            .is_open = true, .slot = (unsigned)slot, .is_writing = (flags & CKF_RW_SESSION) != 0};
        *handle = i + 1;
        rv = CKR_OK;
    }
    pthread_mutex_unlock(&lock);
    return rv;
}

CK_RV C_CloseSession(CK_SESSION_HANDLE handle) {
    pthread_mutex_lock(&lock);
    if (handle >= 1 && handle <= SESSIONS)
        sessions[handle - 1] = (struct session){0};
    pthread_mutex_unlock(&lock);
    return CKR_OK;
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE handle, CK_SESSION_INFO_PTR info) {
    CK_RV rv = CKR_SESSION_HANDLE_INVALID;
    pthread_mutex_lock(&lock);
    if (handle >= 1 && handle <= SESSIONS && sessions[handle - 1].is_open) {
        *info = (CK_SESSION_INFO){.slotID = sessions[handle - 1].slot};
        info->state =
            mock_keys[info->slotID].is_logged_in ? CKS_RW_USER_FUNCTIONS : CKS_RW_PUBLIC_SESSION;
        rv = CKR_OK;
    }
    pthread_mutex_unlock(&lock);
    return rv;
}

CK_RV C_Login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG len) {
    struct session *session;
    struct mock_key *key;
    CK_RV rv = enter(handle, &session, &key);
    (void)user;
    if (rv != CKR_OK)
        return rv;
    if (key->is_logged_in)
        return leave(CKR_USER_ALREADY_LOGGED_IN);
    if (key->tries == 0)
        return leave(CKR_PIN_LOCKED);
    if (len != strlen(key->pin) || memcmp(pin, key->pin, len) != 0) {
        key->tries--;
        return leave(CKR_PIN_INCORRECT);
    }
    key->tries = key->tries_max;
    key->is_logged_in = true;
    return leave(CKR_OK);
}

CK_RV C_Logout(CK_SESSION_HANDLE handle) {
    struct session *session;
    struct mock_key *key;
    CK_RV rv = enter(handle, &session, &key);
    if (rv != CKR_OK)
        return rv;
    key->is_logged_in = false;
    return leave(CKR_OK);
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE handle, CK_ATTRIBUTE_PTR template, CK_ULONG count) {
    struct session *session;
    struct mock_key *key;
    CK_RV rv = enter(handle, &session, &key);
    if (rv != CKR_OK)
        return rv;
    session->found_count = session->found_next = 0;
    for (CK_OBJECT_HANDLE object = 1; object < CALL_FILE + MOCK_FILES; object++) {
        if (session->found_count < FOUND && matches(key, object, template, count))
            session->found[session->found_count++] = object;
    }
    return leave(CKR_OK);
}

CK_RV C_FindObjects(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE_PTR objects, CK_ULONG max,
                    CK_ULONG_PTR count) {
    struct session *session;
    struct mock_key *key;
    CK_RV rv = enter(handle, &session, &key);
    *count = 0;
    if (rv != CKR_OK)
        return rv;
    while (*count < max && session->found_next < session->found_count)
        objects[(*count)++] = session->found[session->found_next++];
    return leave(CKR_OK);
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE handle) {
    struct session *session;
    struct mock_key *key;
    CK_RV rv = enter(handle, &session, &key);
    return rv == CKR_OK ? leave(CKR_OK) : rv;
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object,
                          CK_ATTRIBUTE_PTR template, CK_ULONG count) {
    static unsigned char value[70000];
    struct session *session;
    struct mock_key *key;
    CK_RV rv = enter(handle, &session, &key);
    if (rv != CKR_OK)
        return rv;
    for (CK_ULONG i = 0; i < count; i++) {
        long len = attribute(key, object, template[i].type, value);
        if (len < 0) {
            template[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
            rv = CKR_ATTRIBUTE_TYPE_INVALID;
        } else {
            if (template[i].pValue)
                memcpy(template[i].pValue, value, (size_t)len);
            template[i].ulValueLen = (CK_ULONG)len;
        }
    }
    return leave(rv);
}

CK_RV C_SignInit(CK_SESSION_HANDLE handle, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE object) {
    struct session *session;
    struct mock_key *key;
    CK_RV rv = enter(handle, &session, &key);
    if (rv != CKR_OK)
        return rv;
    session->signing = object;
    return leave(mechanism->mechanism == CKM_SM2_SM3 ? CKR_OK : CKR_MECHANISM_INVALID);
}

CK_RV C_Sign(CK_SESSION_HANDLE handle, CK_BYTE_PTR data, CK_ULONG len, CK_BYTE_PTR signature,
             CK_ULONG_PTR signature_len) {
    struct session *session;
    struct mock_key *key;
    struct mock_container *container;
    enum kind kind;
    struct octets der = {0};
    CK_RV rv = enter(handle, &session, &key);
    if (rv != CKR_OK)
        return rv;
    if (!object_parts(key, session->signing, &container, &kind) || kind != PRIVATE_SIGN)
        return leave(CKR_KEY_FUNCTION_NOT_PERMITTED);
    if (sm2_sign(NULL, container->sign, data, len, &der) != FORMATS_OK ||
        sm2_signature_from_der(der.data, der.len, signature) != FORMATS_OK)
        rv = CKR_FUNCTION_FAILED;
    *signature_len = SM2_RAW_SIGNATURE;
    octets_free(&der);
    return leave(rv);
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE handle, CK_MECHANISM_PTR mechanism,
                        CK_ATTRIBUTE_PTR public_template, CK_ULONG public_count,
                        CK_ATTRIBUTE_PTR template, CK_ULONG count, CK_OBJECT_HANDLE_PTR public_key,
                        CK_OBJECT_HANDLE_PTR private_key) {
    struct session *session;
    struct mock_key *key;
    (void)mechanism;
    (void)public_template;
    (void)public_count;
    CK_RV rv = enter(handle, &session, &key);
    if (rv != CKR_OK)
        return rv;
    const CK_ATTRIBUTE *label = find_attribute(template, count, CKA_LABEL);
    if (!key->is_logged_in)
        return leave(CKR_USER_NOT_LOGGED_IN);
    if (!session->is_writing)
        return leave(CKR_SESSION_READ_ONLY);
    for (size_t i = 0; i < MOCK_CONTAINERS; i++) {
        struct mock_container *container = &key->containers[i];
        if (container->exists)
            continue;
        container->exists = true;
        snprintf(container->name, sizeof container->name, "%.*s", (int)label->ulValueLen,
                 (const char *)label->pValue);
        sm2_key_generate(NULL, &container->sign);
        *public_key = i * 10 + PUBLIC_SIGN + 1;
        *private_key = i * 10 + PRIVATE_SIGN + 1;
        return leave(CKR_OK);
    }
    return leave(CKR_DEVICE_MEMORY);
}

CK_RV C_UnwrapKey(CK_SESSION_HANDLE handle, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE with,
                  CK_BYTE_PTR wrapped, CK_ULONG wrapped_len, CK_ATTRIBUTE_PTR template,
                  CK_ULONG count, CK_OBJECT_HANDLE_PTR made) {
    struct session *session;
    struct mock_key *key;
    struct mock_container *container;
    enum kind kind;
    struct sm2_envelope envelope;
    EVP_PKEY *pair = NULL;
    (void)mechanism;
    (void)template;
    (void)count;
    CK_RV rv = enter(handle, &session, &key);
    if (rv != CKR_OK)
        return rv;
    if (!object_parts(key, with, &container, &kind) || kind != PRIVATE_SIGN)
        return leave(CKR_UNWRAPPING_KEY_HANDLE_INVALID);
    if (sm2_envelope_parse(NULL, wrapped, wrapped_len, &envelope) != FORMATS_OK ||
        sm2_envelope_open(NULL, container->sign, &envelope, &pair) != FORMATS_OK)
        return leave(CKR_WRAPPED_KEY_INVALID);
    EVP_PKEY_free(container->encrypt);
    container->encrypt = pair;
    octets_free(&container->encrypt_certificate);
    *made = (CK_OBJECT_HANDLE)(container - key->containers) * 10 + PRIVATE_ENCRYPT + 1;
    return leave(CKR_OK);
}

static bool certificate_fits(const struct certificate *certificate, const EVP_PKEY *pair) {
    return pair && EVP_PKEY_eq(X509_get0_pubkey(certificate->x509), pair) == 1;
}

static CK_RV create_certificate(struct mock_key *key, const CK_ATTRIBUTE *value) {
    struct certificate *certificate = NULL;
    CK_RV rv = CKR_TEMPLATE_INCONSISTENT;
    if (certificate_parse(NULL, value->pValue, value->ulValueLen, &certificate) != FORMATS_OK)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    for (size_t i = 0; i < MOCK_CONTAINERS; i++) {
        struct mock_container *container = &key->containers[i];
        struct octets *slot =
            certificate_fits(certificate, container->sign)      ? &container->sign_certificate
            : certificate_fits(certificate, container->encrypt) ? &container->encrypt_certificate
                                                                : NULL;
        if (!slot)
            continue;
        octets_free(slot);
        octets_copy(slot, value->pValue, value->ulValueLen);
        rv = CKR_OK;
    }
    certificate_free(certificate);
    return rv;
}

CK_RV C_CreateObject(CK_SESSION_HANDLE handle, CK_ATTRIBUTE_PTR template, CK_ULONG count,
                     CK_OBJECT_HANDLE_PTR made) {
    struct session *session;
    struct mock_key *key;
    CK_RV rv = enter(handle, &session, &key);
    if (rv != CKR_OK)
        return rv;
    const CK_ATTRIBUTE *class = find_attribute(template, count, CKA_CLASS);
    const CK_ATTRIBUTE *value = find_attribute(template, count, CKA_VALUE);
    const CK_ATTRIBUTE *label = find_attribute(template, count, CKA_LABEL);
    *made = 1;
    if (!key->is_logged_in)
        return leave(CKR_USER_NOT_LOGGED_IN);
    if (*(const CK_OBJECT_CLASS *)class->pValue == CKO_CERTIFICATE)
        return leave(create_certificate(key, value));
    for (size_t i = 0; i < MOCK_FILES; i++) {
        struct mock_file *file = &key->files[i];
        if (file->exists)
            continue;
        file->exists = true;
        snprintf(file->name, sizeof file->name, "%.*s", (int)label->ulValueLen,
                 (const char *)label->pValue);
        octets_copy(&file->content, value->pValue, value->ulValueLen);
        /* a key that is pulled while it writes keeps a part */
        if (calls == pull_at && pulls_after)
            file->content.len /= 2;
        return leave(CKR_OK);
    }
    return leave(CKR_DEVICE_MEMORY);
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object) {
    struct session *session;
    struct mock_key *key;
    CK_RV rv = enter(handle, &session, &key);
    if (rv != CKR_OK)
        return rv;
    if (object < CALL_FILE || object >= CALL_FILE + MOCK_FILES ||
        !key->files[object - CALL_FILE].exists)
        return leave(CKR_OBJECT_HANDLE_INVALID);
    octets_free(&key->files[object - CALL_FILE].content);
    key->files[object - CALL_FILE] = (struct mock_file){0};
    return leave(CKR_OK);
}

/* ---- the vendor interface ---- */

static CK_RV set_option(const char *name, const char *value) {
    (void)value;
    return strcmp(name, "sm2-objects") == 0 ? CKR_OK : CKR_ARGUMENTS_BAD;
}

static CK_RV get_device_info(CK_SLOT_ID slot, CK_OPENUKEY_DEVICE_INFO *info) {
    pthread_mutex_lock(&lock);
    const struct mock_key *key = &mock_keys[slot];
    CK_RV rv = key->is_plugged ? CKR_OK : CKR_TOKEN_NOT_PRESENT;
    *info = (CK_OPENUKEY_DEVICE_INFO){.userTries = key->tries, .userMax = key->tries_max};
    snprintf(info->serial, sizeof info->serial, "%s", key->serial);
    snprintf(info->manufacturer, sizeof info->manufacturer, "%s", "Mock Maker");
    pthread_mutex_unlock(&lock);
    return rv;
}

static CK_RV retire_key(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object) {
    struct session *session;
    struct mock_key *key;
    struct mock_container *container;
    enum kind kind;
    CK_RV rv = enter(handle, &session, &key);
    if (rv != CKR_OK)
        return rv;
    if (!object_parts(key, object, &container, &kind) || kind != PRIVATE_SIGN)
        return leave(CKR_KEY_TYPE_INCONSISTENT);
    EVP_PKEY_free(container->sign);
    container->sign = NULL;
    octets_free(&container->sign_certificate);
    return leave(CKR_OK);
}

/* A key of the GM kind. */
static CK_RV get_mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count) {
    static const CK_MECHANISM_TYPE types[] = {CKM_SM2_KEY_PAIR_GEN, CKM_SM2_SM3,
                                              CKM_OPENUKEY_SM2_ENVELOPED_KEY};
    const CK_ULONG known = sizeof types / sizeof *types;
    CK_ULONG room = *count;
    (void)slot;
    *count = known;
    if (!list)
        return CKR_OK;
    if (room < known)
        return CKR_BUFFER_TOO_SMALL;
    memcpy(list, types, sizeof types);
    return CKR_OK;
}

static CK_OPENUKEY_FUNCTIONS vendor = {.version = {1, 0},
                                       .SetOption = set_option,
                                       .GetDeviceInfo = get_device_info,
                                       .RetireKey = retire_key};
static CK_UTF8CHAR vendor_name[] = "OpenUKey";
static CK_INTERFACE vendor_interface = {vendor_name, &vendor, 0};

__attribute__((visibility("default"))) CK_RV C_GetInterface(CK_UTF8CHAR_PTR name,
                                                            CK_VERSION_PTR version,
                                                            CK_INTERFACE_PTR_PTR interface,
                                                            CK_FLAGS flags) {
    (void)version;
    (void)flags;
    if (!name || strcmp((const char *)name, "OpenUKey") != 0)
        return CKR_ARGUMENTS_BAD;
    *interface = &vendor_interface;
    return CKR_OK;
}

static CK_FUNCTION_LIST functions = {
    .version = {2, 40},
    .C_Initialize = C_Initialize,
    .C_Finalize = C_Finalize,
    .C_GetSlotList = C_GetSlotList,
    .C_GetSlotInfo = C_GetSlotInfo,
    .C_GetTokenInfo = C_GetTokenInfo,
    .C_GetMechanismList = get_mechanism_list,
    .C_OpenSession = C_OpenSession,
    .C_CloseSession = C_CloseSession,
    .C_GetSessionInfo = C_GetSessionInfo,
    .C_Login = C_Login,
    .C_Logout = C_Logout,
    .C_CreateObject = C_CreateObject,
    .C_DestroyObject = C_DestroyObject,
    .C_GetAttributeValue = C_GetAttributeValue,
    .C_FindObjectsInit = C_FindObjectsInit,
    .C_FindObjects = C_FindObjects,
    .C_FindObjectsFinal = C_FindObjectsFinal,
    .C_SignInit = C_SignInit,
    .C_Sign = C_Sign,
    .C_GenerateKeyPair = C_GenerateKeyPair,
    .C_UnwrapKey = C_UnwrapKey,
    .C_WaitForSlotEvent = C_WaitForSlotEvent,
};

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
    *list = &functions;
    return CKR_OK;
}
