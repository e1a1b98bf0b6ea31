/* The catalogue. */
#include "agent/consent/dialog/texts.h"

static const struct {
    const char *zh, *en;
} texts[TEXT_COUNT] = {
    [TEXT_WINDOW] = {"UKey 确认", "UKey confirmation"},
    [TEXT_WINDOW_WAITS] = {"UKey 确认（请先阅读）", "UKey confirmation (please read)"},
    [TEXT_ORIGIN] = {"请求网站", "Website"},
    [TEXT_CERTIFICATE] = {"所用证书", "Certificate"},
    [TEXT_ISSUER] = {"颁发者", "Issued by"},
    [TEXT_NOT_AFTER] = {"有效期至", "Valid until"},
    [TEXT_DAYS_LEFT] = {"（还有 %s 天）", " (%s days left)"},
    [TEXT_LAST_DAY] = {"（今天到期）", " (expires today)"},
    [TEXT_EXPIRED] = {"（已过期）", " (expired)"},
    [TEXT_USAGE_OF] = {"证书用途", "Used for"},
    [TEXT_USAGE_SIGN] = {"签名", "Signing"},
    [TEXT_USAGE_ENCRYPT] = {"加密", "Encryption"},
    [TEXT_USAGE_BOTH] = {"签名和加密", "Signing and encryption"},
    [TEXT_TOKEN] = {"UKey", "Key"},
    [TEXT_CONTENT] = {"确认内容", "What you are asked to agree to"},
    [TEXT_CONTENT_HELP] = {"请阅读到末尾。空格键或 Page Down 键向下翻页。",
                           "Read to the end. Space or Page Down shows the next page."},
    [TEXT_SCROLL] = {"请向下阅读到末尾后再确认", "Read to the end before you agree"},
    [TEXT_SEEN] = {"已显示全部内容", "Everything has been shown"},
    [TEXT_ESCAPED] =
        {"注意：内容含有不可见字符或控制字符，已用底色标出并显示为 \\u{…}",
         "Note: invisible or control characters are shown as \\u{…} on a coloured ground"},
    [TEXT_REMEMBER] = {"记住对此网站的选择", "Remember my choice for this website"},
    [TEXT_AGREE] = {"同意", "Agree"},
    [TEXT_REFUSE] = {"拒绝", "Refuse"},
    [TEXT_NO_DISPLAY] = {"ukey-consent：没有可用的图形界面，无法显示确认窗口",
                         "ukey-consent: there is no display to show the confirmation on"},
    [TEXT_USAGE] = {"用法：ukey-consent <请求.json >答复.json\n"
                    "显示一份 JSON 请求（标准输入），写出用户的决定 "
                    "{\"decision\":\"agree\"|\"refuse\"}（标准输出）。\n"
                    "选项：--help --version\n"
                    "退出状态：0 已决定，1 请求有误，2 用法错误，3 没有图形界面\n",
                    "usage: ukey-consent <request.json >answer.json\n"
                    "Shows a JSON request (standard input) and writes the person's decision\n"
                    "{\"decision\":\"agree\"|\"refuse\"} (standard output).\n"
                    "options: --help --version\n"
                    "exit status: 0 decided, 1 bad request, 2 bad usage, 3 no display\n"},
};

const char *dialog_text(enum dialog_text text, bool chinese) {
    return chinese ? texts[text].zh : texts[text].en;
}
