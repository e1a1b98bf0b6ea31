/* One user of the reader that reads its commands from a file. */
#include "firmware-sim/ports/replay.h"

#include <stdlib.h>
#include <string.h>

static struct replay *replay_of(struct reader_user *user) {
    return (struct replay *)(void *)user;
}

/* The text behind "name": in a line of a trace; NULL if there is none. */
static const char *member(const char *line, const char *name) {
    char wanted[32];
    snprintf(wanted, sizeof wanted, "\"%s\":", name);
    const char *at = strstr(line, wanted);
    return at ? at + strlen(wanted) : NULL;
}

static bool is_true(const char *line, const char *name) {
    const char *at = member(line, name);
    return at && strncmp(at, "true", 4) == 0;
}

/* A string of hexadecimal digits into bytes; false if it is none. */
static bool read_hex(const char *line, const char *name, uint8_t *out, size_t max, size_t *len) {
    const char *at = member(line, name);
    *len = 0;
    if (!at || *at++ != '"')
        return false;
    for (; *at != '"'; at += 2) {
        char pair[3] = {at[0], at[0] ? at[1] : '\0', '\0'}, *end;
        unsigned long byte = strtoul(pair, &end, 16);
        if (*len == max || end != pair + 2)
            return false;
        out[(*len)++] = (uint8_t)byte;
    }
    return true;
}

/* The next command that can be sent. False at the end of the file. */
static bool next_command(struct replay *replay) {
    size_t sw_len;
    while (getline(&replay->text, &replay->text_size, replay->file) > 0) {
        const char *line = replay->text;
        replay->line++;
        if (!read_hex(line, "command", replay->command, REPLAY_BYTES, &replay->command_len) ||
            replay->command_len == 0 ||
            !read_hex(line, "response", replay->response, REPLAY_BYTES - 2,
                      &replay->response_len) ||
            !read_hex(line, "sw", replay->response + replay->response_len, 2, &sw_len))
            continue; /* no line of a trace */
        replay->response_len += sw_len;
        replay->response_redacted = is_true(line, "responseRedacted");
        if (!is_true(line, "commandRedacted"))
            return true;
        replay->result.redacted++;
    }
    return false;
}

void replay_stop(struct replay *replay) {
    if (!replay->file)
        return;
    fclose(replay->file);
    free(replay->text);
    replay->file = NULL;
    replay->text = NULL;
    replay->text_size = 0;
    reader_detach(&replay->user);
}

static void end(struct replay *replay, bool lost) {
    replay->result.lost = lost;
    replay_stop(replay);
    replay->finished(replay->ctx, &replay->result);
}

static void send_commands(struct replay *replay) {
    do {
        if (!next_command(replay)) {
            reader_end(&replay->user);
            end(replay, false);
            return;
        }
        replay->result.sent++;
        replay->sending = true;
        replay->answered = false;
        reader_transmit(&replay->user, replay->command, replay->command_len);
        replay->sending = false;
    } while (replay->file && replay->answered);
}

static void compare(struct replay *replay, const uint8_t *response, size_t len) {
    size_t expected = replay->response_len;
    bool same_status =
        len >= 2 && memcmp(response + len - 2, replay->response + expected - 2, 2) == 0;
    if (!same_status) {
        replay->result.other_status++;
        if (!replay->result.first_other)
            replay->result.first_other = replay->line;
    } else if (!replay->response_redacted &&
               (len != expected || memcmp(response, replay->response, len) != 0)) {
        replay->result.other_data++;
    }
}

static void on_begun(struct reader_user *user, bool foreign) {
    (void)foreign;
    reader_reset(user);
    send_commands(replay_of(user));
}

static void on_answered(struct reader_user *user, const uint8_t *response, size_t len) {
    struct replay *replay = replay_of(user);
    compare(replay, response, len);
    replay->answered = true;
    if (!replay->sending)
        send_commands(replay);
}

static void on_refused(struct reader_user *user, enum simlink_error why) {
    (void)why;
    end(replay_of(user), true);
}

static void on_lost(struct reader_user *user) {
    end(replay_of(user), true);
}

static void on_changed(struct reader_user *user) {
    struct replay *replay = replay_of(user);
    if (replay->file && !user->reader->present)
        end(replay, true);
}

bool replay_start(struct replay *replay, struct reader *reader, const char *path,
                  void (*finished)(void *, const struct replay_result *), void *ctx) {
    static const struct reader_user_ops ops = {on_begun, on_refused, on_answered, on_lost,
                                               on_changed};
    replay->file = fopen(path, "re");
    if (!replay->file)
        return false;
    replay->line = 0;
    replay->result = (struct replay_result){0};
    replay->finished = finished;
    replay->ctx = ctx;
    replay->user.ops = &ops;
    replay->user.port = "replay";
    reader_attach(reader, &replay->user);
    reader_begin(&replay->user, READER_WAIT_FOREVER);
    return true;
}
