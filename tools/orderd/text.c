/* The catalogue. Each row holds both languages, so that none can be forgotten. */
#include "tools/orderd/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef const char *const both[LANGUAGE_COUNT];

static both texts[TEXT_COUNT] = {
    [TEXT_STATEMENT_TITLE_ANY] = {"{kind}申请确认", "Confirmation: {kind}"},
    [TEXT_STATEMENT_NEW_NAME] = {"变更后名称", "New name"},
    [TEXT_STATEMENT_CONSENT_ANY] =
        {"本申请人申请办理上述数字证书及电子印章业务，已阅读并遵守电子认证业务规则，所填资料真实有"
         "效；以 UKey 签名或输入短信验证码确认本申请，即为本申请人的真实意思表示。",
         "The applicant applies for this business of certificate and electronic seal, has read and "
         "obeys the certification practice statement, and states that the data are true. Signing "
         "with the UKey or entering the SMS code expresses the applicant's true intent."},
    [TEXT_STATEMENT_ORDER] = {"订单号", "Order number"},
    [TEXT_STATEMENT_SUBJECT] = {"证书名称", "Certificate holder"},
    [TEXT_STATEMENT_CREDENTIAL] = {"证件号码", "Credential number"},
    [TEXT_STATEMENT_CERTIFICATE] = {"原证书序列号", "Serial number of the present certificate"},
    [TEXT_STATEMENT_TOKEN] = {"UKey 序列号", "UKey serial number"},
    [TEXT_STATEMENT_OLD_END] = {"原证书有效期至", "Present certificate ends on"},
    [TEXT_STATEMENT_YEARS] = {"更新年限", "Term"},
    [TEXT_STATEMENT_NEW_END] = {"新证书有效期至", "New certificate ends on"},
    [TEXT_STATEMENT_NEW_END_EXPIRED] = {"自下载之日起 {years} 年",
                                        "{years} year(s) from the day of download"},
    [TEXT_STATEMENT_AMOUNT] = {"费用", "Fee"},
    [TEXT_STATEMENT_AMOUNT_VALUE] = {"人民币 {yuan} 元", "CNY {yuan}"},
    [TEXT_STATEMENT_HANDLER] = {"经办人", "Handler"},
    [TEXT_STATEMENT_PHONE] = {"经办人手机", "Handler's phone"},
    [TEXT_STATEMENT_EMAIL] = {"经办人邮箱", "Handler's e-mail"},
    [TEXT_STATEMENT_CONSENT] = {"申请人声明", "Declaration"},
    [TEXT_STATEMENT_CONSENT_VALUE] = {"本申请人申请更新上述数字证书及电子印章，已阅读并遵守电子认证"
                                      "业务规则，所填资料真实有效；以 UKey "
                                      "签名确认本申请，即为本申请人的真实意思表示。",
                                      "The applicant applies for the renewal of this certificate "
                                      "and its electronic seal, has read and obeys the "
                                      "certification practice statement, and states that the data "
                                      "are true. Signing with the UKey expresses "
                                      "the applicant's true intent."},
    [TEXT_YEARS_VALUE] = {"{years} 年", "{years} year(s)"},
    [TEXT_ELIGIBLE] = {"可以更新。", "This certificate can be renewed."},
    [TEXT_TOO_EARLY] = {"证书剩余有效期不少于 90 天，{date} 起可以更新。",
                        "90 days or more remain; it can be renewed from {date} on."},
    [TEXT_TOO_LATE] = {"证书过期已超过 365 天（最后可更新日期为 {date}），请申请新办或补办。",
                       "It has expired for more than 365 days (the last day was {date}); apply for "
                       "a new certificate "
                       "or a replacement."},
    [TEXT_HELD] = {"证书已冻结，请先恢复。", "The certificate is on hold; lift the hold first."},
    [TEXT_REVOKED] =
        {"证书已撤销，请申请新办或补办。",
         "The certificate has been revoked; apply for a new certificate or a replacement."},
    [TEXT_KEY_NOT_RENEWED] = {"此 UKey 上的证书不能更新，请联系客服。",
                              "The certificate on this UKey cannot be renewed. Please contact us."},
    [TEXT_SUPERSEDED] = {"证书已更新，请使用新证书。",
                         "The certificate has been renewed already; use the new one."},
    [TEXT_UNKNOWN] =
        {"没有这张证书的记录，请确认所选的服务机构。",
         "This service has no record of the certificate; check that you chose the right CA."},
    [TEXT_FIELD_YEARS] = {"请选择更新年限。", "Choose one of the offered terms."},
    [TEXT_FIELD_HANDLER_NAME] = {"请填写经办人姓名（不超过 32 个字）。",
                                 "Enter the handler's name (at most 32 characters)."},
    [TEXT_FIELD_HANDLER_PHONE] = {"请填写 11 位手机号码。", "Enter a mobile number of 11 digits."},
    [TEXT_FIELD_HANDLER_EMAIL] = {"请填写正确的电子邮箱。", "Enter a valid e-mail address."},
    [TEXT_FIELD_UNKNOWN] = {"没有这一项。", "There is no such field."},
    [TEXT_FIELD_AGREEMENT] = {"请阅读并同意服务协议。", "Read and accept the agreement."},
    [TEXT_FIELD_ID_TYPE] = {"请选择证件类型。", "Choose the kind of identity document."},
    [TEXT_FIELD_ID_NUMBER] = {"请填写正确的证件号码。", "Enter a valid document number."},
    [TEXT_FIELD_NAME] = {"请填写名称（不超过 64 个字）。",
                         "Enter a name of at most 64 characters."},
    [TEXT_FIELD_USER_NAME] = {"请填写用户名（不超过 12 个字母或数字）。",
                              "Enter a user name of at most 12 letters or digits."},
    [TEXT_FIELD_LINE] = {"请填写此项（不超过 200 个字）。",
                         "Fill this in with at most 200 characters."},
    [TEXT_FIELD_REASON] = {"请选择补办原因：丢失或损坏。", "Choose the reason: lost or damaged."},
    [TEXT_FIELD_SEAL_TYPE] = {"请选择印章类型。", "Choose the type of seal."},
    [TEXT_FIELD_TAX_NUMBER] = {"请填写 15 至 20 位纳税人识别号。",
                               "Enter a taxpayer number of 15 to 20 characters."},
    [TEXT_FIELD_POSTCODE] = {"请填写 6 位邮政编码。", "Enter a postcode of 6 digits."},
    [TEXT_FIELD_DELIVERY] = {"请选择领取方式：快递或自取。", "Choose courier or pick-up."},
    [TEXT_FIELD_RECIPIENT] = {"快递邮寄请填写收件人、地区和详细地址。",
                              "For a courier, enter recipient, region and address."},
    [TEXT_FIELD_INVOICE_TITLE] = {"请填写发票抬头，不能为“个人”。",
                                  "Enter an invoice title other than \"个人\"."},
    [TEXT_FIELD_ANSWER_WRONG] = {"密码问题答案不正确。",
                                 "The answer to the security question is not right."},
    [TEXT_FIELD_YEARS_PAID] = {"已缴费的订单不能更改年限。",
                               "The term cannot change once the order is paid."},
    [TEXT_FIELD_UPSTREAM] =
        {"此项来自上游登记平台，请在该平台更正后重新发起申请。",
         "This comes from the registration platform; correct it there and begin the request anew."},
    [TEXT_FIELD_PASSPHRASE] =
        {"请设置 8 至 64 位的证书密码，至少包含数字、字母、符号中的两种。",
         "Choose a passphrase of 8 to 64 characters: two of digits, letters and signs."},
    [TEXT_FIELD_ALGORITHM] = {"请选择支持的密钥算法。", "Choose an algorithm that is offered."},
    [TEXT_FIELD_LINKED] = {"企业印章与法定代表人签名章须同时办理，请填写法定代表人信息。",
                           "The enterprise's seal and its legal representative's are applied for "
                           "together: say who that is."},
    [TEXT_FIELD_DIFFERS] = {"核验不一致，请检查此项。",
                            "This does not agree with what is registered; check it."},
    [TEXT_FIELD_PASSWORD] = {"密码为 6 至 18 位，至少包含数字、字母、符号中的两种。",
                             "A password has 6 to 18 characters of at least two kinds: digits, "
                             "letters, signs."},
    [TEXT_FIELD_BANK_CARD] = {"请填写 16 至 19 位银行卡号。",
                              "Enter a bank card number of 16 to 19 digits."},
    [TEXT_FIELD_BANK_ACCOUNT] = {"请填写 8 至 30 位银行账号。",
                                 "Enter a bank account of 8 to 30 digits."},
    [TEXT_FIELD_CREDENTIAL] = {"请填写正确的统一社会信用代码或证件号码。",
                               "Enter a valid unified social credit code or document number."},
    [TEXT_SMS_REGISTER] = {"注册验证码 {code}，5 分钟内有效，请勿告知他人。",
                           "Your registration code is {code}, valid for 5 minutes. Tell nobody."},
    [TEXT_SMS_LOGIN] = {"登录验证码 {code}，5 分钟内有效，请勿告知他人。",
                        "Your login code is {code}, valid for 5 minutes. Tell nobody."},
    [TEXT_SMS_QUERY] = {"证书查询验证码 {code}，5 分钟内有效，请勿告知他人。",
                        "Code to look up your orders: {code}, good for 5 minutes. Tell nobody."},
    [TEXT_SMS_RESET] = {"重置密码验证码 {code}，5 分钟内有效，请勿告知他人。",
                        "Code for a new password: {code}, good for 5 minutes. Tell nobody."},
    [TEXT_SMS_PHONE] = {"更换手机验证码 {code}，5 分钟内有效，请勿告知他人。",
                        "Code for your new phone: {code}, good for 5 minutes. Tell nobody."},
    [TEXT_MAIL_EMAIL] = {"邮箱验证码 {code}，5 分钟内有效，请勿告知他人。",
                         "Code for your e-mail address: {code}, good for 5 minutes. Tell nobody."},
    [TEXT_MAIL_EMAIL_SUBJECT] = {"邮箱验证", "Your e-mail address"},
    [TEXT_SMS_CONFIRM] = {"证书申请签名确认验证码 {code}，5 分钟内有效。输入即表示确认本次申请。",
                          "Your confirmation code is {code}, valid for 5 minutes. Entering it "
                          "confirms the application."},
    [TEXT_SMS_FACE] = {"请在 30 分钟内打开链接完成人脸核验：{url}",
                       "Open this link within 30 minutes for the check of your face: {url}"},
    [TEXT_MAIL_DOWNLOAD] =
        {"业务受理号（参考码）：{number}，证书下载授权码：{code}，30 天内有效，请勿告知他人。",
         "Order (reference) {number}: your download authorisation code is "
         "{code}, valid for 30 days. Tell nobody."},
    [TEXT_FIRST_PIN] =
        {"订单 {number} 的证书密码（UKey 初始 PIN）：{pin}，首次使用须修改，请勿告知他人。",
         "Order {number}: the first PIN of your key is {pin}. It must be changed "
         "before the key is used. Tell nobody."},
    [TEXT_FIRST_PIN_SUBJECT] = {"证书密码", "The first PIN of your key"},
    [TEXT_SMS_UNLOCK] = {"订单 {number} 的 UKey 解锁授权码：{code}，24 小时内有效，请勿告知他人。",
                         "Order {number}: your unlock authorisation code is {code}, valid for 24 "
                         "hours. Tell nobody."},
    [TEXT_MAIL_DOWNLOAD_SUBJECT] = {"证书下载授权码", "Your download authorisation code"},
    [TEXT_MESSAGE_STATE] = {"您的订单 {number} 状态：{state}。",
                            "Your order {number} is now: {state}."},
    [TEXT_MESSAGE_STATE_SUBJECT] = {"证书订单状态通知", "Your certificate order"},
    [TEXT_MESSAGE_INVOICE] = {"订单 {number} 的电子发票已开具，请登录平台下载。",
                              "The invoice of order {number} has been issued; log in to get it."},
    [TEXT_MESSAGE_INVOICE_SUBJECT] = {"电子发票", "Your invoice"},
    [TEXT_DOCUMENT_EMPTY] = {"文件是空的，请重新选择。", "The file is empty; choose another."},
    [TEXT_DOCUMENT_BYTES] = {"文件过大，请压缩后上传。", "The file is too large; make it smaller."},
    [TEXT_DOCUMENT_PIXELS] = {"图片像素过大，请缩小后上传。",
                              "The picture has too many pixels; scale it down."},
    [TEXT_DOCUMENT_FORMAT] = {"不支持此文件格式，请按要求的格式上传。",
                              "This format is not accepted here."},
    [TEXT_DOCUMENT_DAMAGED] = {"文件已损坏，请重新扫描或拍照。",
                               "The file is damaged; scan it again."},
    [TEXT_DOCUMENT_DPI] = {"扫描分辨率不足，请按要求的 DPI 重新扫描。",
                           "The scan's resolution is too low; scan it again."},
    [TEXT_DOCUMENT_COLOUR] = {"请上传彩色扫描件。", "Upload a scan in colour."},
    [TEXT_DOCUMENT_MISSING] = {"请上传此材料。", "Upload this document."},
    [TEXT_PAY_TITLE] = {"模拟支付", "Simulated payment"},
    [TEXT_PAY_NOTE] =
        {"这是用于演示和测试的模拟支付平台，不会产生真实扣款。",
         "A simulated payment provider for demonstrations and tests; no money moves."},
    [TEXT_PAY_AMOUNT] = {"应付金额（元）", "Amount due (CNY)"},
    [TEXT_PAY_BUTTON] = {"确认支付", "Pay"},
    [TEXT_PAY_DONE] = {"支付成功，请返回办理页面。", "Paid. Go back to the renewal page."},
    [TEXT_PAY_ORDER] = {"证书更新 {number}", "Certificate renewal {number}"},
};

