/* What the five manuals say of their portals, held against the portals' tables: business, steps, documents, checks of identity, prices,
 * windows. S0 is "hall", S1 "building", S2 "cecep", S3 "hainan", S4 "resource". */
#include "tests/unit/orderd/fixture.h"

#include "tools/orderd/engine/account.h"

#include <stdio.h>
#include <string.h>

#define PORTAL(name) profile_find(name)

static unsigned kinds_of(const struct profile *profile) {
    unsigned kinds = 0;
    for (size_t i = 0; i < profile->flow_count; i++) {
        kinds |= KINDS(profile->flows[i].kind);
    }
    return kinds;
}

static void each_portal_offers_the_business_of_its_manual(void **state) {
    (void)state;
    static const struct {
        const char *portal;
        unsigned kinds;
    } manuals[] = {
        {"hall", KINDS(KIND_REPLACE)},
        {"building", KINDS(KIND_NEW) | KINDS(KIND_RENEW) | KINDS(KIND_CHANGE) | KINDS(KIND_FREEZE) |
                         KINDS(KIND_UNFREEZE) | KINDS(KIND_REVOKE) | KINDS(KIND_KEY_RECOVERY)},
        {"cecep", KINDS(KIND_REPLACE)},
        {"hainan", KINDS(KIND_NEW) | KINDS(KIND_RENEW) | KINDS(KIND_CHANGE) | KINDS(KIND_REPLACE) |
                       KINDS(KIND_UNLOCK) | KINDS(KIND_REVOKE) | KINDS(KIND_UNBIND)},
        {"resource", KINDS(KIND_NEW) | KINDS(KIND_RENEW) | KINDS(KIND_REPLACE) |
                         KINDS(KIND_CHANGE) | KINDS(KIND_UNLOCK)},
        {"default", (1u << KIND_COUNT) - 1}};
    for (size_t i = 0; i < sizeof manuals / sizeof manuals[0]; i++) {
        assert_int_equal(kinds_of(PORTAL(manuals[i].portal)) & manuals[i].kinds, manuals[i].kinds);
    }
}

static void organisations_and_persons_are_served_where_the_manual_serves_them(void **state) {
    (void)state;
    static const char *const both[] = {"building", "hainan", "resource", "default"};
    for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) {
        assert_non_null(profile_flow(PORTAL(both[i]), KIND_NEW, SUBJECT_ORG));
        assert_non_null(profile_flow(PORTAL(both[i]), KIND_NEW, SUBJECT_PERSON));
    }
    assert_non_null(profile_flow(PORTAL("cecep"), KIND_REPLACE, SUBJECT_ORG));
    assert_non_null(profile_flow(PORTAL("hall"), KIND_REPLACE, SUBJECT_ORG));
}

/* The portal's words for the steps of a flow, each once, with blanks between. */
static void steps_of(const char *portal, enum order_kind kind, char out[256]) {
    const struct profile *profile = PORTAL(portal);
    const struct flow *flow = profile_flow(profile, kind, SUBJECT_ORG);
    const char *before = "";
    out[0] = '\0';
    for (size_t i = 0; i < flow->count; i++) {
        const char *words = profile_gate_words(profile, kind, flow->gates[i].gate);
        if (words != NULL && strcmp(words, before) != 0) {
            snprintf(out + strlen(out), 256 - strlen(out), "%s%s", *before != '\0' ? " " : "",
                     words);
            before = words;
        }
    }
}

