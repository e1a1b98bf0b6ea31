/* See http_post.h. */
#include "tools/orderd/third/http_post.h"

#include <curl/curl.h>

/* The answer's body is not wanted. */
static size_t ignore(char *data, size_t size, size_t count, void *context) {
    (void)data;
    (void)context;
    return size * count;
}

long http_post(const struct http_post *post) {
    long status = 0;
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (headers != NULL && post->header != NULL) {
        struct curl_slist *more = curl_slist_append(headers, post->header);
        headers = more != NULL ? more : headers;
    }
    if (curl != NULL && headers != NULL) {
        curl_easy_setopt(curl, CURLOPT_URL, post->url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post->body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)post->len);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, post->timeout_ms);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
        if (post->ca != NULL) {
            curl_easy_setopt(curl, CURLOPT_CAINFO, post->ca);
        }
        if (curl_easy_perform(curl) == CURLE_OK) {
            curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        }
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
}