static both states[STATE_COUNT] = {
    [STATE_DRAFT] = {"待提交", "Draft"},
    [STATE_AWAIT_VERIFY] = {"等待身份核验", "Awaiting identity check"},
    [STATE_AWAIT_KEY] = {"等待 UKey 登录", "Awaiting login with the key"},
    [STATE_AWAIT_MATERIALS] = {"等待材料", "Awaiting documents"},
    [STATE_AWAIT_CONFIRM] = {"等待确认", "Awaiting confirmation"},
    [STATE_AWAIT_PAPERS] = {"等待纸质材料", "Awaiting papers"},
    [STATE_AWAIT_PAYMENT] = {"等待缴费", "Awaiting payment"},
    [STATE_PAY_REVIEW] = {"财务审核中", "Payment in review"},
    [STATE_IN_REVIEW] = {"已支付，待审核", "Paid, in review"},
    [STATE_APPROVED] = {"审核通过", "Approved"},
    [STATE_PRODUCING] = {"制证中", "In production"},
    [STATE_SHIPPED] = {"待收货", "Shipped"},
    [STATE_READY_TO_ISSUE] = {"待下载", "Ready to download"},
    [STATE_ISSUING] = {"正在执行证书下载", "Downloading to the key"},
    [STATE_ISSUED] = {"下载完成", "Downloaded"},
    [STATE_COMPLETED] = {"已完成", "Completed"},
    [STATE_RETURNED] = {"已退回", "Returned"},
    [STATE_ISSUE_FAILED] = {"下载失败，等待人工处理", "Download failed, staff will act"},
    [STATE_REFUNDING] = {"退款中", "Refunding"},
    [STATE_REJECTED] = {"已否决", "Rejected"},
    [STATE_CANCELLED] = {"订单已取消", "Cancelled"},
    [STATE_EXPIRED] = {"订单已过期", "Expired"},
};

