/* Problem documents (RFC 9457), and those that the plumbing itself makes. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/http/http.h"

static const struct {
    int status;
    const char *code;
    const char *title[2];
    const char *detail[2];
} standard[] = {
    [HTTP_PROBLEM_BAD_REQUEST] = {400,
                                  "BAD_REQUEST",
                                  {"请求有误", "Bad request"},
                                  {"请求的内容无法识别。", "The request cannot be understood."}},
    [HTTP_PROBLEM_NOT_FOUND] = {404,
                                "NOT_FOUND",
                                {"未找到", "Not found"},
                                {"没有这个地址。", "There is nothing at this address."}},
    [HTTP_PROBLEM_METHOD_NOT_ALLOWED] = {405,
                                         "METHOD_NOT_ALLOWED",
                                         {"方法不允许", "Method not allowed"},
                                         {"这个地址不接受该请求方法。",
                                          "This address does not take that method."}},
    [HTTP_PROBLEM_BODY_TOO_LARGE] = {413,
                                     "BODY_TOO_LARGE",
                                     {"请求内容过大", "Body too large"},
                                     {"请求内容超过了上限。",
                                      "The request body exceeds the limit."}},
    [HTTP_PROBLEM_UNSUPPORTED_MEDIA_TYPE] = {415,
                                             "UNSUPPORTED_MEDIA_TYPE",
                                             {"内容类型不支持", "Unsupported media type"},
                                             {"请求内容必须是 application/json。",
                                              "The request body must be application/json."}},
    [HTTP_PROBLEM_INTERNAL] = {500,
                               "INTERNAL",
                               {"内部错误", "Internal error"},
                               {"程序内部出错，请稍后重试。",
                                "Something went wrong inside. Please try again."}},
};

json_t *http_problem_json(const struct http_problem *problem, json_t *extra) {
    char type[96] = "urn:openukey:problem:";
    size_t len = strlen(type);
    for (const char *c = problem->code; *c != 0 && len + 1 < sizeof(type); c++) {
        type[len++] = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
    }
    type[len] = 0;
    json_t *document =
        json_pack("{s:s, s:s, s:i, s:s, s:b}", "type", type, "title", problem->title, "status",
                  problem->status, "code", problem->code, "retryable", problem->retryable);
    if (document != NULL && problem->detail != NULL) {
        json_object_set_new(document, "detail", json_string(problem->detail));
    }
    if (document != NULL && extra != NULL) {
        json_object_update_missing(document, extra);
    }
    json_decref(extra);
    return document;
}

void http_respond_standard_problem(struct http_request *request, enum http_standard_problem problem,
                                   const char *detail) {
    int language = http_request_language(request) == HTTP_LANGUAGE_ZH ? 0 : 1;
    struct http_problem document = {.status = standard[problem].status,
                                    .code = standard[problem].code,
                                    .title = standard[problem].title[language],
                                    .detail = detail != NULL ? detail
                                                             : standard[problem].detail[language],
                                    .retryable = problem == HTTP_PROBLEM_INTERNAL};
    http_respond_problem(request, &document, NULL);
}
