/* The catalogue. */
#include "firmware-sim/ports/messages.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool chinese;

static const struct {
    const char *en, *zh;
} texts[MSG_COUNT] = {
    [MSG_HELP] =
        {"ukey-sim: a UKey in software\n"
         "\n"
         "  ukey-sim run [OPTION...] IMAGE...\n"
         "      Runs the keys whose flash are the images; prints \"ready SOCKET\" for each when "
         "hosts can\n"
         "      connect. With several images, the first --socket, --control, --usbredir belongs to "
         "the\n"
         "      first image, and so on.\n"
         "      --socket PATH      unix socket (default DIR/NAME.sock, NAME being IMAGE's without "
         "suffix)\n"
         "      --socket-dir DIR   default $XDG_RUNTIME_DIR/openukey, else /tmp/openukey-UID\n"
         "      --vpcd HOST:PORT   also a card in pcscd's virtual reader (vsmartcard-vpcd)\n"
         "      --usbredir PATH    also a USB device for QEMU: unix socket of the usbredir "
         "protocol\n"
         "      --control PATH     control socket: status, insert, remove, hold, release, "
         "power-cut, slow,\n"
         "                         fail, corrupt, trace, replay, snapshot, selftest\n"
         "      --seed HEX         reproducible random numbers, for tests alone: every key is "
         "known\n"
         "      --clock TIME       traces show this time of day and no durations, to be compared\n"
         "  ukey-sim usb [--socket PATH] [--control PATH] [--seed HEX] IMAGE -- COMMAND...\n"
         "      Runs COMMAND, which finds the key as a USB device (by umockdev).\n"
         "  ukey-sim format [--serial S] [--label L] [--manufacturer M]\n"
         "                  [--application gm|piv] [--layout A|B] IMAGE\n"
         "      Makes IMAGE a key as it leaves the factory. An existing key in it is erased.\n"
         "  ukey-sim fsck [--check] IMAGE\n"
         "      Looks for damage and restores the last good commit; keeps IMAGE.damaged.\n"
         "  ukey-sim snapshot IMAGE FILE | restore FILE IMAGE\n"
         "      Copies a key that is whole and not in use.\n"
         "  ukey-sim dump [--json [--secrets]] IMAGE\n"
         "      What is in it: objects and space; as JSON wear and contents too, of what is secret "
         "only\n"
         "      with --secrets.\n"
         "  ukey-sim selftest\n"
         "      Computes every known answer of the card, with times.\n"
         "  ukey-sim --help | --version\n"
         "\n"
         "Ending the process by SIGTERM is clean; SIGKILL is a power failure of the key.",
         "ukey-sim：软件模拟的 UKey\n"
         "\n"
         "  ukey-sim run [选项...] 镜像...\n"
         "      运行以各镜像为闪存的 UKey；可以连接时逐个输出“ready 套接字”。有多个镜像时，\n"
         "      第一个 --socket、--control、--usbredir 属于第一个镜像，依此类推。\n"
         "      --socket 路径       unix 套接字（默认 "
         "目录/名称.sock，名称为去掉后缀的镜像文件名）\n"
         "      --socket-dir 目录   默认 $XDG_RUNTIME_DIR/openukey，否则 /tmp/openukey-UID\n"
         "      --vpcd 主机:端口    同时作为 pcscd 虚拟读卡器（vsmartcard-vpcd）中的卡\n"
         "      --usbredir 路径     同时作为供 QEMU 使用的 USB 设备（usbredir 协议的 unix "
         "套接字）\n"
         "      --control 路径      "
         "控制套接字：status、insert、remove、hold、release、power-cut、slow、\n"
         "                          fail、corrupt、trace、replay、snapshot、selftest\n"
         "      --seed 十六进制     可重现的随机数，仅供测试：所有密钥均可预知\n"
         "      --clock 时间        跟踪记录显示该时间且不含耗时，便于比较\n"
         "  ukey-sim usb [--socket 路径] [--control 路径] [--seed 十六进制] 镜像 -- 命令...\n"
         "      运行命令，使其看到作为 USB 设备的 UKey（借助 umockdev）。\n"
         "  ukey-sim format [--serial 序列号] [--label 标签] [--manufacturer 厂商]\n"
         "                  [--application gm|piv] [--layout A|B] 镜像\n"
         "      把镜像制成出厂状态的 UKey；其中原有内容将被清除。\n"
         "  ukey-sim fsck [--check] 镜像\n"
         "      查找损坏并恢复到最后一次完好的提交；原文件保留为“镜像.damaged”。\n"
         "  ukey-sim snapshot 镜像 文件 | restore 文件 镜像\n"
         "      复制完好且未被使用的 UKey。\n"
         "  ukey-sim dump [--json [--secrets]] 镜像\n"
         "      列出其中的对象与空间；JSON 还含磨损与内容，机密内容仅在 --secrets 时输出。\n"
         "  ukey-sim selftest\n"
         "      计算卡的全部已知答案，并给出用时。\n"
         "  ukey-sim --help | --version\n"
         "\n"
         "用 SIGTERM 结束是正常退出；SIGKILL 等于 UKey 断电。"},
    [MSG_USAGE_HINT] = {"Try \"ukey-sim --help\".", "请参阅“ukey-sim --help”。"},
    [MSG_UNKNOWN_COMMAND] = {"ukey-sim: unknown command \"{1}\".", "ukey-sim：未知命令“{1}”。"},
    [MSG_UNKNOWN_OPTION] = {"ukey-sim: unknown option \"{1}\".", "ukey-sim：未知选项“{1}”。"},
    [MSG_OPTION_VALUE] = {"ukey-sim: option \"{1}\" needs a value.", "ukey-sim：选项“{1}”缺少值。"},
    [MSG_IMAGE_MISSING] = {"ukey-sim: no image named.", "ukey-sim：未指定镜像文件。"},
    [MSG_TOO_MANY_ARGUMENTS] = {"ukey-sim: \"{1}\" is one argument too many.",
                                "ukey-sim：多余的参数“{1}”。"},
    [MSG_TEXT_TOO_LONG] = {"ukey-sim: the value of \"{1}\" is empty or longer than {2} bytes.",
                           "ukey-sim：“{1}”的值为空或超过 {2} 字节。"},
    [MSG_UNKNOWN_APPLICATION] = {"ukey-sim: there is no application \"{1}\", only gm and piv.",
                                 "ukey-sim：没有应用“{1}”，只有 gm 和 piv。"},
    [MSG_UNKNOWN_LAYOUT] = {"ukey-sim: there is no layout \"{1}\", only A and B.",
                            "ukey-sim：没有布局“{1}”，只有 A 和 B。"},
    [MSG_BAD_SEED] = {"ukey-sim: the seed must be 2 to 128 hexadecimal digits, an even number.",
                      "ukey-sim：种子必须是 2 至 128 位（偶数位）十六进制数。"},
    [MSG_SEEDED] = {"ukey-sim: WARNING: --seed makes every random number and every key of this run "
                    "predictable. For tests only.",
                    "ukey-sim：警告：--seed 使本次运行的全部随机数和密钥可被预知，仅限测试使用。"},
    [MSG_SYSTEM] = {"ukey-sim: {1}: {2}.", "ukey-sim：{1}：{2}。"},
    [MSG_IN_USE] = {"ukey-sim: {1} is in use by another process.",
                    "ukey-sim：{1} 正被另一个进程使用。"},
    [MSG_NOT_AN_IMAGE] =
        {"ukey-sim: {1} is not a key image of this version (wrong size, truncated, "
         "or another kind of file).",
         "ukey-sim：{1} 不是本版本的 UKey 镜像（大小不符、被截断或属于其他文件）。"},
    [MSG_DAMAGED] = {"ukey-sim: {1} is damaged at flash page {2}; nothing was changed.",
                     "ukey-sim：{1} 的闪存第 {2} 页已损坏；未作任何改动。"},
    [MSG_NOT_OVERWRITTEN] = {"ukey-sim: {1} exists and is not a key image; it was left alone.",
                             "ukey-sim：{1} 已存在且不是 UKey 镜像，未改动。"},
    [MSG_NO_RANDOM] = {"ukey-sim: no random numbers from the system.",
                       "ukey-sim：无法从系统取得随机数。"},
    [MSG_SOCKET_IN_USE] = {"ukey-sim: another process answers at socket {1}.",
                           "ukey-sim：套接字 {1} 已有其他进程在应答。"},
    [MSG_BAD_TARGET] = {"ukey-sim: \"{1}\" is not HOST:PORT, or cannot be resolved.",
                        "ukey-sim：“{1}”不是“主机:端口”，或无法解析。"},
    [MSG_DIRECTORY] = {"ukey-sim: {1} is not a directory of yours alone ({2}).",
                       "ukey-sim：{1} 不是仅属于您的目录（{2}）。"},
    [MSG_TOO_MANY_VALUES] = {"ukey-sim: \"{1}\" is given more often than there are images.",
                             "ukey-sim：“{1}”的个数多于镜像个数。"},
    [MSG_DUMP_FORMAT] = {"ukey-sim: --secrets needs --json.", "ukey-sim：--secrets 需要 --json。"},
    [MSG_FSCK_SOUND] = {"{1}: sound; commit {2}.", "{1}：完好；提交 {2}。"},
    [MSG_FSCK_TRUNCATED] = {"{1}: the file ends within page {2}.", "{1}：文件在第 {2} 页处中断。"},
    [MSG_FSCK_PAGE] = {"{1}: page {2} is damaged.", "{1}：第 {2} 页已损坏。"},
    [MSG_FSCK_COMMIT] = {"{1}: the last good commit is {2}.", "{1}：最后一次完好的提交为 {2}。"},
    [MSG_FSCK_KEPT] = {"{1}: restored; the damaged image is {2}.",
                       "{1}：已恢复；损坏的镜像保留为 {2}。"},
    [MSG_FSCK_LOST] = {"ukey-sim: {1}: nothing can be restored; the file was left alone.",
                       "ukey-sim：{1}：无法恢复；文件未改动。"},
    [MSG_COMMAND_MISSING] = {"ukey-sim: no command behind \"--\".", "ukey-sim：“--”之后缺少命令。"},
    [MSG_NO_BRIDGE] =
        {"ukey-sim: {1} cannot be run: {2} (it is built where umockdev is installed).",
         "ukey-sim：无法运行 {1}：{2}（仅在装有 umockdev 时构建）。"},
    [MSG_BAD_CLOCK] = {"ukey-sim: \"{1}\" is not a time like 2026-01-31T12:00:00+08:00.",
                       "ukey-sim：“{1}”不是形如 2026-01-31T12:00:00+08:00 的时间。"},
};

void messages_init(void) {
    static const char *const variables[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = getenv(variables[i]);
        if (value && *value) {
            chinese = strncmp(value, "zh", 2) == 0;
            return;
        }
    }
}

void message_print(FILE *out, enum message message, const char *a, const char *b) {
    const char *text = chinese ? texts[message].zh : texts[message].en;
    for (const char *p = text; *p; p++) {
        bool first = strncmp(p, "{1}", 3) == 0, second = strncmp(p, "{2}", 3) == 0;
        if (!first && !second) {
            fputc(*p, out);
            continue;
        }
        const char *value = first ? a : b;
        fputs(value ? value : "", out);
        p += 2;
    }
    fputc('\n', out);
}
