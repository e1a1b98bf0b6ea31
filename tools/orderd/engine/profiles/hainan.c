/* S3, seals for government procurement: the whole life cycle, produced by staff, later business on the key. */
#include "tools/orderd/engine/profiles/profiles.h"

static const struct flow flows[] = {
    {KIND_NEW,
     SUBJECT_ANY,
     8,
     {OPEN(VERIFY_HANDLER), OPEN(FORM), OPEN(MATERIALS), OPEN(DELIVERY), OPEN(PAY), OPEN(REVIEW),
      OPEN(PRODUCE), OPEN(SHIP)}},
    {KIND_RENEW, SUBJECT_ANY, 4, {OPEN(FORM), OPEN(PAY), OPEN(KEY_LOGIN), OPEN(ISSUE)}},
    {KIND_CHANGE,
     SUBJECT_ANY,
     6,
     {OPEN(FORM), OPEN(MATERIALS), OPEN(PAY), OPEN(REVIEW), OPEN(KEY_LOGIN), OPEN(ISSUE)}},
    {KIND_REPLACE, SUBJECT_ANY, 4, {OPEN(DELIVERY), OPEN(PAY), OPEN(PRODUCE), OPEN(SHIP)}},
    {KIND_UNLOCK, SUBJECT_ANY, 3, {OPEN(FORM), OPEN(PAY), OPEN(ISSUE)}},
    {KIND_REVOKE, SUBJECT_ANY, 2, {OPEN(CONFIRM), OPEN(APPLY_CA)}},
    {KIND_UNBIND, SUBJECT_ANY, 2, {OPEN(CONFIRM), OPEN(APPLY_CA)}},
};

static const struct price prices[] = {
    {KIND_NEW, SUBJECT_ANY, 1, 22000},   {KIND_NEW, SUBJECT_ANY, 2, 40000},
    {KIND_NEW, SUBJECT_ANY, 3, 56000},   {KIND_RENEW, SUBJECT_ANY, 1, 18000},
    {KIND_RENEW, SUBJECT_ANY, 2, 34000}, {KIND_RENEW, SUBJECT_ANY, 3, 48000},
    {KIND_CHANGE, SUBJECT_ANY, 0, 5000}, {KIND_REPLACE, SUBJECT_ANY, 0, 8000},
    {KIND_UNLOCK, SUBJECT_ANY, 0, 2000}, {KIND_REVOKE, SUBJECT_ANY, 0, 0},
    {KIND_UNBIND, SUBJECT_ANY, 0, 0},
};

static const struct document_limits scan = {FORMAT_JPEG | FORMAT_PNG | FORMAT_PDF, 4 << 20, 0,
                                            false};

static const struct document_rule documents[] = {
    /* R108, R110 */
    {KINDS(KIND_NEW) | KINDS(KIND_CHANGE), SUBJECT_ORG, "LICENCE", true, &scan},
    {KINDS(KIND_NEW) | KINDS(KIND_CHANGE), SUBJECT_ORG, "SEAL_FORM", true, &scan},
    /* R109 */
    {KINDS(KIND_NEW), SUBJECT_PERSON, "LEGAL_ID_FRONT", true, &scan},
    {KINDS(KIND_NEW), SUBJECT_PERSON, "LEGAL_ID_BACK", true, &scan},
    {KINDS(KIND_NEW) | KINDS(KIND_CHANGE), SUBJECT_PERSON, "SEAL_FORM", true, &scan},
};

static const struct field_rule fields[] = {
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_FORM, "handlerName", true},
    {KINDS(KIND_NEW) | KINDS(KIND_UNLOCK), SUBJECT_ANY, GATE_FORM, "handlerPhone", true},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_FORM, "handlerEmail", false},
    {KINDS(KIND_NEW), SUBJECT_ORG, GATE_FORM, "legalName", false},
    {KINDS(KIND_NEW) | KINDS(KIND_RENEW), SUBJECT_ANY, GATE_FORM, "years", true},
    {KINDS(KIND_CHANGE), SUBJECT_ANY, GATE_FORM, "newName", true},
    {KINDS(KIND_NEW) | KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_DELIVERY, "delivery", true},
    {KINDS(KIND_NEW) | KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_DELIVERY, "recipientName", false},
    {KINDS(KIND_NEW) | KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_DELIVERY, "recipientPhone", false},
    {KINDS(KIND_NEW) | KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_DELIVERY, "recipientRegion", false},
    {KINDS(KIND_NEW) | KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_DELIVERY, "recipientAddress", false},
};

static const struct confirm_rule confirms[] = {{STATUS_KINDS, CONFIRM_SMS}};

/* E04: the manual shows no list of orders, so that the steps name the states, too */
static const struct gate_words steps[] = {
    {GATE_VERIFY_HANDLER, "实名认证", 0},
    {GATE_FORM, "印章申领", KINDS(KIND_NEW)},
    {GATE_FORM, "印章续期", KINDS(KIND_RENEW)},
    {GATE_FORM, "印章变更", KINDS(KIND_CHANGE)},
    {GATE_FORM, "印章解锁", KINDS(KIND_UNLOCK)},
    {GATE_MATERIALS, "提交资料", 0},
    {GATE_DELIVERY, "填写收件信息", KINDS(KIND_REPLACE)},
    {GATE_DELIVERY, "填写邮寄信息", 0},
    {GATE_PAY, "支付", KINDS(KIND_NEW)},
    {GATE_PAY, "付款", 0},
    {GATE_REVIEW, "订单审核", 0},
    {GATE_PRODUCE, "印章制作", 0},
    {GATE_SHIP, "快递邮寄", 0},
    {GATE_KEY_LOGIN, "插入对应 ukey", 0},
    {GATE_ISSUE, "立即续期", KINDS(KIND_RENEW)},
    {GATE_ISSUE, "立即变更", KINDS(KIND_CHANGE)},
    {GATE_ISSUE, "立即解锁", KINDS(KIND_UNLOCK)},
    {GATE_CONFIRM, "短信验证码", 0},
    {GATE_APPLY_CA, "注销", KINDS(KIND_REVOKE)},
    {GATE_APPLY_CA, "解绑", KINDS(KIND_UNBIND)},
    {GATE_NONE, NULL, 0},
};

const struct profile profile_hainan = {
    .id = "hainan",
    .title_zh = "政府采购印章证书办理平台",
    .title_en = "Seals for government procurement",
    /* R213; the manual is silent on expired ones */
    .renewal = {.before_days = 60, .after_days = 365},
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
    .steps = steps,
    .methods = {[PARTY_HANDLER] = METHOD_PHONE | METHOD_FACE},
    .channels = CHANNEL_ALIPAY | CHANNEL_WECHAT,
    .number = NUMBER_LETTER,
    .number_letter = 'H',
    .invoice = INVOICE_ON_REQUEST,
    .unlock = UNLOCK_FIXED_PIN,
    .seal = true,
    .linked = KINDS(KIND_NEW),
    .consent_version = "hainan-1",
    .idle_days = 30,
    .receipt_days = 30,
};
