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
        {"ukey: looks at keys; makes keys in a known state, and the CA that certifies them\n"
         "\n"
         "  ukey list [--json]\n"
         "      The keys that are plugged in.\n"
         "  ukey show [KEY] [--json]\n"
         "      What is on them: PIN tries, certificates, files. KEY is a serial number, its end, "
         "or a label.\n"
         "  ukey doctor [--json]\n"
         "      What may keep keys from working on this computer, and what to do about it.\n"
         "      --module FILE    PKCS#11 module, for all three (default: ../lib/openukey-pkcs11.so "
         "from here)\n"
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
         "  ukey ca init DIR [--algorithm SM2|P-256|RSA-2048] [--clock TIME] [--name NAME]\n"
         "      Makes root CA, issuing CA, OCSP responder, seal maker and KMC; what is there "
         "already\n"
         "      stays. One directory holds one CA, of one algorithm; default: SM2.\n"
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
         "ukey：查看 UKey；制作处于已知状态的 UKey，以及为其签发证书的 CA\n"
         "\n"
         "  ukey list [--json]\n"
         "      列出已插入的 UKey。\n"
         "  ukey show [UKey] [--json]\n"
         "      显示其内容：口令剩余次数、证书、文件。UKey 为序列号、序列号末尾或标签。\n"
         "  ukey doctor [--json]\n"
         "      检查本机上妨碍 UKey 工作的问题，并给出处理办法。\n"
         "      --module 文件    以上三者所用的 PKCS#11 模块（默认为本程序目录的 "
         "../lib/openukey-pkcs11.so）\n"
         "  ukey provision 配置.json --ca 目录 --out 镜像 [--manifest 文件] [--clock 时间]\n"
         "                 [--sim 程序] [--module 文件]\n"
         "      按配置制作一个模拟 UKey：口令、密钥对、证书、印章。\n"
         "      --ca 目录        CA 所在目录（见 ukey ca init）\n"
         "      --out 镜像       供 ukey-sim run 使用的镜像；要么完整写出，要么不写\n"
         "      --manifest 文件  该 UKey 的公开信息，供 ukey-orderd import 使用\n"
         "      --clock 时间     计算日期所用的当前时间，如 2026-01-31T12:00:00+08:00\n"
         "      --sim 程序       ukey-sim（默认与本程序同目录）\n"
         "      --module 文件    PKCS#11 模块（默认为本程序目录的 ../lib/openukey-pkcs11.so）\n"
         "  ukey ca init 目录 [--algorithm SM2|P-256|RSA-2048] [--clock 时间] [--name 名称]\n"
         "      创建根 CA、签发 CA、OCSP 响应者、制章者和密钥管理中心；已有的保持不变。\n"
         "      一个目录只有一个 CA，使用一种算法；默认为 SM2。\n"
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
    [TEXT_BAD_ALGORITHM] = {"\"{1}\" is none of SM2, P-256, RSA-2048.",
                            "“{1}”不是 SM2、P-256、RSA-2048 之一。"},
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
    [TEXT_NO_KEYS] = {"no key is plugged in; \"ukey doctor\" looks for the reason.",
                      "没有插入任何 UKey；可用“ukey doctor”查找原因。"},
    [TEXT_NO_SUCH_KEY] = {"no key that is plugged in has the serial number or label \"{1}\".",
                          "插入的 UKey 中没有序列号或标签为“{1}”的。"},
    [TEXT_LIST] = {"PIN tries {1}, certificates {2}", "口令剩余次数 {1}，证书 {2} 张"},
    [TEXT_SHOW_KEY] = {"{1}", "{1}"},
    [TEXT_SHOW_SERIAL] = {"  serial number   {1}", "  序列号          {1}"},
    [TEXT_SHOW_READER] = {"  reader          {1}", "  读卡器          {1}"},
    [TEXT_SHOW_MAKER] = {"  manufacturer    {1}", "  厂商            {1}"},
    [TEXT_SHOW_MODEL] = {"  model           {1}", "  型号            {1}"},
    [TEXT_SHOW_ERROR] = {"  cannot be read  {1}", "  无法读取        {1}"},
    [TEXT_SHOW_BLANK] = {"  not initialised", "  尚未初始化"},
    [TEXT_SHOW_PIN] = {"  PIN tries       {1}", "  口令剩余次数    {1}"},
    [TEXT_SHOW_SO_PIN] = {"  admin PIN tries {1}", "  管理员口令剩余  {1}"},
    [TEXT_SHOW_CERTIFICATE] = {"  certificate \"{1}\"", "  证书“{1}”"},
    [TEXT_SHOW_KIND] = {"    use           {1}", "    用途          {1}"},
    [TEXT_SHOW_SUBJECT] = {"    subject       {1}", "    主体          {1}"},
    [TEXT_SHOW_ISSUER] = {"    issuer        {1}", "    颁发者        {1}"},
    [TEXT_SHOW_CERT_SERIAL] = {"    serial number {1}", "    序列号        {1}"},
    [TEXT_SHOW_ID] = {"    CKA_ID        {1}", "    CKA_ID        {1}"},
    [TEXT_SHOW_VALID] = {"    valid until   {1} ({2} days left)",
                         "    有效期至      {1}（还有 {2} 天）"},
    [TEXT_SHOW_EXPIRED] = {"    expired       {1} ({2} days ago)",
                           "    已过期        {1}（{2} 天前）"},
    [TEXT_SHOW_FILE] = {"  file \"{1}\"", "  文件“{1}”"},
    [TEXT_MARK_OK] = {"ok       {1}", "正常  {1}"},
    [TEXT_MARK_NOTE] = {"note     {1}", "提示  {1}"},
    [TEXT_MARK_WARNING] = {"WARNING  {1}", "警告  {1}"},
    [TEXT_MARK_ERROR] = {"ERROR    {1}", "错误  {1}"},
    [TEXT_MARK_TODO] = {"         -> {1}", "      → {1}"},
    [TEXT_DOCTOR_CLOCK] = {"the clock says {1}", "时钟为 {1}"},
    [TEXT_DOCTOR_CLOCK_BAD] =
        {"the clock says {1}, which cannot be: certificates look not yet valid",
         "时钟为 {1}，这不可能：证书会显得尚未生效"},
    [TEXT_TODO_CLOCK] = {"set the clock (timedatectl set-ntp true)",
                         "请校准时钟（timedatectl set-ntp true）"},
    [TEXT_DOCTOR_PCSCD] = {"pcscd answers at {1}", "pcscd 在 {1} 应答"},
    [TEXT_DOCTOR_NO_PCSCD] =
        {"pcscd is not there ({1}): keys are looked for on the USB bus without it",
         "没有 pcscd（{1}）：直接在 USB 总线上查找 UKey"},
    [TEXT_TODO_NO_PCSCD] =
        {"if other programs shall use the reader as well: apt install pcscd, then systemctl enable "
         "--now pcscd.socket",
         "如需其他程序同时使用读卡器：apt install pcscd，然后 systemctl enable --now pcscd.socket"},
    [TEXT_DOCTOR_PCSCD_DEAD] = {"there is a socket of pcscd, but nobody answers ({1})",
                                "存在 pcscd 的套接字，但无人应答（{1}）"},
    [TEXT_TODO_PCSCD_DEAD] = {"systemctl restart pcscd.socket pcscd; if you do not need pcscd, set "
                              "\"usb = on\" and \"pcsc = off\" in openukey.conf",
                              "执行 systemctl restart pcscd.socket pcscd；如不需要 pcscd，在 "
                              "openukey.conf 中设置“usb = on”和“pcsc = off”"},
    [TEXT_DOCTOR_READER] = {"USB reader {1}: may be used", "USB 读卡器 {1}：可以使用"},
    [TEXT_DOCTOR_READER_PCSCD] = {"USB reader {1}: is pcscd's", "USB 读卡器 {1}：由 pcscd 管理"},
    [TEXT_DOCTOR_READER_DENIED] = {"USB reader {1}: no permission for {2}",
                                   "USB 读卡器 {1}：没有访问 {2} 的权限"},
    [TEXT_TODO_READER_DENIED] = {"install the udev rules (make install; udevadm control --reload; "
                                 "udevadm trigger) and plug the key in again",
                                 "安装 udev 规则（make install；udevadm control --reload；udevadm "
                                 "trigger）后重新插入 UKey"},
    [TEXT_DOCTOR_P11_KIT] = {"p11-kit knows the module: {1}", "p11-kit 已登记本模块：{1}"},
    [TEXT_DOCTOR_NO_P11_KIT] =
        {"p11-kit does not know the module: GnuTLS and desktop programs do not see the keys",
         "p11-kit 未登记本模块：GnuTLS 和桌面程序看不到 UKey"},
    [TEXT_DOCTOR_P11_KIT_STALE] = {"p11-kit knows a module that is not there: {1}",
                                   "p11-kit 登记的模块不存在：{1}"},
    [TEXT_TODO_P11_KIT] =
        {"make install puts its module file, openukey.module, into /usr/share/p11-kit/modules",
         "make install 会把模块文件 openukey.module 放入 /usr/share/p11-kit/modules"},
    [TEXT_DOCTOR_MODULE] = {"the module loads: {1}", "模块可以加载：{1}"},
    [TEXT_DOCTOR_MODULE_BAD] = {"the module cannot be used: {1} {2}", "模块无法使用：{1} {2}"},
    [TEXT_TODO_MODULE] = {"name the right file with --module, or install again",
                          "用 --module 指定正确的文件，或重新安装"},
    [TEXT_DOCTOR_NO_KEYS] = {"no key is plugged in", "没有插入 UKey"},
    [TEXT_TODO_NO_KEYS] = {"plug one in; if it is, look at the readers above, and at "
                           "\"pcsc-readers\" and \"usb-readers\" in openukey.conf",
                           "请插入 UKey；如已插入，请检查上面的读卡器以及 openukey.conf "
                           "中的“pcsc-readers”和“usb-readers”"},
    [TEXT_DOCTOR_KEY] = {"key {1}: nothing is wrong", "UKey {1}：没有问题"},
    [TEXT_DOCTOR_KEY_ERROR] = {"the card in {1} cannot be read ({2})",
                               "无法读取 {1} 中的卡（{2}）"},
    [TEXT_TODO_KEY_ERROR] =
        {"it may be another maker's; OPENUKEY_SPY=/tmp/spy ukey doctor writes down what it says",
         "可能是其他厂商的卡；用 OPENUKEY_SPY=/tmp/spy ukey doctor 可记录通信过程"},
    [TEXT_DOCTOR_KEY_BLANK] = {"the key in {1} is not initialised", "{1} 中的 UKey 尚未初始化"},
    [TEXT_TODO_KEY_BLANK] = {"its issuer does that; for tests: pkcs11-tool --init-token",
                             "由发行方初始化；测试可用 pkcs11-tool --init-token"},
    [TEXT_DOCTOR_PIN_LOCKED] = {"key {1}: the PIN is locked", "UKey {1}：口令已锁定"},
    [TEXT_TODO_PIN_LOCKED] =
        {"have it unlocked: remote unlock in the issuer's portal, or the admin PIN",
         "请解锁：通过发行方门户远程解锁，或使用管理员口令"},
    [TEXT_DOCTOR_PIN_FEW] = {"key {1}: only {2} PIN tries are left",
                             "UKey {1}：口令仅剩 {2} 次尝试机会"},
    [TEXT_DOCTOR_SO_PIN_FEW] = {"key {1}: only {2} tries of the admin PIN are left",
                                "UKey {1}：管理员口令仅剩 {2} 次尝试机会"},
    [TEXT_TODO_PIN_FEW] = {"the right PIN gives all tries back; do not guess",
                           "输入正确口令即可恢复全部次数；请勿猜测"},
    [TEXT_DOCTOR_SO_PIN_LOCKED] = {"key {1}: the admin PIN is locked",
                                   "UKey {1}：管理员口令已锁定"},
    [TEXT_TODO_SO_PIN_LOCKED] =
        {"the key works on, but a locked PIN could then only be unlocked by the issuer",
         "UKey 仍可使用，但口令锁定后只能由发行方解锁"},
    [TEXT_DOCTOR_PIN_MUST_CHANGE] = {"key {1}: the PIN must be changed before it opens anything",
                                     "UKey {1}：必须先修改口令才能使用"},
    [TEXT_DOCTOR_PIN_DEFAULT] = {"key {1}: the PIN is the one that it was given",
                                 "UKey {1}：口令仍为初始口令"},
    [TEXT_TODO_PIN_CHANGE] = {"change it: pkcs11-tool --change-pin, or the agent's page",
                              "请修改口令：pkcs11-tool --change-pin，或使用代理页面"},
    [TEXT_DOCTOR_EXPIRED] = {"the certificate of {1} expired {2} days ago",
                             "{1} 的证书已过期 {2} 天"},
    [TEXT_DOCTOR_EXPIRING] = {"the certificate of {1} expires in {2} days",
                              "{1} 的证书将在 {2} 天后过期"},
    [TEXT_TODO_RENEW] = {"renew it in the issuer's portal", "请在发行方门户办理续期"},
    [TEXT_DOCTOR_NOT_YET] = {"the certificate of {1} is not valid before {2}",
                             "{1} 的证书在 {2} 之前无效"},
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

char *text_make(enum text text, const char *a, const char *b) {
    char *out = NULL;
    size_t len;
    FILE *stream = open_memstream(&out, &len);
    if (stream == NULL)
        return NULL;
    print(stream, text, (const char *const[3]){a, b, NULL});
    if (fclose(stream) != 0) {
        free(out);
        return NULL;
    }
    out[len - 1] = '\0'; /* a text, not a line */
    return out;
}

void text_say(enum text text, const char *a, const char *b) {
    print(stdout, text, (const char *const[3]){a, b, NULL});
}

void text_complain(enum text text, const char *a, const char *b, const char *c) {
    fputs(chinese ? "ukey：" : "ukey: ", stderr);
    print(stderr, text, (const char *const[3]){a, b, c});
}
