/* A PC/SC program for the benchmarks: sends commands to the one card that its pcscd has, and measures how often a second.
 *
 * Prints "ready" when the card is there. Then a line a request, a line an answer, "error ..." if it failed:
 *     send HEX              the answer in hexadecimal
 *     rate SECONDS HEX ...  how often a second the commands, one after another, were answered with 9000 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <winscard.h>

enum { APDU_MAX = 8192, COMMANDS_MAX = 4, LINE_MAX = 2 * COMMANDS_MAX * APDU_MAX, WAIT_MS = 30000 };

struct apdu {
    uint8_t bytes[APDU_MAX];
    DWORD len;
};

static SCARDHANDLE card;
static DWORD protocol;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The first reader with a card in it. */
static bool find(SCARDCONTEXT context, char *reader, size_t size) {
    const double until = now() + WAIT_MS / 1000.0;
    while (now() < until) {
        char names[1024];
        DWORD len = sizeof names;
        SCARD_READERSTATE state = {.szReader = "\\\\?PnP?\\Notification",
                                   .dwCurrentState = SCARD_STATE_UNAWARE};
        LONG listed = SCardListReaders(context, NULL, names, &len);
        for (const char *name = names; listed == SCARD_S_SUCCESS && *name;
             name += strlen(name) + 1) {
            SCARD_READERSTATE one = {.szReader = name};
            if (SCardGetStatusChange(context, 0, &one, 1) == SCARD_S_SUCCESS &&
                one.dwEventState & SCARD_STATE_PRESENT &&
                (size_t)snprintf(reader, size, "%s", name) < size)
                return true;
        }
        SCardGetStatusChange(context, 50, &state, 1); /* until something changes, or soon */
    }
    return false;
}

/* Takes the next word of the line as a command. */
static bool take(char **line, struct apdu *apdu) {
    const char *word = strtok_r(NULL, " \n", line);
    size_t len = word ? strlen(word) : 0;
    if (len < 8 || len % 2 || len / 2 > APDU_MAX)
        return false;
    for (apdu->len = 0; apdu->len < len / 2; apdu->len++) {
        const char digits[3] = {word[2 * apdu->len], word[2 * apdu->len + 1]};
        char *end;
        apdu->bytes[apdu->len] = (uint8_t)strtoul(digits, &end, 16);
        if (*end)
            return false;
    }
    return true;
}

static LONG transmit(const struct apdu *command, struct apdu *answer) {
    SCARD_IO_REQUEST io = {.dwProtocol = protocol, .cbPciLength = sizeof io};
    answer->len = sizeof answer->bytes;
    return SCardTransmit(card, &io, command->bytes, command->len, NULL, answer->bytes,
                         &answer->len);
}

static void do_send(char **line) {
    static struct apdu command, answer;
    LONG failed;
    if (!take(line, &command)) {
        puts("error command");
    } else if ((failed = transmit(&command, &answer)) != SCARD_S_SUCCESS) {
        printf("error %s\n", pcsc_stringify_error(failed));
    } else {
        for (DWORD i = 0; i < answer.len; i++)
            printf("%02x", answer.bytes[i]);
        puts("");
    }
}

/* Once through the commands; false if an answer is another than 9000. */
static bool all_answered(const struct apdu *commands, unsigned count) {
    static struct apdu answer;
    for (unsigned i = 0; i < count; i++)
        if (transmit(&commands[i], &answer) != SCARD_S_SUCCESS || answer.len < 2 ||
            answer.bytes[answer.len - 2] != 0x90 || answer.bytes[answer.len - 1] != 0)
            return false;
    return true;
}

static void do_rate(char **line) {
    static struct apdu commands[COMMANDS_MAX];
    const char *word = strtok_r(NULL, " \n", line);
    const double seconds = word ? strtod(word, NULL) : 0;
    unsigned count = 0;
    unsigned long done = 0;
    bool good = true;
    while (count < COMMANDS_MAX && take(line, &commands[count]))
        count++;
    if (seconds <= 0 || count == 0) {
        puts("error request");
        return;
    }
    const double began = now();
    do {
        good = all_answered(commands, count);
        done++;
    } while (good && now() < began + seconds);
    if (good)
        printf("%.3f\n", (double)done / (now() - began));
    else
        puts("error answer");
}

int main(void) {
    static char line[LINE_MAX];
    char reader[256];
    SCARDCONTEXT context;
    LONG failed = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);
    if (failed == SCARD_S_SUCCESS && !find(context, reader, sizeof reader))
        failed = SCARD_E_NO_SMARTCARD;
    if (failed == SCARD_S_SUCCESS)
        failed = SCardConnect(context, reader, SCARD_SHARE_EXCLUSIVE,
                              SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card, &protocol);
    if (failed != SCARD_S_SUCCESS) {
        fprintf(stderr, "ukey-pcsc-wire: %s\n", pcsc_stringify_error(failed));
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        char *rest = NULL;
        const char *verb = strtok_r(line, " \n", &rest);
        if (verb && strcmp(verb, "send") == 0)
            do_send(&rest);
        else if (verb && strcmp(verb, "rate") == 0)
            do_rate(&rest);
        else
            puts("error verb");
        fflush(stdout);
    }
    SCardDisconnect(card, SCARD_RESET_CARD);
    SCardReleaseContext(context);
    return 0;
}
