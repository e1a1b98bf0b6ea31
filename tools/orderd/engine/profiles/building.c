/* S1, the building trade's portal: new certificates that the user downloads to a key that came blank by post. */
#include "tools/orderd/engine/profiles/profiles.h"

static const struct flow flows[] = {
    /* R151: the review begins when the papers have arrived; a transfer's voucher is reviewed by finance first */
    {KIND_NEW,
     SUBJECT_ANY,
     12,
     {OPEN(AGREE), OPEN(FORM), OPEN(DELIVERY), OPEN(MATERIALS), OPEN(VERIFY_HANDLER), OPEN(PAY),
      WAIVED(PAY_REVIEW), OPEN(PAPERS), OPEN(REVIEW), OPEN(SHIP), OPEN(ISSUE), OPEN(INVOICE)}},
    {KIND_RENEW,
     SUBJECT_ANY,
     7,
     {OPEN(FORM), OPEN(MATERIALS), OPEN(PAY), WAIVED(PAY_REVIEW), OPEN(REVIEW), OPEN(KEY_LOGIN),
      OPEN(ISSUE)}},
    {KIND_CHANGE,
     SUBJECT_ANY,
     7,
     {OPEN(FORM), OPEN(MATERIALS), OPEN(PAY), WAIVED(PAY_REVIEW), OPEN(REVIEW), OPEN(KEY_LOGIN),
      OPEN(ISSUE)}},
    {KIND_FREEZE, SUBJECT_ANY, 3, {OPEN(FORM), OPEN(CONFIRM), OPEN(APPLY_CA)}},
    {KIND_UNFREEZE, SUBJECT_ANY, 3, {OPEN(FORM), OPEN(CONFIRM), OPEN(APPLY_CA)}},
    {KIND_REVOKE, SUBJECT_ANY, 3, {OPEN(FORM), OPEN(CONFIRM), OPEN(APPLY_CA)}},
    {KIND_KEY_RECOVERY,
     SUBJECT_ANY,
     7,
     {OPEN(FORM), OPEN(MATERIALS), OPEN(PAY), WAIVED(PAY_REVIEW), OPEN(REVIEW), OPEN(KEY_LOGIN),
      OPEN(ISSUE)}},
};

static const struct price prices[] = {
    {KIND_NEW, SUBJECT_ORG, 1, 30000},    {KIND_NEW, SUBJECT_ORG, 2, 50000},
    {KIND_NEW, SUBJECT_ORG, 3, 70000},    {KIND_NEW, SUBJECT_PERSON, 1, 15000},
    {KIND_NEW, SUBJECT_PERSON, 2, 25000}, {KIND_NEW, SUBJECT_PERSON, 3, 35000},
    {KIND_RENEW, SUBJECT_ANY, 1, 25000},  {KIND_RENEW, SUBJECT_ANY, 2, 45000},
    {KIND_RENEW, SUBJECT_ANY, 3, 60000},  {KIND_CHANGE, SUBJECT_ANY, 0, 10000},
    {KIND_FREEZE, SUBJECT_ANY, 0, 0},     {KIND_UNFREEZE, SUBJECT_ANY, 0, 0},
    {KIND_REVOKE, SUBJECT_ANY, 0, 0},     {KIND_KEY_RECOVERY, SUBJECT_ANY, 0, 10000},
};

/* R095, R096 */
static const struct document_limits scan = {FORMAT_JPEG, 2 << 20, 100, false};
static const struct document_limits imprint = {FORMAT_JPEG, 2 << 20, 300, false};

#define LATER (KINDS(KIND_RENEW) | KINDS(KIND_CHANGE) | KINDS(KIND_KEY_RECOVERY))

static const struct document_rule documents[] = {
    /* R093 */
    {KINDS(KIND_NEW), SUBJECT_ORG, "ACCEPTANCE_FORM", true, &scan},
    {KINDS(KIND_NEW), SUBJECT_ORG, "ORG_CREDENTIAL", true, &scan},
    {KINDS(KIND_NEW), SUBJECT_ORG, "AUTH_LETTER", true, &scan},
    {KINDS(KIND_NEW), SUBJECT_ORG, "HANDLER_ID_A4", true, &scan},
    {KINDS(KIND_NEW), SUBJECT_ORG, "SEAL_IMPRINT", true, &imprint},
    /* R097 */
    {KINDS(KIND_NEW), SUBJECT_PERSON, "AUTH_LETTER", true, &scan},
    {KINDS(KIND_NEW), SUBJECT_PERSON, "APPLICANT_ID_FRONT", true, &scan},
    {KINDS(KIND_NEW), SUBJECT_PERSON, "HANDLER_ID_FRONT", true, &scan},
    {KINDS(KIND_NEW), SUBJECT_PERSON, "ACCEPTANCE_FORM", true, &scan},
    {KINDS(KIND_NEW), SUBJECT_PERSON, "SEAL_IMPRINT", false, &imprint},
    {KINDS(KIND_NEW), SUBJECT_PERSON, "SIGNATURE_FORM", false, &imprint},
    {LATER, SUBJECT_ANY, "ACCEPTANCE_FORM", true, &scan},
    {LATER, SUBJECT_ORG, "ORG_CREDENTIAL", true, &scan},
    {KINDS(KIND_NEW) | LATER, SUBJECT_ANY, "SPARE", false, &scan},
};

