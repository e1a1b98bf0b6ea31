/* S4, public resources: several CA vendors behind one platform; renewal and change without review. */
#include "tools/orderd/engine/profiles/profiles.h"

static const struct flow flows[] = {
    {KIND_NEW,
     SUBJECT_ORG,
     10,
     {OPEN(FORM), OPEN(VERIFY_ORG), OPEN(VERIFY_HANDLER), OPEN(MATERIALS), OPEN(CONFIRM), OPEN(PAY),
      OPEN(REVIEW), OPEN(PRODUCE), OPEN(SHIP), OPEN(INVOICE)}},
    {KIND_NEW,
     SUBJECT_PERSON,
     9,
     {OPEN(FORM), OPEN(VERIFY_PERSON), OPEN(MATERIALS), OPEN(CONFIRM), OPEN(PAY), OPEN(REVIEW),
      OPEN(PRODUCE), OPEN(SHIP), OPEN(INVOICE)}},
    {KIND_REPLACE,
     SUBJECT_ORG,
     10,
     {OPEN(FORM), OPEN(VERIFY_ORG), OPEN(VERIFY_HANDLER), OPEN(MATERIALS), OPEN(CONFIRM), OPEN(PAY),
      OPEN(REVIEW), OPEN(PRODUCE), OPEN(SHIP), OPEN(INVOICE)}},
    {KIND_REPLACE,
     SUBJECT_PERSON,
     9,
     {OPEN(FORM), OPEN(VERIFY_PERSON), OPEN(MATERIALS), OPEN(CONFIRM), OPEN(PAY), OPEN(REVIEW),
      OPEN(PRODUCE), OPEN(SHIP), OPEN(INVOICE)}},
    {KIND_RENEW, SUBJECT_ANY, 4, {OPEN(KEY_LOGIN), OPEN(FORM), OPEN(PAY), OPEN(ISSUE)}},
    {KIND_CHANGE, SUBJECT_ANY, 4, {OPEN(KEY_LOGIN), OPEN(FORM), OPEN(CONFIRM), OPEN(ISSUE)}},
    {KIND_UNLOCK, SUBJECT_ORG, 4, {OPEN(FORM), OPEN(VERIFY_ORG), OPEN(CONFIRM), OPEN(ISSUE)}},
    {KIND_UNLOCK, SUBJECT_PERSON, 4, {OPEN(FORM), OPEN(VERIFY_PERSON), OPEN(CONFIRM), OPEN(ISSUE)}},
};

static const struct price prices[] = {
    {KIND_NEW, SUBJECT_ORG, 1, 20000},    {KIND_NEW, SUBJECT_ORG, 2, 36000},
    {KIND_NEW, SUBJECT_PERSON, 1, 12000}, {KIND_NEW, SUBJECT_PERSON, 2, 20000},
    {KIND_RENEW, SUBJECT_ANY, 1, 15000},  {KIND_RENEW, SUBJECT_ANY, 2, 28000},
    {KIND_REPLACE, SUBJECT_ANY, 0, 8000}, {KIND_CHANGE, SUBJECT_ANY, 0, 0},
    {KIND_UNLOCK, SUBJECT_ANY, 0, 0},
};

/* R106: 1.5 MB */
static const struct document_limits picture = {FORMAT_GIF | FORMAT_JPEG | FORMAT_PNG, 3LL << 19, 0,
                                               false};

#define APPLY (KINDS(KIND_NEW) | KINDS(KIND_REPLACE))
#define FORMS (APPLY | KINDS(KIND_RENEW) | KINDS(KIND_CHANGE) | KINDS(KIND_UNLOCK))

static const struct document_rule documents[] = {
    /* R105 */
    {APPLY, SUBJECT_ORG, "LICENCE", true, &picture},
    {APPLY, SUBJECT_ORG, "HANDLER_ID_FRONT", true, &picture},
    {APPLY, SUBJECT_ORG, "HANDLER_ID_BACK", true, &picture},
    {APPLY, SUBJECT_ORG, "SEAL_FORM", true, &picture},
    /* R107 */
    {APPLY, SUBJECT_PERSON, "APPLICANT_ID_FRONT", true, &picture},
    {APPLY, SUBJECT_PERSON, "APPLICANT_ID_BACK", true, &picture},
    {APPLY, SUBJECT_PERSON, "SEAL_FORM", true, &picture},
};