static both kinds[KIND_COUNT] = {
    [KIND_NEW] = {"证书新办", "new certificate"},
    [KIND_RENEW] = {"证书更新", "renewal of a certificate"},
    [KIND_REPLACE] = {"证书补办", "replacement of a certificate"},
    [KIND_CHANGE] = {"证书变更", "change of a certificate"},
    [KIND_UNLOCK] = {"UKey 解锁", "unlocking of a key"},
    [KIND_FREEZE] = {"证书冻结", "hold on a certificate"},
    [KIND_UNFREEZE] = {"证书恢复", "end of the hold on a certificate"},
    [KIND_REVOKE] = {"证书撤销", "revocation of a certificate"},
    [KIND_KEY_RECOVERY] = {"密钥恢复", "recovery of an encryption key"},
    [KIND_UNBIND] = {"解绑", "unbinding"},
};

static both gates[GATE_COUNT] = {
    [GATE_AGREE] = {"服务协议", "Agreement"},
    [GATE_FORM] = {"信息录入", "Form"},
    [GATE_VERIFY_ORG] = {"企业核验", "Check of the organisation"},
    [GATE_VERIFY_HANDLER] = {"经办人核验", "Check of the handler"},
    [GATE_VERIFY_PERSON] = {"身份核验", "Identity check"},
    [GATE_KEY_LOGIN] = {"UKey 登录", "Login with the key"},
    [GATE_MATERIALS] = {"上传资料", "Documents"},
    [GATE_CONFIRM] = {"申请确认", "Confirmation"},
    [GATE_INVOICE_INFO] = {"开票信息", "Invoice data"},
    [GATE_DELIVERY] = {"领取方式", "Delivery"},
    [GATE_PAPERS] = {"纸质材料", "Papers"},
    [GATE_PAY] = {"支付", "Payment"},
    [GATE_PAY_REVIEW] = {"财务审核", "Review of the payment"},
    [GATE_REVIEW] = {"资料审核", "Review"},
    [GATE_PRODUCE] = {"制证", "Production"},
    [GATE_SHIP] = {"发货", "Shipping"},
    [GATE_ISSUE] = {"下载证书", "Download to the key"},
    [GATE_APPLY_CA] = {"CA 处理", "Change at the CA"},
    [GATE_RECEIVE] = {"收货", "Receipt"},
    [GATE_INVOICE] = {"开具发票", "Invoice"},
};

