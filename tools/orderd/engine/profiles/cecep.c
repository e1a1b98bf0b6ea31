/* S2, an e-procurement platform: replacement of a lost certificate, free of charge, produced by staff. */
#include "tools/orderd/engine/profiles/profiles.h"

static const struct flow flows[] = {
    {KIND_REPLACE,
     SUBJECT_ORG,
     10,
     {OPEN(AGREE), OPEN(VERIFY_ORG), OPEN(VERIFY_HANDLER), OPEN(FORM), OPEN(MATERIALS),
      OPEN(CONFIRM), OPEN(REVIEW), OPEN(PRODUCE), OPEN(SHIP), OPEN(RECEIVE)}},
};

static const struct price prices[] = {{KIND_REPLACE, SUBJECT_ANY, 0, 0}};

static const struct document_limits picture = {FORMAT_JPEG | FORMAT_PNG, 2 << 20, 0, false};

/* R104: what was given for the handler's verification is carried over */
static const struct document_rule documents[] = {
    {KINDS(KIND_REPLACE), SUBJECT_ANY, "LICENCE", true, &picture},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, "HANDLER_ID_FRONT", true, &picture},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, "HANDLER_ID_BACK", true, &picture},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, "AUTH_LETTER", false, &picture},
};

static const struct field_rule fields[] = {
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_AGREE, "agreement", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "product", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "reason", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "handlerName", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "handlerPhone", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "handlerEmail", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "invoiceTitle", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "invoiceTaxNumber", false},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "delivery", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "recipientName", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "recipientPhone", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "recipientRegion", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "recipientAddress", true},
};

static const struct confirm_rule confirms[] = {{KINDS(KIND_REPLACE), CONFIRM_SMS}};

static const struct state_words states[] = {
    {STATE_AWAIT_CONFIRM, "证书申请签名", 0}, {STATE_IN_REVIEW, "材料审核", 0},
    {STATE_APPROVED, "材料审核完成", 0},      {STATE_PRODUCING, "材料审核完成", 0},
    {STATE_SHIPPED, "接收证书产品", 0},       {STATE_COUNT, NULL, 0},
};

/* E03 */
static const struct gate_words steps[] = {
    {GATE_AGREE, "选择核验方式", 0},
    {GATE_VERIFY_ORG, "企业信息认证", 0},
    {GATE_VERIFY_HANDLER, "经办人信息认证", 0},
    {GATE_FORM, "确认商品购买信息", 0},
    {GATE_MATERIALS, "资料上传", 0},
    {GATE_CONFIRM, "资料上传", 0},
    {GATE_NONE, NULL, 0},
};

const struct profile profile_cecep = {
    .id = "cecep",
    .title_zh = "电子采购平台证书补办",
    .title_en = "Replacement for an e-procurement platform",
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
    .methods = {[PARTY_ORG] = METHOD_TRANSFER | METHOD_PHONE | METHOD_BANK_CARD | METHOD_FACE,
                [PARTY_HANDLER] = METHOD_PHONE | METHOD_BANK_CARD | METHOD_FACE},
    .number = NUMBER_LETTER,
    .number_letter = 'C',
    .invoice = INVOICE_ON_REQUEST,
    .unlock = UNLOCK_CHOSEN_PIN,
    .seal = false,
    .consent_version = "cecep-1",
    .idle_days = 30,
    .receipt_days = 30,
};