/* E01 to E05 */
static void the_steps_are_the_manual_s_in_its_order_and_words(void **state) {
    (void)state;
    char steps[256];
    steps_of("hall", KIND_REPLACE, steps);
    assert_string_equal(steps, "基本信息 资料上传 开票信息 订单提交 在线缴费 人工审核 补办成功");
    steps_of("building", KIND_NEW, steps);
    assert_string_equal(steps, "在线申请 材料提交 身份识别 费用支付 材料审核 领取证书");
    steps_of("cecep", KIND_REPLACE, steps);
    assert_string_equal(steps,
                        "选择核验方式 企业信息认证 经办人信息认证 确认商品购买信息 资料上传");
    steps_of("hainan", KIND_NEW, steps);
    assert_string_equal(steps,
                        "实名认证 印章申领 提交资料 填写邮寄信息 支付 订单审核 印章制作 快递邮寄");
    steps_of("hainan", KIND_RENEW, steps);
    assert_string_equal(steps, "印章续期 付款 插入对应 ukey 立即续期");
    steps_of("resource", KIND_NEW, steps);
    assert_string_equal(steps, "信息录入 上传资料 支付订单 申请完成");
    steps_of("resource", KIND_RENEW, steps);
    assert_string_equal(steps, "登录 信息录入 支付订单 下载证书");
}

static bool passes(const char *portal, enum order_kind kind, enum gate gate) {
    const struct flow *flow = profile_flow(PORTAL(portal), kind, SUBJECT_ORG);
    return flow != NULL && flow_has(flow->gates, flow->count, gate);
}

static size_t place(const char *portal, enum order_kind kind, enum gate gate) {
    const struct flow *flow = profile_flow(PORTAL(portal), kind, SUBJECT_ORG);
    size_t i = 0;
    while (i < flow->count && flow->gates[i].gate != gate) {
        i++;
    }
    return i;
}

/* R189, R192, R193, and the fourth contradiction: S3 and S1 review a change, S4 reviews neither. */
static void renewal_and_change_of_s4_are_not_reviewed_those_of_s1_and_s3_are(void **state) {
    (void)state;
    assert_false(passes("resource", KIND_RENEW, GATE_REVIEW));
    assert_false(passes("resource", KIND_CHANGE, GATE_REVIEW));
    assert_true(passes("hainan", KIND_CHANGE, GATE_REVIEW));
    assert_true(passes("building", KIND_CHANGE, GATE_REVIEW));
    assert_true(passes("building", KIND_RENEW, GATE_REVIEW));
    assert_false(passes("hainan", KIND_RENEW, GATE_REVIEW));
    /* R190, R193: the key comes after the payment; R188, R192: before everything */
    assert_true(place("hainan", KIND_RENEW, GATE_KEY_LOGIN) >
                place("hainan", KIND_RENEW, GATE_PAY));
    assert_true(place("hainan", KIND_CHANGE, GATE_KEY_LOGIN) >
                place("hainan", KIND_CHANGE, GATE_REVIEW));
    assert_int_equal(place("resource", KIND_RENEW, GATE_KEY_LOGIN), 0);
    assert_int_equal(place("resource", KIND_CHANGE, GATE_KEY_LOGIN), 0);
}

/* R155, R166, R167: S1 posts a blank key, to which the user downloads; the others produce it. */
static void s1_posts_blank_keys_and_the_others_produced_ones(void **state) {
    (void)state;
    static const struct {
        const char *portal;
        enum order_kind kind;
    } produced[] = {{"hall", KIND_REPLACE},   {"cecep", KIND_REPLACE}, {"hainan", KIND_NEW},
                    {"hainan", KIND_REPLACE}, {"resource", KIND_NEW},  {"resource", KIND_REPLACE}};
    for (size_t i = 0; i < sizeof produced / sizeof produced[0]; i++) {
        assert_true(passes(produced[i].portal, produced[i].kind, GATE_PRODUCE));
        assert_false(passes(produced[i].portal, produced[i].kind, GATE_ISSUE));
        assert_true(place(produced[i].portal, produced[i].kind, GATE_PRODUCE) <
                    place(produced[i].portal, produced[i].kind, GATE_SHIP));
    }
    assert_false(passes("building", KIND_NEW, GATE_PRODUCE));
    assert_true(place("building", KIND_NEW, GATE_SHIP) < place("building", KIND_NEW, GATE_ISSUE));
    /* R151: its review waits for the papers */
    assert_int_equal(place("building", KIND_NEW, GATE_PAPERS) + 1,
                     place("building", KIND_NEW, GATE_REVIEW));
}