struct error_text {
    both title;
    both detail;
};

static const struct error_text errors[ORDER_ERRORS] = {
    [ORDER_OK] = {{"成功", "Success"}, {"", ""}},
    [ORDER_STORE_FAILED] = {{"服务暂时不可用", "The service is not available"},
                            {"请稍后再试。", "Please try again later."}},
    [ORDER_STORE_BUSY] = {{"服务繁忙", "The service is busy"},
                          {"请稍后再试。", "Please try again in a moment."}},
    [ORDER_INTERNAL] = {{"服务内部错误", "Internal error"},
                        {"请稍后再试；如仍失败，请联系客服。",
                         "Please try again; if it still fails, contact the service desk."}},
    [ORDER_CA_FAILED] = {{"证书签发暂时不可用", "The CA is not available"},
                         {"旧证书仍可使用，请稍后继续办理。",
                          "The present certificate still works; continue in a moment."}},
    [ORDER_PROVIDER_FAILED] = {{"第三方服务暂时不可用", "A third party is not available"},
                               {"已填内容不会丢失，请稍后再试。",
                                "Nothing is lost; please try again later."}},
    [ORDER_BAD_REQUEST] = {{"请求有误", "Bad request"},
                           {"请求缺少必要内容或格式不正确。",
                            "Something required is missing or not of its form."}},
    [ORDER_FIELDS_INVALID] = {{"填写有误", "Some entries are not right"},
                              {"请更正标出的各项。", "Please correct the entries that are named."}},
    [ORDER_IDEMPOTENCY_NEEDED] = {{"缺少 Idempotency-Key", "Idempotency-Key is missing"},
                                  {"此请求必须带有 Idempotency-Key。",
                                   "This request must carry an Idempotency-Key."}},
    [ORDER_IDEMPOTENCY_REUSED] = {{"Idempotency-Key 重复", "Idempotency-Key was used before"},
                                  {"同一 Idempotency-Key 已用于另一请求。",
                                   "The same Idempotency-Key came with another request."}},
    [ORDER_VERSION_NEEDED] = {{"缺少 If-Match", "If-Match is missing"},
                              {"请带上所见订单的版本。",
                               "Name the version of the order that you have seen."}},
    [ORDER_VERSION_CONFLICT] = {{"订单已变化", "The order has changed"},
                                {"请重新查看订单后再试。", "Read the order again, then retry."}},
    [ORDER_CONFLICT] = {{"订单正被同时修改", "The order is being changed by another request"},
                        {"请重新查看订单后再试。", "Read the order again, then retry."}},
    [ORDER_NOT_FOUND] = {{"没有找到", "Not found"},
                         {"没有这项内容，或不属于当前登录的证书。",
                          "There is no such thing, or it is not yours."}},
    [ORDER_WRONG_STATE] = {{"当前状态不能办理", "Not possible in this state"},
                           {"请按订单当前状态继续办理。",
                            "Continue the order from the state it is in."}},
    [ORDER_TOO_MANY] = {{"请求过于频繁", "Too many requests"},
                        {"请稍后再试。", "Please try again later."}},
    [ORDER_LIST_FULL] = {{"已达上限", "The list is full"},
                         {"请先删除不用的条目。", "Remove an entry that is not needed first."}},
    [ORDER_FORBIDDEN] = {{"无权办理", "Not allowed"},
                         {"当前登录身份不能办理此操作。", "Whoever is logged in may not do this."}},
    [ORDER_PASSWORD_WRONG] = {{"用户名或密码错误", "Wrong name or password"},
                              {"请核对后重试。", "Check both and try again."}},
    [ORDER_ACCOUNT_EXISTS] = {{"手机号或邮箱已注册", "Already registered"},
                              {"请直接登录，或使用其他手机号、邮箱。",
                               "Log in, or use another phone or e-mail."}},
    [ORDER_CODE_WRONG] = {{"验证码错误或已失效", "The code is wrong or no longer valid"},
                          {"请核对，或重新获取验证码。", "Check it, or ask for a new one."}},
    [ORDER_HANDOVER_REFUSED] = {{"登录跳转无效", "The hand-over is not valid"},
                                {"请从登记平台重新进入。",
                                 "Come again from the registration platform."}},
    [ORDER_CODE_TOO_SOON] = {{"请稍后再获取验证码", "Too soon for another code"},
                             {"验证码已发送，请 60 秒后再试。",
                              "A code was sent; wait 60 seconds."}},
    [ORDER_NAME_MISMATCH] = {{"名称与证件不一致", "The name is not the credential's"},
                             {"该证件号码已以其他名称登记，请填写证件上的名称。",
                              "This number is registered under another name; enter the name as on "
                              "the credential."}},
    [ORDER_NOT_OFFERED] = {{"不能办理此业务", "This business is not possible here"},
                           {"此证书或主体不符合本平台办理条件。",
                            "The portal's rules do not allow it for this certificate or "
                            "subject."}},
    [ORDER_METHOD_NOT_OFFERED] = {{"不支持此方式", "Not in this way"},
                                  {"请选择本平台提供的方式。",
                                   "Choose one of the ways that are offered."}},
    [ORDER_DOCUMENT_REFUSED] = {{"材料不符合要求", "The document is not accepted"},
                                {"请按提示重新上传。", "Upload it again as it is said there."}},
    [ORDER_NOT_SEEN] = {{"尚有材料未查看", "Not every document has been looked at"},
                        {"请查看全部材料后再审核。", "Look at every document before approving."}},
    [ORDER_REASON_NEEDED] = {{"缺少必要说明", "Something must be said"},
                             {"请填写原因、物流单号或交易号。",
                              "Give the reason, the parcel's or the transaction's number."}},
    [ORDER_PAYER_MISMATCH] = {{"付款人与申请人不一致", "The payer is not the applicant"},
                              {"请以申请单位名义重新转账。",
                               "Transfer the money from the applicant's own account."}},
    [ORDER_SESSION_NEEDED] = {{"请先登录", "Log in first"},
                              {"请使用 UKey 登录。", "Log in with your UKey."}},
    [ORDER_SESSION_INVALID] = {{"登录已失效", "Your session has ended"},
                               {"请重新使用 UKey 登录，订单不会丢失。",
                                "Log in with your UKey again; your order is kept."}},
    [ORDER_NONCE_INVALID] = {{"签名已过期或已使用", "The signature is too old or was used before"},
                             {"请重新签名。", "Please sign again."}},
    [ORDER_ASSERTION_INVALID] = {{"签名验证失败", "The signature does not verify"},
                                 {"登录签名无效，请重试。",
                                  "The login signature is not valid; please try again."}},
    [ORDER_ORIGIN_REFUSED] = {{"网站未获许可", "This site may not use the service"},
                              {"签名来自未登记的网站。",
                               "The signature was made for a site that is not registered."}},
    [ORDER_CERTIFICATE_UNKNOWN] = {{"未知证书", "Unknown certificate"},
                                   {"没有这张证书的记录，请确认所选的服务机构。",
                                    "This service has no record of the certificate."}},
    [ORDER_CERTIFICATE_UNTRUSTED] = {{"证书不受信任", "The certificate is not trusted"},
                                     {"证书不是由本机构签发。",
                                      "The certificate does not come from this CA."}},
    [ORDER_CERTIFICATE_HELD] = {{"证书已冻结", "The certificate is on hold"},
                                {"请先恢复证书。", "Lift the hold first."}},
    [ORDER_CERTIFICATE_REVOKED] = {{"证书已撤销", "The certificate has been revoked"},
                                   {"请申请新办或补办。",
                                    "Apply for a new certificate or a replacement."}},
    [ORDER_CERTIFICATE_SUPERSEDED] = {{"证书已更新", "The certificate has been renewed"},
                                      {"请使用新证书。", "Use the new certificate."}},
    [ORDER_CERTIFICATE_EXPIRED] =
        {{"证书过期过久", "The certificate expired too long ago"},
         {"证书过期已超过 365 天，请申请新办或补办。",
          "It expired more than 365 days ago; apply for a new certificate or a replacement."}},
    [ORDER_CERTIFICATE_NOT_FOR_SIGNING] = {{"不是签名证书", "Not a signing certificate"},
                                           {"请使用签名证书。", "Use the signing certificate."}},
    [ORDER_KIND_UNKNOWN] = {{"没有这种业务", "No such business"},
                            {"本平台不办理这种业务。", "This portal does not offer it."}},
    [ORDER_RENEWAL_TOO_EARLY] = {{"未到更新时间", "Too early to renew"},
                                 {"证书剩余有效期少于 90 天时才能更新。",
                                  "A certificate can be renewed when fewer than 90 days remain."}},
    [ORDER_RENEWAL_TOO_LATE] =
        {{"已超过更新期限", "Too late to renew"},
         {"证书过期已超过 365 天，请申请新办或补办。",
          "It expired more than 365 days ago; apply for a new certificate or a replacement."}},
    [ORDER_OPEN_EXISTS] = {{"已有未完成的订单", "There is an unfinished order"},
                           {"请继续办理或先取消未完成的订单。",
                            "Continue the unfinished order or cancel it first."}},
    [ORDER_STATEMENT_INVALID] =
        {{"确认内容不符", "The confirmation is not the one asked for"},
         {"签名的内容与订单不一致，请重新确认。",
          "What was signed is not what the order says; please confirm again."}},
    [ORDER_SIGNER_MISMATCH] = {{"签名证书不符", "Signed by another certificate"},
                               {"请使用本订单对应的 UKey 签名。",
                                "Sign with the UKey that this order is for."}},
    [ORDER_CHANNEL_UNKNOWN] = {{"不支持的支付方式", "Unknown way of payment"},
                               {"请选择支付宝或微信。", "Choose Alipay or WeChat."}},
    [ORDER_CALLBACK_REFUSED] = {{"通知被拒绝", "The notice is refused"},
                                {"签名无效。", "Its signature is not valid."}},
    [ORDER_PAYMENT_MISMATCH] = {{"支付不符", "The payment does not match"},
                                {"没有这笔支付，或金额不一致。",
                                 "There is no such payment, or its amount differs."}},
    [ORDER_WRONG_TOKEN] = {{"UKey 不符", "Not the UKey of this order"},
                           {"请插入本订单对应的 UKey。",
                            "Plug in the UKey that this order is for."}},
    [ORDER_TASK_NOT_LEASED] = {{"任务未领取或已超时", "The task is not claimed or has timed out"},
                               {"请重新领取任务后继续。", "Claim the task again, then go on."}},
    [ORDER_CSR_INVALID] = {{"证书请求无效", "The certificate request is not valid"},
                           {"证书请求格式或签名不正确。",
                            "The request is malformed or its signature does not verify."}},
    [ORDER_CSR_KEY_REUSED] = {{"密钥未更换", "The key is not a new one"},
                              {"更新证书必须使用新的密钥对。", "A renewal needs a new key pair."}},
    [ORDER_CONTINUITY_INVALID] =
        {{"原密钥签名无效", "The present key's signature is not valid"},
         {"需要原证书密钥的签名。",
          "The request must be signed by the present certificate's key, too."}},
    [ORDER_PROOF_INVALID] = {{"新密钥签名无效", "The new key's proof is not valid"},
                             {"新证书尚未启用，旧证书仍可使用。",
                              "The new certificate is not in force; the present one still works."}},
    [ORDER_STEP_UNKNOWN] = {{"没有此步骤", "No such step"},
                            {"任务文件中没有这个步骤。", "The task document does not name it."}},
    [ORDER_STEP_OUT_OF_ORDER] = {{"步骤顺序不符", "Out of order"},
                                 {"请先报告前面的步骤。", "Report the steps before it first."}},
    [ORDER_UNLOCK_UNKNOWN] = {{"无法远程解锁", "This UKey cannot be unlocked remotely"},
                              {"服务没有这把 UKey 的解锁密钥，请联系服务点。",
                               "The service keeps no unlock key for it; ask the service point."}},
    [ORDER_CHALLENGE_USED] = {{"挑战值已使用", "The challenge was used"},
                              {"请让 UKey 重新生成挑战值。", "Let the UKey make a new challenge."}},
    [ORDER_CHALLENGE_STALE] = {{"应答已过期", "The answer is over"},
                               {"请让 UKey 重新生成挑战值。",
                                "Let the UKey make a new challenge."}},
    [ORDER_UNLOCK_TRIES] = {{"解锁次数已用完", "Too many answers were given"},
                            {"订单已转人工处理。", "An operator decides what comes next."}},
    [ORDER_NOTHING_TO_RECOVER] = {{"没有可恢复的密钥", "There is no key to recover"},
                                  {"密钥管理中心没有托管该加密密钥。",
                                   "The key management centre keeps no such encryption key."}},
    [ORDER_RECOVERY_REFUSED] =
        {{"密钥管理中心拒绝恢复", "The key is not given out"},
         {"批准不足或已过期，或密钥已恢复到另一把 UKey，请重新申请。",
          "Approvals are missing or too old, or it was given to another key; "
          "apply again."}},
    [ORDER_TOKEN_STATE] = {{"UKey 状态不允许", "The UKey's state does not allow this"},
                           {"请联系服务点。", "Ask the service point."}},
};

