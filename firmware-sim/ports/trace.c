/* JSON lines; every line is complete in the file when it is written. */
#include "firmware-sim/ports/trace.h"

#include <inttypes.h>
#include <openukey/apdu.h>
#include <openukey/piv.h>

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

static bool is_one_of(const uint8_t *list, size_t count, uint8_t ins) {
    for (size_t i = 0; i < count; i++)
        if (list[i] == ins)
            return true;
    return false;
}

/* The class without the bit of chained parts; interindustry: PIV's, and GET RESPONSE. */
static bool is_interindustry(const uint8_t *command) {
    return (command[0] & ~0x10) == 0;
}

/* Commands whose data says something about a PIN or a key, or is text to be enciphered. */
static bool command_is_secret(const uint8_t *command) {
    static const uint8_t gm[] = {INS_DEV_AUTH,          INS_CHANGE_DEV_AUTH_KEY,
                                 INS_CHANGE_PIN,        INS_VERIFY_PIN,
                                 INS_UNBLOCK_PIN,       INS_CREATE_APPLICATION,
                                 INS_IMPORT_SYMM_KEY,   INS_VENDOR_UNLOCK_CHALLENGE,
                                 INS_VENDOR_UNLOCK,     INS_VENDOR_SET_UNLOCK_KEY,
                                 INS_EXT_RSA_OPERATION, INS_EXT_ECC_ENCRYPT,
                                 INS_EXT_ECC_DECRYPT,   INS_EXT_ECC_SIGN,
                                 INS_ENCRYPT,           INS_ENCRYPT_UPDATE,
                                 INS_ENCRYPT_FINAL};
    static const uint8_t piv[] = {PIV_VERIFY, PIV_CHANGE_REFERENCE_DATA, PIV_RESET_RETRY_COUNTER,
                                  PIV_IMPORT_KEY, PIV_SET_MANAGEMENT_KEY};
    return is_interindustry(command) ? is_one_of(piv, sizeof piv, command[1])
                                     : is_one_of(gm, sizeof gm, command[1]);
}

/* Commands whose answer is plain text that was secret, or may be the rest of one. */
static bool response_is_secret(const uint8_t *command) {
    enum { GET_RESPONSE = 0xC0 };
    static const uint8_t gm[] = {
        INS_VENDOR_SM2_DECRYPT, INS_VENDOR_RSA_PRIVATE, INS_GEN_EXT_RSA_KEY, INS_RSA_OPERATION,
        INS_EXT_RSA_OPERATION,  INS_EXT_ECC_DECRYPT,    INS_DECRYPT,         INS_DECRYPT_UPDATE,
        INS_DECRYPT_FINAL};
    static const uint8_t piv[] = {PIV_GENERAL_AUTHENTICATE, GET_RESPONSE};
    return is_interindustry(command) ? is_one_of(piv, sizeof piv, command[1])
                                     : is_one_of(gm, sizeof gm, command[1]);
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
    bool hide_command = command_len > 4 && command_is_secret(command);
    bool hide_response = command_len > 1 && response_is_secret(command) && response_len > 2;
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
