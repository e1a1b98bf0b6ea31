/* The portal's pages and the SDK: embedded files, under a policy that lets them talk to this service and to the local agent only. */
#include "tools/orderd/api/service.h"

#include <stdio.h>
#include <string.h>

/* The agent's ports (design: agent.md); fetch over https, events over wss. */
static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self' https://localhost:24317 https://localhost:24318 https://localhost:24319 "
    "https://localhost:24320 wss://localhost:24317 wss://localhost:24318 wss://localhost:24319 "
    "wss://localhost:24320; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

extern const struct http_asset orderd_web_assets[];
extern const struct http_asset orderd_sdk_assets[];

static void respond_page(struct http_request *request, const struct http_asset *table,
                         const char *path) {
    http_response_header(request, "Content-Security-Policy", page_policy);
    http_response_header(request, "Referrer-Policy", "no-referrer");
    http_response_header(request, "Cache-Control", "no-cache");
    http_respond_asset(request, table, path);
}

static void home(struct http_request *request) {
    respond_page(request, orderd_web_assets, "/index.html");
}

static void renew(struct http_request *request) {
    respond_page(request, orderd_web_assets, "/renew.html");
}

static void sdk(struct http_request *request) {
    char path[80];
    const char *name = http_request_param(request, "name");
    int len = snprintf(path, sizeof path, "/%s", name);
    if (len < 0 || (size_t)len >= sizeof path) {
        respond_error(request, ORDER_NOT_FOUND, NULL);
        return;
    }
    respond_page(request, orderd_sdk_assets, path);
}

static void file(struct http_request *request) {
    char path[80];
    const char *name = http_request_param(request, "name");
    int len = snprintf(path, sizeof path, "/%s", name);
    if (len < 0 || (size_t)len >= sizeof path) {
        respond_error(request, ORDER_NOT_FOUND, NULL);
        return;
    }
    respond_page(request, orderd_web_assets, path);
}

const struct http_route api_page_routes[] = {
    {"GET", "/", home, HTTP_BODY_NONE, 0, 0},
    {"GET", "/renew", renew, HTTP_BODY_NONE, 0, 0},
    {"GET", "/sdk/{name}", sdk, HTTP_BODY_NONE, 0, 0},
    {"GET", "/{name}", file, HTTP_BODY_NONE, 0, 0},
    {NULL, NULL, NULL, HTTP_BODY_NONE, 0, 0},
};
