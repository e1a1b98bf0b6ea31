/* The catalogue of ukey's messages. */
#include "tools/ukey/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool chinese;

static const struct {
    const char *en, *zh;
} texts[TEXT_COUNT] = {
    [TEXT_HELP] =
        {"ukey: keys in a known state, and the CA that certifies them\n"
         "\n"
         "  ukey provision PROFILE.json --ca DIR --out IMAGE [--manifest FILE] [--clock TIME]\n"
         "                 [--sim PROGRAM] [--module FILE]\n"
         "      Makes a simulated key as the profile says: PINs, key pairs, certificates, seal.\n"
         "      --ca DIR         directory of the CA (see ukey ca init)\n"
         "      --out IMAGE      the key's image, for ukey-sim run; written whole or not at all\n"
         "      --manifest FILE  what is public about the key, for ukey-orderd import\n"
         "      --clock TIME     the present, as 2026-01-31T12:00:00+08:00, for the profile's "
         "days\n"
         "      --sim PROGRAM    ukey-sim (default: beside this program)\n"
         "      --module FILE    PKCS#11 module (default: ../lib/openukey-pkcs11.so from here)\n"
         "  ukey ca init DIR [--clock TIME] [--name NAME]\n"
         "      Makes root CA, issuing CA, seal maker and KMC; what is there already stays.\n"
         "  ukey sim exec [--profile NAME|FILE] [--tokens N] [--clock TIME] [--transport T] -- "
         "COMMAND...\n"
         "      Runs COMMAND with ready keys plugged in and cleans up after it; its exit status is "
         "ours.\n"
         "      --profile NAME   blank, org (default), org-expiring-30-days, org-expired-10-days,\n"
         "                       org-pin-one-left, org-pin-locked, person, four-containers, full\n"
         "      --tokens N       so many keys, with serial numbers of their own (default 1)\n"
         "      --transport T    socket (default), or vpcd:HOST:PORT: in the virtual readers of a "
         "pcscd\n"
         "      COMMAND's environment: OPENUKEY_MODULE, OPENUKEY_CONF, OPENUKEY_PIN, "
         "OPENUKEY_SO_PIN,\n"
         "      OPENUKEY_LABEL, OPENUKEY_SERIAL, OPENUKEY_CONTROL, OPENUKEY_CA, OPENUKEY_TOKENS\n"
         "  ukey --help | --version",
         "ukey：制作处于已知状态的 UKey，以及为其签发证书的 CA\n"
         "\n"
         "  ukey provision 配置.json --ca 目录 --out 镜像 [--manifest 文件] [--clock 时间]\n"
         "                 [--sim 程序] [--module 文件]\n"
         "      按配置制作一个模拟 UKey：口令、密钥对、证书、印章。\n"
         "      --ca 目录        CA 所在目录（见 ukey ca init）\n"
         "      --out 镜像       供 ukey-sim run 使用的镜像；要么完整写出，要么不写\n"
         "      --manifest 文件  该 UKey 的公开信息，供 ukey-orderd import 使用\n"
         "      --clock 时间     计算日期所用的当前时间，如 2026-01-31T12:00:00+08:00\n"
         "      --sim 程序       ukey-sim（默认与本程序同目录）\n"
         "      --module 文件    PKCS#11 模块（默认为本程序目录的 ../lib/openukey-pkcs11.so）\n"
         "  ukey ca init 目录 [--clock 时间] [--name 名称]\n"
         "      创建根 CA、签发 CA、制章者和密钥管理中心；已有的保持不变。\n"
         "  ukey sim exec [--profile 名称|文件] [--tokens N] [--clock 时间] [--transport T] -- "
         "命令...\n"
         "      插好现成的 UKey 后运行命令，结束后清理；退出状态即命令的退出状态。\n"
         "      --profile 名称   blank、org（默认）、org-expiring-30-days、org-expired-10-days、\n"
         "                       org-pin-one-left、org-pin-locked、person、four-containers、full\n"
         "      --tokens N       UKey 个数，序列号各不相同（默认 1）\n"
         "      --transport T    socket（默认），或 vpcd:主机:端口（pcscd 的虚拟读卡器）\n"
         "      命令的环境变量：OPENUKEY_MODULE、OPENUKEY_CONF、OPENUKEY_PIN、OPENUKEY_SO_PIN、\n"
         "      OPENUKEY_LABEL、OPENUKEY_SERIAL、OPENUKEY_CONTROL、OPENUKEY_CA、OPENUKEY_TOKENS\n"
         "  ukey --help | --version"},
    [TEXT_HINT] = {"Try \"ukey --help\".", "请参阅“ukey --help”。"},
    [TEXT_UNKNOWN_COMMAND] = {"unknown command \"{1}\".", "未知命令“{1}”。"},
    [TEXT_UNKNOWN_OPTION] = {"unknown option \"{1}\".", "未知选项“{1}”。"},
    [TEXT_OPTION_VALUE] = {"option \"{1}\" needs a value.", "选项“{1}”缺少值。"},
    [TEXT_ARGUMENT_MISSING] = {"{1} is missing.", "缺少 {1}。"},
    [TEXT_TOO_MANY_ARGUMENTS] = {"\"{1}\" is one argument too many.", "多余的参数“{1}”。"},
    [TEXT_BAD_TIME] = {"\"{1}\" is not a time like 2026-01-31T12:00:00+08:00.",
                       "“{1}”不是形如 2026-01-31T12:00:00+08:00 的时间。"},
    [TEXT_SYSTEM] = {"{1}: {2}.", "{1}：{2}。"},
    [TEXT_CA] = {"CA in {1}: {2}.", "{1} 中的 CA：{2}。"},
    [TEXT_CA_SYSTEM] = {"CA in {1}: {2}: {3}.", "{1} 中的 CA：{2}：{3}。"},
    [TEXT_CA_ABSENT] = {"there is no CA in {1}; make one with \"ukey ca init {1}\".",
                        "{1} 中没有 CA；请先执行“ukey ca init {1}”。"},
    [TEXT_CA_READY] = {"CA ready in {1}", "CA 已就绪：{1}"},
    [TEXT_PROFILE_JSON] = {"{1} cannot be read as JSON: {2}.", "{1} 不是有效的 JSON：{2}。"},
    [TEXT_PROFILE_MEMBER] = {"{1}: \"{2}\" is missing or not as it should be.",
                             "{1}：“{2}”缺失或不符合要求。"},
    [TEXT_PROFILE_UNKNOWN] = {"{1}: unknown member \"{2}\".", "{1}：未知成员“{2}”。"},
    [TEXT_SIMULATOR] = {"{1} failed: {2}", "{1} 运行失败：{2}"},
    [TEXT_SIMULATOR_LATE] = {"{1} did not become ready.", "{1} 未能就绪。"},
    [TEXT_MODULE_LOAD] = {"the PKCS#11 module cannot be loaded: {1}.",
                          "无法加载 PKCS#11 模块：{1}。"},
    [TEXT_NOT_A_MODULE] = {"{1} is not the OpenUKey PKCS#11 module.",
                           "{1} 不是 OpenUKey 的 PKCS#11 模块。"},
    [TEXT_NO_KEY] = {"{1} does not see the simulated key.", "{1} 未找到模拟 UKey。"},
    [TEXT_CRYPTOKI] = {"{1}: {2}.", "{1}：{2}。"},
    [TEXT_FORMATS] = {"{1}: {2}.", "{1}：{2}。"},
    [TEXT_NOT_AS_WRITTEN] = {"what the key gives back is not what was written: {1}.",
                             "从 UKey 读回的内容与写入的不一致：{1}。"},
    [TEXT_SEAL_PICTURE] = {"no seal picture could be made for \"{1}\".",
                           "无法为“{1}”制作印章图片。"},
    [TEXT_PROFILE_NAME] = {"there is no profile or file \"{1}\".", "没有名为“{1}”的配置或文件。"},
    [TEXT_COMMAND_MISSING] = {"no command behind \"--\".", "“--”之后缺少命令。"},
    [TEXT_BAD_COUNT] = {"\"{1}\" is not a number of keys from 1 to 100.",
                        "“{1}”不是 1 至 100 的 UKey 个数。"},
    [TEXT_BAD_TRANSPORT] = {"\"{1}\" is neither \"socket\" nor \"vpcd:HOST:PORT\".",
                            "“{1}”既不是“socket”也不是“vpcd:主机:端口”。"},
    [TEXT_CACHE] = {"the cache in {1}: {2}.", "缓存目录 {1}：{2}。"},
    [TEXT_PROVISIONED] = {"{1}: key {2}", "{1}：UKey {2}"},
};

void text_init(void) {
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0') {
            chinese = strncmp(value, "zh", 2) == 0;
            return;
        }
    }
}

static void print(FILE *out, enum text text, const char *const arguments[3]) {
    for (const char *p = chinese ? texts[text].zh : texts[text].en; *p != '\0'; p++) {
        if (p[0] == '{' && p[1] >= '1' && p[1] <= '3' && p[2] == '}') {
            const char *argument = arguments[p[1] - '1'];
            fputs(argument != NULL ? argument : "", out);
            p += 2;
        } else {
            putc(*p, out);
        }
    }
    putc('\n', out);
}

void text_say(enum text text, const char *a, const char *b) {
    print(stdout, text, (const char *const[3]){a, b, NULL});
}

void text_complain(enum text text, const char *a, const char *b, const char *c) {
    fputs(chinese ? "ukey：" : "ukey: ", stderr);
    print(stderr, text, (const char *const[3]){a, b, c});
}
