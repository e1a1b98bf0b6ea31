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
    [WORD_NOT_SM2] = {"此证书不是 SM2 证书，不能用于国密签名。",
                      "This is not an SM2 certificate: it cannot make a GM signature."},
    [WORD_NOT_SIGNING] = {"此证书不是签名证书，或其签名密钥不在此 UKey 中。",
                          "This is not a signing certificate whose key is on this UKey."},
    [WORD_JOB_WRITES] =
        {"任务已经开始写入 UKey，不能再取消；请继续完成。",
         "The job has begun to write to the key and cannot be cancelled any more: let it go on."},
    [WORD_STEP_READ_KEY] = {"读取 UKey", "Read the key"},
    [WORD_STEP_MATCH] = {"核对证书", "Find the certificate to renew"},
    [WORD_STEP_CLAIM] = {"领取制证任务", "Claim the task"},
    [WORD_STEP_GENERATE] = {"在 UKey 内生成新密钥", "Make a new key pair inside the key"},
    [WORD_STEP_REQUEST] = {"生成证书请求", "Make the certificate request"},
    [WORD_STEP_SEND] = {"提交证书请求", "Send the request"},
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
