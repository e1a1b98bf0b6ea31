/* What differs from one kind of business to the next when certificates come to a key (order-domain.md 2 and 5): who does it and how he
 * shows that he may, what the certificates and the seal say, and what becomes of the old ones. One row of a table for each kind. */
#ifndef TOOLS_ORDERD_ENGINE_ISSUE_PLAN_H
#define TOOLS_ORDERD_ENGINE_ISSUE_PLAN_H

#include "module/formats/certificate.h"
#include "module/formats/seal.h"
#include "tools/orderd/ca/ca.h"
#include "tools/orderd/engine/order.h"
#include "tools/orderd/engine/registry.h"

/* Who carries the task out. */
enum issue_way {
    WAY_NONE,     /* nothing is issued */
    WAY_KEY,      /* the key that holds the old certificate, logged in with it */
    WAY_CODE,     /* the applicant on a key that came blank, with the mailed code (R181) */
    WAY_FILE,     /* the applicant, into a file (soft.h), with the mailed code */
    WAY_OPERATOR, /* an operator on a fresh key, which is sent afterwards (T13) */
    WAY_HOLDER /* the applicant with the very key, whose PIN is locked; with the code where the portal sends one (R196) */
};

struct issue_plan {
    enum issue_way way;
    bool certifies;                /* certificates are made */
    bool continuity;               /* the old key vouches for the new one */
    enum ca_algorithm algorithm;   /* of the key that is to be made: the old one's, or the CA's */
    const char *const *steps;      /* on the key, ended by NULL */
    struct certificate_record old; /* id "": there is none */
    struct certificate *old_certificate; /* parsed, or NULL */
    struct seal_record old_seal;         /* der empty: none */
    char holder[SUBJECT_NAME_SIZE];      /* the subject's name, once this is done */
    char subject_dn[512];
    struct octets subject; /* DER Name of the new certificates */
    int64_t not_after;     /* if downloaded now; Unix seconds */
    bool has_seal;
    struct seal *picture; /* its picture, name and size live on; NULL: drawn */
    int seal_type, width_mm, height_mm;
    const char
        *old_becomes;      /* state of the old certificate once the new one works; NULL: as it is */
    enum ca_reason reason; /* why, when it is REVOKED */
};

/* WAY_NONE for kinds that do nothing on a key. */
enum issue_way issue_way_of(const struct order *order);

/* The plan for the order as it stands. ORDER_NOT_OFFERED when its kind issues nothing. End it with issue_plan_clear, also after an
 * error. */
enum order_error issue_plan_of(const struct engine *engine, struct db *db,
                               const struct order *order, struct issue_plan *out);
void issue_plan_clear(struct issue_plan *plan);

/* May the old certificate still be replaced in this way? ORDER_OK when there is none. */
enum order_error issue_plan_check(const struct engine *engine, const struct issue_plan *plan);

/* The new certificate works: it and its pair and seal become VALID on the key `token`, the old ones go the way of the plan, and the key
 * is the subject's. In the caller's transaction. ORDER_WRONG_TOKEN when the key has become somebody else's meanwhile. */
enum order_error issue_plan_take_over(const struct engine *engine, struct db *db,
                                      const struct order *order, const struct issue_plan *plan,
                                      const char *token, const char *sign_certificate,
                                      const char *enc_certificate, const char *seal);

#endif