/* Documents that must be given, in the table's order, with blanks between. */
static void wanted(const char *portal, enum order_kind kind, enum subject_type subject,
                   char out[256]) {
    const struct profile *profile = PORTAL(portal);
    out[0] = '\0';
    for (size_t i = 0; i < profile->document_count; i++) {
        const struct document_rule *rule = &profile->documents[i];
        if (rule->required && (rule->kinds & KINDS(kind)) != 0 && (rule->subjects & subject) != 0) {
            snprintf(out + strlen(out), 256 - strlen(out), "%s%s", out[0] != '\0' ? " " : "",
                     rule->type);
        }
    }
}

/* R090, R093, R097, R105, R107 to R112 */
static void the_documents_are_those_of_the_manuals(void **state) {
    (void)state;
    static const struct {
        const char *portal;
        enum order_kind kind;
        enum subject_type subject;
        const char *types;
    } rows[] = {
        {"hall", KIND_REPLACE, SUBJECT_ORG,
         "ACCEPTANCE_FORM LIABILITY LEGAL_ID_FRONT LEGAL_ID_BACK LICENCE SEAL_FORM"},
        {"building", KIND_NEW, SUBJECT_ORG,
         "ACCEPTANCE_FORM ORG_CREDENTIAL AUTH_LETTER HANDLER_ID_A4 SEAL_IMPRINT"},
        {"building", KIND_NEW, SUBJECT_PERSON,
         "AUTH_LETTER APPLICANT_ID_FRONT HANDLER_ID_FRONT ACCEPTANCE_FORM"},
        {"building", KIND_KEY_RECOVERY, SUBJECT_ORG, "ACCEPTANCE_FORM ORG_CREDENTIAL"},
        {"hainan", KIND_NEW, SUBJECT_ORG, "LICENCE SEAL_FORM"},
        {"hainan", KIND_NEW, SUBJECT_PERSON, "LEGAL_ID_FRONT LEGAL_ID_BACK SEAL_FORM"},
        {"hainan", KIND_CHANGE, SUBJECT_ORG, "LICENCE SEAL_FORM"},
        {"hainan", KIND_REPLACE, SUBJECT_ORG, ""},
        {"hainan", KIND_RENEW, SUBJECT_ORG, ""},
        {"hainan", KIND_UNLOCK, SUBJECT_ORG, ""},
        {"resource", KIND_NEW, SUBJECT_ORG, "LICENCE HANDLER_ID_FRONT HANDLER_ID_BACK SEAL_FORM"},
        {"resource", KIND_REPLACE, SUBJECT_ORG,
         "LICENCE HANDLER_ID_FRONT HANDLER_ID_BACK SEAL_FORM"},
        {"resource", KIND_NEW, SUBJECT_PERSON, "APPLICANT_ID_FRONT APPLICANT_ID_BACK SEAL_FORM"},
        {"resource", KIND_RENEW, SUBJECT_ORG, ""},
        {"resource", KIND_CHANGE, SUBJECT_ORG, ""},
    };
    char types[256];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        wanted(rows[i].portal, rows[i].kind, rows[i].subject, types);
        assert_string_equal(types, rows[i].types);
    }
    /* R111: nothing but where to send it */
    assert_true(passes("hainan", KIND_REPLACE, GATE_DELIVERY));
    assert_false(passes("hainan", KIND_REPLACE, GATE_MATERIALS));
}

static const struct document_limits *limits_of(const char *portal, const char *type) {
    const struct profile *profile = PORTAL(portal);
    for (size_t i = 0; i < profile->document_count; i++) {
        if (strcmp(profile->documents[i].type, type) == 0) {
            return profile->documents[i].limits;
        }
    }
    return NULL;
}

