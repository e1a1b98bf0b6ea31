/* The simulated payment provider's page. It plays a third party: it knows payments, not orders or sessions. */
#include "tools/orderd/api/service.h"
#include "tools/orderd/text.h"

#include <stdio.h>
#include <string.h>

enum { SETTLE_WAIT_MS = 5000, PAGE_SIZE = 4096, ESCAPED_SIZE = 800 };

static const char pay_policy[] =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'";

/* Text for HTML; what does not fit is left out. */
static void escape(const char *text, char out[ESCAPED_SIZE]) {
    size_t len = 0;
    for (; *text != '\0' && len + 8 < ESCAPED_SIZE; text++) {
        switch (*text) {
        case '<':
            len += (size_t)snprintf(out + len, ESCAPED_SIZE - len, "&lt;");
            break;
        case '>':
            len += (size_t)snprintf(out + len, ESCAPED_SIZE - len, "&gt;");
            break;
        case '&':
            len += (size_t)snprintf(out + len, ESCAPED_SIZE - len, "&amp;");
            break;
        case '"':
            len += (size_t)snprintf(out + len, ESCAPED_SIZE - len, "&quot;");
            break;
        default:
            out[len++] = *text;
        }
    }
    out[len] = '\0';
}

static void respond_pay_page(struct http_request *request, enum language language, const char *id,
                             const struct payment_sim_view *view) {
    char page[PAGE_SIZE];
    char title[ESCAPED_SIZE];
    char yuan[24];
    char action[600];
    escape(view->title, title);
    text_yuan(view->amount_fen, yuan);
    if (strcmp(view->state, "WAITING") == 0) {
        snprintf(action, sizeof action,
                 "<form method=\"post\" action=\"/sim/pay/%s/settle\"><button id=\"settle\" "
                 "class=\"primary\">%s</button></form>",
                 id, text_get(TEXT_PAY_BUTTON, language));
    } else {
        snprintf(action, sizeof action, "<p id=\"settled\" role=\"status\">%s</p>",
                 text_get(TEXT_PAY_DONE, language));
    }
    int len = snprintf(
        page, sizeof page,
        "<!doctype html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width, initial-scale=1\"><title>%s</title><link rel=\"stylesheet\" "
        "href=\"/style.css\"></head><body><main id=\"main\" class=\"page\"><h1>%s</h1><p "
        "class=\"hint\">%s</p><dl class=\"facts\"><dt>%s</dt><dd>%s</dd><dt>%s</dt><dd "
        "id=\"amount\">%s</dd></dl>%s</main></body></html>\n",
        language_tag(language), text_get(TEXT_PAY_TITLE, language),
        text_get(TEXT_PAY_TITLE, language), text_get(TEXT_PAY_NOTE, language), view->channel, title,
        text_get(TEXT_PAY_AMOUNT, language), yuan, action);
    http_response_header(request, "Content-Security-Policy", pay_policy);
    http_respond(request, 200, "text/html; charset=utf-8", page,
                 len > 0 && (size_t)len < sizeof page ? (size_t)len : strlen(page));
}

static void show(struct http_request *request) {
    struct call call;
    struct payment_sim_view view;
    const char *id = http_request_param(request, "id");
    if (!call_begin(&call, request, CALL_ANYBODY)) {
        return;
    }
    enum order_error error = payment_sim_show(call.db, id, &view);
    if (error != ORDER_OK) {
        call_end(&call, error, 0, NULL);
        return;
    }
    db_pool_give(call.service->pool, call.db);
    json_decref(call.extra);
    respond_pay_page(request, call.caller.language, id, &view);
}

static void settle(struct http_request *request) {
    struct call call;
    struct payment_sim_view view;
    const char *id = http_request_param(request, "id");
    if (!call_begin(&call, request, CALL_ANYBODY)) {
        return;
    }
    struct service *service = call.service;
    enum order_error error = payment_sim_settle(call.db, id, engine_now_ms(&service->engine));
    if (error == ORDER_OK) {
        error = payment_sim_show(call.db, id, &view);
    }
    if (error != ORDER_OK) {
        call_end(&call, error, 0, NULL);
        return;
    }
    /* the connection is free while the callback runs */
    db_pool_give(service->pool, call.db);
    call.db = NULL;
    json_decref(call.extra);
    bool told = worker_wait_settled(service->worker, id, SETTLE_WAIT_MS);
    const char *accept = http_request_header(request, "Accept");
    if (accept != NULL && strstr(accept, "text/html") != NULL) {
        respond_pay_page(request, call.caller.language, id, &view);
    } else {
        http_respond_json(
            request, told ? 200 : 202,
            json_pack("{s:s,s:s,s:b}", "id", id, "state", view.state, "told", (int)told));
    }
}

const struct http_route api_sim_routes[] = {
    {"GET", "/sim/pay/{id}", show, HTTP_BODY_NONE, 0, 0},
    {"POST", "/sim/pay/{id}/settle", settle, HTTP_BODY_RAW, 4096, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
