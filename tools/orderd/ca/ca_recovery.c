/* Key recovery: the KMC's own record of who approved what, and the one way out for an escrowed key. */
#include "module/formats/der.h"
#include "module/formats/sm2.h"
#include "tools/orderd/ca/ca_internal.h"

#include <stdio.h>
#include <string.h>

/* recovery/REFERENCE */
typedef struct approval_asn1 {
    ASN1_OCTET_STRING *approver;
    ASN1_INTEGER *time;
} APPROVAL;

typedef struct recovery_asn1 {
    ASN1_OCTET_STRING *serial;
    STACK_OF(APPROVAL) *approvals;
    ASN1_OCTET_STRING *recipient; /* SM3 of its SubjectPublicKeyInfo; empty: not given out yet */
    ASN1_OCTET_STRING *envelope;  /* what was given out */
} RECOVERY;

DEFINE_STACK_OF(APPROVAL)

/* clang-format off */
ASN1_SEQUENCE(APPROVAL) = {
    ASN1_SIMPLE(APPROVAL, approver, ASN1_OCTET_STRING),
    ASN1_SIMPLE(APPROVAL, time, ASN1_INTEGER),
} static_ASN1_SEQUENCE_END(APPROVAL);

ASN1_SEQUENCE(RECOVERY) = {
    ASN1_SIMPLE(RECOVERY, serial, ASN1_OCTET_STRING),
    ASN1_SEQUENCE_OF(RECOVERY, approvals, APPROVAL),
    ASN1_SIMPLE(RECOVERY, recipient, ASN1_OCTET_STRING),
    ASN1_SIMPLE(RECOVERY, envelope, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(RECOVERY);
/* clang-format on */

#define APPROVAL_ITEM ASN1_ITEM_rptr(APPROVAL)
#define RECOVERY_ITEM ASN1_ITEM_rptr(RECOVERY)

enum { DAY_SECONDS = 24 * 3600, APPROVALS_MAX = 16 };

static bool is_name(const char *text, size_t max) {
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t len = text != NULL ? strlen(text) : 0;
    return len > 0 && len <= max && strspn(text, allowed) == len;
}

static bool string_is(const ASN1_OCTET_STRING *string, const char *text) {
    size_t len = strlen(text);
    return (size_t)ASN1_STRING_length(string) == len &&
           memcmp(ASN1_STRING_get0_data(string), text, len) == 0;
}

static void recovery_free(RECOVERY *recovery) {
    ASN1_item_free((ASN1_VALUE *)recovery, RECOVERY_ITEM);
}

static void file_of(const struct ca_recovery *wanted, char name[96]) {
    snprintf(name, 96, "recovery/%s", wanted->reference);
}

/* What is kept under the reference. CA_UNKNOWN: nothing; CA_PLAN_MISMATCH: it is for another key. */
static enum ca_error recovery_read(const struct ca *ca, const struct ca_recovery *wanted,
                                   RECOVERY **out) {
    char name[96];
    struct octets file;
    *out = NULL;
    file_of(wanted, name);
    enum ca_error error = ca_file_read(ca, name, &file);
    if (error != CA_OK)
        return error;
    if (der_read(RECOVERY_ITEM, file.data, file.len, CA_FILE_MAX, out) != FORMATS_OK)
        error = CA_CORRUPT;
    else if (!string_is((*out)->serial, wanted->encrypt_serial))
        error = CA_PLAN_MISMATCH;
    octets_free(&file);
    return error;
}

static enum ca_error recovery_write(const struct ca *ca, const struct ca_recovery *wanted,
                                    const RECOVERY *recovery) {
    char name[96];
    struct octets file = {NULL, 0};
    file_of(wanted, name);
    enum ca_error error = ca_error_of(der_write(RECOVERY_ITEM, recovery, &file));
    if (error == CA_OK)
        error = ca_file_write(ca, name, &file);
    octets_free(&file);
    return error;
}

static enum ca_error recovery_new(const struct ca_recovery *wanted, RECOVERY **out) {
    *out = (RECOVERY *)ASN1_item_new(RECOVERY_ITEM);
    return *out != NULL &&
                   ASN1_OCTET_STRING_set((*out)->serial,
                                         (const unsigned char *)wanted->encrypt_serial, -1) == 1
               ? CA_OK
               : CA_MEMORY;
}

/* The approver's entry; added when it is not there yet. NULL: out of memory, or too many. */
static APPROVAL *approval_of(RECOVERY *recovery, const char *approver) {
    int count = sk_APPROVAL_num(recovery->approvals);
    for (int i = 0; i < count; i++) {
        APPROVAL *known = sk_APPROVAL_value(recovery->approvals, i);
        if (string_is(known->approver, approver))
            return known;
    }
    APPROVAL *added = count < APPROVALS_MAX ? (APPROVAL *)ASN1_item_new(APPROVAL_ITEM) : NULL;
    if (added != NULL &&
        ASN1_OCTET_STRING_set(added->approver, (const unsigned char *)approver, -1) == 1 &&
        sk_APPROVAL_push(recovery->approvals, added) > 0)
        return added;
    ASN1_item_free((ASN1_VALUE *)added, APPROVAL_ITEM);
    return NULL;
}

/* Entries have different approvers, so that counting the fresh ones counts persons. */
static int approvals_fresh(const RECOVERY *recovery, int64_t now) {
    int fresh = 0;
    for (int i = 0; i < sk_APPROVAL_num(recovery->approvals); i++) {
        int64_t time = 0;
        const APPROVAL *approval = sk_APPROVAL_value(recovery->approvals, i);
        if (ASN1_INTEGER_get_int64(&time, approval->time) == 1 && time <= now &&
            now - time <= (int64_t)CA_APPROVAL_DAYS * DAY_SECONDS)
            fresh++;
    }
    return fresh;
}

static bool is_sound(const struct ca_recovery *recovery) {
    return is_name(recovery->reference, CA_REFERENCE_MAX) && recovery->encrypt_serial != NULL;
}

static enum ca_error approve(struct ca *ca, const struct ca_recovery *wanted, const char *approver,
                             int64_t now) {
    EVP_PKEY *pair = NULL;
    RECOVERY *recovery = NULL;
    enum ca_error error = ca_escrow_pair(ca, wanted->encrypt_serial, CA_ESCROW_FIND, &pair);
    EVP_PKEY_free(pair);
    if (error != CA_OK)
        return error;
    error = recovery_read(ca, wanted, &recovery);
    if (error == CA_UNKNOWN)
        error = recovery_new(wanted, &recovery);
    if (error == CA_OK && ASN1_STRING_length(recovery->recipient) > 0)
        error = CA_PLAN_MISMATCH; /* used up: another recovery is another business */
    if (error == CA_OK) {
        APPROVAL *approval = approval_of(recovery, approver);
        error = approval != NULL && ASN1_INTEGER_set_int64(approval->time, now) == 1 ? CA_OK
                                                                                     : CA_MEMORY;
    }
    if (error == CA_OK)
        error = ca_record(ca, now, "approved", wanted, approver);
    if (error == CA_OK)
        error = recovery_write(ca, wanted, recovery);
    recovery_free(recovery);
    return error;
}

enum ca_error ca_recovery_approve(struct ca *ca, const struct ca_recovery *recovery,
                                  const char *approver, int64_t now) {
    if (!is_sound(recovery) || !is_name(approver, CA_APPROVER_MAX))
        return CA_ARGUMENT;
    enum ca_error error = ca_lock(ca);
    if (error == CA_OK) {
        error = approve(ca, recovery, approver, now);
        ca_unlock(ca);
    }
    return error;
}

static enum ca_error recipient_digest(const struct ca *ca, const EVP_PKEY *recipient,
                                      unsigned char out[SM3_SIZE]) {
    unsigned char *spki = NULL;
    int len = i2d_PUBKEY(recipient, &spki);
    enum ca_error error =
        len > 0 ? ca_error_of(sm3_digest(ca->libctx, spki, (size_t)len, out)) : CA_BAD_KEY;
    OPENSSL_free(spki);
    return error;
}

/* The first time: judged, wrapped, recorded, kept, and only then given out. */
static enum ca_error give(struct ca *ca, const struct ca_recovery *wanted, RECOVERY *recovery,
                          EVP_PKEY *recipient, const unsigned char digest[SM3_SIZE], int64_t now,
                          struct octets *out) {
    char hex[2 * SM3_SIZE + 1];
    octets_to_hex(digest, SM3_SIZE, hex);
    if (approvals_fresh(recovery, now) < CA_APPROVERS)
        return CA_NOT_APPROVED;
    enum ca_error error = ca_escrow_envelope(ca, wanted->encrypt_serial, recipient, out);
    if (error == CA_OK &&
        (ASN1_OCTET_STRING_set(recovery->recipient, digest, SM3_SIZE) != 1 ||
         ASN1_OCTET_STRING_set(recovery->envelope, out->data, (int)out->len) != 1))
        error = CA_MEMORY;
    if (error == CA_OK)
        error = ca_record(ca, now, "recovered", wanted, hex);
    return error == CA_OK ? recovery_write(ca, wanted, recovery) : error;
}

static enum ca_error recover(struct ca *ca, const struct ca_recovery *wanted, EVP_PKEY *recipient,
                             const unsigned char digest[SM3_SIZE], int64_t now,
                             struct octets *out) {
    RECOVERY *recovery = NULL;
    enum ca_error error = recovery_read(ca, wanted, &recovery);
    if (error == CA_OK && ASN1_STRING_length(recovery->recipient) == 0)
        error = give(ca, wanted, recovery, recipient, digest, now, out);
    else if (error == CA_OK &&
             (ASN1_STRING_length(recovery->recipient) != SM3_SIZE ||
              memcmp(ASN1_STRING_get0_data(recovery->recipient), digest, SM3_SIZE) != 0))
        error = CA_NOT_APPROVED;
    else if (error == CA_OK)
        error = ca_error_of(octets_copy(out, ASN1_STRING_get0_data(recovery->envelope),
                                        (size_t)ASN1_STRING_length(recovery->envelope)));
    if (error == CA_NOT_APPROVED) {
        enum ca_error recorded = ca_record(ca, now, "refused", wanted, "not-approved");
        error = recorded == CA_OK ? error : recorded;
    }
    recovery_free(recovery);
    return error;
}

enum ca_error ca_recover(struct ca *ca, const struct ca_recovery *recovery, EVP_PKEY *recipient,
                         int64_t now, struct octets *out) {
    unsigned char digest[SM3_SIZE];
    *out = (struct octets){NULL, 0};
    if (!is_sound(recovery) || recipient == NULL)
        return CA_ARGUMENT;
    enum ca_error error = recipient_digest(ca, recipient, digest);
    if (error == CA_OK)
        error = ca_lock(ca);
    if (error == CA_OK) {
        error = recover(ca, recovery, recipient, digest, now, out);
        ca_unlock(ca);
    }
    if (error != CA_OK)
        octets_free(out);
    return error;
}
