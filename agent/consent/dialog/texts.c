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
    [TEXT_DAYS_LEFT] = {"（还有 # 天）", " (# days left)"},
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
    [TEXT_ABOUT] = {"事由", "Subject"},
    [TEXT_ESCAPED_PLAIN] = {"注意：内容含有不可见字符或控制字符，显示为 \\u{…}。",
                            "Note: invisible or control characters are shown as \\u{…}."},
    [TEXT_BACKSLASH] = {"内容中原有的反斜杠显示为两个：\\\\",
                        "A backslash that was written by somebody is shown twice: \\\\"},
    [TEXT_ANSWERS] = {"可以输入的答复：", "What you can answer:"},
    [TEXT_ONCE] = {"（仅此一次）", " (this time)"},
    [TEXT_FOR_GOOD] = {"（记住对此网站的选择）", " (and remember that for this website)"},
    [TEXT_READ_ON] = {"空格：下一页。b：上一页。no 加回车：拒绝。",
                      "Space: next page. b: back. no + Enter: refuse."},
    [TEXT_DECIDE] = {"已显示全部内容。请输入答复并按回车。b：上一页。",
                     "This is the end. Type your answer and Enter. b: back."},
    [TEXT_UNKNOWN] = {"没有这个答复。", "That is not one of the answers."},
    [TEXT_TOO_SMALL] =
        {"终端窗口太小：请放大到至少 20 列 6 行。Esc：拒绝。",
         "The terminal is too small: 20 columns and 6 rows are needed. Esc: refuse."},
    [TEXT_AGREED] = {"已同意。", "You have agreed."},
    [TEXT_REFUSED] = {"已拒绝。", "You have refused."},
    [TEXT_WITHDRAWN] = {"请求已撤回。", "The request has been withdrawn."},
    [TEXT_NO_TERMINAL] = {"没有可用的终端，无法显示确认内容", "there is no terminal to ask on"},
    [TEXT_USAGE_TTY] =
        {"用法：ukey-consent-tty [--tty 设备] [--type 类型] <请求.json >答复.json\n"
         "在文字终端上显示一份 JSON 请求（标准输入），写出用户的决定 "
         "{\"decision\":\"agree\"|\"refuse\"}（标准输出）。\n"
         "选项：\n"
         "  --tty 设备    所用终端（默认 /dev/tty）\n"
         "  --type 类型   终端类型（默认 $TERM）；dumb：不加反显标记\n"
         "  --help --version\n"
         "退出状态：0 已决定，1 请求有误，2 用法错误，3 没有终端\n",
         "usage: ukey-consent-tty [--tty DEVICE] [--type TYPE] <request.json >answer.json\n"
         "Shows a JSON request (standard input) on a text terminal and writes the person's "
         "decision\n"
         "{\"decision\":\"agree\"|\"refuse\"} (standard output).\n"
         "options:\n"
         "  --tty DEVICE  the terminal (default /dev/tty)\n"
         "  --type TYPE   its terminfo name (default $TERM); dumb: no reverse video\n"
         "  --help --version\n"
         "exit status: 0 decided, 1 bad request, 2 bad usage, 3 no terminal\n"},
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