/* R091, R095, R096, R106, and the first contradiction: each portal's own limits. */
static void the_limits_of_documents_are_those_of_the_manuals(void **state) {
    (void)state;
    const struct document_limits *limits = limits_of("hall", "LICENCE");
    assert_int_equal(limits->formats, FORMAT_JPEG | FORMAT_BMP | FORMAT_PNG | FORMAT_PDF);
    assert_int_equal(limits->max_bytes, 2 << 20);
    assert_true(limits->colour);
    limits = limits_of("building", "AUTH_LETTER");
    assert_int_equal(limits->formats, FORMAT_JPEG);
    assert_int_equal(limits->max_bytes, 2 << 20);
    assert_int_equal(limits->min_dpi, 100);
    assert_int_equal(limits_of("building", "SEAL_IMPRINT")->min_dpi, 300);
    assert_int_equal(limits_of("building", "SIGNATURE_FORM")->min_dpi, 300);
    assert_int_equal(limits_of("building", "SEAL_IMPRINT")->formats, FORMAT_JPEG);
    limits = limits_of("resource", "LICENCE");
    assert_int_equal(limits->formats, FORMAT_GIF | FORMAT_JPEG | FORMAT_PNG);
    assert_int_equal(limits->max_bytes, 1536 * 1024);
    /* R094: S1's "300 KB is enough" is a hint, and no limit */
    assert_true(limits_of("building", "AUTH_LETTER")->max_bytes > 300L * 1024);
}

/* R060 to R065 */
static void identity_is_checked_in_the_ways_of_the_manuals(void **state) {
    (void)state;
    const unsigned no_face = METHOD_TRANSFER | METHOD_PHONE | METHOD_BANK_CARD;
    assert_int_equal(PORTAL("cecep")->methods[PARTY_ORG], no_face | METHOD_FACE);
    assert_int_equal(PORTAL("cecep")->methods[PARTY_HANDLER],
                     METHOD_PHONE | METHOD_BANK_CARD | METHOD_FACE);
    assert_int_equal(PORTAL("resource")->methods[PARTY_ORG], no_face);
    assert_int_equal(PORTAL("resource")->methods[PARTY_HANDLER], METHOD_PHONE | METHOD_BANK_CARD);
    assert_int_equal(PORTAL("resource")->methods[PARTY_PERSON], no_face);
    assert_int_equal(PORTAL("building")->methods[PARTY_HANDLER], METHOD_FACE);
    assert_true(passes("resource", KIND_UNLOCK, GATE_VERIFY_ORG));
    assert_true(profile_flow(PORTAL("resource"), KIND_UNLOCK, SUBJECT_PERSON) != NULL);
    /* R068: S2's agreement comes before the organisation's check; R011: S3's handler before all */
    assert_true(place("cecep", KIND_REPLACE, GATE_AGREE) <
                place("cecep", KIND_REPLACE, GATE_VERIFY_ORG));
    assert_int_equal(place("hainan", KIND_NEW, GATE_VERIFY_HANDLER), 0);
}

/* R130, R134, R135 */
static void money_comes_by_the_channels_of_the_manuals(void **state) {
    (void)state;
    assert_int_equal(PORTAL("hall")->channels, CHANNEL_TRANSFER);
    assert_int_equal(PORTAL("building")->channels, CHANNEL_ALIPAY | CHANNEL_TRANSFER);
    assert_int_equal(PORTAL("hainan")->channels & CHANNEL_TRANSFER, 0);
    assert_int_equal(PORTAL("resource")->channels, CHANNEL_ALIPAY | CHANNEL_WECHAT);
    assert_false(passes("cecep", KIND_REPLACE, GATE_PAY));
    for (size_t i = 0; profiles[i] != NULL; i++) { /* R130 */
        bool transfer = (profiles[i]->channels & CHANNEL_TRANSFER) != 0;
        assert_true(transfer == (profiles[i]->payee.account != NULL));
    }
    /* R132: a transfer has a review of its own, besides that of the documents */
    assert_true(passes("hall", KIND_REPLACE, GATE_PAY_REVIEW));
    assert_true(passes("hall", KIND_REPLACE, GATE_REVIEW));
}

