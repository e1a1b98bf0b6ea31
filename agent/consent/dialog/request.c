/* Reading the request: unknown members and wrong types are refused, so that nothing is asked that is not shown. */
#include "agent/consent/dialog/request.h"

#include <stdio.h>
#include <string.h>

#include "agent/consent/consent.h"
#include "agent/http/json.h"

/* The string `name` of `object`, or NULL; *bad is set when it is there with another type. */
static const char *text_member(const json_t *object, const char *name, bool *bad) {
    const json_t *value = json_object_get(object, name);
    if (!value)
        return NULL;
    if (!json_is_string(value))
        *bad = true;
    return json_string_value(value);
}

static bool fields_are_good(const json_t *fields) {
    static const char *const members[] = {"label", "value", NULL};
    size_t i;
    json_t *field;
    json_array_foreach(fields, i, field) {
        if (!json_is_object(field) || !json_members_are(field, members, NULL) ||
            !json_is_string(json_object_get(field, "label")) ||
            !json_is_string(json_object_get(field, "value")))
            return false;
    }
    return true;
}

/* Choices are a subset of "once", "always" and "never". */
static bool read_choices(const json_t *choices, bool *may_remember) {
    size_t i;
    json_t *choice;
    if (!choices)
        return true;
    if (!json_is_array(choices))
        return false;
    json_array_foreach(choices, i, choice) {
        const char *name = json_string_value(choice);
        if (!name || (strcmp(name, "once") != 0 && strcmp(name, "always") != 0 &&
                      strcmp(name, "never") != 0))
            return false;
        if (strcmp(name, "always") == 0)
            *may_remember = true;
    }
    return true;
}

static bool kind_is_known(const char *kind) {
    static const char *const kinds[] = {"pairing", "statement", "login",   "confirm", "document",
                                        "batch",   "stamp",     "decrypt", "raw"};
    for (size_t i = 0; kind && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kind, kinds[i]) == 0)
            return true;
    }
    return false;
}

static bool usage_is_known(const char *usage) {
    return strcmp(usage, "sign") == 0 || strcmp(usage, "encrypt") == 0 ||
           strcmp(usage, "both") == 0;
}

bool dialog_request_read(const char *text, size_t len, struct dialog_request *request, char *error,
                         size_t error_size) {
    static const char *const members[] = {"kind",    "lang",        "origin",  "title",
                                          "message", "token",       "fields",  "agree",
                                          "refuse",  "certificate", "choices", NULL};
    static const char *const certificate_members[] = {"subject",  "issuer", "notAfter",
                                                      "daysLeft", "usage",  NULL};
    static const char *const token_members[] = {"label", "serial", NULL};
    *request = (struct dialog_request){0};
    if (len > CONSENT_REQUEST_MAX) {
        snprintf(error, error_size, "the request is too long");
        return false;
    }
    json_t *document = json_parse_strict(text, len, error, error_size);
    if (!document)
        return false;
    request->document = document;
    const char *unknown = NULL, *wrong = NULL;
    bool bad = false;
    const json_t *certificate = json_object_get(document, "certificate");
    const json_t *token = json_object_get(document, "token");
    const char *lang = text_member(document, "lang", &bad);
    request->chinese = !lang || strncmp(lang, "zh", 2) == 0;
    request->kind = text_member(document, "kind", &bad);
    request->origin = text_member(document, "origin", &bad);
    request->title = text_member(document, "title", &bad);
    request->message = text_member(document, "message", &bad);
    request->agree = text_member(document, "agree", &bad);
    request->refuse = text_member(document, "refuse", &bad);
    request->subject = text_member(certificate, "subject", &bad);
    request->issuer = text_member(certificate, "issuer", &bad);
    request->not_after = text_member(certificate, "notAfter", &bad);
    request->usage = text_member(certificate, "usage", &bad);
    const json_t *days = json_object_get(certificate, "daysLeft");
    request->has_days_left = days != NULL;
    request->days_left = json_integer_value(days);
    bad |= days && !json_is_integer(days);
    request->token_label = text_member(token, "label", &bad);
    request->token_serial = text_member(token, "serial", &bad);
    request->fields = json_object_get(document, "fields");
    if (!request->fields) {
        request->fields = json_array();
        if (!request->fields || json_object_set_new(document, "fields", request->fields) != 0)
            bad = true;
    }
    if (!json_members_are(document, members, &unknown) ||
        (certificate && !json_members_are(certificate, certificate_members, &unknown)) ||
        (token && !json_members_are(token, token_members, &unknown)))
        wrong = unknown ? unknown : "certificate or token";
    else if (bad)
        wrong = "a member's type";
    else if (!kind_is_known(request->kind))
        wrong = "kind";
    else if (request->usage && !usage_is_known(request->usage))
        wrong = "usage";
    else if (!request->origin || !*request->origin)
        wrong = "origin";
    else if (!request->title || !*request->title)
        wrong = "title";
    else if (!json_is_array(request->fields) || !fields_are_good(request->fields))
        wrong = "fields";
    else if (!read_choices(json_object_get(document, "choices"), &request->may_remember))
        wrong = "choices";
    if (wrong) {
        snprintf(error, error_size, "bad request: %s", wrong);
        dialog_request_free(request);
        return false;
    }
    return true;
}

void dialog_request_free(struct dialog_request *request) {
    json_decref(request->document);
    *request = (struct dialog_request){0};
}