const char *text_get(enum text text, enum language language) {
    return texts[text][language];
}

void text_replace(const char *template, const char *name, const char *value, char *out,
                  size_t size) {
    char mark[32];
    snprintf(mark, sizeof mark, "{%s}", name);
    const char *at = strstr(template, mark);
    int len = at == NULL ? snprintf(out, size, "%s", template)
                         : snprintf(out, size, "%.*s%s%s", (int)(at - template), template, value,
                                    at + strlen(mark));
    if (len > 0 && (size_t)len >= size) {
        size_t end = strlen(out);
        /* do not leave half a UTF-8 character behind */
        while (end > 0 && ((unsigned char)out[end - 1] & 0xc0) == 0x80) {
            end--;
        }
        out[end > 0 ? end - 1 : 0] = '\0';
    }
}

void text_fill(enum text text, enum language language, const char *name, const char *value,
               char *out, size_t size) {
    text_replace(texts[text][language], name, value, out, size);
}

const char *text_state(enum order_state state, enum language language) {
    return states[state][language];
}

const char *text_kind(enum order_kind kind, enum language language) {
    return kinds[kind][language];
}

const char *text_gate(enum gate gate, enum language language) {
    return gates[gate][language];
}

const char *text_error_title(enum order_error error, enum language language) {
    return errors[error].title[language];
}

const char *text_error_detail(enum order_error error, enum language language) {
    return errors[error].detail[language];
}

const char *language_tag(enum language language) {
    return language == LANGUAGE_ZH ? "zh-CN" : "en";
}

enum language language_of(const char *tag) {
    return strncmp(tag, "zh", 2) == 0 ? LANGUAGE_ZH : LANGUAGE_EN;
}

void text_yuan(int64_t fen, char out[24]) {
    snprintf(out, 24, "%" PRId64 ".%02" PRId64, fen / 100, fen % 100);
}
