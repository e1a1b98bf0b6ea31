/* The rooms of act.c: applications, judgements, work on keys, and what others do. */
#ifndef TESTS_UNIT_ORDERD_PROPERTY_ACT_PARTS_H
#define TESTS_UNIT_ORDERD_PROPERTY_ACT_PARTS_H

#include "tests/unit/orderd/property/act.h"

#define ACT(name)                                                                                  \
    void choose_##name(struct world *world, struct dice *dice, const struct order *order,          \
                       bool wild, struct request *request);                                        \
    enum order_error send_##name(struct world *world, struct request *request);
ACT(create)
ACT(edit)
ACT(submit)
ACT(cancel)
ACT(verify)
ACT(face)
ACT(look)
ACT(answer)
ACT(document)
ACT(delete_document)
ACT(materials)
ACT(send_code)
ACT(confirm_code)
ACT(confirm_key)
ACT(confirm_answer)
ACT(pay)
ACT(settle)
ACT(callback)
ACT(voucher)
ACT(finance)
ACT(refunded)
ACT(see)
ACT(review)
ACT(papers)
ACT(ship)
ACT(give_up)
ACT(retry)
ACT(claim)
ACT(send_download)
ACT(csr)
ACT(prove)
ACT(fail)
ACT(receive)
ACT(invoice)
ACT(key_login)
ACT(deliver)
ACT(sweep)
ACT(wait)
ACT(break)
#undef ACT

/* The caller of a request. */
const struct caller *caller_of(const struct request *request);

/* By the applicant of the order, of the right version; wild: perhaps by somebody else, perhaps of another version. */
void aim(struct world *world, struct dice *dice, const struct order *order, bool wild,
         struct request *request);

/* The same, by this member of staff. */
void aim_staff(struct world *world, struct dice *dice, const struct order *order, bool wild,
               enum who who, struct request *request);

/* One in `sides`, if wild. */
bool wrong(struct dice *dice, bool wild, uint32_t sides);

#endif