/* R034, R036, R138 */
static void what_costs_and_for_how_long_is_each_portal_s_own(void **state) {
    (void)state;
    static const enum order_kind paid[] = {KIND_CHANGE, KIND_REPLACE, KIND_UNLOCK};
    for (size_t i = 0; i < sizeof paid / sizeof paid[0]; i++) {
        assert_true(profile_price(PORTAL("hainan"), paid[i], SUBJECT_ORG, 0) > 0);
    }
    assert_true(profile_price(PORTAL("hainan"), KIND_RENEW, SUBJECT_ORG, 3) > 0);
    assert_int_equal(profile_price(PORTAL("resource"), KIND_CHANGE, SUBJECT_ORG, 0), 0);
    assert_int_equal(profile_price(PORTAL("resource"), KIND_UNLOCK, SUBJECT_ORG, 0), 0);
    for (int years = 1; years <= 3; years++) {
        assert_true(profile_price(PORTAL("building"), KIND_NEW, SUBJECT_ORG, years) > 0);
    }
    /* a term that is longer costs more, and less a year */
    int64_t one = profile_price(PORTAL("building"), KIND_NEW, SUBJECT_ORG, 1);
    int64_t two = profile_price(PORTAL("building"), KIND_NEW, SUBJECT_ORG, 2);
    assert_true(two > one && two < 2 * one);
}

/* R210, R213, R218: the second contradiction */
static void s3_renews_in_the_last_60_days_and_s4_in_the_last_90(void **state) {
    (void)state;
    assert_int_equal(PORTAL("hainan")->renewal.before_days, 60);
    assert_int_equal(PORTAL("resource")->renewal.before_days, 90);
    assert_int_equal(PORTAL("resource")->renewal.after_days, 365);
}

/* R196, R198: the third contradiction; R241, R246, R247: the ninth */
static void pins_and_invoices_follow_the_portal_s_policy(void **state) {
    (void)state;
    assert_int_equal(PORTAL("hainan")->unlock, UNLOCK_FIXED_PIN);
    assert_int_equal(PORTAL("resource")->unlock, UNLOCK_CHOSEN_PIN);
    assert_int_equal(PORTAL("hall")->invoice, INVOICE_ON_RECEIPT);
    assert_int_equal(PORTAL("resource")->invoice, INVOICE_ON_PAYMENT);
    assert_int_equal(PORTAL("hainan")->invoice, INVOICE_ON_REQUEST);
    assert_int_equal(PORTAL("hall")->receipt_days, 30); /* R165 */
    assert_true(PORTAL("hall")->replace_made_here);     /* R049 */
    assert_true((PORTAL("building")->two_persons & KINDS(KIND_KEY_RECOVERY)) != 0);
}

/* "required", "optional", or NULL when the portal does not ask for it there */
static const char *asks(const char *portal, enum order_kind kind, enum subject_type subject,
                        const char *field) {
    const struct profile *profile = PORTAL(portal);
    for (size_t i = 0; i < profile->field_count; i++) {
        const struct field_rule *rule = &profile->fields[i];
        if ((rule->kinds & KINDS(kind)) != 0 && (rule->subjects & subject) != 0 &&
            strcmp(rule->field, field) == 0) {
            return rule->required ? "required" : "optional";
        }
    }
    return "no";
}