#define FORMS (KINDS(KIND_NEW) | LATER)

static const struct field_rule fields[] = {
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_AGREE, "agreement", true},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_FORM, "userName", true},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_FORM, "securityQuestion", true},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_FORM, "securityAnswer", true},
    /* R032: the answer is asked for again in later business */
    {LATER, SUBJECT_ANY, GATE_FORM, "securityAnswer", true},
    {FORMS, SUBJECT_ANY, GATE_FORM, "handlerName", true},
    {FORMS | STATUS_KINDS, SUBJECT_ANY, GATE_FORM, "handlerPhone", true},
    {FORMS, SUBJECT_ANY, GATE_FORM, "handlerEmail", true},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_FORM, "handlerIdType", true},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_FORM, "handlerIdNumber", true},
    {KINDS(KIND_NEW), SUBJECT_ORG, GATE_FORM, "legalName", false},
    {KINDS(KIND_NEW), SUBJECT_ORG, GATE_FORM, "licenceNumber", false},
    {KINDS(KIND_NEW), SUBJECT_ORG, GATE_FORM, "taxNumber", false},
    /* R078, R079 */
    {KINDS(KIND_NEW), SUBJECT_ORG, GATE_FORM, "orgType", false},
    {KINDS(KIND_NEW), SUBJECT_ORG, GATE_FORM, "socialNo", false},
    {KINDS(KIND_NEW), SUBJECT_ORG, GATE_FORM, "region", false},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_FORM, "phone", false},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_FORM, "email", false},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_FORM, "bankAccount", false},
    {KINDS(KIND_NEW), SUBJECT_ORG, GATE_FORM, "fax", false},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_FORM, "address", false},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_FORM, "postcode", false},
    {KINDS(KIND_NEW) | KINDS(KIND_RENEW), SUBJECT_ANY, GATE_FORM, "years", true},
    {KINDS(KIND_CHANGE), SUBJECT_ANY, GATE_FORM, "newName", true},
    {KINDS(KIND_KEY_RECOVERY), SUBJECT_ANY, GATE_FORM, "recoverSerial", false},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_DELIVERY, "delivery", true},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_DELIVERY, "recipientName", false},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_DELIVERY, "recipientPhone", false},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_DELIVERY, "recipientRegion", false},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_DELIVERY, "recipientAddress", false},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_FORM, "invoiceTitle", false},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_FORM, "invoiceTaxNumber", false},
    {KINDS(KIND_NEW), SUBJECT_ANY, GATE_FORM, "invoiceEmail", false},
};

static const struct confirm_rule confirms[] = {{STATUS_KINDS, CONFIRM_SMS | CONFIRM_ANSWER}};

static const struct state_words states[] = {
    {STATE_AWAIT_MATERIALS, "等待材料", 0},
    {STATE_AWAIT_PAYMENT, "等待缴费", 0},
    {STATE_AWAIT_PAPERS, "缴费完成", 0},
    /* the key is on its way, and the download comes (R156) */
    {STATE_APPROVED, "激活完成", 0},
    {STATE_READY_TO_ISSUE, "待下载证书", CERTIFICATE_KINDS},
    {STATE_ISSUED, "下载完成", 0},
    {STATE_COUNT, NULL, 0},
};

/* E02 */
static const struct gate_words steps[] = {
    {GATE_AGREE, "在线申请", 0},
    {GATE_FORM, "在线申请", 0},
    {GATE_DELIVERY, "在线申请", 0},
    {GATE_MATERIALS, "材料提交", 0},
    {GATE_PAY, "费用支付", 0},
    {GATE_VERIFY_HANDLER, "身份识别", 0},
    {GATE_PAY_REVIEW, "费用支付", 0},
    {GATE_PAPERS, "材料审核", 0},
    {GATE_REVIEW, "材料审核", 0},
    {GATE_SHIP, "领取证书", 0},
    {GATE_ISSUE, "领取证书", 0},
    {GATE_INVOICE, "领取证书", 0},
    {GATE_KEY_LOGIN, "Ukey登录", 0},
    {GATE_APPLY_CA, "冻结", KINDS(KIND_FREEZE)},
    {GATE_APPLY_CA, "恢复", KINDS(KIND_UNFREEZE)},
    {GATE_APPLY_CA, "撤销", KINDS(KIND_REVOKE)},
    {GATE_NONE, NULL, 0},
};

const struct profile profile_building = {
    .id = "building",
    .title_zh = "建筑行业数字证书服务",
    .title_en = "Certificates for the building trade",
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
    .methods = {[PARTY_HANDLER] = METHOD_FACE},
    .channels = CHANNEL_ALIPAY | CHANNEL_TRANSFER,
    .payee = {"建筑行业数字认证有限公司", "示范银行北京分行", "1100555566667777888"},
    .two_persons = KINDS(KIND_KEY_RECOVERY),
    .number = NUMBER_RECEIPT,
    .invoice = INVOICE_ON_REQUEST,
    .unlock = UNLOCK_CHOSEN_PIN,
    .seal = true,
    .soft = KINDS(KIND_NEW),
    .consent_version = "building-1",
    .idle_days = 30,
    .receipt_days = 30,
};
