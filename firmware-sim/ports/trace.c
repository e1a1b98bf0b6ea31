/* JSON lines; every line is complete in the file when it is written. */
#include "firmware-sim/ports/trace.h"

#include <inttypes.h>
#include <openukey/apdu.h>

void trace_close(struct trace *trace) {
    if (trace->file)
        fclose(trace->file);
    trace->file = NULL;
}

bool trace_open(struct trace *trace, const char *path) {
    trace_close(trace);
    trace->file = fopen(path, "ae");
    return trace->file != NULL;
}

/* Commands whose data says something about a PIN or a key. */
static bool command_is_secret(uint8_t ins) {
    static const uint8_t secret[] = {
        INS_DEV_AUTH,     INS_CHANGE_DEV_AUTH_KEY, INS_CHANGE_PIN,      INS_VERIFY_PIN,
        INS_UNBLOCK_PIN,  INS_CREATE_APPLICATION,  INS_IMPORT_SYMM_KEY, INS_VENDOR_UNLOCK_CHALLENGE,
        INS_VENDOR_UNLOCK};
    for (size_t i = 0; i < sizeof secret; i++)
        if (secret[i] == ins)
            return true;
    return false;
}

/* Commands whose answer is plain text that was secret. */
static bool response_is_secret(uint8_t ins) {
    return ins == INS_VENDOR_SM2_DECRYPT || ins == INS_VENDOR_RSA_PRIVATE;
}

static void put_hex(FILE *file, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++)
        fprintf(file, "%02x", bytes[i]);
}

void trace_apdu(struct trace *trace, const char *port, const uint8_t *command, size_t command_len,
                const uint8_t *response, size_t response_len, uint64_t usec) {
    if (!trace->file)
        return;
    uint8_t ins = command_len > 1 ? command[1] : 0;
    bool hide_command = command_is_secret(ins) && command_len > 4;
    bool hide_response = response_is_secret(ins) && response_len > 2;
    FILE *file = trace->file;
    char time[CLOCK_TEXT_SIZE];
    clock_text(trace->clock, time);
    fprintf(file, "{\"time\":\"%s\",", time);
    fprintf(file, "\"port\":\"%s\",\"ins\":\"%02x\",\"us\":%" PRIu64 ",\"command\":\"", port, ins,
            usec);
    put_hex(file, command, hide_command ? 4 : command_len);
    fprintf(file, "\",\"commandRedacted\":%s,\"response\":\"", hide_command ? "true" : "false");
    put_hex(file, response, hide_response ? 0 : response_len - 2);
    fprintf(file, "\",\"responseRedacted\":%s,\"sw\":\"", hide_response ? "true" : "false");
    put_hex(file, response + response_len - 2, 2);
    fputs("\"}\n", file);
    fflush(file);
}