/* R030, R032, R058, R078, R079, R240 */
static void the_forms_ask_for_what_the_manuals_show(void **state) {
    (void)state;
    static const char *const organisation[] = {
        "licenceNumber", "taxNumber", "phone",    "email",  "fax",         "address",
        "postcode",      "orgType",   "socialNo", "region", "bankAccount", NULL};
    static const char *const invoice[] = {"invoiceTitle", "invoiceTaxNumber", "invoiceEmail",
                                          "invoicePhone", NULL};
    static const char *const needed[] = {"userName",      "securityQuestion", "securityAnswer",
                                         "handlerName",   "handlerPhone",     "handlerEmail",
                                         "handlerIdType", "handlerIdNumber",  NULL};
    for (size_t i = 0; organisation[i] != NULL; i++) {
        assert_string_equal(asks("building", KIND_NEW, SUBJECT_ORG, organisation[i]), "optional");
    }
    for (size_t i = 0; invoice[i] != NULL; i++) {
        assert_string_equal(asks("hall", KIND_REPLACE, SUBJECT_ORG, invoice[i]), "required");
    }
    for (size_t i = 0; needed[i] != NULL; i++) {
        assert_string_equal(asks("building", KIND_NEW, SUBJECT_ORG, needed[i]), "required");
        assert_string_equal(asks("building", KIND_NEW, SUBJECT_PERSON, needed[i]), "required");
    }
    assert_string_equal(asks("building", KIND_RENEW, SUBJECT_ORG, "securityAnswer"), "required");
    assert_string_equal(asks("resource", KIND_NEW, SUBJECT_ORG, "sealType"), "required");
    assert_string_equal(asks("resource", KIND_NEW, SUBJECT_ORG, "recipientRegion"), "required");
    assert_string_equal(asks("resource", KIND_NEW, SUBJECT_ORG, "recipientAddress"), "required");
    assert_string_equal(asks("resource", KIND_REPLACE, SUBJECT_ORG, "reason"), "required");
    assert_string_equal(asks("resource", KIND_NEW, SUBJECT_ORG, "invoiceBank"), "optional");
    assert_string_equal(asks("building", KIND_NEW, SUBJECT_PERSON, "orgType"), "no");
}

/* R053: with the key, the name alone is changed; nothing else needs another key. */
static void a_change_asks_for_the_new_name_and_no_other_of_the_subject(void **state) {
    (void)state;
    static const char *const portals[] = {"default", "building", "hainan", "resource"};
    static const char *const subject[] = {"legalName", "licenceNumber", "taxNumber",
                                          "address",   "orgType",       NULL};
    for (size_t p = 0; p < sizeof portals / sizeof portals[0]; p++) {
        assert_string_equal(asks(portals[p], KIND_CHANGE, SUBJECT_ORG, "newName"), "required");
        for (size_t i = 0; subject[i] != NULL; i++) {
            assert_string_equal(asks(portals[p], KIND_CHANGE, SUBJECT_ORG, subject[i]), "no");
        }
    }
}

/* R002 */
static void a_password_has_6_to_18_characters_of_two_kinds(void **state) {
    (void)state;
    static const char *const good[] = {"abc123", "a-----", "1234567890abcdefgh", "12345!"};
    static const char *const bad[] = {"abc12", "1234567890abcdefghi", "123456", "abcdef", "!!!!!!"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(password_is_valid(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(password_is_valid(bad[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_portal_offers_the_business_of_its_manual),
        cmocka_unit_test(organisations_and_persons_are_served_where_the_manual_serves_them),
        cmocka_unit_test(the_steps_are_the_manual_s_in_its_order_and_words),
        cmocka_unit_test(renewal_and_change_of_s4_are_not_reviewed_those_of_s1_and_s3_are),
        cmocka_unit_test(s1_posts_blank_keys_and_the_others_produced_ones),
        cmocka_unit_test(the_documents_are_those_of_the_manuals),
        cmocka_unit_test(the_limits_of_documents_are_those_of_the_manuals),
        cmocka_unit_test(identity_is_checked_in_the_ways_of_the_manuals),
        cmocka_unit_test(money_comes_by_the_channels_of_the_manuals),
        cmocka_unit_test(what_costs_and_for_how_long_is_each_portal_s_own),
        cmocka_unit_test(s3_renews_in_the_last_60_days_and_s4_in_the_last_90),
        cmocka_unit_test(pins_and_invoices_follow_the_portal_s_policy),
        cmocka_unit_test(the_forms_ask_for_what_the_manuals_show),
        cmocka_unit_test(a_change_asks_for_the_new_name_and_no_other_of_the_subject),
        cmocka_unit_test(a_password_has_6_to_18_characters_of_two_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
