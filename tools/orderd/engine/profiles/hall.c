/* S0, a service hall for certificates: replacement of certificates that were made here, paid by transfer, produced by staff. */
#include "tools/orderd/engine/profiles/profiles.h"

static const struct flow flows[] = {
    {KIND_REPLACE,
     SUBJECT_ORG,
     12,
     {OPEN(AGREE), OPEN(FORM), OPEN(MATERIALS), OPEN(INVOICE_INFO), OPEN(DELIVERY), OPEN(PAY),
      OPEN(PAY_REVIEW), OPEN(REVIEW), OPEN(PRODUCE), OPEN(SHIP), OPEN(RECEIVE), OPEN(INVOICE)}},
};

static const struct price prices[] = {{KIND_REPLACE, SUBJECT_ANY, 0, 10000}};

/* R091 */
static const struct document_limits form = {FORMAT_JPEG | FORMAT_BMP | FORMAT_PNG | FORMAT_PDF,
                                            2 << 20, 0, false};
static const struct document_limits scan = {FORMAT_JPEG | FORMAT_BMP | FORMAT_PNG | FORMAT_PDF,
                                            2 << 20, 0, true};

static const struct document_rule documents[] = {
    {KINDS(KIND_REPLACE), SUBJECT_ANY, "ACCEPTANCE_FORM", true, &form},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, "LIABILITY", true, &form},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, "LEGAL_ID_FRONT", true, &scan},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, "LEGAL_ID_BACK", true, &scan},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, "LICENCE", true, &scan},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, "SEAL_FORM", true, &form},
};

static const struct field_rule fields[] = {
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_AGREE, "agreement", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "handlerName", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "handlerPhone", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "handlerEmail", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "reason", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "project", false},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_FORM, "address", false},
    /* R240: all required */
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_INVOICE_INFO, "invoiceTitle", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_INVOICE_INFO, "invoiceTaxNumber", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_INVOICE_INFO, "invoiceEmail", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_INVOICE_INFO, "invoicePhone", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_DELIVERY, "delivery", true},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_DELIVERY, "recipientName", false},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_DELIVERY, "recipientPhone", false},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_DELIVERY, "recipientRegion", false},
    {KINDS(KIND_REPLACE), SUBJECT_ANY, GATE_DELIVERY, "recipientAddress", false},
};

static const struct state_words states[] = {
    {STATE_IN_REVIEW, "资料待审核", 0},   {STATE_APPROVED, "资料审核通过", 0},
    {STATE_PRODUCING, "资料审核通过", 0}, {STATE_SHIPPED, "待收货", 0},
    {STATE_ISSUED, "申请完成", 0},        {STATE_COUNT, NULL, 0},
};

/* E01 */
static const struct gate_words steps[] = {
    {GATE_AGREE, "基本信息", 0},
    {GATE_FORM, "基本信息", 0},
    {GATE_MATERIALS, "资料上传", 0},
    {GATE_INVOICE_INFO, "开票信息", 0},
    {GATE_DELIVERY, "订单提交", 0},
    {GATE_PAY, "在线缴费", 0},
    {GATE_PAY_REVIEW, "人工审核", 0},
    {GATE_REVIEW, "人工审核", 0},
    {GATE_PRODUCE, "补办成功", 0},
    {GATE_SHIP, "补办成功", 0},
    {GATE_RECEIVE, "补办成功", 0},
    {GATE_INVOICE, "补办成功", 0},
    {GATE_NONE, NULL, 0},
};

const struct profile profile_hall = {
    .id = "hall",
    .title_zh = "在线服务厅",
    .title_en = "Online service hall",
    .renewal = {.before_days = 90, .after_days = 365},
    .flows = flows,
    .flow_count = LENGTH(flows),
    .prices = prices,
    .price_count = LENGTH(prices),
    .documents = documents,
    .document_count = LENGTH(documents),
    .fields = fields,
    .field_count = LENGTH(fields),
    .states = states,
    .steps = steps,
    .channels = CHANNEL_TRANSFER,
    .payee = {"在线服务厅数字认证有限公司", "示范银行湖南省分行", "4300111122223333444"},
    .number = NUMBER_UO,
    .invoice = INVOICE_ON_RECEIPT,
    .unlock = UNLOCK_CHOSEN_PIN,
    .seal = true,
    .replace_made_here = true,
    .consent_version = "hall-1",
    .idle_days = 30,
    .receipt_days = 30,
};