static const struct field_rule fields[] = {
    {FORMS, SUBJECT_ANY, GATE_FORM, "agreement", true},
    {FORMS, SUBJECT_ANY, GATE_FORM, "handlerName", true},
    {FORMS, SUBJECT_ANY, GATE_FORM, "handlerPhone", true},
    {APPLY | KINDS(KIND_RENEW) | KINDS(KIND_CHANGE), SUBJECT_ANY, GATE_FORM, "handlerEmail", true},
    {APPLY, SUBJECT_ORG, GATE_FORM, "handlerIdType", true},
    {APPLY, SUBJECT_ORG, GATE_FORM, "handlerIdNumber", true},
    {APPLY, SUBJECT_ORG, GATE_FORM, "legalName", false},
    {APPLY, SUBJECT_ANY, GATE_FORM, "sealType", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "reason", true},
    {KINDS(KIND_NEW) | KINDS(KIND_RENEW), SUBJECT_ANY, GATE_FORM, "years", true},
    {KINDS(KIND_CHANGE), SUBJECT_ANY, GATE_FORM, "newName", true},
    {APPLY, SUBJECT_ANY, GATE_FORM, "recipientRegion", true},
    {APPLY, SUBJECT_ANY, GATE_FORM, "recipientAddress", true},
    {APPLY, SUBJECT_ANY, GATE_FORM, "recipientName", false},
    {APPLY, SUBJECT_ANY, GATE_FORM, "recipientPhone", false},
    {APPLY, SUBJECT_ANY, GATE_FORM, "invoiceTitle", true},
    {APPLY, SUBJECT_ANY, GATE_FORM, "invoiceTaxNumber", false},
    {APPLY, SUBJECT_ANY, GATE_FORM, "invoiceBank", false},
};

static const struct confirm_rule confirms[] = {
    {APPLY | KINDS(KIND_CHANGE) | KINDS(KIND_UNLOCK), CONFIRM_SMS}};

static const struct state_words states[] = {
    {STATE_AWAIT_CONFIRM, "证书申请签名确认", APPLY},
    {STATE_IN_REVIEW, "已支付，待审核", 0},
    {STATE_APPROVED, "未发货", 0},
    {STATE_PRODUCING, "未发货", 0},
    {STATE_COUNT, NULL, 0},
};

/* E05; unlocking has steps of its own */
static const struct gate_words steps[] = {
    {GATE_FORM, "提交信息", KINDS(KIND_UNLOCK)},
    {GATE_VERIFY_ORG, "验证身份", KINDS(KIND_UNLOCK)},
    {GATE_VERIFY_PERSON, "验证身份", KINDS(KIND_UNLOCK)},
    {GATE_CONFIRM, "获取授权码", KINDS(KIND_UNLOCK)},
    {GATE_ISSUE, "重置密码", KINDS(KIND_UNLOCK)},
    {GATE_CONFIRM, "短信校验", KINDS(KIND_CHANGE)},
    {GATE_FORM, "信息录入", 0},
    {GATE_VERIFY_ORG, "信息录入", 0},
    {GATE_VERIFY_HANDLER, "信息录入", 0},
    {GATE_VERIFY_PERSON, "信息录入", 0},
    {GATE_KEY_LOGIN, "登录", 0},
    {GATE_MATERIALS, "上传资料", 0},
    {GATE_CONFIRM, "上传资料", 0},
    {GATE_PAY, "支付订单", 0},
    {GATE_REVIEW, "申请完成", 0},
    {GATE_PRODUCE, "申请完成", 0},
    {GATE_SHIP, "申请完成", 0},
    {GATE_INVOICE, "申请完成", 0},
    {GATE_ISSUE, "下载证书", 0},
    {GATE_NONE, NULL, 0},
};

const struct profile profile_resource = {
    .id = "resource",
    .title_zh = "公共资源 CA 证书与电子签章资源共享平台",
    .title_en = "Shared certificates and seals for public resources",
    .renewal = {.before_days = 90, .after_days = 365},
    .flows = flows,
    .flow_count = LENGTH(flows),
    .prices = prices,
    .price_count = LENGTH(prices),
    .documents = documents,
    .document_count = LENGTH(documents),
    .fields = fields,
    .field_count = LENGTH(fields),
    .confirms = confirms,
    .confirm_count = LENGTH(confirms),
    .states = states,
    .steps = steps,
    .methods = {[PARTY_ORG] = METHOD_TRANSFER | METHOD_PHONE | METHOD_BANK_CARD,
                [PARTY_HANDLER] = METHOD_PHONE | METHOD_BANK_CARD,
                [PARTY_PERSON] = METHOD_PHONE | METHOD_BANK_CARD | METHOD_TRANSFER},
    .channels = CHANNEL_ALIPAY | CHANNEL_WECHAT,
    .number = NUMBER_LETTER,
    .number_letter = 'A',
    .invoice = INVOICE_ON_PAYMENT,
    .unlock = UNLOCK_CHOSEN_PIN,
    .seal = true,
    .consent_version = "resource-1",
    .idle_days = 30,
    .receipt_days = 30,
};
