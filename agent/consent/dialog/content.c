/* The order of what is shown, and our words for certificate and key: the same in the window and on the terminal. */
#include "agent/consent/dialog/content.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/consent/dialog/texts.h"

/* One pair, its value made of two texts and what stands between them. */
static bool joined(dialog_content_pair *pair, void *context, const char *label, const char *first,
                   const char *between, const char *second) {
    char *value = NULL;
    if (asprintf(&value, "%s%s%s", first ? first : "", between, second ? second : "") < 0)
        return false;
    pair(context, 0, label, *value ? value : "—");
    free(value);
    return true;
}

/* How far away the certificate's last day is. */
static const char *days_left(const struct dialog_request *request, char text[80]) {
    if (!request->has_days_left)
        return "";
    if (request->days_left <= 0)
        return dialog_text(request->days_left == 0 ? TEXT_LAST_DAY : TEXT_EXPIRED,
                           request->chinese);
    const char *words = dialog_text(TEXT_DAYS_LEFT, request->chinese);
    size_t before = strcspn(words, "#");
    snprintf(text, 80, "%.*s%lld%s", (int)before, words, (long long)request->days_left,
             words + before + 1);
    return text;
}

static const char *usage_word(const struct dialog_request *request) {
    enum dialog_text word = strcmp(request->usage, "sign") == 0      ? TEXT_USAGE_SIGN
                            : strcmp(request->usage, "encrypt") == 0 ? TEXT_USAGE_ENCRYPT
                                                                     : TEXT_USAGE_BOTH;
    return dialog_text(word, request->chinese);
}

bool dialog_content_each(const struct dialog_request *request, dialog_content_pair *pair,
                         void *context) {
    const bool chinese = request->chinese;
    char left[80];
    size_t i;
    json_t *field;
    json_array_foreach(request->fields, i, field) {
        const char *value = json_string_value(json_object_get(field, "value"));
        pair(context, i + 1, json_string_value(json_object_get(field, "label")),
             *value ? value : "—");
    }
    bool is_whole = true;
    if (request->subject)
        is_whole &= joined(pair, context, dialog_text(TEXT_CERTIFICATE, chinese), request->subject,
                           "", NULL);
    if (request->issuer)
        is_whole &=
            joined(pair, context, dialog_text(TEXT_ISSUER, chinese), request->issuer, "", NULL);
    if (request->usage)
        is_whole &= joined(pair, context, dialog_text(TEXT_USAGE_OF, chinese), usage_word(request),
                           "", NULL);
    if (request->not_after)
        is_whole &= joined(pair, context, dialog_text(TEXT_NOT_AFTER, chinese), request->not_after,
                           "", days_left(request, left));
    if (request->token_label || request->token_serial)
        is_whole &= joined(pair, context, dialog_text(TEXT_TOKEN, chinese), request->token_label,
                           "  ", request->token_serial);
    return is_whole;
}

bool dialog_content_is_there(const struct dialog_request *request) {
    return json_array_size(request->fields) > 0 || request->subject || request->issuer ||
           request->usage || request->not_after || request->token_label || request->token_serial;
}
