/* The catalogue. */
#include "agent/api/words.h"

#include <string.h>

static const char *const words[WORD_COUNT][2] = {
    [WORD_PIN_TITLE] = {"验证 UKey 密码", "UKey PIN"},
    [WORD_PIN_DESCRIPTION] = {"网站 {1} 请求使用您的 UKey。\nUKey：{2}\n序列号：{3}",
                              "The website {1} asks to use your UKey.\nKey: {2}\nSerial: {3}"},
    [WORD_PIN_TRIES] = {"\n还可尝试 {1} 次", "\nTries left: {1}"},
    [WORD_PIN_PROMPT] = {"UKey 密码：", "PIN:"},
    [WORD_PIN_LENGTH] = {"密码长度应为 {1} 至 {2} 位", "The PIN has {1} to {2} characters"},
    [WORD_PIN_CHANGE_TITLE] = {"修改 UKey 密码", "Change the UKey PIN"},
    [WORD_PIN_CURRENT_PROMPT] = {"当前密码：", "Current PIN:"},
    [WORD_PIN_NEW_PROMPT] = {"新密码：", "New PIN:"},
    [WORD_PIN_REPEAT_PROMPT] = {"再次输入新密码：", "New PIN again:"},
    [WORD_PIN_DIFFERENT] = {"两次输入的新密码不一致，请重新输入",
                            "The two new PINs differ: try again"},
    [WORD_PIN_SAME] = {"新密码不能与当前密码相同",
                       "The new PIN is the current one: choose another"},
    [WORD_PIN_WAIT] = {"密码多次错误，请稍后再试。",
                       "The PIN was wrong several times: wait before the next try."},
    [WORD_OK] = {"确定", "OK"},
    [WORD_CANCEL] = {"取消", "Cancel"},
    [WORD_REFUSE] = {"拒绝", "Refuse"},
    [WORD_STATEMENT_MESSAGE] = {"请核对以下内容。同意后将用您的 UKey 对其签名。",
                                "Check what follows. If you agree, your UKey signs it."},
    [WORD_STATEMENT_AGREE] = {"同意并签名", "Agree and sign"},
    [WORD_LOGIN_TITLE] = {"用 UKey 登录", "Log in with your UKey"},
    [WORD_LOGIN_MESSAGE] = {"此网站请您用 UKey 登录以下服务。",
                            "The website asks you to log in to this service with your UKey."},
    [WORD_LOGIN_SERVICE] = {"服务", "Service"},
    [WORD_LOGIN_ORDER] = {"订单", "Order"},
    [WORD_LOGIN_AGREE] = {"登录", "Log in"},
    [WORD_PIN_UNSET] = {"此 UKey 尚未初始化，没有可验证的密码。",
                        "This key is not initialised: it has no PIN to verify."},
    [WORD_UNKNOWN_KEY] = {"此证书的密钥类型不受支持。",
                          "This certificate has a kind of key that is not supported."},
    [WORD_DOCUMENT_IS_OBJECT] =
        {"此内容是登录或确认用的对象，不能作为文件签名。",
         "This is an object of a login or a statement: it is not signed as a document."},
    [WORD_DOCUMENT_UNKNOWN] = {"文件未上传，或上传后已过期。",
                               "The document was not uploaded, or that was too long ago."},
    [WORD_DOCUMENT_NOT_HELD] =
        {"上传的文件只保留摘要，只能生成分离式 CMS 签名。",
         "Only digests of uploaded documents are kept: they get detached CMS signatures."},
    [WORD_FORMAT_NOT_OF_KEY] = {"此证书的密钥不能生成该格式的签名。",
                                "This certificate's key cannot make a signature of that format."},
    [WORD_RAW_OFF] = {"未获策略允许，不能直接对摘要签名。",
                      "Signing of bare digests is off: a policy must allow it."},
    [WORD_RAW_LOGIN_KEY] = {"此密钥用于登录，不能直接对摘要签名。",
                            "This key is used for logins: it signs no bare digests."},
    [WORD_DOCUMENT_TITLE] = {"文件签名", "Sign a document"},
    [WORD_DOCUMENT_MESSAGE] =
        {"此网站请您对以下文件签名。请确认这正是您要签署的文件。",
         "The website asks you to sign this document. Make sure that it is the one you mean."},
    [WORD_BATCH_TITLE] = {"批量签名：共 {1} 份文件", "Sign {1} documents"},
    [WORD_BATCH_MESSAGE] =
        {"此网站请您对以下全部文件签名。请逐一核对。",
         "The website asks you to sign all of these documents. Look at each of them."},
    [WORD_DOCUMENT_NAME] = {"文件名", "Name"},
    [WORD_DOCUMENT_SIZE] = {"大小", "Size"},
    [WORD_DOCUMENT_BYTES] = {"{1} 字节", "{1} bytes"},
    [WORD_DOCUMENT_DIGEST] = {"摘要（{1}）", "Digest ({1})"},
    [WORD_DECRYPT_TITLE] = {"解密数据", "Decrypt data"},
    [WORD_DECRYPT_MESSAGE] =
        {"此网站请您用 UKey 解密一份发给您的数据。同意后，此网站将看到其内容。",
         "The website asks to decrypt something that was sent to you. If you agree, the website "
         "sees its content."},
    [WORD_DECRYPT_AGREE] = {"同意并解密", "Agree and decrypt"},
    [WORD_SEAL_NAME] = {"电子印章", "Seal"},
    [WORD_STAMP_PLACE] = {"签章位置", "Place of the stamp"},
    [WORD_STAMP_TITLE] = {"加盖电子印章", "Stamp with your electronic seal"},
    [WORD_STAMP_MESSAGE] =
        {"此网站请您在以下文件上加盖电子印章。",
         "The website asks you to stamp this document with your electronic seal."},
    [WORD_STAMP_AGREE] = {"同意并盖章", "Agree and stamp"},
    [WORD_RAW_TITLE] = {"对摘要签名（内容未知）", "Sign a digest of unknown content"},
    [WORD_RAW_MESSAGE] =
        {"此网站请您对一个摘要签名，助手不知道它代表什么内容。只有在您完全信任此网站时才同意。",
         "The website asks you to sign a digest. Nobody here can tell what it stands for: agree "
         "only if you trust "
         "the site entirely."},
    [WORD_NOT_SIGNING] = {"此证书不是签名证书，或其签名密钥不在此 UKey 中。",
                          "This is not a signing certificate whose key is on this UKey."},
    [WORD_JOB_WRITES] =
        {"任务已经开始写入 UKey，不能再取消；请继续完成。",
         "The job has begun to write to the key and cannot be cancelled any more: let it go on."},
    [WORD_NOT_EMPTY_TITLE] = {"此 UKey 中已有数据，是否继续？",
                              "This key holds data already. Continue?"},
    [WORD_NOT_EMPTY_MESSAGE] =
        {"新证书将写入此 UKey，原有的证书、密钥和印章会保留。如果这不是您要使用的 UKey，请拒绝。",
         "New certificates are about to be written to this key. What is on it stays. Refuse if "
         "this "
         "is not the key that you mean."},
    [WORD_FIXED_PIN_TITLE] = {"重置 UKey 密码", "Reset the UKey PIN"},
    [WORD_FIXED_PIN_MESSAGE] =
        {"此 UKey 的密码将被重置为 12345678，使用前必须修改。",
         "The PIN of this key is about to be set to 12345678. It must be changed before use."},
    [WORD_UNLOCK_TITLE] = {"解锁 UKey：设置新密码", "Unlock the UKey: choose a new PIN"},
    [WORD_JOB_ORDER] = {"订单", "Order"},
    [WORD_JOB_HOLDS] = {"已有证书", "Certificate on it"},
    [WORD_JOB_AGREE] = {"继续", "Continue"},
    [WORD_STEP_READ_KEY] = {"读取 UKey", "Read the key"},
    [WORD_STEP_MATCH] = {"核对证书", "Match order and key"},
    [WORD_STEP_EMPTY] = {"检查 UKey 是否为空", "See whether the key is empty"},
    [WORD_STEP_CLAIM] = {"领取制证任务", "Claim the task"},
    [WORD_STEP_GENERATE] = {"在 UKey 内生成新密钥", "Make a new key pair inside the key"},
    [WORD_STEP_REQUEST] = {"生成证书请求", "Make the certificate request"},
    [WORD_STEP_SEND] = {"提交证书请求", "Send the request"},
    [WORD_STEP_RECOVER] = {"取回托管的加密密钥", "Fetch the escrowed encryption key"},
    [WORD_STEP_CHALLENGE] = {"UKey 生成解锁挑战", "Let the key make a challenge"},
    [WORD_STEP_SET_PIN] = {"设置新密码", "Set the new PIN"},
    [WORD_STEP_CHECK] = {"检查新证书", "Check the new certificates"},
    [WORD_STEP_UNWRAP] = {"导入加密密钥", "Import the encryption key"},
    [WORD_STEP_WRITE_CERTIFICATES] = {"写入证书", "Write the certificates"},
    [WORD_STEP_WRITE_SEAL] = {"写入电子印章", "Write the seal"},
    [WORD_STEP_READ_BACK] = {"回读核对", "Read back and compare"},
    [WORD_STEP_PROVE] = {"用新密钥签名验证", "Sign with the new key"},
    [WORD_STEP_CONFIRM] = {"向服务确认完成", "Confirm to the service"},
    [WORD_STEP_RETIRE] = {"停用旧签名密钥", "Retire the old signing key"},
};

const char *word_text(enum word word, enum http_language language) {
    return words[word][language == HTTP_LANGUAGE_ZH ? 0 : 1];
}

void word_fill(char *out, size_t size, enum word word, enum http_language language,
               const char *const values[3]) {
    size_t used = 0;
    for (const char *c = word_text(word, language); *c && used + 1 < size; c++) {
        if (c[0] == '{' && c[1] >= '1' && c[1] <= '3' && c[2] == '}') {
            size_t len = strlen(values[c[1] - '1']);
            if (len > size - 1 - used)
                len = size - 1 - used;
            memcpy(out + used, values[c[1] - '1'], len);
            used += len;
            c += 2;
        } else {
            out[used++] = *c;
        }
    }
    out[used] = '\0';
}
