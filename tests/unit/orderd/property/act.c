/* See act.h. */
#include "tests/unit/orderd/property/act_parts.h"

#include <string.h>

uint32_t dice_roll(struct dice *dice, uint32_t sides) {
    uint64_t z = dice->state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (uint32_t)((z ^ (z >> 31)) % sides);
}

bool wrong(struct dice *dice, bool wild, uint32_t sides) {
    return wild && dice_roll(dice, sides) == 0;
}

const struct caller *caller_of(const struct request *request) {
    return request->by != NULL ? &request->by->caller : &request->self.caller;
}

struct person key_of_order(struct world *world, const struct order *order) {
    struct person person = world->people[KEY_1];
    struct session *session = &person.caller.session;
    person.name = "the order's key";
    snprintf(session->subject, ID_SIZE, "%s", order->subject);
    snprintf(session->certificate, ID_SIZE, "%s", order->certificate);
    snprintf(session->token, sizeof session->token, "%s", order->token);
    return person;
}

void by_applicant(struct world *world, const struct order *order, struct request *request) {
    for (unsigned i = 0; i < PEOPLE; i++) {
        const struct session *session = &world->people[i].caller.session;
        if (order->account[0] != '\0' && strcmp(session->account, order->account) == 0) {
            request->by = &world->people[i];
            return;
        }
    }
    request->by = NULL;
    request->self = key_of_order(world, order);
}

static void take_order(struct dice *dice, const struct order *order, bool wild,
                       struct request *request) {
    static const int64_t off[] = {-1, 1, -2, 7};
    snprintf(request->number, sizeof request->number, "%s", order->number);
    request->version = order->version;
    request->seed = dice_roll(dice, UINT32_MAX);
    if (wrong(dice, wild, 8)) {
        request->version += off[dice_roll(dice, 4)];
    }
}

void aim(struct world *world, struct dice *dice, const struct order *order, bool wild,
         struct request *request) {
    take_order(dice, order, wild, request);
    by_applicant(world, order, request);
    if (wrong(dice, wild, 6)) {
        request->by = &world->people[dice_roll(dice, PEOPLE)];
    }
}

void aim_staff(struct world *world, struct dice *dice, const struct order *order, bool wild,
               enum who who, struct request *request) {
    take_order(dice, order, wild, request);
    request->by = &world->people[wrong(dice, wild, 6) ? dice_roll(dice, PEOPLE) : (unsigned)who];
}

#define ROW(name, repeat, leaves)                                                                  \
    { #name, choose_##name, send_##name, repeat, leaves }
const struct act_row acts[ACT_COUNT] = {
    [ACT_CREATE] = ROW(create, REPEAT_SAME, false),
    [ACT_EDIT] = ROW(edit, REPEAT_SAME, false),
    [ACT_SUBMIT] = ROW(submit, REPEAT_SAME, false),
    [ACT_CANCEL] = ROW(cancel, REPEAT_SAME, false),
    /* a check is stored before anybody is asked */
    [ACT_VERIFY] = ROW(verify, REPEAT_ANY, true),
    [ACT_FACE] = ROW(face, REPEAT_SAME, false),
    [ACT_LOOK] = ROW(look, REPEAT_AT_ONCE, false),
    /* the last wrong postscript ends the check */
    [ACT_ANSWER] = ROW(answer, REPEAT_SAME, true),
    [ACT_DOCUMENT] = ROW(document, REPEAT_SAME, false),
    [ACT_DELETE_DOCUMENT] = ROW(delete_document, REPEAT_SAME, false),
    [ACT_MATERIALS] = ROW(materials, REPEAT_SAME, false),
    [ACT_SEND_CODE] = ROW(send_code, REPEAT_ANY, false),
    [ACT_CONFIRM_CODE] = ROW(confirm_code, REPEAT_SAME, false),
    [ACT_CONFIRM_KEY] = ROW(confirm_key, REPEAT_SAME, false),
    [ACT_CONFIRM_ANSWER] = ROW(confirm_answer, REPEAT_SAME, false),
    [ACT_PAY] = ROW(pay, REPEAT_AT_ONCE, false),
    [ACT_SETTLE] = ROW(settle, REPEAT_ANY, false),
    [ACT_CALLBACK] = ROW(callback, REPEAT_SAME, false),
    [ACT_VOUCHER] = ROW(voucher, REPEAT_SAME, false),
    [ACT_FINANCE] = ROW(finance, REPEAT_SAME, false),
    [ACT_REFUNDED] = ROW(refunded, REPEAT_SAME, false),
    [ACT_SEE] = ROW(see, REPEAT_ANY, false),
    [ACT_REVIEW] = ROW(review, REPEAT_SAME, false),
    [ACT_PAPERS] = ROW(papers, REPEAT_SAME, false),
    [ACT_SHIP] = ROW(ship, REPEAT_SAME, false),
    [ACT_GIVE_UP] = ROW(give_up, REPEAT_SAME, false),
    [ACT_RETRY] = ROW(retry, REPEAT_SAME, false),
    [ACT_CLAIM] = ROW(claim, REPEAT_AT_ONCE, false),
    [ACT_SEND_DOWNLOAD] = ROW(send_download, REPEAT_ANY, false),
    /* what will be signed is stored before the CA is asked */
    [ACT_CSR] = ROW(csr, REPEAT_SAME, true),
    [ACT_PROVE] = ROW(prove, REPEAT_SAME, false),
    [ACT_FAIL] = ROW(fail, REPEAT_AT_ONCE, false),
    [ACT_RECEIVE] = ROW(receive, REPEAT_SAME, false),
    [ACT_INVOICE] = ROW(invoice, REPEAT_SAME, false),
    [ACT_KEY_LOGIN] = ROW(key_login, REPEAT_SAME, false),
    [ACT_DELIVER] = ROW(deliver, REPEAT_ANY, false),
    [ACT_SWEEP] = ROW(sweep, REPEAT_ANY, false),
    [ACT_WAIT] = ROW(wait, REPEAT_ANY, false),
    [ACT_BREAK] = ROW(break, REPEAT_ANY, false),
};
